"""Engine B: the count chain. Binomials and sums of Gamma tickets per cell give joint cash paths."""

from dataclasses import dataclass

import numpy as np

from pricing.canonical import FloatArray, IntArray
from pricing.factors import FactorBlock
from pricing.moments import Chain, hazard, receipt_scale


@dataclass(frozen=True)
class Cells:
    """Equal loans that are counted together: (cells,) segment, balance and number of loans.

    Cells are sorted by segment and every segment has one. accounts: (S,) loans of the segment that
    one counted loan stands for; not 1 where large loans pay more or less often than small ones.
    """

    segment: IntArray
    balance: FloatArray
    count: IntArray
    accounts: FloatArray

    @property
    def starts(self) -> IntArray:
        """First cell of each segment."""
        return np.flatnonzero(np.diff(self.segment, prepend=-1))


@dataclass(frozen=True)
class Costs:
    """Costs per segment: (S,) share paid away, per open account and month, one-off in month 1."""

    fee_share: FloatArray
    work: FloatArray
    case: FloatArray


def cash_paths(
    chain: Chain, cells: Cells, costs: Costs, factors: FactorBlock, *, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Pool cash net of cost and gross, both (paths, T), major units."""
    segment, starts, count = cells.segment, cells.starts, cells.count
    work = costs.work * cells.accounts
    paths, months = len(factors.ticket), chain.odds.shape[1]
    scale = receipt_scale(chain, factors)
    settle = chain.settle[segment]
    keep = (chain.keep / (1 - chain.settle))[segment]  # given that the loan did not settle
    paying = rng.binomial(count, chain.payers[segment], (paths, len(count)))
    dormant = count - paying
    net, gross = np.empty((paths, months)), np.empty((paths, months))
    for month in range(months):
        started = rng.binomial(dormant, hazard(chain, factors, month)[:, segment])
        closed = rng.binomial(paying, settle)
        stayed = rng.binomial(paying - closed, keep)
        dormant = dormant - started + (paying - closed - stayed)
        paying = started + stayed
        receipt = _tickets(chain.instalment[segment, month], paying, rng)
        receipt += _tickets(chain.lump[segment, month], closed, rng)
        by_segment = np.add.reduceat(receipt * cells.balance, starts, axis=1)
        by_segment *= scale
        gross[:, month] = by_segment.sum(axis=1)
        net[:, month] = by_segment @ (1 - costs.fee_share)
        net[:, month] -= np.add.reduceat(dormant + paying, starts, axis=1) @ work
    net[:, 0] -= costs.case.sum()
    return net, gross


def _tickets(ticket: FloatArray, payers: IntArray, rng: np.random.Generator) -> FloatArray:
    """Sum of the tickets of each cell's payers, (paths, cells), per unit of balance."""
    mean, shape = ticket.T
    return np.asarray(rng.standard_gamma(shape * payers) * (mean / shape), dtype=np.float64)
