"""An event of three lots with their keys, two bidders admitted to all of them, and the holders."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest

from npa_market.auctions.ceremony.documents import sheet_of
from npa_market.auctions.ceremony.services import hand_in_share, set_lot_key
from npa_market.auctions.lot_keys import Holder, LotKey, make_lot_key
from npa_market.auctions.models import Lot, SaleEvent
from npa_market.auctions.offline import seal
from npa_market.auctions.sale_events.services import Offered, Timetable, announce_event
from npa_market.auctions.services import (
    admit_registration,
    advance_lot,
    confirm_deposit,
    register_for_lot,
    submit_envelope,
)
from npa_market.common.files import store_bytes
from npa_market.diligence.models import DataRoom
from npa_market.packages.models import Package
from npa_market.parties.models import Organisation, User
from npa_market.parties.roles import Role
from tests.auctions.conftest import END, MORNING, OPENING, package_row, sign

STARTS = (100_000, 200_000, 300_000)
ALL = sum(STARTS)


@dataclass
class EventMarket:
    """An event and the people around it; `ephemerals` is what each bidder's receipts keep."""

    event: SaleEvent
    keys: dict[int, LotKey]
    holders: dict[Holder, User]
    operator: User
    seller_user: User
    rooms: dict[int, DataRoom]
    bidders: list[tuple[Organisation, User]] = field(default_factory=list)
    ephemerals: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def lot(self, place: int) -> Lot:
        lots = Lot.objects.select_related("package__seller", "sale_event", "key")
        return lots.get(sale_event=self.event, event_place=place)

    def lots(self) -> list[Lot]:
        return [self.lot(place) for place in self.keys]

    def admit(self, who: int, place: int, *, with_deposit: bool = True) -> None:
        """Take a bidder through registration, admission and deposit of one lot."""
        buyer, user = self.bidders[who]
        registration = register_for_lot(user=user, lot_id=self.lot(place).pk, buyer=buyer)
        admit_registration(user=self.operator, registration_id=registration.pk)
        if with_deposit:
            self.deposit(who, place)

    def deposit(self, who: int, place: int) -> None:
        registration = self.lot(place).registrations.get(buyer=self.bidders[who][0])
        confirm_deposit(
            user=self.operator, registration_id=registration.pk, bank_reference=uuid4().hex
        )

    def sheet(self, who: int, place: int) -> dict:
        lot = self.lot(place)
        return sheet_of(lot, lot.registrations.get(buyer=self.bidders[who][0]).label)

    def bid(self, who: int, place: int, amount: int | None, whole: int | None = None):
        sheet = self.sheet(who, place)
        envelope, self.ephemerals[who, place] = seal.sealed(amount, sheet, whole_minor=whole)
        return self.hand_in(who, place, envelope)

    def hand_in(self, who: int, place: int, envelope: bytes):
        buyer, user = self.bidders[who]
        return submit_envelope(
            user=user,
            lot_id=self.lot(place).pk,
            buyer=buyer,
            envelope=envelope,
            request_id=uuid4(),
        )

    def share(self, place: int, holder: Holder) -> Lot:
        return hand_in_share(
            user=self.holders[holder],
            lot_id=self.lot(place).pk,
            holder=holder,
            words=self.keys[place].shares[holder],
        )

    def open(self, *places: int) -> None:
        """Two shares for each of these lots, for all where none is named."""
        for place in places or self.keys:
            self.share(place, Holder.SELLER)
            self.share(place, Holder.NOTARY)
        self.event.refresh_from_db()

    def results(self) -> list[tuple]:
        """(state, winner's key, price) of each lot in its place."""
        return [(lot.state, lot.winner_id, lot.hammer_minor) for lot in self.lots()]

    def advance(self) -> None:
        for lot in self.lots():
            advance_lot(lot_id=lot.pk)


@pytest.fixture
def packages(seller, seller_user, second_seller_user) -> list[Package]:
    tag = uuid4().hex[:8]
    return [
        package_row(
            seller,
            seller_user,
            second_seller_user,
            reference=f"PKG-{tag}-{number}",
            title=f"Consumer loans, region {number}",
            merkle_root=f"{number:02}" * 32,
        )
        for number in (1, 2, 3)
    ]


def timetable(**changes) -> Timetable:
    times = {
        "registration_ends_at": OPENING - timedelta(minutes=10),
        "opens_at": OPENING,
        "ends_at": END,
    }
    return Timetable(**{**times, **changes})


def offers(packages, *, reserves=(None, None, None)) -> list[Offered]:
    return [
        Offered(
            package_id=package.pk,
            start_price_minor=start,
            deposit_minor=10_000,
            reserve_minor=reserve,
        )
        for package, start, reserve in zip(packages, STARTS, reserves, strict=True)
    ]


@pytest.fixture
def make_event(
    clock, monkeypatch, packages, seller_user, operator, venue, make_user, buyer, buyer_user,
    other_buyer, other_buyer_user,
):  # fmt: skip
    """Announce an event; its keys are made and both bidders have signed for every package."""
    monkeypatch.setattr("npa_market.ledger.services.database_now", clock)

    def make(reserves=(None, None, None), **changes) -> EventMarket:
        event = announce_event(
            user=seller_user,
            title="Consumer loans of three regions",
            offered=offers(packages, reserves=reserves),
            timetable=timetable(allows_withdrawal=True, **changes),
        )
        keys, rooms = {}, {}
        for lot in event.lots.all():
            key = keys[lot.event_place] = make_lot_key()
            set_lot_key(user=operator, lot_id=lot.pk, public_key=key.public_key, set_id=key.set_id)
        market = EventMarket(
            event=event,
            keys=dict(sorted(keys.items())),
            holders={
                Holder.SELLER: seller_user,
                Holder.COMPLIANCE: make_user("compliance@example.com", venue, Role.COMPLIANCE),
                Holder.NOTARY: make_user("notary@example.com", venue, Role.NOTARY),
            },
            operator=operator,
            seller_user=seller_user,
            rooms=rooms,
            bidders=[(buyer, buyer_user), (other_buyer, other_buyer_user)],
        )
        for place, package in enumerate(packages, 1):
            rooms[place] = DataRoom.objects.create(
                package=package, nda=store_bytes(b"NDA"), opened_by=seller_user, opened_at=MORNING
            )
            for one, person in market.bidders:
                sign(rooms[place], one, person)
        return market

    return make


@pytest.fixture
def announced_event(make_event) -> EventMarket:
    """Before the opening: both bidders admitted and deposited everywhere."""
    return admitted(make_event())


def admitted(market: EventMarket) -> EventMarket:
    for who in range(2):
        for place in market.keys:
            market.admit(who, place)
    return market


@pytest.fixture
def market(announced_event, clock) -> EventMarket:
    """The same in bidding."""
    return in_bidding(announced_event, clock)


def in_bidding(market: EventMarket, clock) -> EventMarket:
    clock.now = OPENING
    market.advance()
    return market
