"""Change a lot's protocol at random and see whether the stand-alone check notices."""

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from npa_market.auctions.model.tampering import tampering_check
from npa_market.auctions.models import Lot
from npa_market.auctions.protocol import protocol_bytes
from npa_market.common.errors import Refused


class Command(BaseCommand):
    help = (
        "Judge random changes of a lot's protocol by check_protocol.py and print JSON; exit 1 "
        "where one that means something was accepted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("lot", metavar="LOT", help="the lot's reference")
        parser.add_argument("--mutations", type=int, default=10_000)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        lot = Lot.objects.filter(reference=options["lot"]).first()
        if lot is None:
            raise CommandError(f"There is no lot {options['lot']}.")
        began = time.perf_counter()
        try:
            raw = protocol_bytes(lot)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        figures = tampering_check(raw, options["mutations"], options["seed"])
        figures["seconds"] = round(time.perf_counter() - began, 2)
        self.stdout.write(json.dumps(figures, indent=1))
        sys.exit(1 if figures["accepted"] else 0)
