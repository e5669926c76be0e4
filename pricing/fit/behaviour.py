"""What payers do: tickets and next steps of all products and of each, spread between cohorts."""

from dataclasses import dataclass

import numpy as np

from pricing.calibration import DEFAULT_PRODUCT, Calibration
from pricing.fit.levels import Ratios, between_variance, log_sd
from pricing.fit.tickets import NextStep, Ticket, fit_next_step, fit_ticket
from pricing.history.counts import INSTALMENT, LUMP, History

PRIOR_PAYER_MONTHS, PRIOR_TICKETS = 20.0, 20.0
PRODUCT_PAYER_MONTHS, PRODUCT_TICKETS = 100.0, 50.0


@dataclass(frozen=True)
class Behaviour:
    """Tickets by kind and next steps, all products together first, then each."""

    tickets: tuple[list[Ticket], list[Ticket]]
    steps: list[NextStep]


def behaviour_of(history: History, base: Calibration) -> Behaviour:
    """Tickets and next steps: all products together first, then each, shrunk to all."""
    known = {one.name: one for one in base.products}
    plain, scale = known[DEFAULT_PRODUCT], base.scales[history.basis]
    tickets: list[list[Ticket]] = []
    for kind, word in ((INSTALMENT, "instalment"), (LUMP, "lump")):
        mean, shape = getattr(plain, f"{word}_mean") * scale, getattr(plain, f"{word}_shape")
        sums, cut = history.tickets[kind].sum(axis=1), history.cut[kind]
        start = Ticket(mean, shape, 0.0, 0)
        pooled = fit_ticket(sums.sum(axis=0), cut.sum(axis=0), start, PRIOR_TICKETS)
        each = [
            fit_ticket(one, its_cut, pooled, PRODUCT_TICKETS)
            for one, its_cut in zip(sums, cut, strict=True)
        ]
        tickets.append([pooled, *each])
    closes = plain.settle if history.has_closings else 0.0
    counts = [
        np.bincount(history.product, part.sum(axis=1), len(history.products))
        for part in (history.stay, history.settle, history.paying)
    ]
    start_step = NextStep(plain.keep, closes, 0.0, 0)
    totals = [float(part.sum()) for part in counts]
    pooled_step = fit_next_step(totals, start_step, PRIOR_PAYER_MONTHS)
    steps = [
        fit_next_step([float(value) for value in row], pooled_step, PRODUCT_PAYER_MONTHS)
        for row in zip(*counts, strict=True)
    ]
    return Behaviour((tickets[INSTALMENT], tickets[LUMP]), [pooled_step, *steps])


def amount_sd(history: History, behaviour: Behaviour) -> float:
    """Spread of ticket sizes between cohorts beyond sampling, sd of the log."""
    sums = history.tickets.sum(axis=(1, 2))  # over products and cohorts, by kind
    share = np.divide(sums[:, 3], sums[:, 4], out=np.zeros(2), where=sums[:, 4] > 0)
    cash = history.tickets[..., 3].sum(axis=(0, 1))
    expected = (history.tickets[..., 4] * share[:, None, None]).sum(axis=(0, 1))
    spread = np.array([1 / kind[0].shape for kind in behaviour.tickets])
    variance = (history.tickets[..., 5] * (share**2 * spread)[:, None, None]).sum(axis=(0, 1))
    ratios = Ratios.of(cash, expected, variance)
    return log_sd(between_variance(ratios))
