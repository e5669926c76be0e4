"""The backtest's figures, their limits, and a table for a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from pricing.backtest.forecasts import METHODS, MODEL, ODP
from pricing.backtest.market import AS_DRAWN, TWISTS
from pricing.backtest.run import OWN_MONTHS, Record, Replication, Setting
from pricing.backtest.scores import INTERVALS, coverage, pit_histogram
from pricing.scorecard.fit import measures
from pricing.scorecard.measures import gini

COVERAGE_80, COVERAGE_95 = (0.76, 0.84), (0.92, 0.97)
LEAST_GAIN = 0.15  # of CRPS against the bootstrap
MOST_MAPE = 0.20
ALL = "all"


def summary(setting: Setting, replications: Sequence[Replication]) -> dict[str, Any]:
    """Plain JSON values: scores by method and task, cases, loans, limits and whether they hold."""
    records = [record for one in replications for record in one.records]
    drawn = [record for record in records if record.case == AS_DRAWN]
    found: dict[str, Any] = {
        "setting": asdict(setting),
        "markets": len(replications),
        "deals_forecast": sum(record.method == MODEL for record in drawn),
        "methods": {
            method: {task: _scores(part) for task, part in _by_task(drawn, method)}
            for method in METHODS
        },
        "cases": {
            case: {
                method: _scores([r for r in records if (r.case, r.method) == (case, method)])
                for method in (MODEL, ODP)
            }
            for case in TWISTS
        },
        "loans": _loans(replications),
    }
    found["limits"] = _limits(found)
    found["is_within"] = all(limit["holds"] for limit in found["limits"])
    return found


def _by_task(records: Sequence[Record], method: str) -> Iterator[tuple[str, list[Record]]]:
    mine = [record for record in records if record.method == method]
    for own in OWN_MONTHS:
        yield _task(own), [record for record in mine if record.own_months == own]
    yield ALL, mine


def _task(own_months: int) -> str:
    return f"{own_months} months of own payments" if own_months else "new pool"


def _scores(records: Sequence[Record]) -> dict[str, Any]:
    places = np.array([record.place for record in records])
    markets = [record.market for record in records]
    mean, outcome = (
        np.array([getattr(record, name) for record in records]) for name in ("mean", "outcome")
    )
    return {
        "forecasts": len(records),
        "crps_share_of_face": float(np.mean([record.crps for record in records])),
        "pinball_share_of_face": float(np.mean([record.pinball for record in records])),
        "coverage": [asdict(coverage(places, markets, level)) for level in INTERVALS],
        "pit": pit_histogram(places),
        "mape": float(np.mean(np.abs(mean / np.maximum(outcome, 1e-12) - 1))),
        "bias": float(mean.sum() / max(outcome.sum(), 1e-12) - 1),
    }


def _loans(replications: Sequence[Replication]) -> dict[str, Any]:
    """Ranking and calibration of the model's chance that a loan pays, all deals together, and the
    mean Gini within a deal's task."""
    found = {}
    for own in OWN_MONTHS:
        parts = [(one.own_months == own, one) for one in replications]
        chance = np.concatenate([one.chance[mine] for mine, one in parts])
        paid = np.concatenate([one.paid[mine] for mine, one in parts])
        inside = np.clip(chance, 1e-9, 1 - 1e-9)
        each = [gini(one.chance[mine], one.paid[mine]) for mine, one in parts]
        all_loans = measures(np.log(inside / (1 - inside)), paid)
        all_loans["auc"] = (all_loans["gini"] + 1) / 2
        found[_task(own)] = all_loans | {"mean_gini_of_a_market": float(np.mean(each))}
    return found


def _limits(found: dict[str, Any]) -> list[dict[str, Any]]:
    model, odp = (found["methods"][method] for method in (MODEL, ODP))
    covered = {one["level"]: one["share"] for one in model[ALL]["coverage"]}
    gain = 1 - model[ALL]["crps_share_of_face"] / odp[ALL]["crps_share_of_face"]
    mape = model["new pool"]["mape"]
    return [
        _limit("coverage of the 80 % interval", covered[0.8], *COVERAGE_80),
        _limit("coverage of the 95 % interval", covered[0.95], *COVERAGE_95),
        _limit("CRPS better than the ODP bootstrap by", gain, LEAST_GAIN, None),
        _limit("MAPE of new pools", mape, None, MOST_MAPE),
    ]


def _limit(name: str, value: float, least: float | None, most: float | None) -> dict[str, Any]:
    holds = (least is None or value >= least) and (most is None or value <= most)
    return {"name": name, "value": value, "least": least, "most": most, "holds": holds}


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The summary for a terminal."""
    yield f"{found['markets']} markets, {found['deals_forecast']} forecasts of a deal per method"
    head = f"{'CRPS':>8} {'pinball':>8} {'50 %':>7} {'80 %':>7} {'95 %':>7} {'MAPE':>7} {'bias':>7}"
    for task in [*(_task(own) for own in OWN_MONTHS), ALL]:
        yield f"{task:<28} {head}"
        for method in METHODS:
            yield _line(method, found["methods"][method][task])
    yield f"{'should the world change':<28} {head}"
    for case in TWISTS:
        yield _line(f"{case}", found["cases"][case][MODEL])
        yield _line("  ODP bootstrap", found["cases"][case][ODP])
    for name, one in found["loans"].items():
        yield (
            f"loans, {name}: AUC {one['auc']:.3f}, Gini {one['gini']:.3f}, calibration slope "
            f"{one['calibration_slope']:.2f}, best tenth {one['deciles'][0]['lift']:.2f} x average"
        )
    for band in found["methods"][MODEL][ALL]["coverage"]:
        ends = f"{band['low']:.1%} to {band['high']:.1%}"
        yield f"coverage of {band['level']:.0%}: {band['share']:.1%}, 95 % band {ends}"
    for limit in found["limits"]:
        bounds = ", ".join(
            f"{word} {limit[word]:.0%}" for word in ("least", "most") if limit[word] is not None
        )
        verdict = "ok" if limit["holds"] else "BEYOND LIMITS"
        yield f"{limit['name']}: {limit['value']:.1%} ({bounds}): {verdict}"


def _line(name: str, scores: dict[str, Any]) -> str:
    shares = " ".join(f"{one['share']:>7.1%}" for one in scores["coverage"])
    return (
        f"  {name:<26} {scores['crps_share_of_face']:>8.3%} "
        f"{scores['pinball_share_of_face']:>8.3%} {shares} {scores['mape']:>7.1%} "
        f"{scores['bias']:>+7.1%}"
    )
