"""Valid rows of a chunk as rows of the tables: borrowers sealed, loans, receipts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import pandas as pd

from npa_market.common.fields import uuid7
from npa_market.tapes.models import Borrower, Loan, LoanStatus, Receipt, Tape
from npa_market.tapes.validation import Checked
from npa_market.tapes.vault import BORROWER_PLACES, Place, Vault, blind_index

BORROWER_FIELDS = (
    "id",
    "seller",
    "blind_index",
    "name_sealed",
    "id_number_sealed",
    "mobile_sealed",
    "sex",
    "birth_year",
)
LOAN_COLUMNS = (
    "product",
    "principal_minor",
    "interest_minor",
    "fees_minor",
    "original_amount_minor",
    "credit_line_minor",
    "annual_rate_bp",
    "term_months",
    "instalments_paid",
    "origination_date",
    "default_date",
    "charge_off_date",
    "last_payment_date",
    "days_overdue",
    "grade",
    "province",
    "city",
    "litigation_status",
    "is_reachable",
    "last_contact_date",
    "prior_placements",
    "status",
    "received_minor",
    "collection_cost_minor",
)
LOAN_FIELDS = (
    "id",
    "tape",
    "borrower",
    "row_number",
    "loan_number",
    "currency",
    "claim_minor",
    *LOAN_COLUMNS,
)
RECEIPT_FIELDS = ("loan", "month", "gross_minor", "cost_minor")
_DEFAULTS: dict[str, Any] = {
    "interest_minor": 0,
    "fees_minor": 0,
    "prior_placements": 0,
    "received_minor": 0,
    "collection_cost_minor": 0,
}
_CODE_DEFAULTS = {"litigation_status": "not_sued", "status": str(LoanStatus.LIVE)}
_REACHABLE = {"yes": True, "no": False, "": None}


@dataclass
class Rows:
    """Rows ready for the tables, in the order of the *_FIELDS."""

    borrowers: list[tuple[Any, ...]] = field(default_factory=list)
    loans: list[tuple[Any, ...]] = field(default_factory=list)
    receipts: list[tuple[Any, ...]] = field(default_factory=list)


def borrower_indexes(chunk: Checked, seller_id: UUID, key: bytes) -> list[str]:
    """Blind index per row: of the ID number, else of the seller's own customer number."""
    numbers, keys = chunk.plain("id_number"), chunk.plain("borrower_key")
    return [
        blind_index(number, scope="cn-id", key=key)
        if number
        else blind_index(own, scope=f"seller:{seller_id}", key=key)
        for number, own in zip(numbers, keys, strict=True)
    ]


def borrower_row(
    chunk: Checked, row: int, index: str, seller_id: UUID, vault: Vault
) -> tuple[Any, ...]:
    """A new borrower; sex and year of birth come from the ID number where there is one."""
    pk, fact = uuid7(), chunk.id_facts[row]
    sealed = [
        vault.seal(chunk.plain(name)[row], Place(label, pk))
        for name, label in BORROWER_PLACES.items()
    ]
    year = chunk.plain("birth_year")[row]
    return (
        pk,
        seller_id,
        index,
        *sealed,
        (fact.sex if fact else "") or chunk.plain("sex")[row],
        fact.birth.year if fact and fact.birth else (None if year is pd.NA else int(year)),
    )


def _plain(name: str, chunk: Checked) -> list[Any]:
    """A field as Python values: int, date, str or None, with what a missing cell means."""
    values = chunk[name].values
    if name == "is_reachable":
        return [_REACHABLE[text] for text in values]
    if name in _CODE_DEFAULTS:
        return [text or _CODE_DEFAULTS[name] for text in values]
    if values.dtype.kind == "M":
        return [None if day is pd.NaT else day for day in values.dt.date]
    if values.dtype == "Int64":
        missing = _DEFAULTS.get(name)
        return [missing if value is pd.NA else value for value in values.tolist()]
    return values.tolist()


def _receipts(chunk: Checked, row: int) -> tuple[tuple[date | None, int, int], ...]:
    """Monthly receipts, or the stated total as one receipt without a month."""
    months: tuple[tuple[date | None, int, int], ...] = chunk.plain("receipts")[row]
    if months:
        return months
    stated = (chunk.plain("received_minor")[row], chunk.plain("collection_cost_minor")[row])
    gross, cost = (0 if amount is pd.NA else int(amount) for amount in stated)
    return ((None, gross, cost),) if gross or cost else ()


def loan_rows(
    chunk: Checked,
    rows: Sequence[int],
    row_numbers: Sequence[int],
    borrowers: Sequence[UUID],
    tape: Tape,
) -> Iterator[tuple[tuple[Any, ...], list[tuple[Any, ...]]]]:
    """Per valid row the loan and its receipts. `borrowers`: key per entry of `rows`."""
    plain = {name: _plain(name, chunk) for name in LOAN_COLUMNS}
    numbers, claims = chunk["loan_number"].values.tolist(), chunk.claim.tolist()
    for row, borrower in zip(rows, borrowers, strict=True):
        pk, receipts = uuid7(), _receipts(chunk, row)
        values = {name: column[row] for name, column in plain.items()}
        if receipts:
            values["received_minor"] = sum(gross for _, gross, _ in receipts)
            values["collection_cost_minor"] = sum(cost for _, _, cost in receipts)
        loan = (
            pk,
            tape.pk,
            borrower,
            row_numbers[row],
            numbers[row],
            tape.currency,
            claims[row],
            *values.values(),
        )
        yield loan, [(pk, *receipt) for receipt in receipts]


TABLES = ((Borrower, BORROWER_FIELDS), (Loan, LOAN_FIELDS), (Receipt, RECEIPT_FIELDS))
