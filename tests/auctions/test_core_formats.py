"""Rules of maxima, sealed, falling and negotiated lots, both sides of each limit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from npa_market.auctions import core
from npa_market.auctions.core import Format, Refusal, announced, decide, fold
from npa_market.auctions.events import MaximumRaised
from npa_market.auctions.sealed import set_sha256
from npa_market.auctions.terms import LotTerms

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)
MINUTE, TICK = timedelta(minutes=1), timedelta(microseconds=1)
GOOD = core.Standing(
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
    registration_ends_at=NOON - 120 * MINUTE,
    opens_at=NOON - 60 * MINUTE,
    ends_at=NOON,
    hard_end_at=NOON + 30 * MINUTE,
)
PROXY = replace(TERMS, allows_proxy=True)
SEALED = replace(TERMS, format=Format.SEALED)
DUTCH = replace(TERMS, format=Format.DUTCH, lowest_price_minor=400)


def after(terms, *steps):
    auction = announced(terms)
    for command, now in steps:
        auction = fold(auction, decide(auction, command, now))
    return auction


def bid(bidder, amount_minor):
    return core.PlaceBid(bidder, amount_minor, GOOD)


@pytest.mark.parametrize(
    ("maxima", "leader", "price_minor"),
    [
        ([("a", 5_000)], "a", 1_000),
        ([("a", 5_000), ("b", 2_000)], "a", 2_100),
        ([("a", 5_000), ("b", 4_950)], "a", 5_000),
        ([("a", 5_000), ("b", 5_000)], "a", 5_000),
        ([("a", 5_000), ("b", 5_001)], "b", 5_001),
        ([("a", 5_000), ("b", 9_000)], "b", 5_100),
        ([("a", 5_000), ("b", 2_000), ("a", 9_000)], "a", 2_100),
    ],
)
def test_A9_A10_price_is_the_runner_ups_maximum_and_a_step(maxima, leader, price_minor):
    steps = [(bid(*each), NOON - 40 * MINUTE) for each in maxima]
    auction = after(PROXY, *steps)
    assert (auction.leader, auction.leading_minor) == (leader, price_minor)


@pytest.mark.parametrize(("price_minor", "step_minor"), [(1_499, 100), (1_500, 250), (3_000, 500)])
def test_A8_step_by_the_price(price_minor, step_minor):
    terms = replace(TERMS, higher_steps=((1_500, 250), (3_000, 500)))
    auction = after(terms, (bid("a", price_minor), NOON - 40 * MINUTE))
    assert auction.floor_minor == price_minor + step_minor


@pytest.mark.parametrize(
    ("amount_minor", "is_raised"), [(4_999, False), (5_000, False), (5_001, True)]
)
def test_A10_the_leader_raises_its_own_maximum_or_is_refused(amount_minor, is_raised):
    auction = after(PROXY, (bid("a", 5_000), NOON - 40 * MINUTE))
    (event,) = decide(auction, bid("a", amount_minor), NOON - 30 * MINUTE)
    assert isinstance(event, MaximumRaised) is is_raised
    assert is_raised or event.refusal == Refusal.BELOW_OWN_MAXIMUM


@pytest.mark.parametrize(("later", "ends_at"), [(TICK * 0, NOON), (TICK, NOON + 4 * MINUTE + TICK)])
def test_A6_a_bid_a_whole_window_before_the_end_moves_nothing(later, ends_at):
    """Where the extension is as long as the window this could not be seen."""
    terms = replace(TERMS, window_seconds=60, extension_seconds=300)
    assert after(terms, (bid("a", 1_000), NOON - MINUTE + later)).ends_at == ends_at


@pytest.mark.parametrize(("cap", "ends_at"), [(0, NOON), (1, NOON + 4 * MINUTE)])
def test_A6_extensions_stop_at_their_cap(cap, ends_at):
    terms = replace(TERMS, max_extensions=cap)
    now = NOON - MINUTE
    auction = after(terms, (bid("a", 1_000), now))
    assert auction.ends_at == ends_at
    auction = fold(auction, decide(auction, bid("b", 1_100), ends_at - TICK))
    assert auction.ends_at == ends_at


@pytest.mark.parametrize(
    ("minutes", "price_minor"), [(0, 1_000), (1, 900), (5, 500), (6, 400), (59, 400)]
)
def test_dutch_price_by_the_tick(minutes, price_minor):
    auction = after(DUTCH, (core.Advance(), DUTCH.opens_at))
    at = DUTCH.opens_at + minutes * MINUTE
    assert auction.price_at(at) == price_minor
    if minutes:
        assert auction.price_at(at - TICK) == min(1_000, price_minor + 100) or minutes > 6


def test_A18_no_tick_passes_in_a_suspension():
    stop = DUTCH.opens_at + 90 * timedelta(seconds=1)
    auction = after(DUTCH, (core.Suspend("x"), stop), (core.Resume(), stop + timedelta(days=2)))
    assert auction.price_at(stop + timedelta(days=2)) == 900
    assert auction.price_at(stop + timedelta(days=2, seconds=30)) == 800


def test_A13_a_dutch_lot_nobody_looked_at_ends_as_one_that_was_swept():
    steps = [
        (core.AcceptPrice("a", 1_000, GOOD), DUTCH.opens_at),
        (bid("b", 1_500), DUTCH.opens_at + MINUTE),
        (bid("c", 1_500), DUTCH.opens_at + 2 * MINUTE),
    ]
    late = decide(after(DUTCH, *steps), core.Advance(), NOON + timedelta(days=3))
    assert (late[-1].winner, late[-1].hammer_minor) == ("b", 1_500)  # A9
    swept = after(DUTCH, *steps, (core.Advance(), DUTCH.opens_at + 10 * MINUTE))
    best = decide(swept, bid("a", 1_501), swept.ends_at - TICK)
    assert (best[-1].winner, best[-1].hammer_minor) == ("a", 1_501)
    assert decide(swept, bid("a", 1_501), swept.ends_at)[0].refusal == Refusal.LATE


def envelope(bidder, letter):
    return core.SubmitEnvelope(bidder, letter * 64, GOOD)


@pytest.mark.parametrize(
    ("amounts", "kinds", "winner"),
    [
        ({1: 1_500, 2: 1_500}, ["EnvelopeOpened", "EnvelopeOpened", "Sold"], "a"),
        ({1: 1_500, 2: 1_501}, ["EnvelopeOpened", "EnvelopeOpened", "Sold"], "b"),
        ({1: None, 2: 1_000}, ["EnvelopeVoid", "EnvelopeOpened", "Sold"], "b"),
        ({1: 999, 2: None}, ["EnvelopeVoid", "EnvelopeVoid", "Unsold"], None),
    ],
)
def test_S2_S8_envelopes_in_order_the_best_wins_void_ones_stop_nobody(amounts, kinds, winner):
    auction = after(
        SEALED,
        (envelope("a", "1"), NOON - 2 * MINUTE),
        (envelope("b", "2"), NOON - MINUTE),
        (core.Advance(), NOON),
    )
    openings = tuple(core.Opening(*each) for each in reversed(amounts.items()))
    events = decide(auction, core.OpenEnvelopes(openings), NOON)
    assert [type(event).__name__ for event in events] == kinds
    assert getattr(events[-1], "winner", None) == winner
    for part in (openings[:1], (*openings, core.Opening(3, 1)), (*openings, openings[0])):
        assert decide(auction, core.OpenEnvelopes(part), NOON) == []


def test_S3_S4_the_set_that_is_fixed_is_the_last_of_each():
    auction = after(
        SEALED,
        (envelope("a", "1"), NOON - 3 * MINUTE),
        (envelope("b", "2"), NOON - 2 * MINUTE),
        (envelope("a", "3"), NOON - TICK),
    )
    assert decide(auction, envelope("b", "4"), NOON)[0].refusal == Refusal.LATE
    (fixed,) = decide(auction, core.Advance(), NOON)
    assert fixed.set_sha256 == set_sha256([(2, "2" * 64), (3, "3" * 64)])


def test_a_command_of_another_format_is_refused_by_name():
    for terms, command in (
        (TERMS, envelope("a", "1")),
        (SEALED, bid("a", 1_000)),
        (DUTCH, core.MakeOffer(core.Party.BUYER, "a", 1, 60, GOOD)),
    ):
        assert decide(announced(terms), command, NOON)[0].refusal == Refusal.WRONG_FORMAT


@pytest.mark.parametrize(("seconds", "at_end"), [(60, False), (61, True)])
def test_A18_an_outage_counts_above_a_minute_in_the_last_quarter(seconds, at_end):
    auction = after(TERMS, (core.Advance(), TERMS.opens_at))
    lost = timedelta(seconds=seconds)
    over_the_end = decide(auction, core.Suspend("x", NOON - lost), NOON + MINUTE)
    assert isinstance(over_the_end[-1], core.Suspended) is at_end
    quarter = NOON - 15 * MINUTE
    before = decide(auction, core.Suspend("x", quarter - 10 * MINUTE), quarter + lost)
    assert bool(before) is at_end


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"higher_steps": ((1_000, 5),)}, "higher_steps"),
        ({"higher_steps": ((2_000, 5), (1_500, 9))}, "higher_steps"),
        ({"higher_steps": ((2_000, 0),)}, "higher_steps"),
        ({"max_extensions": -1}, "max_extensions"),
        ({"allows_proxy": True, "reserve_minor": 1_500}, "reserve"),
        ({"format": Format.DUTCH}, "lowest_price"),
        ({"format": Format.DUTCH, "lowest_price_minor": 1_001}, "lowest_price"),
        ({"format": Format.DUTCH, "lowest_price_minor": 100}, "deposit"),
        ({"format": Format.DUTCH, "lowest_price_minor": 500, "tick_seconds": 1}, "tick"),
        ({"format": Format.DUTCH, "lowest_price_minor": 500, "hard_end_at": NOON}, "hard_end_at"),
        ({"format": Format.NEGOTIATED}, "invited"),
        ({"higher_steps": ((10**17, 5),)}, "higher_steps"),
        ({"format": Format.SEALED, "allows_proxy": True}, "allows_proxy"),
        ({"lowest_price_minor": 5}, "lowest_price"),
        ({"invited": "b"}, "invited"),
        ({"format": Format.SEALED, "max_extensions": -1}, "max_extensions"),
        ({"tick_seconds": 10**30}, "tick"),
        ({"round_seconds": -1}, "round"),
    ],
)
def test_unsound_terms_of_a_format_name_their_field(changes, field):
    found = replace(TERMS, **changes).problems(NOON - 180 * MINUTE)
    assert field in [problem.field for problem in found]
