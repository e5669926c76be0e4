"""The database path of a bid and of time: lock, read the clock, decide, record, commit."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import rfc8785
import structlog
from django.db import IntegrityError, transaction

from npa_market.auctions.core import (
    Advance,
    BidderCommand,
    BidRefused,
    Cancel,
    Cancelled,
    Party,
    PlaceBid,
    Refusal,
    Resume,
    Standing,
    Suspend,
    Suspended,
    decide,
    ready_at,
)
from npa_market.auctions.durability import UnsafeDatabase
from npa_market.auctions.guard.door import refusal_of
from npa_market.auctions.locking import busy_when_locked, lock_lot, lock_lot_if_free
from npa_market.auctions.log import STOPPED
from npa_market.auctions.models import SECRET_FORMATS, BidOutcome, EventKind, Lot, LotEvent
from npa_market.auctions.pulse import outage_since, prolong_pulse, renew_pulse
from npa_market.auctions.queries import Bidder, bidders_of, outcomes_of
from npa_market.auctions.rows import state_of
from npa_market.auctions.services.recording import Minutes, record_events, record_receipt
from npa_market.auctions.services.together import decided_together
from npa_market.auctions.state import OUTAGE_REASON
from npa_market.auctions.terms import MAX_BID_MINOR
from npa_market.auctions.wording import refusal_message
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.money import MAX_MINOR
from npa_market.common.texts import checked_reason
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require

MAX_REASON = 300
log = structlog.get_logger(__name__)


def place_bid(
    *, user: User, lot_id: UUID, buyer: Organisation, amount_minor: int, request_id: UUID
) -> BidOutcome:
    """Decide one bid of `buyer` and keep the answer for ever; the stored outcome.

    A refusal by the rules is an outcome as well (`refusal` names it), not an exception. The same
    request sent again gets its first outcome (A3); the same id with another lot or amount raises
    Refused `request_reused`. A bid beyond the buyer's own limit is no bid and is not kept: Refused
    `above_limit` or `limit_needed` (see `guard.door`). Raises NotPermitted, UnknownLot,
    InvalidInput for an amount beyond 62 bits, Busy where the lot's lock did not come in time
    (nothing was done).
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
    def bound(self) -> Organisation:
        """The institution that the request would bind, whose standing counts."""
        return self.bidder or self.buyer

    def made(self, standing: Standing) -> BidderCommand:
        """The command, from the standing that was read under the lock."""
        return self.command(str(self.bound.pk), standing)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(rfc8785.dumps(self.payload)).hexdigest()


def decide_request(request: BidderRequest) -> BidOutcome:
    """Lock, look for the stored answer, read the clock, decide, record: for every format alike.

    Requests that wait for one lot in one process share a transaction (see `together`). The caller
    has checked the right to act. Raises as `place_bid` does.
    """
    if abs(request.amount_minor or 0) > MAX_MINOR:
        raise InvalidInput("amount_too_large", "The amount is too large.", field="amount")
    stored = decided_together(request.lot_id, request, decide_requests)
    if isinstance(stored, Stopped):
        raise refusal_of(stored.code)
    if stored.request_sha256 != request.sha256:
        raise Refused("request_reused", "This request number was already used for another bid.")
    return stored


@dataclass(frozen=True, slots=True)
class Stopped:
    """A request that its buyer's own limit kept from being submitted."""

    code: str


def decide_requests(lot_id: UUID, requests: Sequence[BidderRequest]) -> list[BidOutcome | Stopped]:
    """One transaction for requests on one lot, decided one after the other in this order.

    All or none is kept. The answer to a request whose number was used before is the stored one,
    whatever it was about (A3).
    """
    try:
        with busy_when_locked(), transaction.atomic():
            # The lock first, whatever the request: a resend waits for the first to commit.
            lot = lock_lot(lot_id)
            return _decide_in_turn(lot, requests)
    except IntegrityError:
        # The same id reached another lot at the same moment; that lock did not hold it off.
        stored = outcomes_of(_numbers(requests))
        if len(requests) > 1 or not stored:
            raise
        return list(stored.values())


def _numbers(requests: Sequence[BidderRequest]) -> list[tuple[UUID, UUID]]:
    return [(request.buyer.pk, request.request_id) for request in requests]


def _decide_in_turn(lot: Lot, requests: Sequence[BidderRequest]) -> list[BidOutcome | Stopped]:
    """Decide on a locked lot, write everything at the end."""
    known = outcomes_of(_numbers(requests))
    now = database_now()
    new = [each for each in requests if (each.buyer.pk, each.request_id) not in known]
    bidders = bidders_of(lot=lot, buyers={each.bound.pk for each in new}, now=now)
    minutes = Minutes(lot, state_of(lot))
    _take_down_outage(minutes, now)
    answers: list[BidOutcome | Stopped] = []
    for number, request in zip(_numbers(requests), requests, strict=True):
        if number not in known:
            bidder = bidders[request.bound.pk]
            stopped = _stopped(minutes, request, bidder)
            if stopped is not None:
                answers.append(stopped)
                continue
            known[number] = _decide(minutes, request, bidder, now)
        answers.append(known[number])
    minutes.write()
    return answers


def _stopped(minutes: Minutes, request: BidderRequest, bidder: Bidder) -> Stopped | None:
    """Hold back a request beyond its buyer's limit, and note the fact without amount or name."""
    code = bidder.guard.stops(request.made(bidder.standing), minutes.state)
    if not code:
        return None
    if bidder.guard.limit_id is not None:
        facts = {"lot": minutes.lot.reference, "refusal": code}
        minutes.note(STOPPED, actor=request.user, payload=facts, before=minutes.state.phase.value)
    return Stopped(code)


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


def _decide(minutes: Minutes, request: BidderRequest, bidder: Bidder, now: datetime) -> BidOutcome:
    """Decide one request and take down events and answer."""
    state, lot, actor, label = minutes.state, minutes.lot, request.user, bidder.label
    events = decide(state, request.made(bidder.standing), now)
    rows = minutes.add(events, actor=actor, label=label)
    answer = BidOutcome(
        lot=lot,
        buyer=request.buyer,
        bidder_user=actor,
        request_id=request.request_id,
        request_sha256=request.sha256,
        amount_minor=request.amount_minor,
        decided_at=events[-1].decided_at,
    )
    minutes.answers.append(answer)
    refused = next((event for event in events if isinstance(event, BidRefused)), None)
    if refused is None:
        answer.receipt = record_receipt(
            minutes, events, actor=actor, label=label, envelope=request.envelope
        )
        if answer.receipt is None:
            # An offer that was taken is answered by the sale itself.
            answer.event = next((row for row in rows if row.kind in _ANSWERS), None) or rows[-1]
        return answer
    answer.refusal = refused.refusal.value
    if refused.refusal == Refusal.WRONG_FORMAT and lot.format in SECRET_FORMATS:
        answer.amount_minor = None  # S1: it would stand in clear before the opening.
    # The rule saw the lot as time had made it by then.
    answer.message = refusal_message(refused.refusal, ready_at(state, now), lot.currency)
    minutes.note(
        "lot.bid_refused",
        actor=actor,
        payload={
            "lot": lot.reference,
            "bidder": label,
            "amount_minor": None if lot.hides_refusals else _shown(answer.amount_minor),
            "refusal": answer.refusal,
            "decided_at": answer.decided_at.isoformat(),
        },
        before=minutes.state.phase.value,
    )
    return answer


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
    try:
        with transaction.atomic():
            lot = lock_lot_if_free(lot_id)
            return lot is not None and bool(_advance(lot))
    except UnsafeDatabase as unsafe:
        _log_unopened(lot_id, unsafe)
        return False


def _log_unopened(lot_id: UUID, unsafe: UnsafeDatabase) -> None:
    log.critical("lot_not_opened", lot_id=str(lot_id), reason=unsafe.message)


def advance_due_lots() -> int:
    """Open and settle every lot whose time has come; how many moved. For the sweeper.

    Lots at which somebody else is at work are left to the next round.
    """
    due = list(Lot.objects.due(database_now()).values_list("pk", flat=True))
    return sum(try_advance_lot(lot_id=lot_id) for lot_id in due)


def _advance(lot: Lot) -> list[LotEvent]:
    now = database_now()
    minutes = Minutes(lot, state_of(lot))
    _take_down_outage(minutes, now)
    minutes.add(decide(minutes.state, Advance(), now), actor=None)
    minutes.write()
    return minutes.rows


def _take_down_outage(minutes: Minutes, now: datetime) -> None:
    """Suspend and resume a lot that an outage cost its last minutes, before all else (A18)."""
    since = outage_since(now)
    if since is None:
        return
    stopped = decide(minutes.state, Suspend(OUTAGE_REASON, since), now)
    if any(isinstance(event, Suspended) for event in stopped):
        minutes.add(stopped, actor=None)
        minutes.add(decide(minutes.state, Resume(), now), actor=None)


def note_pulse() -> int:
    """Bidding is possible now; how many lots an outage before had to prolong. For the sweeper.

    Where the last pulse is too old, each lot that is open, or was due to open since, is judged by
    the rule (A18) before the pulse is renewed, so an end of this process half way leaves the rest
    to the next round.
    """
    now = database_now()
    since = outage_since(now)
    prolonged = 0
    if since is not None:
        log.warning("bidding_was_impossible", since=since.isoformat(), until=now.isoformat())
        bound = Lot.objects.open_or_due(now).values_list("pk", flat=True)
        for lot_id in list(bound):
            prolonged += any(row.kind == EventKind.SUSPENDED for row in _advance_by_key(lot_id))
    renew_pulse()
    return prolonged


def keep_pulse() -> int:
    """The same for a web process that answers: how many lots an outage before had to prolong.

    Nothing where no sweeper has run yet, and no write where the pulse is fresh. Raises Busy as
    `note_pulse` does; the pulse then stays as old as it was.
    """
    now = database_now()
    if outage_since(now) is not None:
        return note_pulse()
    prolong_pulse(now)
    return 0


def _advance_by_key(lot_id: UUID) -> list[LotEvent]:
    try:
        with busy_when_locked(), transaction.atomic():
            return _advance(lock_lot(lot_id))
    except UnsafeDatabase as unsafe:
        _log_unopened(lot_id, unsafe)
        return []


def cancel_lot(*, user: User, lot_id: UUID, reason: str) -> Lot:
    """End a lot before its end, with a reason that everybody reads in its notice; deposits go back.

    The operator's act. After the end the result stands: Refused `lot_over`.
    """
    lot, is_done = _end_early(user, lot_id, "auctions.cancel_lot", Cancel(reason.strip()))
    if not is_done:
        raise Refused("lot_over", "The lot has ended; its result stands.")
    return lot


def withdraw_lot(*, user: User, lot_id: UUID, reason: str) -> Lot:
    """Take a lot back before bidding opens, with a reason that everybody reads; deposits go back.

    The seller's approver's act. Once bidding has opened, buyers rely on the lot and the operator
    alone ends it: Refused `bidding_opened`; after the end `lot_over`.
    """
    command = Cancel(reason.strip(), Party.SELLER)
    lot, is_done = _end_early(user, lot_id, "auctions.withdraw_lot", command)
    if is_done:
        return lot
    if lot.is_over:
        raise Refused("lot_over", "The lot has ended; its result stands.")
    raise Refused("bidding_opened", "Bidding has opened; ask the operator to cancel the lot.")


def _end_early(user: User, lot_id: UUID, permission: str, command: Cancel) -> tuple[Lot, bool]:
    """Cancel or withdraw, and whether the rules took it."""
    with busy_when_locked(), transaction.atomic():
        lot = lock_lot(lot_id)
        require(user, permission, lot)
        asked = f"Say in 1 to {MAX_REASON} characters why the lot ends now."
        checked_reason(command.reason, most=MAX_REASON, words=asked)
        events = decide(state_of(lot), command, database_now())
        record_events(lot, events, actor=user)
    # What time had brought by then is kept, whether or not the lot could still be ended.
    return lot, any(isinstance(event, Cancelled) for event in events)
