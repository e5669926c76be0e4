"""Bids aimed at the end of lots: none late, none refused early, one terminal event each."""

import asyncio
import json
import sys
from datetime import datetime
from pathlib import Path
from random import Random
from time import time
from typing import Any
from uuid import uuid4

from npa_market.portal.trials import checker
from npa_market.portal.trials.venue import Venue
from npa_market.portal.trials.wire import Broken, Wire

WIRES = 16
BEFORE_SECONDS, SPREAD_SECONDS = 0.5, 0.05
BETWEEN_SECONDS = 0.4


async def race(plan: dict[str, Any], log: Any) -> None:
    """Send each bid at its moment, within the spread around the end of its lot."""
    rng = Random(plan["seed"])  # noqa: S311
    shots = []
    for lot in plan["lots"]:
        end = datetime.fromisoformat(lot["first_end_at"]).timestamp()
        for number in range(plan["bids"]):
            at = end + rng.uniform(-SPREAD_SECONDS, SPREAD_SECONDS)
            shots.append((at, lot, number))
    shots.sort(key=lambda shot: shot[0])
    queue: asyncio.Queue[tuple[dict[str, str], Wire]] = asyncio.Queue()
    for number in range(WIRES):
        who = plan["bidders"][number % len(plan["bidders"])]
        wire = Wire(plan["url"], {"Authorization": f"Token {who['token']}"})
        queue.put_nowait((who, wire))
    async with asyncio.TaskGroup() as group:
        for at, lot, number in shots:
            group.create_task(_shoot(queue, log, at, lot, number))


async def _shoot(
    queue: "asyncio.Queue[tuple[dict[str, str], Wire]]",
    log: Any,
    at: float,
    lot: dict[str, Any],
    number: int,
) -> None:
    await asyncio.sleep(max(0.0, at - time()))
    who, wire = await queue.get()
    document = {
        "request_id": str(uuid4()),
        "amount_minor": lot["start_price_minor"] + number * lot["step_minor"],
        "buyer": who["buyer"],
    }
    try:
        while True:
            sent = time()
            try:
                answer = await wire.request("POST", f"/api/v1/lots/{lot['id']}/bids/", document)
            except Broken:
                continue
            if answer.status in {201, 409}:
                break
            await asyncio.sleep(0.2)
        told = answer.json()
        outcome = told if answer.status == 201 else told["outcome"]
        log.write(
            json.dumps(
                {"lot": lot["id"], "sent": sent, "answered": time(), "outcome": outcome, **document}
            )
            + "\n"
        )
    finally:
        queue.put_nowait((who, wire))


def run_race(venue: Venue, *, bids: int, per_lot: int, seed: int) -> dict[str, Any]:
    """The whole trial on a prepared venue; figures as printed by `race_close`."""
    lots = -(-bids // per_lot)
    stage = venue.build_stage(
        bidders=2,
        lots=lots,
        first_end_seconds=15,
        between_seconds=BETWEEN_SECONDS,
        extra_seconds=60,
        soft_close_seconds=0,
    )
    venue.start("web")
    venue.start("sweeper")
    venue.wait_until_ready()
    plan, log = venue.folder / "race.plan.json", venue.folder / "race.jsonl"
    plan.write_text(json.dumps({"url": venue.url, "bids": per_lot, "seed": seed, **stage}))
    venue.manage("-m", "npa_market.portal.trials.race", str(plan), str(log))
    lines = checker.read_logs([log])
    token = stage["bidders"][0]["token"]
    totals = checker.Findings()
    one_terminal = 0
    for lot in stage["lots"]:
        venue.read(f"/api/v1/lots/{lot['id']}/", token)  # Whoever looks settles a due lot.
        events = venue.read(f"/api/v1/lots/{lot['id']}/events/", token)
        found = checker.check_lot(lot, events, lines)
        totals.merge(found)
        one_terminal += sum(event["kind"] in checker.TERMINAL for event in events) == 1
    outcomes = [line["outcome"] for line in lines]
    close = [line for line in lines if abs(_margin(line, stage["lots"])) <= SPREAD_SECONDS]
    return {
        "bids": len(outcomes),
        "lots": lots,
        "decided_within_50_ms_of_the_end": len(close),
        "accepted": sum(each["result"] == "accepted" for each in outcomes),
        "refused_late": sum(each["refusal"] in {"late", "closed"} for each in outcomes),
        "accepted_late": totals.late,
        "refused_early": totals.early,
        "lost": totals.lost,
        "doubled": totals.doubled,
        "lots_with_one_terminal_event": one_terminal,
        "findings": totals.words[:20],
        "seed": seed,
    }


def _margin(line: dict[str, Any], lots: list[dict[str, Any]]) -> float:
    """Seconds from the lot's end to the decision."""
    end = next(lot["first_end_at"] for lot in lots if lot["id"] == line["lot"])
    decided = checker.moment(line["outcome"]["decided_at"])
    return (decided - checker.moment(end)).total_seconds()


def main(arguments: list[str]) -> int:
    """`race.py PLAN.json LOG.jsonl`."""
    import uvloop

    plan = json.loads(Path(arguments[0]).read_text())
    with Path(arguments[1]).open("w", buffering=1) as log:
        uvloop.run(race(plan, log))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
