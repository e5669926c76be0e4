"""Refusals in words: what is wrong and what to do about it, never a reserve or a name."""

from npa_market.auctions.core import Auction, Refusal, VoidReason
from npa_market.auctions.terms import MAX_BID_MINOR
from npa_market.common.money import format_minor

_WORDS = {
    Refusal.WRONG_FORMAT: "This lot is sold in another format; open its page for the right form.",
    Refusal.LOT_SUSPENDED: "Bidding is suspended; the page says when it goes on.",
    Refusal.BELOW_OWN_MAXIMUM: "You lead with a maximum that is at least as high.",
    Refusal.WITHDRAWAL_NOT_ALLOWED: "The terms of this lot do not allow a withdrawal.",
    Refusal.NO_ENVELOPE: "Your institution has no envelope in force on this lot.",
    Refusal.NOT_FALLING: "Somebody has accepted the price; bid above it in the sealed round.",
    Refusal.STILL_FALLING: "The price is still falling; accept it, or wait for the next step.",
    Refusal.ACCEPTOR_WAITS: "You accepted the price; your best bid comes after the sealed round.",
    Refusal.ACCEPTOR_ONLY: "The sealed round is over; only who accepted the price may answer.",
    Refusal.BELOW_PRICE: "The price has not fallen to this amount yet.",
    Refusal.NOT_ABOVE_PRICE: "The bid must exceed the price. Lowest possible: {floor}.",
    Refusal.NOT_INVITED: "Another institution is invited to this negotiation.",
    Refusal.NO_OFFER: "No offer stands at present.",
    Refusal.OFFER_CHANGED: "Another offer stands by now; read it before you answer.",
    Refusal.OFFER_EXPIRED: "The offer has expired.",
    Refusal.OWN_OFFER: "The offer is your own side's; the other side answers it.",
    Refusal.NOT_OWN_OFFER: "The offer is the other side's; decline it or make your own.",
    Refusal.NOT_POSITIVE: "The amount must be above zero.",
    Refusal.CLOSED: "Bidding on this lot has ended.",
    Refusal.NOT_OPEN: "Bidding on this lot has not opened yet.",
    Refusal.LATE: "The bid reached the venue after the end of bidding.",
    Refusal.NOT_QUALIFIED: "Your institution is not qualified to buy; renew its papers first.",
    Refusal.NOT_ADMITTED: (
        "Your institution is not admitted to this lot; it needs an admitted registration and a "
        "signed NDA in force."
    ),
    Refusal.NO_DEPOSIT: "The venue holds no deposit of your institution for this lot.",
    Refusal.RELATED_TO_SELLER: "Your institution is related to the seller and may not bid.",
    Refusal.SUSPENDED: "Your institution is suspended from bidding; ask the operator.",
    Refusal.BELOW_START: "The bid is below the start price. Lowest possible: {floor}.",
    Refusal.BELOW_STEP: (
        "The bid is not a full step above the leading bid. Lowest possible: {floor}."
    ),
    Refusal.AMOUNT_TOO_LARGE: "The amount is larger than any lot takes: at most {most}.",
}
# Why an envelope counts for nothing (S8).
VOID_WORDS = {
    VoidReason.UNDECRYPTABLE: "does not open with the key of this lot",
    VoidReason.BELOW_START: "below the start price",
    VoidReason.AMOUNT_TOO_LARGE: "larger than any lot takes",
}
# Shown beside the amount; the others stand above the form.
ABOUT_THE_AMOUNT = frozenset(
    {
        Refusal.BELOW_START,
        Refusal.BELOW_STEP,
        Refusal.BELOW_OWN_MAXIMUM,
        Refusal.BELOW_PRICE,
        Refusal.NOT_ABOVE_PRICE,
        Refusal.NOT_POSITIVE,
        Refusal.AMOUNT_TOO_LARGE,
    }
)


def refusal_message(refusal: Refusal, auction: Auction, currency: str) -> str:
    """One sentence for the bidder, amounts in the lot's currency."""
    return _WORDS[refusal].format(
        floor=format_minor(auction.floor_minor, currency, symbol=True),
        most=format_minor(MAX_BID_MINOR, currency, symbol=True),
    )
