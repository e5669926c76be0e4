"""Commands around payment histories: calibrate, triangle, bench-calibrate, real recoveries."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from pricing.backtest import lending_club
from pricing.calibration import EFFECTS, Calibration
from pricing.errors import BadTerms
from pricing.fit import calibrate, seasoned
from pricing.fit.calendar import as_of
from pricing.fit.check import check_calibration
from pricing.history.bench import HistorySize, bench_calibrate
from pricing.history.counts import History
from pricing.history.files import HistoryFiles, read_history_files
from pricing.history.synthetic import Deals
from pricing.history.triangles import curves, triangle
from pricing.loans import BASES
from pricing.tables import read_calibration, read_table, write_table

Commands = Any  # argparse's own type is private


def add_history_commands(commands: Commands) -> None:
    """Register the commands."""
    one = commands.add_parser("calibrate", help="fit a calibration to a payment history")
    _add_history(one)
    one.add_argument("--out", type=Path, required=True, help="JSON file to write")
    one.add_argument("--name", help="name of the calibration; the file's without it")
    one.add_argument("--base", default="cn-consumer-reference", help="reference or JSON file")
    one.add_argument("--keep-effects", nargs="*", default=(), choices=EFFECTS, metavar="NAME",
                     help=f"effects taken from the base: {', '.join(EFFECTS)}")  # fmt: skip
    one.add_argument("--report", type=Path, help="also write the curves, CSV or Parquet")
    one.set_defaults(command=_calibrate)
    one = commands.add_parser("triangle", help="cash over balance by cohort and age")
    _add_history(one)
    one.add_argument("--out", type=Path, required=True, help="CSV or Parquet, a row per age")
    one.add_argument("--curves", type=Path, help="curve, band and development factors by age")
    one.set_defaults(command=_triangle, base="cn-consumer-reference")
    one = commands.add_parser("bench-calibrate", help="measure reading and fitting, print JSON")
    one.add_argument("--loans", type=int, default=1_000_000)
    one.add_argument("--months", type=int, default=36)
    one.set_defaults(command=_bench)
    one = commands.add_parser("check-calibration", help="fits beside the truth, print JSON")
    one.add_argument("--histories", type=int, default=40)
    one.add_argument("--deals", type=int, default=14)
    one.add_argument("--loans", type=int, default=1500, help="per deal")
    one.add_argument("--months", type=int, default=24, help="after the last deal's charge-off")
    one.set_defaults(command=_check)
    one = commands.add_parser("backtest-lendingclub", help="forecast real recoveries 2008-2010")
    one.add_argument("--data", type=Path, required=True, help=f"folder with {lending_club.FILE}")
    one.add_argument("--out", type=Path, help="JSON file; standard output without it")
    one.set_defaults(command=_lending_club)


def add_own_history(parser: argparse.ArgumentParser) -> None:
    """Arguments of a valuation that takes the pool's own payments into account."""
    parser.add_argument("--own-history", type=Path, help="the pool's own payments, as a history")
    parser.add_argument("--own-accounts", type=Path, help="its loans, one row each")
    parser.add_argument("--cut-off", help="date of the pool, for example 2024-06-30: a fitted "
                        "calibration starts where its calendar then stands; own payments tell the "
                        "date themselves")  # fmt: skip


def with_own_history(calibration: Calibration, options: argparse.Namespace) -> Calibration:
    """The calibration, moved by the pool's own payments where they are given, else started where
    the calendar stands at the cut-off date, where that is given."""
    if options.own_history is None:
        return _at_cut_off(calibration, options.cut_off)
    files = HistoryFiles(options.own_history, options.own_accounts)
    currency = options.currency or calibration.currency
    own = read_history_files(files, currency=currency, basis=options.basis or calibration.basis)
    moved = seasoned(calibration, own)
    told = moved.diagnostics["seasoned"]
    _say(f"own payments: {told['starts']} starts, {told['expected_starts']} expected; "
         f"level {told['level']:.3f}, tickets {told['ticket_factor']:.3f}")  # fmt: skip
    return moved


def _at_cut_off(calibration: Calibration, date: str | None) -> Calibration:
    if date is None:
        return calibration
    moment = pd.to_datetime(date, errors="coerce")
    if pd.isna(moment):
        raise BadTerms("cut-off", date, "a date, for example 2024-06-30")
    started = as_of(calibration, int(moment.year) * 12 + int(moment.month) - 1)
    if started is calibration:
        _say("the calibration knows no calendar: the cut-off date changes nothing")
        return calibration
    told = started.diagnostics["started"]
    _say(f"{told['month']}: payments begin at {told['first_month']:.2f} of the fitted curve")
    return started


def with_own_receipts(pool: pd.DataFrame, options: argparse.Namespace) -> pd.DataFrame:
    """The pool with what each loan has paid since charge-off, from its own history; a column
    `paid_before` of the pool stays as it is."""
    if (
        options.own_history is None
        or "paid_before" in pool.columns
        or "loan_id" not in pool.columns
    ):
        return pool
    rows = read_table(options.own_history)
    paid = pd.to_numeric(rows["cash"]).groupby(rows["loan_id"].astype(str)).sum()
    own = pool["loan_id"].astype(str).map(paid).fillna(0.0)
    _say(f"own payments: {int((own > 0).sum()):,} loans of the pool have paid {own.sum():,.2f}")
    return pool.assign(paid_before=own)


def _add_history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--history", type=Path, required=True, help="CSV or Parquet, monthly cash")
    parser.add_argument(
        "--accounts", type=Path, help="table of loans, where history lists cash alone"
    )
    parser.add_argument("--grouped", action="store_true", help="the history holds grouped counts")
    parser.add_argument("--observed-to", help="last day watched, for example 2024-06-30")
    parser.add_argument("--repeats", choices=("refuse", "add"), default="refuse",
                        help="two rows of one loan and month")  # fmt: skip
    parser.add_argument("--currency", help="the base's without it")
    parser.add_argument("--basis", choices=BASES, help="the base's without it")


def _read(options: argparse.Namespace, base: Calibration) -> History:
    files = HistoryFiles(
        options.history, options.accounts, options.grouped, options.observed_to, options.repeats
    )
    _say(f"reading {options.history}")
    history = read_history_files(
        files, currency=options.currency or base.currency, basis=options.basis or base.basis
    )
    _say(f"{history.loans:,} loans, {len(history.cohorts)} cohorts, {history.ages} months, "
         f"{history.payments:,} payments")  # fmt: skip
    return history


def _calibrate(options: argparse.Namespace) -> int:
    base = read_calibration(options.base)
    history = _read(options, base)
    _say("fitting")
    name = options.name or options.out.stem
    fitted = calibrate(history, name=name, base=base, keep_effects=options.keep_effects)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(fitted.to_json(), encoding="utf-8")
    _say(f"wrote {options.out}")
    if options.report is not None:
        write_table(curves(history), options.report)
        _say(f"wrote {options.report}")
    told = fitted.diagnostics
    _say(f"fitted: {', '.join(told['fitted'])}")
    _say(f"judged, from {base.name}: {', '.join(told['judged'])}")
    for note in told["notes"]:
        _say(f"note: {note}")
    return 0


def _triangle(options: argparse.Namespace) -> int:
    history = _read(options, read_calibration(options.base))
    for frame, path in ((triangle, options.out), (curves, options.curves)):
        if path is not None:
            write_table(frame(history), path)
            _say(f"wrote {path}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    figures = bench_calibrate(HistorySize(options.loans, options.months))
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    deals = Deals(deals=options.deals, loans=options.loans, months=options.months)
    recovery = check_calibration(options.histories, deals, _progress)
    sys.stdout.write(json.dumps(asdict(recovery), indent=1) + "\n")
    return 0


def _progress(done: int, total: int) -> None:
    ending = "\n" if done == total else ""
    sys.stderr.write(f"\rhistories {done} of {total}{ending}")
    sys.stderr.flush()


def _lending_club(options: argparse.Namespace) -> int:
    made = lending_club.forecasts(lending_club.read_recoveries(options.data))
    text = json.dumps(lending_club.summary(made), indent=1) + "\n"
    sys.stdout.write("\n".join(lending_club.lines(made)) + "\n")
    if options.out is None:
        sys.stdout.write(text)
    else:
        options.out.write_text(text, encoding="utf-8")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
