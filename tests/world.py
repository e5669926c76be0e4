"""One object for each kind of address, so that every URL of the venue can be opened in tests.

`world_objects()` names an object per URL keyword; tests that walk the addresses fail on a keyword
that has none here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.models import Job, JobState
from npa_market.evidence.services import record
from npa_market.parties.models import Membership, Organisation, QualificationState, User
from npa_market.parties.roles import ROLES_OF_KIND, OrganisationKind, Role
from tests.browser.serving import PASSWORD

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
SELLER = "Eastern Consumer Finance"
BUYER = "Harbour Asset Management"
VENUE = "The Venue"


@dataclass(frozen=True)
class People:
    """One person per role, by role, and a person of another seller who may see nothing."""

    by_role: dict[Role, User]
    stranger: User


def organisation(name: str, kind: OrganisationKind, state: QualificationState) -> Organisation:
    made, _ = Organisation.objects.get_or_create(
        name=name, defaults={"kind": kind, "qualification": state, "created_at": BEGIN}
    )
    return made


def person(email: str, institution: Organisation, *roles: Role) -> User:
    user = User.objects.filter(email=email).first()
    user = user or User.objects.create_user(email, PASSWORD)
    for role in roles:
        Membership.objects.get_or_create(user=user, organisation=institution, role=role)
    return user


def world_people() -> People:
    """The institutions of the world with one person per role."""
    institutions = {
        kind: organisation(name, kind, QualificationState.QUALIFIED)
        for name, kind in [
            (SELLER, OrganisationKind.SELLER),
            (BUYER, OrganisationKind.BUYER),
            (VENUE, OrganisationKind.VENUE),
        ]
    }
    organisation("Newcomer Partners", OrganisationKind.BUYER, QualificationState.APPLIED)
    other = organisation("Western Credit", OrganisationKind.SELLER, QualificationState.QUALIFIED)
    return People(
        by_role={
            role: person(f"{role.value.replace('_', '.')}@example.com", institutions[kind], role)
            for kind, roles in ROLES_OF_KIND.items()
            for role in sorted(roles)
        },
        stranger=person("stranger@example.com", other, *ROLES_OF_KIND[OrganisationKind.SELLER]),
    )


def world_objects() -> dict[str, UUID | int | str]:
    """The key of one object per URL keyword, all on one deal between the world's parties."""
    people = world_people()
    seller = Organisation.objects.get(name=SELLER)
    job, _ = Job.objects.get_or_create(
        kind="tape_import",
        organisation_id=seller.pk,
        defaults={
            "title": "Import of tape-2026-03.csv",
            "state": JobState.RUNNING,
            "done": 42_000,
            "total": 100_000,
            "created_at": database_now(),
            "started_at": database_now() - timedelta(seconds=40),
            "started_by": people.by_role[Role.SELLER_ANALYST],
        },
    )
    with transaction.atomic():
        entry = record(
            type="institution.qualified",
            subject=seller,
            actor=people.by_role[Role.OPERATOR],
            payload={"until": "2027-01-05"},
            prev_state="applied_for",
        )
    return {"organisation_id": seller.pk, "job_id": job.pk, "seq": entry.seq}
