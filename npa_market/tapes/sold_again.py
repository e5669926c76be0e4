"""Rows that are loans others own since a sale: by loan number, and by the debt under another."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from npa_market.parties.models import Organisation
from npa_market.tapes.building import borrower_indexes, debts_by_any_index, stated_payouts
from npa_market.tapes.models import Loan
from npa_market.tapes.outside import sold_loans
from npa_market.tapes.same_debt import (
    Debts,
    Hashes,
    Rows,
    joined_debts,
    payout_hashes,
    same_debts,
)
from npa_market.tapes.validation import Checked
from npa_market.tapes.vault import index_key

_KEYS_PER_QUERY = 5_000
LOAN_SOLD = "The loan was sold: it has the number and the borrower of a loan that others own."
SOLD_OF_OTHER = (
    "The loan number is that of a loan that others own since a sale, with another borrower. Give a "
    "loan that was never sold a number of its own."
)
SOLD_RENUMBERED = (
    "The loan was sold under another number: borrower, payout date and amount paid out are those "
    "of a loan that others own. If it is another debt, name the product that tells the two apart."
)


@dataclass(frozen=True)
class Sold:
    """The seller's loans that others own.

    borrowers: loan number -> blind index. payouts: hashes of day and amount, of the debts.
    """

    borrowers: dict[str, str]
    debts: Debts
    payouts: Hashes


@dataclass(frozen=True)
class Again:
    """Rows of a chunk that a rule keeps out, ascending, and under which number each was sold."""

    rule: str
    words: str
    rows: list[int]
    sold_as: list[str]


def loans_sold(seller: Organisation) -> Sold:
    """All loans of the seller that were sold, by every room that knows."""
    keys, borrowers, parts = sorted(sold_loans(seller)), dict[str, str](), []
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        loans = Loan.objects.filter(pk__in=keys[start : start + _KEYS_PER_QUERY]).order_by()
        part = debts_of_loans(
            loans.values_list(
                "loan_number",
                "borrower__blind_index",
                "origination_date",
                "original_amount_minor",
                "product",
            )
        )
        borrowers.update(zip(part.numbers.to_pylist(), part.borrowers.to_pylist(), strict=True))
        parts.append(part)
    debts = joined_debts(parts, pa.string())
    stated = debts.take(debts.is_stated)
    return Sold(borrowers, debts, np.unique(payout_hashes(stated.days, stated.amounts)))


def debts_of_loans(rows: Any) -> Debts:
    """Number, blind index, payout date, amount paid out and product of each loan."""
    types = (pa.string(), pa.string(), pa.date32(), pa.int64(), pa.string())
    columns = list(zip(*rows, strict=True)) or [()] * len(types)
    return Debts(*(pa.array(list(of), kind) for of, kind in zip(columns, types, strict=True)))


def sold_again(sold: Sold, chunk: Checked, sound: Rows, seller_id: UUID) -> Iterator[Again]:
    """What the rules find among the sound rows of a chunk; a row is kept out by one of them."""
    if not sold.borrowers:
        return
    yield from _by_number(sold, chunk, sound, seller_id)
    rows, payouts = stated_payouts(chunk, sound)
    rows = rows[np.isin(payouts, sold.payouts)]  # The others need no blind index.
    indexes = borrower_indexes(chunk, rows, seller_id, index_key())
    owners, debts = debts_by_any_index(chunk, rows, indexes, seller_id)
    at, others = same_debts(debts, sold.debts)
    found = dict(zip(owners[at].tolist(), others, strict=True))
    hits = sorted(found)
    yield Again("loan_sold_renumbered", SOLD_RENUMBERED, hits, [found[row] for row in hits])


def _by_number(sold: Sold, chunk: Checked, sound: Rows, seller_id: UUID) -> Iterator[Again]:
    """The number decides, whoever the borrower is said to be, since one person has another blind
    index with an ID number than without."""
    numbers = chunk["loan_number"].values.to_numpy()
    suspects = sound[[number in sold.borrowers for number in numbers[sound].tolist()]]
    indexes = borrower_indexes(chunk, suspects, seller_id, index_key())
    hits: dict[str, list[int]] = {LOAN_SOLD: [], SOLD_OF_OTHER: []}
    for row, index in zip(suspects.tolist(), indexes.tolist(), strict=True):
        is_same = sold.borrowers[numbers[row]] == index
        hits[LOAN_SOLD if is_same else SOLD_OF_OTHER].append(row)
    for rule, words in (("loan_sold", LOAN_SOLD), ("loan_sold_other_borrower", SOLD_OF_OTHER)):
        yield Again(rule, words, hits[words], numbers[hits[words]].tolist())
