"""Grouped counts: the sufficient statistic of a history; loans and their ids are dropped."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from pricing.canonical import BoolArray, FloatArray, IntArray
from pricing.errors import EmptyHistory, TooManyKinds
from pricing.history.accounts import UNKNOWN_MONTH, Accounts, Payments

INSTALMENT, LUMP = 0, 1
TICKET_SUMS = ("count", "ratio", "log_ratio", "cash", "balance", "balance_square")
CUT_BINS = 60  # of what was left of the claim when a ticket was cut, log scale
LEAST_ROOM = 1e-4
LEAST_RATIO = 1e-12  # of a ticket: its logarithm is taken
BANDS_PER_E = 2  # balance bands per factor of e
MOST_CELLS = 4_000_000  # profiles x ages: what bounds the memory of a fit
PAID_IN_FULL = 0.005  # major units: half a minor unit short of the claim


@dataclass(frozen=True)
class History:
    """A history as counts by profile and age; column u - 1 is age u.

    A profile is a set of loans alike in product, cohort, balance band and attributes: product,
    cohort, log_balance (mean), levels are (profiles,). dormant, paying: (profiles, ages) loans
    that stood so at the start of the month; new: dormant loans that paid; stay, settle: payers
    that paid again, that closed. tickets: (2, products, cohorts, len(TICKET_SUMS)) sums over
    instalments and over lump sums, cash as a share of the balance; cut: (2, products, CUT_BINS, 2)
    count and balance of tickets that the claim cut, by the room that was left. balance, cash:
    (products, cohorts, ages) owed by the loans watched, and received, major units. payers: loans
    that ever paid, 0 where only groups are known.
    """

    products: tuple[str, ...]
    cohorts: tuple[str, ...]
    cohort_month: IntArray
    level_names: Mapping[str, tuple[str, ...]]
    product: IntArray
    cohort: IntArray
    log_balance: FloatArray
    levels: Mapping[str, IntArray]
    dormant: IntArray
    new: IntArray
    paying: IntArray
    stay: IntArray
    settle: IntArray
    tickets: FloatArray
    cut: FloatArray
    balance: FloatArray
    cash: FloatArray
    loans: int
    payers: int
    currency: str
    basis: str
    has_closings: bool
    notes: tuple[str, ...] = ()

    @property
    def ages(self) -> int:
        """Oldest age watched, months."""
        return int(self.dormant.shape[1])

    @property
    def starts(self) -> int:
        """First payments of dormant loans."""
        return int(self.new.sum())

    @property
    def payments(self) -> int:
        """Months with a payment."""
        return int(self.new.sum() + self.stay.sum() + self.settle.sum())

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over every field."""
        digest = hashlib.sha256()
        for field in fields(self):
            value = getattr(self, field.name)
            digest.update(f"\n{field.name}:".encode())
            if isinstance(value, np.ndarray):
                digest.update(f"{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
            elif isinstance(value, Mapping):
                for name in sorted(value):
                    item = value[name]
                    text = item.tobytes() if isinstance(item, np.ndarray) else repr(item).encode()
                    digest.update(name.encode() + b"=" + text)
            else:
                digest.update(repr(value).encode())
        return digest.hexdigest()


def room_centres() -> FloatArray:
    """Room left of the claim in the middle of each bin, share of the balance, (CUT_BINS,)."""
    edge = np.linspace(np.log(LEAST_ROOM), 0.0, CUT_BINS + 1)
    return np.asarray(np.exp((edge[1:] + edge[:-1]) / 2), np.float64)


def reduce_to_counts(
    accounts: Accounts, payments: Payments, *, currency: str, basis: str
) -> History:
    """One pass of bincounts. payments: sorted by account and age, one row per account and month."""
    walk = _walk(accounts, payments)
    ages = int(accounts.end.max())
    if ages == 0:
        raise EmptyHistory("no loan of the history was watched for a month")
    profile, notes = _profiles(accounts, MOST_CELLS // ages)
    _, first = np.unique(profile, return_index=True)
    size = len(first)

    def by_age(which: BoolArray, later: int = 0) -> IntArray:
        cell = profile[walk.account[which]] * ages + walk.age[which] + later - 1
        return np.bincount(cell, minlength=size * ages).reshape(size, ages)

    goes_on = walk.pays & ~walk.ends & (walk.age < walk.end[walk.account])
    paying = by_age(goes_on, 1)
    log_balance = np.bincount(profile, weights=np.log(accounts.balance)) / np.bincount(profile)
    tickets, cut = _tickets(accounts, walk)
    return History(
        products=accounts.products,
        cohorts=accounts.cohorts,
        cohort_month=accounts.cohort_month,
        level_names=accounts.level_names,
        product=accounts.product[first],
        cohort=accounts.cohort[first],
        log_balance=log_balance.astype(np.float64),
        levels={name: codes[first] for name, codes in accounts.levels.items()},
        dormant=_watched(profile, accounts.entry, walk.end, ages) - paying,
        new=by_age(walk.pays & ~walk.was_paying),
        paying=paying,
        stay=by_age(walk.pays & walk.was_paying & ~walk.closes),
        settle=by_age(walk.pays & walk.was_paying & walk.closes),
        tickets=tickets,
        cut=cut,
        balance=_owed(accounts, ages),
        cash=_received(accounts, payments, ages),
        loans=len(accounts),
        payers=len(np.unique(walk.account[walk.pays])),
        currency=currency,
        basis=basis,
        has_closings=payments.has_closing_flag,
        notes=(*notes, *walk.notes),
    )


@dataclass(frozen=True)
class _Walk:
    """Payments of loans while they are open. room: share of the balance left before the payment;
    ends: the loan is closed or paid in full afterwards; end: (loans,) last age open and watched."""

    account: IntArray
    age: IntArray
    cash: FloatArray
    room: FloatArray
    closes: BoolArray
    is_cut: BoolArray
    was_paying: BoolArray
    end: IntArray
    notes: tuple[str, ...]

    @property
    def pays(self) -> BoolArray:
        return np.asarray(self.cash > 0, np.bool_)

    @property
    def ends(self) -> BoolArray:
        return self.closes | self.is_cut


def _walk(accounts: Accounts, payments: Payments) -> _Walk:
    told = (payments.cash > 0) | payments.closes
    account, age, cash = payments.account[told], payments.age[told], payments.cash[told]
    closes, balance = payments.closes[told], accounts.balance[account]
    starts = np.diff(account, prepend=-1) != 0
    running = np.cumsum(cash) - cash
    first = np.maximum.accumulate(np.where(starts, np.arange(len(cash)), 0))
    room = balance - (running - running[first])
    is_cut = cash >= room - PAID_IN_FULL
    stops = closes | is_cut
    ended: IntArray = np.cumsum(stops) - stops
    late: BoolArray = ended > ended[first]
    notes = _late_notes(cash, late, np.maximum(cash - np.maximum(room, 0), 0)[~late].sum())
    account, age, cash = account[~late], age[~late], cash[~late]
    closes, is_cut, stops = closes[~late], is_cut[~late], stops[~late]
    end = accounts.end.copy()
    silent = stops & (cash == 0)  # closed without a payment: not open in that month any more
    end[account[stops]] = np.minimum(end[account[stops]], age[stops] - silent[stops])
    was_paying = np.zeros(len(cash), np.bool_)
    was_paying[1:] = (np.diff(account) == 0) & (np.diff(age) == 1) & (cash[:-1] > 0)
    share = room[~late] / accounts.balance[account]
    surprise = int((closes & (cash > 0) & ~was_paying).sum())
    if surprise:
        notes += (
            f"{surprise} loans were closed by the first payment of a row of payments; it counts "
            "as an instalment, and the loan leaves",
        )
    return _Walk(account, age, cash, share, closes, is_cut, was_paying, end, notes)


def _late_notes(cash: FloatArray, late: BoolArray, beyond: float) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    total = float(cash.sum())
    if late.any():
        share = float(cash[late].sum()) / total
        notes += (f"{int(late.sum())} payments came after a loan was closed: {share:.2%} of cash",)
    if beyond > PAID_IN_FULL * len(cash):
        notes += (
            f"{beyond / total:.2%} of cash went beyond the balances; the model stops at the claim",
        )
    return notes


def _profiles(accounts: Accounts, most: int) -> tuple[IntArray, tuple[str, ...]]:
    """Number of each loan's profile, in three balance bands where fine ones make too many."""
    logs = np.log(accounts.balance)
    fine = np.floor(logs * BANDS_PER_E).astype(np.int64)
    coarse = np.searchsorted(np.quantile(logs, (1 / 3, 2 / 3)), logs)
    names = sorted(accounts.levels)
    notes: tuple[str, ...] = ()
    for band in (fine, coarse):
        columns = [accounts.product, accounts.cohort, band - band.min()]
        profile = _joined(columns + [accounts.levels[name] for name in names])
        if profile.max() < most:
            return profile, notes
        notes = ("balances in three bands, for the number of different loans",)
    raise TooManyKinds(int(profile.max()) + 1, most)


def _joined(columns: list[IntArray]) -> IntArray:
    """One code for each combination that occurs, numbered from 0."""
    joined = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        joined = np.unique(joined * (int(column.max()) + 1) + column, return_inverse=True)[1]
    return joined


def _watched(profile: IntArray, entry: IntArray, end: IntArray, ages: int) -> IntArray:
    """Open loans at the start of each month, (profiles, ages)."""
    size, width = int(profile.max()) + 1, ages + 1
    come = np.bincount(profile * width + entry, minlength=size * width)
    gone = np.bincount(profile * width + np.maximum(end, entry), minlength=size * width)
    return (come - gone).reshape(size, width).cumsum(axis=1)[:, :ages]


def _owed(accounts: Accounts, ages: int) -> FloatArray:
    """Balance at charge-off of the loans watched in each month, (products, cohorts, ages)."""
    shape, width = (len(accounts.products), len(accounts.cohorts)), ages + 1
    pair, size = _pairs(accounts)
    come = np.bincount(pair * width + accounts.entry, accounts.balance, size * width)
    gone = np.bincount(pair * width + accounts.end, accounts.balance, size * width)
    owed = (come - gone).reshape(*shape, width).cumsum(axis=2)[:, :, :ages]
    watched = np.bincount(pair * width + accounts.entry, minlength=size * width)
    watched -= np.bincount(pair * width + accounts.end, minlength=size * width)
    return np.where(watched.reshape(*shape, width).cumsum(axis=2)[:, :, :ages] > 0, owed, 0.0)


def _received(accounts: Accounts, payments: Payments, ages: int) -> FloatArray:
    shape = (len(accounts.products), len(accounts.cohorts), ages)
    pair, size = _pairs(accounts)
    cell = pair[payments.account] * ages + payments.age - 1
    return np.bincount(cell, payments.cash, size * ages).reshape(shape).astype(np.float64)


def _pairs(accounts: Accounts) -> tuple[IntArray, int]:
    cohorts = len(accounts.cohorts)
    return accounts.product * cohorts + accounts.cohort, len(accounts.products) * cohorts


def _tickets(accounts: Accounts, walk: _Walk) -> tuple[FloatArray, FloatArray]:
    """Sums over whole tickets; tickets cut by the claim by the room that was left."""
    products, cohorts = len(accounts.products), len(accounts.cohorts)
    pair, size = _pairs(accounts)
    kind = (walk.closes & walk.was_paying).astype(np.int64)
    whole = walk.pays & ~walk.is_cut
    balance, cash = accounts.balance[walk.account], walk.cash
    ratio = np.maximum(cash[whole] / balance[whole], LEAST_RATIO)
    cell = (kind * size + pair[walk.account])[whole]
    owed = balance[whole]
    weights = (np.ones_like(ratio), ratio, np.log(ratio), cash[whole], owed, owed**2)
    sums = [np.bincount(cell, weight, 2 * size) for weight in weights]
    tickets = np.stack(sums, axis=-1, dtype=np.float64)
    tickets = tickets.reshape(2, products, cohorts, len(TICKET_SUMS))
    cut = walk.pays & walk.is_cut
    depth = 1 - np.log(np.clip(walk.room[cut], LEAST_ROOM, 1)) / np.log(LEAST_ROOM)
    place = np.minimum((depth * CUT_BINS).astype(np.int64), CUT_BINS - 1)
    spot = (kind[cut] * products + accounts.product[walk.account[cut]]) * CUT_BINS + place
    total = 2 * products * CUT_BINS
    cuts = [np.bincount(spot, weight, total) for weight in (np.ones(int(cut.sum())), balance[cut])]
    return tickets, np.stack(cuts, axis=-1, dtype=np.float64).reshape(2, products, CUT_BINS, 2)


def has_calendar(history: History) -> bool:
    """Whether every cohort's month of charge-off is known."""
    return bool((history.cohort_month != UNKNOWN_MONTH).all())


def merged_products(history: History, aliases: Mapping[str, str]) -> History:
    """The history with products under the names of a calibration; equal names are added up."""
    names = [aliases.get(name, name) for name in history.products]
    merged = tuple(sorted(set(names)))
    if merged == history.products:
        return history
    code = np.array([merged.index(name) for name in names], np.int64)
    sorting = (code[None, :] == np.arange(len(merged))[:, None]).astype(np.float64)

    def added(values: FloatArray, axis: int) -> FloatArray:
        return np.moveaxis(np.tensordot(sorting, values, axes=(1, axis)), 0, axis)

    return replace(
        history,
        products=merged,
        product=code[history.product],
        tickets=added(history.tickets, 1),
        cut=added(history.cut, 1),
        balance=added(history.balance, 0),
        cash=added(history.cash, 0),
    )
