"""Bidders as processes outside the venue: they bid over HTTP and write down what they saw.

Each line of the log is one answer: the request's number, lot, amount, when it was sent and
answered by this machine's clock, and the outcome as the venue told it. A bid without an answer is
sent again under the same number until its outcome is known, as a careful client does.
"""

import asyncio
import json
import os
import random
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import IO, Any
from uuid import uuid4

from npa_market.portal.trials.wire import Answer, Broken, Wire

RESEND_SHARE = 0.02
SPREAD_STEPS = 20
BROKEN_PAUSE_SECONDS = 0.1


@dataclass
class Price:
    """The lowest possible bid as far as this process knows: from the feed and from answers."""

    floor_minor: int
    step_minor: int
    seen: list[tuple[int, float]] = field(default_factory=list)

    def learn(self, amount_minor: int) -> None:
        self.floor_minor = max(self.floor_minor, amount_minor + self.step_minor)


@dataclass
class Room:
    """What the bidders of one process share."""

    url: str
    log: IO[str]
    rng: random.Random
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    parent: int = field(default_factory=os.getppid)

    def write(self, **facts: Any) -> None:
        self.log.write(json.dumps(facts) + "\n")


class Bidder:
    """One institution's client."""

    def __init__(self, room: Room, who: dict[str, str], lot: dict[str, Any], price: Price) -> None:
        self.room, self.who, self.lot, self.price = room, who, lot, price
        self.path = f"/api/v1/lots/{lot['id']}/bids/"
        self.wire = Wire(
            room.url, {"Authorization": f"Token {who['token']}", "Accept": "application/json"}
        )

    async def bid_on(self, until: float, think_seconds: float, phase: str) -> None:
        """Bid again and again until the time is over."""
        while (
            time() < until and not self.room.is_over.is_set() and os.getppid() == self.room.parent
        ):
            if think_seconds:
                pause = self.room.rng.expovariate(1 / think_seconds)
                if time() + pause >= until:
                    return
                await asyncio.sleep(pause)
            steps = self.room.rng.randrange(SPREAD_STEPS)
            await self.place(self.price.floor_minor + steps * self.price.step_minor, phase)

    async def place(self, amount_minor: int, phase: str) -> None:
        """One bid to its known outcome; now and then sent a second time all the same."""
        document = {
            "request_id": str(uuid4()),
            "amount_minor": amount_minor,
            "confirm_amount_minor": amount_minor,
            "buyer": self.who["buyer"],
        }
        await self._settle(document, phase)
        if self.room.rng.random() < RESEND_SHARE:
            await self._settle(document, "resend")

    async def _settle(self, document: dict[str, Any], phase: str) -> None:
        first_sent = time()
        attempts = 0
        # Without the trial that started it, no venue will ever answer again.
        while os.getppid() == self.room.parent:
            attempts += 1
            sent = time()
            try:
                answer = await self.wire.request("POST", self.path, document)
            except Broken as fault:
                self._note(document, phase, sent, {"fault": str(fault)})
                await asyncio.sleep(BROKEN_PAUSE_SECONDS)
                continue
            if answer.status in {201, 409}:
                outcome = self._outcome(answer)
                facts = {"outcome": outcome, "latency": time() - first_sent, "attempts": attempts}
                self._note(document, phase, sent, facts)
                return
            self._note(document, phase, sent, {"status": answer.status})
            if answer.status not in {500, 503}:
                raise RuntimeError(f"answer {answer.status}: {answer.body[:500]!r}")
            await asyncio.sleep(float(answer.headers.get("retry-after", BROKEN_PAUSE_SECONDS)))

    def _outcome(self, answer: Answer) -> dict[str, Any]:
        told = answer.json()
        outcome: dict[str, Any] = told if answer.status == 201 else told["outcome"]
        if outcome["result"] == "accepted":
            self.price.learn(outcome["amount_minor"])
        return outcome

    def _note(
        self, document: dict[str, Any], phase: str, sent: float, facts: dict[str, Any]
    ) -> None:
        self.room.write(
            phase=phase, lot=self.lot["id"], sent=sent, answered=time(), **document, **facts
        )


async def follow(room: Room, lot: dict[str, Any], session: str, price: Price) -> None:
    """Listen to the live feed of a lot, coming back with the last number seen."""
    last = 0
    while not room.is_over.is_set():
        headers = {"Cookie": f"sessionid={session}", "Last-Event-ID": str(last)}
        try:
            async for event in Wire(room.url, headers).events(f"/lots/{lot['id']}/feed/"):
                if event.get("event") != "lot":
                    continue
                told = json.loads(event["data"])
                last = told["seq"]
                room.write(feed=lot["id"], seq=last, heard=time(), event=told)
                if told["kind"] == "bid_accepted":
                    price.learn(told["amount_minor"])
        except Broken:
            await asyncio.sleep(BROKEN_PAUSE_SECONDS)


async def run(plan: dict[str, Any], log: IO[str]) -> None:
    """Play the phases of a plan with all its bidders on one lot."""
    room = Room(plan["url"], log, random.Random(plan["seed"]))  # noqa: S311
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, room.is_over.set)
    lot = plan["lot"]
    price = Price(lot["start_price_minor"], lot["step_minor"])
    listener = asyncio.create_task(follow(room, lot, plan["bidders"][0]["session"], price))
    bidders = [Bidder(room, who, lot, price) for who in plan["bidders"]]
    for phase in plan["phases"]:
        begin = time()
        room.write(begins=phase["name"], at=begin)
        acts = [
            bidder.bid_on(begin + phase["seconds"], phase["think_seconds"], phase["name"])
            for bidder in bidders
        ]
        await asyncio.gather(*acts)
        room.write(ends=phase["name"], at=time())
    await asyncio.sleep(plan.get("listen_on_seconds", 1))
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)


def main(arguments: list[str]) -> int:
    """`bidders.py PLAN.json LOG.jsonl`; SIGTERM ends the bidding, open bids are settled first."""
    import uvloop

    plan = json.loads(Path(arguments[0]).read_text())
    with Path(arguments[1]).open("w", buffering=1) as log:
        uvloop.run(run(plan, log))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
