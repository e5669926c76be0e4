"""A tape against what came before it: the same loan on other tapes, and its drift."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from npa_market.tapes.models import Loan, LoanStatus, Tape

_KEYS_PER_QUERY = 5_000
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sides:
    """Loans of a chunk beside the same loans on the latest other tape, arrays (loans,) each.

    Dates are datetime64[D], NaT where none; borrowers are blind indexes; `cut_off`: the other
    tape's.
    """

    cut_off_date: date
    borrower: tuple[Sequence[str], Sequence[str]]
    principal: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    received: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    charge_off: tuple[npt.NDArray[np.datetime64], npt.NDArray[np.datetime64]]
    status: tuple[Sequence[str], Sequence[str]]
    cut_off: npt.NDArray[np.datetime64]

    @property
    def is_same_borrower(self) -> Flags:
        return np.asarray(np.array(self.borrower[0]) == np.array(self.borrower[1]))

    @property
    def is_later(self) -> Flags:
        """The other tape is older than this one."""
        return np.asarray(self.cut_off < np.datetime64(self.cut_off_date, "D"))


@dataclass(frozen=True)
class DriftRule:
    """A note on a loan that another tape of the seller has too; `field` is the one to look at."""

    id: str
    field: str
    words: str
    test: Callable[[Sides], Flags]


def _moved(sides: Sides, is_hit: Flags) -> Flags:
    return np.asarray(is_hit & sides.is_same_borrower & sides.is_later)


def _revived(sides: Sides) -> Flags:
    now, before = np.array(sides.status[0]), np.array(sides.status[1])
    return _moved(sides, (before != LoanStatus.LIVE) & (now == LoanStatus.LIVE))


def _charge_off_moved(sides: Sides) -> Flags:
    now, before = sides.charge_off
    return _moved(sides, (now != before) & ~np.isnat(now) & ~np.isnat(before))


DRIFT_RULES = (
    DriftRule(
        "loan_on_other_tape",
        "loan_number",
        "The same loan stands on another tape with the same cut-off date: one of the two counts.",
        lambda sides: (
            sides.is_same_borrower & (sides.cut_off == np.datetime64(sides.cut_off_date, "D"))
        ),
    ),
    DriftRule(
        "loan_of_other_borrower",
        "loan_number",
        "Another tape has this loan number with another borrower.",
        lambda sides: ~sides.is_same_borrower,
    ),
    DriftRule(
        "principal_up",
        "principal_minor",
        "The principal is above that of the seller's earlier tape, after the charge-off.",
        lambda sides: _moved(sides, sides.principal[0] > sides.principal[1]),
    ),
    DriftRule(
        "received_down",
        "received_minor",
        "Less was received after charge-off than the seller's earlier tape stated.",
        lambda sides: _moved(sides, sides.received[0] < sides.received[1]),
    ),
    DriftRule(
        "status_back",
        "status",
        "The loan is live again; the seller's earlier tape had it dead, settled or in dispute.",
        _revived,
    ),
    DriftRule(
        "charge_off_moved",
        "charge_off_date",
        "The charge-off date is another one than on the seller's earlier tape.",
        _charge_off_moved,
    ),
)


def _others(tape: Tape) -> list[UUID]:
    others = Tape.objects.filter(
        seller=tape.seller_id, currency=tape.currency, cut_off_date__lte=tape.cut_off_date
    )
    return list(others.exclude(pk=tape.pk).values_list("pk", flat=True))


@dataclass(frozen=True)
class Written:
    """What a chunk has written, as plain columns: (loans,) each."""

    numbers: Sequence[str]
    borrowers: Sequence[str]
    principal: npt.NDArray[np.int64]
    received: npt.NDArray[np.int64]
    charge_off: npt.NDArray[np.datetime64]
    status: Sequence[str]


def compared(tape: Tape, written: Written) -> tuple[npt.NDArray[np.int64], Sides] | None:
    """Positions of the loans that another tape has too, and both sides; None where it has none.

    Of several other tapes the latest up to this tape's cut-off date counts.
    """
    before = _before(tape, written.numbers)
    at = np.array([at for at, number in enumerate(written.numbers) if number in before], int)
    if not len(at):
        return None
    rows: list[Any] = [before[written.numbers[index]] for index in at.tolist()]

    def days(position: int) -> npt.NDArray[np.datetime64]:
        return np.array([row[position] for row in rows], dtype="datetime64[D]")

    def amounts(position: int) -> npt.NDArray[np.int64]:
        return np.array([row[position] for row in rows], dtype=np.int64)

    return at, Sides(
        tape.cut_off_date,
        ([written.borrowers[index] for index in at], [row[1] for row in rows]),
        (written.principal[at], amounts(2)),
        (written.received[at], amounts(3)),
        (written.charge_off[at], days(4)),
        ([written.status[index] for index in at], [row[5] for row in rows]),
        days(6),
    )


def _before(tape: Tape, numbers: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    others = _others(tape)
    for start in range(0, len(numbers), _KEYS_PER_QUERY):
        loans = (
            Loan.objects.imported()
            .filter(tape__in=others, loan_number__in=numbers[start : start + _KEYS_PER_QUERY])
            .order_by("tape__cut_off_date", "pk")
            .values_list(
                "loan_number",
                "borrower__blind_index",
                "principal_minor",
                "received_minor",
                "charge_off_date",
                "status",
                "tape__cut_off_date",
            )
        )
        found.update({row[0]: row for row in loans})
    return found
