"""Bids aimed at the end of lots: `race_close --bids 20000` prints JSON."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from npa_market.portal.trials.cluster import NoCluster, scratch_database
from npa_market.portal.trials.race import run_race
from npa_market.portal.trials.venue import venue_on


class Command(BaseCommand):
    help = "Bids within 50 ms around the end of many lots: what was late, early or settled twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bids", type=int, default=20_000)
        parser.add_argument("--per-lot", type=int, default=50)
        parser.add_argument("--between", type=float, default=1.0, help="seconds from end to end")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with scratch_database() as database_url, venue_on(database_url) as venue:
                figures = run_race(
                    venue,
                    bids=options["bids"],
                    per_lot=options["per_lot"],
                    between_seconds=options["between"],
                    seed=options["seed"],
                )
        except NoCluster as missing:
            raise CommandError(str(missing)) from missing
        self.stdout.write(json.dumps(figures, indent=2))
        is_clean = figures["lots_with_one_terminal_event"] == figures["lots"]
        if figures["findings"] or not is_clean:
            raise CommandError("A promise to bidders was broken; see `findings`.")
        sides = ("decided_in_50_ms_before_the_end", "decided_in_50_ms_after_the_end")
        if not all(figures[name] for name in sides):
            raise CommandError("No bid was decided near the end on one side: nothing was tried.")
