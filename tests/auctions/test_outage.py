"""A18: an outage gives lost time back; a database that may lose bids opens no lot."""

from datetime import timedelta
from threading import Event, Thread
from uuid import uuid4

import pytest
from django.core.checks import run_checks
from django.db import connection

from npa_market.auctions.core import Format, Refusal
from npa_market.auctions.durability import UnsafeDatabase, check_durability, unsafe_settings
from npa_market.auctions.models import Lot, LotState
from npa_market.auctions.offline import check_protocol
from npa_market.auctions.protocol import protocol_bytes
from npa_market.auctions.pulse import Pulse, last_pulse, prolong_pulse
from npa_market.auctions.replay import replay
from npa_market.auctions.services import (
    accept_price,
    advance_due_lots,
    note_pulse,
    resume_lot,
    suspend_lot,
    try_advance_lot,
)
from npa_market.common.errors import Busy, NotPermitted, Refused
from npa_market.portal.management.commands import sweep
from tests.auctions.conftest import END, HARD_END, OPENING, START, Market

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def beat(at) -> None:
    Pulse.objects.update_or_create(id=1, defaults={"at": at})


def kinds(lot: Lot) -> list[str]:
    return list(lot.events.values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("since", "until", "suspended"),
    [
        (END - 2 * MINUTE, END - 2 * MINUTE + 60 * SECOND, False),
        (END - 2 * MINUTE, END - 2 * MINUTE + 61 * SECOND, True),
        (END - 30 * MINUTE, END - 20 * MINUTE, False),
        (END - 2 * MINUTE, END + MINUTE, True),
    ],
)
def test_A18_an_outage_of_more_than_a_minute_near_the_end_gives_ten_minutes(
    market, clock, since, until, suspended
):
    beat(since)
    clock.now = until
    assert note_pulse() == suspended
    advance_due_lots()
    lot = Lot.objects.get(pk=market.lot.pk)
    assert kinds(lot)[1:3] == (["suspended", "resumed"] if suspended else [])
    assert lot.state == LotState.OPEN
    assert lot.ends_at >= (until + 10 * MINUTE if suspended else END)
    assert last_pulse() == until


ROUND_END, BEST_BID = OPENING + 10 * MINUTE, 5 * MINUTE
BEST_BID_END = ROUND_END + BEST_BID
REVEAL, PAUSE = ["round_bid_revealed", "round_revealed"], ["suspended", "resumed"]


@pytest.fixture
def in_round(offered) -> Market:
    """A falling lot whose price was taken at once and exceeded in the round."""
    market = offered(Format.DUTCH, round_seconds=600, best_bid_seconds=300)
    buyer, user = market.bidders[0]
    accept_price(
        user=user, lot_id=market.lot.pk, buyer=buyer, amount_minor=START, request_id=uuid4()
    )
    assert market.bid(1, START + 1).refusal == ""
    return market


def holds(lot: Lot) -> bool:
    """The published protocol of an ended lot, by its own check and decided again."""
    check_protocol.check(check_protocol.read(protocol_bytes(lot)), reserve=lot.reserve_minor)
    return replay(lot).is_same


@pytest.mark.parametrize(
    ("since", "until", "looked_at", "expected"),
    [
        (ROUND_END - 30 * SECOND, BEST_BID_END + MINUTE, None, PAUSE),
        (ROUND_END - 30 * SECOND, ROUND_END + 31 * SECOND, None, PAUSE),
        (ROUND_END - 61 * SECOND, ROUND_END + SECOND, None, PAUSE),
        (ROUND_END - 61 * SECOND, BEST_BID_END + MINUTE, None, PAUSE),
        (ROUND_END, BEST_BID_END + MINUTE, None, REVEAL + PAUSE),
        (ROUND_END + SECOND, BEST_BID_END + MINUTE, None, REVEAL + PAUSE),
        (ROUND_END + SECOND, BEST_BID_END + MINUTE, ROUND_END, REVEAL + PAUSE),
        (BEST_BID_END - 61 * SECOND, BEST_BID_END, None, REVEAL + PAUSE),
        (BEST_BID_END - 61 * SECOND, BEST_BID_END, ROUND_END, REVEAL + PAUSE),
        (ROUND_END - 30 * SECOND, ROUND_END + 30 * SECOND, None, REVEAL),
        (BEST_BID_END - 60 * SECOND, BEST_BID_END + MINUTE, None, [*REVEAL, "sold"]),
        (BEST_BID_END - 60 * SECOND, BEST_BID_END + MINUTE, ROUND_END, [*REVEAL, "sold"]),
        (BEST_BID_END, BEST_BID_END + 9 * MINUTE, None, [*REVEAL, "sold"]),
    ],
)
def test_A13_A18_an_outage_over_the_stages_of_a_falling_lot_is_judged_as_one(
    in_round, clock, since, until, looked_at, expected
):
    if looked_at:
        clock.now = looked_at
        in_round.advance()
    beat(since)
    clock.now = until
    assert note_pulse() == ("suspended" in expected)
    in_round.advance()
    assert kinds(in_round.lot)[2:] == expected
    Pulse.objects.all().delete()  # No outage is judged from here on.
    lot = Lot.objects.get(pk=in_round.lot.pk)
    if "suspended" in expected:
        end = BEST_BID_END if "round_revealed" in expected else ROUND_END
        assert lot.ends_at == max(end + (until - since), until + 10 * MINUTE)
        clock.now = lot.ends_at - SECOND
        who = 0 if "round_revealed" in expected else 1
        assert in_round.bid(who, START + 2).refusal == ""
        clock.now = lot.ends_at + BEST_BID
        assert in_round.advance().hammer_minor == START + 2
    elif "sold" not in expected:
        clock.now = BEST_BID_END
        assert in_round.advance().hammer_minor == START + 1
    assert holds(Lot.objects.get(pk=lot.pk))


@pytest.mark.parametrize("has_bid", [False, True])
def test_A18_S7_an_outage_at_the_end_of_a_round_tells_nobody_whether_it_has_bids(
    offered, clock, has_bid
):
    market = offered(Format.DUTCH, round_seconds=600, best_bid_seconds=300)
    buyer, user = market.bidders[0]
    accept_price(
        user=user, lot_id=market.lot.pk, buyer=buyer, amount_minor=START, request_id=uuid4()
    )
    if has_bid:
        assert market.bid(1, START + 1).refusal == ""
    beat(ROUND_END - 30 * SECOND)
    clock.now = BEST_BID_END
    assert note_pulse() == 1
    assert kinds(market.lot) == ["opened", "price_accepted", *PAUSE]


def test_A13_A18_a_fall_that_ended_before_the_outage_is_not_taken_up_again(offered, clock):
    market = offered(Format.DUTCH)
    beat(END)
    clock.now = END + 5 * MINUTE
    assert note_pulse() == 0
    assert kinds(market.lot) == ["opened", "unsold"]


def test_A18_whoever_comes_first_after_an_outage_judges_it(market, clock):
    """A reader's lazy close and a bid wait for no sweeper, and settle nothing too early."""
    beat(END - 3 * MINUTE)
    clock.now = END + MINUTE
    assert try_advance_lot(lot_id=market.lot.pk)
    assert kinds(market.lot) == ["opened", "suspended", "resumed"]
    assert market.bid(0, START).refusal == ""


@pytest.mark.parametrize(
    ("since", "until"),
    [(OPENING - 5 * MINUTE, END + MINUTE), (OPENING - MINUTE, END - 2 * MINUTE)],
)
def test_A18_the_sweeper_gives_time_back_to_a_lot_that_was_due_to_open_in_the_outage(
    announced, clock, since, until
):
    beat(since)
    clock.now = until
    assert note_pulse() == 1
    advance_due_lots()
    lot = Lot.objects.get(pk=announced.lot.pk)
    assert kinds(lot) == ["opened", "suspended", "resumed"]
    assert (lot.state, lot.ends_at) == (LotState.OPEN, until + (END - OPENING))


def test_A18_an_outage_on_an_unsafe_database_opens_no_lot_and_stops_no_sweeper(
    announced, clock, monkeypatch
):
    monkeypatch.setattr("npa_market.auctions.durability.unsafe_settings", lambda: ["fsync"])
    beat(OPENING - 5 * MINUTE)
    clock.now = END + MINUTE
    assert note_pulse() == 0
    assert Lot.objects.get(pk=announced.lot.pk).state == LotState.ANNOUNCED


def test_A18_a_bid_after_an_outage_is_in_time(market, clock):
    beat(END - 3 * MINUTE)
    clock.now = END + MINUTE
    assert market.bid(0, START).refusal == ""
    assert kinds(market.lot)[:4] == ["opened", "suspended", "resumed", "bid_accepted"]


@pytest.mark.parametrize(("seconds", "state"), [(60, LotState.UNSOLD), (61, LotState.OPEN)])
def test_A18_an_outage_over_the_end_is_judged_before_the_lot_is_settled(
    market, clock, seconds, state
):
    beat(END - timedelta(seconds=seconds))
    clock.now = END + 60 * MINUTE
    assert market.advance().state == state


def test_A18_without_a_pulse_or_with_a_fresh_one_a_lot_ends_as_announced(market, clock):
    clock.now = END
    beat(END - 60 * SECOND)
    assert market.bid(0, START).refusal == Refusal.LATE
    assert market.advance().state == LotState.UNSOLD


def test_A18_a_web_process_prolongs_a_pulse_but_hides_no_outage(db):
    beat(OPENING)
    prolong_pulse(OPENING + 30 * SECOND)
    assert last_pulse() == OPENING + 30 * SECOND
    prolong_pulse(OPENING + 95 * SECOND)
    assert last_pulse() == OPENING + 30 * SECOND


def test_A18_a_suspended_lot_takes_no_bid_and_goes_on_with_the_time_it_had(market, clock):
    lot = suspend_lot(user=market.operator, lot_id=market.lot.pk, reason="A question of title")
    assert lot.state == LotState.SUSPENDED
    assert market.bid(0, START).refusal == Refusal.LOT_SUSPENDED
    with pytest.raises(Refused) as again:
        suspend_lot(user=market.operator, lot_id=market.lot.pk, reason="again")
    assert again.value.code == "lot_not_open"
    clock.now = OPENING + 20 * MINUTE
    lot = resume_lot(user=market.operator, lot_id=lot.pk)
    assert (lot.state, lot.ends_at) == (LotState.OPEN, END + 20 * MINUTE)
    assert lot.last_end_at == HARD_END + 20 * MINUTE
    assert market.bid(0, START).refusal == ""
    with pytest.raises(Refused):
        resume_lot(user=market.operator, lot_id=lot.pk)


def test_A18_suspension_is_the_operators_act_with_a_reason(market, seller_user):
    with pytest.raises(NotPermitted):
        suspend_lot(user=seller_user, lot_id=market.lot.pk, reason="no")
    with pytest.raises(Refused) as refusal:
        suspend_lot(user=market.operator, lot_id=market.lot.pk, reason="  ")
    assert refusal.value.code == "reason_needed"


def test_the_sweeper_renews_no_pulse_while_no_bid_can_reach_the_venue(db, settings):
    settings.VENUE_PROBE_URL = "http://127.0.0.1:9/healthz"
    sweep.sweep_once()
    assert last_pulse() is None
    settings.VENUE_PROBE_URL = ""
    sweep.sweep_once()
    assert last_pulse() is not None


@pytest.fixture
def asked(market, clock, as_user, monkeypatch):
    """Ask for the list of lots every 20 seconds, with no sweeper at work."""
    monkeypatch.setattr("npa_market.auctions.middleware.PROLONG_AFTER", timedelta(0))
    client = as_user(market.bidders[0][1])

    def ask(since, until) -> None:
        clock.now = since
        while clock.now <= until:
            assert client.get("/lots/").status_code == 200
            clock.now += 20 * SECOND

    return ask


def test_A4_A13_A18_a_venue_that_answers_needs_no_sweeper_to_end_a_lot(market, clock, asked):
    beat(END - 14 * MINUTE)
    asked(END - 14 * MINUTE, END)
    assert last_pulse() == END
    clock.now = END + 30 * SECOND
    assert market.bid(0, START).refusal == Refusal.LATE
    assert try_advance_lot(lot_id=market.lot.pk)
    assert kinds(market.lot) == ["opened", "unsold"]


def test_A13_A18_an_outage_without_a_sweeper_is_judged_once(market, clock, asked):
    beat(END - 10 * MINUTE)
    resumed_at = END - 8 * MINUTE
    asked(resumed_at, resumed_at)
    market.lot.refresh_from_db()
    assert market.lot.ends_at == END + 2 * MINUTE
    asked(resumed_at, market.lot.ends_at)
    assert market.bid(0, START).refusal == Refusal.LATE
    assert market.advance().state == LotState.UNSOLD
    assert kinds(market.lot) == ["opened", "suspended", "resumed", "unsold"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/no-such-page"])
def test_A18_probes_of_the_machine_are_no_sign_of_bidding_and_answers_are(
    path, market, clock, client
):
    beat(OPENING)
    clock.now = OPENING + 30 * SECOND
    client.get(path)
    assert last_pulse() == (clock.now if path == "/no-such-page" else OPENING)


def test_A18_where_the_pulse_cannot_be_kept_the_answer_stands(market, clock, client, monkeypatch):
    def busy() -> int:
        raise Busy

    monkeypatch.setattr("npa_market.auctions.middleware.keep_pulse", busy)
    assert client.get("/accounts/login/").status_code == 200


def test_effects_that_hang_or_fail_keep_no_lot_waiting():
    stopped, moved = Event(), Event()
    rounds = []

    def keep_time() -> int:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise ValueError("one round fails")
        if len(rounds) == 3:
            moved.set()
            stopped.set()
        return 0

    def follow_up() -> int:
        assert moved.wait(timeout=20)  # An effect that ends only after lots have moved.
        return 1

    timing = {"every": 0.01, "stopped": stopped}
    follower = Thread(target=sweep.repeat, args=(follow_up,), kwargs=timing)
    follower.start()
    sweep.repeat(keep_time, **timing)
    follower.join(timeout=20)
    assert rounds == [0, 1, 2]
    assert not follower.is_alive()


needs_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'")


@needs_postgresql
def test_no_lot_opens_on_a_database_that_may_lose_bids(announced, clock, settings):
    clock.now = OPENING
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    try:
        assert unsafe_settings() == ["synchronous_commit"]
        with pytest.raises(UnsafeDatabase):
            announced.advance()
        assert advance_due_lots() == 0
        assert [each.id for each in check_durability(databases=["default"])] == ["auctions.E001"]
        settings.ALLOW_UNSAFE_DATABASE = True
        assert announced.advance().state == LotState.OPEN
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = on")


def test_a_safe_database_passes_the_check(db):
    found = run_checks(tags=["database"], databases=["default"])
    assert [each for each in found if each.id == "auctions.E001"] == []
