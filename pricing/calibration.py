"""The fitted or reference parameters of the model: frozen, hashed, with their sources."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib import resources
from itertools import pairwise
from typing import Any

from pricing import canonical
from pricing.calendar import Calendar, MacroStart, calendar_from
from pricing.channels import ChannelCost, channel_from
from pricing.errors import BadCalibration
from pricing.loans import BASES, LITIGATION

DEFAULT_PRODUCT = "default"
REFERENCES = ("cn-consumer-reference", "us-consumer-reference")
NEVER, MORE = "never", "more"  # bands of months since the last payment, beside upper ends
LEVELS = {
    "prior_placements": ("0", "1", "2", "3+"),
    "litigation_status": LITIGATION,
    "reachable": ("true", "false"),
}
EFFECTS = (*LEVELS, "months_since_payment", "region")


@dataclass(frozen=True)
class ProductCurve:
    """Payment behaviour of one product.

    log_odds: monthly log-odds that a dormant loan pays, at the calibration's knots (months since
    charge-off). settle, keep: a payer's monthly chance to close with a lump sum, to pay again.
    instalment, lump: mean as a share of the balance, and Gamma shape. parameter_sd: standard
    error of the log-odds (parameter risk).
    """

    name: str
    log_odds: tuple[float, ...]
    settle: float
    keep: float
    instalment_mean: float
    instalment_shape: float
    lump_mean: float
    lump_shape: float
    parameter_sd: float = 0.0


@dataclass(frozen=True)
class FactorRisk:
    """Standard deviations of the systematic factors, on the log-odds unless said otherwise.

    pool: level of the whole purchase. group: product by vintage. macro: stationary, AR(1) with
    monthly correlation phi. amount: log of the ticket size. start: what is known of the macro
    factor at the cut-off date; None = nothing, it starts from its stationary law.
    """

    pool: float
    group: float
    macro: float
    phi: float
    amount: float
    start: MacroStart | None = None

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values; a start that is not known is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Calibration:
    """Everything the engines know about payment behaviour.

    effects: additive log-odds by loan attribute; months_since_payment and payer_share use bands
    named by their upper end in months ("1", "3", ..., "more") and "never"; prior_placements uses
    "0".."2" and "3+". balance_slope: log-odds per unit of ln(balance / balance_reference).
    basis_scale: tickets per unit of balance on each known basis, relative to `basis`. calendar:
    what the history showed of it, None = unknown; `fit.calendar.as_of` turns it into a start.
    """

    name: str
    market: str
    currency: str
    basis: str
    is_fitted: bool
    knots: tuple[float, ...]
    products: tuple[ProductCurve, ...]
    effects: Mapping[str, Mapping[str, float]]
    payer_share: Mapping[str, float]
    balance_slope: float
    balance_reference: float
    factors: FactorRisk
    channels: tuple[ChannelCost, ...]
    default_channel: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    basis_scale: Mapping[str, float] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    calendar: Calendar | None = None

    def __post_init__(self) -> None:
        _check_labels(self)
        names = [product.name for product in self.products]
        rising = all(low < high for low, high in pairwise(self.knots))
        _require("knots", self.knots, len(self.knots) >= 2 and rising, "at least 2, rising")
        _require("knots", self.knots, self.knots[0] == 0, "the first knot is month 0")
        _require("products", names, DEFAULT_PRODUCT in names, "one product named 'default'")
        _require("products", names, len(set(names)) == len(names), "each product once")
        for product in self.products:
            _check_product(product, len(self.knots))
        _check_factors(self.factors)
        _check_effects(self.effects)
        _check_bands("payer_share", self.payer_share)
        for band, share in self.payer_share.items():
            _require(f"payer_share.{band}", share, 0 <= share <= 1, "a share from 0 to 1")
        _require("balance_slope", self.balance_slope, abs(self.balance_slope) <= 2, "-2 to 2")
        reference = self.balance_reference
        _require("balance_reference", reference, 0 < reference < math.inf, "above 0")
        _require("basis", self.basis, self.basis in BASES, f"one of {BASES}")
        for basis, scale in self.basis_scale.items():
            _require("basis_scale", basis, basis in BASES, f"of {BASES}")
            _require(f"basis_scale.{basis}", scale, 0 < scale <= 10, "above 0, up to 10")
        channels = [channel.name for channel in self.channels]
        _require("channels", channels, len(set(channels)) == len(channels), "each channel once")
        _require("default_channel", self.default_channel, self.default_channel in channels, "known")

    @property
    def fitted(self) -> bool:
        """Whether the parameters were estimated from a payment history."""
        return self.is_fitted

    @property
    def label(self) -> str:
        """Words to print wherever a figure of this calibration is shown."""
        return self.name if self.is_fitted else f"{self.name} (reference, not fitted)"

    @property
    def scales(self) -> dict[str, float]:
        """Tickets per unit of balance on each basis the calibration speaks of."""
        return {self.basis: 1.0, **self.basis_scale}

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        document |= {
            "knots": [float(knot) for knot in self.knots],
            "products": [_plain(product) for product in self.products],
            "effects": {name: dict(levels) for name, levels in self.effects.items()},
            "factors": self.factors.as_document(),
            "channels": [channel.as_document() for channel in self.channels],
            "sources": list(self.sources),
        }
        for name in ("payer_share", "aliases", "basis_scale", "diagnostics"):
            document[name] = dict(document[name])
        if self.calendar is None:
            return {name: value for name, value in document.items() if name != "calendar"}
        return document | {"calendar": self.calendar.as_document()}

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON."""
        return canonical.content_hash(self.as_document())

    def to_json(self) -> str:
        """Canonical JSON; `Calibration.from_json` gives an equal calibration back."""
        return canonical.dump(self.as_document())

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """A calibration from its JSON. Raises BadCalibration."""
        try:
            document = canonical.load(text)
            return cls(**_typed(document))
        except json.JSONDecodeError as reason:
            raise BadCalibration("document", text[:40], f"not JSON: {reason}") from reason
        except BadCalibration:
            raise
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as reason:
            raise BadCalibration("document", None, f"fields do not fit: {reason}") from reason


def reference_calibration(name: str) -> Calibration:
    """One of REFERENCES, shipped with the product and labelled "reference, not fitted"."""
    if name not in REFERENCES:
        raise BadCalibration("name", name, f"one of {', '.join(REFERENCES)}")
    path = resources.files("pricing") / "reference" / f"{name}.json"
    return Calibration.from_json(path.read_text(encoding="utf-8"))


def _typed(document: Mapping[str, Any]) -> dict[str, Any]:
    typed = dict(document)
    typed["knots"] = tuple(document["knots"])
    typed["products"] = tuple(
        ProductCurve(**{**product, "log_odds": tuple(product["log_odds"])})
        for product in document["products"]
    )
    typed["factors"] = _risk_from(document["factors"])
    typed["channels"] = tuple(channel_from(channel) for channel in document["channels"])
    typed["sources"] = tuple(document.get("sources", ()))
    if "calendar" in document:
        typed["calendar"] = calendar_from(document["calendar"])
    return typed


def _risk_from(document: Mapping[str, Any]) -> FactorRisk:
    if "start" not in document:
        return FactorRisk(**document)
    return FactorRisk(**{**document, "start": MacroStart(**document["start"])})


def _plain(product: ProductCurve) -> dict[str, Any]:
    return asdict(product) | {"log_odds": [float(value) for value in product.log_odds]}


def _require(name: str, value: object, holds: bool, rule: str) -> None:
    if not holds:
        raise BadCalibration(name, value, rule)


def _check_labels(calibration: Calibration) -> None:
    """What decides on words beside a figure has the type it is written with."""
    name, aliases = calibration.name, calibration.aliases
    _require("name", name, isinstance(name, str) and bool(name), "a name")
    is_fitted = calibration.is_fitted
    _require("is_fitted", is_fitted, isinstance(is_fitted, bool), "true or false")
    is_mapping = isinstance(aliases, Mapping) and all(
        isinstance(text, str) for pair in aliases.items() for text in pair
    )
    _require("aliases", None, is_mapping, "an object from text to text")
    diagnostics = calibration.diagnostics
    _require("diagnostics", None, isinstance(diagnostics, Mapping), "an object")
    try:
        canonical.dump(dict(diagnostics))
    except (TypeError, ValueError) as reason:
        raise BadCalibration("diagnostics", None, f"JSON values: {reason}") from reason


def _check_product(product: ProductCurve, knots: int) -> None:
    where = f"products.{product.name}"
    odds = product.log_odds
    _require(f"{where}.log_odds", odds, len(odds) == knots, "one value per knot")
    _require(f"{where}.log_odds", odds, all(abs(value) <= 50 for value in odds), "from -50 to 50")
    for name in ("settle", "keep"):
        share = getattr(product, name)
        _require(f"{where}.{name}", share, 0 <= share <= 1, "a share from 0 to 1")
    _require(f"{where}.settle", product.settle, product.settle < 1, "below 1")
    total = product.settle + product.keep
    _require(f"{where}.keep", total, total < 1, "settle + keep below 1")
    for name in ("instalment_mean", "lump_mean"):
        mean = getattr(product, name)
        _require(f"{where}.{name}", mean, 0 < mean <= 1, "a share of the balance, 0 to 1")
    for name in ("instalment_shape", "lump_shape"):
        shape = getattr(product, name)
        _require(f"{where}.{name}", shape, 0 < shape < math.inf, "above 0")
    _require(f"{where}.parameter_sd", product.parameter_sd, 0 <= product.parameter_sd <= 3, "0-3")


def _check_effects(effects: Mapping[str, Mapping[str, float]]) -> None:
    _require("effects", sorted(effects), set(effects) <= set(EFFECTS), f"of {EFFECTS}")
    _check_bands("effects.months_since_payment", effects.get("months_since_payment", {}))
    for name, levels in effects.items():
        known = LEVELS.get(name)
        for level, value in levels.items():
            _require(f"effects.{name}", level, known is None or level in known, f"of {known}")
            _require(f"effects.{name}.{level}", value, abs(value) <= 10, "from -10 to 10")


def _check_bands(name: str, levels: Mapping[str, float]) -> None:
    for band in levels:
        is_end = band.replace(".", "", 1).isdecimal()
        _require(name, band, is_end or band in (NEVER, MORE), "an upper end in months, more, never")


def _check_factors(factors: FactorRisk) -> None:
    for name in ("pool", "group", "macro", "amount"):
        sd = getattr(factors, name)
        _require(f"factors.{name}", sd, 0 <= sd <= 3, "a standard deviation from 0 to 3")
    _require("factors.phi", factors.phi, 0 <= factors.phi < 1, "from 0, below 1")
