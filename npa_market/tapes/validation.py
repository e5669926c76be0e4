"""The rules of a clean loan, as data: id, severity, words, and a test over a whole column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from itertools import starmap
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.tapes.columns import Column, Flags, no_flags
from npa_market.tapes.dictionary import DATE_FIELDS, EARLIEST_DATE, FIELDS, MONEY_FIELDS, Kind
from npa_market.tapes.frames import Frame, flags
from npa_market.tapes.identity import FAULTS, IdColumns, id_columns
from npa_market.tapes.mapping import Setting
from npa_market.tapes.misplaced import misplaced_tests

MOST_MINOR = 10**15
ADULT_YEARS = 18
# For RE2, whose \d is ASCII.
_MOBILE = r"^(?:(\+?86)?1[3-9]\d{9}|\+?\d[\d ().-]{6,18}\d)$"
# What spreadsheets make of long numbers, not `3E12`, which may be a seller's own reference.
_EXPONENT = r"^\d(?:\.\d+)?[eE]\+\d+$|^\d\.\d+[eE]\d+$"


class Severity(StrEnum):
    REJECT = "reject"  # the row is not imported
    NOTE = "note"  # the row is imported, and this is disclosed


@dataclass(frozen=True)
class Checked:
    """A chunk under test."""

    frame: Frame
    setting: Setting

    def __getitem__(self, field: str) -> Column:
        return self.frame[field]

    @cached_property
    def ids(self) -> IdColumns:
        """Facts of each row's ID number."""
        column = self.frame["id_number"]
        return id_columns(column.values.tolist(), column.is_filled)

    @cached_property
    def births(self) -> "pd.Series[Any]":
        """Birth dates told by ID numbers, datetime64[s]."""
        return pd.Series(self.ids.birth.astype("datetime64[s]"))

    @cached_property
    def claim(self) -> "pd.Series[Any]":
        """Principal + interest + fees, minor units; missing parts count 0."""
        parts = (self.amounts(name) for name in ("principal_minor", "interest_minor", "fees_minor"))
        return sum(parts, pd.Series(np.zeros(self.frame.rows, dtype=np.int64), dtype="Int64"))

    def plain(self, field: str) -> list[Any]:
        """A field as a list, made once: int or pd.NA, pd.Timestamp or pd.NaT, text, receipts."""
        if field not in self._plain:
            self._plain[field] = self.frame[field].values.tolist()
        return self._plain[field]

    @cached_property
    def _plain(self) -> dict[str, list[Any]]:
        return {}

    def amounts(self, field: str) -> "pd.Series[Any]":
        """A money field with 0 for missing and unreadable cells."""
        return self.frame[field].values.fillna(0)


Test = Callable[[Checked], Flags]


@dataclass(frozen=True)
class Rule:
    """`field` is the one to repair; `words` say what is wrong, to people who see the row.

    is_quoted: findings show the cell, masked; else nothing of it.
    """

    id: str
    field: str
    severity: Severity
    words: str
    test: Test
    is_quoted: bool = True


def _flags(series: "pd.Series[Any]") -> Flags:
    return series.fillna(False).to_numpy(dtype=np.bool_)


def _is_missing(field: str) -> Test:
    return lambda chunk: chunk[field].is_missing & ~chunk[field].is_bad


def _is_bad(field: str) -> Test:
    return lambda chunk: chunk[field].is_bad


def _no_borrower(chunk: Checked) -> Flags:
    return chunk["id_number"].is_missing & chunk["borrower_key"].is_missing


def _negative(field: str) -> Test:
    return lambda chunk: _flags(chunk[field].values < 0)


def _huge(field: str) -> Test:
    return lambda chunk: _flags(chunk[field].values > MOST_MINOR)


def _after_cut_off(field: str) -> Test:
    return lambda chunk: _flags(chunk[field].values > pd.Timestamp(chunk.setting.cut_off_date))


def _ancient(field: str) -> Test:
    return lambda chunk: _flags(chunk[field].values < pd.Timestamp(EARLIEST_DATE))


def _before(later: str, earlier: str) -> Test:
    return lambda chunk: _flags(chunk[later].values < chunk[earlier].values)


def _nothing_owed(chunk: Checked) -> Flags:
    return chunk["principal_minor"].is_filled & _flags(chunk.claim == 0)


def _parts_differ(chunk: Checked) -> Flags:
    parts = chunk["principal_minor"].values + chunk.amounts("interest_minor")
    return _flags(parts != chunk["total_minor"].values)


def _id_fault(fault: str) -> Test:
    number = FAULTS.index(fault)
    return lambda chunk: np.asarray(chunk.ids.fault == number)


def _has_exponent(field: str) -> Test:
    def test(chunk: Checked) -> Flags:
        texts = pa.array(chunk[field].values, type=pa.string())
        return np.asarray(
            chunk[field].is_filled
            & ~chunk[field].is_bad
            & flags(pc.match_substring_regex(texts, _EXPONENT))
        )

    return test


def _born_after_cut_off(chunk: Checked) -> Flags:
    return _flags(chunk.births > pd.Timestamp(chunk.setting.cut_off_date))


def _region_unknown(chunk: Checked) -> Flags:
    ids = chunk.ids
    return np.asarray(chunk["id_number"].is_filled & (ids.fault == 0) & ~ids.is_region_known)


def _minor(chunk: Checked) -> Flags:
    # 18 years have 6,574 or 6,575 days: never a note on the birthday itself.
    age = chunk["origination_date"].values - chunk.births
    return _flags(age < pd.Timedelta(days=int(ADULT_YEARS * 365.25)))


def _mobile_unusual(chunk: Checked) -> Flags:
    column = chunk["mobile"]
    mobiles = pa.array(column.values, type=pa.string())
    return np.asarray(column.is_filled & ~flags(pc.match_substring_regex(mobiles, _MOBILE)))


def _per_receipts(test: Callable[[Checked, int, Any], bool]) -> Test:
    """A test on the months of each row that has them."""

    def run(chunk: Checked) -> Flags:
        receipts, hits = chunk.plain("receipts"), no_flags(chunk.frame.rows)
        for index in np.flatnonzero(chunk["receipts"].is_filled):
            hits[index] = test(chunk, int(index), receipts[index])
        return hits

    return run


def _differs(field: str, part: int) -> Test:
    def test(chunk: Checked, index: int, receipts: Any) -> bool:
        stated = chunk.plain(field)[index]
        return stated is not pd.NA and stated != sum(row[part] for row in receipts)

    return _per_receipts(test)


def _month_after_cut_off(chunk: Checked, index: int, receipts: Any) -> bool:
    return bool(receipts[-1][0] > chunk.setting.cut_off_date)


def _month_before_charge_off(chunk: Checked, index: int, receipts: Any) -> bool:
    day = chunk.plain("charge_off_date")[index]
    return day is not pd.NaT and receipts[0][0] < date(day.year, day.month, 1)


def _above(left: str, right: str) -> Test:
    return lambda chunk: _flags(chunk[left].values > chunk[right].values)


def _recovery_above_claim(chunk: Checked) -> Flags:
    return (
        _flags(chunk.amounts("received_minor") > chunk.claim) & chunk["principal_minor"].is_filled
    )


def _days_differ(chunk: Checked) -> Flags:
    passed = (pd.Timestamp(chunk.setting.cut_off_date) - chunk["default_date"].values).dt.days
    return _flags((chunk["days_overdue"].values - passed.astype("Int64")).abs() > 31)


_UNREADABLE = {
    Kind.TEXT: ("text_unreadable", "is too long or holds characters that cannot be read"),
    Kind.MONEY: (
        "amount_unreadable",
        "is no amount in the tape's currency, or its separators part no groups of three",
    ),
    Kind.DATE: ("date_unreadable", "is no date in the mapping's formats"),
    Kind.RATE: ("number_unreadable", "is no rate between 0 and 1,000 %"),
    Kind.INTEGER: ("number_unreadable", "is no whole number in the field's range"),
    Kind.CODE: ("code_unknown", "is no word of the mapping's list"),
    Kind.FLAG: ("code_unknown", "is neither yes nor no"),
    Kind.RECEIPTS: ("receipts_unreadable", "is no list of months and amounts"),
}
_ID_FAULTS = {
    "id_number_exponent": "The ID number was turned into a number with an exponent, perhaps by a "
    "spreadsheet: its last digits are lost. Export the column as text.",
    "id_number_shape": "The ID number does not have 17 digits and a digit or X.",
    "id_number_check_digit": "The ID number's check digit is wrong.",
    "id_number_rounded": "The ID number ends in 000 and its check digit is wrong: perhaps a "
    "spreadsheet kept 15 of its 18 digits, so the rest is lost. Export the column as text.",
    "id_number_birth": "The ID number's birth date is no possible day.",
}
_IN_ORDER = (
    ("default_date", "origination_date"),
    ("charge_off_date", "default_date"),
    ("charge_off_date", "origination_date"),
    ("last_payment_date", "origination_date"),
)


def _reject(rule: str, field: str, words: str, test: Test) -> Rule:
    return Rule(rule, field, Severity.REJECT, words, test)


def _note(rule: str, field: str, words: str, test: Test) -> Rule:
    return Rule(rule, field, Severity.NOTE, words, test)


def _field_rules() -> Sequence[Rule]:
    rules = []
    for name, field in FIELDS.items():
        if field.is_required:
            rules.append(
                _reject("value_missing", name, f"{field.title} is empty.", _is_missing(name))
            )
        if field.kind == Kind.PLACE:
            words = f"{field.title} is unknown; the loan is imported without it."
            rules.append(_note("place_unknown", name, words, _is_bad(name)))
        else:
            rule, words = _UNREADABLE[field.kind]
            rules.append(_reject(rule, name, f"{field.title} {words}.", _is_bad(name)))
    for name in MONEY_FIELDS:
        title = FIELDS[name].title
        rules.append(_reject("amount_negative", name, f"{title} is below 0.", _negative(name)))
        rules.append(_reject("amount_too_large", name, f"{title} is not credible.", _huge(name)))
    for name in DATE_FIELDS:
        title = FIELDS[name].title
        words = f"{title}: the date is after the cut-off date."
        rules.append(_reject("date_future", name, words, _after_cut_off(name)))
        words = f"{title}: the date is before {EARLIEST_DATE.year}."
        rules.append(_reject("date_ancient", name, words, _ancient(name)))
    return rules


def _misplaced(rule: str, field: str, words: str, test: Callable[[Column], Flags]) -> Rule:
    return Rule(rule, field, Severity.REJECT, words, lambda chunk: test(chunk[field]), False)


RULES: tuple[Rule, ...] = (
    *_field_rules(),
    *starmap(_misplaced, misplaced_tests()),
    _reject(
        "borrower_missing",
        "borrower_key",
        "Neither an ID number nor a customer number.",
        _no_borrower,
    ),
    *(
        _reject(
            "number_exponent",
            name,
            f"{FIELDS[name].title} was turned into a number with an exponent, perhaps by a "
            "spreadsheet: its last digits are lost. Export the column as text.",
            _has_exponent(name),
        )
        for name in ("loan_number", "borrower_key")
    ),
    *(_reject(fault, "id_number", words, _id_fault(fault)) for fault, words in _ID_FAULTS.items()),
    _reject(
        "id_number_birth",
        "id_number",
        "The ID number's birth date is after the cut-off date.",
        _born_after_cut_off,
    ),
    *(
        _reject(
            "dates_out_of_order",
            later,
            f"{FIELDS[later].title}: the date is before “{FIELDS[earlier].title}”.",
            _before(later, earlier),
        )
        for later, earlier in _IN_ORDER
    ),
    _reject(
        "nothing_owed", "principal_minor", "Principal, interest and fees are 0.", _nothing_owed
    ),
    _reject(
        "parts_not_whole",
        "total_minor",
        "Principal plus interest is not the stated total.",
        _parts_differ,
    ),
    _reject(
        "receipts_not_whole",
        "received_minor",
        "The monthly receipts do not add up to the stated total.",
        _differs("received_minor", 1),
    ),
    _reject(
        "receipts_not_whole",
        "collection_cost_minor",
        "The monthly collection costs do not add up to the stated total.",
        _differs("collection_cost_minor", 2),
    ),
    _reject(
        "receipt_future",
        "receipts",
        "A receipt lies after the cut-off date.",
        _per_receipts(_month_after_cut_off),
    ),
    _reject(
        "receipt_before_charge_off",
        "receipts",
        "A receipt lies before the month of the charge-off.",
        _per_receipts(_month_before_charge_off),
    ),
    _note(
        "id_number_region",
        "id_number",
        "The ID number's region did not exist in the year of birth.",
        _region_unknown,
    ),
    _note("borrower_minor", "id_number", "The borrower was under 18 at payout.", _minor),
    _note("mobile_unusual", "mobile", "The mobile is no usual number.", _mobile_unusual),
    _note(
        "recovery_above_claim",
        "received_minor",
        "More was received after charge-off than is still owed.",
        _recovery_above_claim,
    ),
    _note(
        "principal_above_payout",
        "principal_minor",
        "The principal is above the amount paid out.",
        _above("principal_minor", "original_amount_minor"),
    ),
    _note(
        "instalments_above_term",
        "instalments_paid",
        "More instalments were paid than the term has.",
        _above("instalments_paid", "term_months"),
    ),
    _note(
        "days_overdue_differ",
        "days_overdue",
        "Days overdue differ by more than 31 from the days since the loan is overdue.",
        _days_differ,
    ),
)

# Rules that a single chunk cannot decide; the import applies them.
NOT_CHARGED_OFF = "The row is not charged off, so the mapping does not take it."
LOAN_NUMBER_TWICE = "The loan number stands on an earlier row of the tape."
ROW_SHAPE = "The row has another number of cells than the header."
