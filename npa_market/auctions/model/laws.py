"""The invariants A1 to A20 and S1 to S8, as far as one history of a lot can show them.

They look at what was asked and what was answered, not at how it was decided.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from npa_market.auctions import core
from npa_market.auctions.model.histories import Step
from npa_market.auctions.terms import LotTerms

Law = Callable[["Told"], Iterator[str]]
_TERMINAL = (core.Sold, core.Unsold, core.Cancelled)
_COMPETING = (core.BidAccepted, core.BidOutbid)


@dataclass(frozen=True, slots=True)
class Told:
    """A history with the states before each step."""

    terms: LotTerms
    steps: Sequence[Step]
    before: Sequence[core.Auction]
    final: core.Auction

    @property
    def events(self) -> list[core.Event]:
        return [event for step in self.steps for event in step.events]

    @property
    def log(self) -> list[core.NumberedEvent]:
        return [event for event in self.events if isinstance(event, core.NumberedEvent)]


def told(terms: LotTerms, steps: Sequence[Step]) -> Told:
    """The history with its states."""
    auction, before = core.announced(terms), []
    for step in steps:
        before.append(auction)
        auction = core.fold(auction, step.events)
    return Told(terms, steps, before, auction)


def broken_laws(history: Told) -> list[str]:
    """Each law that the history breaks, with its number; empty = none."""
    return [words for law in LAWS for words in law(history)]


def _numbers(history: Told) -> Iterator[str]:
    log = history.log
    if [event.seq for event in log] != list(range(1, len(log) + 1)):
        yield "A2 numbers have gaps"
    receipts = [event.receipt for event in history.events if isinstance(event, core.RECEIPTS)]
    if receipts != list(range(1, len(receipts) + 1)):
        yield "S7 receipts have gaps"
    times = [event.decided_at for event in history.events]
    if times != sorted(times):
        yield "A2 A17 decision times go back"


def _one_answer(history: Told) -> Iterator[str]:
    for step in history.steps:
        if not isinstance(step.command, core.BidderCommand):
            continue
        refused = [event for event in step.events if isinstance(event, core.BidRefused)]
        if bool(refused) == (len(step.events) > len(refused)) or len(refused) > 1:
            yield f"A1 A3 a request has {len(refused)} refusals among {len(step.events)} events"


def _in_time(history: Told) -> Iterator[str]:
    for step, before in zip(history.steps, history.before, strict=True):
        if not isinstance(step.command, core.BidderCommand):
            continue
        at = max(step.now, before.last_decided_at or step.now)
        ready = core.ready_at(before, step.now)
        last = step.events[-1]
        if isinstance(last, core.BidRefused):
            if last.refusal == core.Refusal.LATE and ready.phase == core.Phase.OPEN:
                yield "A5 refused as late before the end"
        elif ready.phase != core.Phase.OPEN or not history.terms.opens_at <= at < ready.ends_at:
            yield "A4 accepted out of time"


def _ends(history: Told) -> Iterator[str]:
    ends = [auction.ends_at for auction in (*history.before, history.final)]
    hard = [auction.hard_end_at for auction in (*history.before, history.final)]
    if history.terms.format != core.Format.DUTCH and ends != sorted(ends):
        yield "A6 the end moved back"
    if any(end > last for end, last in zip(ends, hard, strict=True)):
        yield "A6 the end is past the hard end"
    extensions = [event for event in history.log if isinstance(event, core.EndExtended)]
    cap = history.terms.max_extensions
    if cap is not None and len(extensions) > cap:
        yield "A6 more extensions than the cap"
    for event in extensions:
        if not isinstance(history.log[event.seq - 2], _COMPETING):
            yield "A7 something other than a price-improving bid extended"


def _amounts(history: Told) -> Iterator[str]:
    for step, before in zip(history.steps, history.before, strict=True):
        command = step.command
        if not isinstance(command, core.PlaceBid) or not isinstance(before, core.Ascending):
            continue
        after = core.fold(before, step.events)
        competing = [event for event in step.events if isinstance(event, _COMPETING)]
        if competing and command.amount_minor < before.floor_minor:
            yield "A8 a bid below the floor"
        if competing and (after.leading_minor or 0) <= (before.leading_minor or 0):
            yield "A7 A8 an accepted bid improved nothing"
        moved = (before.leading_minor, before.ends_at) != (after.leading_minor, after.ends_at)
        if any(isinstance(event, core.MaximumRaised) for event in step.events) and moved:
            yield "A10 raising one's own maximum moved price or end"
        limit = after.leader_max_minor
        if limit is not None and limit < (after.leading_minor or 0):
            yield "A10 the price is above the leader's maximum"
        yield from _hidden(history, step, before)


def _hidden(history: Told, step: Step, before: core.Ascending) -> Iterator[str]:
    """A11: a higher hidden maximum of the leader shows nowhere unless it is met."""
    if before.leader_max_minor is None or any(
        isinstance(event, core.BidRefused) for event in step.events
    ):
        return
    limit, amount = before.leader_max_minor, step.command.amount_minor  # type: ignore[union-attr]
    beyond = limit >= amount + history.terms.step_at(amount)
    if beyond and step.command.bidder != before.leader:  # type: ignore[union-attr]
        higher = replace(before, leader_max_minor=limit + 1_000)
        if core.decide(higher, step.command, step.now) != step.events:
            yield "A11 an event depends on a maximum that was not met"


def _terminal(history: Told) -> Iterator[str]:
    ends = [event for event in history.log if isinstance(event, _TERMINAL)]
    if len(ends) != (history.final.phase in core.TERMINAL):
        yield "A12 not exactly one terminal event"
    if ends and history.log[-1] is not ends[0]:
        yield "A12 something follows the terminal event"


def _late_close(history: Told) -> Iterator[str]:
    if history.final.phase in core.TERMINAL or not history.steps:
        return
    at, results = max(history.final.ends_at, history.steps[-1].now), set()
    at = max(at, history.final.last_decided_at or at)
    soonest = core.fold(history.final, core.decide(history.final, core.Advance(), at))
    for delay in (timedelta(0), timedelta(days=400)):
        # A falling lot may have two more stages to its end; a close asked late takes them at once.
        auction = soonest
        for later in (timedelta(0), timedelta(days=1), timedelta(days=2)):
            moment = at + delay + later
            auction = core.fold(auction, core.decide(auction, core.Advance(), moment))
        results.add(replace(auction, last_decided_at=None))
    if len(results) != 1:
        yield "A13 the result depends on when the close is asked"


def _winner(history: Told) -> Iterator[str]:
    ends = [event for event in history.log if isinstance(event, core.Sold | core.Unsold)]
    if not ends or history.terms.format == core.Format.NEGOTIATED:
        return
    best = _best_bid(history)
    reserve = history.terms.reserve_minor
    if best is None:
        expected: object = "no_bids"
    elif reserve is not None and best[1] < reserve:
        expected = "reserve_not_met"
    else:
        expected = best
    end = ends[0]  # A12 says that there is no other.
    got = end.reason if isinstance(end, core.Unsold) else (end.winner, end.hammer_minor)
    if got != expected:
        yield f"A9 A14 the result is {got}, by the bids {expected}"


def _best_bid(history: Told) -> tuple[str, int] | None:
    """The best amount on the log, of equals the earlier; a dutch lot's acceptor answers last."""
    found: list[tuple[int, int, str]] = []
    taken: tuple[str, int] | None = None
    for event in history.log:
        match event:
            case core.BidAccepted():
                found = [(-event.amount_minor, event.seq, event.bidder)]
            case core.BidOutbid() if found:
                found = [(-event.amount_minor, event.seq, found[0][2])]
            case core.EnvelopeOpened() | core.RoundBidRevealed():
                found.append((-event.amount_minor, event.seq, event.bidder))
            case core.BestBidPlaced():
                found.append((-event.amount_minor, event.seq, event.bidder))
            case core.PriceAccepted():
                taken = (event.bidder, event.amount_minor)
    if not found:
        return taken
    amount, _, bidder = min(found)
    return bidder, -amount


def _standing(history: Told) -> Iterator[str]:
    for step in history.steps:
        command = step.command
        frees = core.WithdrawEnvelope | core.WithdrawOffer | core.DeclineOffer
        if isinstance(command, frees) or not isinstance(command, core.BidderCommand):
            continue
        was_accepted = not any(isinstance(event, core.BidRefused) for event in step.events)
        s = command.standing
        is_good = s.is_qualified and s.is_admitted and s.has_deposit
        if was_accepted and (not is_good or s.is_related_to_seller or s.is_suspended):
            yield "A15 accepted without standing"


def _suspension(history: Told) -> Iterator[str]:
    for event in history.log:
        if isinstance(event, core.Resumed):
            if event.ends_at - event.decided_at < timedelta(minutes=10):
                yield "A18 resumed with less than ten minutes left"
            if not isinstance(history.log[event.seq - 2], core.Suspended):
                yield "A18 resumed without a suspension"


def _outage(history: Told) -> Iterator[str]:
    """A look as an outage begins changes nothing of it, nor do the secret bids of a round."""
    for step, before in zip(history.steps, history.before, strict=True):
        command = step.command
        if not isinstance(command, core.Suspend) or command.since is None:
            continue
        worked_at = before.last_decided_at
        since = max(command.since, worked_at or command.since)
        if since > max(step.now, worked_at or step.now):
            continue
        looked = core.fold(before, core.decide(before, core.Advance(), since))
        seen = core.fold(looked, core.decide(looked, command, step.now))
        unseen = core.fold(before, step.events)
        if replace(seen, last_decided_at=None) != replace(unseen, last_decided_at=None):
            yield "A13 A18 what an outage gives back depends on who looked before it"
        if isinstance(looked, core.Dutch) and looked.stage == core.Stage.ROUND:
            bare = core.decide(replace(looked, round_bids=()), command, step.now)
            if _suspends(bare) != _suspends(step.events):
                yield "A18 S7 an outage tells whether the round has bids"


def _suspends(events: Sequence[core.Event]) -> bool:
    return any(isinstance(event, core.Suspended) for event in events)


def _replay(history: Told) -> Iterator[str]:
    stored = [event for event in history.events if not isinstance(event, core.BidRefused)]
    replayed = core.fold(core.announced(history.terms), stored)
    at: datetime | None = history.final.last_decided_at
    if replace(replayed, last_decided_at=at) != history.final:
        yield "A16 A19 a replay of the events gives another state"


def _openings(history: Told) -> Iterator[str]:
    opened = [
        event for event in history.log if isinstance(event, core.EnvelopeOpened | core.EnvelopeVoid)
    ]
    fixed = [event for event in history.log if isinstance(event, core.EnvelopesFixed)]
    if opened and len(fixed) != 1:
        yield "S4 opened before the set was fixed"
    if [event.receipt for event in opened] != sorted({event.receipt for event in opened}):
        yield "S2 not in order of receipt"
    received = [event for event in history.events if isinstance(event, core.EnvelopeReceived)]
    last = {event.bidder: event.receipt for event in received}
    if any(last[event.bidder] != event.receipt for event in opened):
        yield "S3 an envelope was opened that was replaced"
    if opened and isinstance(history.final, core.Sealed):
        in_force = {each.receipt for each in history.final.envelopes}
        if {event.receipt for event in opened} != in_force:
            yield "S2 S8 not all envelopes were opened together"


LAWS: tuple[Law, ...] = (
    _numbers,
    _one_answer,
    _in_time,
    _ends,
    _amounts,
    _terminal,
    _late_close,
    _winner,
    _standing,
    _suspension,
    _outage,
    _replay,
    _openings,
)
