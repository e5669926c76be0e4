"""Kill -9 under load: `chaos_bids --kills 50` prints JSON."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from npa_market.portal.trials.chaos import SERVER, UNSAFE, run_chaos
from npa_market.portal.trials.cluster import NoCluster, own_cluster
from npa_market.portal.trials.venue import venue_on


class Command(BaseCommand):
    help = "Kill database, web server and workers in turn while clients bid: what was lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--kills", type=int, default=50)
        parser.add_argument("--bidders", type=int, default=8)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--unsafe",
            action="store_true",
            help="run PostgreSQL with synchronous_commit off: the trial must then find losses",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        is_unsafe = options["unsafe"]
        # Such a server is refused by the venue, so that the trial has to say that it means it.
        changes = {"ALLOW_UNSAFE_DATABASE": "1"} if is_unsafe else {}
        try:
            with (
                own_cluster(**(SERVER | (UNSAFE if is_unsafe else {}))) as cluster,
                venue_on(cluster.make_database(), changes=changes) as venue,
            ):
                figures = run_chaos(
                    cluster,
                    venue,
                    kills=options["kills"],
                    bidders=options["bidders"],
                    seed=options["seed"],
                )
        except NoCluster as missing:
            raise CommandError(str(missing)) from missing
        self.stdout.write(json.dumps(figures, indent=2))
        broken = any(figures[name] for name in ("lost", "doubled", "violations", "unclaimed"))
        if is_unsafe and not figures["lost"]:
            raise CommandError("No loss was found on an unsafe server: the trial proves nothing.")
        if broken and not is_unsafe:
            raise CommandError("A promise to bidders was broken; see `findings`.")
