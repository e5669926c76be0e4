"""The live feed inside one event loop: past, present, order, access, and who is let go."""

import asyncio
import json
from datetime import timedelta
from threading import Thread
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, connections
from django.test import AsyncClient

from npa_market.auctions import feed
from npa_market.auctions.models import Lot
from npa_market.auctions.services import cancel_lot
from npa_market.parties.models import Membership
from tests.auctions.conftest import RESERVE, START, STEP

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(feed, "POLL_SECONDS", 0.02)


@pytest.fixture
def session(market, as_user):
    """Key of a session of the first bidder."""
    return as_user(market.bidders[0][1]).session.session_key


def numbers(text: str) -> list[int]:
    return [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]


async def in_thread(act, *arguments):
    """Run a service as another process would: in a thread with a connection of its own."""

    def run():
        try:
            return act(*arguments)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


def play(scene):
    """Run a scene on an event loop of its own; one that hangs fails with its trace."""

    async def bounded():
        async with asyncio.timeout(3 * PATIENCE):
            return await scene

    return asyncio.run(bounded())


class Reader:
    """A page that listens: collects what it is sent until told otherwise."""

    def __init__(self, market, session, after=0, who=0):
        self.text = ""
        self.has_ended = False
        self._stream = feed.stream(
            lot_id=market.lot.pk,
            user_id=market.bidders[who][1].pk,
            session_key=session,
            after=after,
        )

    async def __aenter__(self):
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *problem):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._stream.aclose()

    async def _read(self):
        async for text in self._stream:
            self.text += text
        self.has_ended = True

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE):
            while not condition(self):
                await asyncio.sleep(0.01)


def test_past_then_present_without_gap_or_repeat(market, session):
    market.bid(0, START)

    async def scene():
        async with Reader(market, session) as reader:
            await reader.until(lambda it: numbers(it.text) == [1, 2])
            for step in range(1, 6):
                await in_thread(market.bid, step % 2, START + step * STEP)
            await reader.until(lambda it: 7 in numbers(it.text))
            assert numbers(reader.text) == [1, 2, 3, 4, 5, 6, 7]
        async with Reader(market, session, after=5) as again:
            await again.until(lambda it: 7 in numbers(it.text))
            assert numbers(again.text) == [6, 7]
        return reader.text

    text = play(scene())
    assert text.startswith("retry: 1000\n: pulse\n")


def test_A19_a_reader_who_came_late_got_the_same_bytes(market, session):
    async def scene():
        async with Reader(market, session) as early:
            await early.until(lambda it: numbers(it.text) == [1])
            await in_thread(market.bid, 0, START)
            await in_thread(market.bid, 1, START + STEP)
            await early.until(lambda it: 3 in numbers(it.text))
        async with Reader(market, session) as late:
            await late.until(lambda it: 3 in numbers(it.text))
        return early.text, late.text

    early, late = play(scene())
    assert early[early.index("id: 1") :] == late[late.index("id: 1") :]


def test_A14_A20_the_feed_has_labels_only(market, session):
    market.bid(0, START)

    async def scene():
        async with Reader(market, session) as reader:
            await reader.until(lambda it: 2 in numbers(it.text))
        return reader.text

    text = play(scene())
    data = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    bid = data[-1]
    buyer, user = market.bidders[0]
    assert bid["label"] == market.lot.registrations.get(buyer=buyer).label
    for secret in (buyer.name, str(buyer.pk), user.email, str(user.pk), str(RESERVE)):
        assert secret not in text


def test_many_listeners_share_one_poller_and_one_connection(market, session, monkeypatch):
    rounds = []
    real = feed._round

    def counted(seen, **more):
        rounds.append(connection.connection)
        return real(seen, **more)

    monkeypatch.setattr(feed, "_round", counted)

    async def scene():
        async with asyncio.TaskGroup() as group:
            readers = [Reader(market, session) for _ in range(40)]
            for reader in readers:
                await reader.__aenter__()
            for reader in readers:
                await reader.until(lambda it: 1 in numbers(it.text))
            assert feed.hub().listeners == 40
            await in_thread(market.bid, 0, START)
            for reader in readers:
                await reader.until(lambda it: numbers(it.text) == [1, 2])
            for reader in readers:
                group.create_task(reader.__aexit__())
        assert feed.hub().listeners == 0
        async with asyncio.timeout(PATIENCE):
            while feed.hub()._poller is not None:
                await asyncio.sleep(0.01)

    play(scene())
    assert len(set(rounds)) <= 2, "the first round opens the connection, all others share it"


@pytest.mark.parametrize("loss", ["membership", "session", "account"])
def test_who_loses_access_is_let_go(market, session, monkeypatch, loss, as_user):
    monkeypatch.setattr(feed, "ACCESS_SECONDS", 0)
    monkeypatch.setattr(feed, "PULSE_SECONDS", 0.05)
    user = market.bidders[0][1]

    def lose():
        if loss == "membership":
            Membership.objects.filter(user=user).update(is_active=False)
        elif loss == "account":
            user.is_active = False
            user.save()
        else:
            from django.contrib.sessions.models import Session

            Session.objects.filter(pk=session).delete()

    async def scene():
        async with Reader(market, session) as reader:
            await reader.until(lambda it: it.text.count(": pulse") >= 3)
            assert not reader.has_ended
            await in_thread(lose)
            await reader.until(lambda it: it.has_ended)
            assert feed.hub().listeners == 0

    play(scene())


def test_a_slow_reader_is_let_go_and_misses_nothing_when_it_returns(market, session, monkeypatch):
    monkeypatch.setattr(feed, "MAX_WAITING", 2)

    async def scene():
        stream = feed.stream(
            lot_id=market.lot.pk,
            user_id=market.bidders[0][1].pk,
            session_key=session,
            after=0,
        )
        got = [await anext(stream), await anext(stream)]
        for step in range(6):
            await in_thread(market.bid, step % 2, START + step * STEP)
        async with asyncio.timeout(PATIENCE):
            while not any(
                listener.is_lost for group in feed.hub()._listeners.values() for listener in group
            ):
                await asyncio.sleep(0.01)
        got += [text async for text in stream]
        seen = numbers("".join(got))
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) < 7
        async with Reader(market, session, after=seen[-1]) as again:
            await again.until(lambda it: 7 in numbers(it.text))
            assert seen + numbers(again.text) == [1, 2, 3, 4, 5, 6, 7]

    play(scene())


def test_the_feed_survives_a_database_that_went_away(market, session, monkeypatch, caplog):
    real, failures = feed._round, []

    def failing(seen, **more):
        if len(failures) < 3:
            failures.append(seen)
            raise DatabaseError("away")
        return real(seen, **more)

    async def scene():
        async with Reader(market, session) as reader:
            await reader.until(lambda it: numbers(it.text) == [1])
            monkeypatch.setattr(feed, "_round", failing)
            await in_thread(market.bid, 0, START)
            await reader.until(lambda it: numbers(it.text) == [1, 2])

    play(scene())
    assert len(failures) == 3


def test_the_end_is_sent_and_the_browser_told_not_to_come_back(market, as_user):
    user = market.bidders[0][1]
    thread = Thread(
        target=lambda: (
            cancel_lot(user=market.operator, lot_id=market.lot.pk, reason="Court order"),
            connections.close_all(),
        )
    )
    thread.start()
    thread.join()
    lot = Lot.objects.get(pk=market.lot.pk)
    assert feed.has_more(lot, after=1)
    assert not feed.has_more(lot, after=2)
    client = AsyncClient()
    client.cookies = as_user(user).cookies

    async def scene():
        address = f"/lots/{lot.pk}/feed/"
        assert (await client.get(address, headers={"Last-Event-ID": "2"})).status_code == 204
        answer = await client.get(address, headers={"Last-Event-ID": "1"})
        assert answer["Content-Type"].startswith("text/event-stream")
        assert answer["Cache-Control"] == "no-store"
        parts = answer.streaming_content
        text = ""
        async for part in parts:
            text += part.decode()
            if "cancelled" in text:
                break
        await parts.aclose()
        assert numbers(text) == [2]

    play(scene())


@pytest.mark.parametrize("after", ["999999", "x", "-3"])
def test_a_number_from_nowhere_hides_nothing(market, as_user, after):
    client = AsyncClient()
    client.cookies = as_user(market.bidders[0][1]).cookies

    async def scene():
        answer = await client.get(f"/lots/{market.lot.pk}/feed/?after={after}")
        parts, text = answer.streaming_content, ""
        async with asyncio.timeout(PATIENCE):
            async for part in parts:
                text += part.decode()
                if not numbers(text) and "pulse" in text and after == "999999":
                    await in_thread(market.bid, 0, START)
                if 2 in numbers(text) or (after != "999999" and 1 in numbers(text)):
                    break
        await parts.aclose()

    play(scene())


def test_a_session_of_nobody_is_not_allowed(market, session):
    user = market.bidders[0][1]
    assert feed.still_allowed(user.pk, session, market.lot.pk)
    assert not feed.still_allowed(user.pk, "no-session", market.lot.pk)
    assert not feed.still_allowed(uuid4(), session, market.lot.pk)
    assert not feed.still_allowed(user.pk, session, uuid4())
    assert timedelta(seconds=feed.ACCESS_SECONDS) <= timedelta(minutes=1)


def test_a_page_that_leaves_as_an_event_arrives_is_forgotten(market, session):
    """Cancellation and event in the same step of the loop: the cancellation must win."""

    async def scene():
        for _ in range(50):
            async with Reader(market, session) as reader:
                await reader.until(lambda it: numbers(it.text) == [1])
                (listener,) = feed.hub()._listeners[market.lot.pk]
                await asyncio.sleep(0)
                listener.waiting.put_nowait(feed.Item(market.lot.pk, 1, ""))
        assert feed.hub().listeners == 0

    play(scene())
