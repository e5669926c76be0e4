"""The main job on one tape, then the portal: `demo --out DIR [--tape FILE --mapping NAME]`."""

import sys
from argparse import ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from npa_market.common.errors import Refused
from npa_market.common.money import format_minor
from npa_market.portal.demo import cast, run, story
from npa_market.portal.demo.worker import worker
from npa_market.tapes.mapping import shipped_mappings

GENERATED_MAPPING, GENERATED_CUT_OFF, SEED = "npa_standard", date(2026, 9, 30), 20261111
# The older part is sold in the main job, the fresher part is the lot that stays open.
MAIN_CRITERIA = {"where": {"field": "months_since_charge_off", "op": "at_least", "value": 12}}


def iso_date(text: str) -> date:
    """A date of the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"write the date as YYYY-MM-DD, not {text!r}") from error


class Command(BaseCommand):
    help = "Run the main job on a tape into a folder, print a summary, serve the portal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, required=True, help="folder for the results")
        parser.add_argument("--tape", type=Path, help="a seller's file; without it one is made")
        parser.add_argument("--mapping", help="name of a shipped mapping, with --tape")
        parser.add_argument("--cut-off", type=iso_date, help="cut-off date, with --tape")
        parser.add_argument("--loans", type=int, default=5000, help="size of the generated tape")
        parser.add_argument("--no-serve", action="store_true", help="stop after the summary")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demonstration has public passwords; it refuses production.")
        if bool(options["tape"]) != bool(options["mapping"]):
            raise CommandError("--tape and --mapping go together.")
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        options["out"].mkdir(parents=True, exist_ok=True)
        try:
            self.perform(options)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        if not options["no_serve"]:
            self.tell_accounts()
            call_command("serve", host=options["host"], port=options["port"])

    def perform(self, options: dict[str, Any]) -> None:
        """The main job, its files, the summary, and a second lot that stays open to bid on."""
        out: Path = options["out"]
        order = self.order(options)
        with worker() as process:
            stage = story.Stage(cast.make_cast(settings.VAR_DIR / "demo-keys"), process, self.say)
            job = run.run_main_job(stage, order, MAIN_CRITERIA if not options["tape"] else {})
            self.say("8/8 Files and summary")
            summary = run.write_outputs(job, order.path, out)
            if not options["tape"]:
                run.open_showcase(stage, job.tape)
        self.tell(summary, out)

    def order(self, options: dict[str, Any]) -> story.TapeOrder:
        """The tape to take in: the given file, or one made with a fixed seed."""
        mappings = shipped_mappings()
        name = options["mapping"] or GENERATED_MAPPING
        if name not in mappings:
            raise CommandError(f"Unknown mapping {name!r}; shipped: {', '.join(sorted(mappings))}.")
        path = options["tape"]
        cut_off = options["cut_off"] or mappings[name].suggested_cut_off or GENERATED_CUT_OFF
        if path is None:
            path = options["out"] / "tape.csv"
            call_command(
                "make_tape",
                loans=options["loans"],
                seed=SEED,
                locale="zh",
                out=path,
                cut_off=cut_off,
                stdout=self.stdout,
            )
        elif not path.is_file():
            raise CommandError(f"There is no file {path}.")
        return story.TapeOrder(path, name, mappings[name].suggested_currency, cut_off)

    def say(self, words: str) -> None:
        """A line of progress, at once."""
        self.stdout.write(words)
        sys.stdout.flush()

    def tell(self, summary: dict[str, Any], out: Path) -> None:
        """The summary for people."""
        package, value = summary["package"], summary["valuation"]
        lot, settlement = summary["lot"], summary["settlement"]

        def money(amount_minor: int) -> str:
            return format_minor(amount_minor, summary["currency"])

        face = package["face_minor"]
        lines = {
            "Tape": f"{summary['rows_read']:,} rows read, {summary['loans_imported']:,} imported, "
            f"{summary['rows_rejected']:,} rejected",
            "Package": f"{package['reference']}: {package['loans']:,} loans of "
            f"{package['borrowers']:,} borrowers, claim {money(face)} {summary['currency']}",
            "Content hash": package["content_sha256"],
            "Merkle root": package["merkle_root"],
            "Value": f"{money(value['price_minor'])} = {value['price_minor'] / face:.2%} of claim "
            f"(5 to 95 %: {money(value['q05_minor'])} to {money(value['q95_minor'])})",
            "Calibration": value["calibration"],
            "Lot": f"{lot['reference']}: {lot['bids']} bids, sold to {lot['winner']} "
            f"for {money(lot['hammer_minor'])}",
            "Settlement": f"{settlement['reference']}: adjusted price "
            f"{money(settlement['adjusted_minor'])}, deposit {money(settlement['deposit_minor'])}, "
            f"balance {money(settlement['balance_minor'])}",
            "": f"fee {money(settlement['fee_minor'])}, tax {money(settlement['tax_minor'])}, "
            f"seller net {money(settlement['seller_net_minor'])}",
            "Files": f"{out}/: {', '.join(['summary.json', *summary['files']])}",
        }
        self.stdout.write("")
        for name, text in lines.items():
            self.stdout.write(f"{name:<14}{text}")

    def tell_accounts(self) -> None:
        """One account per role."""
        self.stdout.write(f"\nAccounts, password {cast.PASSWORD}:")
        for email, institution, roles in cast.PEOPLE:
            names = ", ".join(str(role.label) for role in roles)
            self.stdout.write(f"  {email:<30}{names:<22}{institution}")
        self.stdout.write("")
