"""The weaker mode of a sealed lot: the venue seals for a bidder whose browser cannot."""

import json
from dataclasses import dataclass
from uuid import UUID

from npa_market.auctions.ceremony.documents import sheet_of
from npa_market.auctions.guard.door import refusal_of
from npa_market.auctions.locking import UnknownLot
from npa_market.auctions.models import BidOutcome, Lot, LotFormat, RegistrationState
from npa_market.auctions.offline import seal
from npa_market.auctions.queries import bidders_of, outcome_of
from npa_market.auctions.sale_events.limits import whole_guard
from npa_market.auctions.services.formats import require_key, submit_envelope
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require


@dataclass(frozen=True, slots=True)
class SealedHere:
    """The outcome, and the secret receipt: given once, kept by nobody but the bidder."""

    outcome: BidOutcome
    receipt: str


def seal_and_submit(
    *,
    user: User,
    lot_id: UUID,
    buyer: Organisation,
    amount_minor: int | None,
    request_id: UUID,
    whole_minor: int | None = None,
) -> SealedHere:
    """The weaker mode: the venue's server seals, so its memory holds the amount for a moment.

    `whole_minor`: in the first lot of an event, what is bid for all its lots, beside the amount for
    this one or (`amount_minor` None) without it.

    For people whose browser cannot seal; pages label it. The same request again gives its first
    outcome and an empty receipt. Raises as `submit_envelope`, InvalidInput for an amount outside
    the range, Refused `not_admitted`, and `above_limit` or `limit_needed` (see `guard.door`).
    """
    require(user, "auctions.place_bid", buyer)
    lot = _sealed_lot(lot_id)
    stored = outcome_of(buyer=buyer, request_id=request_id)
    if stored is not None:
        if stored.lot_id != lot.pk:
            raise Refused("request_reused", "This request number was used for another lot.")
        return SealedHere(stored, "")
    registration = lot.registrations.filter(buyer=buyer, state=RegistrationState.ADMITTED).first()
    if registration is None:
        raise Refused("not_admitted", f"{buyer} is not admitted to {lot.reference}.")
    guard = bidders_of(lot=lot, buyers=[buyer.pk], now=database_now())[buyer.pk].guard
    bid = seal.Bid(amount_minor, whole_minor)
    stopped = guard.judged(amount_minor)
    if not stopped and whole_minor is not None:
        stopped = whole_guard(lot, buyer).judged(whole_minor)
    if stopped:
        raise refusal_of(stopped)
    sheet = sheet_of(lot, registration.label)
    try:
        envelope, ephemeral = seal.sealed(bid.amount_minor, sheet, whole_minor=bid.whole_minor)
    except seal.Refused as reason:
        raise InvalidInput("amount_out_of_range", str(reason), field="amount") from reason
    outcome = submit_envelope(
        user=user, lot_id=lot_id, buyer=buyer, envelope=envelope, request_id=request_id
    )
    receipt = seal.receipt_of(bid, sheet, envelope, ephemeral)
    return SealedHere(outcome, json.dumps(receipt, indent=1) + "\n")


def _sealed_lot(lot_id: UUID) -> Lot:
    lot = Lot.objects.filter(pk=lot_id).select_related("package").first()
    if lot is None:
        raise UnknownLot
    if lot.format != LotFormat.SEALED:
        raise Refused("wrong_format", f"{lot.reference} takes no envelopes.")
    require_key(lot.pk)
    return lot
