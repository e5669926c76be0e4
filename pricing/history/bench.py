"""Speed and memory of calibration, beside the bare pass over the same rows."""

import time
from dataclasses import dataclass

import numpy as np

from pricing.bench import peak_mb
from pricing.calibration import reference_calibration
from pricing.fit import calibrate
from pricing.history.door import read_history
from pricing.history.synthetic import Deals, as_truth, synthetic_history

COHORTS = 12
SEED = 1


@dataclass(frozen=True)
class HistorySize:
    """Loans in all, and months for which each is watched."""

    loans: int
    months: int


def bench_calibrate(size: HistorySize) -> dict[str, float | int]:
    """Seconds to read and to fit, as one flat JSON object.

    Loans are charged off over a year in twelve cohorts and all watched for `months`; cash is
    listed for paying months alone, beside a table of loans. groupby_seconds: one pandas groupby
    of the same rows by product, cohort and age, the least any reduction must do. peak_rss_mb:
    the process's, tables of the history included.
    """
    truth = as_truth(reference_calibration("cn-consumer-reference"))
    deals = Deals(deals=COHORTS, loans=max(1, size.loans // COHORTS), every_months=1,
                  months=size.months)  # fmt: skip
    drawn = synthetic_history(truth, deals, SEED)
    payments, loans = drawn.known_at(drawn.last_month)
    loans["observed_months"] = np.minimum(loans["observed_months"], size.months)
    payments = payments[payments["age_month"] <= size.months]
    payments = payments[["loan_id", "age_month", "cash", "settled"]]
    del drawn
    before = peak_mb()
    start = time.perf_counter()
    merged = payments.merge(loans[["loan_id", "product", "cohort"]], on="loan_id")
    groups = merged.groupby(["product", "cohort", "age_month"])["cash"].agg(["sum", "count"])
    bare = time.perf_counter() - start
    del merged
    start = time.perf_counter()
    history = read_history(payments, loans, currency=truth.currency, basis=truth.basis)
    reading = time.perf_counter() - start
    start = time.perf_counter()
    fitted = calibrate(history, name="bench", base=truth)
    fitting = time.perf_counter() - start
    return {
        "loans": history.loans,
        "months": size.months,
        "payments": len(payments),
        "groups": len(groups),
        "profiles": len(history.product),
        "read_seconds": round(reading, 3),
        "fit_seconds": round(fitting, 3),
        "seconds": round(reading + fitting, 3),
        "groupby_seconds": round(bare, 3),
        "ratio_to_groupby": round((reading + fitting) / bare, 2),
        "input_rss_mb": round(before, 1),
        "peak_rss_mb": round(peak_mb(), 1),
        "level_sd": round(fitted.factors.pool, 4),
        "true_level_sd": truth.factors.pool,
    }
