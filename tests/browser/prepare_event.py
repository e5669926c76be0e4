"""An event of two lots with bidders and holders who sign in; run as a process of its own.

    python -m tests.browser.prepare_event --seconds 60 --shares FOLDER

Addresses are `NAME-event@example.com` (`--name` in place of event), NAME being a, b, c, seller,
operator, compliance, notary; shares are files `PLACE-HOLDER`. Prints the keys of event and lots.
"""

import json
import os
import sys
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path

import django

STARTS = (2_000_000, 3_000_000)


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("--seconds", type=int, default=3_600)
    parser.add_argument("--apart", type=int, default=0, help="seconds to the second deadline")
    parser.add_argument("--shares", type=Path, required=True)
    parser.add_argument("--name", default="event")
    options = parser.parse_args()
    from django.contrib.auth.hashers import make_password
    from django.db import transaction

    from npa_market.auctions.model.world import make_world
    from npa_market.auctions.models import LotState
    from npa_market.auctions.services import advance_lot
    from npa_market.common.clock import database_now
    from npa_market.parties.models import Membership, Organisation, User
    from npa_market.parties.roles import OrganisationKind, Role
    from tests.browser.serving import PASSWORD

    with transaction.atomic():
        world, password = make_world(), make_password(PASSWORD)
        people = {**world.users, "seller": world.seller_user, "operator": world.operator}
        venue = Organisation.objects.filter(kind=OrganisationKind.VENUE).latest("pk")
        for role in (Role.COMPLIANCE, Role.NOTARY):
            people[role.value] = User.objects.create(email=f"{role.value}@{options.name}.example")
            Membership.objects.create(user=people[role.value], organisation=venue, role=role)
        for name, user in people.items():
            user.email, user.password = f"{name}-{options.name}@example.com", password
            user.save()
        event = announced(world)
        for lot in event.lots.all():
            admit(world, lot)
            give_key(world, lot, options.shares)
        # However long that took, bidding opens now.
        opens_at = database_now() + timedelta(seconds=1)
        end = opens_at + timedelta(seconds=options.seconds)
        event.lots.update(
            registration_ends_at=opens_at, opens_at=opens_at, first_end_at=end, ends_at=end,
            hard_end_at=end, last_end_at=end,
        )  # fmt: skip
        later = end + timedelta(seconds=options.apart)
        event.lots.filter(event_place=2).update(ends_at=later, hard_end_at=later, last_end_at=later)
    lots = [lot.pk for lot in event.lots.order_by("event_place")]
    for lot_id in lots:
        while advance_lot(lot_id=lot_id).state == LotState.ANNOUNCED:
            pass
    sys.stdout.write(json.dumps({"event": str(event.pk), "lots": list(map(str, lots))}))


def announced(world):
    """An event of two packages, whose rooms the bidders have been admitted to; two stay free."""
    from npa_market.auctions.sale_events.services import Offered, Timetable, announce_event
    from npa_market.common.clock import database_now
    from npa_market.common.fields import uuid7
    from npa_market.common.files import store_bytes
    from npa_market.diligence.models import Admission, DataRoom
    from npa_market.packages.models import Package, PackageState
    from tests.auctions.conftest import sealed_rows

    content, totals = sealed_rows()
    now, tag, packages = database_now(), uuid7().hex[-8:], []
    for number, region in enumerate(("East", "West", "North", "South"), 1):
        package = Package.objects.create(
            reference=f"PKG-{tag}-{number}", seller=world.seller, currency="CNY",
            title=f"Consumer loans, {region}", cut_off_date=now.date(),
            state=PackageState.SEALED, created_by=world.seller_user, created_at=now,
            sealed_by=world.users["a"], sealed_at=now, file=store_bytes(content),
            manifest_file=store_bytes(content), merkle_root=f"{number:02}" * 32, **totals,
        )  # fmt: skip
        room = DataRoom.objects.create(
            package=package, nda=store_bytes(b"NDA"), opened_by=world.seller_user, opened_at=now
        )
        for name, buyer in world.buyers.items():
            Admission.objects.create(
                room=room, buyer=buyer, nda_sha256="0" * 64, signed_by=world.users[name],
                signed_at=now,
            )  # fmt: skip
        packages.append(package)
    opens_at = now + timedelta(hours=1)
    return announce_event(
        user=world.seller_user,
        title="Consumer loans of two regions",
        offered=[
            Offered(package_id=each.pk, start_price_minor=start, deposit_minor=200_000)
            for each, start in zip(packages, STARTS, strict=False)
        ],
        timetable=Timetable(
            registration_ends_at=opens_at,
            opens_at=opens_at,
            ends_at=opens_at + timedelta(hours=1),
            allows_withdrawal=True,
        ),
    )


def admit(world, lot) -> None:
    from npa_market.auctions.services import (
        admit_registration,
        confirm_deposit,
        register_for_lot,
    )
    from npa_market.parties.models import Membership, Organisation
    from npa_market.parties.roles import OrganisationKind, Role

    venue = Organisation.objects.filter(kind=OrganisationKind.VENUE).latest("pk")
    Membership.objects.get_or_create(
        user=world.operator, organisation=venue, role=Role.VENUE_FINANCE
    )
    for name, buyer in world.buyers.items():
        applied = register_for_lot(user=world.users[name], lot_id=lot.pk, buyer=buyer)
        admit_registration(user=world.operator, registration_id=applied.pk)
        if name == "c" and lot.event_place == 2:
            continue  # One bidder who could not buy the whole.
        confirm_deposit(
            user=world.operator,
            registration_id=applied.pk,
            bank_reference=f"{lot.reference}-{name}",
        )


def give_key(world, lot, folder: Path) -> None:
    from npa_market.auctions.ceremony.services import set_lot_key
    from npa_market.auctions.lot_keys import make_lot_key

    key = make_lot_key()
    set_lot_key(user=world.operator, lot_id=lot.pk, public_key=key.public_key, set_id=key.set_id)
    for holder, words in key.shares.items():
        (folder / f"{lot.event_place}-{holder.value}").write_text(words)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npa_market.config.settings")
    django.setup()
    main()
