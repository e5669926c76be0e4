"""See whether anything tells what a sealed bid holds before the opening."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from npa_market.auctions.model.damage import damaged_envelopes
from npa_market.auctions.model.secrecy import sealed_pairs


class Command(BaseCommand):
    help = (
        "Run pairs of sealed lots that differ in amounts alone and compare everything that leaves "
        "the venue before the opening: answers, log lines, rows and their sizes, evidence, outbox, "
        "feed. Then try to open damaged, copied and replayed envelopes. In transactions that are "
        "rolled back. Prints JSON; exit 1 where anything differs or opens. A finding replays with "
        "--seed S --first N --pairs 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--pairs", type=int, default=20)
        parser.add_argument("--first", type=int, default=0, help="number of the first pair")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--envelopes", type=int, default=0, help="damaged envelopes to open")
        parser.add_argument("--processes", type=int, default=None, help="PostgreSQL: processors")

    def handle(self, *args: Any, **options: Any) -> None:
        seed, first = options["seed"], options["first"]
        numbers = range(first, first + options["pairs"])
        figures = sealed_pairs(numbers, seed=seed, processes=options["processes"])
        if options["envelopes"]:
            figures["damaged"] = damaged_envelopes(options["envelopes"], seed=seed)
        self.stdout.write(json.dumps(figures, indent=1))
        opened = figures.get("damaged", {}).get("opened", 0)
        sys.exit(1 if figures["differences"] or opened else 0)
