"""What the claim leaves of a ticket: nobody pays more than he owes."""

import numpy as np
from scipy.optimize import isotonic_regression

from pricing.canonical import FloatArray, IntArray
from pricing.moments import Chain

UNIT_LOANS = 20_000
UNIT_SEED = 20_000  # fixed: the ratio belongs to the model, not to a run


def cap_by_month(chain: Chain, product: IntArray, balance: FloatArray) -> FloatArray:
    """E[capped ticket] / E[ticket] per segment and month, (S, T), from one unit run per product.

    Loans of balance 1 with the product's balance-weighted odds; the ratio is made non-increasing
    (pool adjacent violators), since what has been paid only grows.
    """
    cap = np.ones_like(chain.odds)
    for code in np.unique(product):
        rows = product == code
        weight = balance[rows] / balance[rows].sum()
        cap[rows] = _unit_run(chain, int(np.argmax(rows)), weight @ chain.odds[rows],
                              float(weight @ chain.payers[rows]))  # fmt: skip
    return cap


def _unit_run(chain: Chain, row: int, odds: FloatArray, payers: float) -> FloatArray:
    rng = np.random.Generator(np.random.Philox(UNIT_SEED))
    keep, settle = chain.keep[row], chain.settle[row]
    (mean_y, shape_y), (mean_z, shape_z) = chain.instalment[row], chain.lump[row]
    paying = rng.random(UNIT_LOANS) < payers
    is_open = np.ones(UNIT_LOANS, np.bool_)
    paid = np.zeros(UNIT_LOANS)
    whole, kept = np.zeros(len(odds)), np.zeros(len(odds))
    for month, ratio in enumerate(odds):
        draw = rng.random(UNIT_LOANS)
        closed = paying & (draw < settle)
        goes_on = paying & (draw >= settle) & (draw < settle + keep)
        starts = is_open & ~paying & (draw < ratio / (1 + ratio))
        paying = goes_on | starts
        is_open &= ~closed
        for who, mean, shape in ((paying, mean_y, shape_y), (closed, mean_z, shape_z)):
            ticket = rng.standard_gamma(shape, int(who.sum())) * (mean / shape)
            fits = np.minimum(ticket, 1 - paid[who])
            whole[month] += ticket.sum()
            kept[month] += fits.sum()
            paid[who] += fits
    share = np.divide(kept, whole, out=np.ones_like(kept), where=whole > 0)
    return np.asarray(
        isotonic_regression(share, weights=np.maximum(whole, 1e-9), increasing=False).x
    )
