"""Hold the rules of lots against a second statement of them, on random histories."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from npa_market.auctions.model.check import model_check
from npa_market.auctions.model.database import database_check
from npa_market.auctions.terms import Format


class Command(BaseCommand):
    help = (
        "Decide random histories of lots by the core and by an independently written reference "
        "and check the invariants on each; --database sends the same histories through the real "
        "services, in transactions that are rolled back. Prints JSON; exit 1 where anything "
        "differs. The findings name seed and history: --seed S --first N --histories 1 replays."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--histories", type=int, default=10_000)
        parser.add_argument("--first", type=int, default=0, help="number of the first history")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--format", choices=[each.value for each in Format], default=None)
        parser.add_argument("--processes", type=int, default=None, help="default: all processors")
        parser.add_argument("--database", action="store_true", help="through the real services")

    def handle(self, *args: Any, **options: Any) -> None:
        only = Format(options["format"]) if options["format"] else None
        check = database_check if options["database"] else model_check
        figures = check(
            range(options["first"], options["first"] + options["histories"]),
            seed=options["seed"],
            only=only,
            processes=options["processes"],
        )
        self.stdout.write(json.dumps(figures, indent=1))
        sys.exit(1 if figures["differences"] or figures["violations"] else 0)
