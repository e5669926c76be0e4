"""Command line: python -m pricing COMMAND; --help lists the commands."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pricing.backtest.command import add_command as add_backtest
from pricing.bench import Size, bench, scaling
from pricing.blocks import simulate
from pricing.check import compare, enough_blocks, lines, without_risk
from pricing.errors import PricingError
from pricing.explain import explain
from pricing.history_commands import (
    add_history_commands,
    add_own_history,
    with_own_history,
    with_own_receipts,
)
from pricing.loans import BASES, read_loans
from pricing.plan import Plan, plan_of
from pricing.result import Result
from pricing.scorecard.command import add_commands as add_scorecard
from pricing.shards import merge, parse_blocks, write_shard
from pricing.summary import summarise
from pricing.tables import read_calibration, read_table, read_terms, read_text, write_result
from pricing.terms import BLOCK

DONE, BEYOND_LIMITS, REFUSED = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 a check went beyond its limits, 2 the input was refused."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except PricingError as refusal:
        _say(f"refused: {refusal}")
        return REFUSED
    except OSError as reason:
        if not reason.filename:
            raise
        _say(f"refused: {reason.filename}: {reason.strerror}")
        return REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pricing", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    one = commands.add_parser("value", help="value a pool, or some blocks of the run")
    _add_run(one)
    one.add_argument("--blocks", help="first:end, writes a shard instead of the result")
    one.set_defaults(command=_value)
    one = commands.add_parser("merge", help="join the shards of a run")
    _add_run(one)
    one.add_argument("shards", type=Path, nargs="+", help="files of value --blocks, in any order")
    one.set_defaults(command=_merge)
    one = commands.add_parser("explain", help="print a result in words")
    one.add_argument("--result", type=Path, required=True, help="result.json of a valuation")
    one.set_defaults(command=_explain)
    add_scorecard(commands)
    add_backtest(commands)
    one = commands.add_parser("check", help="both engines against brute force")
    one.add_argument("--loans", type=int, nargs="+", default=[200, 2_000, 10_000])
    one.add_argument("--paths", type=_paths, help=f"of the brute force, a multiple of {BLOCK}; "
                     "without it as many as the limits need")  # fmt: skip
    one.add_argument("--calibration", default="cn-consumer-reference")
    one.add_argument("--seed", type=int, default=1)
    one.set_defaults(command=_check)
    one = commands.add_parser("bench", help="measure speed and memory, print JSON")
    one.add_argument("--loans", type=_positive, default=1_000_000)
    one.add_argument("--paths", type=_paths, default=10_240, help=f"multiple of {BLOCK}")
    one.add_argument("--months", type=_positive, default=60)
    one.add_argument("--segments", type=_positive, default=100)
    one.add_argument("--scaling", action="store_true", help="engine A's seconds from 10^4 to 10^6 "
                     "loans at the same segments; --loans is not used")  # fmt: skip
    one.set_defaults(command=_bench)
    add_history_commands(commands)
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    """Arguments that say which run is meant."""
    parser.add_argument("--loans", type=Path, required=True, help="CSV or Parquet, a row per loan")
    parser.add_argument("--calibration", required=True, help="JSON file or name of a reference")
    parser.add_argument("--terms", type=Path, help="JSON file; the defaults without it")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is written")
    parser.add_argument("--currency", help="the calibration's without it")
    parser.add_argument("--basis", choices=BASES, help="the calibration's without it")
    add_own_history(parser)


def _plan(options: argparse.Namespace) -> Plan:
    calibration = with_own_history(read_calibration(options.calibration), options)
    terms = read_terms(options.terms)
    loans = read_loans(
        with_own_receipts(read_table(options.loans), options),
        currency=options.currency or calibration.currency,
        basis=options.basis or calibration.basis,
    )
    return plan_of(loans, calibration, terms)


def _value(options: argparse.Namespace) -> int:
    plan = _plan(options)
    whole = range(plan.terms.blocks)
    if options.blocks is None:
        return _report(plan, summarise(plan, simulate(plan, whole, _progress)), options.out)
    blocks = parse_blocks(options.blocks, plan.terms.blocks)
    path = options.out / f"shard-{blocks.start:05d}-{blocks.stop:05d}.npz"
    write_shard(plan, blocks, path, _progress)
    _say(f"wrote {path}")
    return DONE


def _merge(options: argparse.Namespace) -> int:
    plan = _plan(options)
    return _report(plan, merge(plan, options.shards), options.out)


def _report(plan: Plan, result: Result, folder: Path) -> int:
    for path in write_result(result, plan.portfolio.loans, folder):
        _say(f"wrote {path}")
    share = result.price / result.face
    _say(f"price {result.price:,.2f} {result.currency}, {share:.2%} of {result.basis}")
    for note in result.notes:
        _say(f"note: {note}")
    return DONE


def _explain(options: argparse.Namespace) -> int:
    sys.stdout.write(explain(Result.from_json(read_text(options.result))))
    return DONE


def _check(options: argparse.Namespace) -> int:
    risky = read_calibration(options.calibration)
    outcome = DONE
    for calibration in (without_risk(risky), risky):
        for loans in options.loans:
            blocks = options.paths // BLOCK if options.paths else enough_blocks(loans)
            comparison = compare(calibration, loans, blocks, options.seed)
            sys.stdout.write("\n".join(lines(comparison)) + "\n")
            sys.stdout.flush()
            outcome = outcome if comparison.is_within else BEYOND_LIMITS
    return outcome


def _bench(options: argparse.Namespace) -> int:
    size = Size(options.loans, options.paths, options.months, options.segments)
    if options.scaling:
        found = scaling(size)
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return DONE if found["growth"] <= found["limit"] else BEYOND_LIMITS
    sys.stdout.write(json.dumps(bench(size), indent=1) + "\n")
    return DONE


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise argparse.ArgumentTypeError("above 0")
    return number


def _paths(text: str) -> int:
    number = int(text)
    if number <= 0 or number % BLOCK:
        raise argparse.ArgumentTypeError(f"a multiple of {BLOCK}")
    return number


def _progress(done: int, total: int) -> None:
    ending = "\n" if done == total else ""
    sys.stderr.write(f"\rpaths {done * BLOCK:,} of {total * BLOCK:,}{ending}")
    sys.stderr.flush()


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
