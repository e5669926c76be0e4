"""Few balances that stand for many: Gauss rules of a segment's balance distribution."""

import numpy as np

from pricing.canonical import FloatArray, IntArray


def gauss_nodes(
    balance: FloatArray, k: int, share: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """k-point Gauss rule: sum of weight * node**r is exact for r = 0..2k-1.

    share: how much each balance counts, default 1. Discrete Stieltjes / Lanczos: Golub & Welsch
    (1969), Calculation of Gauss quadrature rules.
    """
    share = np.ones_like(balance) if share is None else share
    distinct = np.unique(balance)
    if len(distinct) <= k:
        return distinct, np.array([share[balance == value].sum() for value in distinct])
    scale, whole = float(balance.mean()), float(share.sum())
    x = balance / scale
    previous, current = np.zeros(len(x)), np.sqrt(share / whole)
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(k):
        diagonal.append(float(current @ (x * current)))
        rest = (x - diagonal[-1]) * current - (beside[-1] * previous if beside else 0.0)
        beside.append(float(np.sqrt(rest @ rest)))
        previous, current = current, rest / beside[-1]
    jacobi = np.diag(diagonal) + np.diag(beside[: k - 1], 1) + np.diag(beside[: k - 1], -1)
    values, vectors = np.linalg.eigh(jacobi)
    return values * scale, whole * vectors[0] ** 2


def integer_nodes(
    balance: FloatArray, k: int, share: FloatArray | None = None
) -> tuple[FloatArray, IntArray]:
    """Nodes with whole counts for the binomials: count (the shares' sum, rounded) and total
    balance exact."""
    node, weight = gauss_nodes(balance, k, share)
    count = np.maximum(np.rint(weight), 1)
    count[np.argmax(count)] += max(np.rint(weight.sum()), len(node)) - count.sum()
    return node * (balance.sum() / (node @ count)), count.astype(np.int64)
