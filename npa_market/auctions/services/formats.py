"""Requests of bidders in formats other than the ascending one: the same path, other commands."""

import hashlib
from uuid import UUID

from npa_market.auctions.core import (
    AcceptOffer,
    AcceptPrice,
    Answer,
    DeclineOffer,
    MakeOffer,
    Party,
    SubmitEnvelope,
    WithdrawEnvelope,
    WithdrawOffer,
)
from npa_market.auctions.locking import UnknownLot
from npa_market.auctions.models import BidOutcome, Lot, LotFormat
from npa_market.auctions.negotiated import MAX_OFFER_SECONDS, MIN_OFFER_SECONDS
from npa_market.auctions.offline.seal import ENVELOPE_BYTES
from npa_market.auctions.services.bidding import BidderRequest, decide_request
from npa_market.common.errors import InvalidInput, Refused
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require

ANSWERS: dict[str, type[Answer]] = {
    "accept": AcceptOffer,
    "decline": DeclineOffer,
    "withdraw": WithdrawOffer,
}


def accept_price(
    *, user: User, lot_id: UUID, buyer: Organisation, amount_minor: int, request_id: UUID
) -> BidOutcome:
    """Take the price of a falling lot; `amount_minor` is what the bidder saw.

    Taken at the price in force, which may be lower by a tick, never higher. Outcome, resend and
    errors as `place_bid`.
    """
    require(user, "auctions.place_bid", buyer)
    request = BidderRequest(
        user=user,
        lot_id=lot_id,
        buyer=buyer,
        request_id=request_id,
        payload={"act": "accept_price", "lot": str(lot_id), "amount_minor": str(amount_minor)},
        command=lambda bidder, standing: AcceptPrice(bidder, amount_minor, standing),
        amount_minor=amount_minor,
    )
    return decide_request(request)


def require_key(lot_id: UUID) -> None:
    """Raise Refused `no_key` for a sealed lot whose envelopes nobody could open."""
    keyless = Lot.objects.filter(pk=lot_id, format=LotFormat.SEALED, key=None).first()
    if keyless is not None:
        raise Refused("no_key", f"{keyless.reference} has no key yet: ask the venue's operator.")


def submit_envelope(
    *, user: User, lot_id: UUID, buyer: Organisation, envelope: bytes, request_id: UUID
) -> BidOutcome:
    """Hand in a sealed envelope, which replaces the bidder's earlier one (S3); opaque bytes.

    Raises InvalidInput for any other length than an envelope has (S5), Refused `no_key` for a lot
    whose envelopes nobody could open; outcome, resend and other errors as `place_bid`.
    """
    require(user, "auctions.place_bid", buyer)
    if len(envelope) != ENVELOPE_BYTES:
        raise InvalidInput(
            "envelope_wrong_length",
            f"An envelope has {ENVELOPE_BYTES} bytes, this one {len(envelope)}; hand in the file "
            "that the sealing tool made, unchanged.",
            field="envelope",
        )
    require_key(lot_id)
    sha256 = hashlib.sha256(envelope).hexdigest()
    request = BidderRequest(
        user=user,
        lot_id=lot_id,
        buyer=buyer,
        request_id=request_id,
        payload={"act": "submit_envelope", "lot": str(lot_id), "sha256": sha256},
        command=lambda bidder, standing: SubmitEnvelope(bidder, sha256, standing),
        envelope=envelope,
    )
    return decide_request(request)


def withdraw_envelope(
    *, user: User, lot_id: UUID, buyer: Organisation, request_id: UUID
) -> BidOutcome:
    """Take the envelope in force back, where the lot's terms allow it (A16)."""
    require(user, "auctions.place_bid", buyer)
    request = BidderRequest(
        user=user,
        lot_id=lot_id,
        buyer=buyer,
        request_id=request_id,
        payload={"act": "withdraw_envelope", "lot": str(lot_id)},
        command=WithdrawEnvelope,
    )
    return decide_request(request)


def make_offer(
    *,
    user: User,
    lot_id: UUID,
    organisation: Organisation,
    amount_minor: int,
    valid_seconds: int,
    request_id: UUID,
) -> BidOutcome:
    """Offer a price to the other side of a negotiation; it replaces whatever offer stands.

    `organisation` is the lot's seller (its approver acts) or the invited buyer (its signatory).
    Raises InvalidInput for a time outside a minute to thirty days; else as `place_bid`.
    """
    lot, party = _side(user, lot_id, organisation)
    if not MIN_OFFER_SECONDS <= valid_seconds <= MAX_OFFER_SECONDS:
        raise InvalidInput(
            "valid_out_of_range", "An offer stands for a minute to thirty days.", field="valid"
        )
    request = BidderRequest(
        user=user,
        lot_id=lot_id,
        buyer=organisation,
        bidder=_bidder(lot, party, organisation),
        request_id=request_id,
        payload={
            "act": "make_offer",
            "lot": str(lot_id),
            "amount_minor": str(amount_minor),
            "valid_seconds": str(valid_seconds),
        },
        command=lambda bidder, standing: MakeOffer(
            party, bidder, amount_minor, valid_seconds, standing
        ),
        amount_minor=amount_minor,
    )
    return decide_request(request)


def answer_offer(
    *,
    user: User,
    lot_id: UUID,
    organisation: Organisation,
    answer: str,
    offer: int,
    request_id: UUID,
) -> BidOutcome:
    """`accept` or `decline` the other side's offer, or `withdraw` the own one, by its number.

    A number that no longer stands is refused, so nobody agrees to a price that was not read.
    """
    lot, party = _side(user, lot_id, organisation)
    if answer not in ANSWERS:
        raise InvalidInput("answer_unknown", "Accept, decline or withdraw.", field="answer")
    make = ANSWERS[answer]
    request = BidderRequest(
        user=user,
        lot_id=lot_id,
        buyer=organisation,
        bidder=_bidder(lot, party, organisation),
        request_id=request_id,
        payload={"act": answer, "lot": str(lot_id), "offer": str(offer)},
        command=lambda bidder, standing: make(party, bidder, offer, standing),
    )
    return decide_request(request)


def _side(user: User, lot_id: UUID, organisation: Organisation) -> tuple[Lot, Party]:
    """The lot, and on which side of it an institution talks."""
    lot = Lot.objects.select_related("package", "invited").filter(pk=lot_id).first()
    if lot is None:
        raise UnknownLot
    if organisation.pk == lot.package.seller_id:
        require(user, "auctions.offer_as_seller", lot)
        return lot, Party.SELLER
    require(user, "auctions.place_bid", organisation)
    return lot, Party.BUYER


def _bidder(lot: Lot, party: Party, organisation: Organisation) -> Organisation:
    if party == Party.BUYER:
        return organisation
    if lot.format != LotFormat.NEGOTIATED or lot.invited is None:
        raise Refused("wrong_format", "This lot is not negotiated; offers have no place on it.")
    return lot.invited
