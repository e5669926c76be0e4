"""Payment sizes and what a payer does next: Gamma tickets cut at the claim, Dirichlet counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, gammainc, gammaincc, gammainccinv

from pricing.canonical import FloatArray
from pricing.history.counts import room_centres

ROUNDS = 60
TOLERANCE = 1e-7
SHAPES = 0.05, 500.0
SLICES = (np.arange(24) + 0.5) / 24
LEAST_TAIL = 1e-12


@dataclass(frozen=True)
class Ticket:
    """Mean as a share of the balance before the claim cuts it, Gamma shape, relative standard
    error of the mean, number of payments behind it."""

    mean: float
    shape: float
    error: float
    count: int


def fit_ticket(sums: FloatArray, cut: FloatArray, prior: Ticket, weight: float) -> Ticket:
    """Gamma law of tickets, some of them cut: (n, sum x, sum ln x, cash, balance, balance**2) of
    whole tickets and (bins, 2) count and balance of cut ones by the room that was left.

    A cut ticket is known to be at least its room: its size is completed by expectation
    (Dempster, Laird & Rubin 1977). The mean weighs tickets by balance, so that cash is right even
    where large loans pay other shares; the shape comes from unweighted moments of x and ln x.
    prior: counts as `weight` tickets.
    """
    n, ratio, log_ratio, cash, balance, square = sums
    if np.isnan(log_ratio):  # a grouped history: only means are known
        return _mean_only(sums, prior, weight)
    has_cut = cut[:, 0] > 0
    room, (cuts, owed) = room_centres()[has_cut], cut[has_cut].T
    count = n + cuts.sum()
    mean_balance = (balance + owed.sum()) / count if count else 1.0
    mean, shape = prior.mean, prior.shape
    prior_log = np.log(prior.mean) + float(digamma(prior.shape)) - np.log(prior.shape)
    for _ in range(ROUNDS):
        above, log_above = _beyond(mean, shape, room)
        total = count + weight
        mean_of_all = (ratio + cuts @ above + weight * prior.mean) / total
        mean_log = (log_ratio + cuts @ log_above + weight * prior_log) / total
        new_mean = (cash + owed @ above + weight * mean_balance * prior.mean) / (
            (count + weight) * mean_balance
        )
        before, (mean, shape) = (mean, shape), (float(new_mean), _shape(mean_of_all, mean_log))
        if abs(mean - before[0]) + abs(shape - before[1]) < TOLERANCE * (mean + shape):
            break
    crowd = float(square + (owed * mean_balance).sum()) + weight * mean_balance**2
    error = np.sqrt(crowd / shape) / ((count + weight) * mean_balance)
    return Ticket(mean, shape, float(error), round(count))


def _mean_only(sums: FloatArray, prior: Ticket, weight: float) -> Ticket:
    """The mean by balance, the prior's shape."""
    n, _, _, cash, balance, square = sums
    typical = balance / n if n else 1.0
    owed = balance + weight * typical
    mean = (cash + weight * typical * prior.mean) / owed
    error = np.sqrt((square + weight * typical**2) / prior.shape) / owed
    return Ticket(float(mean), prior.shape, float(error), round(n))


def _shape(mean: float, mean_log: float) -> float:
    """Solves ln k - digamma(k) = ln(mean) - mean(ln x)."""
    gap = float(np.log(mean) - mean_log)

    def miss(shape: float) -> float:
        return float(np.log(shape) - digamma(shape)) - gap

    low, high = SHAPES
    if miss(low) <= 0:
        return low
    return high if miss(high) >= 0 else float(brentq(miss, low, high))


def _beyond(mean: float, shape: float, room: FloatArray) -> tuple[FloatArray, FloatArray]:
    """E[x | x > room] and E[ln x | x > room] for each room, (rooms,)."""
    at = room * shape / mean
    tail = np.maximum(gammaincc(shape, at), LEAST_TAIL)
    above = mean * np.maximum(gammaincc(shape + 1, at), LEAST_TAIL) / tail
    drawn = gammainccinv(shape, tail[:, None] * SLICES) * mean / shape
    logs = np.log(np.maximum(drawn, room[:, None])).mean(axis=1)
    return np.maximum(above, room), logs


def cut_share(ticket: Ticket) -> float:
    """Share of a whole ticket that a full claim leaves, for the reader of diagnostics."""
    at = ticket.shape / ticket.mean
    return float(gammainc(ticket.shape + 1, at) + gammaincc(ticket.shape, at) / ticket.mean)


@dataclass(frozen=True)
class NextStep:
    """Monthly chances of a payer to pay again and to close, relative error of the number of
    payments a start brings, and payer-months behind them."""

    keep: float
    settle: float
    error: float
    count: int


def fit_next_step(counts: Sequence[float], prior: NextStep, weight: float) -> NextStep:
    """Posterior means of a Dirichlet with `weight` prior payer-months at `prior`.

    counts: payers that paid again, that closed, and payer-months in all.
    """
    stay, settle, paying = counts
    total = paying + weight
    keep = (stay + weight * prior.keep) / total
    shut = (settle + weight * prior.settle) / total
    error = np.sqrt(keep * (1 - keep) / total) / (1 - keep)
    return NextStep(float(keep), float(shut), float(error), int(paying))
