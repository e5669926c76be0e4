"""What moves the price: sensitivities, the bridge from the base curve, the segments."""

import pandas as pd

from npa_market.common.charts import BridgeStep, Swing, TornadoChart, WaterfallChart
from npa_market.diligence.report import style as look
from npa_market.diligence.report.composer import Composer, percent
from npa_market.diligence.report.inputs import ValuationFigures
from npa_market.diligence.report.segments import segment_lines

INPUTS_IN_WORDS = {
    "buyer_irr": "Buyer's yearly rate",
    "fee_share": "Contingency fee",
    "level": "Level of payments",
    "age": "Age of the debt",
    "pool_risk": "Risk of the pool's level (sd)",
}
STEPS_IN_WORDS = {
    "base curve": "Base curve",
    "age": "Age",
    "score": "Score",
    "balance": "Balance mix",
    "costs": "Costs",
    "discount": "Discount",
}

SEGMENTS_IN_WORDS = (
    "Product of the calibration by age of the debt, then loans of another status than live, valued "
    "at 0. Neighbours are joined until each line is surely of 5 borrowers or more."
)


def sensitivities(paper: Composer, value: ValuationFigures) -> None:
    """T39 and its chart."""
    rows = [
        [
            in_words(line.name),
            line.low_setting,
            paper.money(line.low_minor),
            _change(line.low_minor, value.price_minor),
            line.high_setting,
            paper.money(line.high_minor),
            _change(line.high_minor, value.price_minor),
        ]
        for line in value.sensitivities
    ]
    head = ["Input moved", "To", f"Price, {paper.currency}", "Change", "To", "Price", "Change"]
    table = paper.table([head, *rows], [113, 58, 82, 50, 58, 82, 50], right=range(1, 7))
    paper.block(
        [
            *paper.head(
                "T39",
                "Sensitivity of the price",
                "One input at a time, the others as in T36, on the same random numbers.",
            ),
            table,
        ]
    )
    widest = max(
        value.sensitivities, key=lambda line: abs(line.high_minor - line.low_minor), default=None
    )
    if widest is None or widest.high_minor == widest.low_minor:
        return
    chart = TornadoChart(
        title=f"{in_words(widest.name)} moves the price most",
        alt="Price with each input moved down and up",
        x_label="Input",
        y_label="Price",
        unit=paper.currency,
        start=value.price_minor,
        swings=tuple(
            Swing(
                in_words(line.name),
                line.low_minor,
                line.high_minor,
                line.low_setting,
                line.high_setting,
            )
            for line in value.sensitivities
        ),
    )
    paper.chart("C11", "Sensitivity, drawn", chart, height=120)


def in_words(name: str) -> str:
    """The name of a sensitivity in the market's words."""
    if name.startswith("uplift "):
        return f"Uplift of {name.removeprefix('uplift ').replace('_', ' ')}"
    return INPUTS_IN_WORDS.get(name, name.replace("_", " "))


def _change(amount: int, price: int) -> str:
    return f"{(amount / price - 1) * 100:+.1f} %" if price > 0 else "–"


def bridge(paper: Composer, value: ValuationFigures) -> None:
    """How the calibration's curve becomes the price."""
    if not value.bridge:
        return
    chart = WaterfallChart(
        title="From the base curve of the calibration to the price",
        alt="Waterfall from undiscounted receipts of fresh, average loans to the price",
        x_label="Step",
        y_label="Amount",
        unit=paper.currency,
        steps=(
            *(
                BridgeStep(STEPS_IN_WORDS.get(name, name), amount, is_level=place == 0)
                for place, (name, amount) in enumerate(value.bridge)
            ),
            BridgeStep("Price", value.price_minor, is_level=True),
        ),
    )
    paper.chart(
        "C12",
        "Bridge from the base curve to the price",
        chart,
        height=175,
        note="Base curve: undiscounted receipts were every loan fresh and average. Age, score and "
        "balance: what the pool's own mix adds or takes. Costs: fees, work and cases.",
    )


def segments(paper: Composer, value: ValuationFigures, frame: pd.DataFrame) -> None:
    """Value by product and age; the total is the whole package."""
    lines = segment_lines(value, frame)
    rows = [
        [
            line.name,
            f"{line.loans:,}",
            paper.money(line.balance_minor),
            paper.money(line.expected_minor),
            paper.money(line.value_minor),
            percent(line.value_minor / line.balance_minor, 2) if line.balance_minor else "–",
        ]
        for line in lines
    ]
    whole = [
        sum(getattr(line, name) for line in lines)
        for name in ("loans", "balance_minor", "expected_minor", "value_minor")
    ]
    rows.append(
        [
            "Total",
            f"{whole[0]:,}",
            *(paper.money(amount) for amount in whole[1:]),
            percent(whole[3] / whole[1], 2) if whole[1] else "–",
        ]
    )
    head = [
        "Segment",
        "Loans",
        f"{value.basis.capitalize()}, {paper.currency}",
        "Expected net cash",
        "Value",
        "Of balance",
    ]
    table = paper.table(
        [head, *rows],
        [143, 46, 92, 84, 76, look.WIDTH - 441],
        right=range(1, 6),
        total=True,
    )
    paper.block(
        [
            *paper.head("", "Value by segment", SEGMENTS_IN_WORDS),
            table,
        ],
        may_split=len(rows) > 12,
    )
