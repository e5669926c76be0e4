"""A seller, three buyers and an operator for histories through the services; rolled back after."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from npa_market.auctions import core, pulse
from npa_market.auctions.model.histories import BIDDERS, GOOD, OPENING
from npa_market.auctions.models import Lot, LotKeyRecord, Registration, RegistrationState
from npa_market.auctions.services.lots import Place, lot_under
from npa_market.auctions.terms import Format, LotTerms
from npa_market.common.fields import uuid7
from npa_market.common.files import store_bytes
from npa_market.common.ids import next_reference
from npa_market.diligence.models import Admission, DataRoom
from npa_market.ledger.models import Hold
from npa_market.packages.models import Package
from npa_market.parties.models import Membership, Organisation, QualificationState, User
from npa_market.parties.roles import OrganisationKind, Role

CURRENCY = "CNY"


class Hand:
    """Clock and pulse in the hands of the check; they replace the database's in the services."""

    def __init__(self) -> None:
        self.now = OPENING
        self.pulse: datetime | None = None

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def moved_clock() -> Iterator[Hand]:
    """Every auction module reads this clock and this pulse until the block ends; for checks alone.

    The pulse's one row would be locked by the first of several checks until its transaction ends.
    """
    hand = Hand()
    kept: list[tuple[Any, str, Any]] = [(pulse, "last_pulse", pulse.last_pulse)]
    pulse.last_pulse = lambda: hand.pulse
    for name, module in list(sys.modules.items()):
        if name.startswith("npa_market.auctions") and hasattr(module, "database_now"):
            kept.append((module, "database_now", module.database_now))
            setattr(module, "database_now", hand)  # noqa: B010 - a name the type does not know
    try:
        yield hand
    finally:
        for module, name, before in kept:
            setattr(module, name, before)


@dataclass
class World:
    """People and papers that every history uses; the lots are made one by one."""

    seller: Organisation
    seller_user: User
    operator: User
    package: Package
    buyers: dict[str, Organisation]
    users: dict[str, User]
    standing: dict[str, core.Standing] = field(default_factory=dict)

    def beside(self) -> "World":
        """The same people around another package of the seller."""
        return World(
            self.seller,
            self.seller_user,
            self.operator,
            _offered(self.seller, self.seller_user, self.buyers, self.users),
            self.buyers,
            self.users,
        )

    def lot(
        self,
        terms: LotTerms,
        reference: str = "",
        place: Place | None = None,
        *,
        is_keyed: bool = True,
    ) -> Lot:
        """An announced lot with three admitted, deposited bidders; alone or in an event.

        A sealed one has the public half of a key that nobody holds, unless it `is_keyed` later.

        Processes that check beside each other give a reference: its counter is locked until the
        transaction ends.
        """
        if terms.invited:
            terms = replace(terms, invited=str(self.buyers[terms.invited].pk))
        lot = lot_under(self.package, "Random history", terms)
        lot.reference = reference or next_reference("LOT")
        lot.announced_at, lot.created_by = OPENING, self.seller_user
        if place is not None:
            lot.sale_event, lot.event_place = place.event, place.number
            lot.whole_start_minor = place.whole_start_minor
        lot.save(force_insert=True)
        if terms.format == Format.SEALED and is_keyed:
            LotKeyRecord.objects.create(
                lot=lot,
                public_key=lot.pk.hex * 2,
                set_id=1,
                made_by=self.operator,
                made_at=OPENING,
            )
        Registration.objects.bulk_create(
            Registration(
                lot=lot,
                buyer=buyer,
                label=f"Bidder {name.upper()}",
                state=RegistrationState.ADMITTED,
                applied_by=self.users[name],
                applied_at=OPENING,
            )
            for name, buyer in self.buyers.items()
        )
        Hold.objects.bulk_create(
            Hold(
                buyer=buyer,
                lot_id=lot.pk,
                amount_minor=terms.deposit_minor,
                currency=CURRENCY,
                taken_at=OPENING,
            )
            for buyer in self.buyers.values()
        )
        self.standing = dict.fromkeys(BIDDERS, GOOD)
        return lot

    def stand(self, lot: Lot, name: str, wanted: core.Standing) -> None:
        """Bring a buyer's papers into the state that a command supposes (A15)."""
        has = self.standing[name]
        if has == wanted:
            return
        self.standing[name] = wanted
        buyer, user = self.buyers[name], self.users[name]
        papers = QualificationState.APPLIED
        if wanted.is_qualified:
            papers = QualificationState.QUALIFIED
        if wanted.is_suspended:
            papers = QualificationState.SUSPENDED
        Organisation.objects.filter(pk=buyer.pk).update(qualification=papers)
        revoked: dict[str, Any] = {"revoked_at": None, "revoked_by": None, "revoke_reason": ""}
        if not wanted.is_admitted:
            revoked = {"revoked_at": OPENING, "revoked_by": self.operator, "revoke_reason": "check"}
        Admission.objects.filter(buyer=buyer, room__package=self.package).update(**revoked)
        deposit = lot.deposit_minor if wanted.has_deposit else lot.deposit_minor - 1
        Hold.objects.filter(buyer=buyer, lot_id=lot.pk).update(amount_minor=deposit)
        Membership.objects.filter(user=user, organisation=self.seller).update(
            is_active=wanted.is_related_to_seller
        )


def make_world() -> World:
    """The people, in the caller's transaction."""
    tag = uuid7().hex

    def organisation(name: str, kind: OrganisationKind) -> Organisation:
        return Organisation.objects.create(
            name=f"{name} {tag}",
            kind=kind,
            qualification=QualificationState.QUALIFIED,
            created_at=OPENING,
        )

    def person(name: str, works_for: Organisation, role: Role) -> User:
        user = User(email=f"{name}-{tag}@example.com")
        user.set_unusable_password()
        user.save(force_insert=True)
        Membership.objects.create(user=user, organisation=works_for, role=role)
        return user

    seller = organisation("Seller", OrganisationKind.SELLER)
    seller_user = person("seller", seller, Role.SELLER_APPROVER)
    operator = person("operator", organisation("Venue", OrganisationKind.VENUE), Role.OPERATOR)
    buyers = {name: organisation(f"Buyer {name}", OrganisationKind.BUYER) for name in BIDDERS}
    users = {name: person(name, buyers[name], Role.BUYER_SIGNATORY) for name in BIDDERS}
    for name in BIDDERS:
        Membership.objects.create(
            user=users[name], organisation=seller, role=Role.SELLER_ANALYST, is_active=False
        )
    package = _offered(seller, seller_user, buyers, users)
    return World(seller, seller_user, operator, package, buyers, users)


def _offered(
    seller: Organisation,
    seller_user: User,
    buyers: dict[str, Organisation],
    users: dict[str, User],
) -> Package:
    """A package with its data room, to which all buyers are admitted."""
    tag = uuid7().hex
    package = Package.objects.create(
        reference=f"CHK-{tag[-12:]}",
        seller=seller,
        title="model check",
        currency=CURRENCY,
        cut_off_date=OPENING.date(),
        created_by=seller_user,
        created_at=OPENING,
    )
    # Its own content: processes that store one content would wait for each other's transaction.
    room = DataRoom.objects.create(
        package=package,
        nda=store_bytes(f"NDA {tag}".encode()),
        opened_by=seller_user,
        opened_at=OPENING,
    )
    for name in BIDDERS:
        Admission.objects.create(
            room=room,
            buyer=buyers[name],
            nda_sha256="0" * 64,
            signed_by=users[name],
            signed_at=OPENING,
        )
    return package
