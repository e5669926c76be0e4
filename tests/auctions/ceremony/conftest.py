"""A sealed lot with its key, two admitted bidders, and the three holders of the key."""

from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from npa_market.auctions.ceremony.documents import sheet_of
from npa_market.auctions.ceremony.services import hand_in_share, set_lot_key
from npa_market.auctions.lot_keys import Holder, LotKey, make_lot_key
from npa_market.auctions.models import BidOutcome, Lot
from npa_market.auctions.offline import seal
from npa_market.auctions.services import announce_lot, submit_envelope, withdraw_envelope
from npa_market.auctions.terms import Format
from npa_market.parties.models import User
from npa_market.parties.roles import Role
from tests.auctions.conftest import OPENING, START, Market, terms


@dataclass
class SealedMarket(Market):
    """The market of a sealed lot; `ephemerals` is what each bidder's receipts keep."""

    key: LotKey = None
    holders: dict[Holder, User] = None
    ephemerals: dict[int, bytes] = field(default_factory=dict)

    def sheet(self, who: int) -> dict:
        buyer, _ = self.bidders[who]
        lot = Lot.objects.select_related("package", "key").get(pk=self.lot.pk)
        return sheet_of(lot, lot.registrations.get(buyer=buyer).label)

    def hand_in(self, who: int, envelope: bytes, request_id=None) -> BidOutcome:
        buyer, user = self.bidders[who]
        return submit_envelope(
            user=user,
            lot_id=self.lot.pk,
            buyer=buyer,
            envelope=envelope,
            request_id=request_id or uuid4(),
        )

    def seal(self, who: int, amount_minor: int) -> bytes:
        envelope, self.ephemerals[who] = seal.sealed(amount_minor, self.sheet(who))
        return envelope

    def bid(self, who: int, amount_minor: int, request_id=None) -> BidOutcome:
        return self.hand_in(who, self.seal(who, amount_minor), request_id)

    def withdraw(self, who: int) -> BidOutcome:
        buyer, user = self.bidders[who]
        return withdraw_envelope(user=user, lot_id=self.lot.pk, buyer=buyer, request_id=uuid4())

    def share(self, holder: Holder, words: str | None = None) -> Lot:
        self.lot = hand_in_share(
            user=self.holders[holder],
            lot_id=self.lot.pk,
            holder=holder,
            words=words or self.key.shares[holder],
        )
        return self.lot


@pytest.fixture
def sealed(
    clock, package, room, seller_user, operator, venue, make_user, buyer, buyer_user,
    other_buyer, other_buyer_user,
) -> SealedMarket:  # fmt: skip
    """The lot in bidding: key made, two bidders admitted."""
    lot = announce_lot(
        user=seller_user,
        package_id=package.pk,
        title="Consumer loans, sealed",
        terms=terms(format=Format.SEALED, reserve_minor=START, allows_withdrawal=True),
    )
    key = make_lot_key()
    set_lot_key(user=operator, lot_id=lot.pk, public_key=key.public_key, set_id=key.set_id)
    market = SealedMarket(lot, room, seller_user, operator)
    market.key = key
    market.holders = {
        Holder.SELLER: seller_user,
        Holder.COMPLIANCE: make_user("compliance@example.com", venue, Role.COMPLIANCE),
        Holder.NOTARY: make_user("notary@example.com", venue, Role.NOTARY),
    }
    market.admit(buyer, buyer_user)
    market.admit(other_buyer, other_buyer_user)
    clock.now = OPENING
    market.advance()
    return market
