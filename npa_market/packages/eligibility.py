"""The pre-sale screen: pure rules on columns; each hit is excluded, or disclosed where allowed.

A rule takes the loans as a frame (columns of `loading.loans_table`) and gives a mask. Words and
order stand in `screen_items`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.packages.months import months_before
from npa_market.packages.screen_items import (
    DISCLOSABLE,
    ITEMS,
    NOT_ON_TAPE,
    NOT_SCREENED,
)
from npa_market.tapes.same_debt import Debts, no_debts, same_debts

Mask = npt.NDArray[np.bool_]
Rule = Callable[[pd.DataFrame, "Background"], Mask]
Matches = tuple[npt.NDArray[np.int64], Mask]
Renumbered = tuple[npt.NDArray[np.int64], list[str]]
_KEY = pa.binary(16)
NO_DEBTS = no_debts(_KEY)
ADULT_AGE = 18
NAMED = 20  # loans of a rule that are named with their other number
NEAR_MONTHS = 6  # "time-barred or within 6 months of it": a default, not a rule of law
# Months after which a claim is barred, by the market's currency. CNY: Civil Code art. 188, three
# years, begun anew by payment or demand (art. 195). Where no law is on record nothing is derived
# and only the tape's own status counts.
LIMITATION_MONTHS: Mapping[str, int] = {"CNY": 36}
# What the rules read of `loading.loans_table`.
SCREENED_TEXTS = ("loan_number", "product", "currency", "litigation_status", "status")
SCREENED_COLUMNS = [
    "id",
    "borrower_id",
    *SCREENED_TEXTS,
    "principal_minor",
    "interest_minor",
    "fees_minor",
    "claim_minor",
    "original_amount_minor",
    "origination_date",
    "default_date",
    "charge_off_date",
    "last_payment_date",
    "last_contact_date",
    "borrower__birth_year",
]


# In the order of the columns of `Debts`.
DEBT_COLUMNS = [
    "loan_number",
    "borrower_id",
    "origination_date",
    "original_amount_minor",
    "product",
]


@dataclass(frozen=True)
class Identities:
    """Loans beyond their rows, (loans,) each: the same loan on a newer tape is a new row.

    numbers: the seller's loan numbers, as texts; borrowers: keys of 16 bytes.
    """

    numbers: pa.Array
    borrowers: pa.Array

    @cached_property
    def pairs(self) -> pa.Array:
        """Number and borrower as one text of bytes: keys have one length, so no two are alike."""
        return _pairs(self.numbers, self.borrowers)


NO_IDENTITIES = Identities(pa.array([], pa.string()), pa.array([], pa.binary()))


def _pairs(numbers: pa.Array, borrowers: pa.Array) -> pa.Array:
    parts = numbers.cast(pa.binary()), borrowers.cast(pa.binary())
    return pc.binary_join_element_wise(*parts, b"")


@dataclass(frozen=True)
class Background:
    """What the rules need beside the columns.

    live: the seller's loans in other live packages; live_debts: the same as debts.
    sold: the seller's loans whose title has moved; sold_debts: the same as debts.
    complained: the seller's loans with an open complaint in an imported history.
    """

    currency: str
    cut_off_date: date
    live: Identities = NO_IDENTITIES
    sold: Identities = NO_IDENTITIES
    complained: Identities = NO_IDENTITIES
    live_debts: Debts = NO_DEBTS
    sold_debts: Debts = NO_DEBTS
    _matched: dict[str, tuple[pd.DataFrame, Any]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def matches(self, taken: str, frame: pd.DataFrame) -> Matches:
        """`_matches` of the frame with a field of identities, made once for rules that share it."""
        matched: Matches = self._once(taken, frame, _matches)
        return matched

    def renumbered(self, taken: str, frame: pd.DataFrame) -> Renumbered:
        """Positions of the loans whose debt is among a field of debts under another number, and
        that number; made once."""
        found: Renumbered = self._once(taken, frame, _renumbered)
        return found

    def _once(self, taken: str, frame: pd.DataFrame, compare: Callable[..., Any]) -> Any:
        known = self._matched.get(taken)
        if known is None or known[0] is not frame:
            known = self._matched[taken] = frame, compare(frame, getattr(self, taken))
        return known[1]


@dataclass(frozen=True)
class Finding:
    """Result of one rule. hits: loans it meets; excluded: those not excluded for an earlier rule.

    treatment: `exclude`, `disclose`, or `not on the tape` where the seller gives no such field
    (then the counts are None). Amounts are those of the hits.
    """

    rule: str
    title: str
    treatment: str
    hits: int | None
    borrowers: int | None
    excluded: int | None
    principal_minor: int | None
    claim_minor: int | None

    def as_document(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Screening:
    """Which loans stay, (loans,), and what each rule found.

    renumbered: of the rules on other numbers, some loans with both numbers, the seller's own.
    """

    keeps: Mask
    findings: tuple[Finding, ...]
    renumbered: tuple[dict[str, str], ...] = ()


def _has_status(status: str) -> Rule:
    def hits(frame: pd.DataFrame, background: Background) -> Mask:
        return np.asarray(frame["status"] == status)

    return hits


def _disputed(frame: pd.DataFrame, background: Background) -> Mask:
    """By the tape's status, or by an open complaint on the loan's number, on whichever tape."""
    found = np.array(frame["status"] == "disputed", dtype=bool)
    if len(background.complained.numbers):
        at, _ = background.matches("complained", frame)
        found[at] = True
    return found


def limitation_start(frame: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """When the period last began: default (else charge-off), payment, or contact, NaT = unknown.

    A recorded contact counts as a demand; whether it can be proved is for the seller to say.
    """
    begun = frame["default_date"].fillna(frame["charge_off_date"])
    return pd.concat([begun, frame["last_payment_date"], frame["last_contact_date"]], axis=1).max(
        axis=1
    )


def _barred_within(frame: pd.DataFrame, background: Background, months: int) -> Mask:
    """Not sued and barred at most `months` after the cut-off date."""
    period = LIMITATION_MONTHS.get(background.currency)
    if period is None:
        return np.zeros(len(frame), dtype=bool)
    latest = pd.Timestamp(months_before(background.cut_off_date, period - months))
    not_sued = frame["litigation_status"] == "not_sued"
    return np.asarray(not_sued & (limitation_start(frame) <= latest))


def _time_barred(frame: pd.DataFrame, background: Background) -> Mask:
    return np.asarray(frame["status"] == "time_barred") | _barred_within(frame, background, 0)


def _limitation_near(frame: pd.DataFrame, background: Background) -> Mask:
    near = _barred_within(frame, background, NEAR_MONTHS)
    return near & ~_time_barred(frame, background)


LATER_COPY = "later_copy"
SAME_BORROWER, OTHER_BORROWER = 1, 2


def later_copies(
    numbers: npt.NDArray[np.integer[Any]], borrowers: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.int8]:
    """Whether a later row has the loan's number: 0 none has, else SAME_ or OTHER_BORROWER.

    numbers, borrowers: codes of all loans of a pool in the order of their import, (loans,). Within
    a seller the number decides: one person is another borrower with an ID number than without.
    """
    places = np.arange(len(numbers))
    latest = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=np.int64)
    latest[numbers] = places  # Of equal numbers the last one stays.
    last = latest[numbers]
    of_same = borrowers[last] == borrowers
    copies = np.where(of_same, SAME_BORROWER, OTHER_BORROWER)
    return np.where(last == places, 0, copies).astype(np.int8)


def _has_later_copy(whose: int) -> Rule:
    def hits(frame: pd.DataFrame, background: Background) -> Mask:
        return np.asarray(frame[LATER_COPY] == whose)

    return hits


def _look_alike(frame: pd.DataFrame, background: Background) -> Mask:
    """Another loan number, yet borrower, product, payout, date and balances are the same."""
    alike = [
        "borrower_id",
        "product",
        "origination_date",
        "original_amount_minor",
        "principal_minor",
        "interest_minor",
    ]
    known = frame["origination_date"].notna() & frame["original_amount_minor"].notna()
    latest = frame[known & (frame[LATER_COPY] == 0)]
    repeats = latest.duplicated(alike, keep="last")
    return np.asarray(repeats.reindex(frame.index, fill_value=False), dtype=bool)


def _among(taken: str, *, is_same_borrower: bool) -> Rule:
    """Loans with the number of one of the background's `taken`, with its borrower or another.

    The number decides: one person is another borrower with an ID number than without.
    """

    def hits(frame: pd.DataFrame, background: Background) -> Mask:
        found = np.zeros(len(frame), dtype=bool)
        at, is_same = background.matches(taken, frame)
        found[at] = is_same == is_same_borrower
        return found

    return hits


def _matches(frame: pd.DataFrame, identities: Identities) -> Matches:
    """Positions of the loans with the number of one of the identities; is its borrower theirs?"""
    if not len(frame) or not len(identities.numbers):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=bool)
    numbers = _plain(frame["loan_number"])
    at = np.flatnonzero(pc.is_in(numbers, value_set=identities.numbers))
    # Arrow, not numpy: that cuts trailing zero bytes off keys, so one in 256 is not found.
    pairs = _pairs(numbers.take(at), _plain(frame["borrower_id"].iloc[at]))
    return at, np.asarray(pc.is_in(pairs, value_set=identities.pairs))


def _plain(column: "pd.Series[Any]") -> pa.Array:
    """The values of a column, of codes or not."""
    values = pa.Array.from_pandas(column)
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _among_debts(taken: str) -> Rule:
    """Loans whose debt is among the background's `taken`, under another number."""

    def hits(frame: pd.DataFrame, background: Background) -> Mask:
        found = np.zeros(len(frame), dtype=bool)
        found[background.renumbered(taken, frame)[0]] = True
        return found

    return hits


def _renumbered(frame: pd.DataFrame, known: Debts) -> Renumbered:
    if not len(known.numbers):
        return np.empty(0, dtype=np.int64), []
    return same_debts(_debts(frame), known)


def _debts(frame: pd.DataFrame) -> Debts:
    return Debts(
        _plain(frame["loan_number"]),
        _plain(frame["borrower_id"]).cast(_KEY),
        pa.Array.from_pandas(frame["origination_date"]).cast(pa.date32()),
        pa.Array.from_pandas(frame["original_amount_minor"]).cast(pa.int64()),
        _plain(frame["product"]),
    )


def _minor(frame: pd.DataFrame, background: Background) -> Mask:
    """Surely under age: the tape gives the year of birth only."""
    age = background.cut_off_date.year - frame["borrower__birth_year"]
    return np.asarray((age < ADULT_AGE).fillna(False), dtype=bool)


def _parts_wrong(frame: pd.DataFrame, background: Background) -> Mask:
    parts = frame["principal_minor"] + frame["interest_minor"] + frame["fees_minor"]
    return np.asarray((parts != frame["claim_minor"]) | (frame["claim_minor"] <= 0))


def _other_currency(frame: pd.DataFrame, background: Background) -> Mask:
    return np.asarray(frame["currency"] != background.currency)


RULES: dict[str, Rule] = {
    "deceased": _has_status("deceased"),
    "bankrupt": _has_status("bankrupt"),
    "settled": _has_status("settled"),
    "fraud": _has_status("fraud"),
    "disputed": _disputed,
    "sold": _among("sold", is_same_borrower=True),
    "sold_other_borrower": _among("sold", is_same_borrower=False),
    "sold_renumbered": _among_debts("sold_debts"),
    "in_live_package": _among("live", is_same_borrower=True),
    "in_live_other_borrower": _among("live", is_same_borrower=False),
    "in_live_renumbered": _among_debts("live_debts"),
    "duplicate": _has_later_copy(SAME_BORROWER),
    "duplicate_other_borrower": _has_later_copy(OTHER_BORROWER),
    "look_alike": _look_alike,
    "minor": _minor,
    "parts_wrong": _parts_wrong,
    "other_currency": _other_currency,
    "time_barred": _time_barred,
    "limitation_near": _limitation_near,
}


def screen(frame: pd.DataFrame, background: Background, disclose: tuple[str, ...]) -> Screening:
    """Apply every rule; hits of the rules named in `disclose` stay in, counted.

    frame: columns of `loading.loans_table`, and LATER_COPY. Raises ValueError where `disclose`
    names a rule whose hits must be excluded.
    """
    refused = set(disclose) - set(DISCLOSABLE)
    if refused:
        raise ValueError(f"hits may not be disclosed instead of excluded: {sorted(refused)}")
    keeps = np.ones(len(frame), dtype=bool)
    findings = []
    for item in ITEMS:
        hits = RULES[item.code](frame, background)
        is_disclosed = item.code in disclose
        excluded = np.zeros(len(frame), dtype=bool) if is_disclosed else hits & keeps
        keeps &= ~excluded
        findings.append(
            Finding(
                rule=item.code,
                title=item.title,
                treatment="disclose" if is_disclosed else "exclude",
                hits=int(hits.sum()),
                borrowers=int(frame["borrower_id"][hits].nunique()),
                excluded=int(excluded.sum()),
                principal_minor=int(frame["principal_minor"][hits].sum()),
                claim_minor=int(frame["claim_minor"][hits].sum()),
            )
        )
    findings += [
        Finding(item.code, item.title, NOT_SCREENED, None, None, None, None, None)
        for item in NOT_ON_TAPE
    ]
    return Screening(keeps, tuple(findings), _named(frame, background))


def _named(frame: pd.DataFrame, background: Background) -> tuple[dict[str, str], ...]:
    """Loans of the rules on other numbers, a few of each."""
    named = []
    for rule, taken in (("sold_renumbered", "sold_debts"), ("in_live_renumbered", "live_debts")):
        places, others = background.renumbered(taken, frame)
        numbers = frame["loan_number"].iloc[places[:NAMED]].tolist()
        named += [
            {"rule": rule, "number": number, "other": other}
            for number, other in zip(numbers, others, strict=False)
        ]
    return tuple(named)
