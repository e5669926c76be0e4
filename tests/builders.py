"""Objects for tests, made through the real services wherever one exists."""

import secrets
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from npa_market.auctions.core import LotTerms
from npa_market.auctions.models import Lot
from npa_market.auctions.services import (
    admit_registration,
    advance_lot,
    announce_lot,
    confirm_deposit,
    register_for_lot,
)
from npa_market.common.clock import database_now
from npa_market.common.files import store_bytes
from npa_market.common.ids import next_reference
from npa_market.diligence.services import open_room, sign_nda
from npa_market.packages.models import Package
from npa_market.packages.services import draft_package, screen_package, seal_package
from npa_market.parties.models import Organisation, User
from npa_market.tapes.history_models import ROWS_OF_KIND, HistoryFile, HistoryState
from npa_market.tapes.models import Borrower, LitigationStatus, Loan, Receipt, Tape, TapeState
from npa_market.tapes.vault import BORROWER_PLACES, Place, current_vault

CUT_OFF = date(2026, 6, 30)
PRODUCTS = ("Instalment", "Cash loan", "Credit card")
PLACES = {
    "CNY": (("Jiangsu", "Nanjing"), ("Zhejiang", "Hangzhou"), ("Henan", "Luoyang")),
    "USD": (("CA", ""), ("TX", ""), ("NY", "")),
}
LITIGATION = (LitigationStatus.NOT_SUED, LitigationStatus.IN_SUIT, LitigationStatus.JUDGED)
GRADES = {"CNY": ("substandard", "doubtful", "loss"), "USD": ("B", "C", "D")}


def _day(months_ago: int, day: int = 15) -> date:
    index = CUT_OFF.year * 12 + CUT_OFF.month - 1 - months_ago
    return date(index // 12, index % 12 + 1, day)


def _borrower(seller: Organisation, rng: np.random.Generator) -> Borrower:
    """Invented: the ID number has no valid form, so that it is nobody's."""
    borrower = Borrower(
        seller=seller,
        blind_index=secrets.token_hex(32),  # Another tape of the same seed has other people.
        sex=("m", "f", "")[int(rng.choice(3, p=[0.6, 0.35, 0.05]))],
        birth_year=int(rng.integers(1956, 2004)) if rng.random() < 0.95 else None,
    )
    number = int(rng.integers(10**6, 10**7))
    sealed = {"name": f"测试{number}", "id_number": f"ID-{number}", "mobile": f"000{number}0"}
    for name, value in sealed.items():
        place = Place(BORROWER_PLACES[name], borrower.pk)
        setattr(borrower, f"{name}_sealed", current_vault().seal(value, place))
    return borrower


def _borrowers(seller: Organisation, count: int, rng: np.random.Generator) -> list[Borrower]:
    people = [_borrower(seller, rng) for _ in range(max(1, count * 2 // 3))]
    return Borrower.objects.bulk_create(people)


def _loan(
    tape: Tape, borrower: Borrower, number: int, rng: np.random.Generator, **fields: object
) -> Loan:
    """A loan that passes the screen unless `fields` say otherwise."""
    age = int(rng.integers(3, 30))
    principal = int(rng.integers(50_000, 4_000_000))
    interest, fees = principal * int(rng.integers(2, 60)) // 100, int(rng.integers(0, 50_000))
    province, city = PLACES[tape.currency][int(rng.integers(3))]
    paid = int(rng.integers(0, 12))
    values: dict[str, object] = {
        "loan_number": f"{tape.reference}-{number:06d}",
        "product": PRODUCTS[int(rng.integers(3))],
        "currency": tape.currency,
        "principal_minor": principal,
        "interest_minor": interest,
        "fees_minor": fees,
        "original_amount_minor": principal * 3 // 2,
        "credit_line_minor": principal * 2 if rng.random() < 0.5 else None,
        "annual_rate_bp": int(rng.integers(700, 3600)),
        "term_months": int(rng.choice([6, 12, 24, 36])),
        "instalments_paid": paid,
        "origination_date": _day(age + 12 + paid),
        "default_date": _day(age + 4),
        "charge_off_date": _day(age),
        "last_payment_date": _day(age - 2) if rng.random() < 0.3 else None,
        "days_overdue": (age + 4) * 30,
        "grade": GRADES[tape.currency][int(rng.integers(3))],
        "province": province,
        "city": city,
        "litigation_status": LITIGATION[int(rng.choice(3, p=[0.8, 0.1, 0.1]))],
        "is_reachable": (True, False, None)[int(rng.integers(3))],
        "last_contact_date": _day(1, int(rng.integers(1, 28))),
        "prior_placements": int(rng.integers(0, 4)),
    }
    values |= fields
    values["claim_minor"] = sum(
        int(values[name]) for name in ("principal_minor", "interest_minor", "fees_minor")
    )
    return Loan(tape=tape, borrower=borrower, row_number=number + 1, **values)


def make_tape(seller: Organisation, user: User, seed: int = 1, currency: str = "CNY") -> Tape:
    """An imported tape without loans."""
    return Tape.objects.create(
        reference=next_reference("TAP"),
        seller=seller,
        file_name=f"tape-{seed}.csv",
        file=store_bytes(f"{seller.pk} {currency} {seed} {Tape.objects.count()}".encode()),
        mapping="npa_standard",
        currency=currency,
        cut_off_date=CUT_OFF,
        state=TapeState.IMPORTED,
        uploaded_by=user,
        uploaded_at=database_now(),
    )


def loans_on_tape(
    seller: Organisation, user: User, count: int, seed: int = 1, currency: str = "CNY"
) -> Tape:
    """An imported tape with `count` eligible loans of about two thirds as many borrowers.

    Charged off 3 to 29 months before the cut-off date, a third with monthly receipts; the same
    seed gives the same values (keys, and so the tokens, are new each time). Names, ID numbers
    and mobiles are invented and sealed by the vault.
    """
    rng = np.random.default_rng(seed)
    tape = make_tape(seller, user, seed, currency)
    borrowers = _borrowers(seller, count, rng)
    loans = [
        _loan(tape, borrowers[int(rng.integers(len(borrowers)))], number, rng)
        for number in range(1, count + 1)
    ]
    receipts = []
    for loan in loans:
        if rng.random() < 1 / 3:
            months = sorted(rng.choice(np.arange(1, 13), size=3, replace=False), reverse=True)
            amounts = [int(rng.integers(1_000, 60_000)) for _ in months]
            receipts += [
                Receipt(
                    loan=loan, month=_day(int(ago), 1), gross_minor=gross, cost_minor=gross // 5
                )
                for ago, gross in zip(months, amounts, strict=True)
            ]
            loan.received_minor = sum(amounts)
            loan.collection_cost_minor = sum(gross // 5 for gross in amounts)
    Loan.objects.bulk_create(loans)
    Receipt.objects.bulk_create(receipts)
    tape.rows_read = tape.rows_imported = count
    tape.save()
    return tape


def one_loan(tape: Tape, number: int = 900_001, seed: int = 7, **fields: object) -> Loan:
    """One more loan on a tape, of a borrower of its own; `fields` replace what matters."""
    rng = np.random.default_rng(seed + number)
    borrower = fields.pop("borrower", None) or _borrowers(tape.seller, 1, rng)[0]
    loan = _loan(tape, borrower, number, rng, **fields)
    loan.save()
    return loan


def screened_package(
    seller_user: User, count: int = 60, currency: str = "CNY", seed: int = 1
) -> Package:
    """A screened package over a tape of its own."""
    seller = seller_user.active_memberships[0].organisation
    tape = loans_on_tape(seller, seller_user, count, seed, currency)
    package = draft_package(
        user=seller_user,
        seller=seller,
        title=f"Unsecured consumer loans {seed}",
        currency=currency,
        cut_off_date=CUT_OFF,
        criteria={"tapes": [str(tape.pk)]},
        transfer_basis="Assignment clause of the loan contract, section 9",
    )
    return screen_package(user=seller_user, package_id=package.pk)


def sealed_package(
    seller_user: User,
    second_seller_user: User,
    count: int = 60,
    currency: str = "CNY",
    seed: int = 1,
) -> Package:
    """A sealed package of `count` loans: drafted and screened by the first, sealed by the second.

    Other seeds give other loans, so several packages stand side by side.
    """
    package = screened_package(seller_user, count, currency, seed)
    return seal_package(user=second_seller_user, package_id=package.pk)


def announced_lot(
    seller_user: User, second_seller_user: User, package: Package | None = None, **terms: object
) -> Lot:
    """A lot over a sealed package with an open data room, on the real clock.

    Registration ends in a minute, bidding in an hour; `terms` replace fields of `LotTerms`.
    """
    package = package or sealed_package(seller_user, second_seller_user)
    open_room(user=second_seller_user, package_id=package.pk)
    now = database_now()
    values: dict[str, object] = {
        "start_price_minor": 1_000_000,
        "step_minor": 10_000,
        "deposit_minor": 200_000,
        "reserve_minor": 1_234_567,
        "registration_ends_at": now + timedelta(minutes=1),
        "opens_at": now + timedelta(minutes=2),
        "ends_at": now + timedelta(hours=1),
        "hard_end_at": now + timedelta(hours=2),
    }
    return announce_lot(
        user=second_seller_user,
        package_id=package.pk,
        title="Unsecured consumer loans",
        terms=LotTerms(**(values | terms)),
    )


def open_lot_with_bidders(
    lot: Lot, operator: User, bidders: Sequence[tuple[Organisation, User]]
) -> Lot:
    """The same lot open for bids, each bidder with NDA, admission and deposit.

    Its registration and opening are moved into the past: no test waits for them.
    """
    for number, (buyer, user) in enumerate(bidders):
        sign_nda(user=user, room_id=lot.package.data_room.pk, buyer=buyer)
        registration = register_for_lot(user=user, lot_id=lot.pk, buyer=buyer)
        admit_registration(user=operator, registration_id=registration.pk)
        confirm_deposit(
            user=operator,
            registration_id=registration.pk,
            bank_reference=f"{lot.reference}-DEP-{number}",
        )
    now = database_now()
    Lot.objects.filter(pk=lot.pk).update(registration_ends_at=now, opens_at=now)
    return advance_lot(lot_id=lot.pk)


def attach_history(
    tape: Tape, kind: str, rows: Sequence[tuple[Loan, dict[str, object]]]
) -> HistoryFile:
    """A history that was taken in: one row per loan and its values; `on` is given where missing."""
    history = HistoryFile.objects.create(
        tape=tape,
        kind=kind,
        file_name=f"{kind}.csv",
        file=store_bytes(f"{tape.pk} {kind} {HistoryFile.objects.count()}".encode()),
        state=HistoryState.IMPORTED,
        uploaded_by=tape.uploaded_by,
        uploaded_at=database_now(),
    )
    model = ROWS_OF_KIND[kind]
    model.objects.bulk_create(
        model(source=history, loan=loan, **{"on": _day(2), **values}) for loan, values in rows
    )
    return history
