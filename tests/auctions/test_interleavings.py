"""Two transactions on one lot, each statement of one against the whole of the other.

Each runs on a connection of its own, as in two processes, and stops before every statement and
before its commit. One goes as far as a given statement; there time may pass the end; the other goes
as far as it can: to its end, or until PostgreSQL says that it waits. Then the one goes on, or its
connection is cut. As a lot is locked by the first statement that matters, there is nothing to see
between the statements of both that these orders leave out; that the second waits there is asserted.
"""

from collections.abc import Callable
from datetime import timedelta
from threading import Condition, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, connections

from npa_market.auctions.models import BidOutcome, EventKind, Lot, LotEvent
from npa_market.auctions.services import (
    advance_due_lots,
    advance_lot,
    bidding,
    cancel_lot,
    try_advance_lot,
)
from npa_market.common.errors import Refused
from npa_market.common.models import OutboxMessage
from tests.auctions.conftest import END, START, STEP, Market
from tests.auctions.test_concurrency import check_log

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "connection.vendor != 'postgresql'", reason="SQLite lets one writer in: nothing interleaves"
    ),
]
PATIENCE = 30
PRICE = START + 12 * STEP  # Above the reserve: who leads at the end has bought.
TERMINAL = (EventKind.SOLD, EventKind.UNSOLD, EventKind.CANCELLED)
TO_THE_END = 10_000


class Half(Thread):
    """One of the two transactions; stands before its next statement until it is told to go on."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.act = act
        self.turn = Condition()
        self.stands_before = self.allowed = self.backend = 0
        self.holds_lot = self.is_over = False
        self.outcome: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            connection.ensure_connection()
            self.backend = connection.connection.info.backend_pid
            commit = connection._commit

            def gated_commit() -> None:
                self.gate()
                commit()

            connection._commit = gated_commit
            with connection.execute_wrapper(self.statement):
                self.outcome = self.act()
        except (DatabaseError, Refused) as error:
            self.error = error
        finally:
            del connection._commit
            connections.close_all()
            with self.turn:
                self.is_over = True
                self.turn.notify_all()

    def statement(self, execute, sql, params, many, context):
        self.gate()
        result = execute(sql, params, many, context)
        self.holds_lot = self.holds_lot or "FOR UPDATE" in sql
        return result

    def gate(self) -> None:
        with self.turn:
            self.stands_before += 1
            self.turn.notify_all()
            assert self.turn.wait_for(lambda: self.allowed >= self.stands_before, PATIENCE)

    def go(self, to: int = TO_THE_END) -> bool:
        """On to before statement `to` + 1, or the end; False where it waits for the other."""
        with self.turn:
            self.allowed = to
            self.turn.notify_all()
            for _ in range(PATIENCE * 200):
                if self.turn.wait_for(lambda: self.is_over or self.stands_before > to, 0.005):
                    return True
                if self.backend and waits(self.backend):
                    return False
        raise AssertionError(f"stuck before statement {self.stands_before}")

    def cut(self) -> None:
        """End its connection at the server, then let it find out."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [self.backend])
            assert cursor.fetchone() == (True,)
        assert self.go()
        assert isinstance(self.error, DatabaseError)


def waits(backend: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [backend])
        (answer,) = cursor.fetchone()
    return bool(answer)


class Table:
    """An open lot that is put back to its opening before each order of events."""

    def __init__(self, market: Market, clock) -> None:
        Lot.objects.update(hard_end_at=END, last_end_at=END)  # No bid moves the end.
        self.market, self.clock = market, clock
        self.opening = Lot.objects.values().get()
        self.acts = {
            "bid": lambda: market.bid(0, PRICE),
            "other bid": lambda: market.bid(1, PRICE),
            "close": lambda: advance_lot(lot_id=market.lot.pk).state,
            "sweep": lambda: try_advance_lot(lot_id=market.lot.pk),
            "cancel": self.cancel,
        }

    def cancel(self) -> str:
        return cancel_lot(user=self.market.operator, lot_id=self.market.lot.pk, reason="No").state

    def set_up(self) -> None:
        with connection.cursor() as cursor:
            # The database refuses to forget (A16); between two orders of events it must.
            cursor.execute("SET session_replication_role = replica")
            BidOutcome.objects.all()._raw_delete("default")
            LotEvent.objects.exclude(seq=1)._raw_delete("default")
            cursor.execute("RESET session_replication_role")
        OutboxMessage.objects.all().delete()
        Lot.objects.update(**{k: v for k, v in self.opening.items() if k != "id"})
        self.clock.now = END - timedelta(seconds=1)

    def length(self, act: Callable[[], Any]) -> int:
        """How many statements it takes alone, its commit among them."""
        self.set_up()
        alone = Half(act)
        assert alone.go()
        alone.join()
        assert alone.error is None
        return alone.stands_before

    def play(self, first: Half, second: Half, cut: int, *, passes_end: bool) -> None:
        """The first up to a statement, the second as far as it can, the first to its end."""
        assert first.go(cut)
        if passes_end:
            self.clock.now = END
        is_through = second.go()
        if first.holds_lot and not first.is_over:
            assert is_through == second.is_over
            assert not is_through or second.outcome is False, "it did not wait for the lot"
        assert first.go()
        assert second.go()
        first.join()
        second.join()
        assert first.holds_lot, "it decided without the lock"

    def check(self) -> list[str]:
        """What holds whatever the order was (A1 to A5, A12); the kinds of events."""
        rows = check_log(self.market.lot)
        told = {row.pk: row for row in rows}
        accepted = [each for each in BidOutcome.objects.all() if not each.refusal]
        assert {each.event_id for each in accepted} == {
            row.pk for row in rows if row.kind == "bid_accepted"
        }, "A1"
        for each in accepted:
            assert told[each.event_id].amount_minor == each.amount_minor, "A1"
            assert each.decided_at < END, "A4"
        cancelled = any(row.kind == EventKind.CANCELLED for row in rows)
        for each in BidOutcome.objects.filter(refusal__in=["late", "closed"]):
            assert cancelled or each.decided_at >= END, "A5"
        assert sum(row.kind in TERMINAL for row in rows) <= 1, "A12"
        return [row.kind for row in rows]


@pytest.fixture
def table(market, clock, monkeypatch) -> Table:
    def alone(lot_id: UUID, request: Any, decide_all: Callable[..., list[Any]]) -> Any:
        return decide_all(lot_id, [request])[0]

    # Two processes share no queue.
    monkeypatch.setattr(bidding, "decided_together", alone)
    return Table(market, clock)


def test_A1_A9_bid_against_bid_one_leads_and_the_other_is_told_why(table):
    for cut in range(table.length(table.acts["bid"]) + 1):
        table.set_up()
        first, second = Half(table.acts["bid"]), Half(table.acts["other bid"])
        table.play(first, second, cut, passes_end=False)
        assert {first.outcome.refusal, second.outcome.refusal} == {"", "below_step"}, cut
        assert table.check() == ["opened", "bid_accepted"], cut


def test_A3_one_request_twice_at_once_has_one_outcome(table):
    request_id = uuid4()

    def click():
        return table.market.bid(0, PRICE, request_id)

    for cut in range(table.length(click) + 1):
        table.set_up()
        first, second = Half(click), Half(click)
        table.play(first, second, cut, passes_end=False)
        assert first.outcome.pk == second.outcome.pk, cut
        assert table.check() == ["opened", "bid_accepted"], cut


@pytest.mark.parametrize("close", ["close", "sweep"])
def test_A4_A5_A12_bid_against_close_is_in_time_and_wins_or_is_late(table, close):
    """Time passes the end between two statements of the bid."""
    kinds = set()
    for cut in range(table.length(table.acts["bid"]) + 1):
        table.set_up()
        bid, closer = Half(table.acts["bid"]), Half(table.acts[close])
        table.play(bid, closer, cut, passes_end=True)
        advance_due_lots()
        shown = table.check()
        won = ["opened", "bid_accepted", "sold"]
        assert shown == (["opened", "unsold"] if bid.outcome.refusal else won), cut
        kinds.add(bid.outcome.refusal)
    assert "" in kinds
    assert kinds - {""} <= {"late", "closed"}
    assert len(kinds) > 1, "the bid was never late: time did not pass the end before its clock"


def test_A4_A12_close_against_bid_settles_once(table):
    for cut in range(table.length(table.acts["close"]) + 1):
        table.set_up()
        table.clock.now = END
        closer, bid = Half(table.acts["close"]), Half(table.acts["bid"])
        table.play(closer, bid, cut, passes_end=True)
        assert bid.outcome.refusal in {"late", "closed"}, cut
        advance_due_lots()
        assert table.check() == ["opened", "unsold"], cut


@pytest.mark.parametrize("other", ["close", "sweep"])
def test_A12_close_against_close_leaves_one_terminal_event(table, other):
    for cut in range(table.length(table.acts["close"]) + 1):
        table.set_up()
        table.clock.now = END
        table.play(Half(table.acts["close"]), Half(table.acts[other]), cut, passes_end=True)
        assert table.check() == ["opened", "unsold"], cut
        assert OutboxMessage.objects.filter(topic="lot.ended").count() == 1, cut


@pytest.mark.parametrize(("one", "two"), [("bid", "cancel"), ("cancel", "bid")])
def test_A1_A12_bid_against_cancel_stands_before_it_or_is_refused(table, one, two):
    for cut in range(table.length(table.acts[one]) + 1):
        table.set_up()
        halves = {name: Half(table.acts[name]) for name in (one, two)}
        table.play(halves[one], halves[two], cut, passes_end=False)
        assert halves["cancel"].outcome == "cancelled", cut
        refusal = halves["bid"].outcome.refusal
        assert refusal in {"", "closed"}, cut
        bids = [] if refusal else ["bid_accepted"]
        assert table.check() == ["opened", *bids, "cancelled"], cut


def test_A1_a_bid_cut_off_before_any_statement_leaves_nothing_and_holds_nobody(table):
    """Its commit is a statement like others: until then nothing of it is there."""
    for cut in range(1, table.length(table.acts["bid"])):
        table.set_up()
        first, second = Half(table.acts["bid"]), Half(table.acts["other bid"])
        assert first.go(cut)
        second.go()
        first.cut()
        assert second.go()
        second.join()
        assert second.outcome.refusal == "", cut
        assert table.check() == ["opened", "bid_accepted"], cut
        assert BidOutcome.objects.get().buyer == table.market.bidders[1][0], cut
