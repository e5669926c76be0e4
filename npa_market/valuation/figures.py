"""A result as the page shows it: sentences, charts and tables, money in minor units."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from npa_market.common.charts import (
    Band,
    BridgeStep,
    CurveChart,
    FanChart,
    HistogramChart,
    Line,
    Mark,
    Swing,
    TornadoChart,
    WaterfallChart,
)
from npa_market.common.charts_scale import scale_of
from npa_market.common.money import to_decimal
from npa_market.common.templatetags.market import percent
from npa_market.valuation.door import parts_minor, to_minor

if TYPE_CHECKING:
    from pricing import Result
    from pricing.live import LiveFigures

SENSITIVITY_WORDS = {
    "buyer_irr": "Buyer's IRR",
    "fee_share": "Collection fee",
    "level": "Level of payments",
    "age": "Age of the debt",
    "pool_risk": "Risk of the pool's level",
}
BRIDGE_WORDS = {
    "base curve": "Average fresh pool",
    "age": "Age of the debt",
    "score": "Loan attributes",
    "balance": "Balance sizes",
    "costs": "Collection costs",
    "discount": "Discount",
}


@dataclass(frozen=True)
class SegmentLine:
    """One row of the segment table, minor units."""

    name: str
    loans: int
    balance_minor: int
    cash_minor: int
    value_minor: int


def short_money(amount_minor: int, currency: str) -> str:
    """`4.65 million CNY`, for sentences."""
    scale = scale_of(currency, (amount_minor, amount_minor))
    _, _, word = scale.label.partition(" ")
    digits = 2 if word else 0
    return " ".join(part for part in (scale.text(amount_minor, digits), word, currency) if part)


def whole_money(amount_minor: int | None, currency: str) -> str:
    """`2,835,938`: a headline without the minor units, rounded half up."""
    if amount_minor is None:
        return "–"
    whole = to_decimal(amount_minor, currency).quantize(Decimal(1), ROUND_HALF_UP)
    return f"{whole:,}"


def _minor(values: object, currency: str) -> tuple[int, ...]:
    return tuple(to_minor(value, currency) for value in values)  # type: ignore[attr-defined]


def _level(result: "Result | LiveFigures", wanted: float) -> int:
    """Row of a quantile in the result's arrays."""
    levels = sorted(result.quantiles)
    return min(range(len(levels)), key=lambda place: abs(levels[place] - wanted))


def fan_chart(result: "Result | LiveFigures") -> FanChart:
    """Cumulative net receipts by month, from 0 at the cut-off date."""
    currency, months = result.currency, len(result.monthly_cash)
    q05, q25, q50, q75, q95 = (
        (0, *_minor(result.cumulative_quantiles[_level(result, level)], currency))
        for level in (0.05, 0.25, 0.5, 0.75, 0.95)
    )
    low, high = (short_money(side[-1], currency) for side in (q05, q95))
    return FanChart(
        title=f"9 in 10 futures bring between {low} and {high} net in {months} months",
        alt=f"Cumulative net receipts over {months} months: after the last month the middle "
        f"future has {short_money(q50[-1], currency)}, 9 in 10 lie between {low} and {high}. "
        "Undiscounted, after collection costs.",
        x_label="Months after the cut-off date",
        y_label="Cumulative net receipts",
        x_unit="months",
        unit=currency,
        x=tuple(range(months + 1)),
        bands=(Band("5 to 95 %", q05, q95), Band("25 to 75 %", q25, q75)),
        middle=Line("Median", q50),
    )


def distribution_chart(result: "Result | LiveFigures") -> HistogramChart:
    """Simulated values at the buyer's rate."""
    currency = result.currency
    price = to_minor(result.price, currency)
    q05 = to_minor(result.quantiles[0.05], currency)
    edges = _rising(_minor(result.npv_histogram.edges, currency))
    total = sum(result.npv_histogram.counts)
    counts = tuple(count / total for count in result.npv_histogram.counts[: len(edges) - 1])
    return HistogramChart(
        title=f"The value is {short_money(price, currency)} on average; 1 path in 20 is below "
        f"{short_money(q05, currency)}",
        alt="Histogram of the value at the buyer's rate over all simulated paths, with the price "
        "and the 5 % quantile marked.",
        x_label="Value at the buyer's IRR",
        y_label="Share of paths",
        x_unit=currency,
        unit="%",
        edges=edges,
        counts=counts,
        marks=(Mark("Price", price), Mark("5 % quantile", q05)),
    )


def liquidation_chart(result: "Result | LiveFigures") -> CurveChart:
    """Cumulative expected receipts as a share of the balances, before and after costs."""
    face, months = result.face, len(result.monthly_cash)
    gross = [0.0, *(float(value) for value in result.gross_mean.cumsum() / face)]
    net = [0.0, *(float(value) for value in result.cumulative_mean / face)]
    half = next(month for month, part in enumerate(gross) if part >= gross[-1] / 2)
    return CurveChart(
        title=f"{percent(gross[-1])} of the {result.basis} is collected in {months} months, half "
        f"of it by month {half}",
        alt=f"Expected cumulative receipts as a share of the {result.basis} by month, gross and "
        f"net of collection costs: {percent(gross[-1])} and {percent(net[-1])} after "
        f"{months} months.",
        x_label="Months after the cut-off date",
        y_label=f"Share of the {result.basis}",
        x_unit="months",
        unit="%",
        x=tuple(range(months + 1)),
        lines=(Line("Gross", tuple(gross)), Line("Net of costs", tuple(net))),
    )


def _rising(edges: tuple[int, ...]) -> tuple[int, ...]:
    """Edges at least one minor unit apart: a pool of cents has bins finer than that."""
    rising = list(edges[:1])
    for edge in edges[1:]:
        rising.append(max(edge, rising[-1] + 1))
    return tuple(rising)


def tornado_chart(result: "Result") -> TornadoChart:
    """The price with one assumption moved at a time."""
    currency = result.currency
    swings = tuple(
        Swing(
            _sensitivity_name(row.name),
            to_minor(row.low, currency),
            to_minor(row.high, currency),
            row.low_setting,
            row.high_setting,
        )
        for row in result.sensitivities
    )
    widest = max(swings, key=lambda s: abs(s.high - s.low), default=None)
    subject = widest.label if widest else "Nothing"
    return TornadoChart(
        title=f"{subject} moves the price most",
        alt="The price with one assumption moved down and up at a time, all on the same random "
        "factors; the widest swing first.",
        x_label="Assumption",
        y_label="Price",
        unit=currency,
        start=to_minor(result.price, currency),
        swings=swings,
    )


def _sensitivity_name(name: str) -> str:
    if name.startswith("uplift "):
        return f"Uplift of {channel_words(name.removeprefix('uplift '))}"
    return SENSITIVITY_WORDS.get(name, name)


def bridge_chart(result: "Result") -> WaterfallChart:
    """From gross receipts of an average fresh pool to the price."""
    currency = result.currency
    amounts = parts_minor([amount for _, amount in result.bridge], currency)
    steps = [
        BridgeStep(BRIDGE_WORDS.get(name, name), amount, is_level=place == 0)
        for place, ((name, _), amount) in enumerate(zip(result.bridge, amounts, strict=True))
    ]
    price = to_minor(result.price, currency)
    start = short_money(steps[0].amount, currency) if steps else "nothing"  # type: ignore[arg-type]
    return WaterfallChart(
        title=f"From {start} of receipts on an average fresh pool to a price of "
        f"{short_money(price, currency)}",
        alt="Steps from gross receipts of the same claims were they fresh and average, over age, "
        "loan attributes, balance sizes, collection costs and discount, to the price.",
        x_label="Step",
        y_label="Value",
        unit=currency,
        steps=(*steps, BridgeStep("Price", price, is_level=True)),
    )


def segment_lines(result: "Result") -> list[SegmentLine]:
    """Segments in the result's order; each money column adds up to its total."""
    currency = result.currency
    columns = (
        parts_minor([getattr(row, name) for row in result.segments], currency)
        for name in ("balance", "expected_cash", "value")
    )
    return [
        SegmentLine(segment_words(row.name), row.loans, *amounts)
        for row, *amounts in zip(result.segments, *columns, strict=True)
    ]


def segment_words(name: str) -> str:
    """`Credit card, 7-12 months`."""
    words = name.replace("_", " ").replace("default,", "other products,")
    return words[:1].upper() + words[1:]


def channel_words(name: str) -> str:
    """`in house` for `in_house`."""
    return name.replace("_", " ")


def comparison_chart(first: "Result", second: "Result") -> CurveChart:
    """Expected cumulative net receipts of two runs in one currency."""
    months = max(len(first.monthly_cash), len(second.monthly_cash))
    lines = []
    for name, result in (("First", first), ("Second", second)):
        values = (0, *_minor(result.cumulative_mean, result.currency))
        lines.append(Line(name, (*values, *[None] * (months + 1 - len(values)))))
    ends = [
        short_money(to_minor(r.cumulative_mean[-1], r.currency), r.currency)
        for r in (first, second)
    ]
    return CurveChart(
        title=f"Expected net receipts reach {ends[0]} and {ends[1]}",
        alt="Expected cumulative net receipts of both runs by month after the cut-off date.",
        x_label="Months after the cut-off date",
        y_label="Expected cumulative net receipts",
        x_unit="months",
        unit=first.currency,
        x=tuple(range(months + 1)),
        lines=tuple(lines),
    )


def path_chart(first: int, steps: Sequence[tuple[str, int]], currency: str) -> WaterfallChart:
    """From the price of one run to that of another, minor units, input by input."""
    last = first + sum(amount for _, amount in steps)
    widest = max(steps, key=lambda step: abs(step[1]))
    direction = "raises" if widest[1] > 0 else "lowers"
    return WaterfallChart(
        title=f"{widest[0]} {direction} the price most: from {short_money(first, currency)} to "
        f"{short_money(last, currency)}",
        alt="The price of the first run, then what each input that differs adds or takes when it "
        "is changed after the ones before it, up to the price of the second run.",
        x_label="Input changed",
        y_label="Price",
        unit=currency,
        steps=(
            BridgeStep("First run", first, is_level=True),
            *(BridgeStep(name, amount) for name, amount in steps),
            BridgeStep("Second run", last, is_level=True),
        ),
    )
