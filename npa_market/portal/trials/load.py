"""Load: many bidders on one lot, first thinking, then as fast as they can."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings

from npa_market.portal.trials import checker
from npa_market.portal.trials.baseline import bare_lock_per_second
from npa_market.portal.trials.venue import Venue

# Port 9 discards: nobody listens there on a server.
DEAD_BROKER = {"CELERY_BROKER_URL": "amqp://guest:guest@127.0.0.1:9//"}
BASELINE_CLIENTS, BASELINE_SECONDS = 50, 4.0


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile, milliseconds from seconds."""
    ranked = sorted(values)
    return round(1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))], 1)


def start_bidders(
    venue: Venue, name: str, stage: dict[str, Any], **plan: Any
) -> tuple[subprocess.Popen[bytes], Path]:
    """A client process with all the stage's bidders on its first lot; and its log."""
    written, log = venue.folder / f"{name}.plan.json", venue.folder / f"{name}.jsonl"
    whole = {"url": venue.url, "lot": stage["lots"][0], "bidders": stage["bidders"], **plan}
    written.write_text(json.dumps(whole))
    module = "npa_market.portal.trials.bidders"
    with (venue.folder / f"{name}.log").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", module, str(written), str(log)],
            cwd=settings.BASE_DIR,
            stdout=output,
            stderr=output,
        )
    return process, log


def finish(venue: Venue, name: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for a client process. Raises RuntimeError with what it said where it failed."""
    if process.wait():
        raise RuntimeError((venue.folder / f"{name}.log").read_text()[-4000:])


def run_load(
    venue: Venue, *, bidders: int, seconds: float, saturated_seconds: float, seed: int
) -> dict[str, Any]:
    """The whole trial on a prepared venue; figures as printed by `bench_bids`."""
    stage = venue.build_stage(bidders=bidders)
    venue.start("web")
    venue.start("sweeper")
    venue.wait_until_ready()
    process, log = start_bidders(
        venue,
        "load",
        stage,
        seed=seed,
        phases=[
            {"name": "warm", "seconds": 2, "think_seconds": 1.0},
            {"name": "think", "seconds": seconds, "think_seconds": 1.0},
            {"name": "saturated", "seconds": saturated_seconds, "think_seconds": 0.0},
        ],
    )
    finish(venue, "load", process)
    lines = checker.read_logs([log])
    lot, token = stage["lots"][0], stage["bidders"][0]["token"]
    events = venue.read(f"/api/v1/lots/{lot['id']}/events/", token)
    findings = checker.check_lot(lot, events, lines)
    findings.doubled += checker.unclaimed(events, lines, lot["id"])
    venue.stop()
    bare = bare_lock_per_second(venue.database_url, BASELINE_CLIENTS, BASELINE_SECONDS)
    return _figures(lines, findings, bare, saturated_seconds) | {
        "bidders": bidders,
        "workers": venue.workers,
        "cache": (venue.cache_url or "database").split(":")[0],
    }


def _figures(
    lines: list[dict[str, Any]], findings: checker.Findings, bare: float, saturated_seconds: float
) -> dict[str, Any]:
    answered = [line for line in lines if "outcome" in line]
    thinking = [line["latency"] for line in answered if line["phase"] == "think"]
    fast = [line for line in answered if line["phase"] == "saturated"]
    begin = next(line["at"] for line in lines if line.get("begins") == "saturated")
    within = [line for line in fast if line["answered"] <= begin + saturated_seconds]
    per_second = len(within) / saturated_seconds
    accepted = sum(line["outcome"]["result"] == "accepted" for line in answered)
    return {
        "requests": len(answered),
        "accepted": accepted,
        "refused": len(answered) - accepted,
        "busy": sum(line.get("status") == 503 for line in lines),
        "faults": sum("fault" in line or line.get("status") == 500 for line in lines),
        "lost": findings.lost,
        "doubled": findings.doubled,
        "gaps": findings.gaps,
        "out_of_order": findings.out_of_order,
        "late": findings.late + findings.early,
        "foreign": findings.foreign,
        "findings": findings.words,
        "p50_ms": percentile(thinking, 0.50),
        "p99_ms": percentile(thinking, 0.99),
        "saturated_p99_ms": percentile([line["latency"] for line in fast], 0.99),
        "requests_per_second": round(per_second, 1),
        "bare_lock_per_second": round(bare, 1),
        "ratio_to_bare_lock": round(per_second / bare, 3),
    }
