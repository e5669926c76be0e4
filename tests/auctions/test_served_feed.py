"""The live feed of a served process: resume, latency of the path, and connections held."""

import http.client
import json
import socket
from collections.abc import Iterator
from threading import Thread
from time import monotonic, sleep
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.db import connection

from npa_market.auctions.models import Lot
from npa_market.auctions.services import place_bid
from tests.browser.serving import Served, serve_portal
from tests.builders import announced_lot, open_lot_with_bidders

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.end_to_end]
PATIENCE = 30


@pytest.fixture(scope="module")
def served(django_db_setup, tmp_path_factory) -> Iterator[Served]:
    """The portal on the database of these tests."""
    values = connection.settings_dict
    address = f"sqlite:///{values['NAME']}"
    if connection.vendor == "postgresql":
        login = f"{values['USER']}:{values['PASSWORD']}@{values['HOST']}:{values['PORT']}"
        address = f"postgres://{login}/{values['NAME']}"

    def use_database_of_the_test(environment: dict[str, str]) -> None:
        environment["DATABASE_URL"] = address

    with serve_portal(tmp_path_factory.mktemp("served"), use_database_of_the_test) as portal:
        yield portal


@pytest.fixture
def lot(
    seller_user, second_seller_user, operator, buyer, buyer_user, other_buyer, other_buyer_user
) -> Lot:
    announced = announced_lot(seller_user, second_seller_user)
    bidders = [(buyer, buyer_user), (other_buyer, other_buyer_user)]
    return open_lot_with_bidders(announced, operator, bidders)


class Listener:
    """A browser's end of the feed, read line by line in a thread."""

    def __init__(self, url: str, lot: Lot, cookie: str, last: int | None = None) -> None:
        self.lines: list[str] = []
        parts = urlsplit(url)
        self._line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
        headers = {"Cookie": f"sessionid={cookie}"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self._line.request("GET", f"/lots/{lot.pk}/feed/", headers=headers)
        self.answer = self._line.getresponse()
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for line in self.answer:
                self.lines.append(line.decode().rstrip("\n"))
        except (OSError, ValueError, http.client.HTTPException):
            return  # closed by this test or by the server's end

    @property
    def numbers(self) -> list[int]:
        return [int(line[4:]) for line in self.lines if line.startswith("id: ")]

    def close(self) -> None:
        self._line.sock.shutdown(socket.SHUT_RDWR)


def until(condition) -> None:
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "did not come true in time"
        sleep(0.02)


def connections_held() -> int:
    """Connections of the served process to the database of this test.

    SQLite cannot tell: it keeps files of closed connections for later use.
    """
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


def test_bids_reach_every_listener_and_connections_do_not_grow(
    served, lot, buyer, buyer_user, as_user
):
    cookie = as_user(buyer_user).session.session_key

    def bid() -> None:
        lot.refresh_from_db()
        outcome = place_bid(
            user=buyer_user,
            lot_id=lot.pk,
            buyer=buyer,
            amount_minor=lot.floor_minor,
            request_id=uuid4(),
        )
        assert outcome.refusal == ""

    first = Listener(served.url, lot, cookie)
    assert first.answer.status == 200
    assert first.answer.headers["Content-Type"].startswith("text/event-stream")
    bid()
    until(lambda: first.numbers == [1, 2])
    until(lambda: connections_held() <= 1)

    crowd = [Listener(served.url, lot, cookie, last=1) for _ in range(30)]
    bid()
    until(lambda: all(each.numbers == [2, 3] for each in crowd))
    assert first.numbers == [1, 2, 3]
    until(lambda: connections_held() <= 1)
    again = Listener(served.url, lot, cookie, last=2)
    until(lambda: again.numbers == [3])

    data = [json.loads(line[6:]) for line in first.lines if line.startswith("data: {")]
    label = lot.registrations.get(buyer=buyer).label
    assert [event["label"] for event in data if event.get("kind") == "bid_accepted"] == [label] * 2
    for secret in (buyer.name, str(buyer.pk), buyer_user.email, str(lot.reserve_minor)):
        assert secret not in "\n".join(first.lines)
    for each in (first, again, *crowd):
        each.close()
    until(lambda: connections_held() == 0)


def test_a_stranger_is_not_let_in(served, lot, as_user, stranger):
    cookie = as_user(stranger).session.session_key
    assert Listener(served.url, lot, cookie).answer.status == 404
    assert Listener(served.url, lot, "nobody").answer.status == 302
