"""Rules of the ascending lot, both sides of each limit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from npa_market.auctions.core import (
    Advance,
    Auction,
    BidAccepted,
    BidRefused,
    Cancel,
    Cancelled,
    EndExtended,
    Opened,
    PlaceBid,
    Refusal,
    Sold,
    Standing,
    Unsold,
    announced,
    decide,
    fold,
)
from npa_market.auctions.terms import MAX_BID_MINOR, LotTerms

NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)  # the end as announced
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
GOOD = Standing(
    is_qualified=True,
    is_admitted=True,
    has_deposit=True,
    is_related_to_seller=False,
    is_suspended=False,
)
TERMS = LotTerms(
    start_price_minor=1_000,
    step_minor=100,
    deposit_minor=200,
    reserve_minor=1_500,
    registration_ends_at=NOON - 120 * MINUTE,
    opens_at=NOON - 60 * MINUTE,
    ends_at=NOON,
    hard_end_at=NOON + 30 * MINUTE,
)


def bid(amount_minor: int, bidder: str = "a", **standing) -> PlaceBid:
    return PlaceBid(bidder, amount_minor, replace(GOOD, **standing))


def after(*steps, terms: LotTerms = TERMS) -> Auction:
    """The state after (command, now) steps, all decided and folded."""
    auction = announced(terms)
    for command, now in steps:
        auction = fold(auction, decide(auction, command, now))
    return auction


def answer(auction: Auction, amount_minor: int, now: datetime, **standing) -> Refusal | None:
    """The refusal of a bid, None where it is accepted."""
    events = decide(auction, bid(amount_minor, **standing), now)
    return events[0].refusal if isinstance(events[0], BidRefused) else None


OPEN = after((Advance(), TERMS.opens_at))
LED = after((Advance(), TERMS.opens_at), (bid(1_000), NOON - 50 * MINUTE))


@pytest.mark.parametrize(
    ("before_end", "expected"),
    [
        (TICK, None),
        (timedelta(0), Refusal.LATE),
        (-TICK, Refusal.LATE),
    ],
)
def test_A4_A5_bid_at_the_very_end(before_end, expected):
    assert answer(OPEN, 1_000, NOON - before_end) == expected


@pytest.mark.parametrize(
    ("after_opening", "expected"), [(-TICK, Refusal.NOT_OPEN), (timedelta(0), None)]
)
def test_bid_at_the_very_opening_needs_no_sweeper(after_opening, expected):
    now = TERMS.opens_at + after_opening
    assert answer(announced(TERMS), 1_000, now) == expected
    if expected is None:
        events = decide(announced(TERMS), bid(1_000), now)
        assert [type(event) for event in events] == [Opened, BidAccepted]
        assert [event.seq for event in events] == [1, 2]


@pytest.mark.parametrize(
    ("before_end", "amount_minor", "expected"),
    [
        (6 * MINUTE, 1_000, [BidAccepted]),
        (5 * MINUTE, 1_000, [BidAccepted]),
        (5 * MINUTE - TICK, 1_000, [BidAccepted, EndExtended]),
        (1 * MINUTE, 1_000, [BidAccepted, EndExtended]),
        (1 * MINUTE, 999, [BidRefused]),
        (0 * MINUTE, 1_000, [BidRefused]),
    ],
)
def test_A4_A6_A7_bid_near_the_end(before_end, amount_minor, expected):
    events = decide(OPEN, bid(amount_minor), NOON - before_end)
    assert [type(event) for event in events] == expected


def test_A6_new_end_counts_from_the_bid_and_stops_at_the_hard_end():
    auction = after((bid(1_000), NOON - MINUTE))
    assert auction.ends_at == NOON + 4 * MINUTE
    near = replace(auction, ends_at=TERMS.hard_end_at - MINUTE)
    (_, extended) = decide(near, bid(1_200), near.ends_at - TICK)
    assert extended.ends_at == TERMS.hard_end_at
    at_hard_end = replace(auction, ends_at=TERMS.hard_end_at)
    (only,) = decide(at_hard_end, bid(1_200), TERMS.hard_end_at - TICK)
    assert isinstance(only, BidAccepted)


def test_A6_end_never_moves_back_where_the_extension_is_shorter_than_the_window():
    terms = replace(TERMS, extension_seconds=60)
    auction = after((bid(1_000), NOON - 4 * MINUTE), terms=terms)
    assert auction.ends_at == NOON
    assert after((bid(1_000), NOON - 30 * 2 * TICK), terms=terms).ends_at > NOON


@pytest.mark.parametrize(
    ("auction", "amount_minor", "expected"),
    [
        (OPEN, 999, Refusal.BELOW_START),
        (OPEN, 0, Refusal.BELOW_START),
        (OPEN, -1_000, Refusal.BELOW_START),
        (OPEN, 1_000, None),
        (LED, 999, Refusal.BELOW_START),
        (LED, 1_000, Refusal.BELOW_STEP),
        (LED, 1_099, Refusal.BELOW_STEP),
        (LED, 1_100, None),
        (LED, 1_101, None),
        (LED, MAX_BID_MINOR, None),
        (LED, MAX_BID_MINOR + 1, Refusal.AMOUNT_TOO_LARGE),
    ],
)
def test_A8_amount_against_start_and_step(auction, amount_minor, expected):
    assert answer(auction, amount_minor, NOON - 40 * MINUTE) == expected


def test_A8_a_leader_may_raise_by_a_full_step_only():
    assert answer(LED, 1_099, NOON - 40 * MINUTE) == Refusal.BELOW_STEP
    (raised,) = decide(LED, bid(1_100, "a"), NOON - 40 * MINUTE)
    assert raised.bidder == LED.leader


def test_A9_the_same_amount_again_does_not_take_the_lead():
    assert answer(LED, LED.leading_minor, NOON - 40 * MINUTE) == Refusal.BELOW_STEP


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        ({"is_qualified": False}, Refusal.NOT_QUALIFIED),
        ({"is_admitted": False}, Refusal.NOT_ADMITTED),
        ({"has_deposit": False}, Refusal.NO_DEPOSIT),
        ({"is_related_to_seller": True}, Refusal.RELATED_TO_SELLER),
        ({"is_suspended": True}, Refusal.SUSPENDED),
    ],
)
def test_A15_each_missing_condition_refuses(standing, expected):
    assert answer(OPEN, 1_000, NOON - 40 * MINUTE, **standing) == expected


def test_refusals_are_checked_in_their_documented_order():
    """Everything wrong at once; mending the first fault uncovers the next."""
    faults = {
        "is_qualified": False,
        "is_admitted": False,
        "has_deposit": False,
        "is_related_to_seller": True,
        "is_suspended": True,
    }
    cancelled = after((Cancel("data error"), TERMS.opens_at))
    seen = [
        answer(cancelled, 0, NOON, **faults),
        answer(announced(TERMS), 0, TERMS.opens_at - TICK, **faults),
        answer(LED, 0, NOON, **faults),
    ]
    for mended in list(faults):
        seen.append(answer(LED, 0, NOON - MINUTE, **faults))
        del faults[mended]
    seen += [answer(LED, amount, NOON - MINUTE) for amount in (0, 1_000, MAX_BID_MINOR + 1)]
    of_others = {Refusal.WRONG_FORMAT, Refusal.LOT_SUSPENDED, Refusal.BELOW_OWN_MAXIMUM}
    documented = list(Refusal)
    to_the_step = documented[: documented.index(Refusal.BELOW_OWN_MAXIMUM)]
    ascending = [*to_the_step, Refusal.AMOUNT_TOO_LARGE]
    assert seen == [refusal for refusal in ascending if refusal not in of_others]


@pytest.mark.parametrize(
    ("best_minor", "reserve_minor", "expected"),
    [
        (None, 1_500, Unsold(seq=2, decided_at=NOON, reason="no_bids")),
        (1_499, 1_500, Unsold(seq=3, decided_at=NOON, reason="reserve_not_met")),
        (1_500, 1_500, Sold(seq=3, decided_at=NOON, winner="a", hammer_minor=1_500)),
        (1_000, None, Sold(seq=3, decided_at=NOON, winner="a", hammer_minor=1_000)),
    ],
)
def test_A14_result_by_best_bid_and_reserve(best_minor, reserve_minor, expected):
    terms = replace(TERMS, reserve_minor=reserve_minor)
    steps = [(Advance(), terms.opens_at)]
    if best_minor:
        steps.append((bid(best_minor), NOON - 40 * MINUTE))
    assert decide(after(*steps, terms=terms), Advance(), NOON) == [expected]


@pytest.mark.parametrize("delay", [timedelta(0), TICK, timedelta(days=3)])
def test_A13_a_late_close_has_the_same_result(delay):
    auction = after((bid(1_600), NOON - 40 * MINUTE))
    (event,) = decide(auction, Advance(), NOON + delay)
    assert (type(event), event.winner, event.hammer_minor) == (Sold, "a", 1_600)


def test_A13_a_lot_nobody_swept_opens_and_ends_at_once():
    events = decide(announced(TERMS), Advance(), NOON + MINUTE)
    assert [type(event) for event in events] == [Opened, Unsold]
    assert [event.seq for event in events] == [1, 2]


def test_A12_nothing_follows_a_terminal_event():
    for step in ((Advance(), NOON), (Cancel("x"), NOON - MINUTE)):
        ended = after(step)
        for command in (Advance(), Cancel("again")):
            assert decide(ended, command, NOON + MINUTE) == []
        assert answer(ended, 5_000, NOON + MINUTE) == Refusal.CLOSED


def test_A12_A13_a_cancellation_after_the_end_settles_instead():
    auction = after((bid(1_600), NOON - 40 * MINUTE))
    (event,) = decide(auction, Cancel("too late"), NOON)
    assert isinstance(event, Sold)
    (event,) = decide(auction, Cancel("in time"), NOON - TICK)
    assert isinstance(event, Cancelled)


def test_nothing_is_due_before_its_time():
    assert decide(announced(TERMS), Advance(), TERMS.opens_at - TICK) == []
    assert decide(OPEN, Advance(), NOON - TICK) == []


def test_A17_a_clock_set_back_changes_neither_order_nor_end():
    auction = after((bid(1_000), NOON - MINUTE))
    (accepted,) = decide(auction, bid(1_100, "b"), NOON - 30 * MINUTE)
    assert (accepted.seq, accepted.decided_at) == (auction.seq + 1, NOON - MINUTE)
    assert fold(auction, [accepted]).ends_at == auction.ends_at


def test_A17_after_a_late_answer_a_clock_set_back_accepts_nothing():
    late = decide(OPEN, bid(1_000), NOON)
    assert answer(fold(OPEN, late), 1_000, NOON - MINUTE) == Refusal.LATE


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"start_price_minor": 0}, "start_price", "not_positive"),
        ({"step_minor": -1}, "step", "not_positive"),
        ({"deposit_minor": 0}, "deposit", "not_positive"),
        ({"reserve_minor": 0}, "reserve", "not_positive"),
        ({"reserve_minor": 999}, "reserve", "reserve_below_start"),
        ({"start_price_minor": MAX_BID_MINOR + 1}, "start_price", "amount_too_large"),
        ({"deposit_minor": 1_001}, "deposit", "deposit_above_start"),
        ({"window_seconds": -1}, "window", "out_of_range"),
        ({"extension_seconds": 86_401}, "extension", "out_of_range"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "unknown_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone", "unknown_zone"),
        ({"time_zone": "Asia"}, "time_zone", "unknown_zone"),
        ({"hard_end_at": NOON.replace(year=9999)}, "hard_end_at", "out_of_range"),
        (
            {"registration_ends_at": NOON - 180 * MINUTE},
            "registration_ends_at",
            "wrong_order",
        ),
        ({"registration_ends_at": TERMS.opens_at + TICK}, "opens_at", "wrong_order"),
        ({"opens_at": NOON}, "ends_at", "wrong_order"),
        (
            {  # 02:45 does not exist on that day: the clock goes from 2 to 3, and it is 03:45.
                "registration_ends_at": datetime(2027, 3, 14, 2, 45, tzinfo=NEW_YORK),
                "opens_at": datetime(2027, 3, 14, 3, 15, tzinfo=NEW_YORK),
                "ends_at": datetime(2027, 3, 14, 9, tzinfo=NEW_YORK),
                "hard_end_at": datetime(2027, 3, 14, 9, tzinfo=NEW_YORK),
            },
            "opens_at",
            "wrong_order",
        ),
        ({"hard_end_at": NOON - TICK}, "hard_end_at", "wrong_order"),
        ({"opens_at": datetime(2026, 11, 11, 11)}, "opens_at", "no_zone"),
    ],
)
def test_unsound_terms_name_field_and_rule(changes, field, code):
    found = replace(TERMS, **changes).problems(NOON - 180 * MINUTE)
    assert (field, code) in [(problem.field, problem.code) for problem in found]


def test_sound_terms_have_no_problem():
    assert TERMS.problems(NOON - 180 * MINUTE) == []
    edge = replace(
        TERMS, registration_ends_at=TERMS.opens_at, hard_end_at=NOON, deposit_minor=1_000
    )
    assert edge.problems(NOON - 180 * MINUTE) == []
