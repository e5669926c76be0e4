"""Command line of the scorecard: `scorecard` builds a card, `score` uses one."""

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from pricing.errors import BadFile, PricingError
from pricing.scorecard.binning import BinRules
from pricing.scorecard.card import Scorecard
from pricing.scorecard.fit import Design, fit_scorecard
from pricing.scorecard.score import scored_table
from pricing.tables import read_table, read_text


def add_commands(commands: Any) -> None:
    """`scorecard` and `score` among the commands of `python -m pricing`."""
    one = commands.add_parser("scorecard", help="a scorecard from loans with a known outcome")
    one.add_argument(
        "--sample", "--history", type=Path, required=True, help="CSV or Parquet, a row per loan"
    )
    one.add_argument("--target", required=True, help="column of 0 and 1: did the loan pay")
    one.add_argument("--out", type=Path, required=True, help="JSON file of the card")
    one.add_argument("--features", type=_names, help="columns to try, with commas; all without it")
    one.add_argument("--ignore", type=_names, default=(), help="columns never to try")
    one.add_argument("--time", help="column by which the latest 30 %% are held back")
    one.add_argument("--special", type=_special, action="append", default=[],
                     metavar="COLUMN=VALUE,...", help="values with a bin of their own")  # fmt: skip
    one.add_argument("--ridge", type=float, default=Design.ridge)
    one.add_argument("--least-share", type=float, default=BinRules.least_share)
    one.add_argument("--least-count", type=int, default=BinRules.least_count)
    one.add_argument("--most-bins", type=int, default=BinRules.most_bins)
    one.add_argument("--base-score", type=float, default=Design.base_score)
    one.add_argument("--base-odds", type=float, default=Design.base_odds)
    one.add_argument("--pdo", type=float, default=Design.points_to_double,
                     help="points that double the odds")  # fmt: skip
    one.set_defaults(command=_scorecard)
    one = commands.add_parser("score", help="points, chance and reasons for a table of loans")
    one.add_argument("--loans", type=Path, required=True, help="CSV or Parquet, a row per loan")
    one.add_argument("--scorecard", type=Path, required=True, help="JSON file of a card")
    one.add_argument("--out", type=Path, required=True, help=".csv or .parquet to write")
    one.set_defaults(command=_score)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _special(text: str) -> tuple[str, tuple[float, ...]]:
    column, equals, values = text.rpartition("=")
    if not equals or not column:
        raise argparse.ArgumentTypeError("COLUMN=VALUE,VALUE")
    return column, tuple(float(value) for value in values.split(","))


def _scorecard(options: argparse.Namespace) -> int:
    design = Design(
        target=options.target,
        features=options.features,
        ignore=("loan_id", *options.ignore),
        time=options.time,
        specials=dict(options.special),
        rules=BinRules(options.least_share, options.least_count, options.most_bins),
        ridge=options.ridge,
        base_score=options.base_score,
        base_odds=options.base_odds,
        points_to_double=options.pdo,
    )
    card = fit_scorecard(read_table(options.sample), design)
    _write(options.out, card.to_json() + "\n")
    sys.stderr.write("\n".join([*_lines(card), f"wrote {options.out}"]) + "\n")
    return 0


def _lines(card: Scorecard) -> list[str]:
    """The card for a terminal."""
    shown = []
    for line in card.characteristics:
        shown.append(f"{line.name}: information {line.information:.3f}, slope {line.slope:.3f}")
        for one in line.bins:
            rate = f"{one.payers / one.rows:.2%}" if one.rows else "-"
            shown.append(f"  {one.label:24} {one.rows:>9,} {rate:>8} {one.points:>5} points")
    for name, found in card.diagnostics.items():
        psi = f", PSI {found['psi']:.3f}" if "psi" in found else ""
        shown.append(
            f"{name}: {found['rows']:,} loans, Gini {found['gini']:.3f}, KS {found['ks']:.3f}, "
            f"calibration slope {found['calibration_slope']:.3f}{psi}"
        )
    return [*shown, *(f"note: {note}" for note in card.notes)]


def _score(options: argparse.Namespace) -> int:
    if options.out.suffix not in (".csv", ".parquet"):
        raise PricingError(f"{options.out.name}: the name ends in .csv or .parquet")
    card = Scorecard.from_json(read_text(options.scorecard))
    table: pd.DataFrame = scored_table(card, read_table(options.loans))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if options.out.suffix == ".csv":
        table.to_csv(options.out, index=False)
    else:
        table.to_parquet(options.out, index=False)
    sys.stderr.write(f"scored {len(table):,} loans, wrote {options.out}\n")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as reason:
        raise BadFile(str(path), f"cannot be written: {reason.strerror}") from reason
