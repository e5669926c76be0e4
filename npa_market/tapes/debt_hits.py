"""Debts that stand elsewhere under another number, as rows of a finding."""

from collections.abc import Collection
from uuid import UUID

import numpy as np
import pyarrow as pa

from npa_market.tapes.building import PAYOUT
from npa_market.tapes.found_rows import Hits, shown_value
from npa_market.tapes.models import Borrower, Loan, Tape
from npa_market.tapes.same_debt import Debts, Rows, Twins, same_debts
from npa_market.tapes.sold_again import debts_of_loans

_KEYS_PER_QUERY = 5_000
_NUMBER = "loan_number"


def shown_beside(number: str, other: str) -> str:
    """A loan number, and the other one of the same debt."""
    shown = shown_value(_NUMBER, number)
    return shown if number == other else f"{shown}, there {shown_value(_NUMBER, other)}"


def twin_hits(twins: Twins, debts: Debts, rows: Rows) -> Hits:
    """Debts that an earlier row of the tape has. rows: row numbers of the debts, ascending."""
    at, first = twins.earlier(debts, rows)
    numbers = [shown_value(_NUMBER, number) for number in _numbers(debts, at)]
    values = [
        f"{number}, as row {row}" for number, row in zip(numbers, first.tolist(), strict=True)
    ]
    return Hits.of(rows[at].tolist(), values, numbers)


def renumbered_hits(debts: Debts, rows: Rows, tape: Tape, beside: Collection[UUID]) -> Hits:
    """Debts that tapes `beside` this one have. rows: row number of each, a row may have two."""
    found = _renumbered(debts, tape.seller_id, beside)
    by_row = {int(rows[at]): at for at in found}
    places = [by_row[row] for row in sorted(by_row)]
    numbers = _numbers(debts, np.array(places, np.int64))
    values = [shown_beside(number, found[at]) for number, at in zip(numbers, places, strict=True)]
    return Hits.of(sorted(by_row), values, [shown_value(_NUMBER, number) for number in numbers])


def _numbers(debts: Debts, places: Rows) -> list[str]:
    numbers: list[str] = debts.numbers.take(pa.array(places)).to_pylist()
    return numbers


def _renumbered(debts: Debts, seller_id: UUID, beside: Collection[UUID]) -> dict[int, str]:
    """Position of a debt -> its other number.

    The database is asked by borrower: by tape, engines may read all its rows for each query.
    """
    found: dict[int, str] = {}
    indexes = debts.take(debts.is_stated).borrowers.unique().to_pylist()
    for start in range(0, len(indexes), _KEYS_PER_QUERY):
        borrowers = dict(
            Borrower.objects.filter(
                seller=seller_id, blind_index__in=indexes[start : start + _KEYS_PER_QUERY]
            ).values_list("pk", "blind_index")
        )
        loans = Loan.objects.filter(borrower__in=list(borrowers)).order_by()
        known = [
            (number, borrowers[borrower], *payout)
            for tape, number, borrower, *payout in loans.values_list(
                "tape_id", "loan_number", "borrower_id", *PAYOUT, "product"
            )
            if tape in beside
        ]
        found.update(zip(*same_debts(debts, debts_of_loans(known)), strict=True))
    return found
