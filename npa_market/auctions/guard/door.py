"""Whether a buyer's own limit lets a request pass: before the rules of the lot, never part of them.

A limit is the buyer's affair. A request that it stops was never submitted: it has no outcome, shows
in no protocol, and its number may be used again. The log notes the fact alone, on the lot and
without a name: an entry on the limit would lead to the person who proposed it.
"""

from dataclasses import dataclass
from uuid import UUID

from npa_market.auctions.core import (
    AcceptOffer,
    AcceptPrice,
    Auction,
    BidderCommand,
    MakeOffer,
    Party,
    PlaceBid,
    SubmitEnvelope,
)
from npa_market.auctions.negotiated import Negotiated
from npa_market.common.errors import Refused

ABOVE_LIMIT, LIMIT_NEEDED = "above_limit", "limit_needed"
_WORDS = {
    ABOVE_LIMIT: (
        "The bid is above the limit that your institution approved for this lot. It was not "
        "submitted; a higher limit needs a second signatory."
    ),
    LIMIT_NEEDED: (
        "Your institution bids on this lot only under an approved limit, and none is in force. "
        "Propose one; a second signatory approves it."
    ),
}


@dataclass(frozen=True, slots=True)
class Guard:
    """How a buyer limits itself on one lot, as read with its standing under the lot's lock.

    `limit_minor`: 0 after a withdrawal, None where no limit was ever approved.
    """

    limit_id: UUID | None = None
    limit_minor: int | None = None
    is_required: bool = False

    def stops(self, command: BidderCommand, state: Auction) -> str:
        """The name of the refusal, or ""."""
        binds_minor = binding_minor(command, state)
        if binds_minor is None and not isinstance(command, SubmitEnvelope):
            return ""
        return self.judged(binds_minor)

    def judged(self, amount_minor: int | None) -> str:
        """The name of the refusal of an amount (None = sealed, seen by nobody here), or ""."""
        if self.limit_minor is None:
            return LIMIT_NEEDED if self.is_required else ""
        if self.limit_minor == 0:
            return LIMIT_NEEDED
        # What an envelope holds is looked at by its page, before it is sealed.
        is_above = amount_minor is not None and amount_minor > self.limit_minor
        return ABOVE_LIMIT if is_above else ""


def binding_minor(command: BidderCommand, state: Auction) -> int | None:
    """The amount that a request would bind its buyer to; None where it binds to none that shows."""
    match command:
        case PlaceBid() | AcceptPrice() | MakeOffer(party=Party.BUYER):
            return command.amount_minor
        case AcceptOffer(party=Party.BUYER) if isinstance(state, Negotiated):
            return state.offered_minor
    return None


def refusal_of(code: str) -> Refused:
    """The refusal in words; never with the limit's amount."""
    return Refused(code, _WORDS[code], field="amount")
