"""A buyer's limit on a lot: propose, approve by a second person, withdraw."""

import hashlib
import secrets
from uuid import UUID

from django.db import transaction

from npa_market.auctions.guard.models import BidLimit, LimitState
from npa_market.auctions.locking import UnknownLot, busy_when_locked, lock_lot
from npa_market.auctions.models import Lot
from npa_market.auctions.terms import MAX_BID_MINOR
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.evidence.services import record
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import may, require


@busy_when_locked()
@transaction.atomic
def propose_limit(*, user: User, lot_id: UUID, buyer: Organisation, amount_minor: int) -> BidLimit:
    """Propose the most that `buyer` bids on a lot; its signatory or analyst.

    It binds nobody until another person approves it, and takes the place of a proposal that still
    waits. The same amount by the same person again gives the waiting proposal. Raises InvalidInput
    `limit_out_of_range`, Refused `lot_over`, UnknownLot.
    """
    require(user, "auctions.propose_limit", buyer)
    lot = _lot(user, lot_id)
    if not 0 < amount_minor <= MAX_BID_MINOR:
        raise InvalidInput(
            "limit_out_of_range", "Write a limit above zero, as a lot takes it.", field="amount"
        )
    waiting = lot.limits.filter(buyer=buyer, state=LimitState.PROPOSED).first()
    if waiting is not None:
        if waiting.amount_minor == amount_minor and waiting.proposed_by_id == user.pk:
            return waiting
        _end(waiting, LimitState.DROPPED, user)
    limit = BidLimit.objects.create(
        lot=lot,
        buyer=buyer,
        amount_minor=amount_minor,
        salt=secrets.token_hex(32),
        proposed_by=user,
        proposed_at=database_now(),
    )
    _record(limit, user, before="")
    return limit


@busy_when_locked()
@transaction.atomic
def approve_limit(*, user: User, lot_id: UUID, buyer: Organisation, limit_id: UUID) -> BidLimit:
    """Put a proposed limit in force, in place of the one before; a second signatory (T6).

    Bids on the lot wait for the same lock, so each is judged by one limit. Approving what is in
    force changes nothing. Raises Refused `same_person`, `limit_changed` (another proposal waits, or
    none), `lot_over`.
    """
    require(user, "auctions.approve_limit", buyer)
    lot = _lot(user, lot_id)
    limit = _named(lot, buyer, limit_id)
    if limit.state == LimitState.IN_FORCE:
        return limit
    if limit.state != LimitState.PROPOSED:
        raise Refused("limit_changed", "This proposal no longer waits; read the one that does.")
    if limit.proposed_by_id == user.pk:
        raise Refused("same_person", "You proposed this limit; another signatory approves it.")
    for earlier in lot.limits.decisive().filter(buyer=buyer):
        _end(earlier, LimitState.REPLACED, user)
    limit.state, limit.approved_by, limit.approved_at = LimitState.IN_FORCE, user, database_now()
    limit.save(update_fields=["state", "approved_by", "approved_at"])
    _record(limit, user, before=LimitState.PROPOSED)
    return limit


@busy_when_locked()
@transaction.atomic
def withdraw_limit(*, user: User, lot_id: UUID, buyer: Organisation, limit_id: UUID) -> BidLimit:
    """Drop a proposal, or take a limit out of force; doing it again changes nothing.

    One person may stop bids but not free them: after a withdrawal none passes until another limit
    is approved. Raises Refused `limit_changed` for a limit that was replaced.
    """
    require(user, "auctions.propose_limit", buyer)
    lot = _lot(user, lot_id)
    limit = _named(lot, buyer, limit_id)
    if limit.state in {LimitState.DROPPED, LimitState.WITHDRAWN}:
        return limit
    if limit.state == LimitState.PROPOSED:
        _end(limit, LimitState.DROPPED, user)
        return limit
    if limit.state != LimitState.IN_FORCE:
        raise Refused("limit_changed", "Another limit is in force by now.")
    if not may(user, "auctions.approve_limit", buyer):
        raise NotPermitted("Only a signatory withdraws a limit that is in force.")
    _end(limit, LimitState.WITHDRAWN, user)
    return limit


def _lot(user: User, lot_id: UUID) -> Lot:
    if not Lot.objects.visible_to(user).filter(pk=lot_id).exists():
        raise UnknownLot
    lot = lock_lot(lot_id)
    if lot.is_over:
        raise Refused("lot_over", "The lot has ended; its limits stay as they are.")
    return lot


def _named(lot: Lot, buyer: Organisation, limit_id: UUID) -> BidLimit:
    limit = lot.limits.filter(buyer=buyer, pk=limit_id).first()
    if limit is None:
        raise Refused("unknown_limit", "Your institution has no such limit on this lot.")
    return limit


def _end(limit: BidLimit, state: LimitState, user: User) -> None:
    before, limit.state = limit.state, state
    fields = ["state"]
    if limit.ended_at is None:  # The time of a withdrawal stays when its row is replaced.
        limit.ended_by, limit.ended_at = user, database_now()
        fields += ["ended_by", "ended_at"]
    limit.save(update_fields=fields)
    _record(limit, user, before=before)


def _record(limit: BidLimit, user: User, *, before: str) -> None:
    """The fact and a commitment: the log is read by the venue, the amount is not its affair."""
    record(
        type=f"limit.{limit.state}",
        subject=limit,
        actor=user,
        payload={"lot": limit.lot.reference, "commitment": commitment(limit)},
        prev_state=before,
    )


def commitment(limit: BidLimit) -> str:
    """SHA-256 of `<salt>:<amount in minor units>`."""
    return hashlib.sha256(f"{limit.salt}:{limit.amount_minor}".encode()).hexdigest()
