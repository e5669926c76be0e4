"""Logistic regression by Newton's method (IRLS) with a ridge on the slopes."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from pricing.canonical import FloatArray
from pricing.errors import PricingError

MOST_STEPS, HALVINGS = 100, 30
CONVERGED = 1e-10  # relative gain of the objective
BOUNDLESS = 30.0  # a slope beyond this times the scale of its column: the classes separate


class NoFit(PricingError):
    """The likelihood has no maximum, or its columns repeat each other."""


@dataclass(frozen=True)
class LogisticFit:
    """intercept, slope (columns,), their standard errors, Newton steps taken."""

    intercept: float
    slope: FloatArray
    standard_error: FloatArray
    steps: int


def fit_logistic(x: FloatArray, y: FloatArray, *, ridge: float = 0.0) -> LogisticFit:
    """Minimise -log-likelihood + ridge/2 * |slope|^2; the intercept is free.

    x: (rows, columns); y: (rows,) of 0 and 1. ridge is 1/C of scikit-learn. standard_error:
    (columns + 1,), intercept first, from the inverse of the penalised information. Raises NoFit
    where ridge = 0 and a plane separates the classes or the columns are collinear. McCullagh and
    Nelder (1989), Generalized linear models, 2.5.
    """
    rows, columns = x.shape
    if rows == 0 or not 0 < y.sum() < rows:
        raise NoFit("a fit needs rows of both classes")
    if ridge < 0:
        raise NoFit(f"ridge = {ridge}: not below 0")
    design = np.column_stack([np.ones(rows), x])
    penalty = np.r_[0.0, np.full(columns, ridge)]
    beta = np.r_[special.logit(y.mean()), np.zeros(columns)]
    loss = _loss(design, y, penalty, beta)
    for step in range(1, MOST_STEPS + 1):
        chance = special.expit(design @ beta)
        information = (design.T * (chance * (1 - chance))) @ design + np.diag(penalty)
        gradient = design.T @ (chance - y) + penalty * beta
        beta, gain, loss = _descend(design, y, penalty, beta, _solve(information, gradient), loss)
        if np.abs(beta[1:] * x.std(axis=0)).max(initial=0.0) > BOUNDLESS:
            raise NoFit("the classes separate: a slope grows without bound; set a ridge above 0")
        if gain <= CONVERGED * max(abs(loss), 1.0):
            error = np.sqrt(np.diag(_inverse(information)))
            return LogisticFit(float(beta[0]), beta[1:], error, step)
    raise NoFit(f"no convergence in {MOST_STEPS} steps")


def _loss(design: FloatArray, y: FloatArray, penalty: FloatArray, beta: FloatArray) -> float:
    eta = design @ beta
    return float(np.logaddexp(0, eta).sum() - eta @ y + penalty @ beta**2 / 2)


def _descend(
    design: FloatArray, y: FloatArray, penalty: FloatArray, beta: FloatArray, step: FloatArray,
    loss: float,
) -> tuple[FloatArray, float, float]:  # fmt: skip
    """The Newton step, halved until the loss does not rise: new beta, gain and loss."""
    for halving in range(HALVINGS):
        tried = beta - step / 2**halving
        new = _loss(design, y, penalty, tried)
        if new <= loss:
            return tried, loss - new, new
    return beta, 0.0, loss


def _solve(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    return np.asarray(_inverse(matrix) @ vector, dtype=np.float64)


def _inverse(matrix: FloatArray) -> FloatArray:
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    scaled = matrix / np.outer(scale, scale)
    if np.linalg.cond(scaled) > 1e13:
        raise NoFit("columns repeat each other or the classes separate; set a ridge above 0")
    return np.asarray(np.linalg.inv(scaled) / np.outer(scale, scale), dtype=np.float64)
