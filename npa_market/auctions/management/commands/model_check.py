"""Hold the rules of lots against a second statement of them, on random histories."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from npa_market.auctions.model.bundle_database import event_database_check
from npa_market.auctions.model.bundles import bundle_check
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
        parser.add_argument("--events", action="store_true", help="several lots sold together")
        parser.add_argument("--processes", type=int, default=None, help="default: all processors")
        parser.add_argument("--database", action="store_true", help="through the real services")

    def handle(self, *args: Any, **options: Any) -> None:
        numbers = range(options["first"], options["first"] + options["histories"])
        if options["events"]:
            if options["format"]:
                raise CommandError("--events takes no --format: all lots of an event are sealed.")
            of_events = event_database_check if options["database"] else bundle_check
            return self._print(
                of_events(numbers, seed=options["seed"], processes=options["processes"])
            )
        only = Format(options["format"]) if options["format"] else None
        check = database_check if options["database"] else model_check
        return self._print(
            check(numbers, seed=options["seed"], only=only, processes=options["processes"])
        )

    def _print(self, figures: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(figures, indent=1))
        sys.exit(1 if figures["differences"] or figures["violations"] else 0)
