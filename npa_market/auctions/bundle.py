"""Several sealed lots in one event: the best bid for the whole against the separate bids.

Pure: states and what was found in the envelopes go in, the decision and one command per lot come
out. Each lot's events then follow from its own rules (`sealed`), so that a replay decides the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from npa_market.auctions.commands import Award, Opening, OpenTogether
from npa_market.auctions.events import WholeFault
from npa_market.auctions.sealed import Sealed, best_bid, in_order, whole_void_reason
from npa_market.common.money import allocate

MIN_LOTS, MAX_LOTS = 2, 12


class Outcome(StrEnum):
    """How the lots of an event were sold, and where not as a whole, why."""

    WHOLE = "whole"
    NO_WHOLE_BID = "no_whole_bid"
    WHOLE_BELOW_RESERVE = "whole_below_reserve"
    WHOLE_NOT_ABOVE = "whole_not_above"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A lot of the event that awaits its opening, and what was found in its envelopes.

    `place` is its place in the event from 1 on; bids for the whole travel in lot 1.
    """

    place: int
    state: Sealed
    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True)
class Bid:
    """A bidder (the key of the institution) and an amount in minor units."""

    bidder: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the comparison came to.

    `separate`: by place, the price at which the best bid would win the lot alone, None where there
    is no bid or the reserve is not met. `shares`: by place, each lot's part of the winning bid for
    the whole, empty unless it won.
    """

    outcome: Outcome
    separate: dict[int, Bid | None]
    whole: Bid | None
    shares: dict[int, int]

    @property
    def separate_minor(self) -> int:
        """The sum of the separate winning prices."""
        return sum(bid.amount_minor for bid in self.separate.values() if bid is not None)


def decided(packages: Sequence[Package], *, lots: int) -> Decision | None:
    """Compare the best valid bid for the whole with the separate winners.

    `lots` is how many the event was announced with: where one ended early, no bid for the whole
    counts. The whole wins if it is strictly above the sum of the separate winning prices and not
    below the sum of the reserves (of a lot without reserve its start price). None unless what was
    found is all that is in force (S2).
    """
    found = {each.place: in_order(each.state, each.openings) for each in packages}
    if any(openings is None for openings in found.values()):
        return None
    separate = {each.place: _separate(each) for each in packages}
    whole = _best_whole(packages) if len(packages) == lots else None
    decision = Decision(outcome=Outcome.NO_WHOLE_BID, separate=separate, whole=whole, shares={})
    if whole is None:
        return decision
    if whole.amount_minor < sum(_least_minor(each.state) for each in packages):
        return replace(decision, outcome=Outcome.WHOLE_BELOW_RESERVE)
    if whole.amount_minor <= decision.separate_minor:
        return replace(decision, outcome=Outcome.WHOLE_NOT_ABOVE)
    return replace(decision, outcome=Outcome.WHOLE, shares=shares_of(whole.amount_minor, packages))


def commands(
    event: str, packages: Sequence[Package], *, lots: int
) -> dict[int, OpenTogether] | None:
    """By place, what opens each lot of an event in the sense of the decision; None as `decided`."""
    packages = [each if len(packages) == lots else _without_whole(each) for each in packages]
    decision = decided(packages, lots=lots)
    if decision is None:
        return None
    made = {}
    for each in packages:
        award = None
        if decision.whole is not None and decision.shares:
            whole, share_minor = decision.whole, decision.shares[each.place]
            award = Award(event, whole.bidder, share_minor, whole.amount_minor)
        made[each.place] = OpenTogether(each.openings, award)
    return made


def shares_of(whole_minor: int, packages: Sequence[Package]) -> dict[int, int]:
    """A bid for the whole split in proportion to the start prices, to the cent.

    Largest remainder, of equal ones the earlier place. At least the sum of the start prices is
    split, so no share is below its lot's start price.
    """
    weights = [each.state.terms.start_price_minor for each in packages]
    parts = allocate(whole_minor, weights, [f"{each.place:02}" for each in packages])
    return {each.place: part for each, part in zip(packages, parts, strict=True)}


def _without_whole(package: Package) -> Package:
    """The same where a lot of the event ended early: bids for the whole are void, and say why."""
    openings = tuple(
        each if each.whole_minor is None else replace(each, whole_fault=WholeFault.PACKAGE_ENDED)
        for each in package.openings
    )
    return replace(package, openings=openings)


def _separate(package: Package) -> Bid | None:
    best = best_bid(package.state, in_order(package.state, package.openings) or [])
    if best is None or best[1] < (package.state.terms.reserve_minor or 0):
        return None
    return Bid(*best)


def _best_whole(packages: Sequence[Package]) -> Bid | None:
    """The highest valid bid for the whole, of equals the earlier receipt (A9)."""
    best: Bid | None = None
    for lead in packages:
        if lead.state.terms.whole_start_minor is None:
            continue
        openings = in_order(lead.state, lead.openings) or []
        for envelope, found in zip(lead.state.envelopes, openings, strict=True):
            amount_minor = found.whole_minor
            if amount_minor is None or whole_void_reason(lead.state, found):
                continue
            if best is None or amount_minor > best.amount_minor:
                best = Bid(envelope.bidder, amount_minor)
    return best


def _least_minor(state: Sealed) -> int:
    return state.terms.reserve_minor or state.terms.start_price_minor
