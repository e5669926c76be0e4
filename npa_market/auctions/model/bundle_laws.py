"""The invariants on an event of several lots, from what was decided alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from npa_market.auctions import core
from npa_market.auctions.terms import LotTerms

Logs = Mapping[int, Sequence[core.Event]]


def broken_event_laws(
    terms: Mapping[int, LotTerms], states: Mapping[int, core.Auction], logs: Logs
) -> list[str]:
    """Each law that the event breaks, with its number; empty = none."""
    return [
        *_ends(states, logs),
        *_together(states, logs),
        *_whole(terms, logs),
        *_separate(terms, logs),
        *_replayed(terms, states, logs),
    ]


def _of(log: Sequence[core.Event], kind: type) -> list[core.Event]:
    return [event for event in log if isinstance(event, kind)]


def _ends(states: Mapping[int, core.Auction], logs: Logs) -> Iterator[str]:
    for place, log in logs.items():
        ends = [e for e in log if isinstance(e, core.Sold | core.Unsold | core.Cancelled)]
        if len(ends) != (states[place].phase in core.TERMINAL):
            yield f"A12 lot {place} has {len(ends)} terminal events"


def _together(states: Mapping[int, core.Auction], logs: Logs) -> Iterator[str]:
    """S2: lots that were not cancelled are settled together or not at all."""
    results = {
        place: [e for e in log if isinstance(e, core.Sold | core.Unsold)]
        for place, log in logs.items()
        if not _of(log, core.Cancelled)
    }
    if len({bool(found) for found in results.values()}) > 1:
        yield "S2 some lots of the event are settled and others are not"
    is_settled = any(results.values())
    if is_settled and any(states[place].phase not in core.TERMINAL for place in results):
        yield "S2 a lot still waits"


def _sold_in_whole(logs: Logs) -> list[core.SoldInWhole]:
    return [e for log in logs.values() for e in log if isinstance(e, core.SoldInWhole)]


def _prices(terms: Mapping[int, LotTerms], logs: Logs) -> dict[int, int]:
    """The separate winning price of each lot, 0 where there is none (A14)."""
    prices = {}
    for place, log in logs.items():
        opened = [e.amount_minor for e in log if isinstance(e, core.EnvelopeOpened)]
        best = max(opened, default=0)
        prices[place] = best if best >= (terms[place].reserve_minor or 0) else 0
    return prices


def _least(terms: Mapping[int, LotTerms]) -> int:
    return sum(each.reserve_minor or each.start_price_minor for each in terms.values())


def _whole(terms: Mapping[int, LotTerms], logs: Logs) -> Iterator[str]:
    sold = _sold_in_whole(logs)
    valid = [e for e in logs[1] if isinstance(e, core.WholeOpened)]
    separate_minor = sum(_prices(terms, logs).values())
    if valid and any(_of(log, core.Cancelled) for log in logs.values()):
        yield "A15 a bid for the whole counts though a lot has ended"
    starts = sum(each.start_price_minor for each in terms.values())
    if any(e.amount_minor < starts for e in valid):
        yield "A8 a bid for the whole below the sum of the start prices"
    if not sold:
        beaten = [e for e in valid if e.amount_minor > separate_minor]
        if any(e.amount_minor >= _least(terms) for e in beaten):
            yield "A14 a bid for the whole should have won"
        return
    if len(sold) != len(terms) or len({(e.winner, e.whole_minor, e.event) for e in sold}) != 1:
        yield "A14 lots sold in whole differ in winner, price or event"
    whole_minor = sold[0].whole_minor
    if sum(e.hammer_minor for e in sold) != whole_minor:
        yield "L6 the shares do not add up to the bid"
    for place, log in logs.items():
        for e in log:
            if isinstance(e, core.SoldInWhole) and e.hammer_minor < terms[place].start_price_minor:
                yield f"A8 the share of lot {place} is below its start price"
    if whole_minor <= separate_minor or whole_minor < _least(terms):
        yield "A14 the whole won without being above the separate bids and the reserves"
    first = min(valid, key=lambda e: (-e.amount_minor, e.receipt), default=None)
    if first is None or (first.bidder, first.amount_minor) != (sold[0].winner, whole_minor):
        yield "A9 another bid for the whole is the best, or earlier"


def _separate(terms: Mapping[int, LotTerms], logs: Logs) -> Iterator[str]:
    if _sold_in_whole(logs):
        return
    prices = _prices(terms, logs)
    for place, log in logs.items():
        opened = [e for e in log if isinstance(e, core.EnvelopeOpened)]
        for e in log:
            if isinstance(e, core.Sold):
                best = min(opened, key=lambda one: (-one.amount_minor, one.receipt))
                if (e.winner, e.hammer_minor) != (best.bidder, prices[place]):
                    yield f"A9 A14 lot {place} went to another bid"
            if isinstance(e, core.Unsold):
                expected = "reserve_not_met" if opened else "no_bids"
                if prices[place] or e.reason != expected:
                    yield f"A14 lot {place} should not be unsold for {e.reason}"


def _replayed(
    terms: Mapping[int, LotTerms], states: Mapping[int, core.Auction], logs: Logs
) -> Iterator[str]:
    for place, log in logs.items():
        stored = [event for event in log if not isinstance(event, core.BidRefused)]
        again = core.fold(core.announced(terms[place]), stored)
        at = states[place].last_decided_at
        if replace(again, last_decided_at=at) != states[place]:
            yield f"A19 a replay of lot {place} gives another state"
