"""Invented cash after charge-off: most pay nothing, some a little, few a lot."""

from datetime import date

import numpy as np
import numpy.typing as npt

from npa_market.tapes.synthetic.loans import MAX_MONTHS, Integers, Loans

SHARE_PAYING = {True: 0.55, False: 0.18}  # by reachable
COST_SHARES = (0.18, 0.25, 0.30, 0.35)
Receipts = list[tuple[tuple[str, int, int], ...]]
Amounts = npt.NDArray[np.float64]


def make_receipts(loans: Loans, cut_off_date: date, rng: np.random.Generator) -> Receipts:
    """Per loan the months (`YYYY-MM`) with gross cash and collection cost, minor units."""
    share = np.where(loans.is_reachable, SHARE_PAYING[True], SHARE_PAYING[False])
    first = loans.charge_off.astype("datetime64[M]") + 1
    last = np.datetime64(cut_off_date, "M")
    months = np.clip((last - first).astype(np.int64) + 1, 0, MAX_MONTHS)
    # Long open loans had more time to pay something.
    pays = rng.random(len(months)) < share * np.minimum(1, 0.4 + months / 20)
    pays &= (months > 0) & (loans.status != 1)
    payers = np.flatnonzero(pays)
    gross = _gross(loans.claim[payers], months[payers], rng)
    cost_share = np.array(COST_SHARES)[rng.integers(len(COST_SHARES), size=len(payers))]
    cost = np.rint(gross * cost_share[:, None]).astype(np.int64)
    receipts: Receipts = [()] * len(months)
    starts = first[payers]
    for at, loan in enumerate(payers):
        filled = np.flatnonzero(gross[at])
        names = (starts[at] + filled).astype(str)
        receipts[loan] = tuple(
            zip(names.tolist(), gross[at, filled].tolist(), cost[at, filled].tolist(), strict=True)
        )
    return receipts


def _gross(claim: Integers, months: Integers, rng: np.random.Generator) -> Integers:
    """Gross cash, (payers, MAX_MONTHS), whole major units: 70 % pay now and then 1 to 4 % of the
    claim, 25 % an instalment plan, 5 % a large part at once."""
    n = len(claim)
    month = np.arange(MAX_MONTHS)
    start = (rng.random(n) * months).astype(np.int64)
    kind = rng.random(n)
    now_and_then = rng.random((n, MAX_MONTHS)) < 0.12
    now_and_then[np.arange(n), start] = True
    part = rng.uniform(0.01, 0.04, size=(n, MAX_MONTHS)) * now_and_then
    length = rng.integers(2, 13, size=n)
    in_plan = (month >= start[:, None]) & (month < (start + length)[:, None])
    plan = rng.uniform(0.03, 0.06, size=n)[:, None] * in_plan
    once = rng.uniform(0.2, 0.6, size=n)[:, None] * (month == start[:, None])
    shares = np.where(kind[:, None] < 0.70, part, np.where(kind[:, None] < 0.95, plan, once))
    shares *= month < months[:, None]
    return np.asarray(np.rint(shares * claim[:, None] / 1_000) * 1_000, dtype=np.int64)
