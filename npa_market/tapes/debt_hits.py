"""Debts that stand elsewhere under another number, as rows of a finding."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.common.columnar import read_columns
from npa_market.tapes.found_rows import Hits, shown_value
from npa_market.tapes.models import Loan, Tape, TapeState
from npa_market.tapes.same_debt import Debts, Hashes, Rows, Twins, borrower_hashes

_KEYS_PER_QUERY = 5_000
_NUMBER = "loan_number"
# The tape and, in their order, the columns of `Debts`.
_LOANS = pa.schema(
    [
        pa.field("tape_id", pa.binary(16), nullable=False),
        pa.field("loan_number", pa.string(), nullable=False),
        pa.field("borrower__blind_index", pa.string(), nullable=False),
        pa.field("origination_date", pa.date32()),
        pa.field("original_amount_minor", pa.int64()),
        pa.field("product", pa.string(), nullable=False),
    ]
)
_NEW = 1 << 40  # Rows of the tape count from here, the loans that were known before from 0.


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


def _numbers(debts: Debts, places: Rows) -> list[str]:
    numbers: list[str] = debts.numbers.take(pa.array(places)).to_pylist()
    return numbers


@dataclass
class Beside:
    """What the seller's other imported tapes in this currency have of the borrowers met so far.

    Each borrower is asked for once.

    tapes: their keys. later: those of them that state balances of a later day than this tape.
    """

    seller_id: UUID
    tapes: frozenset[UUID]
    later: frozenset[UUID]
    _twins: Twins = field(default_factory=Twins)
    _asked: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))
    _numbers: list[pa.Array] = field(default_factory=list)
    _known: int = 0

    @classmethod
    def of(cls, tape: Tape) -> "Beside":
        """What there is to compare a tape with."""
        imported = Tape.objects.filter(
            seller=tape.seller_id, currency=tape.currency, state=TapeState.IMPORTED
        )
        cut_offs = dict(imported.exclude(pk=tape.pk).values_list("pk", "cut_off_date"))
        later = (key for key, cut_off in cut_offs.items() if cut_off > tape.cut_off_date)
        return cls(tape.seller_id, frozenset(cut_offs), frozenset(later))

    def hits(self, debts: Debts, rows: Rows) -> Hits:
        """Debts that the other tapes have under another number.

        debts: none whose own number an earlier tape has. rows: row number of each, a row may have
        two.
        """
        is_new = pc.and_(debts.is_stated, pc.invert(self._of_later(debts)))
        debts, rows = debts.take(is_new), rows[np.flatnonzero(is_new)]
        self._ask(debts.borrowers)
        at, first = self._twins.earlier(debts, _NEW + rows)
        at, first = at[first < _NEW], first[first < _NEW]
        ascending, one_each = np.unique(rows[at], return_index=True)
        numbers = _numbers(debts, at[one_each])
        known = pa.chunked_array(self._numbers, pa.string())
        others = known.take(pa.array(first[one_each])).to_pylist()
        values = [shown_beside(*pair) for pair in zip(numbers, others, strict=True)]
        shown = [shown_value(_NUMBER, number) for number in numbers]
        return Hits.of(ascending.tolist(), values, shown)

    def _of_later(self, debts: Debts) -> pa.Array:
        """Has a later tape the own number of the debt?"""
        numbers = debts.numbers.to_pylist() if self.later else []
        known: list[str] = []
        for start in range(0, len(numbers), _KEYS_PER_QUERY):
            some = numbers[start : start + _KEYS_PER_QUERY]
            loans = Loan.objects.filter(tape__in=self.later, loan_number__in=some)
            known += loans.order_by().values_list("loan_number", flat=True)
        return pc.is_in(debts.numbers, value_set=pa.array(known, pa.string()))

    def _ask(self, borrowers: pa.Array) -> None:
        """Take in the loans of borrowers that were not met yet."""
        met = borrowers.unique()
        hashes = borrower_hashes(met)
        new = ~np.isin(hashes, self._asked)
        self._asked = np.concatenate([self._asked, hashes[new]])
        for debts in self._loans(met.filter(pa.array(new)).to_pylist()):
            self._twins.earlier(debts, self._known + np.arange(len(debts.numbers)))
            self._numbers.append(debts.numbers)
            self._known += len(debts.numbers)

    def _loans(self, indexes: list[str]) -> Iterator[Debts]:
        """By borrower: by tape, engines may read all its rows for each query."""
        tapes = pa.array([tape.bytes for tape in self.tapes], pa.binary(16))
        for start in range(0, len(indexes), _KEYS_PER_QUERY):
            loans = Loan.objects.filter(
                borrower__seller=self.seller_id,
                borrower__blind_index__in=indexes[start : start + _KEYS_PER_QUERY],
            )
            read = read_columns(loans.order_by(), _LOANS)
            debts = Debts(*read.columns[1:])
            is_there = pc.is_in(read.column("tape_id"), value_set=tapes)
            yield debts.take(pc.and_(is_there, debts.is_stated)).distinct()
