"""Few balances that stand for many: Gauss rules of a segment's balance distribution."""

import numpy as np

from pricing.canonical import FloatArray, IntArray


def gauss_nodes(balance: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
    """k-point Gauss rule: sum of weight * node**r is exact for r = 0..2k-1.

    Discrete Stieltjes / Lanczos: Golub & Welsch (1969), Calculation of Gauss quadrature rules.
    """
    distinct = np.unique(balance)
    if len(distinct) <= k:
        return distinct, np.array([(balance == value).sum() for value in distinct], np.float64)
    scale = float(balance.mean())
    x = balance / scale
    previous, current = np.zeros(len(x)), np.full(len(x), 1 / np.sqrt(len(x)))
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(k):
        diagonal.append(float(current @ (x * current)))
        rest = (x - diagonal[-1]) * current - (beside[-1] * previous if beside else 0.0)
        beside.append(float(np.sqrt(rest @ rest)))
        previous, current = current, rest / beside[-1]
    jacobi = np.diag(diagonal) + np.diag(beside[: k - 1], 1) + np.diag(beside[: k - 1], -1)
    values, vectors = np.linalg.eigh(jacobi)
    return values * scale, len(x) * vectors[0] ** 2


def integer_nodes(balance: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
    """Nodes with whole counts for the binomials: count and total balance exact."""
    node, weight = gauss_nodes(balance, k)
    count = np.maximum(np.rint(weight), 1)
    count[np.argmax(count)] += len(balance) - count.sum()
    return node * (balance.sum() / (node @ count)), count.astype(np.int64)
