"""Decide a lot once more from what was asked of it."""

import json
import sys
from argparse import ArgumentParser
from hashlib import sha256
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from npa_market.auctions.models import Lot
from npa_market.auctions.replay import replay


class Command(BaseCommand):
    help = (
        "Ask everything that was asked of a lot again, compare events and feed byte for byte "
        "(A19), and print JSON. Exit 0 = the same, 1 = NOT the same."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("lot", metavar="LOT", help="the lot's reference, e.g. LOT-2026-0007")

    def handle(self, *args: Any, **options: Any) -> None:
        lot = Lot.objects.filter(reference=options["lot"]).first()
        if lot is None:
            raise CommandError(f"There is no lot {options['lot']}.")
        again = replay(lot)
        figures = {
            "lot": lot.reference,
            "state": lot.state,
            "hammer_minor": lot.hammer_minor,
            "events": again.events,
            "is_same": again.is_same,
            "difference": again.difference or ("" if again.is_same else "the feed differs"),
            "feed_sha256": sha256(again.feed).hexdigest(),
        }
        self.stdout.write(json.dumps(figures, indent=1))
        sys.exit(0 if again.is_same else 1)
