"""How long a change of an assumption takes to show: prints one JSON object."""

import io
import json
import resource
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandParser

from npa_market.valuation import door

if TYPE_CHECKING:
    import pandas as pd

CURRENCY, SEED = "CNY", 1
CHANGES: tuple[dict[str, Any], ...] = (
    {"buyer_irr": 0.25},
    {"level": 0.9},
    {"horizon_months": 48},
    {"channel": "in_house"},
    {"costs": [{"name": "agency", "fee_share": 0.32}]},
    {"costs": [{"name": "agency", "fee_share": 0.25, "delay_months": 3}]},
    {"costs": [{"name": "agency", "fee_share": 0.25, "uplift": 0.15}]},
    {"buyer_irr": 0.15, "level": 1.1},
)


class Command(BaseCommand):
    help = "Measure the first valuation of a tape and its repricing under changed assumptions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loans", type=int, default=100_000)
        parser.add_argument("--paths", type=int, default=4096)

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(measure(options["loans"], options["paths"])))


def measure(loans: int, paths: int) -> dict[str, float | int]:
    """first: reading the tape and one valuation. reprice: median and worst of CHANGES. ratio: a
    full run (both engines, all outputs) over the median repricing, in the same process."""
    from pricing import value
    from pricing.live import live_figures
    from pricing.plan import plan_of

    tape = _tape(loans)

    def inputs(**changes: Any) -> door.Inputs:
        return door.inputs_of(currency=CURRENCY, terms={"paths": paths, "seed": SEED, **changes})

    start = time.perf_counter()
    base = inputs()
    pool, _ = door.loans_of(_read(tape), base.channel, CURRENCY)
    live_figures(plan_of(pool, base.calibration, base.terms))
    first = time.perf_counter() - start
    seconds = []
    for change in CHANGES:
        start = time.perf_counter()
        changed = inputs(**change)
        live_figures(plan_of(pool, changed.calibration, changed.terms))
        seconds.append(time.perf_counter() - start)
    peak = _peak_mb()
    start = time.perf_counter()
    value(pool, base.calibration, base.terms)
    full = time.perf_counter() - start
    return {
        "loans": loans,
        "paths": paths,
        "first_seconds": round(first, 3),
        "reprice_seconds": round(median(seconds), 3),
        "worst_reprice_seconds": round(max(seconds), 3),
        "full_run_seconds": round(full, 3),
        "ratio": round(full / median(seconds), 1),
        "peak_rss_mb": round(peak, 1),
    }


def _tape(count: int) -> bytes:
    """Rows as a sealed file has them, Parquet, made from a seed."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(SEED)
    products = np.array(["Credit card", "Cash loan", "Instalment"])
    frame = pd.DataFrame(
        {
            "loan_token": [f"{number:032x}" for number in range(count)],
            "claim_minor": np.maximum(rng.lognormal(13.8, 0.9, count), 1).astype(np.int64),
            "product": products[rng.integers(0, 3, count)],
            "age_months": pd.array(rng.integers(3, 60, count), "Int32"),
            "days_overdue": pd.array(rng.integers(200, 2000, count), "Int32"),
            "months_since_payment": pd.array(
                np.where(rng.random(count) < 0.4, rng.integers(0, 36, count), -1), "Int32"
            ),
            "prior_placements": rng.integers(0, 4, count),
            "litigation_status": "not_sued",
            "is_reachable": pd.array(rng.random(count) < 0.6, "boolean"),
            "province": np.array(["Jiangsu", "Henan", "Sichuan"])[rng.integers(0, 3, count)],
            "status": "live",
        }
    )
    frame["months_since_payment"] = frame["months_since_payment"].where(
        frame["months_since_payment"] >= 0
    )
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _read(tape: bytes) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_parquet(io.BytesIO(tape))


def _peak_mb() -> float:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
