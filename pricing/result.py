"""The answer of one valuation: frozen, complete with its provenance, the same bytes every time."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any

import numpy as np

from pricing import canonical
from pricing.canonical import FloatArray, frozen
from pricing.errors import NotFinite, PricingError
from pricing.whatif import Sensitivity

ARRAYS = (
    "monthly_cash",
    "cash_quantiles",
    "cumulative_mean",
    "cumulative_quantiles",
    "gross_mean",
    "allocation",
)


@dataclass(frozen=True)
class Histogram:
    """Simulated values at the buyer's rate: bin edges (bins + 1,) and paths per bin."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class SegmentRow:
    """One line of the segment table: product x age bucket. Money in major units."""

    name: str
    product: str
    age_months: str
    loans: int
    balance: float
    expected_cash: float
    value: float


@dataclass(frozen=True)
class ExcludedRow:
    """Loans valued at 0 because of their status."""

    status: str
    loans: int
    balance: float


@dataclass(frozen=True)
class Provenance:
    """What to repeat to get the same bytes."""

    engine_version: str
    calibration_hash: str
    terms_hash: str
    loans_hash: str
    seed: int
    paths: int
    block: int
    std_error: float
    segments: int
    effective_payers: float
    quantile_engine: str
    numpy_version: str
    scipy_version: str


@dataclass(frozen=True)
class Result:
    """Value of a pool at its cut-off date; money in major units of `currency`.

    mean, sd, quantiles: of the net present value at the buyer's rate. price: its mean, the highest
    price that still earns buyer_irr on expected cash. std_error: Monte Carlo error of the price,
    an upper estimate. irr: annual rate of expected cash at the price, None where the price is not
    positive (as are irr_quantiles, multiple, payback_months). irr_quantiles: over paths, -1 = all
    lost. loss_probability: share of paths whose undiscounted net cash stays below the price.
    expected_shortfall: price less the mean value in the worst 5 %. seller_reserve: value of the
    same cash at the seller's rate. monthly_cash, cumulative_mean (T,): expected, net of cost;
    gross_mean (T,): before cost. cash_quantiles, cumulative_quantiles: (quantiles, T), each month
    by itself. allocation: (loans,), in the order of the pool.
    """

    calibration: str
    is_fitted: bool
    currency: str
    basis: str
    loans: int
    face: float
    mean: float
    sd: float
    std_error: float
    quantiles: Mapping[float, float]
    price: float
    irr: float | None
    irr_quantiles: Mapping[float, float] | None
    multiple: float | None
    payback_months: int | None
    loss_probability: float
    expected_shortfall: float
    seller_reserve: float
    monthly_cash: FloatArray
    cash_quantiles: FloatArray
    cumulative_mean: FloatArray
    cumulative_quantiles: FloatArray
    gross_mean: FloatArray
    npv_histogram: Histogram
    sensitivities: tuple[Sensitivity, ...]
    bridge: tuple[tuple[str, float], ...]
    segments: tuple[SegmentRow, ...]
    excluded: tuple[ExcludedRow, ...]
    notes: tuple[str, ...]
    allocation: FloatArray
    provenance: Provenance

    def __post_init__(self) -> None:
        for name in ARRAYS:
            if not np.isfinite(getattr(self, name)).all():
                raise NotFinite(name)
        try:
            canonical.dump(self.summary())
        except ValueError as reason:
            raise NotFinite(f"a figure of the result ({reason})") from reason

    @property
    def fitted(self) -> bool:
        """Whether the calibration behind the figures was estimated from a history."""
        return self.is_fitted

    def summary(self) -> dict[str, Any]:
        """Every figure but the allocation as plain JSON values; small whatever the pool."""
        document = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        del document["allocation"]
        return document

    def to_json(self) -> str:
        """Sorted, compact JSON; the same inputs give the same bytes."""
        return canonical.dump(self.summary() | {"allocation": self.allocation.tolist()})

    @classmethod
    def from_json(cls, text: str) -> "Result":
        """The result back from `to_json`. Raises PricingError where the text is not one."""
        try:
            document = canonical.load(text)
            for name in ARRAYS:
                document[name] = frozen(document[name])
            for name in ("quantiles", "irr_quantiles"):
                document[name] = _by_level(document[name])
            document["npv_histogram"] = Histogram(
                tuple(document["npv_histogram"]["edges"]),
                tuple(document["npv_histogram"]["counts"]),
            )
            document["sensitivities"] = tuple(
                Sensitivity(**row) for row in document["sensitivities"]
            )
            document["bridge"] = tuple((name, amount) for name, amount in document["bridge"])
            document["segments"] = tuple(SegmentRow(**row) for row in document["segments"])
            document["excluded"] = tuple(ExcludedRow(**row) for row in document["excluded"])
            document["notes"] = tuple(document["notes"])
            document["provenance"] = Provenance(**document["provenance"])
            for name, kind in _FIGURES.items():
                if not isinstance(document[name], kind) or document[name] is True:
                    raise TypeError(f"{name} is {document[name]!r}")
            return cls(**document)
        except PricingError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as reason:
            raise PricingError(f"this is not a result: {reason}") from reason


# Figures that the file must give as such; arrays and tables are read above.
_FIGURES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("calibration", "currency", "basis"), str),
    **dict.fromkeys(
        (
            "face", "mean", "sd", "std_error", "price", "loss_probability", "expected_shortfall",
            "seller_reserve",
        ),
        (int, float),
    ),
    **dict.fromkeys(("irr", "multiple"), (int, float, NoneType)),
    "payback_months": (int, NoneType),
    "loans": int,
}  # fmt: skip


def _plain(value: Any) -> Any:
    """JSON values of a field; a mapping by quantile level becomes a list of pairs."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return [[level, amount] for level, amount in value.items()]
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


def _by_level(pairs: list[list[float]] | None) -> dict[float, float] | None:
    return None if pairs is None else dict(map(_pair, pairs))


def _pair(pair: list[float]) -> tuple[float, float]:
    level, amount = pair
    return level, amount
