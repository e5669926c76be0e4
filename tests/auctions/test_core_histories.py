"""Random histories of a lot against laws that hold for each of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from npa_market.auctions.core import (
    TERMINAL,
    Advance,
    BidAccepted,
    BidRefused,
    Cancel,
    Cancelled,
    EndExtended,
    PlaceBid,
    Refusal,
    Sold,
    Standing,
    Unsold,
    announced,
    decide,
    fold,
)
from npa_market.auctions.terms import LotTerms

OPENING = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # spans the end of summer time in Europe
STANDINGS = {
    "a": Standing(
        is_qualified=True,
        is_admitted=True,
        has_deposit=True,
        is_related_to_seller=False,
        is_suspended=False,
    ),
}
STANDINGS["b"] = STANDINGS["c"] = STANDINGS["a"]
STANDINGS["broke"] = replace(STANDINGS["a"], has_deposit=False)
STANDINGS["cousin"] = replace(STANDINGS["a"], is_related_to_seller=True)


class LotHistory(RuleBasedStateMachine):
    """Bids, sweeps, cancellations at moments that jump forwards and sometimes back."""

    @initialize(
        reserve=st.none() | st.integers(100, 400),
        step=st.integers(1, 40),
        window=st.integers(0, 600),
        extension=st.integers(0, 600),
        length=st.integers(1, 3_600),
        room=st.integers(0, 1_800),
    )
    def announce(self, reserve, step, window, extension, length, room):
        self.terms = LotTerms(
            start_price_minor=100,
            step_minor=step,
            deposit_minor=10,
            reserve_minor=reserve,
            registration_ends_at=OPENING - timedelta(hours=1),
            opens_at=OPENING,
            ends_at=OPENING + timedelta(seconds=length),
            hard_end_at=OPENING + timedelta(seconds=length + room),
            window_seconds=window,
            extension_seconds=extension,
        )
        self.auction = announced(self.terms)
        self.now = OPENING - timedelta(seconds=30)
        self.log = []
        self.refusals = []
        self.ends = [self.terms.ends_at]

    def act(self, command):
        before = self.auction
        events = decide(before, command, self.now)
        assert events == decide(before, command, self.now)
        self.auction = fold(before, events)
        for event in events:
            if isinstance(event, BidRefused):
                self.refusals.append(event)
                continue
            self.log.append(event)
            self.ends.append(self.auction.ends_at)
        self.check_bid(before, command, events)

    def check_bid(self, before, command, events):
        if not isinstance(command, PlaceBid):
            return
        at = max(self.now, before.last_decided_at or self.now)
        accepted = [event for event in events if isinstance(event, BidAccepted)]
        if accepted:
            assert at == accepted[0].decided_at < before.ends_at, "A4"
            assert at >= self.terms.opens_at
            floor = self.terms.start_price_minor
            if before.leading_minor is not None:
                floor = max(floor, before.leading_minor + self.terms.step_minor)
            assert command.amount_minor >= floor, "A8"
            assert command.bidder in {"a", "b", "c"}, "A15"
        else:
            (refused,) = events
            if refused.refusal == Refusal.LATE:
                assert at >= before.ends_at, "A5"
            assert self.auction.ends_at == before.ends_at, "A7"
            assert self.auction.leader == before.leader

    @rule(
        seconds=st.floats(0, 900, allow_nan=False),
    )
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule(seconds=st.integers(0, 600))
    def clock_steps_back(self, seconds):
        self.now -= timedelta(seconds=seconds)

    @rule(offset=st.sampled_from([-1, 0, 1]))
    def time_reaches_the_end(self, offset):
        self.now = self.auction.ends_at + timedelta(microseconds=offset)

    @rule(bidder=st.sampled_from(sorted(STANDINGS)), over=st.integers(-3, 60))
    def bid(self, bidder, over):
        amount_minor = self.auction.floor_minor + over
        self.act(PlaceBid(bidder, amount_minor, STANDINGS[bidder]))

    @rule(times=st.integers(1, 10))
    def sweep(self, times):
        for _ in range(times):
            self.act(Advance())

    @rule()
    def cancel(self):
        self.act(Cancel("withdrawn by the seller"))

    @invariant()
    def laws_hold(self):
        if not hasattr(self, "auction"):
            return
        assert [event.seq for event in self.log] == list(range(1, len(self.log) + 1)), "A2"
        times = [event.decided_at for event in self.log]
        assert times == sorted(times), "A2 A17"
        assert self.ends == sorted(self.ends), "A6"
        assert self.ends[-1] <= self.terms.hard_end_at, "A6"
        terminal = [event for event in self.log if isinstance(event, (Sold, Unsold, Cancelled))]
        assert len(terminal) == (self.auction.phase in TERMINAL), "A12"
        assert not terminal or self.log[-1] is terminal[0], "A12"
        self.winner_follows_from_the_log(terminal)

    def winner_follows_from_the_log(self, terminal):
        """Reckoned without the core: the best amount, the earlier of equals (A9, A14)."""
        bids = [event for event in self.log if isinstance(event, BidAccepted)]
        best = min(bids, key=lambda event: (-event.amount_minor, event.seq), default=None)
        assert self.auction.bids == len(bids)
        if best is None:
            assert self.auction.leader is None
        else:
            assert (self.auction.leader, self.auction.leading_minor) == (
                best.bidder,
                best.amount_minor,
            )
        if not terminal or isinstance(terminal[0], Cancelled):
            return
        is_sold = best is not None and best.amount_minor >= (self.terms.reserve_minor or 0)
        assert isinstance(terminal[0], Sold) == is_sold
        if is_sold:
            assert (terminal[0].winner, terminal[0].hammer_minor) == (
                best.bidder,
                best.amount_minor,
            )

    @invariant()
    def a_replay_gives_the_same_state(self):
        if not hasattr(self, "auction"):
            return
        replayed = fold(announced(self.terms), self.log)
        last = self.auction.last_decided_at
        assert replace(replayed, last_decided_at=last) == self.auction

    @invariant()
    def a_close_gives_the_same_result_whenever_it_comes(self):
        """A13: only the stored events and the end decide."""
        if not hasattr(self, "auction") or self.auction.phase in TERMINAL:
            return
        results = set()
        for delay in (timedelta(0), timedelta(microseconds=1), timedelta(days=400)):
            last = decide(self.auction, Advance(), self.auction.ends_at + delay)[-1]
            results.add(replace(last, decided_at=self.auction.ends_at))
        assert len(results) == 1

    def teardown(self):
        extensions = [event for event in getattr(self, "log", []) if isinstance(event, EndExtended)]
        for event in extensions:
            cause = self.log[event.seq - 2]
            assert isinstance(cause, BidAccepted), "A7"


TestLotHistory = LotHistory.TestCase
TestLotHistory.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
