"""Load on one lot through HTTP: `bench_bids --bidders 200 --seconds 60` prints JSON."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from npa_market.portal.trials.cluster import NoCluster, scratch_database
from npa_market.portal.trials.load import DEAD_BROKER, run_load
from npa_market.portal.trials.venue import venue_on


class Command(BaseCommand):
    help = "Many bidders on one lot of a scratch venue: what was lost, and how fast it was."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bidders", type=int, default=200)
        parser.add_argument("--seconds", type=float, default=60, help="with a think time of 1 s")
        parser.add_argument("--saturated-seconds", type=float, default=20, help="without")
        parser.add_argument("--workers", type=int, default=2, help="processes of the web server")
        parser.add_argument(
            "--dead-broker", action="store_true", help="with a broker that nobody answers for"
        )
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        changes = DEAD_BROKER if options["dead_broker"] else {}
        try:
            with (
                scratch_database() as database_url,
                venue_on(database_url, workers=options["workers"], changes=changes) as venue,
            ):
                figures = run_load(
                    venue,
                    bidders=options["bidders"],
                    seconds=options["seconds"],
                    saturated_seconds=options["saturated_seconds"],
                    seed=options["seed"],
                )
        except NoCluster as missing:
            raise CommandError(str(missing)) from missing
        self.stdout.write(json.dumps(figures, indent=2))
        if any(figures[name] for name in ("lost", "doubled", "gaps", "out_of_order", "late")):
            raise CommandError("A promise to bidders was broken; see `findings`.")
