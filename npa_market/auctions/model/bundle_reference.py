"""A second statement of how an event of several lots is decided: try every way to sell it.

It shares nothing with `bundle`: each way to give each lot to one of its bidders or to nobody is
written down, each bid for the whole is one more way, and the ways are ranked by what they bring.
"""

from fractions import Fraction
from itertools import product
from typing import Any

from npa_market.auctions.model.reference import MOST, Reference, Said

# receipt, amount for the lot, amount for the whole, why its bidder cannot buy the whole
Found = tuple[int, int | None, int | None, str]


class EventReference:
    """The lots of one event, first lot first."""

    def __init__(self, name: str, lots: list[Reference]) -> None:
        self.name, self.lots = name, lots

    def open(self, at: int, found: dict[int, tuple[Found, ...]]) -> dict[int, list[Said]]:
        """What is said of each lot (by place) when all of them are opened; nothing but all."""
        before = {place: len(lot.log) for place, lot in enumerate(self.lots, 1)}
        late = {lot: max(at, lot.latest or at) for lot in self.lots}
        for lot in self.lots:
            lot.pass_time(late[lot])
        live = {place: lot for place, lot in enumerate(self.lots, 1) if lot.phase() != "over"}
        if live and all(self._is_ready(lot, found.get(place)) for place, lot in live.items()):
            self._open(live, {lot: late[lot] for lot in live.values()}, found)
        news = {place: lot.log[before[place] :] for place, lot in enumerate(self.lots, 1)}
        for place, lot in enumerate(self.lots, 1):
            lot.latest = late[lot] if news[place] else lot.latest
        return news

    def _is_ready(self, lot: Reference, found: tuple[Found, ...] | None) -> bool:
        numbers = sorted(each[0] for each in found or ())
        return lot.phase() == "opening" and numbers == [said[1] for said in lot.in_force()]

    def _open(
        self, live: dict[int, Reference], at: dict[Reference, int], found: dict[int, Any]
    ) -> None:
        is_whole = len(live) == len(self.lots)
        offers = {
            place: self._told(lot, at[lot], found[place], is_whole) for place, lot in live.items()
        }
        ways = [self._separate_way(live, picks) for picks in product(*self._picks(live, offers))]
        least = sum(
            lot.terms["reserve_minor"] or lot.terms["start_price_minor"] for lot in live.values()
        )
        for number, bidder, amount in offers.get(1, ((), ()))[1]:
            if amount >= least:
                ways.append((-amount, 1, (number,), bidder))
        brought, kind, picks, bidder = min(ways, key=lambda way: way[:3])
        if kind == 1:
            self._sell_whole(live, at, bidder, -brought)
            return
        for pick, (place, lot) in zip(picks, live.items(), strict=True):
            chosen = [each for each in offers[place][0] if each[0] == pick]
            if chosen:
                lot.put("Sold", at[lot], chosen[0][1], chosen[0][2])
            else:
                lot.put("Unsold", at[lot], "reserve_not_met" if offers[place][0] else "no_bids")

    def _told(self, lot: Reference, at: int, found: Any, is_whole: bool) -> tuple[Any, Any]:
        """Say what was in the envelopes; valid (receipt, bidder, amount) for the lot, the whole."""
        own, whole = [], []
        for said in lot.in_force():
            ((_, amount, all_of_it, fault),) = [each for each in found if each[0] == said[1]]
            number, bidder = said[1], said[3]
            if amount is not None or all_of_it is None:
                wrong = (
                    "undecryptable"
                    if amount is None
                    else self._wrong(amount, lot.terms["start_price_minor"])
                )
                if wrong:
                    lot.put("EnvelopeVoid", at, bidder, number, wrong)
                else:
                    lot.put("EnvelopeOpened", at, bidder, number, amount)
                    own.append((number, bidder, amount))
            if all_of_it is not None:
                fault = fault if is_whole else "package_ended"
                wrong = fault or self._wrong(
                    all_of_it, sum(each.terms["start_price_minor"] for each in self.lots)
                )
                if wrong:
                    lot.put("WholeVoid", at, bidder, number, wrong)
                else:
                    lot.put("WholeOpened", at, bidder, number, all_of_it)
                    whole.append((number, bidder, all_of_it))
        return own, whole

    @staticmethod
    def _wrong(amount: int, least: int) -> str:
        return "below_start" if amount < least else "amount_too_large" if amount > MOST else ""

    @staticmethod
    def _picks(live: dict[int, Reference], offers: dict[int, Any]) -> list[list[Any]]:
        """For each lot: nobody, or one of the bids that meet its reserve."""
        return [
            [
                (10**9, 0),
                *(
                    (each[0], each[2])
                    for each in offers[place][0]
                    if each[2] >= (lot.terms["reserve_minor"] or 0)
                ),
            ]
            for place, lot in live.items()
        ]

    @staticmethod
    def _separate_way(live: dict[int, Reference], picks: Any) -> tuple[int, int, Any, str]:
        return -sum(amount for _, amount in picks), 0, tuple(number for number, _ in picks), ""

    def _sell_whole(
        self, live: dict[int, Reference], at: dict[Reference, int], bidder: str, amount: int
    ) -> None:
        """Cent by cent, the odd ones to whom most is missing, of equals to the first."""
        total = sum(lot.terms["start_price_minor"] for lot in live.values())
        exact = {
            place: Fraction(amount * lot.terms["start_price_minor"], total)
            for place, lot in live.items()
        }
        given = {place: int(part) for place, part in exact.items()}
        while sum(given.values()) < amount:
            neediest = max(given, key=lambda place: (exact[place] - given[place], -place))
            given[neediest] += 1
        for place, lot in live.items():
            lot.put("SoldInWhole", at[lot], bidder, given[place], amount, self.name)
