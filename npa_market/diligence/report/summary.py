"""Cover, contents and chapter 1: key figures, timetable, where the loans are."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from reportlab.platypus import NextPageTemplate, PageBreak, Paragraph, Spacer

from npa_market.common.charts import BarChart, Line
from npa_market.diligence.report import style as look
from npa_market.diligence.report.composer import Composer, counted, percent
from npa_market.diligence.report.concentration import largest_together
from npa_market.diligence.report.document import PLAIN, contents
from npa_market.diligence.report.frames import known, text_of, weighted_mean
from npa_market.diligence.report.groups import Grouped
from npa_market.diligence.report.inputs import REFERENCE_WORDS, ReportInputs

MOST_BARS = 18


def cover(paper: Composer, inputs: ReportInputs, tables: Mapping[str, Grouped]) -> None:
    """Title, the figures a reader wants first, and what the report stands on."""
    package, value = inputs.package, inputs.valuation
    paper.add(NextPageTemplate(PLAIN), Spacer(0, 24))
    paper.add(paper.paragraph("NPA MARKET  ·  DUE DILIGENCE REPORT", paper.style.cover_kicker))
    paper.add(paper.paragraph(package.title, paper.style.cover_title), Spacer(0, 6))
    paper.add(
        paper.paragraph(
            f"Package {package.name}, offered by {package.seller}", paper.style.cover_line
        ),
        paper.paragraph(
            f"Charged-off consumer loans in {package.currency}, balances as of the cut-off date "
            f"{package.cut_off_date:%d %B %Y}",
            paper.style.cover_line,
        ),
        Spacer(0, 22),
    )
    label = REFERENCE_WORDS if value.is_reference else f"calibration {value.calibration}"
    low, high = value.quantiles[0], value.quantiles[-1]
    paper.add(
        paper.tiles(
            [
                ("Loans", f"{package.loans:,}", _each(package.loans, package.borrowers)),
                ("Borrowers", f"{package.borrowers:,}", "each counted once"),
                (
                    f"Principal, {package.currency}",
                    paper.money(package.principal_minor),
                    f"{percent(package.principal_minor / package.claim_minor)} of the claim",
                ),
                (
                    f"Total, {package.currency}",
                    paper.money(package.total_minor),
                    "principal + interest",
                ),
                (
                    f"Claim, {package.currency}",
                    paper.money(package.claim_minor),
                    "principal + interest + fees",
                ),
                (
                    f"Price at {percent(value.buyer_irr, 0)} a year, {package.currency}",
                    paper.money(value.price_minor),
                    f"{percent(value.price_minor / package.claim_minor, 2)} of the claim, "
                    f"{_of(value.price_minor, package.principal_minor)} of principal; {label}",
                ),
            ]
        ),
        Spacer(0, 10),
        paper.note(
            f"Value at {percent(value.buyer_irr, 0)} a year: {percent(high[0] - low[0], 0)} of the "
            f"simulated paths lie between {paper.money(low[1])} and {paper.money(high[1])} "
            f"{package.currency} ({label}).",
            warn=value.is_reference,
        ),
        Spacer(0, 18),
        paper.paragraph("At a glance", paper.style.heading),
        Spacer(0, 3),
        paper.facts(at_a_glance(paper, inputs, tables), first=120),
        Spacer(0, 18),
        paper.paragraph("What the report stands on", paper.style.heading),
        Spacer(0, 3),
        paper.facts(_grounds(inputs), first=120),
        Spacer(0, 12),
        paper.paragraph(
            "Confidential, for qualified bidders under a signed non-disclosure agreement. The "
            "report states what the seller's sealed file holds and what a stated model computes "
            "from it. It is no offer, not legal advice, and not an audit of the seller's books.",
            paper.style.small,
        ),
    )


def _each(loans: int, borrowers: int) -> str:
    return f"{loans / borrowers:,.1f} per borrower" if borrowers else ""


def _of(part: int, whole: int) -> str:
    return percent(part / whole, 2) if whole else "–"


def at_a_glance(
    paper: Composer, inputs: ReportInputs, tables: Mapping[str, Grouped]
) -> list[tuple[str, str]]:
    """One sentence per subject, with the table that proves it."""
    frame, package = inputs.frame, inputs.package
    top = largest_together(tables["T21"])
    received = int(frame["received_minor"].sum())
    weights = (frame["principal_minor"] + frame["interest_minor"]).to_numpy(dtype=np.float64)
    overdue = text_of(weighted_mean(known(frame, "days_overdue"), weights), "{:,.0f}")
    age = text_of(weighted_mean(known(frame, "age_months"), weights))
    return [
        ("Products", f"{_parts(tables['T10'])} of the total (T10)."),
        ("Regions", f"{_parts(tables['T11'])} of the total (T11)."),
        (
            "Age of the debt",
            f"Weighted by total, {overdue} days overdue, {age} months since charge-off (T7, T17).",
        ),
        (
            "Concentration",
            f"The {top.borrowers} largest of {counted(package.borrowers, 'borrower')}: "
            f"{percent(top.share)} of the total (T21, C4)."
            if top
            else f"{counted(package.borrowers, 'borrower')}, too few to state the largest apart.",
        ),
        ("Legal standing", f"{_parts(tables['T22'])} of the total (T22)."),
        ("Contactability", f"{_parts(tables['T27'])} of the total (T27)."),
        (
            "Collection so far",
            f"{paper.money(received)} {package.currency} gross since charge-off, "
            f"{percent(received / package.claim_minor, 2)} of the claim that is left; "
            f"{percent(float((frame['received_minor'] > 0).mean()))} of the loans paid (T34).",
        ),
    ]


def _parts(table: Grouped) -> str:
    """The three largest bands with their shares."""
    rows = sorted(table.rows, key=lambda row: -row.total_minor)[:3]
    return ", ".join(f"{row.label} {percent(row.share)}" for row in rows)


def _grounds(inputs: ReportInputs) -> list[tuple[str, str]]:
    package = inputs.package
    return [
        ("Sealed file, SHA-256", package.content_sha256),
        ("Sealed", f"{package.sealed_at:%d %b %Y %H:%M} UTC"),
        ("Report date", f"{inputs.reported_at:%d %b %Y %H:%M} UTC"),
        ("Reader", "named at the foot of each page of a copy that leaves the venue"),
    ]


def contents_page(paper: Composer) -> None:
    """Table of contents on a page of its own."""
    paper.add(PageBreak(), Paragraph("Contents", paper.style.chapter), Spacer(0, 4))
    paper.add(contents(paper.style))


def summary(paper: Composer, inputs: ReportInputs, tables: Mapping[str, Grouped]) -> None:
    """Chapter 1: T1, T2, C1."""
    package = inputs.package
    paper.chapter(
        1,
        "Summary",
        f"{counted(package.loans, 'loan')} of {counted(package.borrowers, 'borrower')} with a "
        f"total of {paper.money(package.total_minor)} {package.currency}, as of "
        f"{package.cut_off_date:%d %B %Y}. Every table of this report has a total row that equals "
        "the figures of T1; a report whose parts do not add up is not made.",
    )
    paper.block([*paper.head("T1", "Key figures"), _key_figures(paper, inputs, tables["T21"])])
    _timetable(paper, inputs)
    _regions(paper, tables["T11"])


def _key_figures(paper: Composer, inputs: ReportInputs, largest: Grouped) -> object:
    left, right = _amounts(paper, inputs, largest), _averages(paper, inputs)
    size = max(len(left), len(right))
    left += [("", "")] * (size - len(left))
    right += [("", "")] * (size - len(right))
    head = [f"Amounts, {paper.currency}", "", "", "Averages, weighted by total", ""]
    rows = [[*a, "", *b] for a, b in zip(left, right, strict=True)]
    return paper.table([head, *rows], [134, 92, 24, 150, look.WIDTH - 400], right=(1, 4))


def _amounts(paper: Composer, inputs: ReportInputs, largest: Grouped) -> list[tuple[str, str]]:
    package, frame = inputs.package, inputs.frame
    return [
        ("Loans", f"{package.loans:,}"),
        ("Borrowers", f"{package.borrowers:,}"),
        ("Principal", paper.money(package.principal_minor)),
        ("Interest", paper.money(package.interest_minor)),
        ("Total = principal + interest", paper.money(package.total_minor)),
        ("Other fees", paper.money(package.fees_minor)),
        ("Claim = total + fees", paper.money(package.claim_minor)),
        ("Average total per loan", paper.money(package.total_minor // package.loans)),
        ("Average total per borrower", paper.money(package.total_minor // package.borrowers)),
        _largest_mean(paper, largest),
        ("Received since charge-off, gross", paper.money(int(frame["received_minor"].sum()))),
        ("Cost of collection so far", paper.money(int(frame["collection_cost_minor"].sum()))),
    ]


def _largest_mean(paper: Composer, largest: Grouped) -> tuple[str, str]:
    group = largest_together(largest)
    if group is None:
        return ("Average total of the largest", "not stated")
    mean = group.total_minor // group.borrowers
    return (f"Average total of the {group.borrowers} largest", paper.money(mean))


def _averages(paper: Composer, inputs: ReportInputs) -> list[tuple[str, str]]:
    frame = inputs.frame
    weights = (frame["principal_minor"] + frame["interest_minor"]).to_numpy(dtype=np.float64)
    rate = weighted_mean(known(frame, "annual_rate_bp"), weights)
    line = weighted_mean(known(frame, "credit_line_minor"), weights)
    amount = weighted_mean(known(frame, "original_amount_minor"), weights)
    reachable = frame["is_reachable"].dropna().astype(bool)
    sued = frame["litigation_status"] != "not_sued"
    return [
        ("Days overdue", text_of(weighted_mean(known(frame, "days_overdue"), weights), "{:,.0f}")),
        ("Months since charge-off", text_of(weighted_mean(known(frame, "age_months"), weights))),
        (
            "Months since last payment",
            text_of(weighted_mean(known(frame, "months_since_payment"), weights)),
        ),
        ("Yearly rate", "not stated" if rate is None else f"{rate / 100:.2f} %"),
        ("Amount paid out", "not stated" if amount is None else paper.money(round(amount))),
        ("Credit line", "not stated" if line is None else paper.money(round(line))),
        ("Term, months", text_of(weighted_mean(known(frame, "term_months"), weights))),
        (
            "Placements with agencies",
            text_of(weighted_mean(known(frame, "prior_placements"), weights)),
        ),
        ("Loans that paid after charge-off", _share(frame["received_minor"] > 0)),
        ("Loans in or after court", _share(sued)),
        (
            "Reachable, where stated",
            percent(float(reachable.mean())) if len(reachable) else "not stated",
        ),
        ("Loans with a value (status live)", _share(frame["status"] == "live")),
    ]


def _share(flags: pd.Series) -> str:
    return percent(float(flags.mean()))


def _timetable(paper: Composer, inputs: ReportInputs) -> None:
    pieces = paper.head("T2", "Timetable")
    if inputs.timetable:
        pieces.append(paper.facts(list(inputs.timetable)))
    else:
        pieces.append(
            paper.note(
                "No lot had been announced on this package when the report was made. Registration "
                "end, bidding day and payment days are terms of the lot and stand in its "
                "announcement."
            )
        )
    paper.block(pieces)


def _regions(paper: Composer, regions: Grouped) -> None:
    rows = sorted(regions.rows, key=lambda row: -row.total_minor)
    if len(rows) < 2:
        paper.small(f"C1 is not drawn: every loan is in one region ({regions.largest.label}).")
        return
    shown, rest = rows[:MOST_BARS], rows[MOST_BARS:]
    others = percent(sum(row.share for row in rest))
    top = sum(row.share for row in rows[:3])
    lead = f"{rows[0].label} holds {percent(rows[0].share)} of the total"
    chart = BarChart(
        title=f"{lead}; the first three regions {percent(top)}" if len(rows) > 5 else lead,
        alt="Total by province, largest first",
        x_label="Province",
        y_label="Total",
        unit=paper.currency,
        categories=tuple(row.label for row in shown),
        series=(Line("Total", tuple(row.total_minor for row in shown)),),
        is_horizontal=True,
    )
    note = f"{len(rest)} smaller ones hold {others} together (T11)." if rest else ""
    paper.chart("C1", "Total by province", chart, height=100, note=note)
