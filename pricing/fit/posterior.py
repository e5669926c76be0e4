"""Log-rates with a normal prior after Poisson counts."""

from dataclasses import dataclass

import numpy as np

from pricing.canonical import FloatArray, IntArray

ROUNDS = 100
SETTLED_AT = 1e-9
LONGEST_STEP = 1.0  # of any log-rate in one round: Newton's first step may go far


@dataclass(frozen=True)
class Normal:
    """mean (q,), covariance (q, q)."""

    mean: FloatArray
    covariance: FloatArray


@dataclass(frozen=True)
class Counts:
    """observed, expected: (n,) events and what was expected at log-rate 0; expected above 0.
    loads: (n, k) the parameters whose sum is the log-rate of each."""

    observed: FloatArray
    expected: FloatArray
    loads: IntArray


def poisson_posterior(prior: Normal, counts: Counts) -> Normal:
    """The normal law nearest to the posterior (variational approximation, Opper & Archambeau 2009).

    With s2 the posterior variance of a log-rate m, events come at rate expected * exp(m + s2 / 2);
    the mean is where the prior's pull balances observed less that rate, the precision adds that
    rate to the prior's. The prior may be singular.
    """
    values, vectors = np.linalg.eigh(prior.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))  # parameters = mean + root @ b, b ~ N(0, 1)
    A, offset = root[counts.loads].sum(axis=1), prior.mean[counts.loads].sum(axis=1)
    b, spread = np.zeros(len(values)), np.eye(len(values))
    for _ in range(ROUNDS):
        variance = np.einsum("ni,ij,nj->n", A, spread, A)
        rate = counts.expected * np.exp(offset + A @ b + variance / 2)
        spread = np.linalg.inv(np.eye(len(b)) + (A.T * rate) @ A)
        step = spread @ (A.T @ (counts.observed - rate) - b)
        longest = float(np.abs(A @ step).max(initial=0.0))
        b += step * min(1.0, LONGEST_STEP / max(longest, 1e-300))
        if longest < SETTLED_AT:
            break
    return Normal(prior.mean + root @ b, root @ spread @ root.T)
