"""Many at once on a real database, on its own clock: nothing lost, doubled, or out of order."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event, Thread
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction

from npa_market.auctions import locking
from npa_market.auctions.core import announced as announced_state
from npa_market.auctions.core import fold
from npa_market.auctions.locking import lock_lot
from npa_market.auctions.models import BidOutcome, Lot, LotEvent
from npa_market.auctions.rows import event_of, state_of, terms_of
from npa_market.auctions.services import (
    advance_due_lots,
    advance_lot,
    announce_lot,
    cancel_lot,
    place_bid,
)
from npa_market.common.clock import database_now
from npa_market.common.errors import Busy, Refused
from npa_market.common.models import OutboxMessage
from npa_market.parties.models import User
from tests.auctions.conftest import START, STEP, Market, terms

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def live(
    package, room, seller_user, operator, buyer, buyer_user, other_buyer, other_buyer_user
) -> Market:
    """An open lot on the real clock with two deposited bidders."""
    now = database_now()
    lot = announce_lot(
        user=seller_user,
        package_id=package.pk,
        title="Consumer loans",
        terms=terms(
            registration_ends_at=now + timedelta(minutes=1),
            opens_at=now + timedelta(minutes=2),
            ends_at=now + timedelta(minutes=30),
            hard_end_at=now + timedelta(minutes=40),
        ),
    )
    market = Market(lot, room, seller_user, operator)
    market.admit(buyer, buyer_user)
    market.admit(other_buyer, other_buyer_user)
    Lot.objects.filter(pk=lot.pk).update(
        registration_ends_at=now - timedelta(minutes=1), opens_at=now
    )
    return market


def end_in(lot: Lot, delay: timedelta) -> None:
    """Move the announced end close to now."""
    end = database_now() + delay
    Lot.objects.filter(pk=lot.pk).update(first_end_at=end, ends_at=end, hard_end_at=end)


def all_at_once(acts: list[Callable]) -> list:
    """Run each in a thread and on a connection of its own, started together."""
    together = Barrier(len(acts))

    def run(act):
        together.wait()
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def check_log(lot: Lot) -> list[LotEvent]:
    """What holds after any storm: gapless, ordered, rising, and the row is the fold."""
    lot.refresh_from_db()
    rows = list(lot.events.all())
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1)), "A2"
    times = [row.decided_at for row in rows]
    assert times == sorted(times), "A2"
    bids = [row.amount_minor for row in rows if row.kind == "bid_accepted"]
    assert all(after - before >= STEP for before, after in itertools.pairwise(bids)), "A8"
    replayed = fold(announced_state(terms_of(lot)), [event_of(row) for row in rows])
    kept = state_of(lot)
    assert (replayed.leader, replayed.leading_minor, replayed.seq, replayed.ends_at) == (
        kept.leader,
        kept.leading_minor,
        kept.seq,
        kept.ends_at,
    )
    return rows


def test_A1_A2_twenty_bidders_at_once(live):
    """Each thread bids five times at the price it sees; the answers match the log one to one."""

    def bidder(who: int):
        def act():
            answers = []
            for _ in range(5):
                floor_minor = Lot.objects.get(pk=live.lot.pk).floor_minor
                request_id = uuid4()
                answers.append((request_id, live.bid(who % 2, floor_minor, request_id)))
            return answers

        return act

    answers = [pair for pairs in all_at_once([bidder(n) for n in range(20)]) for pair in pairs]
    rows = check_log(live.lot)
    assert len(answers) == 100
    assert BidOutcome.objects.count() == 100
    accepted = {answer.event_id: request_id for request_id, answer in answers if answer.event_id}
    logged = {row.pk: row.outcome for row in rows if row.kind == "bid_accepted"}
    assert set(accepted) == set(logged)
    for key, outcome in logged.items():
        assert outcome.request_id == accepted[key]
        assert outcome.amount_minor == outcome.event.amount_minor
    assert {answer.refusal for _, answer in answers} <= {"", "below_step"}
    assert len(logged) >= 5


def test_A3_a_double_click_is_one_bid(live):
    request_id = uuid4()
    answers = all_at_once([lambda: live.bid(0, START, request_id)] * 10)
    assert len({answer.pk for answer in answers}) == 1
    assert [row.kind for row in check_log(live.lot)] == ["opened", "bid_accepted"]


def test_A3_one_request_number_on_two_amounts_at_once(live):
    request_id = uuid4()

    def bid(amount_minor):
        def act():
            try:
                return live.bid(0, amount_minor, request_id).refusal
            except Refused as refusal:
                return refusal.code

        return act

    answers = all_at_once([bid(START), bid(START + STEP)])
    assert sorted(answers) == ["", "request_reused"]
    assert BidOutcome.objects.count() == 1


def test_A9_the_same_amount_at_once_leads_once(live):
    answers = all_at_once([lambda who=who: live.bid(who, START) for who in (0, 1) * 5])
    assert sorted(answer.refusal for answer in answers) == ["", *["below_step"] * 9]
    check_log(live.lot)


def test_A12_ten_closers_and_a_canceller_leave_one_terminal_event(live):
    live.bid(0, START * 2)
    now = database_now()
    Lot.objects.filter(pk=live.lot.pk).update(
        opens_at=now - timedelta(seconds=2), first_end_at=now, ends_at=now, hard_end_at=now
    )

    def cancel():
        try:
            cancel_lot(user=live.operator, lot_id=live.lot.pk, reason="too late")
        except Refused as refusal:
            return refusal.code
        return "cancelled"

    closers = [lambda: advance_lot(lot_id=live.lot.pk).state, advance_due_lots] * 5
    answers = all_at_once([*closers, cancel])
    assert answers[-1] == "lot_over"
    assert sum(answer for answer in answers if isinstance(answer, int)) <= 1
    advance_due_lots()
    rows = check_log(live.lot)
    assert [row.kind for row in rows].count("sold") == 1
    assert rows[-1].kind == "sold"
    assert OutboxMessage.objects.filter(topic="lot.ended").count() == 1


def test_A4_a_bid_that_waited_for_the_lock_past_the_end_is_late(live):
    """The clock is read after the lock: its holder rolls back after the end has passed.

    Reading it with the locking statement gave a time as old as the wait.
    """
    end_in(live.lot, timedelta(seconds=1.2))
    end = Lot.objects.get(pk=live.lot.pk).ends_at
    held, answer = Event(), {}

    def holder():
        with transaction.atomic():
            lock_lot(live.lot.pk)
            held.set()
            while database_now() <= end:
                pass
            transaction.set_rollback(True)
        connections.close_all()

    def bidder():
        held.wait()
        answer["asked_at"] = database_now()
        answer["outcome"] = live.bid(0, START)
        connections.close_all()

    threads = [Thread(target=holder), Thread(target=bidder)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answer["asked_at"] < end
    assert answer["outcome"].refusal == "late"
    assert answer["outcome"].decided_at >= end


@pytest.mark.parametrize("skip_locked", [False, True])
def test_the_lock_of_a_lot_is_its_row_lock_on_every_database(skip_locked):
    """SQLite locks the file instead and leaves the words out: what is asked for is looked at."""
    query = locking._locked(skip_locked=skip_locked).query
    assert query.select_for_update is True
    assert query.select_for_update_skip_locked is skip_locked


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_a_lock_that_does_not_come_is_busy_and_changes_nothing(live):
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("3s",)
    release = Event()
    held = Event()

    def holder():
        with transaction.atomic():
            lock_lot(live.lot.pk)
            held.set()
            release.wait()
        connections.close_all()

    thread = Thread(target=holder)
    thread.start()
    held.wait()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    try:
        with pytest.raises(Busy) as refusal:
            live.bid(0, START)
        with pytest.raises(Busy):
            advance_lot(lot_id=live.lot.pk)
        assert advance_due_lots() == 0, "the sweeper passes by what is locked"
    finally:
        release.set()
        thread.join()
    assert (refusal.value.status, refusal.value.retry_after_seconds) == (503, 1)
    assert BidOutcome.objects.count() == 0


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_a_locked_file_is_busy_and_changes_nothing(live):
    user: User = live.bidders[0][1]
    assert user.active_memberships
    release, held = Event(), Event()

    def holder():
        with transaction.atomic():
            held.set()
            release.wait()
        connections.close_all()

    thread = Thread(target=holder)
    thread.start()
    held.wait()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50")
    try:
        with pytest.raises(Busy):
            place_bid(
                user=user,
                lot_id=live.lot.pk,
                buyer=live.bidders[0][0],
                amount_minor=START,
                request_id=uuid4(),
            )
    finally:
        release.set()
        thread.join()
    assert BidOutcome.objects.count() == 0
