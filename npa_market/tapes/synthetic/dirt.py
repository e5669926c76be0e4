"""Deliberate faults: one wrong row for each rule, again and again, for the share asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from npa_market.tapes.synthetic.layout import SyntheticTape

Cells = dict[str, str]


@dataclass(frozen=True)
class Fault:
    """`rule`: id of the validation rule that must find it; `spoil` changes cells by field."""

    rule: str
    spoil: Callable[[Cells, date], Cells]
    needs: str = "loan_number"  # a field that the tape must have, filled in the row


def _set(**changes: str) -> Callable[[Cells, date], Cells]:
    return lambda cells, cut_off: changes


def _late(field: str) -> Callable[[Cells, date], Cells]:
    return lambda cells, cut_off: {field: (cut_off + timedelta(days=40)).isoformat()}


def _wrong_check_digit(cells: Cells, cut_off: date) -> Cells:
    number = cells["id_number"]
    return {"id_number": number[:-1] + ("1" if number[-1] != "1" else "2")}


def _impossible_birth(cells: Cells, cut_off: date) -> Cells:
    from npa_market.tapes.synthetic.people import with_check_digit

    first_17 = f"{cells['id_number'][:6]}19901332{cells['id_number'][14:17]}"
    return {"id_number": str(with_check_digit(np.array([first_17], dtype=object))[0])}


def _exponent(cells: Cells, cut_off: date) -> Cells:
    return {"id_number": f"{float(cells['id_number'][:17] + '0'):.5E}"}


def _default_before_payout(cells: Cells, cut_off: date) -> Cells:
    day = date.fromisoformat(cells["origination_date"]) - timedelta(days=90)
    return {"default_date": day.isoformat()}


FAULTS: tuple[Fault, ...] = (
    Fault("value_missing", _set(loan_number="")),
    Fault("amount_unreadable", _set(principal_minor="about 3000")),
    Fault("amount_negative", _set(interest_minor="-12.00", total_minor="")),
    Fault(
        "nothing_owed",
        _set(principal_minor="0", interest_minor="0", fees_minor="0", total_minor="0"),
    ),
    Fault("parts_not_whole", _set(total_minor="1.00")),
    Fault("date_unreadable", _set(charge_off_date="2024-02-31")),
    Fault("date_future", _late("last_payment_date")),
    Fault("date_ancient", _set(origination_date="1900-01-01")),
    Fault("dates_out_of_order", _default_before_payout),
    Fault("number_unreadable", _set(annual_rate_bp="high")),
    Fault("code_unknown", _set(litigation_status="?")),
    Fault("text_unreadable", _set(product="x" * 100)),
    Fault("id_number_check_digit", _wrong_check_digit, "id_number"),
    Fault("id_number_birth", _impossible_birth, "id_number"),
    Fault("id_number_exponent", _exponent, "id_number"),
    Fault("id_number_shape", _set(id_number="12345"), "id_number"),
    Fault("borrower_missing", _set(id_number="", borrower_key="")),
    Fault("receipts_unreadable", _set(receipts="March: 100")),
    Fault("receipts_not_whole", _set(received_minor="0.01"), "receipts"),
    Fault(
        "receipt_before_charge_off",
        _set(receipts="1999-01:1.00", received_minor="1.00", collection_cost_minor=""),
    ),
    Fault("place_unknown", _set(province="Atlantis")),
    Fault("mobile_unusual", _set(mobile="none")),
)
TWICE = "loan_number_twice"


@dataclass(frozen=True)
class Spoiled:
    """Rows of a tape with faults in them, and how many faults each rule must find."""

    rows: Iterator[list[str]]
    faults: dict[str, int]


def spoiled(tape: SyntheticTape, *, share: float, seed: int, cut_off_date: date) -> Spoiled:
    """Spoil this share of the rows, each with one fault, every rule in turn.

    Row 0 stays sound, so that repeated loan numbers have somebody to repeat.
    """
    if not 0 <= share < 1:
        raise ValueError("the dirty share is 0 <= share < 1")
    rng = np.random.default_rng([seed, 1])
    total = len(tape.columns[0])
    picked = np.sort(rng.permutation(np.arange(1, total))[: round(share * total)])
    positions = {name: index for index, name in enumerate(tape.fields)}
    kinds = [*(fault for fault in FAULTS if fault.needs in positions), None]
    plan: dict[int, Cells] = {}
    counts: dict[str, int] = {}
    for turn, row in enumerate(picked.tolist()):
        cells = {name: tape.columns[at][row] for name, at in positions.items()}
        fault = _fitting(kinds, turn, cells)
        rule = fault.rule if fault else TWICE
        first = {"loan_number": tape.columns[positions["loan_number"]][0]}
        plan[row] = fault.spoil(cells, cut_off_date) if fault else first
        counts[rule] = counts.get(rule, 0) + 1

    def rows() -> Iterator[list[str]]:
        for index, row in enumerate(tape.rows()):
            for name, text in plan.get(index, {}).items():
                if name in positions:
                    row[positions[name]] = text
            yield row

    return Spoiled(rows(), counts)


def _fitting(kinds: list[Fault | None], turn: int, cells: Cells) -> Fault | None:
    """The fault whose turn it is, or the next one that this row can show."""
    for step in range(len(kinds)):
        fault = kinds[(turn + step) % len(kinds)]
        if fault is None or cells[fault.needs]:
            return fault
    return None
