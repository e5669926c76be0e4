"""The one door to `pricing`: sealed rows in major units on the way in, minor units on the way out.

Floats for money exist on the other side of this module alone.
"""

import io
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import rfc8785

from npa_market.common.errors import InvalidInput
from npa_market.common.money import MAX_MINOR, minor_digits

if TYPE_CHECKING:  # numpy, scipy and pandas take a second: loaded by the functions that need them
    import pandas as pd

    from pricing import Calibration, ChannelCost, Loans, Result, Terms

SCHEMA = "npa-valuation/1"
BASIS = "claim"
REFERENCE_OF = {"CNY": "cn-consumer-reference", "USD": "us-consumer-reference"}
QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
MOST_PATHS = 16_384  # more changes no shown digit and would hold a worker for minutes
OLD_MONTHS = 60  # age assumed where nothing tells it: old debt is worth little
LONGEST_AGE = 600
BLOCK_PATHS = 256  # one random stream; pricing.terms.BLOCK, read without loading numpy
LOWEST_LEVEL, HIGHEST_LEVEL = 0.1, 10.0
COLUMNS = [
    "loan_token",
    "claim_minor",
    "product",
    "age_months",
    "days_overdue",
    "months_since_payment",
    "prior_placements",
    "litigation_status",
    "is_reachable",
    "province",
    "status",
]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Inputs:
    """What a run is computed from, beside the package: all of it enters the hash."""

    calibration: "Calibration"
    asked: "Terms"
    channel: str
    level: float = 1.0

    def as_document(self) -> dict[str, Any]:
        """The terms as stored and shown: plain JSON values."""
        return {**self.asked.as_document(), "channel": self.channel, "level": self.level}

    @cached_property
    def terms(self) -> "Terms":
        """The terms as the engine takes them: the level stands in the channel's uplift, since a
        factor on the odds is an addition to the log-odds."""
        if self.level == 1.0:
            return self.asked
        own = cost_of_channel(self.calibration, self.asked, self.channel)
        moved = replace(own, uplift=own.uplift + math.log(self.level))
        others = tuple(cost for cost in self.asked.costs if cost.name != self.channel)
        return replace(self.asked, costs=(*others, moved))


@dataclass(frozen=True)
class StandIn:
    """A value that the tape does not give and the valuation had to assume, for how many loans."""

    field: str
    loans: int
    assumption: str


@dataclass(frozen=True)
class Priced:
    """A result, the calibration behind it, and what was assumed to reach it."""

    result: "Result"
    calibration: "Calibration"
    stand_ins: tuple[StandIn, ...]


def cost_of_channel(calibration: "Calibration", terms: "Terms", name: str) -> "ChannelCost":
    """A channel's costs: those of the terms where they have any, else the calibration's."""
    known = {channel.name: channel for channel in (*calibration.channels, *terms.costs)}
    return known[name]


def reference_of(calibration_name: str, currency: str) -> "Calibration":
    """A reference by name; an empty name takes that of the currency. Raises InvalidInput."""
    from pricing import REFERENCES, reference_calibration

    if not calibration_name and currency not in REFERENCE_OF:
        raise InvalidInput(
            "calibration_unknown",
            f"No calibration speaks of {currency}; packages in {' and '.join(REFERENCE_OF)} can "
            "be valued.",
            field="calibration_name",
        )
    name = calibration_name or REFERENCE_OF[currency]
    if name not in REFERENCES:
        raise InvalidInput(
            "calibration_unknown",
            f"There is no calibration {calibration_name!r} for {currency}.",
            field="calibration_name",
        )
    return reference_calibration(name)


def at_cut_off(calibration: "Calibration", cut_off_date: date) -> "Calibration":
    """The calibration with its macro factor started where its calendar stands in that month;
    unchanged, so stationary, where it knows no calendar."""
    from pricing.fit.calendar import as_of

    return as_of(calibration, cut_off_date.year * 12 + cut_off_date.month - 1)


def inputs_of(
    *,
    currency: str,
    terms: Mapping[str, Any],
    calibration_name: str = "",
    fitted: "Calibration | None" = None,
) -> Inputs:
    """Checked inputs of a run, with a fitted calibration or the reference of that name.

    terms: fields of `pricing.Terms`; `channel` (the one way of collection for all loans; default:
    the calibration's); `level` (factor on the odds of a payment, 1 = as calibrated). Raises
    InvalidInput naming the field.
    """
    from pricing import PricingError

    calibration = fitted or reference_of(calibration_name, currency)
    if calibration.currency != currency:
        raise InvalidInput(
            "calibration_currency",
            f"{calibration.name} speaks of {calibration.currency}, the package is in {currency}.",
            field="calibration_name",
        )
    given = dict(terms)
    channel = given.pop("channel", calibration.default_channel)
    level = _level(given.pop("level", 1.0))
    known = [each.name for each in calibration.channels]
    if channel not in known:
        raise InvalidInput(
            "channel_unknown", f"The channel is one of {', '.join(known)}.", field="channel"
        )
    try:
        inputs = Inputs(calibration, _terms(given, known), channel, level)
        inputs.terms  # noqa: B018 - checks the uplift with the level in it
    except PricingError as reason:
        raise _as_refusal(reason) from reason
    return inputs


def _level(given: Any) -> float:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not is_number or not LOWEST_LEVEL <= given <= HIGHEST_LEVEL:
        raise InvalidInput(
            "terms_invalid",
            f"level: a factor from {LOWEST_LEVEL} to {HIGHEST_LEVEL:g}. {given!r} is not.",
            field="level",
        )
    return float(given)


def _terms(given: dict[str, Any], channels: list[str]) -> "Terms":
    from pricing.errors import BadTerms
    from pricing.terms import terms_from

    try:
        terms = terms_from(given)
    except (AttributeError, OverflowError, TypeError, ValueError) as reason:
        if isinstance(reason, BadTerms):
            raise
        raise BadTerms("terms", None, "a field has the wrong type") from reason
    if terms.paths > MOST_PATHS:
        raise BadTerms("paths", terms.paths, f"{MOST_PATHS:,} at most")
    if terms.quantiles != tuple(QUANTILES.values()):
        raise BadTerms("quantiles", list(terms.quantiles), "5, 25, 50, 75 and 95 % are computed")
    for cost in terms.costs:
        if cost.name not in channels:
            raise BadTerms("costs", cost.name, f"costs of one of {', '.join(channels)}")
    return terms


def _as_refusal(reason: Exception) -> InvalidInput:
    """A library's refusal in the words and with the field name of our doors."""
    from pricing.errors import BadTerms

    if not isinstance(reason, BadTerms):
        return InvalidInput("terms_invalid", str(reason))
    cost = re.fullmatch(r"costs\[(.+)\]\.(\w+)", reason.field)
    field = cost.group(2) if cost else reason.field
    where = f"{cost.group(1)}, {field}" if cost else field
    value = "" if reason.value is None else f" {reason.value!r} is not."
    return InvalidInput("terms_invalid", f"{where}: {reason.rule}.{value}", field=field)


def inputs_sha256(package_sha256: str, tape: str, inputs: Inputs) -> str:
    """Hash of everything the result depends on (RFC 8785 JSON)."""
    return sha256(rfc8785.dumps(inputs_document(package_sha256, tape, inputs))).hexdigest()


def inputs_document(package_sha256: str, tape: str, inputs: Inputs) -> dict[str, Any]:
    """What that hash is over. tape: `sealed`, or `bidder` for the data room's form of the rows."""
    from pricing import ENGINE_VERSION

    return {
        "schema": SCHEMA,
        "package_sha256": package_sha256,
        "tape": tape,
        "calibration_sha256": inputs.calibration.content_hash,
        "terms_sha256": inputs.terms.content_hash,
        "channel": inputs.channel,
        "basis": BASIS,
        "engine_version": ENGINE_VERSION,
    }


def loans_of(
    frame: "pd.DataFrame", channel: str, currency: str
) -> tuple["Loans", tuple[StandIn, ...]]:
    """The pool of a sealed package (COLUMNS) and its stand-ins. Raises pricing.PricingError."""
    from pricing import read_loans

    pool, stand_ins = pool_of(frame, channel, currency)
    return read_loans(pool, currency=currency, basis=BASIS), stand_ins


def pool_of(
    frame: "pd.DataFrame", channel: str, currency: str
) -> tuple["pd.DataFrame", tuple[StandIn, ...]]:
    """The frame that `pricing.read_loans` asks for, major units, and what had to be assumed."""
    import numpy as np
    import pandas as pd

    age = frame["age_months"].astype("Float64")
    overdue = (frame["days_overdue"] // 30).astype("Float64")
    reachable = frame["is_reachable"].astype("boolean")
    since = frame["months_since_payment"].astype("Float64")
    no_age, told = age.isna(), overdue.notna()
    withheld = frame["product"].fillna("") == ""
    stand_ins = (
        StandIn("product", int(withheld.sum()), "the calibration's default product"),
        StandIn("age_months", int((no_age & told).sum()), "months overdue, for the debt's age"),
        StandIn("age_months", int((no_age & ~told).sum()), f"{OLD_MONTHS} months old"),
        StandIn("is_reachable", int(reachable.isna().sum()), "reachable"),
    )
    age = age.fillna(overdue).fillna(float(OLD_MONTHS))
    pool = pd.DataFrame(
        {
            "loan_id": frame["loan_token"],
            "balance": frame["claim_minor"].to_numpy(np.float64) / 10 ** minor_digits(currency),
            "product": frame["product"],
            "age_months": age.clip(0, LONGEST_AGE).to_numpy(np.float64),
            "months_since_payment": since.clip(lower=0).to_numpy(np.float64, na_value=np.nan),
            "prior_placements": frame["prior_placements"],
            "litigation_status": frame["litigation_status"],
            "reachable": reachable.fillna(True).to_numpy(np.bool_),
            "region": frame["province"],
            "channel": channel,
            "status": frame["status"],
        }
    )
    return pool, tuple(stand_in for stand_in in stand_ins if stand_in.loans)


def to_minor(amount: float, currency: str) -> int:
    """Minor units of a model amount, rounded once, half to even."""
    minor: int = round(float(amount) * 10 ** minor_digits(currency))
    if abs(minor) > MAX_MINOR:
        raise OverflowError(f"{amount} {currency} does not fit the money columns")
    return minor


def parts_minor(amounts: Iterable[float], currency: str) -> tuple[int, ...]:
    """Minor units of parts that add up to the minor units of their sum."""
    parts, running, before = [], 0.0, 0
    for amount in amounts:
        running += float(amount)
        level = to_minor(running, currency)
        parts.append(level - before)
        before = level
    return tuple(parts)


def headline_minor(result: "Result") -> dict[str, int]:
    """The figures a valuation keeps in columns, by column name."""
    figures = {"mean": result.mean, "sd": result.sd, "price": result.price}
    figures |= {name: result.quantiles[level] for name, level in QUANTILES.items()}
    return {f"{name}_minor": to_minor(figure, result.currency) for name, figure in figures.items()}


def result_bytes(priced: Priced, run: dict[str, Any], inputs: Inputs) -> bytes:
    """The result file: canonical JSON of every figure but the allocation, and of the calibration,
    so that the run can be read when the shipped calibration is another; other inputs by hash.

    run: `inputs_document` of the run."""
    from pricing import canonical

    document = {
        "schema": SCHEMA,
        "inputs": run,
        "terms": inputs.as_document(),
        "calibration": priced.calibration.as_document(),
        "stand_ins": [[s.field, s.loans, s.assumption] for s in priced.stand_ins],
        "result": priced.result.summary(),
    }
    return canonical.dump(document).encode()


def read_result(content: bytes) -> Priced:
    """A result file back, its allocation left empty."""
    from pricing import Calibration, Result, canonical

    document = json.loads(content)
    calibration = Calibration.from_json(canonical.dump(document["calibration"]))
    result = Result.from_json(canonical.dump({**document["result"], "allocation": []}))
    return Priced(result, calibration, tuple(StandIn(*row) for row in document["stand_ins"]))


def allocation_bytes(tokens: Iterable[str], result: "Result") -> bytes:
    """The allocation as Parquet (loan_token, value in major units), in the order of the pool."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "loan_token": pa.array(list(tokens), pa.string()),
        "value": pa.array(result.allocation, pa.float64()),
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def read_allocation(content: bytes) -> dict[str, float]:
    """{loan_token: value in major units}, in the order of the pool."""
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    tokens, values = table.column("loan_token"), table.column("value")
    return dict(zip(tokens.to_pylist(), values.to_pylist(), strict=True))


def allocation_minor(values: Iterable[float], total_minor: int) -> tuple[int, ...]:
    """Whole minor units per loan that add up to the price, each within one unit of its share.

    Where costs exceed receipts the price is negative, and parts are rounded in a row instead.
    """
    import numpy as np

    from pricing.allocation import to_minor as largest_remainder

    shares = np.array(list(values), dtype=np.float64)
    if total_minor > 0:
        return tuple(largest_remainder(shares, total_minor).tolist())
    whole = float(shares.sum())
    scale = total_minor / whole if whole else 0.0
    levels = np.rint(np.cumsum(shares) * scale).astype(np.int64)
    return tuple(np.diff(levels, prepend=0).tolist())


def with_allocation(result: "Result", values: Iterable[float]) -> "Result":
    """The result with its allocation put back."""
    from pricing.canonical import frozen

    return replace(result, allocation=frozen(list(values)))
