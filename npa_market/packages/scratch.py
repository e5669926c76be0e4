"""A scratch seller with a large tape, for measuring: made straight in the tables, rolled back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.fields import uuid7
from npa_market.common.files import store_bytes
from npa_market.common.ids import next_reference
from npa_market.parties.models import Membership, Organisation, QualificationState, User
from npa_market.parties.roles import OrganisationKind, Role
from npa_market.tapes.building import BORROWER_FIELDS, LOAN_FIELDS, RECEIPT_FIELDS
from npa_market.tapes.loading import insert_rows
from npa_market.tapes.models import (
    Borrower,
    LitigationStatus,
    Loan,
    LoanStatus,
    Receipt,
    Tape,
    TapeState,
)
from npa_market.tapes.synthetic.loans import PRODUCTS, Loans, borrowers_of, make_loans
from npa_market.tapes.synthetic.receipts import make_receipts

CUT_OFF = date(2025, 12, 31)
STEP = 50_000
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
        keys = [uuid7() for _ in range(people)]
        insert_rows(Borrower, BORROWER_FIELDS, _borrower_rows(tape, keys, births, rng))
        loan_keys = [uuid7() for _ in range(rows)]
        receipts = make_receipts(loans, tape.cut_off_date, rng)
        insert_rows(Loan, LOAN_FIELDS, _loan_rows(tape, loans, (loan_keys, keys), start, receipts))
        insert_rows(Receipt, RECEIPT_FIELDS, _receipt_rows(loan_keys, receipts))


def _borrower_rows(
    tape: Tape, keys: list[UUID], births: Any, rng: Any
) -> Iterator[tuple[Any, ...]]:
    years = births.astype("datetime64[Y]").astype(np.int64) + 1970
    sexes = rng.choice(("m", "f"), len(keys), p=(0.6, 0.4)).tolist()
    for key, year, sex in zip(keys, years.tolist(), sexes, strict=True):
        yield (key, tape.seller_id, key.hex * 2, "", "", "", sex, year)


def _days(days: Any) -> list[date | None]:
    return list(days.astype("datetime64[D]").astype(object))


def _loan_rows(
    tape: Tape,
    loans: Loans,
    keys: tuple[list[UUID], list[UUID]],
    start: int,
    receipts: list[tuple[tuple[str, int, int], ...]],
) -> Iterator[tuple[Any, ...]]:
    loan_keys, borrower_keys = keys
    places = np.random.default_rng(start).choice(
        len(PLACES), len(borrower_keys), p=[share for _, _, share in PLACES]
    )
    litigation, status = list(LitigationStatus.values), list(LoanStatus.values)
    order = ["live", "deceased", "bankrupt", "time_barred", "disputed", "fraud", "settled"]
    assert set(order) == set(status)
    overdue = (np.datetime64(tape.cut_off_date) - loans.default).astype(np.int64)
    columns = zip(
        loan_keys,
        loans.borrower.tolist(),
        loans.claim.tolist(),
        loans.product.tolist(),
        loans.principal.tolist(),
        loans.interest.tolist(),
        loans.fees.tolist(),
        loans.original.tolist(),
        loans.credit_line.tolist(),
        loans.rate_bp.tolist(),
        loans.term.tolist(),
        loans.instalments_paid.tolist(),
        _days(loans.origination),
        _days(loans.default),
        _days(loans.charge_off),
        _days(loans.last_payment),
        overdue.tolist(),
        loans.grade.tolist(),
        loans.litigation.tolist(),
        loans.is_reachable.tolist(),
        _days(loans.last_contact),
        loans.placements.tolist(),
        loans.status.tolist(),
        receipts,
        strict=True,
    )
    for number, values in enumerate(columns, start + 1):
        key, who, claim, product = values[:4]
        province, city, _ = PLACES[places[who]]
        grade, suit, reachable, contact, placed, state, paid = values[17:]
        yield (
            *(key, tape.pk, borrower_keys[who], number + 1, f"S-{number:08d}", tape.currency),
            *(claim, PRODUCTS[product].en, *values[4:17], GRADES[grade], province, city),
            *(litigation[suit], reachable, contact, placed, order[state]),
            *(sum(cash for _, cash, _ in paid), sum(cost for _, _, cost in paid)),
        )


def _receipt_rows(
    loan_keys: list[UUID], receipts: list[tuple[tuple[str, int, int], ...]]
) -> Iterator[tuple[Any, ...]]:
    for key, paid in zip(loan_keys, receipts, strict=True):
        for month, gross, cost in paid:
            yield key, date.fromisoformat(f"{month}-01"), gross, cost
