"""Chapter 7: prior placements, receipts by month, cumulative liquidation by vintage."""

from reportlab.platypus import Spacer

from npa_market.common.charts import BarChart, CurveChart, Line
from npa_market.diligence.report import style as look
from npa_market.diligence.report.attached import (
    agencies,
    attached,
    is_attached,
    payments,
    tables_of,
)
from npa_market.diligence.report.composer import Composer, percent
from npa_market.diligence.report.groups import Grouped, checked
from npa_market.diligence.report.inputs import PackageFacts, ReportInputs
from npa_market.diligence.report.receipts import (
    MonthLine,
    Receipts,
    Vintage,
    receipts_by_month,
    vintages,
)


def collection(paper: Composer, inputs: ReportInputs, placements: Grouped) -> None:
    """Chapter 7: T33, T34, C6, C7, and what is missing."""
    receipts = receipts_by_month(inputs.frame, inputs.receipts, inputs.package)
    total = receipts.total
    paper.chapter(
        7,
        "Collection history",
        f"{total.loans:,} of {inputs.package.loans:,} loans paid after charge-off: "
        f"{paper.money(total.gross_minor)} {paper.currency} gross, "
        f"{percent(total.gross_minor / inputs.package.claim_minor, 2)} of the claim that is left; "
        f"collectors kept {paper.money(total.cost_minor)}.",
        on_new_page=False,
    )
    paper.groups(checked(placements, inputs.package))
    agencies(paper, inputs.package)
    paper.missing(_missing(inputs.package))
    if receipts.is_dated:
        _monthly(paper, receipts)
        _by_month(paper, receipts)
        _by_vintage(paper, vintages(inputs.frame, inputs.receipts, inputs.package.cut_off_date))
    else:
        _undated(paper, receipts)
    payments(paper, inputs.package)


def _missing(package: PackageFacts) -> list[tuple[str, str, str]]:
    lines = [
        (
            "T35",
            "Payment plans and settlements",
            "The tape has no field for plans. Loans settled before the cut-off date are taken out "
            "by the screen (T4).",
        ),
        ("C8", "Roll to contact loss", _roll(package)),
    ]
    if not tables_of(package, "placements"):
        words = "The tape counts placements per loan, without agency, date or commission. "
        agency = (
            "T33a",
            "Agencies, dates and commissions",
            words + attached(package, "placements"),
        )
        lines.insert(0, agency)
    if is_attached(package, "payments") and not tables_of(package, "payments"):
        words = "T34 has the receipts that the tape states. "
        lines.append(("T34a", "Payments as attached", words + attached(package, "payments")))
    return lines


def _roll(package: PackageFacts) -> str:
    words = "It needs contacts over time, and the sealed file has the month of the last one alone."
    return f"{words} {attached(package, 'contacts')}"


def _monthly(paper: Composer, receipts: Receipts) -> None:
    rest = [line for line in receipts.rest if line.gross_minor or line.cost_minor]
    lines = [*receipts.months, *rest, receipts.total]
    head = ["Month", "Loans that paid", "Gross", "Kept by collectors", f"Net, {paper.currency}"]
    table = paper.table(
        [head, *(_cells(paper, line) for line in lines)],
        [153, 80, 90, 90, look.WIDTH - 413],
        right=range(1, 5),
        total=True,
    )
    shown = sum(line.gross_minor for line in receipts.months)
    whole = receipts.total.gross_minor
    finding = (
        f"{percent(shown / whole)} of all receipts since charge-off came in the last 24 months."
        if whole
        else "Nothing was received since charge-off."
    )
    paper.block(
        [*paper.head("T34", "Receipts by month, last 24 months", finding), table], may_split=True
    )


def _cells(paper: Composer, line: MonthLine) -> list[str]:
    return [
        line.label,
        f"{line.loans:,}",
        paper.money(line.gross_minor),
        paper.money(line.cost_minor),
        paper.money(line.net_minor),
    ]


def _by_month(paper: Composer, receipts: Receipts) -> None:
    values = tuple(line.gross_minor for line in receipts.months)
    half = len(values) // 2
    chart = BarChart(
        title=(
            f"Gross receipts by month: {paper.money(sum(values[half:]))} in the last 12 months, "
            f"{paper.money(sum(values[:half]))} in the 12 before"
        ),
        alt="Gross receipts of the last 24 months",
        x_label="Month",
        y_label="Gross receipts",
        unit=paper.currency,
        categories=tuple(line.short for line in receipts.months),
        series=(Line("Gross receipts", values),),
    )
    paper.chart(
        "C6",
        "Receipts by month",
        chart,
        height=165,
        note="By channel: the tape does not name channels.",
    )


def _by_vintage(paper: Composer, found: tuple[Vintage, ...]) -> None:
    if not found:
        paper.small("C7 is not drawn: it needs charge-off dates and dated receipts.")
        return
    longest = max(len(vintage.shares) for vintage in found)
    top = max(found, key=lambda vintage: vintage.shares[-1])
    chart = CurveChart(
        title=(
            f"Cumulative receipts by charge-off year: {top.year} has returned "
            f"{percent(top.shares[-1])} of its claim after {len(top.shares) - 1} months"
        ),
        alt="Cumulative gross receipts as a share of the claim at charge-off, by vintage and age",
        x_label="Months since charge-off",
        y_label="Of the claim at charge-off",
        unit="%",
        x=tuple(range(longest)),
        lines=tuple(
            Line(
                f"{vintage.year} ({vintage.loans:,} loans)",
                (*vintage.shares, *[None] * (longest - len(vintage.shares))),
            )
            for vintage in found
        ),
    )
    paper.chart(
        "C7",
        "Cumulative liquidation by vintage",
        chart,
        height=165,
        note="Each line ends at the age that every loan of its year has reached. Claim at "
        "charge-off = claim at the cut-off date + receipts. Loans that were paid in full or sold "
        "before are not in the package, so the lines understate the vintage as a whole.",
    )


def _undated(paper: Composer, receipts: Receipts) -> None:
    head = ["Receipts since charge-off", "Loans that paid", "Gross", "Kept by collectors", "Net"]
    rows = [_cells(paper, line) for line in (*receipts.rest[1:], receipts.total)]
    table = paper.table(
        [head, *rows], [153, 80, 90, 90, look.WIDTH - 413], right=range(1, 5), total=True
    )
    words = (
        "The tape states what each loan received since charge-off, but not in which month. "
        "Receipts by month (C6) and cumulative liquidation by vintage (C7) cannot be drawn."
        if receipts.total.gross_minor
        else "No loan of this package received anything since charge-off, so there are no receipts "
        "to show by month (C6) or by vintage (C7)."
    )
    paper.block(
        [
            *paper.head("T34", "Receipts, months not stated", f"Amounts in {paper.currency}."),
            table,
            Spacer(0, 6),
            paper.note(words),
        ]
    )
