"""Many live pages on one web process: `bench_feed --listeners 500` prints JSON."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from npa_market.portal.trials.cluster import NoCluster, scratch_database
from npa_market.portal.trials.listeners import run_listeners
from npa_market.portal.trials.venue import venue_on


class Command(BaseCommand):
    help = "Listeners of one lot on one process: delay to the last one, memory, connections."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--listeners", type=int, default=500)
        parser.add_argument("--events", type=int, default=100)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with scratch_database() as database_url, venue_on(database_url, workers=1) as venue:
                figures = run_listeners(
                    venue, listeners=options["listeners"], events=options["events"]
                )
        except NoCluster as missing:
            raise CommandError(str(missing)) from missing
        self.stdout.write(json.dumps(figures, indent=2))
        if figures["gaps"] or figures["broken"]:
            raise CommandError("Listeners missed events or lost their connection.")
