"""Chapter 8: assumptions, expected receipts, price quantiles, sensitivity, limits. No reserve."""

from itertools import pairwise

from npa_market.common.charts import Band, FanChart, HistogramChart, Line, Mark
from npa_market.diligence.report.composer import Composer, counted, percent
from npa_market.diligence.report.inputs import (
    REFERENCE_WORDS,
    ReportDoesNotAddUp,
    ReportInputs,
    ValuationFigures,
)
from npa_market.diligence.report.whatif import bridge, segments, sensitivities

LIMITS = (
    "The value is that of the stated model under the stated assumptions. Given the common factors, "
    "mean, variance and skewness are exact; the distribution built from them is an approximation.",
    "Expected cash is discounted at the buyer's rate, which already holds a risk premium: the mean "
    "is not to be shaved again.",
    "Effects of collection channels are scenarios, not estimates, unless they were randomised.",
    "Paths differ by common factors (level of the purchase, product and vintage, economy, size of "
    "payments) and by chance within the pool. Events outside the model, such as a change of law or "
    "an error in the tape, are not in the bands.",
)


def valuation(paper: Composer, inputs: ReportInputs) -> None:
    """Chapter 8: T36 to T40, C9, C10, bridge, limits."""
    value, currency = inputs.valuation, paper.currency
    label = REFERENCE_WORDS if value.is_reference else f"calibration {value.calibration}"
    paper.chapter(
        8,
        "Valuation",
        f"At a yearly rate of {percent(value.buyer_irr)} the expected net receipts of "
        f"{value.horizon_months} months are worth {paper.money(value.price_minor)} {currency}, "
        f"{percent(value.price_minor / value.face_minor, 2)} of the {value.basis} ({label}).",
        valued=True,
    )
    if value.is_reference:
        paper.add(
            paper.note(
                f"{REFERENCE_WORDS.capitalize()}: payment behaviour comes from published market "
                "figures, not from a payment history of this seller. A fitted calibration can move "
                "the value by a multiple; read level, not decimals.",
                warn=True,
            )
        )
    _assumptions(paper, value)
    _prices(paper, inputs)
    _fan(paper, value)
    _quarters(paper, value)
    _distribution(paper, value)
    sensitivities(paper, value)
    bridge(paper, value)
    segments(paper, value, inputs.frame)
    _limits(paper, value)


def _assumptions(paper: Composer, value: ValuationFigures) -> None:
    rows = [
        ("Calibration", value.calibration),
        ("Calibration, SHA-256", value.calibration_sha256),
        ("Balance basis", f"{value.basis}, {paper.money(value.face_minor)} {paper.currency}"),
        ("Horizon", f"{value.horizon_months} months from the cut-off date"),
        ("Buyer's yearly rate", f"{percent(value.buyer_irr)} effective, cash at month ends"),
        ("Paths, seed", f"{value.paths:,} paths, seed {value.seed}"),
        ("Engine", f"version {value.engine_version}"),
        (
            "Standard error of the price",
            f"{paper.money(value.std_error_minor)} {paper.currency}"
            + (
                f" ({percent(value.std_error_minor / value.price_minor, 2)})"
                if value.price_minor > 0
                else ""
            ),
        ),
    ]
    if value.level != 1:
        words = f"{percent(value.level)} of the calibration's odds, asked for in this run"
        rows.insert(3, ("Level of payments", words))
    for field, loans, assumption in value.assumed:
        words = f"{counted(loans, 'loan')} without it on the tape: {assumption}"
        rows.append((f"Assumed, {field.replace('_', ' ').removeprefix('is ')}", words))
    if value.excluded:
        rows.append(("Status other than live", "valued at 0, see Value by segment and T25"))
    rows += [("Source of the calibration", source) for source in value.sources]
    paper.block([*paper.head("T36", "Assumptions"), paper.facts(rows)], may_split=len(rows) > 14)
    if value.channels:
        _channels(paper, value)


def _channels(paper: Composer, value: ValuationFigures) -> None:
    head = [
        "Channel",
        "Fee on receipts",
        f"Work a month, {paper.currency}",
        f"Cost per case, {paper.currency}",
        "Delay, months",
        "Uplift, log-odds",
    ]
    rows = [
        [
            line.name.replace("_", " "),
            percent(line.fee_share),
            paper.money(line.work_cost_minor),
            paper.money(line.case_cost_minor),
            f"{line.delay_months}",
            f"{line.uplift:+.2f}",
        ]
        for line in value.channels
    ]
    table = paper.table([head, *rows], [133, 72, 76, 76, 64, 72], right=range(1, 6))
    paper.block([*paper.head("", "Costs by collection channel"), table])


def _prices(paper: Composer, inputs: ReportInputs) -> None:
    value, package = inputs.valuation, inputs.package
    rates = dict(value.irr_quantiles)

    def line(name: str, amount: int, rate: float | None) -> list[str]:
        return [
            name,
            paper.money(amount),
            percent(amount / package.claim_minor, 2),
            percent(amount / package.total_minor, 2) if package.total_minor else "–",
            percent(amount / package.principal_minor, 2) if package.principal_minor else "–",
            "–" if rate is None else percent(rate),
        ]

    rows = [
        line(f"{level * 100:.0f} %", amount, rates.get(level)) for level, amount in value.quantiles
    ]
    rows.append(line("Price = mean", value.price_minor, value.irr))
    head = [
        "Quantile",
        f"Value, {paper.currency}",
        "Of claim",
        "Of total",
        "Of principal",
        "IRR at the price",
    ]
    table = paper.table([head, *rows], [108, 105, 66, 66, 68, 80], right=range(1, 6), total=True)
    low, high = value.quantiles[0][1], value.quantiles[-1][1]
    finding = (
        f"Between {paper.money(low)} and {paper.money(high)} {paper.currency} in "
        f"{percent(value.quantiles[-1][0] - value.quantiles[0][0], 0)} of the paths. "
        + _returns_in_words(value)
    )
    paper.block([*paper.head("T38", "Value at 5, 25, 50, 75, 95 %", finding), table])


def _returns_in_words(value: ValuationFigures) -> str:
    if value.multiple is None:
        return "Expected cost exceeds expected receipts: no price earns the rate."
    back = (
        f"the money is back after {value.payback_months} months"
        if value.payback_months is not None
        else "the money is not back within the horizon"
    )
    return (
        f"At the price the expected net cash is {value.multiple:.2f} times the outlay and {back}; "
        f"{percent(value.loss_probability)} of the paths return less than the price."
    )


def _fan(paper: Composer, value: ValuationFigures) -> None:
    paths = dict(value.cumulative)
    levels = sorted(paths)
    middle = min(levels, key=lambda level: abs(level - 0.5))
    outer = [level for level in levels if level < middle]
    pairs = [(low, high) for low in outer for high in levels if abs(low + high - 1) < 1e-9]
    end = paths[middle][-1]
    chart = FanChart(
        title=(
            f"Cumulative net receipts: median {paper.money(end)} {paper.currency} after "
            f"{value.horizon_months} months, {percent(end / value.face_minor)} of the {value.basis}"
        ),
        alt="Fan of simulated cumulative net receipts by month",
        x_label="Months after the cut-off date",
        y_label="Cumulative net receipts",
        unit=paper.currency,
        x=tuple(range(1, len(paths[middle]) + 1)),
        bands=tuple(
            Band(f"{low * 100:.0f} to {high * 100:.0f} %", paths[low], paths[high])
            for low, high in pairs
        ),
        middle=Line("Median", paths[middle]),
    )
    paper.chart(
        "C9",
        "Fan chart of net receipts",
        chart,
        height=200,
        note="Each month's quantiles stand by themselves.",
    )


def _quarters(paper: Composer, value: ValuationFigures) -> None:
    total_net, running, rows = sum(line.net_minor for line in value.quarters), 0, []
    for line in value.quarters:
        running += line.net_minor
        rows.append(
            [
                f"Q{line.number}  (months {line.number * 3 - 2} to "
                f"{min(line.number * 3, value.horizon_months)})",
                paper.money(line.gross_minor),
                paper.money(line.cost_minor),
                paper.money(line.net_minor),
                paper.money(running),
                percent(running / value.face_minor, 2),
            ]
        )
    if running != total_net:
        raise ReportDoesNotAddUp("T37 Receipts", "net receipts", running, total_net)
    gross = sum(line.gross_minor for line in value.quarters)
    cost = sum(line.cost_minor for line in value.quarters)
    rows.append(
        [
            "Total",
            paper.money(gross),
            paper.money(cost),
            paper.money(total_net),
            "",
            percent(total_net / value.face_minor, 2),
        ]
    )
    head = [
        "Quarter after the cut-off",
        f"Gross, {paper.currency}",
        "Cost",
        "Net",
        "Net, cumulative",
        f"Of {value.basis}",
    ]
    table = paper.table([head, *rows], [123, 84, 78, 80, 82, 46], right=range(1, 6), total=True)
    first = sum(line.net_minor for line in value.quarters[:4])
    finding = (
        f"{percent(first / total_net)} of the net cash is expected in the first four quarters."
        if total_net > 0
        else "Expected cost exceeds expected receipts over the horizon."
    )
    paper.block(
        [*paper.head("T37", "Expected receipts by quarter, net of cost", finding), table],
        may_split=True,
    )


def _distribution(paper: Composer, value: ValuationFigures) -> None:
    edges = value.histogram_edges
    if any(low >= high for low, high in pairwise(edges)):
        paper.small("C10 is not drawn: every path gives the same value.")
        return
    median = _median(value)
    chart = HistogramChart(
        title=(
            f"Half of the paths are worth more than {paper.money(median)} {paper.currency}"
            if median > 0
            else "At least half of the paths bring nothing"
        ),
        alt="Histogram of the simulated values at the buyer's rate",
        x_label="Value at the buyer's rate",
        y_label="Paths",
        x_unit=paper.currency,
        edges=edges,
        counts=value.histogram_counts,
        marks=(Mark("price", value.price_minor),),
    )
    paper.chart("C10", "Price distribution", chart, height=165)


def _median(value: ValuationFigures) -> int:
    return min(value.quantiles, key=lambda pair: abs(pair[0] - 0.5))[1]


def _limits(paper: Composer, value: ValuationFigures) -> None:
    pieces = paper.head("T40", "Back-test and limits of the model")
    back_test = (
        "No back-test: it needs a payment history of this seller, and a reference calibration has "
        "none to be tested on."
        if value.is_reference
        else "The calibration's own fit diagnostics are kept with the calibration."
    )
    notes = [f"{note[:1].upper()}{note[1:]}" for note in value.notes]
    lines = [back_test, *LIMITS, *(note if note[-1] in ".…" else f"{note}." for note in notes)]
    pieces += [paper.paragraph(f"•  {words}", paper.style.finding) for words in lines]
    paper.block(pieces)
