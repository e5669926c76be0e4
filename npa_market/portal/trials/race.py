"""Bids aimed at the end of lots: none late, none refused early, one terminal event each.

Readers ask for each lot around its end as well: whoever looks at a due lot settles it, so that
bids race with closers of every web process and with the sweeper.
"""

import asyncio
import json
from collections import deque
from datetime import datetime
from random import Random
from statistics import median
from time import monotonic, sleep, time
from typing import Any
from uuid import uuid4

import uvloop

from npa_market.portal.trials import checker
from npa_market.portal.trials.venue import Venue
from npa_market.portal.trials.wire import Broken, Wire

WIRES, READERS, LOOKS = 16, 4, 4
SPREAD_SECONDS, MAX_LEAD_SECONDS = 0.05, 2.0
PATIENCE_SECONDS = 30.0
# Opening the lots and the clients' connections must be over before the first of them ends: what
# that takes here is told by what the web server's start took.
SETTING_UP_SECONDS, PER_LOT_SECONDS, PER_START = 5.0, 0.05, 1.0


async def race(plan: dict[str, Any], log: Any) -> None:
    """Send each bid at its moment, within the spread around the end of its lot."""
    rng = Random(plan["seed"])  # noqa: S311
    wires, readers, lead = _wires(plan, WIRES), _wires(plan, READERS), Lead()
    await _warm(wires, plan["lots"][0])
    shots = []
    for lot in plan["lots"]:
        moments = sorted(_around(lot, rng) for _ in range(plan["bids"]))
        # Prices rise with time: a bid in time is refused only where a later one overtook it.
        shots += [(at, lot, number) for number, at in enumerate(moments)]
    looks = [(_around(lot, rng), lot) for lot in plan["lots"] for _ in range(LOOKS)]
    async with asyncio.TaskGroup() as group:
        for at, lot, number in shots:
            group.create_task(_shoot(wires, lead, log, at, lot, number))
        for at, lot in looks:
            group.create_task(_look(readers, at, lot))


class Lead:
    """How long bids take from their moment to the decision: the median of the last ones."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=50)
        self.seconds = 0.0

    def learn(self, seconds: float) -> None:
        self._last.append(seconds)
        self.seconds = min(median(self._last), MAX_LEAD_SECONDS)


def _around(lot: dict[str, Any], rng: Random) -> float:
    """A moment within the spread around the end of a lot."""
    end = datetime.fromisoformat(lot["first_end_at"]).timestamp()
    return end + rng.uniform(-SPREAD_SECONDS, SPREAD_SECONDS)


Wires = asyncio.Queue[tuple[dict[str, str], Wire]]


def _wires(plan: dict[str, Any], count: int) -> Wires:
    """Kept connections, each with the token of one bidder."""
    wires: Wires = asyncio.Queue()
    for number in range(count):
        who = plan["bidders"][number % len(plan["bidders"])]
        wires.put_nowait((who, Wire(plan["url"], {"Authorization": f"Token {who['token']}"})))
    return wires


async def _warm(wires: Wires, lot: dict[str, Any]) -> None:
    """Each connection once, so that no web process meets its first request in the race."""
    pairs = [wires.get_nowait() for _ in range(wires.qsize())]
    path = f"/api/v1/lots/{lot['id']}/"
    await asyncio.gather(*(wire.request("GET", path) for _, wire in pairs))
    for pair in pairs:
        wires.put_nowait(pair)


async def _look(readers: Wires, at: float, lot: dict[str, Any]) -> None:
    await asyncio.sleep(max(0.0, at - time()))
    who, wire = await readers.get()
    try:
        answer = await wire.request("GET", f"/api/v1/lots/{lot['id']}/")
        if answer.status != 200:
            raise RuntimeError(f"answer {answer.status}: {answer.body[:500]!r}")
    finally:
        readers.put_nowait((who, wire))


async def _shoot(
    wires: Wires, lead: Lead, log: Any, at: float, lot: dict[str, Any], number: int
) -> None:
    await asyncio.sleep(max(0.0, at - MAX_LEAD_SECONDS - time()))
    while time() < at - lead.seconds:
        await asyncio.sleep(0.005)
    began = time()
    who, wire = await wires.get()
    amount_minor = lot["start_price_minor"] + number * lot["step_minor"]
    document = {
        "request_id": str(uuid4()),
        "amount_minor": amount_minor,
        "confirm_amount_minor": amount_minor,
        "buyer": who["buyer"],
    }
    try:
        while True:
            try:
                answer = await wire.request("POST", f"/api/v1/lots/{lot['id']}/bids/", document)
            except Broken:
                continue
            if answer.status in {201, 409}:
                break
            if answer.status not in {500, 503}:
                raise RuntimeError(f"answer {answer.status}: {answer.body[:500]!r}")
            await asyncio.sleep(0.2)
        told = answer.json()
        outcome = told if answer.status == 201 else told["outcome"]
        lead.learn(checker.moment(outcome["decided_at"]).timestamp() - began)
        log.write(
            json.dumps(
                {
                    "lot": lot["id"],
                    "sent": began,
                    "answered": time(),
                    "outcome": outcome,
                    **document,
                }
            )
            + "\n"
        )
    finally:
        wires.put_nowait((who, wire))


def run_race(
    venue: Venue, *, bids: int, per_lot: int, between_seconds: float, seed: int
) -> dict[str, Any]:
    """The whole trial on a prepared venue; figures as printed by `race_close`."""
    lots = -(-bids // per_lot)
    begin = monotonic()
    venue.start("web")
    venue.start("sweeper")
    venue.wait_until_ready()
    start_seconds = monotonic() - begin
    stage = venue.build_stage(
        bidders=2,
        lots=lots,
        first_end_seconds=SETTING_UP_SECONDS + PER_LOT_SECONDS * lots + PER_START * start_seconds,
        between_seconds=between_seconds,
        extra_seconds=60,
        soft_close_seconds=0,
    )
    log = venue.folder / "race.jsonl"
    with log.open("w") as output:
        uvloop.run(race({"url": venue.url, "bids": per_lot, "seed": seed, **stage}, output))
    return _figures(venue, stage, checker.read_logs([log])) | {"seed": seed}


def _figures(venue: Venue, stage: dict[str, Any], lines: list[dict[str, Any]]) -> dict[str, Any]:
    token = stage["bidders"][0]["token"]
    totals = checker.Findings()
    one_terminal = 0
    for lot in stage["lots"]:
        events = _events_at_rest(venue, lot, token)
        totals.merge(checker.check_lot(lot, events, lines))
        one_terminal += sum(event["kind"] in checker.TERMINAL for event in events) == 1
    outcomes = [line["outcome"] for line in lines]
    ends = {lot["id"]: checker.moment(lot["first_end_at"]) for lot in stage["lots"]}
    decided = [
        (checker.moment(line["outcome"]["decided_at"]) - ends[line["lot"]]).total_seconds()
        for line in lines
    ]
    return {
        "bids": len(outcomes),
        "lots": len(ends),
        "median_ms_to_decision": round(1000 * median(_delays(lines)), 1),
        "decided_in_50_ms_before_the_end": sum(-SPREAD_SECONDS <= each < 0 for each in decided),
        "decided_in_50_ms_after_the_end": sum(0 <= each <= SPREAD_SECONDS for each in decided),
        "nearest_ms": round(1000 * min(map(abs, decided)), 3),
        "accepted": sum(each["result"] == "accepted" for each in outcomes),
        "refused_late": sum(each["refusal"] in {"late", "closed"} for each in outcomes),
        "accepted_late": totals.late,
        "refused_early": totals.early,
        "lost": totals.lost,
        "doubled": totals.doubled,
        "lots_with_one_terminal_event": one_terminal,
        "findings": totals.words[:20],
    }


def _events_at_rest(venue: Venue, lot: dict[str, Any], token: str) -> list[dict[str, Any]]:
    """The events once the lot has ended; as they stand where it does not end in time.

    Whoever looks settles a due lot, except where another is at work on it at that moment.
    """
    deadline = monotonic() + PATIENCE_SECONDS
    while True:
        venue.read(f"/api/v1/lots/{lot['id']}/", token)
        events: list[dict[str, Any]] = venue.read(f"/api/v1/lots/{lot['id']}/events/", token)
        if any(event["kind"] in checker.TERMINAL for event in events) or monotonic() > deadline:
            return events
        sleep(0.1)


def _delays(lines: list[dict[str, Any]]) -> list[float]:
    """Seconds from the moment at which a client would send to the decision."""
    return [
        checker.moment(line["outcome"]["decided_at"]).timestamp() - line["sent"] for line in lines
    ]
