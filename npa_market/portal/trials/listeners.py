"""Many live pages on one web process: how late the last one hears, and what they cost."""

import asyncio
import json
import sys
from pathlib import Path
from time import time
from typing import Any
from uuid import uuid4

import psycopg

from npa_market.portal.trials.load import percentile
from npa_market.portal.trials.venue import Venue
from npa_market.portal.trials.wire import Broken, Wire

PATIENCE_SECONDS = 120


class Crowd:
    """What listeners have heard: per event, how many, and when the last of them did."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.arrived = 0
        self.heard: dict[int, int] = {}
        self.last: dict[int, float] = {}
        self.gaps = 0

    async def listen(self, url: str, lot_id: str, session: str) -> None:
        """One page: its own connection, numbers in order."""
        last = 0
        wire = Wire(url, {"Cookie": f"sessionid={session}"})
        is_in = False
        async for event in wire.events(f"/lots/{lot_id}/feed/"):
            if not is_in:
                is_in = True
                self.arrived += 1
            if event.get("event") == "lot":
                seq = int(event["id"])
                self.gaps += seq != last + 1
                last = seq
                self.heard[seq] = self.heard.get(seq, 0) + 1
                self.last[seq] = time()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                await asyncio.sleep(0.01)


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Gather the crowd, bid, note when each event reached the last listener."""
    crowd = Crowd(plan["listeners"])
    lot, who = plan["lot"], plan["bidders"][0]
    tasks = [
        asyncio.create_task(crowd.listen(plan["url"], lot["id"], who["session"]))
        for _ in range(plan["listeners"])
    ]
    await crowd.until(lambda: crowd.arrived == crowd.size)
    settled = _measured(plan)
    wire = Wire(plan["url"], {"Authorization": f"Token {who['token']}"})
    delays = []
    half_way = settled
    for number in range(plan["events"]):
        if number == plan["events"] // 2:
            half_way = _measured(plan)
        amount_minor = lot["start_price_minor"] + number * lot["step_minor"]
        document = {
            "request_id": str(uuid4()),
            "amount_minor": amount_minor,
            "confirm_amount_minor": amount_minor,
            "buyer": who["buyer"],
        }
        answer = await wire.request("POST", f"/api/v1/lots/{lot['id']}/bids/", document)
        answered = time()
        seq = answer.json()["seq"]
        await crowd.until(lambda seq=seq: crowd.heard.get(seq) == crowd.size)
        delays.append(crowd.last[seq] - answered)
    after = _measured(plan)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "listeners": crowd.size,
        "events": plan["events"],
        "p50_ms": percentile(delays, 0.50),
        "p99_ms": percentile(delays, 0.99),
        "gaps": crowd.gaps,
        "broken": sum(isinstance(each, Broken) for each in results),
        "connections_before": plan["connections"],
        "connections_with_listeners": settled["connections"],
        "connections_after": after["connections"],
        "rss_mb_with_listeners": settled["rss_mb"],
        "rss_mb_half_way": half_way["rss_mb"],
        "rss_mb_after": after["rss_mb"],
    }


def connections(database_url: str) -> int:
    """Connections to the database but this one."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _measured(plan: dict[str, Any]) -> dict[str, Any]:
    status = Path(f"/proc/{plan['web_pid']}/status").read_text()
    kilobytes = int(status.partition("VmRSS:")[2].split()[0])
    return {"rss_mb": round(kilobytes / 1000, 1), "connections": connections(plan["database_url"])}


def run_listeners(venue: Venue, *, listeners: int, events: int) -> dict[str, Any]:
    """The whole trial on a prepared venue with one web process."""
    stage = venue.build_stage(bidders=1)
    venue.start("web")
    venue.wait_until_ready()
    plan, told = venue.folder / "feed.plan.json", venue.folder / "feed.json"
    plan.write_text(
        json.dumps(
            {
                "url": venue.url,
                "lot": stage["lots"][0],
                "bidders": stage["bidders"],
                "listeners": listeners,
                "events": events,
                "database_url": venue.database_url,
                "web_pid": venue.processes["web"].pid,
                "connections": connections(venue.database_url),
            }
        )
    )
    venue.manage("-m", "npa_market.portal.trials.listeners", str(plan), str(told))
    figures: dict[str, Any] = json.loads(told.read_text())
    return figures


def main(arguments: list[str]) -> int:
    """`listeners.py PLAN.json FIGURES.json`."""
    import uvloop

    plan = json.loads(Path(arguments[0]).read_text())
    Path(arguments[1]).write_text(json.dumps(uvloop.run(run(plan))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
