"""One object for each kind of address, so that every URL of the venue can be opened in tests.

`world_objects()` names an object per URL keyword; tests that walk the addresses fail on a keyword
that has none here.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyrage

from npa_market.common.clock import database_now
from npa_market.common.models import Job, JobState
from npa_market.evidence.models import Entry
from npa_market.parties.models import Membership, Organisation, QualificationState, User
from npa_market.parties.roles import ROLES_OF_KIND, OrganisationKind, Role
from npa_market.parties.services import set_delivery_key
from npa_market.tapes.histories import import_history
from npa_market.tapes.history_intake import upload_history
from npa_market.tapes.history_models import HistoryFile, HistoryKind
from npa_market.tapes.mapping_store import save_mapping
from npa_market.tapes.models import Loan, Upload
from npa_market.tapes.uploads import receive_whole, start_upload
from npa_market.transfers.models import Deal
from tests.browser.serving import PASSWORD
from tests.world_market import make_market, market_objects

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
SELLER = "Eastern Consumer Finance"
BUYER = "Harbour Asset Management"
RIVAL = "Lakeside Capital"
VENUE = "The Venue"


@dataclass(frozen=True)
class People:
    """One person per role, by role; a second bidder; and a stranger who may see nothing."""

    by_role: dict[Role, User]
    rival: User
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
    rival = organisation(RIVAL, OrganisationKind.BUYER, QualificationState.QUALIFIED)
    return People(
        by_role={
            role: person(f"{role.value.replace('_', '.')}@example.com", institutions[kind], role)
            for kind, roles in ROLES_OF_KIND.items()
            for role in sorted(roles)
        },
        rival=person("rival@example.com", rival, Role.BUYER_SIGNATORY),
        stranger=person("stranger@example.com", other, *ROLES_OF_KIND[OrganisationKind.SELLER]),
    )


def world_objects() -> dict[str, Any]:
    """The key of one object per URL keyword, all on one deal between the world's parties."""
    people = world_people()
    seller = Organisation.objects.get(name=SELLER)
    job = _running_job(seller, people.by_role[Role.SELLER_ANALYST])
    if not Deal.objects.exists():
        _give_delivery_key(people)
        bidders = [
            (Organisation.objects.get(name=BUYER), people.by_role[Role.BUYER_SIGNATORY]),
            (Organisation.objects.get(name=RIVAL), people.rival),
        ]
        make_market(people.by_role, bidders)
    return {
        "organisation_id": seller.pk,
        "job_id": job.pk,
        "payload_sha256": Entry.objects.earliest("seq").payload_sha256,
        **_intake(seller, people.by_role[Role.SELLER_ANALYST]),
        **market_objects(),
        "history_id": _history(people.by_role[Role.SELLER_ANALYST]).pk,
    }


def _give_delivery_key(people: People) -> None:
    set_delivery_key(
        user=people.by_role[Role.BUYER_SIGNATORY],
        organisation_id=Organisation.objects.get(name=BUYER).pk,
        public_key=str(pyrage.x25519.Identity.generate().to_public()),
    )


def _intake(seller: Organisation, analyst: User) -> dict[str, Any]:
    """A file that waits for its mapping, and a saved mapping that fits it."""
    header, content = ["编号", "客户号", "剩余本金", "核销日期"], "L-1,C-1,100.00,2024-01-31\n"
    upload = Upload.objects.filter(seller=seller).first()
    if upload is None:
        whole = (",".join(header) + "\n" + content * 3).encode()
        upload = start_upload(
            user=analyst,
            seller=seller,
            file_name="cards-2026-03.csv",
            size=len(whole),
            currency="CNY",
            cut_off_date=date(2025, 12, 31),
        )
        receive_whole(user=analyst, upload_id=upload.pk, chunks=iter([whole]))
    fields = {
        "loan_number": {"as": "text", "from": "编号"},
        "borrower_key": {"as": "text", "from": "客户号"},
        "principal_minor": {"as": "money", "from": "剩余本金"},
        "charge_off_date": {"as": "date", "from": "核销日期"},
    }
    mapping = save_mapping(
        user=analyst, seller=seller, title="Cards", document={"fields": fields}, header=header
    )
    return {"upload_id": upload.pk, "mapping_id": mapping.pk}


def _history(analyst: User) -> HistoryFile:
    """Payments attached to the loans of the world's tape, one row of them rejected."""
    known = HistoryFile.objects.first()
    if known is not None:
        return known
    loan = Loan.objects.filter(tape__seller__name=SELLER).earliest("pk")
    history = upload_history(
        user=analyst,
        tape_id=loan.tape_id,
        kind=HistoryKind.PAYMENTS,
        chunks=[
            b"loan number,paid on,amount\n"
            + loan.loan_number.encode()
            + b",2024-03-05,120.00\nnobody's,2024-03-05,1.00\n"
        ],
        file_name="payments-2026-03.csv",
    )
    return import_history(history_id=history.pk)


def _running_job(seller: Organisation, analyst: User) -> Job:
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
            "started_by": analyst,
        },
    )
    return job
