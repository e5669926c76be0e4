"""A fitted calibration as its page shows it: fitted and judged parts, fit, curves, triangle."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from npa_market.common.charts import BarChart, CurveChart, Line
from npa_market.common.templatetags.market import percent
from npa_market.valuation.figures import segment_words
from npa_market.valuation.models import Fit

if TYPE_CHECKING:
    from pricing import Calibration

PART_WORDS = {
    "curves": "Curves of first payments by age",
    "keep": "Chance to pay again",
    "settle": "Chance to close with a lump sum",
    "instalments": "Size of instalments",
    "lump sums": "Size of lump sums",
    "balance_slope": "Effect of the balance",
    "parameter_sd": "Uncertainty of the curves",
    "factors.pool": "Spread of the level between purchases",
    "factors.group": "Spread of the level between products of one purchase",
    "factors.macro": "Swing with the calendar",
    "factors.amount": "Spread of the ticket sizes",
    "channels": "Channels and their costs",
    "aliases": "Names of products",
    "basis_scale": "Claim against principal",
}
MONTHS_SHOWN = 60


@dataclass(frozen=True)
class TriangleRow:
    """One cohort: balances watched in major units, and a share per age."""

    cohort: str
    balance: float
    shares: tuple[str, ...]


def part_words(name: str) -> str:
    """A part of the calibration in words."""
    if name.startswith("effects."):
        return f"Effect of {name.removeprefix('effects.').replace('_', ' ')}"
    return PART_WORDS.get(name, name[:1].upper() + name[1:])


def fit_context(fit: Fit, calibration: "Calibration") -> dict[str, Any]:
    """What the page of a finished fit shows."""
    told = calibration.diagnostics
    return {
        "calibration": calibration,
        "told": told,
        "fitted": [part_words(name) for name in told["fitted"]],
        "judged": [part_words(name) for name in told["judged"]],
        "by_age": by_age_chart(told["fit_by_age"]),
        "curves": curves_chart(calibration),
        "triangle": triangle_rows(fit.triangle),
        "triangle_ages": fit.triangle["ages"],
        "liquidation": cohorts_chart(fit.triangle),
        "levels": [(name, percent(level)) for name, level in told["levels"]["by_cohort"].items()],
    }


def by_age_chart(rows: list[dict[str, Any]]) -> BarChart:
    """First payments seen and expected in bands of age."""
    starts = [0, *(row["to_month"] for row in rows)]
    names = [f"{low + 1}-{row['to_month']}" for low, row in zip(starts, rows, strict=False)]
    gaps = [abs(row["observed"] - row["expected"]) for row in rows]
    total = sum(row["observed"] for row in rows)
    missed = percent(sum(gaps) / total if total else 0)
    return BarChart(
        title=f"Counted by age, the curve misses {missed} of the first payments",
        alt="First payments of dormant loans in bands of months since charge-off: counted in the "
        "history, and expected by the fitted curve.",
        x_label="Months since charge-off",
        y_label="First payments",
        categories=tuple(names),
        series=(
            Line("Counted", tuple(row["observed"] for row in rows)),
            Line("Expected", tuple(row["expected"] for row in rows)),
        ),
    )


def curves_chart(calibration: "Calibration") -> CurveChart:
    """Monthly chance of a first payment by age, a line per product."""
    from pricing.scoring import base_odds

    lines = []
    for product in calibration.products[:5]:
        odds = base_odds(product, calibration.knots, MONTHS_SHOWN)[1:]
        name = segment_words(product.name).replace("Default", "Other products")
        lines.append(Line(name, tuple(float(chance) for chance in odds / (1 + odds))))
    first, last = lines[0].values[0] or 0, lines[0].values[-1] or 0
    return CurveChart(
        title=f"A dormant loan begins to pay with {percent(first, 2)} in the first month and "
        f"{percent(last, 2)} in month {MONTHS_SHOWN}",
        alt="Monthly chance that a dormant loan of average attributes pays, by months since "
        "charge-off, for each product.",
        x_label="Months since charge-off",
        y_label="Chance of a first payment",
        x_unit="months",
        unit="%",
        x=tuple(range(1, MONTHS_SHOWN + 1)),
        lines=tuple(lines),
    )


def cohorts_chart(triangle: dict[str, Any]) -> CurveChart:
    """Cumulative receipts of the cohorts; the five largest, so that lines can be told apart."""
    largest = sorted(triangle["rows"], key=lambda row: -row[1])[:5]
    ages = triangle["ages"]
    ends = [max((c for c in cells if c is not None), default=0) for _, _, cells in largest]
    return CurveChart(
        title=f"The largest cohorts have paid back {percent(min(ends, default=0))} to "
        f"{percent(max(ends, default=0))} so far",
        alt="Cumulative receipts over balances by months since charge-off, a line for each of "
        "the five largest cohorts.",
        x_label="Months since charge-off",
        y_label="Cumulative receipts over balances",
        x_unit="months",
        unit="%",
        x=tuple(ages),
        lines=tuple(Line(str(cohort), tuple(cells)) for cohort, _, cells in sorted(largest)),
    )


def triangle_rows(triangle: dict[str, Any]) -> list[TriangleRow]:
    """The liquidation triangle, oldest cohort first."""
    return [
        TriangleRow(str(cohort), balance, tuple("" if c is None else percent(c) for c in cells))
        for cohort, balance, cells in triangle["rows"]
    ]
