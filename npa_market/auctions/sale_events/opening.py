"""The opening of an event: all its lots at once, in one transaction, as `bundle` decides (S2)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from npa_market.auctions import bundle
from npa_market.auctions.ceremony.documents import labels_of
from npa_market.auctions.ceremony.openers import Way, finder, note_opened, way_of
from npa_market.auctions.core import Advance, Opening, Phase, Sealed, Standing, WholeFault, decide
from npa_market.auctions.locking import busy_when_locked, lock_event
from npa_market.auctions.models import Lot, LotState, SaleEvent
from npa_market.auctions.queries import bidders_of
from npa_market.auctions.rows import state_of
from npa_market.auctions.services.recording import record_events
from npa_market.auctions.state import standing_refusal
from npa_market.common.clock import database_now
from npa_market.common.errors import Busy
from npa_market.evidence.services import record
from npa_market.ledger.models import Hold, HoldState
from npa_market.parties.models import User


@dataclass(frozen=True, slots=True)
class _Ready:
    """A locked lot that awaits its opening, and what opens it."""

    lot: Lot
    state: Sealed
    way: Way


def open_event_when_ready(*, event_id: UUID, actor: User | None) -> bool:
    """Open all lots of an event if each of them can be opened; whether it did.

    Locks the lots in the order of their keys, brings them up to date by the clock, and opens either
    all that go on or none. A lot that was cancelled or withdrawn is left out, and bids for the
    whole are void. Opening again changes nothing. The caller has checked the right of the holders.
    """
    with busy_when_locked(), transaction.atomic():
        lots = lock_event(event_id)
        now = database_now()
        for lot in lots:
            record_events(lot, decide(state_of(lot), Advance(), now), actor=None)
        ready = [found for lot in lots if (found := _ready(lot, now)) is not None]
        if not ready or len(ready) < sum(not lot.is_over for lot in lots):
            return False
        event = SaleEvent.objects.get(pk=event_id)
        _open(event, lots, ready, actor)
        return True


def open_ready_events() -> int:
    """Open the events that wait for nothing any more; how many. For the sweeper.

    The last share opens an event at once. What comes without a share leads here: reveals that are
    overdue, and a lot that was cancelled while the others waited for it.
    """
    waiting = SaleEvent.objects.filter(decided_at=None, lots__state=LotState.OPENING).distinct()
    opened = 0
    for event_id in list(waiting.values_list("pk", flat=True)):
        try:
            opened += open_event_when_ready(event_id=event_id, actor=None)
        except Busy:
            continue  # Somebody is at work on it; the next round looks again.
    return opened


def _ready(lot: Lot, now: datetime) -> _Ready | None:
    state = state_of(lot)
    if not isinstance(state, Sealed) or state.phase != Phase.OPENING:
        return None
    way = way_of(lot, now)
    return None if way is None else _Ready(lot, state, way)


def _open(event: SaleEvent, lots: list[Lot], ready: list[_Ready], actor: User | None) -> None:
    now = database_now()
    packages = [
        bundle.Package(
            place=each.lot.event_place or 0, state=each.state, openings=_openings(each, lots, now)
        )
        for each in ready
    ]
    decision = bundle.decided(packages, lots=len(lots))
    commands = bundle.commands(event.reference, packages, lots=len(lots))
    if decision is None or commands is None:
        raise RuntimeError(f"{event}: an envelope in force has no row")  # S2: all or nothing.
    for each, package in zip(ready, packages, strict=True):
        events = decide(each.state, commands[package.place], now)
        record_events(each.lot, events, actor=actor)
        note_opened(each.lot, each.way, actor)
    event.outcome, event.decided_at = decision.outcome.value, now
    event.save(update_fields=["outcome", "decided_at"])
    _record(event, ready[0].lot, decision, actor)


def _openings(ready: _Ready, lots: list[Lot], now: datetime) -> tuple[Opening, ...]:
    """What is in each envelope in force, with the standing of those who bid for the whole."""
    find = finder(ready.lot, ready.way)
    numbers = [each.receipt for each in ready.state.envelopes]
    rows = ready.lot.receipt_rows.filter(receipt__in=numbers).select_related("bidder")
    found = {row: find(row) for row in rows}
    bidders = {row.bidder_id for row, bid in found.items() if bid and bid.whole_minor is not None}
    faults = _faults(ready.lot, lots, bidders, now)
    return tuple(
        Opening(
            row.receipt,
            bid.amount_minor if bid else None,
            bid.whole_minor if bid else None,
            faults.get(row.bidder_id, ""),
        )
        for row, bid in found.items()
    )


def _faults(lead: Lot, lots: list[Lot], bidders: set[UUID], now: datetime) -> dict[UUID, str]:
    """Why each of these bidders cannot buy the whole; empty for one that stands well on every lot.

    Read in the transaction that opens (A15). Deposits count that were held by the deadline of the
    first lot: otherwise a bidder could choose after it whether its bid counts.
    """
    faults: dict[UUID, str] = {}
    for lot in sorted(lots, key=lambda each: each.event_place or 0):
        if lot.is_over:
            continue
        for key, bidder in bidders_of(lot=lot, buyers=bidders, now=now).items():
            fault = _fault(bidder.standing)
            if not fault and not _held_in_time(lot, key, lead.ends_at):
                fault = WholeFault.NO_DEPOSIT
            faults[key] = faults.get(key) or fault
    return faults


def _fault(standing: Standing) -> str:
    refusal = standing_refusal(standing)
    return WholeFault(refusal.value) if refusal else ""


def _held_in_time(lot: Lot, buyer: UUID, deadline: datetime) -> bool:
    held = Hold.objects.filter(lot_id=lot.pk, buyer=buyer, state=HoldState.HELD)
    return held.filter(taken_at__lt=deadline).exists()


def _record(event: SaleEvent, lead: Lot, decision: bundle.Decision, actor: User | None) -> None:
    """What the log keeps of the comparison: sums and the label on the first lot, no reserve."""
    label = labels_of(lead).get(decision.whole.bidder, "") if decision.whole else ""
    record(
        type="event.decided",
        subject=event,
        actor=actor,
        payload={
            "event": event.reference,
            "outcome": event.outcome,
            "separate_minor": decision.separate_minor,
            "whole_minor": decision.whole.amount_minor if decision.whole else None,
            "whole_bidder": label,
        },
    )
