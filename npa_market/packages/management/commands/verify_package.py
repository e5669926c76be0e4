"""Check a sealed package, or the rows of one that were delivered, without the database."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from npa_market.packages.verification import CannotVerify, verify_files, verify_rows

VALID, INVALID, CANNOT_TELL = 0, 1, 2


class Command(BaseCommand):
    help = (
        "Recompute hash, totals and Merkle root of a sealed package from its file and manifest, "
        "or the leaves of the rows that were delivered of it. "
        "Exit 0 = valid, 1 = INVALID, 2 = cannot tell."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file",
            type=Path,
            metavar="FILE",
            help="the sealed Parquet file, or sealed_rows.jsonl of a delivery",
        )
        parser.add_argument("manifest", type=Path, metavar="MANIFEST", help="its manifest, JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            verify = verify_rows if options["file"].suffix == ".jsonl" else verify_files
            checks = verify(options["file"], options["manifest"])
        except (CannotVerify, OSError) as error:
            self.stderr.write(f"cannot tell: {error}")
            sys.exit(CANNOT_TELL)
        for check in checks:
            mark = "ok " if check.holds else "BAD"
            self.stdout.write(f"{mark} {check.name}: {check.found}")
            if not check.holds:
                self.stdout.write(f"    the manifest says {check.expected}")
        is_valid = all(check.holds for check in checks)
        self.stdout.write("valid" if is_valid else "INVALID")
        sys.exit(VALID if is_valid else INVALID)
