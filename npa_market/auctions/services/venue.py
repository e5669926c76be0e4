"""Acts of the venue on a lot under way: suspend, resume, open the envelopes."""

from collections.abc import Callable
from uuid import UUID

from django.db import transaction

from npa_market.auctions.core import (
    TERMINAL,
    Advance,
    Event,
    OpenEnvelopes,
    Opening,
    Phase,
    Resume,
    Resumed,
    Sealed,
    Suspend,
    Suspended,
    decide,
    fold,
)
from npa_market.auctions.locking import busy_when_locked, lock_lot
from npa_market.auctions.models import Lot, LotReceipt
from npa_market.auctions.rows import state_of
from npa_market.auctions.services.recording import record_events
from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.texts import checked_reason
from npa_market.parties.models import User
from npa_market.parties.permissions import require

MAX_REASON = 300
# Gives the amount in an envelope, or None where it does not open (S8); must not raise for bad
# bytes. Gets the receipt, which names the bidder that the envelope is bound to (S6).
Opener = Callable[[LotReceipt], int | None]


def suspend_lot(*, user: User, lot_id: UUID, reason: str) -> Lot:
    """Stop bidding on an open lot, with a reason that every party reads; the operator.

    No time passes for the lot until it is resumed. Refused `lot_not_open` before the opening and
    after the end.
    """
    with busy_when_locked(), transaction.atomic():
        lot = lock_lot(lot_id)
        require(user, "auctions.suspend_lot", lot)
        asked = f"Say in 1 to {MAX_REASON} characters why the lot is suspended."
        words = checked_reason(reason, most=MAX_REASON, words=asked)
        events = decide(state_of(lot), Suspend(words), database_now())
        record_events(lot, events, actor=user)
    # What time had brought by then is kept, whether or not the lot could still be suspended.
    if not any(isinstance(event, Suspended) for event in events):
        raise Refused("lot_not_open", "Only a lot that is open for bids can be suspended.")
    return lot


def resume_lot(*, user: User, lot_id: UUID) -> Lot:
    """Go on with a suspended lot, with the time that was left and ten minutes at least (A18).

    The operator. Refused `lot_not_suspended`.
    """
    with busy_when_locked(), transaction.atomic():
        lot = lock_lot(lot_id)
        require(user, "auctions.suspend_lot", lot)
        events = decide(state_of(lot), Resume(), database_now())
        record_events(lot, events, actor=user)
    if not any(isinstance(event, Resumed) for event in events):
        raise Refused("lot_not_suspended", "The lot is not suspended.")
    return lot


def open_envelopes(*, lot_id: UUID, opener: Opener, actor: User | None) -> Lot:
    """Open all envelopes in force of a lot whose deadline has passed, and settle it (S2).

    All or nothing, in order of receipt: one transaction, one decision. The caller has checked the
    right to open (the holders' shares). Opening again changes nothing. Refused `not_to_be_opened`.
    """
    with busy_when_locked(), transaction.atomic():
        lot = lock_lot(lot_id)
        now = database_now()
        state = state_of(lot)
        due: list[Event] = [*decide(state, Advance(), now)]
        state = fold(state, due)
        waits = isinstance(state, Sealed) and state.phase == Phase.OPENING
        opening: list[Event] = []
        if isinstance(state, Sealed) and waits:
            numbers = [each.receipt for each in state.envelopes]
            rows = lot.receipt_rows.filter(receipt__in=numbers).select_related("bidder")
            found = tuple(Opening(row.receipt, opener(row)) for row in rows)
            opening = decide(state, OpenEnvelopes(found), now)
        record_events(lot, [*due, *opening], actor=actor)
    if not waits and lot.state not in TERMINAL:
        raise Refused("not_to_be_opened", "This lot has no envelopes that wait to be opened.")
    return lot
