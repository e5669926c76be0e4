"""A lot of one format with bidders who sign in; run as a process of its own.

    python -m tests.browser.prepare_formats dutch
    python -m tests.browser.prepare_formats sealed --seconds 60 --shares FOLDER

Addresses are `NAME-FORMAT@example.com` or `NAME-PEOPLE@example.com`, NAME being a, b, c, seller,
operator, compliance, notary. Prints the key of the lot.
"""

import os
import sys
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path

import django


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("format")
    parser.add_argument("--seconds", type=int, default=3_600)
    parser.add_argument("--shares", type=Path)
    parser.add_argument("--people", help="the word in their addresses; each lot needs its own")
    options = parser.parse_args()
    from django.contrib.auth.hashers import make_password
    from django.db import transaction

    from npa_market.auctions.ceremony.services import set_lot_key
    from npa_market.auctions.lot_keys import make_lot_key
    from npa_market.auctions.model.world import make_world
    from npa_market.auctions.models import Lot, LotState
    from npa_market.auctions.services import advance_lot
    from npa_market.auctions.terms import Format, LotTerms
    from npa_market.common.clock import database_now
    from npa_market.packages.models import Package
    from npa_market.parties.models import Membership, Organisation, User
    from npa_market.parties.roles import OrganisationKind, Role
    from tests.browser.serving import PASSWORD

    kind = Format(options.format)
    with transaction.atomic():
        world, password = make_world(), make_password(PASSWORD)
        Package.objects.filter(pk=world.package.pk).update(
            title="Consumer loans, East", loans=4_120, borrowers=3_988, principal_minor=812_500_000
        )
        world.package.refresh_from_db()
        people = {**world.users, "seller": world.seller_user, "operator": world.operator}
        venue = Organisation.objects.filter(kind=OrganisationKind.VENUE).latest("pk")
        for role in (Role.COMPLIANCE, Role.NOTARY):
            people[role.value] = User.objects.create(email=f"{role.value}@new.example.com")
            Membership.objects.create(user=people[role.value], organisation=venue, role=role)
        for name, user in people.items():
            user.email = f"{name}-{options.people or kind.value}@example.com"
            user.password = password
            user.save()
        now = database_now()
        opens_at, ends_at = now + timedelta(seconds=3), now + timedelta(seconds=options.seconds)
        is_dutch = kind == Format.DUTCH
        lot = world.lot(
            LotTerms(
                format=kind,
                start_price_minor=2_000_000,
                step_minor=10_000,
                deposit_minor=200_000,
                registration_ends_at=opens_at,
                opens_at=opens_at,
                ends_at=ends_at,
                hard_end_at=ends_at + timedelta(hours=1),
                tick_seconds=600,
                lowest_price_minor=1_000_000 if is_dutch else None,
                allows_withdrawal=kind == Format.SEALED,
                invited="a" if kind == Format.NEGOTIATED else "",
            ),
            is_keyed=False,
        )
        Lot.objects.filter(pk=lot.pk).update(announced_at=now, title="Consumer loans, East")
        if kind == Format.SEALED:
            key = make_lot_key()
            set_lot_key(
                user=world.operator, lot_id=lot.pk, public_key=key.public_key, set_id=key.set_id
            )
            for holder, words in key.shares.items():
                (options.shares / holder.value).write_text(words)
    while advance_lot(lot_id=lot.pk).state == LotState.ANNOUNCED:
        pass
    sys.stdout.write(str(lot.pk))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npa_market.config.settings")
    django.setup()
    main()
