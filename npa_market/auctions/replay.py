"""Decide a lot once more from what was asked of it, and compare events and feed (A19)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from npa_market.auctions import bundle, core
from npa_market.auctions.board import events_of
from npa_market.auctions.core import Auction, Party
from npa_market.auctions.feed import encoded
from npa_market.auctions.models import Lot
from npa_market.auctions.queries import ShownEvent
from npa_market.auctions.rows import event_of, event_row, receipt_of, terms_of
from npa_market.auctions.terms import MAX_BID_MINOR

# Who bid was checked when the bid came; the log holds those that passed (A15).
_GOOD = core.Standing(
    is_qualified=True,
    is_admitted=True,
    has_deposit=True,
    is_related_to_seller=False,
    is_suspended=False,
)
# What time brings before an outage without ending the lot.
_BY_TIME = (core.Opened, core.RoundBidRevealed, core.RoundRevealed)


@dataclass(frozen=True, slots=True)
class Replay:
    """What deciding again gave."""

    events: int
    difference: str
    feed: bytes
    stored_feed: bytes

    @property
    def is_same(self) -> bool:
        return not self.difference and self.feed == self.stored_feed


def replay(lot: Lot) -> Replay:
    """Ask everything again in its order, and set the new events against the stored ones."""
    stored = [event_of(row) for row in lot.events.order_by("seq")]
    rows = lot.receipt_rows.defer("envelope").order_by("receipt")
    receipts = [(row.after_seq, receipt_of(row)) for row in rows]
    decided: list[core.NumberedEvent] = []
    difference = ""
    together = _together(lot) if lot.sale_event_id else None
    try:
        decided.extend(_again(core.announced(terms_of(lot)), stored, receipts, together))
    except ValueError as reason:
        difference = str(reason)
    if not difference and decided != stored:
        difference = "the events decided again are others than the stored ones"
    shown = events_of(lot)
    labels = {event.seq: event.label for event in shown}
    feed = "".join(encoded(_shown(lot, each, labels), lot.currency) for each in decided)
    kept = "".join(encoded(each, lot.currency) for each in shown)
    return Replay(len(decided), difference, feed.encode(), kept.encode())


def _again(
    auction: Auction,
    events: list[core.NumberedEvent],
    receipts: list[tuple[int, core.ReceiptEvent]],
    together: core.OpenTogether | None,
) -> Iterator[core.NumberedEvent]:
    """Decide command after command. Raises ValueError where the answer is not the stored one."""
    events, receipts = list(events), list(receipts)
    while events or receipts:
        if receipts and receipts[0][0] <= auction.seq:
            _, receipt = receipts.pop(0)
            made = core.decide(auction, _handed_in(receipt), receipt.decided_at)
            if made != [receipt]:
                raise ValueError(f"receipt {receipt.receipt} differs")
        elif events:
            is_opened = auction.phase == core.Phase.OPENING
            # What was handed in after an event parts it from the next, at one moment as well.
            is_alone = bool(receipts) and receipts[0][0] == events[0].seq
            own = events[:1] if is_alone else events
            asked = together if together and is_opened else _command(auction, own)
            made = core.decide(auction, asked, events[0].decided_at)
        else:
            raise ValueError("a receipt after the last event")
        auction = core.fold(auction, made)
        numbered = [event for event in made if isinstance(event, core.NumberedEvent)]
        if not made or numbered != events[: len(numbered)]:
            raise ValueError(f"event {events[0].seq if events else 'after the last'} differs")
        del events[: len(numbered)]
        yield from numbered


def _handed_in(receipt: core.ReceiptEvent) -> core.BidderCommand:
    match receipt:
        case core.EnvelopeReceived():
            return core.SubmitEnvelope(receipt.bidder, receipt.sha256, _GOOD)
        case core.EnvelopeWithdrawn():
            return core.WithdrawEnvelope(receipt.bidder, _GOOD)
        case core.RoundBidReceived():
            return core.PlaceBid(receipt.bidder, receipt.amount_minor, _GOOD)


def _command(auction: Auction, events: list[core.NumberedEvent]) -> core.Command:
    """What must have been asked for the next event to be the answer."""
    event = _suspension_after(events) or events[0]
    match event:
        case core.BidAccepted():
            return core.PlaceBid(event.bidder, event.max_minor or event.amount_minor, _GOOD)
        case core.BidOutbid() | core.MaximumRaised():
            return core.PlaceBid(event.bidder, event.max_minor, _GOOD)
        case core.BestBidPlaced():
            return core.PlaceBid(event.bidder, event.amount_minor, _GOOD)
        case core.PriceAccepted():
            return core.AcceptPrice(event.bidder, event.amount_minor, _GOOD)
        case core.Suspended():
            since = event.since if event.since < event.decided_at else None
            return core.Suspend(event.reason, since)
        case core.Resumed():
            return core.Resume()
        case core.Cancelled():
            return core.Cancel(event.reason, event.party)
        case core.EnvelopeOpened() | core.EnvelopeVoid():
            return core.OpenEnvelopes(tuple(_openings(auction, events)))
    return _talk(auction, event)


def _suspension_after(events: list[core.NumberedEvent]) -> core.Suspended | None:
    """The suspension for an outage that time's own events before it are one act with.

    Whoever looked first after the outage opened the lot or ended its round, and suspended it.
    """
    for event in events:
        is_same_moment = event.decided_at == events[0].decided_at
        if isinstance(event, core.Suspended) and is_same_moment:
            return event if event.since < event.decided_at else None
        if not isinstance(event, _BY_TIME) or not is_same_moment:
            break
    return None


def _talk(auction: Auction, event: core.NumberedEvent) -> core.Command:
    match event:
        case core.OfferMade():
            seconds = ceil((event.ends_at - event.decided_at).total_seconds())
            party = Party(event.party)
            return core.MakeOffer(party, event.bidder, event.amount_minor, seconds, _GOOD)
        case core.OfferDeclined():
            return core.DeclineOffer(Party(event.party), event.bidder, event.offer, _GOOD)
        case core.OfferWithdrawn():
            return core.WithdrawOffer(Party(event.party), event.bidder, event.offer, _GOOD)
        case core.Sold() if isinstance(auction, core.Negotiated):
            taker = Party.BUYER if auction.offered_by == Party.SELLER else Party.SELLER
            return core.AcceptOffer(taker, event.winner, auction.offer or 0, _GOOD)
    return core.Advance()


def _together(lot: Lot) -> core.OpenTogether | None:
    """What opened a lot of an event, decided again from the logs of all its lots."""
    assert lot.sale_event is not None
    lots = list(lot.sale_event.lots.order_by("event_place"))
    packages = [found for each in lots if (found := _package(each)) is not None]
    commands = bundle.commands(lot.sale_event.reference, packages, lots=len(lots))
    return commands.get(lot.event_place or 0) if commands else None


def _package(lot: Lot) -> bundle.Package | None:
    """A lot of an event as it was before its opening; None where it ended without one."""
    stored = [event_of(row) for row in lot.events.order_by("seq")]
    fixed = next((n for n, e in enumerate(stored, 1) if isinstance(e, core.EnvelopesFixed)), 0)
    if not fixed or not isinstance(stored[-1], core.Sold | core.Unsold):
        return None
    receipts = [receipt_of(row) for row in lot.receipt_rows.defer("envelope").order_by("receipt")]
    state = core.fold(core.announced(terms_of(lot)), [*stored[:fixed], *receipts])
    assert isinstance(state, core.Sealed)
    openings = tuple(_openings(state, stored[fixed:]))
    return bundle.Package(place=lot.event_place or 0, state=state, openings=openings)


def _openings(auction: Auction, events: list[core.NumberedEvent]) -> Iterator[core.Opening]:
    """What was found in the envelopes; of a void one only why is known, and that is enough."""
    found: dict[int, core.Opening] = {}
    for event in events:
        match event:
            case core.EnvelopeOpened():
                found[event.receipt] = core.Opening(event.receipt, event.amount_minor)
            case core.EnvelopeVoid():
                amount_minor = None
                if event.reason != core.VoidReason.UNDECRYPTABLE:
                    amount_minor = _unsound_minor(event.reason)
                found[event.receipt] = core.Opening(event.receipt, amount_minor)
            case core.WholeOpened() | core.WholeVoid():
                known = found.get(event.receipt) or core.Opening(event.receipt, None)
                found[event.receipt] = replace(known, **_whole(auction, event))
    yield from found.values()


def _whole(auction: Auction, event: core.WholeOpened | core.WholeVoid) -> dict[str, Any]:
    if isinstance(event, core.WholeOpened):
        return {"whole_minor": event.amount_minor}
    if event.reason in set(core.VoidReason):
        return {"whole_minor": _unsound_minor(event.reason)}
    return {"whole_minor": auction.terms.whole_start_minor, "whole_fault": event.reason}


def _unsound_minor(reason: str) -> int:
    """An amount that is void for this reason."""
    return MAX_BID_MINOR + 1 if reason == core.VoidReason.AMOUNT_TOO_LARGE else 0


def _shown(lot: Lot, event: core.NumberedEvent, labels: dict[int, str]) -> ShownEvent:
    """An event as the feed shows it, by way of the row it would be."""
    row = event_row(lot, event)
    return ShownEvent(
        lot_id=lot.pk,
        seq=event.seq,
        kind=str(row.kind),
        label=labels.get(event.seq, ""),
        decided_at=event.decided_at,
        amount_minor=row.amount_minor,
        ends_at=row.ends_at,
        reason=row.reason,
        party=row.party,
        refers_to=row.refers_to,
    )
