"""Amounts that look like a slip of the hand: far above the last price or the buyer's own value.

A warning, not a rule of the lot: pages and API ask for the amount once more and then pass it on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from npa_market.auctions.guard.models import BidLimit, LimitState
from npa_market.auctions.models import EventKind, Lot, LotEvent, Registration
from npa_market.auctions.queries import outcome_of
from npa_market.auctions.terms import MAX_BID_MINOR
from npa_market.common.errors import Refused
from npa_market.common.money import format_minor
from npa_market.common.statements import Statement
from npa_market.parties.models import Organisation
from npa_market.valuation.models import Valuation, ValuationState


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What an amount is measured by: the last price, and the buyer's own value.

    The last price is the leading bid, the price that somebody accepted, else the start price.
    `own_minor` is the quantile that the settings name, of the newest finished run that the buyer's
    institution made of the package; None where it made none.
    """

    currency: str
    price_minor: int
    own_minor: int | None
    is_registered: bool
    price_words: str = "the last price"

    def warnings(self, amount_minor: int) -> list[str]:
        """In words, for the buyer's own people alone; empty where the amount is nothing unusual."""
        found: list[str] = []
        if amount_minor > MAX_BID_MINOR:
            return found  # No lot takes it, and the rules say so.
        percent = settings.BID_FAR_ABOVE_PRICE_PERCENT
        if amount_minor * 100 > self.price_minor * percent:
            last = format_minor(self.price_minor, self.currency, symbol=True)
            times = amount_minor * 10 // self.price_minor
            found.append(f"It is {times // 10}.{times % 10} times {self.price_words} of {last}.")
        if self.own_minor is not None and amount_minor > self.own_minor:
            own = format_minor(self.own_minor, self.currency, symbol=True)
            name = settings.BID_FAR_ABOVE_VALUE_QUANTILE.removeprefix("q")
            found.append(f"Your own valuation has {name} % of its outcomes below {own}.")
        return found


def yardstick_of(lot_id: UUID, buyer: Organisation) -> Yardstick | None:
    """The yardstick of one buyer on one lot, in one statement; None = no such lot."""
    row = _YARDSTICK.first(lot=lot_id, buyer=buyer.pk)
    return Yardstick(*row) if row else None


def _yardstick(*, lot: UUID, buyer: UUID) -> QuerySet[Lot, Any]:
    own = Valuation.objects.filter(
        organisation=buyer,
        package=OuterRef("package"),
        currency=OuterRef("currency"),
        state=ValuationState.DONE,
    ).order_by("-id")
    accepted = LotEvent.objects.filter(lot=OuterRef("pk"), kind=EventKind.PRICE_ACCEPTED)
    quantile = f"{settings.BID_FAR_ABOVE_VALUE_QUANTILE}_minor"
    return (
        Lot.objects.filter(pk=lot)
        .annotate(
            own_minor=Subquery(own.values(quantile)[:1]),
            price_minor=Coalesce(
                "leading_minor", Subquery(accepted.values("amount_minor")), "start_price_minor"
            ),
            is_registered=Exists(Registration.objects.filter(lot=OuterRef("pk"), buyer=buyer)),
        )
        .values_list("currency", "price_minor", "own_minor", "is_registered")
    )


_YARDSTICK = Statement(_yardstick)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """An amount as a request brings it, and as it was typed once more."""

    amount_minor: int
    confirmed_minor: int | None
    request_id: UUID

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> "Typed":
        """As the API was asked."""
        return cls(
            amount_minor=asked["amount_minor"],
            confirmed_minor=asked["confirm_amount_minor"],
            request_id=asked["request_id"],
        )


class Unconfirmed(Refused):
    """An unusual amount was not repeated; nothing was done."""

    def __init__(self, warnings: list[str]) -> None:
        words = f"{' '.join(warnings)} Nothing was done; repeat the amount to confirm it."
        super().__init__("confirm_outlier", words, field="confirm_amount_minor")


def require_confirmed(yardstick: Yardstick | None, buyer: Organisation, typed: Typed) -> None:
    """Raise Unconfirmed for an unusual amount that was not repeated.

    A request that was decided before passes, so that its first answer comes back (A3).
    """
    if yardstick is None or typed.confirmed_minor == typed.amount_minor:
        return
    warnings = yardstick.warnings(typed.amount_minor)
    if not warnings or outcome_of(buyer=buyer, request_id=typed.request_id) is not None:
        return
    raise Unconfirmed(warnings)


def marks_of(lot: Lot, buyer: Organisation) -> dict[str, int | None]:
    """What the page of a sealed lot holds an amount against before it seals it in the browser."""
    yardstick = yardstick_of(lot.pk, buyer)
    in_force = BidLimit.objects.filter(lot=lot, buyer=buyer, state=LimitState.IN_FORCE).first()
    return {
        "limit_minor": in_force.amount_minor if in_force else None,
        "far_minor": lot.start_price_minor * settings.BID_FAR_ABOVE_PRICE_PERCENT // 100,
        "own_minor": yardstick.own_minor if yardstick else None,
    }
