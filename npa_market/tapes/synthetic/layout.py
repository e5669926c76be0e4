"""The tape as a seller would export it: headers and words in Chinese or English."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from npa_market.tapes.dictionary import FIELDS
from npa_market.tapes.synthetic.loans import (
    PRODUCTS,
    Days,
    Integers,
    Loans,
    borrowers_of,
    make_loans,
)
from npa_market.tapes.synthetic.people import People, american_people, chinese_people
from npa_market.tapes.synthetic.receipts import Receipts, make_receipts

# texts of a column, (loans,)
Cells = Sequence[str] | npt.NDArray[Any]
CUT_OFF_DATE = date(2025, 12, 31)
WORDS = {
    "zh": {
        "grade": ("正常", "关注", "次级", "可疑", "损失"),
        "litigation": ("未诉", "诉讼中", "已调解", "已判未执", "执行中", "终本执行", "终结执行"),
        "reachable": ("失联", "可联"),
        "status": ("正常", "死亡", "破产", "超过诉讼时效", "争议", "欺诈", "已结清"),
        "sex": ("女", "男"),
    },
    "en": {
        "grade": ("Pass", "Special mention", "Substandard", "Doubtful", "Loss"),
        "litigation": (
            "Not sued",
            "In suit",
            "Mediated",
            "Judged, not enforced",
            "Enforcing",
            "Enforcement ended for now",
            "Enforcement terminated",
        ),
        "reachable": ("No", "Yes"),
        "status": (
            "Live",
            "Deceased",
            "Bankrupt",
            "Time-barred",
            "Disputed",
            "Fraud",
            "Settled",
        ),
        "sex": ("Female", "Male"),
    },
}


@dataclass(frozen=True)
class SyntheticTape:
    """Header and columns of texts, one per field of the dictionary that the tape has."""

    fields: tuple[str, ...]
    header: tuple[str, ...]
    columns: tuple[Cells, ...]

    def rows(self) -> Iterator[list[str]]:
        """Rows of cells."""
        return (list(cells) for cells in zip(*self.columns, strict=True))


def make_tape(
    *, loans: int, seed: int, locale: str, cut_off_date: date = CUT_OFF_DATE
) -> SyntheticTape:
    """A clean tape of so many charged-off loans; the same arguments give the same tape.

    locale `zh`: Chinese consumer loans in CNY with ID numbers; `en`: loans in the United States in
    USD with customer numbers. Both fit the mapping npa_standard. Raises ValueError for loans < 1 or
    another locale.
    """
    if loans < 1 or locale not in WORDS:
        raise ValueError("need loans >= 1 and locale zh or en")
    rng = np.random.default_rng(seed)
    borrower = borrowers_of(loans, rng)
    make = chinese_people if locale == "zh" else american_people
    people = make(int(borrower.max()) + 1, cut_off_date, rng)
    pool = make_loans(borrower, people.birth, cut_off_date, rng)
    receipts = make_receipts(pool, cut_off_date, rng)
    columns = {
        **_people_columns(people, pool, locale),
        **_loan_columns(pool, locale, cut_off_date),
        **_receipt_columns(pool, receipts, cut_off_date),
    }
    fields = tuple(name for name in FIELDS if name in columns)
    titles = tuple(
        FIELDS[name].title_zh if locale == "zh" else FIELDS[name].title for name in fields
    )
    return SyntheticTape(fields, titles, tuple(columns[name] for name in fields))


def _people_columns(people: People, pool: Loans, locale: str) -> dict[str, Cells]:
    of = pool.borrower
    columns: dict[str, Cells] = {
        "loan_number": [f"L{2025_000_000 + index}" for index in range(len(of))],
        "borrower_key": people.customer_number[of],
        "name": people.name[of],
        "mobile": people.mobile[of],
        "province": people.province[of],
        "city": people.city[of],
    }
    if locale == "zh":
        return {**columns, "id_number": people.id_number[of]}
    years = people.birth.astype("datetime64[Y]").astype(str)
    return {
        **columns,
        "sex": _words(people.is_male[of].astype(np.int64), WORDS[locale]["sex"]),
        "birth_year": years[of],
    }


def _loan_columns(pool: Loans, locale: str, cut_off_date: date) -> dict[str, Cells]:
    words = WORDS[locale]
    names = tuple(each.zh if locale == "zh" else each.en for each in PRODUCTS)
    overdue = (np.datetime64(cut_off_date, "D") - pool.default).astype(np.int64)
    return {
        "product": _words(pool.product, names),
        "principal_minor": _money(pool.principal),
        "interest_minor": _money(pool.interest),
        "fees_minor": _money(pool.fees),
        "total_minor": _money(pool.principal + pool.interest),
        "original_amount_minor": _money(pool.original),
        "credit_line_minor": _money(pool.credit_line),
        "annual_rate_bp": [f"{rate / 100:.2f}%" for rate in pool.rate_bp],
        "term_months": pool.term.astype(str),
        "instalments_paid": pool.instalments_paid.astype(str),
        "origination_date": pool.origination.astype(str),
        "default_date": pool.default.astype(str),
        "charge_off_date": pool.charge_off.astype(str),
        "days_overdue": overdue.astype(str),
        "grade": _words(pool.grade, words["grade"]),
        "litigation_status": _words(pool.litigation, words["litigation"]),
        "is_reachable": _words(pool.is_reachable.astype(np.int64), words["reachable"]),
        "last_contact_date": pool.last_contact.astype(str),
        "prior_placements": pool.placements.astype(str),
        "status": _words(pool.status, words["status"]),
    }


def _receipt_columns(pool: Loans, receipts: Receipts, cut_off_date: date) -> dict[str, Cells]:
    """Totals and months; the last payment is the last receipt where there is one."""
    last = _dates(pool.last_payment)
    for index, rows in enumerate(receipts):
        if rows:
            last[index] = min(f"{rows[-1][0]}-20", cut_off_date.isoformat())
    return {
        "last_payment_date": last,
        "received_minor": [_amount(sum(row[1] for row in rows)) for rows in receipts],
        "collection_cost_minor": [_amount(sum(row[2] for row in rows)) for rows in receipts],
        "receipts": [
            ";".join(f"{month}:{_amount(gross)}/{_amount(cost)}" for month, gross, cost in rows)
            for rows in receipts
        ],
    }


def _words(codes: Integers, words: tuple[str, ...]) -> Sequence[str]:
    picked: Sequence[str] = np.array(words, dtype=object)[codes].tolist()
    return picked


def _amount(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _money(minor: Integers) -> list[str]:
    return [_amount(amount) for amount in minor.tolist()]


def _dates(days: Days) -> list[str]:
    return ["" if text == "NaT" else text for text in days.astype(str).tolist()]
