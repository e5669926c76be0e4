"""One debt under two loan numbers, told by what stays: borrower, day and amount of the payout.

Two loans of one borrower may share them, so a match is a question to the seller, unless the other
loan is sold or packed already. Where both name a product, it must be the same one. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.tapes.columns import Flags

Rows = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
_PAYOUT = ["borrower", "day", "amount"]


@dataclass(frozen=True)
class DebtRule:
    """A note on a loan whose debt stands elsewhere under another number."""

    id: str
    words: str


TWIN = DebtRule(
    "loan_twin",
    "An earlier row has the same borrower, payout date and amount paid out under another number: "
    "the same debt twice, or two of that day?",
)
RENUMBERED = DebtRule(
    "loan_renumbered",
    "Another tape has the same borrower, payout date and amount paid out under another number, and "
    "not this number: the same debt, or a second one of that day?",
)
DEBT_RULES = (TWIN, RENUMBERED)


@dataclass(frozen=True)
class Debts:
    """Loans, (loans,) each. borrowers: blind indexes or keys; days: date32, amounts: int64, null
    where the tape gives none (such a loan is like no other); products: "" where none is named.
    """

    numbers: pa.Array
    borrowers: pa.Array
    days: pa.Array
    amounts: pa.Array
    products: pa.Array

    def take(self, is_wanted: pa.Array) -> "Debts":
        """Those of the mask."""
        return Debts(*(column.filter(is_wanted) for column in vars(self).values()))

    def distinct(self) -> "Debts":
        """Each once, the lowest number first: monthly tapes state the same loan again."""
        table = pa.table(vars(self)).group_by(list(vars(self))).aggregate([])
        table = table.sort_by("numbers")
        return Debts(*(table.column(name).combine_chunks() for name in vars(self)))

    @property
    def is_stated(self) -> pa.Array:
        """Is the payout known?"""
        return pc.and_(pc.is_valid(self.days), pc.is_valid(self.amounts))


def no_debts(borrowers: pa.DataType) -> Debts:
    """None at all. borrowers: type of the column."""
    types = (pa.string(), borrowers, pa.date32(), pa.int64(), pa.string())
    return Debts(*(pa.array([], each) for each in types))


def joined_debts(parts: Sequence[Debts], borrowers: pa.DataType) -> Debts:
    """All of the parts, in their order."""
    columns = zip(*(vars(part).values() for part in (no_debts(borrowers), *parts)), strict=True)
    return Debts(*(pa.concat_arrays(list(each)) for each in columns))


def same_debts(new: Debts, known: Debts) -> tuple[Rows, list[str]]:
    """Positions of the new loans that are known under another number, ascending, and that number.

    A new loan whose own number is known stands for itself.
    """
    if not len(new.numbers) or not len(known.numbers):
        return np.empty(0, np.int64), []
    people = known.borrowers.unique()
    is_fresh = pc.invert(pc.is_in(new.numbers, value_set=known.numbers))
    left = _frame(new, people, is_fresh)
    right = _frame(known, people, pc.is_in(known.borrowers, value_set=new.borrowers.unique()))
    right = right.sort_values("number").drop_duplicates([*_PAYOUT, "product"])
    pairs = left.merge(right, on=_PAYOUT, suffixes=("", "_known"))
    fits = (
        (pairs["product"] == pairs["product_known"])
        | (pairs["product"] == "")
        | (pairs["product_known"] == "")
    )
    first = pairs[fits].sort_values(["at", "number_known"]).drop_duplicates("at")
    return first["at"].to_numpy(np.int64), first["number_known"].tolist()


def _frame(debts: Debts, people: pa.Array, is_wanted: pa.Array) -> pd.DataFrame:
    codes = pc.index_in(debts.borrowers, value_set=people)
    is_wanted = pc.and_(pc.and_(is_wanted, debts.is_stated), pc.is_valid(codes))
    at = np.flatnonzero(is_wanted.to_numpy(zero_copy_only=False))
    places = pa.array(at)
    return pd.DataFrame(
        {
            "at": at,
            "borrower": codes.take(places).to_numpy(),
            "day": debts.days.take(places).cast(pa.int32()).to_numpy(),
            "amount": debts.amounts.take(places).to_numpy(),
            "product": debts.products.take(places).to_numpy(zero_copy_only=False),
            "number": debts.numbers.take(places).to_numpy(zero_copy_only=False),
        }
    )


@dataclass
class FirstRows:
    """The first row of each hash of a file, and a mark of it: 24 bytes a hash, ascending."""

    hashes: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))
    rows: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    marks: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))

    def add(self, hashes: Hashes, rows: Rows, marks: Hashes) -> tuple[Rows, Hashes]:
        """First row of each hash and its mark, those of this next chunk counted too.

        rows: ascending.
        """
        distinct, first, back = np.unique(hashes, return_index=True, return_inverse=True)
        firsts, marked = rows[first], marks[first]
        places, is_known = self._places(distinct)
        firsts[is_known] = self.rows[places[is_known]]
        marked[is_known] = self.marks[places[is_known]]
        new = ~is_known
        self.hashes = np.insert(self.hashes, places[new], distinct[new])
        self.rows = np.insert(self.rows, places[new], firsts[new])
        self.marks = np.insert(self.marks, places[new], marked[new])
        return firsts[back], marked[back]

    def of(self, hashes: Hashes) -> Rows:
        """First row of each, beyond every row where there is none."""
        places, is_known = self._places(hashes)
        found = np.full(len(hashes), np.iinfo(np.int64).max)
        found[is_known] = self.rows[places[is_known]]
        return found

    def _places(self, hashes: Hashes) -> tuple[Rows, Flags]:
        places = np.searchsorted(self.hashes, hashes)
        is_known = places < len(self.hashes)
        is_known[is_known] = self.hashes[places[is_known]] == hashes[is_known]
        return places, is_known


@dataclass
class Twins:
    """The loans of one tape that an earlier row has under another number, chunk after chunk.

    Two debts of a million are taken for one in one of some ten million tapes; it is a note.
    """

    _payouts: FirstRows = field(default_factory=FirstRows)
    _repeats: FirstRows = field(default_factory=FirstRows)  # rows after the first, by product

    def earlier(self, debts: Debts, rows: Rows) -> tuple[Rows, Rows]:
        """Positions of the loans with a twin, and its row. rows: those of the loans, ascending."""
        at = np.flatnonzero(debts.is_stated.to_numpy(zero_copy_only=False))
        stated, rows = debts.take(debts.is_stated), rows[at]
        payouts = borrower_hashes(stated.borrowers) + payout_hashes(stated.days, stated.amounts)
        products = _hashes(stated.products.to_numpy(zero_copy_only=False))
        twins, named = self._payouts.add(payouts, rows, products)
        again = np.flatnonzero(twins < rows)
        repeats, theirs = payouts[again], products[again]
        self._repeats.add(repeats + theirs, rows[again], theirs)
        of_later = np.minimum(
            self._repeats.of(repeats + theirs), self._repeats.of(repeats + _UNNAMED)
        )
        fits = (named[again] == theirs) | (theirs == _UNNAMED) | (named[again] == _UNNAMED)
        twins[again] = np.where(fits, twins[again], of_later)
        again = again[twins[again] < rows[again]]
        return at[again], twins[again]


def borrower_hashes(borrowers: pa.Array) -> Hashes:
    """Of blind indexes."""
    return _hashes(borrowers.to_numpy(zero_copy_only=False))


def payout_hashes(days: pa.Array, amounts: pa.Array) -> Hashes:
    """Of day and amount, which are given."""
    days_hashed = _hashes(days.cast(pa.int32()).to_numpy())
    return days_hashed * np.uint64(3) + _hashes(amounts.to_numpy()) * np.uint64(5)


def _hashes(values: npt.NDArray[np.object_] | npt.NDArray[np.integer]) -> Hashes:
    return pd.util.hash_array(values, categorize=False)


_UNNAMED = _hashes(np.array([""], dtype=object))
