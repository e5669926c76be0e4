"""Monthly chance of a payment: penalised likelihood on grouped counts.

The curve is the engine's own, a shape-preserving cubic through the log-odds at the knots. It is
not linear in them, so each step linearises it (Fisher scoring); at the optimum the estimate is
that of the model the engine runs, not of a neighbouring basis.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import expit

from pricing.canonical import FloatArray, IntArray
from pricing.scoring import base_log_odds

MOST_STEPS = 60
TOLERANCE, ROUGH = 1e-6, 2e-3  # log-odds
NUDGE = 1e-5


@dataclass(frozen=True)
class Cells:
    """Grouped trials. new, dormant: (profiles, ages), column u - 1 is age u. curve: (profiles,)
    which curve a profile follows. features: (profiles, q). offset: (profiles, ages) log-odds."""

    new: FloatArray
    dormant: FloatArray
    curve: IntArray
    features: FloatArray
    offset: FloatArray
    knots: tuple[float, ...]


@dataclass(frozen=True)
class Prior:
    """Ridge, as normal priors. at_knots: (curves, K) centre; step_sd: of the change between
    neighbouring knots against the centre's; level_sd: of the curve's mean against the centre's.
    coefficient, coefficient_sd: (q,)."""

    at_knots: FloatArray
    step_sd: float
    level_sd: float
    coefficient: FloatArray
    coefficient_sd: FloatArray

    @cached_property
    def centre(self) -> FloatArray:
        """Centre of all parameters: curves first, then coefficients."""
        return np.concatenate([self.at_knots.ravel(), self.coefficient])

    @cached_property
    def precision(self) -> FloatArray:
        """Inverse covariance of all parameters."""
        curves, knots = self.at_knots.shape
        step = np.diff(np.eye(knots), axis=0) / self.step_sd
        level = np.full((1, knots), 1 / (knots * self.level_sd))
        one = step.T @ step + level.T @ level
        size = curves * knots
        whole = np.zeros((size + len(self.coefficient),) * 2)
        whole[:size, :size] = np.kron(np.eye(curves), one)
        whole[size:, size:] = np.diag(self.coefficient_sd**-2.0)
        return whole


@dataclass(frozen=True)
class HazardFit:
    """at_knots: (curves, K); coefficient: (q,); covariance: of all, curves first, the inverse of
    Fisher information plus ridge; log_odds: (profiles, ages) without the offset."""

    at_knots: FloatArray
    coefficient: FloatArray
    covariance: FloatArray
    log_odds: FloatArray
    steps: int

    @property
    def parameters(self) -> FloatArray:
        """All parameters, curves first."""
        return np.concatenate([self.at_knots.ravel(), self.coefficient])

    @property
    def knot_errors(self) -> FloatArray:
        """Standard errors of the log-odds at the knots, (curves, K)."""
        size = self.at_knots.size
        return np.sqrt(np.diag(self.covariance)[:size]).reshape(self.at_knots.shape)

    @property
    def coefficient_errors(self) -> FloatArray:
        """Standard errors of the coefficients, (q,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)[self.at_knots.size :]), np.float64)


def fit_hazard(
    cells: Cells, prior: Prior, start: HazardFit | None = None, tolerance: float = TOLERANCE
) -> HazardFit:
    """Maximum of the binomial likelihood times the priors, by Fisher scoring with halved steps.

    start: an earlier fit of the same shape to begin from. tolerance: largest last step, and
    smallest gain in log-likelihood: a curve with kinks can be climbed in ever smaller steps.
    """
    shape = prior.at_knots.shape
    at = prior.centre.copy() if start is None else start.parameters
    now, steps = _objective(cells, prior, at), 0
    while steps < MOST_STEPS:
        steps += 1
        gradient, information = _derivatives(cells, prior, at, shape)
        step = np.linalg.solve(information, gradient)
        scale = 1.0
        while (then := _objective(cells, prior, at + scale * step)) < now - 1e-9 * abs(now):
            scale /= 2
            if scale < NUDGE:
                break
        gain = then - now
        at, now = at + scale * step, then
        if gain < tolerance or scale < NUDGE or float(np.abs(step).max()) < tolerance:
            break
    information = _derivatives(cells, prior, at, shape)[1]
    size = prior.at_knots.size
    return HazardFit(
        at_knots=at[:size].reshape(shape),
        coefficient=at[size:],
        covariance=np.asarray(np.linalg.inv(information), np.float64),
        log_odds=_log_odds(cells, at, shape),
        steps=steps,
    )


def centred(fit: HazardFit, share: FloatArray) -> HazardFit:
    """The same fit with coefficients as deviations from their mean, which goes to the curves.

    share: (attributes, q) weight of each coefficient in its attribute's mean, rows sum to 1.
    Indicators of all levels add up to 1, so only differences are told by the data: errors are
    those of the differences.
    """
    curves, knots = fit.at_knots.shape
    size, q = curves * knots, len(fit.coefficient)
    turn = np.eye(size + q)
    turn[:size, size:] += share.sum(axis=0)
    turn[size:, size:] -= (share > 0).astype(np.float64).T @ share
    at = turn @ fit.parameters
    return replace(
        fit,
        at_knots=at[:size].reshape(curves, knots),
        coefficient=at[size:],
        covariance=turn @ fit.covariance @ turn.T,
    )


def _log_odds(cells: Cells, at: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    size = shape[0] * shape[1]
    curves = _curves(at[:size].reshape(shape), cells)
    return np.asarray(curves[cells.curve] + (cells.features @ at[size:])[:, None], np.float64)


def _curves(at_knots: FloatArray, cells: Cells) -> FloatArray:
    """Log-odds at ages 1..U of each curve."""
    return base_log_odds(at_knots, cells.knots, cells.new.shape[1])[:, 1:]


def _objective(cells: Cells, prior: Prior, at: FloatArray) -> float:
    """Log-likelihood less half the ridge."""
    eta = _log_odds(cells, at, prior.at_knots.shape) + cells.offset
    far = at - prior.centre
    fit = (cells.new * eta - cells.dormant * np.logaddexp(0, eta)).sum()
    return float(fit - far @ prior.precision @ far / 2)


def _derivatives(
    cells: Cells, prior: Prior, at: FloatArray, shape: tuple[int, ...]
) -> tuple[FloatArray, FloatArray]:
    """Gradient and expected information, ridge included. Blocks by curve keep arrays small."""
    curves, knots = shape
    size = curves * knots
    at_knots, Z = at[:size].reshape(shape), cells.features
    chance = expit(_log_odds(cells, at, shape) + cells.offset)
    weight = cells.dormant * chance * (1 - chance)
    residual = cells.new - cells.dormant * chance
    gradient = np.concatenate([np.zeros(size), Z.T @ residual.sum(axis=1)])
    information = np.zeros((len(at), len(at)))
    information[size:, size:] = (Z * weight.sum(axis=1)[:, None]).T @ Z
    for code in range(curves):
        mine, spot = cells.curve == code, slice(code * knots, (code + 1) * knots)
        slope = _slope(at_knots[code], cells)
        gradient[spot] = slope.T @ residual[mine].sum(axis=0)
        information[spot, spot] = (slope * weight[mine].sum(axis=0)[:, None]).T @ slope
        information[spot, size:] = slope.T @ (weight[mine].T @ Z[mine])
        information[size:, spot] = information[spot, size:].T
    gradient -= prior.precision @ (at - prior.centre)
    return gradient, information + prior.precision


def _slope(at_knots: FloatArray, cells: Cells) -> FloatArray:
    """Change of the curve with each knot, (ages, K), by central differences."""
    move = np.eye(len(at_knots)) * NUDGE
    up, down = _curves(at_knots + move, cells), _curves(at_knots - move, cells)
    return (up - down).T / (2 * NUDGE)
