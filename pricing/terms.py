"""What the buyer asks for: horizon, rates, paths, seed, channel costs. Frozen and hashed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pricing import canonical
from pricing.channels import ChannelCost, channel_from
from pricing.errors import BadTerms

BLOCK = 256  # paths per random stream: part of a result's identity, never of the machine
MOST_PATHS = 2**20
MOST_MONTHS = 240
MOST_SEED = 2**53 - 1  # the largest whole number every JSON reader keeps


@dataclass(frozen=True)
class Terms:
    """Terms of one valuation.

    buyer_irr, seller_rate: effective annual rates, 0.20 = 20 %. paths: a power of two from 256.
    costs: channels that replace the calibration's channels of the same name.
    """

    horizon_months: int = 60
    buyer_irr: float = 0.20
    seller_rate: float = 0.10
    paths: int = 4096
    seed: int = 1
    quantiles: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
    costs: tuple[ChannelCost, ...] = ()

    def __post_init__(self) -> None:
        for field in ("horizon_months", "paths", "seed"):
            value = getattr(self, field)
            self._require(field, isinstance(value, int) and not isinstance(value, bool), "whole")
        self._require(
            "horizon_months", 1 <= self.horizon_months <= MOST_MONTHS, f"1 to {MOST_MONTHS}"
        )
        for field in ("buyer_irr", "seller_rate"):
            rate = getattr(self, field)
            self._require(field, math.isfinite(rate) and -1 < rate <= 10, "above -1, up to 10")
        is_power = self.paths > 0 and self.paths & (self.paths - 1) == 0
        self._require(
            "paths", is_power and BLOCK <= self.paths <= MOST_PATHS, "a power of two from 256"
        )
        self._require("seed", 0 <= self.seed <= MOST_SEED, "0 to 2**53 - 1")
        inside = all(0 < quantile < 1 for quantile in self.quantiles)
        rising = list(self.quantiles) == sorted(set(self.quantiles))
        self._require("quantiles", inside and rising and bool(self.quantiles), "rising in (0, 1)")
        names = [channel.name for channel in self.costs]
        self._require("costs", len(set(names)) == len(names), "each channel once")

    def _require(self, field: str, holds: bool, rule: str) -> None:
        if not holds:
            raise BadTerms(field, getattr(self, field), rule)

    @property
    def blocks(self) -> int:
        """Number of random streams."""
        return self.paths // BLOCK

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "horizon_months": self.horizon_months,
            "buyer_irr": float(self.buyer_irr),
            "seller_rate": float(self.seller_rate),
            "paths": self.paths,
            "seed": self.seed,
            "quantiles": [float(quantile) for quantile in self.quantiles],
            "costs": [channel.as_document() for channel in self.costs],
        }

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON."""
        return canonical.content_hash(self.as_document())

    def to_json(self) -> str:
        """Canonical JSON; `Terms.from_json` gives equal terms back."""
        return canonical.dump(self.as_document())

    @classmethod
    def from_json(cls, text: str) -> "Terms":
        """Terms from JSON; fields left out take their defaults. Raises BadTerms."""
        try:
            document = canonical.load(text)
        except ValueError as reason:
            raise BadTerms("terms", text[:40], f"not JSON: {reason}") from reason
        if not isinstance(document, dict):
            raise BadTerms("terms", type(document).__name__, "a JSON object")
        return terms_from(document)


def terms_from(document: Mapping[str, Any]) -> Terms:
    """Terms from plain JSON values; an unknown field is refused by name."""
    fields = dict(document)
    unknown = set(fields) - set(Terms.__dataclass_fields__)
    if unknown:
        raise BadTerms(min(unknown), None, "not a field of the terms")
    for name in ("quantiles", "costs"):
        if not isinstance(fields.get(name, []), list | tuple):
            raise BadTerms(name, fields[name], "a list")
    try:
        fields["quantiles"] = tuple(fields.get("quantiles", Terms.quantiles))
        fields["costs"] = tuple(channel_from(channel) for channel in fields.get("costs", ()))
        return Terms(**fields)
    except TypeError as reason:
        raise BadTerms("terms", None, f"a field has the wrong type: {reason}") from reason
