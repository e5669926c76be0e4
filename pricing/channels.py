"""What a collection channel costs and what it changes: inputs of every valuation."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any

import numpy as np

from pricing.canonical import FloatArray
from pricing.errors import BadTerms

BRACKET_RULE = "brackets of finite numbers, up_to above 0, rate from 0 to 1, the fee never below 0"


@dataclass(frozen=True)
class CourtFee:
    """One bracket of a court fee: up to `up_to` of balance the fee is rate * balance + constant."""

    up_to: float
    rate: float
    constant: float


@dataclass(frozen=True)
class ChannelCost:
    """Terms of one channel, money in major units.

    fee_share: share of receipts paid away, 0..1. work_cost: per open account and month.
    case_cost: per loan, once, in month 1. court_fee: brackets by balance, times court_fee_share
    (0.5 = simplified procedure). delay_months: months before the first dormant loan can pay.
    uplift: added to the log-odds of a payment; a scenario, not an estimate.
    """

    name: str
    fee_share: float
    work_cost: float = 0.0
    case_cost: float = 0.0
    court_fee: tuple[CourtFee, ...] = ()
    court_fee_share: float = 1.0
    delay_months: int = 0
    uplift: float = 0.0

    def __post_init__(self) -> None:
        for field in ("fee_share", "work_cost", "case_cost", "court_fee_share", "uplift"):
            value = getattr(self, field)
            if not is_finite(value):
                raise BadTerms(f"costs[{self.name}].{field}", value, "a finite number")
        self._require("fee_share", 0 <= self.fee_share <= 1, "a share from 0 to 1")
        self._require("court_fee_share", 0 <= self.court_fee_share <= 1, "a share from 0 to 1")
        self._require("work_cost", self.work_cost >= 0, "not below 0")
        self._require("case_cost", self.case_cost >= 0, "not below 0")
        self._require("uplift", abs(self.uplift) <= 3, "log-odds from -3 to 3")
        self._require("delay_months", 0 <= self.delay_months <= 120, "0 to 120 months")
        self._require("name", bool(self.name), "a name")
        self._require("court_fee", _is_tariff(self.court_fee), BRACKET_RULE)

    def _require(self, field: str, holds: bool, rule: str) -> None:
        if not holds:
            raise BadTerms(f"costs[{self.name}].{field}", getattr(self, field), rule)

    def cost_of_cases(self, balance: FloatArray) -> FloatArray:
        """One-off cost per loan, (loans,), major units: case cost plus court fee by balance."""
        fee = np.zeros_like(balance)
        if self.court_fee:
            brackets = sorted(self.court_fee, key=lambda bracket: bracket.up_to)
            place = np.searchsorted([bracket.up_to for bracket in brackets], balance)
            place = np.minimum(place, len(brackets) - 1)
            rate = np.array([bracket.rate for bracket in brackets])[place]
            fee = rate * balance + np.array([bracket.constant for bracket in brackets])[place]
        return self.case_cost + self.court_fee_share * fee

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"court_fee": [asdict(bracket) for bracket in self.court_fee]}


def is_finite(value: object) -> bool:
    """Whether a value from JSON is a number that a float can hold; booleans are none."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return is_number and bool(abs(value) <= sys.float_info.max)  # type: ignore[arg-type]


def _is_tariff(brackets: tuple[CourtFee, ...]) -> bool:
    """Whether the fee is defined and not below 0 for every balance."""
    if not all(is_finite(value) for bracket in brackets for value in asdict(bracket).values()):
        return False
    floor = 0.0
    for bracket in sorted(brackets, key=lambda bracket: bracket.up_to):
        least = bracket.rate * floor + bracket.constant
        if bracket.up_to <= 0 or not 0 <= bracket.rate <= 1 or round(least, 6) < 0:
            return False
        floor = bracket.up_to
    return True


def channel_from(document: Mapping[str, Any]) -> ChannelCost:
    """A channel from its JSON object; an unknown or missing field is a BadTerms."""
    if not isinstance(document, Mapping):
        raise BadTerms("costs", document, "an object per channel")
    try:
        brackets = tuple(CourtFee(**bracket) for bracket in document.get("court_fee", ()))
        return ChannelCost(**{**document, "court_fee": brackets})
    except TypeError as reason:
        raise BadTerms("costs", document.get("name"), f"fields do not fit: {reason}") from reason
