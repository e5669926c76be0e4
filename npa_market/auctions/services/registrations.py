"""Who may bid on a lot: apply, be admitted or refused, withdraw, bring the deposit."""

from typing import Any
from uuid import UUID

from django.db import transaction

from npa_market.auctions.labels import next_label
from npa_market.auctions.locking import UnknownLot, busy_when_locked, lock_lot
from npa_market.auctions.log import LotEvent, LotReceipt
from npa_market.auctions.models import (
    SECRET_FORMATS,
    Lot,
    LotState,
    Registration,
    RegistrationState,
)
from npa_market.auctions.queries import standing_of
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.texts import checked_reason
from npa_market.diligence.models import Admission
from npa_market.evidence.services import record
from npa_market.ledger import services as ledger
from npa_market.ledger.models import Hold, HoldState
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require

MAX_REASON = 500
MAX_BANK_REFERENCE = 80


@busy_when_locked()
@transaction.atomic
def register_for_lot(*, user: User, lot_id: UUID, buyer: Organisation) -> Registration:
    """Apply to bid on a lot; the buyer's signatory. Applying again gives the first application.

    Refused `registration_closed`, `not_invited`, `not_qualified`, `suspended`,
    `related_to_seller`, `nda_missing`.
    """
    require(user, "auctions.register_for_lot", buyer)
    lot = lock_lot(lot_id)
    if lot.invited_id not in (None, buyer.pk):
        raise UnknownLot  # A negotiated lot is nobody else's to know of.
    known = lot.registrations.filter(buyer=buyer).first()
    if known is not None:
        return known
    now = database_now()
    if lot.state != LotState.ANNOUNCED or now >= lot.registration_ends_at:
        raise Refused("registration_closed", "Registration for this lot has ended.")
    if lot.by_invitation and not lot.invitations.filter(buyer=buyer).exists():
        raise Refused(
            "not_invited", "The seller offers this lot to institutions it invited; ask the seller."
        )
    standing, _ = standing_of(lot=lot, buyer=buyer, now=now)
    if standing.is_suspended:
        raise Refused("suspended", "Your institution is suspended; ask the operator.")
    if not standing.is_qualified:
        raise Refused("not_qualified", "The venue has not qualified your institution to buy.")
    if standing.is_related_to_seller:
        raise Refused("related_to_seller", "Your institution is related to the seller.")
    signed = Admission.objects.filter(room__package=lot.package_id, buyer=buyer, revoked_at=None)
    if not signed.exists():
        raise Refused("nda_missing", "Sign the NDA of the package's data room first.")
    registration = Registration.objects.create(
        lot=lot, buyer=buyer, applied_by=user, applied_at=now
    )
    _record(registration, "registration.applied", user, {})
    return registration


@busy_when_locked()
@transaction.atomic
def admit_registration(*, user: User, registration_id: UUID) -> Registration:
    """Let an applicant bid, under a label of its own; the operator. Again: no change."""
    registration = _locked(registration_id)
    require(user, "auctions.decide_registration", registration)
    if registration.state == RegistrationState.ADMITTED:
        return registration
    _require_undecided(registration)
    now = database_now()
    standing, _ = standing_of(lot=registration.lot, buyer=registration.buyer, now=now)
    if not standing.is_qualified or standing.is_suspended:
        raise Refused("not_qualified", "The institution is not qualified to buy at present.")
    taken = registration.lot.registrations.exclude(label="").values_list("label", flat=True)
    registration.label = next_label(set(taken))
    _decide(registration, RegistrationState.ADMITTED, user)
    return registration


@busy_when_locked()
@transaction.atomic
def refuse_registration(*, user: User, registration_id: UUID, reason: str) -> Registration:
    """Turn an applicant away with a reason that it reads; the operator. Again: no change.

    A deposit that the venue holds for it is paid back at once.
    """
    registration = _locked(registration_id)
    require(user, "auctions.decide_registration", registration)
    if registration.state == RegistrationState.REFUSED:
        return registration
    _require_undecided(registration)
    asked = f"Give the applicant a reason of 1 to {MAX_REASON} characters."
    registration.reason = checked_reason(reason, most=MAX_REASON, words=asked)
    _decide(registration, RegistrationState.REFUSED, user)
    _return_deposit(registration, user)
    return registration


@busy_when_locked()
@transaction.atomic
def withdraw_registration(*, user: User, registration_id: UUID) -> Registration:
    """Take an application back, decided or not, for good; the buyer's signatory. Again: no change.

    A deposit that the venue holds for it is paid back at once; whoever has bid is bound, Refused
    `has_bid`, as is after the end `lot_over`.
    """
    registration = _locked(registration_id)
    require(user, "auctions.withdraw_registration", registration)
    if registration.state == RegistrationState.WITHDRAWN:
        return registration
    if registration.state == RegistrationState.REFUSED:
        raise Refused("already_decided", "The operator refused this application.")
    if registration.lot.is_over:
        raise Refused("lot_over", "The lot has ended.")
    if _has_bid(registration):
        raise Refused("has_bid", "Your institution has bid on this lot and is bound until its end.")
    before, registration.state = registration.state, RegistrationState.WITHDRAWN
    registration.save(update_fields=["state"])
    _record(registration, "registration.withdrawn", user, {}, before)
    _return_deposit(registration, user)
    return registration


@busy_when_locked()
@transaction.atomic
def confirm_deposit(*, user: User, registration_id: UUID, bank_reference: str) -> Hold:
    """Record that the lot's deposit of this bidder is on the venue's account; venue finance.

    `bank_reference` names the bank line. The same line again gives the same hold.
    """
    registration = _locked(registration_id)
    require(user, "auctions.confirm_deposit", registration)
    line = bank_reference.strip()
    if not line or len(line) > MAX_BANK_REFERENCE:
        raise InvalidInput(
            "bank_reference_needed",
            f"Name the bank line in 1 to {MAX_BANK_REFERENCE} characters.",
            field="bank_reference",
        )
    if registration.is_closed:
        raise Refused(
            f"registration_{registration.state}",
            f"The registration was {registration.get_state_display().lower()}; pay the money back.",
        )
    lot = registration.lot
    if lot.is_over:
        raise Refused("lot_over", "The lot has ended; pay the money back.")
    return ledger.take_deposit(
        buyer=registration.buyer,
        lot_id=lot.pk,
        amount_minor=lot.deposit_minor,
        currency=lot.currency,
        bank_reference=line,
        actor=user,
    )


@busy_when_locked()
@transaction.atomic
def unmatch_deposit(*, user: User, registration_id: UUID, reason: str) -> Hold:
    """Take the match of a bank line with this bidder's deposit back; venue finance or operator.

    The line may then be matched with the registration that it was meant for. Again: no change.
    Refused `has_bid` where the bidder has bid and needs the deposit (A15). On a lot whose bids are
    secret that answer would tell who bid (S7), so there it ends with the opening of bidding,
    whoever bid: `bidding_opened`. After the end `lot_over`.
    """
    registration = _locked(registration_id)
    require(user, "auctions.unmatch_deposit", registration)
    asked = f"Say in 1 to {MAX_REASON} characters why the match was wrong."
    words = checked_reason(reason, most=MAX_REASON, words=asked)
    lot = registration.lot
    if lot.is_over:
        raise Refused("lot_over", "The lot has ended; its deposits were paid back or applied.")
    if lot.format in SECRET_FORMATS:
        if database_now() >= lot.opens_at:
            raise Refused(
                "bidding_opened",
                "Bidding has opened, and who has bid is secret: the deposit stays until the end.",
            )
    elif _has_bid(registration):
        raise Refused("has_bid", "The bidder has bid with this deposit; it stays until the end.")
    return ledger.unmatch_deposit(buyer=registration.buyer, lot_id=lot.pk, reason=words, actor=user)


def _has_bid(registration: Registration) -> bool:
    """Whether the bidder handed anything in, be it taken back or outbid since.

    The first lot of an event counts for all: a bid for the whole may lie in its envelopes.
    """
    lot = registration.lot
    lots = Lot.objects.filter(pk=lot.pk)
    if lot.sale_event_id is not None:
        lots |= Lot.objects.filter(sale_event=lot.sale_event_id, event_place=1)
    return any(
        log.objects.filter(lot__in=lots.values("pk"), bidder=registration.buyer_id).exists()
        for log in (LotEvent, LotReceipt)
    )


def _return_deposit(registration: Registration, user: User) -> None:
    """Pay a held deposit back as those of the losers are after the end."""
    buyer, lot_id = registration.buyer, registration.lot_id
    if Hold.objects.filter(buyer=buyer, lot_id=lot_id, state=HoldState.HELD).exists():
        ledger.refund_deposit(buyer=buyer, lot_id=lot_id, actor=user)


def _locked(registration_id: UUID) -> Registration:
    """The registration under the lock of its lot, so that labels are drawn one at a time."""
    found = Registration.objects.filter(pk=registration_id).values_list("lot", flat=True).first()
    if found is None:
        raise Refused("unknown_registration", "There is no such registration.")
    lot = lock_lot(found)
    registration = lot.registrations.select_related("buyer").get(pk=registration_id)
    registration.lot = lot
    return registration


def _require_undecided(registration: Registration) -> None:
    if registration.state != RegistrationState.APPLIED:
        raise Refused(
            "already_decided",
            f"This registration was decided before: {registration.get_state_display().lower()}.",
        )
    if registration.lot.is_over:
        raise Refused("lot_over", "The lot has ended.")


def _decide(registration: Registration, state: RegistrationState, user: User) -> None:
    before, registration.state = registration.state, state
    registration.decided_at = database_now()
    registration.decided_by = user
    registration.save(update_fields=["label", "reason", "state", "decided_at", "decided_by"])
    _record(registration, f"registration.{state}", user, {"reason": registration.reason}, before)


def _record(
    registration: Registration, act: str, user: User, payload: dict[str, Any], before: str = ""
) -> None:
    lot: Lot = registration.lot
    record(
        type=act,
        subject=registration,
        actor=user,
        payload={"lot": lot.reference, "buyer": str(registration.buyer_id), **payload},
        prev_state=before,
    )
