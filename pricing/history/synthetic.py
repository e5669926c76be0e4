"""Histories drawn from a known calibration: tests, backtests and the bench know the truth."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pricing.calendar import Calendar
from pricing.calibration import Calibration
from pricing.canonical import BoolArray, FloatArray, IntArray
from pricing.factors import macro_root
from pricing.history.counts import History
from pricing.history.door import read_history
from pricing.loans import LITIGATION, Loans, read_loans
from pricing.scoring import base_log_odds, score_loans
from pricing.synthetic import balances

FIRST_YEAR = 2015
NO_PAYMENT, CENT = -1, 0.01
AS_IF_SEEN = 1e9  # information on a month's calendar effect that leaves no doubt
RECENCY = "months_since_payment"
PAYS_ON = {"0": 1.0, "more": 0.0, "never": 0.0}


@dataclass(frozen=True)
class Deals:
    """What to draw: `deals` cohorts of `loans` each, one charged off every `every_months`, all
    played until `months` after the last one's charge-off. products: names, drawn evenly."""

    deals: int = 12
    loans: int = 1000
    every_months: int = 3
    months: int = 36
    products: tuple[str, ...] = ("consumer_loan", "credit_card")
    mean_balance: float = 20_000.0
    has_attributes: bool = True


@dataclass(frozen=True)
class SyntheticHistory:
    """Loans, their payments, and the factors nobody would know.

    loans: a row per loan as `read_history` takes it, `deal` = cohort number, month = calendar
    month of charge-off counted from 0. payments: loan_id, age_month, cash, settled, and month =
    charge-off month + age_month. level: (deals, products) multiplier on the odds; macro: (months,)
    by calendar month; ticket: (deals,).
    """

    truth: Calibration
    deals: Deals
    loans: pd.DataFrame
    payments: pd.DataFrame
    level: FloatArray
    macro: FloatArray
    ticket: FloatArray

    @property
    def last_month(self) -> int:
        """Last calendar month played; deal d was charged off in month d * every_months."""
        return (self.deals.deals - 1) * self.deals.every_months + self.deals.months

    def known_at(self, month: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Payments and loans as a seller would know them at the end of calendar month `month`:
        loans charged off before it, payments up to it."""
        loans = self.loans[self.loans["month"] < month].copy()
        loans["observed_months"] = month - loans["month"]
        payments = self.payments[self.payments["month"] <= month]
        return payments, loans

    def history(self, month: int | None = None) -> History:
        """The reduced history known at the end of `month` (default: the last month played)."""
        payments, loans = self.known_at(self.last_month if month is None else month)
        return read_history(payments, loans, currency=self.truth.currency, basis=self.truth.basis)

    def own_history(self, deal: int, month: int) -> History:
        """The history of one deal's own loans up to the end of `month`."""
        payments, loans = self.known_at(month)
        mine = loans["deal"] == deal
        own = payments[payments["loan_id"].isin(loans.loc[mine, "loan_id"])]
        return read_history(own, loans[mine], currency=self.truth.currency, basis=self.truth.basis)

    def law_at(self, month: int) -> Calibration:
        """The truth with all that can be known at the end of calendar month `month`: the calendar
        as it was, from month 1 on."""
        seen = self.macro[1 : month + 1]
        if self.truth.factors.macro == 0 or not len(seen):
            return self.truth
        calendar = Calendar(
            first_month=FIRST_YEAR * 12 + 1,
            ratio=tuple(seen.tolist()),
            information=(AS_IF_SEEN,) * len(seen),
            level_sd=0.0,
        )
        return replace(self.truth, calendar=calendar)

    def pool(self, deal: int, month: int) -> Loans:
        """The open loans of a deal as a tape of the end of calendar month `month`: balances are
        what is left, with what was paid beside them."""
        loans = self.loans[(self.loans["deal"] == deal).to_numpy()]
        index = loans["loan_id"].to_numpy()
        is_open = self._closed_month[index] > month
        loans, index = loans[is_open], index[is_open]
        past = self.payments[(self.payments["month"] <= month).to_numpy()]
        paid = np.bincount(past["loan_id"], past["cash"], len(self.loans))[index].round(2)
        last = np.full(len(self.loans), NO_PAYMENT, np.int64)
        np.maximum.at(last, past["loan_id"].to_numpy(), past["month"].to_numpy())
        table = loans.assign(
            balance=(loans["balance"] - paid).round(2),
            paid_before=paid,
            age_months=month - loans["month"],
            months_since_payment=np.where(last[index] < 0, np.nan, month - last[index]),
        )
        return read_loans(_completed(table), currency=self.truth.currency, basis=self.truth.basis)

    def cash_after(self, deal: int, month: int, months: int) -> FloatArray:
        """Cash of a deal in the `months` calendar months after `month`, (months,)."""
        payments = self.payments
        mine = self._deal_of_loan[payments["loan_id"].to_numpy()] == deal
        later = payments["month"].to_numpy() - month - 1
        inside = mine & (later >= 0) & (later < months)
        cash = payments["cash"].to_numpy()[inside]
        return np.bincount(later[inside], cash, months).astype(np.float64)

    @cached_property
    def _deal_of_loan(self) -> IntArray:
        return self.loans["deal"].to_numpy(dtype=np.int64)

    @cached_property
    def _closed_month(self) -> IntArray:
        """Calendar month in which each loan closed or was paid in full; far future = never."""
        closed = np.full(len(self.loans), np.iinfo(np.int64).max)
        ends = self.payments[self.payments["is_last"].to_numpy()]
        closed[ends["loan_id"].to_numpy()] = ends["month"].to_numpy()
        return closed


PLAIN_ATTRIBUTES: dict[str, Any] = {
    "prior_placements": 1,
    "litigation_status": "not_sued",
    "reachable": True,
    "region": "",
}


def synthetic_history(truth: Calibration, deals: Deals, seed: int) -> SyntheticHistory:
    """Draw loans, factors and payments from `truth`; equal arguments give equal tables.

    Every deal has its own pool and group level and its own ticket factor; the macro factor is
    one path of calendar months that all deals share. Payments are cut at the claim.
    """
    rng = np.random.default_rng(seed)
    loans = _loans(deals, rng)
    span = (deals.deals - 1) * deals.every_months + deals.months
    risk = truth.factors
    shape = (deals.deals, len(deals.products))
    shift = risk.pool * rng.standard_normal((deals.deals, 1))
    shift = shift + risk.group * rng.standard_normal(shape)
    level = np.exp(shift - (risk.pool**2 + risk.group**2) / 2)
    macro = np.exp(rng.standard_normal(span + 1) @ macro_root(risk, span + 1) - risk.macro**2 / 2)
    ticket = np.exp(risk.amount * rng.standard_normal(deals.deals) - risk.amount**2 / 2)
    parts = [
        _play(truth, loans[(loans["deal"] == deal).to_numpy()], level[deal], rng=rng,
              macro=macro[deal * deals.every_months + 1 :], ticket=float(ticket[deal]))
        for deal in range(deals.deals)
    ]  # fmt: skip
    payments = pd.concat(parts, ignore_index=True)
    return SyntheticHistory(truth, deals, loans, payments, level, macro, ticket)


def _loans(deals: Deals, rng: np.random.Generator) -> pd.DataFrame:
    count = deals.deals * deals.loans
    deal = np.repeat(np.arange(deals.deals), deals.loans)
    month = deal * deals.every_months
    year, number = FIRST_YEAR + month // 12, month % 12 + 1
    stamps = [f"{y}-{m:02d}-15" for y, m in zip(year[:: deals.loans], number[:: deals.loans],
                                                strict=True)]  # fmt: skip
    product = rng.integers(0, len(deals.products), count)
    table = pd.DataFrame(
        {
            "loan_id": np.arange(count),
            "deal": deal,
            "cohort": np.char.mod("D%03d", deal),
            "month": month,
            "charge_off_date": pd.to_datetime(np.array(stamps)[deal]),
            "balance": balances(count, rng, deals.mean_balance),
            "product": np.array(deals.products)[product],
        }
    )
    if deals.has_attributes:
        odds = [0.7, 0.1, 0.02, 0.08, 0.02, 0.06, 0.02]
        table["prior_placements"] = rng.integers(0, 4, count)
        table["litigation_status"] = np.array(LITIGATION)[
            rng.choice(len(LITIGATION), count, p=odds)
        ]
        table["reachable"] = rng.random(count) < 0.75
    return table


def _play(
    truth: Calibration,
    loans: pd.DataFrame,
    level: FloatArray,
    *,
    rng: np.random.Generator,
    macro: FloatArray,
    ticket: float,
) -> pd.DataFrame:
    """Every loan of a deal, month by month, to the end of the macro path."""
    pool = _as_pool(truth, loans)
    scores = score_loans(pool, truth)
    months, balance = len(macro), pool.balance
    products = [truth.products[code] for code in scores.product]
    keep, settle = (np.array([getattr(one, name) for one in products]) for name in
                    ("keep", "settle"))  # fmt: skip
    curves = base_log_odds([one.log_odds for one in truth.products], truth.knots, months)
    order = {name: code for code, name in enumerate(sorted(set(loans["product"])))}
    spot = np.array([order[name] for name in loans["product"]])
    fixed = np.exp(scores.attributes + scores.balance) * level[spot]
    tickets = [
        (np.array([getattr(one, f"{kind}_mean") for one in products]) * ticket,
         np.array([getattr(one, f"{kind}_shape") for one in products]))
        for kind in ("instalment", "lump")
    ]  # fmt: skip
    run = _Run(balance, keep, settle, rng)
    rows = []
    for month in range(months):
        odds = np.exp(curves[scores.product, month + 1]) * fixed * macro[month]
        rows.append(run.month(month + 1, odds / (1 + odds), tickets))
    account, age, cash, settled, is_last = (
        np.concatenate(part) for part in zip(*rows, strict=True)
    )
    first = int(loans["month"].iloc[0])
    return pd.DataFrame(
        {
            "loan_id": loans["loan_id"].to_numpy()[account],
            "age_month": age,
            "month": first + age,
            "cash": cash,
            "settled": settled,
            "is_last": is_last,
        }
    )


Rows = tuple[IntArray, IntArray, FloatArray, BoolArray, BoolArray]


class _Run:
    """Loans of one deal: who is open, who pays, what is left of each claim."""

    def __init__(
        self, balance: FloatArray, keep: FloatArray, settle: FloatArray, rng: np.random.Generator
    ) -> None:
        self.balance, self.keep, self.settle, self.rng = balance, keep, settle, rng
        self.room = balance.copy()
        self.paying = np.zeros(len(balance), np.bool_)
        self.is_open = np.ones(len(balance), np.bool_)

    def month(
        self, age: int, hazard: FloatArray, tickets: list[tuple[FloatArray, FloatArray]]
    ) -> Rows:
        """One month: rows of the loans that paid."""
        draw = self.rng.random(len(self.balance))
        closes = self.paying & (draw < self.settle)
        stays = self.paying & ~closes & (draw < self.settle + self.keep)
        starts = self.is_open & ~self.paying & (self.rng.random(len(draw)) < hazard)
        self.paying = stays | starts
        who = np.flatnonzero(self.paying | closes)
        is_lump = closes[who]
        mean, shape = (
            np.where(is_lump, lump[who], instalment[who])
            for instalment, lump in zip(*tickets, strict=True)
        )
        asked = self.balance[who] * self.rng.standard_gamma(shape) * mean / shape
        cash = np.round(np.minimum(np.maximum(asked, CENT), self.room[who]), 2)
        self.room[who] -= cash
        is_last = is_lump | (self.room[who] < CENT / 2)
        self.is_open[who[is_last]] = False
        self.paying[who[is_last]] = False
        return who, np.full(len(who), age), cash, is_lump, is_last


def _as_pool(truth: Calibration, loans: pd.DataFrame) -> Loans:
    """The loans of a deal on the day of their charge-off."""
    table = loans.assign(age_months=0, months_since_payment=np.nan)
    return read_loans(_completed(table), currency=truth.currency, basis=truth.basis)


def _completed(table: pd.DataFrame) -> pd.DataFrame:
    """Attributes the drawn loans do not have, at their plain value."""
    missing = {name: cell for name, cell in PLAIN_ATTRIBUTES.items() if name not in table.columns}
    return table.assign(**missing)


def as_truth(calibration: Calibration) -> Calibration:
    """A calibration as the law of a synthetic history: who pays next month depends on who paid
    this month and on nothing older, as in the engines."""
    effects = {name: levels for name, levels in calibration.effects.items() if name != RECENCY}
    return replace(calibration, effects=effects, payer_share=PAYS_ON)
