"""Command line of the backtest."""

import argparse
import json
import os
import sys
from dataclasses import fields
from typing import Any

from pricing.backtest.report import lines, summary
from pricing.backtest.run import EVERY, Setting, run
from pricing.errors import PricingError

MOST_WORKERS = 4
DONE, BEYOND_LIMITS = 0, 1
HELP = {
    "replications": "markets to draw",
    "seed": "of all markets",
    "loans": "per deal",
    "horizon": "months forecast",
    "first": "deals known at the first origin",
    "origins": "of each market",
    "step": "months between origins",
    "pool_sd": "level risk of a deal in the truth, log-odds",
    "group_sd": "risk of a product within a deal",
    "macro_sd": "calendar risk",
    "amount_sd": "risk of the ticket size",
}


def add_command(commands: Any) -> None:
    """`backtest` among the commands of `python -m pricing`."""
    one = commands.add_parser("backtest", help="forecasts against outcomes on a known truth")
    for field in fields(Setting):
        name = f"--{field.name.replace('_', '-')}"
        kind = float if isinstance(field.default, float) else int
        one.add_argument(name, type=kind, default=field.default, help=HELP[field.name])
    one.add_argument("--workers", type=int, default=max(1, min(MOST_WORKERS, os.cpu_count() or 1)))
    one.set_defaults(command=_backtest)


def _backtest(options: argparse.Namespace) -> int:
    """JSON on standard output, a table on standard error; 1 where a limit does not hold."""
    setting = Setting(**{field.name: getattr(options, field.name) for field in fields(Setting)})
    _check(setting, options.workers)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers are the threads
    found = summary(setting, run(setting, options.workers, _progress))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    sys.stderr.write("\n".join(lines(found)) + "\n")
    return DONE if found["is_within"] else BEYOND_LIMITS


def _check(setting: Setting, workers: int) -> None:
    least = {"replications": 1, "seed": 0, "loans": 100, "horizon": EVERY, "first": 12,
             "origins": 1, "step": EVERY}  # fmt: skip
    for name, value in least.items():
        if getattr(setting, name) < value:
            raise PricingError(f"{name} = {getattr(setting, name)}: from {value}")
    for name in ("horizon", "step"):
        if getattr(setting, name) % EVERY:
            raise PricingError(f"{name} = {getattr(setting, name)}: whole quarters, in months")
    for name in ("pool_sd", "group_sd", "macro_sd", "amount_sd"):
        if not 0 <= getattr(setting, name) <= 1:
            raise PricingError(f"{name} = {getattr(setting, name)}: from 0 to 1")
    if setting.horizon > (setting.first - 5) * EVERY:
        raise PricingError(
            f"horizon = {setting.horizon}: the oldest of {setting.first} deals must have lived "
            "through it beyond a seasoned deal's age, or no chain ladder can be run"
        )
    if workers < 1:
        raise PricingError(f"workers = {workers}: from 1")


def _progress(done: int, total: int) -> None:
    sys.stderr.write(f"\rmarkets {done:,} of {total:,}" + ("\n" if done == total else ""))
    sys.stderr.flush()
