"""Fill a scratch database with lots and bidders; run as a process of its own environment.

Package, admissions, deposits and tokens go through the services. Where several lots are asked for,
the further ones offer copies of the one package's row: what is inside means nothing to a bid.
"""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any

PASSWORD_NONE = None  # Nobody signs in by password here: tokens and ready sessions.
START_MINOR, STEP_MINOR = 1_000_000, 1_000
LOANS = 30


def build(order: dict[str, Any]) -> dict[str, Any]:
    """Lots and bidders as asked; what clients need to know of them.

    `bidders`, `lots`: how many. `first_end_seconds`, `between_seconds`: when the lots end, counted
    from the moment at which everything is ready. `soft_close_seconds`: window and extension.
    """
    from npa_market.auctions.services import advance_lot
    from npa_market.common.clock import database_now

    people = _people(order["bidders"])
    packages = [_package(people) for _ in range(order["lots"])]
    begin = monotonic()
    for package in packages:
        _sign(people, package)
    # Terms are fixed before the bidders come, so the timetable leaves time to admit them: several
    # times what their signatures took on this machine.
    setting_up = 3 + 0.2 * order["lots"] + 5 * (monotonic() - begin)
    opens_at = database_now() + timedelta(seconds=setting_up)
    lots = [
        _lot(people, order, number, package, opens_at) for number, package in enumerate(packages)
    ]
    for lot in lots:
        _admit(people, lot)
    while database_now() < opens_at:
        sleep(0.05)
    return {
        "lots": [_told(advance_lot(lot_id=lot.pk)) for lot in lots],
        "bidders": [_credentials(buyer, user) for buyer, user in people["bidders"]],
    }


def _people(bidders: int) -> dict[str, Any]:
    from npa_market.common.clock import database_now
    from npa_market.parties.models import Membership, Organisation, QualificationState, User
    from npa_market.parties.roles import ROLES_OF_KIND, OrganisationKind

    def institution(name: str, kind: OrganisationKind) -> tuple[Any, Any]:
        made = Organisation.objects.create(
            name=name,
            kind=kind,
            qualification=QualificationState.QUALIFIED,
            qualified_until=database_now().date() + timedelta(days=365),
            created_at=database_now(),
        )
        user = User.objects.create_user(
            f"{name.replace(' ', '.').lower()}@trial.example", PASSWORD_NONE
        )
        for role in ROLES_OF_KIND[kind]:
            Membership.objects.create(user=user, organisation=made, role=role)
        return made, user

    seller, maker = institution("Trial Seller", OrganisationKind.SELLER)
    checker = User.objects.create_user("second@trial.example", PASSWORD_NONE)
    for role in ROLES_OF_KIND[OrganisationKind.SELLER]:
        Membership.objects.create(user=checker, organisation=seller, role=role)
    _, operator = institution("Trial Venue", OrganisationKind.VENUE)
    return {
        "seller": seller,
        "maker": maker,
        "checker": checker,
        "operator": operator,
        "bidders": [
            institution(f"Trial Buyer {number}", OrganisationKind.BUYER)
            for number in range(1, bidders + 1)
        ],
    }


_numbers = count(1)


def _lot(
    people: dict[str, Any], order: dict[str, Any], number: int, package: Any, opens_at: datetime
) -> Any:
    from npa_market.auctions.services import announce_lot
    from npa_market.auctions.terms import LotTerms

    ends_at = opens_at + timedelta(
        seconds=order["first_end_seconds"] + number * order["between_seconds"]
    )
    return announce_lot(
        user=people["checker"],
        package_id=package.pk,
        title=package.title,
        terms=LotTerms(
            start_price_minor=START_MINOR,
            step_minor=STEP_MINOR,
            deposit_minor=START_MINOR // 10,
            registration_ends_at=opens_at,
            opens_at=opens_at,
            ends_at=ends_at,
            hard_end_at=ends_at + timedelta(seconds=order["extra_seconds"]),
            window_seconds=order["soft_close_seconds"],
            extension_seconds=order["soft_close_seconds"],
        ),
    )


def _sealed_package(people: dict[str, Any]) -> Any:
    """One package through tape, import, screen and seal, as a seller makes it."""
    import csv
    import io

    from npa_market.packages.services import draft_package, screen_package, seal_package
    from npa_market.tapes.confirming import confirm_import, result_sha256
    from npa_market.tapes.services import upload_tape
    from npa_market.tapes.synthetic.layout import CUT_OFF_DATE, make_tape

    made = make_tape(loans=LOANS, seed=1, locale="en", cut_off_date=CUT_OFF_DATE)
    text = io.StringIO(newline="")
    csv.writer(text).writerows([made.header, *made.rows()])
    tape = upload_tape(
        user=people["maker"],
        seller=people["seller"],
        chunks=iter([text.getvalue().encode()]),
        file_name="trial.csv",
        mapping="npa_standard",
        currency="CNY",
        cut_off_date=CUT_OFF_DATE,
    )
    tape.refresh_from_db()
    confirm_import(user=people["maker"], tape_id=tape.pk, result_sha256_seen=result_sha256(tape))
    drafted = draft_package(
        user=people["maker"],
        seller=people["seller"],
        title="Trial loans",
        currency="CNY",
        cut_off_date=CUT_OFF_DATE,
        criteria={"tapes": [str(tape.pk)]},
        transfer_basis="Trial: assignment clause of the loan contract",
    )
    screened = screen_package(user=people["maker"], package_id=drafted.pk)
    return seal_package(user=people["checker"], package_id=screened.pk)


def _package(people: dict[str, Any]) -> Any:
    """The sealed package; for further lots, rows that name the same sealed file."""
    from npa_market.common.fields import uuid7
    from npa_market.diligence.services import open_room

    if "package" not in people:
        people["package"] = package = _sealed_package(people)
    else:
        package = type(people["package"]).objects.get(pk=people["package"].pk)
        package.pk, package.reference = uuid7(), f"TRIAL-{next(_numbers)}"
        package.save(force_insert=True)
    open_room(user=people["checker"], package_id=package.pk)
    return package


def _sign(people: dict[str, Any], package: Any) -> None:
    from npa_market.diligence.services import sign_nda

    for buyer, user in people["bidders"]:
        sign_nda(user=user, room_id=package.data_room.pk, buyer=buyer)


def _admit(people: dict[str, Any], lot: Any) -> None:
    from npa_market.auctions.services import (
        admit_registration,
        confirm_deposit,
        register_for_lot,
    )

    for number, (buyer, user) in enumerate(people["bidders"]):
        registration = register_for_lot(user=user, lot_id=lot.pk, buyer=buyer)
        admit_registration(user=people["operator"], registration_id=registration.pk)
        confirm_deposit(
            user=people["operator"],
            registration_id=registration.pk,
            bank_reference=f"{lot.reference}-{number}",
        )


def _told(lot: Any) -> dict[str, Any]:
    """The public terms of a lot, and who bids under which label."""
    labels = lot.registrations.values_list("buyer", "label")
    return {
        "id": str(lot.pk),
        "start_price_minor": lot.start_price_minor,
        "step_minor": lot.step_minor,
        "opens_at": lot.opens_at.isoformat(),
        "first_end_at": lot.first_end_at.isoformat(),
        "hard_end_at": lot.hard_end_at.isoformat(),
        "labels": {str(buyer): label for buyer, label in labels},
    }


def _credentials(buyer: Any, user: Any) -> dict[str, str]:
    """An API token, and a session as the sign-in page would leave it."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from npa_market.parties.services import issue_token

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    _, token = issue_token(user=user, days=1)
    return {"buyer": str(buyer.pk), "token": token, "session": session.session_key or ""}


def main(arguments: list[str]) -> int:
    """`stage.py ORDER.json STAGE.json`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npa_market.config.settings")
    import django

    django.setup()
    order = json.loads(Path(arguments[0]).read_text())
    told = build(order) | {"built_at": datetime.now(UTC).isoformat()}
    Path(arguments[1]).write_text(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
