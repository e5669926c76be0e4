"""The hammer price split over the loans, to the cent (L6); pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from npa_market.common.money import allocate


class Basis(StrEnum):
    """What the shares follow."""

    VALUATION = "valuation"
    CLAIM = "claim"


@dataclass(frozen=True, slots=True)
class LoanShare:
    """A loan as the allocation needs it."""

    token: str
    claim_minor: int


def allocate_price(
    hammer_minor: int, loans: Sequence[LoanShare], values: Mapping[str, float] | None
) -> tuple[Basis, list[int]]:
    """Prices in the order of `loans`, each >= 0, summing to the hammer price.

    By the valuation's loan values where there is one value per loan and one above zero (a value
    at or below zero gives a price of 0), else by the claims. Ties go to the smaller token.
    """
    tokens = [loan.token for loan in loans]
    if values is not None and all(isfinite(values.get(token, float("nan"))) for token in tokens):
        weights = [max(values[token], 0.0) for token in tokens]
        if any(weights):
            return Basis.VALUATION, allocate(hammer_minor, weights, tokens)
    return Basis.CLAIM, allocate(hammer_minor, [loan.claim_minor for loan in loans], tokens)
