"""The live feed of lots: one poller per process, any number of listeners.

Listeners take no database connection of their own: the poller's thread reads for all of them. An
event is encoded from its stored row alone, so a replay gives the same bytes (A19), and it names
bidders by label only (A20).
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.models import Q

from npa_market.auctions.models import ENDED, Lot
from npa_market.auctions.pulse import prolong_pulse
from npa_market.auctions.queries import ShownEvent, shown_events
from npa_market.common.clock import database_now
from npa_market.common.money import format_minor
from npa_market.parties.models import User

POLL_SECONDS = 0.2
PULSE_SECONDS = 10.0
ACCESS_SECONDS = 30.0
# A listener that falls this far behind is let go; it comes back with the last number it saw.
MAX_WAITING = 256

log = structlog.get_logger(__name__)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Item:
    """One event of a lot, ready to be sent."""

    lot_id: UUID
    seq: int
    text: str


def feed_event(event: ShownEvent, currency: str) -> dict[str, Any]:
    """What everybody who may see the lot learns of an event."""
    amount_minor = event.amount_minor
    return {
        "seq": event.seq,
        "kind": event.kind,
        "label": event.label,
        "amount_minor": amount_minor,
        "amount": None if amount_minor is None else format_minor(amount_minor, currency),
        "decided_at": event.decided_at.isoformat(),
        "ends_at": event.ends_at.isoformat() if event.ends_at else None,
        "reason": event.reason,
        # The side of an offer; the offer or receipt that an event speaks of.
        **({"party": event.party} if event.party else {}),
        **({} if event.refers_to is None else {"refers_to": event.refers_to}),
    }


def encoded(event: ShownEvent, currency: str) -> str:
    """An event as server-sent event text; the number is its id, so a reader can resume."""
    body = json.dumps(feed_event(event, currency), separators=(",", ":"), sort_keys=True)
    return f"id: {event.seq}\nevent: lot\ndata: {body}\n\n"


def read_since(seen: dict[UUID, int]) -> list[Item]:
    """Events of these lots after the numbers given, in order; two statements at most."""
    lots = Lot.objects.filter(pk__in=seen).values_list("pk", "last_seq", "currency")
    behind = {pk: currency for pk, last_seq, currency in lots if last_seq > seen[pk]}
    if not behind:
        return []
    newer = Q()
    for pk in behind:
        newer |= Q(lot=pk, seq__gt=seen[pk])
    return [
        Item(event.lot_id, event.seq, encoded(event, behind[event.lot_id]))
        for event in shown_events(newer)
    ]


def still_allowed(user_id: UUID, session_key: str, lot_id: UUID) -> bool:
    """Is the session in force, the person active, and the lot still theirs to see?"""
    sessions = import_module(settings.SESSION_ENGINE).SessionStore
    user = User.objects.filter(pk=user_id, is_active=True).first()
    return (
        user is not None
        and bool(sessions().exists(session_key))
        and Lot.objects.visible_to(user).filter(pk=lot_id).exists()
    )


@dataclass(eq=False)
class Listener:
    """One open page: what waits to be sent to it, and whether it was let go."""

    lot_id: UUID
    waiting: "asyncio.Queue[Item]" = field(default_factory=lambda: asyncio.Queue(MAX_WAITING))
    is_lost: bool = False


class Hub:
    """The poller of one event loop and its listeners by lot."""

    def __init__(self) -> None:
        self._listeners: defaultdict[UUID, set[Listener]] = defaultdict(set)
        self._seen: dict[UUID, int] = {}
        self._poller: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lot-feed")
        self._offset = timedelta(0)
        self._beat_at = -PULSE_SECONDS

    async def read(self, act: Callable[..., Value], *arguments: Any) -> Value:
        """Run a read on the poller's thread and connection."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, act, *arguments)

    async def join(self, lot_id: UUID, after: int) -> tuple[Listener, list[Item]]:
        """A new listener and the events after `after` that it has missed.

        It listens before the past is read, so an event may come twice but never not at all.
        """
        listener = Listener(lot_id)
        self._listeners[lot_id].add(listener)
        try:
            past = await self.read(read_since, {lot_id: after})
        except BaseException:
            self.leave(listener)
            raise
        self._seen.setdefault(lot_id, past[-1].seq if past else after)
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        return listener, past

    def leave(self, listener: Listener) -> None:
        """Forget a listener; the last one of a lot takes the lot with it."""
        rest = self._listeners[listener.lot_id]
        rest.discard(listener)
        if not rest:
            del self._listeners[listener.lot_id]
            self._seen.pop(listener.lot_id, None)

    def now(self) -> datetime:
        """The database's clock as of the last round, carried on."""
        return datetime.now(UTC) + self._offset

    @property
    def listeners(self) -> int:
        return sum(len(group) for group in self._listeners.values())

    async def _poll(self) -> None:
        try:
            while self._listeners:
                await self._poll_once()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            self._poller = None
            self._thread.submit(connections.close_all)

    async def _poll_once(self) -> None:
        try:
            loop_time = asyncio.get_running_loop().time()
            beats = loop_time - self._beat_at >= PULSE_SECONDS
            clock, items = await self.read(partial(_round, dict(self._seen), beats=beats))
            self._beat_at = loop_time if beats else self._beat_at
        except DatabaseError:
            # The database is away: listeners stay, and nothing is lost, because the next round
            # reads from the last number sent.
            log.exception("lot_feed_round_failed")
            await self.read(connections.close_all)
        else:
            self._offset = clock - datetime.now(UTC)
            self._send(items)

    def _send(self, items: Iterable[Item]) -> None:
        for item in items:
            if item.lot_id in self._seen:
                self._seen[item.lot_id] = item.seq
            for listener in self._listeners.get(item.lot_id, ()):
                if listener.waiting.full():
                    listener.is_lost = True
                else:
                    listener.waiting.put_nowait(item)


def _round(seen: dict[UUID, int], *, beats: bool) -> tuple[datetime, list[Item]]:
    now = database_now()
    if beats:  # A process that serves listeners is one that bids can reach (A18).
        prolong_pulse(now)
    return now, read_since(seen)


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop; there is one loop per process."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


async def stream(
    *, lot_id: UUID, user_id: UUID, session_key: str, after: int
) -> AsyncIterator[str]:
    """Server-sent events of a lot from number `after` + 1 on, until it ends or access does.

    Ends silently; the browser comes back with the last number it saw and is told what is wrong.
    """
    centre = hub()
    listener, past = await centre.join(lot_id, after)
    try:
        yield f"retry: 1000\n{_pulse(centre)}"
        sent = after
        for item in past:
            yield item.text
            sent = item.seq
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while not listener.is_lost:
            try:
                # Not wait_for: on Python 3.11 it can swallow the cancellation of a page that
                # leaves at the moment an event arrives, and the listener would stay for ever.
                async with asyncio.timeout(PULSE_SECONDS):
                    item = await listener.waiting.get()
            except TimeoutError:
                yield _pulse(centre)
            else:
                if item.seq > sent:
                    yield item.text
                    sent = item.seq
            if loop.time() - checked >= ACCESS_SECONDS:
                checked = loop.time()
                if not await centre.read(still_allowed, user_id, session_key, lot_id):
                    return
    finally:
        centre.leave(listener)


def _pulse(centre: Hub) -> str:
    """Keeps proxies from closing a quiet line, and gives the page the venue's time."""
    return f': pulse\nevent: pulse\ndata: {{"now":"{centre.now().isoformat()}"}}\n\n'


def has_more(lot: Lot, after: int) -> bool:
    """Will there be anything to send after this number?"""
    return lot.state not in ENDED or lot.last_seq > after
