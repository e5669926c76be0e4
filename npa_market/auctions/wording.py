"""Refusals in words: what is wrong and what to do about it, never a reserve or a name."""

from npa_market.auctions.core import Auction, Refusal
from npa_market.auctions.terms import MAX_BID_MINOR
from npa_market.common.money import format_minor

_WORDS = {
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
# Shown beside the amount; the others stand above the form.
ABOUT_THE_AMOUNT = frozenset({Refusal.BELOW_START, Refusal.BELOW_STEP, Refusal.AMOUNT_TOO_LARGE})


def refusal_message(refusal: Refusal, auction: Auction, currency: str) -> str:
    """One sentence for the bidder, amounts in the lot's currency."""
    return _WORDS[refusal].format(
        floor=format_minor(auction.floor_minor, currency, symbol=True),
        most=format_minor(MAX_BID_MINOR, currency, symbol=True),
    )
