"""Invented histories of the loans of a synthetic tape, in step with what the tape says of them."""

from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import Any

import numpy as np

from npa_market.tapes.dictionary import FIELDS
from npa_market.tapes.history_layouts import LAYOUTS
from npa_market.tapes.history_models import HistoryKind
from npa_market.tapes.synthetic.layout import WORDS, SyntheticTape

SHARE_COMPLAINING = 0.02
_PATHS = {  # stage of the tape -> the steps that led there
    "in_suit": ("in_suit",),
    "mediated": ("in_suit", "mediated"),
    "judged": ("in_suit", "judged"),
    "enforcing": ("in_suit", "judged", "enforcing"),
    "ended_for_now": ("in_suit", "judged", "enforcing", "ended_for_now"),
    "terminated": ("in_suit", "judged", "enforcing", "terminated"),
}
_AVAILABLE = {  # document -> shares of original, copy, missing
    "contract": (0.15, 0.80, 0.05),
    "payout_proof": (0.05, 0.88, 0.07),
    "statement": (0.02, 0.90, 0.08),
    "judgment": (0.70, 0.28, 0.02),
}
_HISTORY_WORDS: dict[str, dict[str, Any]] = {
    "zh": {
        "agencies": ("甲公司", "乙公司", "丙公司", "丁公司"),
        "pay_channels": ("微信", "支付宝", "银行转账"),
        "court": "{}人民法院",
        "court_level": "基层",
        "case": "({})民初{}号",
        "subjects": ("频繁致电", "联系第三人", "金额有异议"),
        "complaint_channels": ("电话", "网站", "监管转办"),
    },
    "en": {
        "agencies": ("Agency A", "Agency B", "Agency C", "Agency D"),
        "pay_channels": ("Card", "Direct debit", "Bank transfer"),
        "court": "{} District Court",
        "court_level": "District",
        "case": "{}-CV-{}",
        "subjects": ("Too many calls", "Third party contacted", "Amount disputed"),
        "complaint_channels": ("Phone", "Web", "Regulator"),
    },
}
Row = dict[str, str]
Random = np.random.Generator


@dataclass(frozen=True)
class _Loan:
    """One loan as the tape has it; `stage` is a code, amounts are texts in major units."""

    number: str
    city: str
    claim: str
    stage: str
    is_reachable: bool
    default: date
    charge_off: date
    last_payment: str
    last_contact: date
    placements: int
    receipts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class SyntheticHistory:
    """Header and rows of texts of one kind."""

    header: tuple[str, ...]
    rows: Iterator[list[str]]


def make_histories(
    tape: SyntheticTape, *, seed: int, locale: str, cut_off_date: date
) -> dict[str, SyntheticHistory]:
    """The six histories of a tape of `make_tape` by kind; the same arguments, the same rows.

    Payments add up to the tape's receipts month by month, so do the receipts of the placements in
    all; the last contact and the last legal step are those of the tape. Rows come as they are read.
    """
    return {
        kind: _history(tape, kind, np.random.default_rng([seed, 2, at]), locale, cut_off_date)
        for at, kind in enumerate(HistoryKind.values)
    }


def _history(
    tape: SyntheticTape, kind: str, rng: Random, locale: str, cut_off_date: date
) -> SyntheticHistory:
    columns = LAYOUTS[kind]
    words = {  # code -> the market's word for it
        column.field.name: {code: word for word, code in reversed(list(column.table.items()))}
        if locale == "zh"
        else {}
        for column in columns
    }
    make = _MAKERS[kind]

    def rows() -> Iterator[list[str]]:
        for loan in _loans(tape, locale):
            for row in make(loan, rng, _HISTORY_WORDS[locale], cut_off_date):
                cells = {"loan_number": loan.number, **row}
                yield [
                    words[name].get(cell, cell)
                    for name, cell in ((each, cells.get(each, "")) for each in words)
                ]

    titles = (each.field.title_zh if locale == "zh" else each.field.title for each in columns)
    return SyntheticHistory(tuple(titles), rows())


def _loans(tape: SyntheticTape, locale: str) -> Iterator[_Loan]:
    at = {name: tape.columns[index] for index, name in enumerate(tape.fields)}
    codes = FIELDS["litigation_status"].codes
    stages = dict(zip(WORDS[locale]["litigation"], codes, strict=True))
    _, reachable = WORDS[locale]["reachable"]
    for row, number in enumerate(at["loan_number"]):
        whole, fees = (_minor(at[name][row]) for name in ("total_minor", "fees_minor"))
        yield _Loan(
            number=str(number),
            city=str(at["city"][row]),
            claim=_major(whole + fees),
            stage=stages[at["litigation_status"][row]],
            is_reachable=at["is_reachable"][row] == reachable,
            default=date.fromisoformat(at["default_date"][row]),
            charge_off=date.fromisoformat(at["charge_off_date"][row]),
            last_payment=at["last_payment_date"][row],
            last_contact=date.fromisoformat(at["last_contact_date"][row]),
            placements=int(at["prior_placements"][row]),
            receipts=_receipts(at["receipts"][row]),
        )


def _receipts(text: str) -> tuple[tuple[str, str, str], ...]:
    """(month, gross, cost) of `2025-03:120.00/36.00;…`."""
    found = []
    for entry in filter(None, text.split(";")):
        month, amounts = entry.split(":")
        gross, cost = amounts.split("/")
        found.append((month, gross, cost))
    return tuple(found)


def _minor(text: str) -> int:
    return int(text.replace(".", ""))


def _major(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _day(rng: Random, first: date, last: date) -> date:
    return first + timedelta(int(rng.integers(0, max((last - first).days, 0) + 1)))


def _pick(rng: Random, choices: Sequence[str], shares: Sequence[float] = ()) -> str:
    """One of the choices, each as likely as the other or by its share."""
    if not shares:
        return choices[int(rng.integers(len(choices)))]
    at = bisect(list(accumulate(shares)), rng.random())
    return choices[min(at, len(choices) - 1)]


def _paid_on(loan: _Loan) -> list[date]:
    """Day of each receipt: the 10th of its month, the last one as the tape has it."""
    days = [date.fromisoformat(f"{month}-10") for month, _, _ in loan.receipts]
    return [*days[:-1], date.fromisoformat(loan.last_payment)] if days else []


def _payments(loan: _Loan, rng: Random, words: Mapping[str, Any], _: date) -> Iterator[Row]:
    for on, (_month, gross, cost) in zip(_paid_on(loan), loan.receipts, strict=True):
        channel = _pick(rng, words["pay_channels"])
        yield {"on": str(on), "gross_minor": gross, "cost_minor": cost, "channel": channel}


def _contacts(loan: _Loan, rng: Random, words: Mapping[str, Any], _: date) -> Iterator[Row]:
    count = int(rng.poisson(3))
    days = sorted(_day(rng, loan.default, loan.last_contact) for _ in range(count))
    for on in [*days, loan.last_contact]:
        is_answered = bool(rng.random() < (0.6 if loan.is_reachable else 0.15))
        is_own = is_answered and bool(rng.random() < 0.7)
        yield {
            "on": str(on),
            "at": f"{rng.integers(9, 20):02d}:{rng.integers(0, 60):02d}",
            "channel": _pick(rng, ("call", "robot_call", "message"), (0.6, 0.25, 0.15)),
            "person": "own" if is_own or rng.random() < 0.9 else "third",
            "is_answered": "yes" if is_answered else "no",
            "is_right_party": "yes" if is_own else "no",
            "talk_seconds": str(rng.integers(5, 240)) if is_answered else "0",
            "agency": _pick(rng, words["agencies"]),
        }


def _legal(loan: _Loan, rng: Random, words: Mapping[str, Any], cut_off: date) -> Iterator[Row]:
    steps = _PATHS.get(loan.stage, ())
    days = sorted(_day(rng, loan.default, cut_off) for _ in steps)
    case = int(rng.integers(1, 20_000))
    for on, stage in zip(days, steps, strict=True):
        yield {
            "on": str(on),
            "stage": stage,
            "court": words["court"].format(loan.city),
            "court_level": words["court_level"],
            "case_number": words["case"].format(days[0].year, case),
            "amount_minor": loan.claim,
        }


def _placements(loan: _Loan, rng: Random, words: Mapping[str, Any], cut_off: date) -> Iterator[Row]:
    """One after the other from the charge-off on; each has the cash that came in its time."""
    later = sorted(_day(rng, loan.charge_off, cut_off) for _ in range(loan.placements - 1))
    starts = [loan.charge_off, *later][: loan.placements]
    received = [0] * len(starts)
    for on, (_month, gross, _cost) in zip(_paid_on(loan), loan.receipts, strict=True):
        at = max((n for n, start in enumerate(starts) if start <= on), default=None)
        if at is not None:
            received[at] += _minor(gross)
    for at, start in enumerate(starts):
        is_last = at == len(starts) - 1
        until = None if is_last else max(start, starts[at + 1] - timedelta(1))
        yield {
            "on": str(start),
            "until": str(until or ""),
            "agency": _pick(rng, words["agencies"]),
            "commission_bp": _pick(rng, ("18", "25", "30", "35")),
            "received_minor": _major(received[at]),
        }


def _complaints(loan: _Loan, rng: Random, words: Mapping[str, Any], cut_off: date) -> Iterator[Row]:
    if rng.random() >= SHARE_COMPLAINING:
        return
    on = _day(rng, loan.default, cut_off)
    outcome = _pick(rng, ("open", "substantiated", "rejected"), (0.2, 0.2, 0.6))
    yield {
        "on": str(on),
        "subject": _pick(rng, words["subjects"]),
        "channel": _pick(rng, words["complaint_channels"]),
        "outcome": outcome,
        "closed_on": "" if outcome == "open" else str(_day(rng, on, cut_off)),
    }


def _documents(loan: _Loan, rng: Random, words: Mapping[str, Any], cut_off: date) -> Iterator[Row]:
    is_judged = "judged" in _PATHS.get(loan.stage, ())
    for document, shares in _AVAILABLE.items():
        if document != "judgment" or is_judged:
            availability = _pick(rng, ("original", "copy", "missing"), shares)
            yield {"on": str(cut_off), "document": document, "availability": availability}


_MAKERS: dict[str, Callable[[_Loan, Random, Mapping[str, Any], date], Iterator[Row]]] = {
    HistoryKind.PAYMENTS: _payments,
    HistoryKind.CONTACTS: _contacts,
    HistoryKind.LEGAL: _legal,
    HistoryKind.PLACEMENTS: _placements,
    HistoryKind.COMPLAINTS: _complaints,
    HistoryKind.DOCUMENTS: _documents,
}
