"""Write a synthetic tape for the mapping npa_standard."""

from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Write a synthetic tape (mapping npa_standard): same arguments, same bytes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loans", type=int, required=True)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--locale", choices=["zh", "en"], default="zh")
        parser.add_argument("--dirty", type=float, default=0.01, help="share of wrong rows")
        parser.add_argument("--cut-off", type=date.fromisoformat, help="default 2025-12-31")
        parser.add_argument("--out", type=Path, required=True, help="FILE.csv, .csv.gz, .xlsx")
        parser.add_argument(
            "--histories", type=Path, metavar="DIR", help="also write payments.csv, contacts.csv, …"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from npa_market.tapes.synthetic.dirt import spoiled
        from npa_market.tapes.synthetic.histories import make_histories
        from npa_market.tapes.synthetic.layout import CUT_OFF_DATE, make_tape
        from npa_market.tapes.synthetic.writing import write_table

        cut_off_date, seed = options["cut_off"] or CUT_OFF_DATE, options["seed"]
        try:
            tape = make_tape(
                loans=options["loans"],
                seed=seed,
                locale=options["locale"],
                cut_off_date=cut_off_date,
            )
            dirty = spoiled(tape, share=options["dirty"], seed=seed, cut_off_date=cut_off_date)
        except ValueError as error:
            raise CommandError(str(error)) from error
        out: Path = options["out"]
        write_table(out, tape.header, dirty.rows)
        wrong = sum(dirty.faults.values())
        self.stdout.write(
            f"{out}: {options['loans']:,} loans, {wrong:,} deliberately wrong rows, "
            f"cut-off date {cut_off_date}"
        )
        if folder := options["histories"]:
            histories = make_histories(
                tape, seed=seed, locale=options["locale"], cut_off_date=cut_off_date
            )
            folder.mkdir(parents=True, exist_ok=True)
            for kind, history in histories.items():
                write_table(folder / f"{kind}.csv", history.header, history.rows)
            self.stdout.write(f"{folder}: {', '.join(f'{kind}.csv' for kind in histories)}")
