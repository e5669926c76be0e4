"""A scratch seller with a large tape, for measuring: made straight in the tables, rolled back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.fields import uuid7
from npa_market.common.files import store_bytes
from npa_market.common.ids import next_reference
from npa_market.parties.models import Membership, Organisation, QualificationState, User
from npa_market.parties.roles import OrganisationKind, Role
from npa_market.tapes.loading import Columns, insert_columns
from npa_market.tapes.models import (
    Borrower,
    LitigationStatus,
    Loan,
    Receipt,
    Tape,
    TapeState,
)
from npa_market.tapes.synthetic.loans import PRODUCTS, Loans, borrowers_of, make_loans
from npa_market.tapes.synthetic.receipts import make_receipts

CUT_OFF = date(2025, 12, 31)
STEP = 50_000
STATUSES = ("live", "deceased", "bankrupt", "time_barred", "disputed", "fraud", "settled")
_SEALED = ("name_sealed", "id_number_sealed", "mobile_sealed")
GRADES = ("pass", "special mention", "substandard", "doubtful", "loss")
# Province, city, share of the borrowers.
PLACES = (
    ("Guangdong", "Shenzhen", 0.16),
    ("Jiangsu", "Nanjing", 0.14),
    ("Zhejiang", "Hangzhou", 0.12),
    ("Henan", "Zhengzhou", 0.11),
    ("Sichuan", "Chengdu", 0.10),
    ("Shandong", "Jinan", 0.10),
    ("Hubei", "Wuhan", 0.08),
    ("Hunan", "Changsha", 0.07),
    ("Anhui", "Hefei", 0.07),
    ("Shaanxi", "Xi'an", 0.05),
)


@dataclass(frozen=True)
class Scratch:
    """Who builds, who seals, and what they work on."""

    seller: Organisation
    maker: User
    checker: User
    tape: Tape


@contextmanager
def scratch_tape(loans: int, seed: int = 1) -> Iterator[Scratch]:
    """A seller with an imported tape of `loans` loans; nothing of it stays in the database."""
    with transaction.atomic():
        try:
            yield make_scratch(loans, seed)
        finally:
            transaction.set_rollback(True)


def make_scratch(loans: int, seed: int = 1) -> Scratch:
    """The same, kept: for looking at pages with many loans. Names and numbers are nobody's."""
    seller = Organisation.objects.create(
        name=f"Scratch seller {uuid7()}",
        kind=OrganisationKind.SELLER,
        qualification=QualificationState.QUALIFIED,
        created_at=database_now(),
    )
    maker, checker = (_person(seller, role) for role in (Role.SELLER_ANALYST, Role.SELLER_APPROVER))
    tape = Tape.objects.create(
        reference=next_reference("TAPE"),
        seller=seller,
        file_name="scratch.csv",
        file=store_bytes(f"scratch {loans} {seed} {seller.pk}".encode()),
        mapping="npa_standard",
        currency="CNY",
        cut_off_date=CUT_OFF,
        state=TapeState.IMPORTED,
        uploaded_by=maker,
        uploaded_at=database_now(),
        rows_read=loans,
        rows_imported=loans,
    )
    fill_tape(tape, loans, seed)
    return Scratch(seller, maker, checker, tape)


def _person(seller: Organisation, role: Role) -> User:
    user = User.objects.create_user(f"{role.value}@{seller.pk}.invalid")
    Membership.objects.create(user=user, organisation=seller, role=role)
    return user


def fill_tape(tape: Tape, count: int, seed: int) -> None:
    """Insert `count` invented loans with borrowers and receipts, some ten thousand at a time."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, STEP):
        rows = min(STEP, count - start)
        borrower = borrowers_of(rows, rng)
        people = int(borrower.max()) + 1
        births = np.datetime64("1960-01-01") + rng.integers(0, 15_000, people)
        loans = make_loans(borrower, births, tape.cut_off_date, rng)
        keys, loan_keys = ([uuid7().hex for _ in range(n)] for n in (people, rows))
        receipts = make_receipts(loans, tape.cut_off_date, rng)
        insert_columns(Borrower, _borrower_columns(tape, keys, births, rng))
        insert_columns(Loan, _loan_columns(tape, loans, (loan_keys, keys), start, receipts))
        insert_columns(Receipt, _receipt_columns(loan_keys, receipts))


def _borrower_columns(tape: Tape, keys: list[str], births: Any, rng: Any) -> Columns:
    years = births.astype("datetime64[Y]").astype(np.int64) + 1970
    return {
        "id": pa.array(keys),
        "seller": pa.repeat(tape.seller_id.hex, len(keys)),
        "blind_index": pa.array([key * 2 for key in keys]),
        **{name: pa.repeat("", len(keys)) for name in _SEALED},
        "sex": pa.array(rng.choice(("m", "f"), len(keys), p=(0.6, 0.4)).tolist()),
        "birth_year": pa.array(years, pa.int16()),
    }


def _loan_columns(
    tape: Tape,
    loans: Loans,
    keys: tuple[list[str], list[str]],
    start: int,
    receipts: list[tuple[tuple[str, int, int], ...]],
) -> Columns:
    loan_keys, borrower_keys = keys
    rows, rng = len(loan_keys), np.random.default_rng(start)
    places = rng.choice(len(PLACES), len(borrower_keys), p=[share for _, _, share in PLACES])
    place = places[loans.borrower]
    overdue = (np.datetime64(tape.cut_off_date) - loans.default).astype(np.int64)
    return {
        "id": pa.array(loan_keys),
        "tape": pa.repeat(tape.pk.hex, rows),
        "borrower": pa.array(borrower_keys).take(pa.array(loans.borrower)),
        "row_number": pa.array(np.arange(start + 2, start + 2 + rows)),
        "loan_number": pa.array([f"S-{n:08d}" for n in range(start, start + rows)]),
        "currency": pa.repeat(tape.currency, rows),
        "product": _coded([each.en for each in PRODUCTS], loans.product),
        "claim_minor": pa.array(loans.claim),
        "principal_minor": pa.array(loans.principal),
        "interest_minor": pa.array(loans.interest),
        "fees_minor": pa.array(loans.fees),
        "original_amount_minor": pa.array(loans.original),
        "credit_line_minor": pa.array(loans.credit_line),
        "annual_rate_bp": pa.array(loans.rate_bp),
        "term_months": pa.array(loans.term),
        "instalments_paid": pa.array(loans.instalments_paid),
        "origination_date": _days(loans.origination),
        "default_date": _days(loans.default),
        "charge_off_date": _days(loans.charge_off),
        "last_payment_date": _days(loans.last_payment),
        "days_overdue": pa.array(overdue),
        "grade": _coded(GRADES, loans.grade),
        "province": _coded([name for name, _, _ in PLACES], place),
        "city": _coded([city for _, city, _ in PLACES], place),
        "litigation_status": _coded(list(LitigationStatus.values), loans.litigation),
        "is_reachable": pa.array(loans.is_reachable),
        "last_contact_date": _days(loans.last_contact),
        "prior_placements": pa.array(loans.placements),
        "status": _coded(STATUSES, loans.status),
        "received_minor": pa.array([sum(cash for _, cash, _ in paid) for paid in receipts]),
        "collection_cost_minor": pa.array([sum(cost for _, _, cost in paid) for paid in receipts]),
    }


def _coded(texts: Sequence[str], codes: Any) -> pa.Array:
    return pa.array([str(text) for text in texts]).take(pa.array(codes))


def _days(days: Any) -> pa.Array:
    return pa.array(days.astype("datetime64[D]")).cast(pa.date32())


def _receipt_columns(
    loan_keys: list[str], receipts: list[tuple[tuple[str, int, int], ...]]
) -> Columns:
    paid = [
        (key, *each) for key, months in zip(loan_keys, receipts, strict=True) for each in months
    ]
    keys, months, gross, cost = zip(*paid, strict=True) if paid else ((), (), (), ())
    return {
        "loan": pa.array(keys, pa.string()),
        "month": pa.array([date.fromisoformat(f"{month}-01") for month in months], pa.date32()),
        "gross_minor": pa.array(gross, pa.int64()),
        "cost_minor": pa.array(cost, pa.int64()),
    }
