"""A lot with two deposited bidders, on a clock that the test sets."""

import io
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.urls import reverse

from npa_market.auctions.ceremony.services import set_lot_key
from npa_market.auctions.core import Format, LotTerms
from npa_market.auctions.models import Lot, Registration
from npa_market.auctions.services import (
    admit_registration,
    advance_lot,
    announce_lot,
    confirm_deposit,
    place_bid,
    register_for_lot,
)
from npa_market.common.files import store_bytes
from npa_market.diligence.models import Admission, DataRoom
from npa_market.packages.models import Package, PackageState
from npa_market.parties.models import Organisation, User
from tests.diligence.frames import sealed_frame

MORNING = datetime(2026, 11, 11, 1, tzinfo=UTC)
OPENING = MORNING + timedelta(hours=1)
END = OPENING + timedelta(hours=1)
HARD_END = END + timedelta(minutes=30)
START, STEP, DEPOSIT, RESERVE = 190_000_000, 2_000_000, 50_000_000, 213_579_246


class Clock:
    """The database's clock in the hands of a test."""

    now = MORNING

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """Replaces the database clock in every module of the auctions."""
    import npa_market.auctions.api
    import npa_market.auctions.urls  # noqa: F401

    hand = Clock()
    for name, module in list(sys.modules.items()):
        if name.startswith("npa_market.auctions") and hasattr(module, "database_now"):
            monkeypatch.setattr(module, "database_now", hand)
    return hand


def terms(**changes) -> LotTerms:
    return LotTerms(
        **{
            "start_price_minor": START,
            "step_minor": STEP,
            "deposit_minor": DEPOSIT,
            "reserve_minor": RESERVE,
            "registration_ends_at": OPENING - timedelta(minutes=10),
            "opens_at": OPENING,
            "ends_at": END,
            "hard_end_at": HARD_END,
            **changes,
        }
    )


@cache
def sealed_rows() -> tuple[bytes, dict[str, int]]:
    """A small sealed file, and the counts and totals that its package states."""
    frame = sealed_frame(400)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    money = ("principal_minor", "interest_minor", "fees_minor", "claim_minor")
    totals = {name: int(frame[name].sum()) for name in money}
    borrowers = frame["borrower_token"].nunique()
    return sink.getvalue(), {"loans": len(frame), "borrowers": borrowers, **totals}


def package_row(seller, seller_user, second_seller_user, **fields) -> Package:
    """A sealed package by its row and a file that its notice is made from."""
    content, totals = sealed_rows()
    row = {
        "reference": f"PKG-{uuid4().hex[:12]}",
        "title": "Unsecured consumer loans",
        "merkle_root": "ab" * 32,
        **fields,
    }
    return Package.objects.create(
        seller=seller,
        currency="CNY",
        cut_off_date=date(2026, 9, 30),
        state=PackageState.SEALED,
        created_by=seller_user,
        created_at=MORNING,
        sealed_by=second_seller_user,
        sealed_at=MORNING,
        file=store_bytes(content),
        manifest_file=store_bytes(content),
        **row,
        **totals,
    )


@pytest.fixture
def package(seller, seller_user, second_seller_user) -> Package:
    return package_row(seller, seller_user, second_seller_user)


@pytest.fixture
def room(package, seller_user) -> DataRoom:
    return DataRoom.objects.create(
        package=package, nda=store_bytes(b"NDA"), opened_by=seller_user, opened_at=MORNING
    )


def sign(room: DataRoom, buyer: Organisation, user: User) -> Admission:
    return Admission.objects.create(
        room=room, buyer=buyer, nda_sha256="cd" * 32, signed_by=user, signed_at=MORNING
    )


def url(name: str, key) -> str:
    return reverse(f"auctions:{name}", args=[key])


@dataclass
class Market:
    """A lot and the people around it."""

    lot: Lot
    room: DataRoom
    seller_user: User
    operator: User
    bidders: list[tuple[Organisation, User]] = field(default_factory=list)

    def admit(self, buyer: Organisation, user: User, *, with_deposit: bool = True) -> Registration:
        """Take a buyer through NDA, registration, admission and deposit."""
        sign(self.room, buyer, user)
        registration = register_for_lot(user=user, lot_id=self.lot.pk, buyer=buyer)
        registration = admit_registration(user=self.operator, registration_id=registration.pk)
        if with_deposit:
            confirm_deposit(
                user=self.operator,
                registration_id=registration.pk,
                bank_reference=f"BANK-{uuid4().hex[:8]}",
            )
        self.bidders.append((buyer, user))
        return registration

    def bid(self, who: int, amount_minor: int, request_id=None):
        buyer, user = self.bidders[who]
        return place_bid(
            user=user,
            lot_id=self.lot.pk,
            buyer=buyer,
            amount_minor=amount_minor,
            request_id=request_id or uuid4(),
        )

    def advance(self) -> Lot:
        self.lot = advance_lot(lot_id=self.lot.pk)
        return self.lot


@pytest.fixture
def announced(clock, package, room, seller_user, operator) -> Market:
    """A lot in its registration period."""
    lot = announce_lot(
        user=seller_user, package_id=package.pk, title="Consumer loans, East", terms=terms()
    )
    return Market(lot, room, seller_user, operator)


@pytest.fixture
def market(announced, clock, buyer, buyer_user, other_buyer, other_buyer_user) -> Market:
    """The same at the opening, with two admitted and deposited bidders."""
    announced.admit(buyer, buyer_user)
    announced.admit(other_buyer, other_buyer_user)
    clock.now = OPENING
    announced.advance()
    return announced


@pytest.fixture
def offered(clock, package, room, seller_user, operator, buyer, buyer_user, other_buyer,
            other_buyer_user):  # fmt: skip
    """A lot of any format at its opening, with two admitted and deposited bidders."""

    def announce(kind: Format, **changes) -> Market:
        if kind == Format.DUTCH:
            changes = {"lowest_price_minor": START // 2, **changes}
        if kind == Format.NEGOTIATED:
            changes = {"invited": str(buyer.pk), **changes}
        lot = announce_lot(
            user=seller_user,
            package_id=package.pk,
            title="Consumer loans, East",
            terms=terms(format=kind, reserve_minor=None, **changes),
        )
        if kind == Format.SEALED:
            key = {"public_key": lot.pk.hex * 2, "set_id": 1}
            set_lot_key(user=operator, lot_id=lot.pk, **key)
        market = Market(lot, room, seller_user, operator)
        market.admit(buyer, buyer_user)
        if kind != Format.NEGOTIATED:
            market.admit(other_buyer, other_buyer_user)
        clock.now = OPENING
        market.advance()
        return market

    return announce
