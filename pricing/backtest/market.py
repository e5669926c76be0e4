"""Deals to forecast on a market whose truth is known, and what may befall them afterwards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from pricing.canonical import BoolArray, FloatArray, IntArray
from pricing.history.synthetic import SyntheticHistory
from pricing.loans import Loans

AS_DRAWN = "as drawn"


@dataclass(frozen=True)
class Future:
    """Payments after the origin: index of the loan in the pool, month from 1, cash. withheld:
    (loans,) loans the seller takes out of the deal before he sells it."""

    loan: IntArray
    month: IntArray
    cash: FloatArray
    withheld: BoolArray


@dataclass(frozen=True)
class Target:
    """A deal at an origin: its open loans, and what they paid in the horizon."""

    deal: int
    origin: int
    own_months: int
    loans: Loans
    future: Future

    def paid(self, future: Future) -> FloatArray:
        """Cash of each loan that was sold, at most its claim, (loans,)."""
        cash = np.bincount(future.loan, future.cash, len(self.loans))
        cash = np.minimum(cash, self.loans.balance)
        return np.where(future.withheld, 0.0, cash)

    def sold_share(self, future: Future) -> float:
        """Share of the pool's face that was sold."""
        return float(self.loans.balance[~future.withheld].sum()) / self.loans.face


def target_of(market: SyntheticHistory, deal: int, origin: int, months: int) -> Target:
    """The open loans of a deal at the end of month `origin` and their payments afterwards."""
    loans = market.pool(deal, origin)
    if origin == deal * market.deals.every_months:  # charged off today: nothing is known of it
        loans = replace(loans, months_since_payment=np.full(len(loans), np.nan))
    place = np.full(len(market.loans), -1)
    place[loans.loan_id.astype(np.int64)] = np.arange(len(loans))
    payments = market.payments
    month = payments["month"].to_numpy(dtype=np.int64) - origin
    loan = place[payments["loan_id"].to_numpy(dtype=np.int64)]
    inside = (loan >= 0) & (month >= 1) & (month <= months)
    future = Future(
        loan=loan[inside],
        month=month[inside],
        cash=payments["cash"].to_numpy(dtype=np.float64)[inside],
        withheld=np.zeros(len(loans), np.bool_),
    )
    own = origin - deal * market.deals.every_months
    return Target(deal, origin, own, loans, future)


def part_of(loans: Loans, kept: BoolArray) -> Loans:
    """The same pool with some of its loans."""
    columns: dict[str, Any] = {
        field.name: value[kept]
        for field in fields(loans)
        if isinstance(value := getattr(loans, field.name), np.ndarray)
    }
    return replace(loans, **columns)


Twist = Callable[[Target, np.random.Generator], Future]


def regime_change(target: Target, rng: np.random.Generator) -> Future:
    """From the origin on, three payments in ten are not made."""
    return _thinned(target.future, rng.random(len(target.future.cash)) < 0.7)


def hidden_balance_effect(target: Target, rng: np.random.Generator) -> Future:
    """Large balances pay less than any history showed: by balance to the power -1/4, above the
    pool's mean balance."""
    size = target.loans.balance / target.loans.balance.mean()
    chance = np.maximum(size, 1.0) ** -0.25
    made = rng.random(len(target.future.cash)) < chance[target.future.loan]
    return _thinned(target.future, made)


def doubled_tail(target: Target, rng: np.random.Generator) -> Future:
    """Each payment times a log-normal of mean 1 whose coefficient of variation is 1.1: that of a
    Gamma ticket of shape 1.5 is doubled."""
    future = target.future
    sd = np.sqrt(np.log1p(1.1**2))
    cash = future.cash * np.exp(sd * rng.standard_normal(len(future.cash)) - sd**2 / 2)
    return replace(future, cash=cash)


def cherry_picking(target: Target, rng: np.random.Generator) -> Future:
    """The seller keeps three in ten of the loans that will pay; nothing in the tape shows it."""
    pays = np.bincount(target.future.loan, minlength=len(target.loans)) > 0
    return replace(target.future, withheld=pays & (rng.random(len(pays)) < 0.3))


def servicer_change(target: Target, rng: np.random.Generator) -> Future:
    """In the first six months after the sale six payments in ten are lost."""
    lost = (target.future.month <= 6) & (rng.random(len(target.future.cash)) < 0.6)
    return _thinned(target.future, ~lost)


def _thinned(future: Future, kept: BoolArray) -> Future:
    return replace(future, loan=future.loan[kept], month=future.month[kept], cash=future.cash[kept])


TWISTS: Mapping[str, Twist] = {
    "regime change": regime_change,
    "hidden balance effect": hidden_balance_effect,
    "doubled ticket tail": doubled_tail,
    "cherry-picking": cherry_picking,
    "servicer change": servicer_change,
}
