"""The database path of a bid and of time: lock, read the clock, decide, record, commit."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import rfc8785
from django.db import IntegrityError, transaction

from npa_market.auctions.core import (
    Advance,
    BidderCommand,
    BidRefused,
    Cancel,
    Cancelled,
    PlaceBid,
    Standing,
    decide,
    ready_at,
)
from npa_market.auctions.locking import busy_when_locked, lock_lot, lock_lot_if_free
from npa_market.auctions.models import BidOutcome, EventKind, Lot, LotEvent
from npa_market.auctions.queries import outcome_of, standing_of
from npa_market.auctions.rows import state_of
from npa_market.auctions.services.recording import record_events, record_receipt
from npa_market.auctions.terms import MAX_BID_MINOR
from npa_market.auctions.wording import refusal_message
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.money import MAX_MINOR
from npa_market.evidence.services import record
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require

MAX_REASON = 300


def place_bid(
    *, user: User, lot_id: UUID, buyer: Organisation, amount_minor: int, request_id: UUID
) -> BidOutcome:
    """Decide one bid of `buyer` and keep the answer for ever; the stored outcome.

    A refusal by the rules is an outcome as well (`refusal` names it), not an exception. The same
    request sent again gets its first outcome (A3); the same id with another lot or amount raises
    Refused `request_reused`. Raises NotPermitted, UnknownLot, InvalidInput for an amount beyond 62
    bits, Busy where the lot's lock did not come in time (nothing was done).
    """
    require(user, "auctions.place_bid", buyer)
    payload = {"lot": str(lot_id), "amount_minor": str(amount_minor)}
    request = BidderRequest(
        user=user,
        lot_id=lot_id,
        buyer=buyer,
        request_id=request_id,
        payload=payload,
        command=lambda bidder, standing: PlaceBid(bidder, amount_minor, standing),
        amount_minor=amount_minor,
    )
    return decide_request(request)


Make = Callable[[str, Standing], BidderCommand]


@dataclass(frozen=True, slots=True, kw_only=True)
class BidderRequest:
    """One request of a bidder, before the lot is locked.

    `buyer` acts and gets the answer; the standing is `bidder`'s where that is another (a seller's
    offer binds its invited buyer). `payload` is what the request's number stands for: the same
    number with another is refused. `command` makes the command from the bidder's key and standing.
    """

    user: User
    lot_id: UUID
    buyer: Organisation
    bidder: Organisation | None = None
    request_id: UUID
    payload: dict[str, str]
    command: Make
    amount_minor: int | None = None
    envelope: bytes | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(rfc8785.dumps(self.payload)).hexdigest()


def decide_request(request: BidderRequest) -> BidOutcome:
    """Lock, look for the stored answer, read the clock, decide, record: for every format alike.

    The caller has checked the right to act. Raises as `place_bid` does.
    """
    buyer, request_id = request.buyer, request.request_id
    if abs(request.amount_minor or 0) > MAX_MINOR:
        raise InvalidInput("amount_too_large", "The amount is too large.", field="amount")
    request_sha256 = request.sha256
    try:
        with busy_when_locked(), transaction.atomic():
            # The lock first, whatever the request: a resend waits for the first to commit.
            lot = lock_lot(request.lot_id)
            stored = outcome_of(buyer=buyer, request_id=request_id)
            if stored is None:
                bid = BidOutcome(
                    lot=lot,
                    buyer=buyer,
                    bidder_user=request.user,
                    request_id=request_id,
                    request_sha256=request_sha256,
                    amount_minor=request.amount_minor,
                )
                return _decide(lot, bid, request, database_now())
    except IntegrityError:
        # The same id reached another lot at the same moment; that lock did not hold it off.
        stored = outcome_of(buyer=buyer, request_id=request_id)
        if stored is None:
            raise
    if stored.request_sha256 != request_sha256:
        raise Refused("request_reused", "This request number was already used for another bid.")
    return stored


# The event that answers a bidder's request, where the answer is an event of the lot's log.
_ANSWERS = frozenset(
    {
        EventKind.BID_ACCEPTED,
        EventKind.BID_OUTBID,
        EventKind.MAXIMUM_RAISED,
        EventKind.PRICE_ACCEPTED,
        EventKind.BEST_BID_PLACED,
        EventKind.OFFER_MADE,
        EventKind.OFFER_DECLINED,
        EventKind.OFFER_WITHDRAWN,
    }
)


def _decide(lot: Lot, bid: BidOutcome, request: BidderRequest, now: datetime) -> BidOutcome:
    """Decide on a locked lot and keep events and answer."""
    bidder = request.bidder or bid.buyer
    standing, label = standing_of(lot=lot, buyer=bidder, now=now)
    state = state_of(lot)
    events = decide(state, request.command(str(bidder.pk), standing), now)
    rows = record_events(lot, events, actor=bid.bidder_user, label=label)
    refusals = [event for event in events if isinstance(event, BidRefused)]
    if not refusals:
        bid.receipt = record_receipt(
            lot, events, actor=bid.bidder_user, label=label, envelope=request.envelope
        )
        if bid.receipt is None:
            # An offer that was taken is answered by the sale itself.
            bid.event = next((row for row in rows if row.kind in _ANSWERS), None) or rows[-1]
        bid.decided_at = events[-1].decided_at
        bid.save(force_insert=True)
        return bid
    (refused,) = refusals
    bid.refusal, bid.decided_at = refused.refusal.value, refused.decided_at
    # The rule saw the lot as time had made it by then.
    bid.message = refusal_message(refused.refusal, ready_at(state, now), lot.currency)
    bid.save(force_insert=True)
    record(
        type="lot.bid_refused",
        subject=lot,
        actor=bid.bidder_user,
        payload={
            "lot": lot.reference,
            "bidder": label,
            "amount_minor": _shown(bid.amount_minor),
            "refusal": bid.refusal,
            "decided_at": bid.decided_at.isoformat(),
        },
        prev_state=lot.state,
    )
    return bid


def _shown(amount_minor: int | None) -> int | str | None:
    """Canonical JSON has no integer beyond 2**53 - 1; a larger amount stands as text."""
    if amount_minor is None or abs(amount_minor) <= MAX_BID_MINOR:
        return amount_minor
    return str(amount_minor)


def advance_lot(*, lot_id: UUID) -> Lot:
    """Open or settle a lot where its time has come; system act, no user.

    The result depends on the stored events and the end alone (A13), so it may be asked late, often
    and by many at once (A12). Raises UnknownLot, Busy.
    """
    with busy_when_locked(), transaction.atomic():
        lot = lock_lot(lot_id)
        _advance(lot)
        return lot


def try_advance_lot(*, lot_id: UUID) -> bool:
    """The same without waiting: False where nothing was due or somebody else is at work on it."""
    with transaction.atomic():
        lot = lock_lot_if_free(lot_id)
        return lot is not None and bool(_advance(lot))


def advance_due_lots() -> int:
    """Open and settle every lot whose time has come; how many moved. For the sweeper.

    Lots at which somebody else is at work are left to the next round.
    """
    due = list(Lot.objects.due(database_now()).values_list("pk", flat=True))
    return sum(try_advance_lot(lot_id=lot_id) for lot_id in due)


def _advance(lot: Lot) -> list[LotEvent]:
    events = decide(state_of(lot), Advance(), database_now())
    return record_events(lot, events, actor=None)


def cancel_lot(*, user: User, lot_id: UUID, reason: str) -> Lot:
    """End a lot before its end, with a reason that every party reads; deposits go back.

    The operator's act. After the end the result stands: Refused `lot_over`.
    """
    with busy_when_locked(), transaction.atomic():
        lot = lock_lot(lot_id)
        require(user, "auctions.cancel_lot", lot)
        words = reason.strip()
        if not words or len(words) > MAX_REASON:
            raise InvalidInput(
                "reason_needed",
                f"Say in 1 to {MAX_REASON} characters why the lot is cancelled.",
                field="reason",
            )
        events = decide(state_of(lot), Cancel(words), database_now())
        record_events(lot, events, actor=user)
    # What time had brought by then is kept, whether or not the lot could still be cancelled.
    if not any(isinstance(event, Cancelled) for event in events):
        raise Refused("lot_over", "The lot has ended; its result stands.")
    return lot
