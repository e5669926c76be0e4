"""Measure the work on a large package; prints JSON and leaves nothing behind."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Count, screen, seal, table, prove and pick on a scratch seller; prints JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loans", type=int, default=1_000_000)
        parser.add_argument("--pages", action="store_true", help="time the pages instead")

    def handle(self, *args: Any, **options: Any) -> None:
        from npa_market.packages.benchmark import measure
        from npa_market.packages.benchmark_pages import measure_pages

        measured = measure_pages if options["pages"] else measure
        self.stdout.write(json.dumps(measured(options["loans"]), indent=2))
