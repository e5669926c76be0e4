"""The institutions and people of the demonstration: one account per role."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pyrage
from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.parties.models import Membership, Organisation, QualificationState, User
from npa_market.parties.roles import OrganisationKind, Role
from npa_market.parties.services import decide_qualification, set_delivery_key

PASSWORD = "npa-market-demo"  # noqa: S105 - printed for everybody, embedded mode only
SELLER, VENUE = "Demo Consumer Finance", "Demo Venue"
BUYERS = ("Demo Asset Management One", "Demo Asset Management Two", "Demo Asset Management Three")

PEOPLE: tuple[tuple[str, str, tuple[Role, ...]], ...] = (
    ("analyst@seller.example", SELLER, (Role.SELLER_ANALYST,)),
    ("valuer@seller.example", SELLER, (Role.VALUER,)),
    ("approver@seller.example", SELLER, (Role.SELLER_APPROVER,)),
    ("approver2@seller.example", SELLER, (Role.SELLER_APPROVER,)),
    ("finance@seller.example", SELLER, (Role.SELLER_FINANCE,)),
    ("operator@venue.example", VENUE, (Role.OPERATOR,)),
    ("compliance@venue.example", VENUE, (Role.COMPLIANCE,)),
    ("finance@venue.example", VENUE, (Role.VENUE_FINANCE,)),
    ("auditor@venue.example", VENUE, (Role.AUDITOR,)),
    ("notary@venue.example", VENUE, (Role.NOTARY,)),
    *(
        (f"{desk}@buyer{number}.example", name, (role,))
        for number, name in enumerate(BUYERS, start=1)
        for desk, role in (
            ("analyst", Role.BUYER_ANALYST),
            ("signatory", Role.BUYER_SIGNATORY),
            ("finance", Role.BUYER_FINANCE),
        )
    ),
)


@dataclass(frozen=True)
class Cast:
    """Who acts in the demonstration."""

    seller: Organisation
    venue: Organisation
    buyers: tuple[Organisation, ...]
    people: dict[str, User]
    keys_folder: Path

    def buyer(self, key: UUID) -> Organisation:
        """The buyer with this key."""
        return next(each for each in self.buyers if each.pk == key)

    def identity(self, buyer: Organisation) -> pyrage.x25519.Identity:
        """The private half of a buyer's delivery key."""
        text = identity_file(self.keys_folder, self.buyers.index(buyer) + 1).read_text()
        return pyrage.x25519.Identity.from_str(text.strip())

    def user(self, email: str) -> User:
        """The person with this address, memberships read afresh."""
        return User.objects.get(pk=self.people[email].pk)

    def at_buyer(self, buyer: Organisation, desk: str) -> User:
        """`analyst`, `signatory` or `finance` of a buyer."""
        return self.user(f"{desk}@buyer{self.buyers.index(buyer) + 1}.example")


def make_cast(keys_folder: Path) -> Cast:
    """Create or find the institutions and accounts; buyers get an age key for deliveries.

    The private halves are written to `keys_folder`: in a real venue they never leave the buyer.
    """
    with transaction.atomic():
        venue = _organisation(VENUE, OrganisationKind.VENUE)
        seller = _organisation(SELLER, OrganisationKind.SELLER)
        buyers = tuple(_organisation(name, OrganisationKind.BUYER) for name in BUYERS)
        by_name = {each.name: each for each in (venue, seller, *buyers)}
        people = {email: _person(email, by_name[name], roles) for email, name, roles in PEOPLE}
    cast = Cast(seller, venue, buyers, people, keys_folder)
    for institution in (seller, *buyers):
        _qualify(cast, institution)
    for number, buyer in enumerate(buyers, start=1):
        if not buyer.delivery_public_key:
            _give_delivery_key(cast, buyer, identity_file(keys_folder, number))
    return cast


def identity_file(folder: Path, number: int) -> Path:
    """Where the demonstration keeps the private key of buyer `number`."""
    return folder / f"buyer{number}.age-identity.txt"


def _organisation(name: str, kind: OrganisationKind) -> Organisation:
    found, _ = Organisation.objects.get_or_create(
        name=name, defaults={"kind": kind, "created_at": database_now()}
    )
    return found


def _person(email: str, organisation: Organisation, roles: tuple[Role, ...]) -> User:
    user = User.objects.filter(email=email).first() or User.objects.create_user(email, PASSWORD)
    for role in roles:
        Membership.objects.get_or_create(user=user, organisation=organisation, role=role)
    return user


def _qualify(cast: Cast, institution: Organisation) -> None:
    if institution.qualification != QualificationState.QUALIFIED:
        decide_qualification(
            user=cast.user("operator@venue.example"),
            organisation_id=institution.pk,
            state=QualificationState.QUALIFIED,
            reason="Papers complete (demonstration)",
            until=database_now().date() + timedelta(days=365),
        )


def _give_delivery_key(cast: Cast, buyer: Organisation, target: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"{identity}\n")
    target.chmod(0o600)
    set_delivery_key(
        user=cast.at_buyer(buyer, "signatory"),
        organisation_id=buyer.pk,
        public_key=str(identity.to_public()),
    )
