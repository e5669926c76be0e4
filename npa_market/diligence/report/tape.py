"""Chapter 2: what the sealed file holds, what it lacks, what the screen found."""

from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.platypus import Spacer

from npa_market.diligence.report import style as look
from npa_market.diligence.report.composer import Composer, counted, percent
from npa_market.diligence.report.inputs import PackageFacts, ReportDoesNotAddUp, ReportInputs
from npa_market.packages.bidder_screen import (
    REACH_WORDS,
    excluded_by_all,
    findings_for_others,
)
from npa_market.packages.bidder_tables import SMALLEST_CELL
from npa_market.packages.screen_items import NOT_SCREENED
from npa_market.packages.stratify import completeness

MEANING_OF_A_GAP = {
    "last_payment_date": "no payment is on the seller's records",
    "is_reachable": "the seller did not state it",
    "last_contact_month": "no contact is on the seller's records",
    "credit_line_minor": "an instalment loan, or not stated",
    "city_tier": "the city is not stated or not in the list of tiers",
    "age_band": "no year of birth can be derived",
    "sex": "cannot be derived from the tape",
}
TREATMENT = {"exclude": "taken out", "disclose": "stay in, disclosed"}


def tape(paper: Composer, inputs: ReportInputs) -> None:
    """Chapter 2: T3, T4, T5."""
    package = inputs.package
    paper.chapter(
        2,
        "Data",
        f"The report reads the sealed file alone: {counted(package.loans, 'row')}, one per loan, "
        f"frozen on {package.sealed_at:%d %b %Y}. Names, identity numbers, telephone numbers, "
        "addresses and account numbers are not in it; loans and borrowers carry tokens that differ "
        "from package to package.",
    )
    _selection(paper, package)
    _completeness(paper, inputs)
    _screen(paper, package)
    _versions(paper, inputs)


def _completeness(paper: Composer, inputs: ReportInputs) -> None:
    rows, gaps = [], 0
    for line in completeness(inputs.frame):
        if line.filled + line.missing != inputs.package.loans:
            raise ReportDoesNotAddUp(
                "T3 Completeness", line.field, line.filled + line.missing, inputs.package.loans
            )
        gaps += line.missing > 0
        why = MEANING_OF_A_GAP.get(line.field, "not stated by the seller")
        rows.append(
            [
                line.title,
                f"{line.filled:,}",
                f"{line.missing:,}",
                percent(line.share),
                paper.bar(line.share),
                why if line.missing else "",
            ]
        )
    head = ["Field", "Filled", "Missing", "Filled", "", "What a gap means"]
    table = paper.table([head, *rows], [150, 50, 50, 50, 50, look.WIDTH - 350], right=(1, 2, 3))
    finding = (
        f"{len(rows) - gaps} of {len(rows)} fields are complete; balances always are. Rows "
        "with invalid values were rejected at import and are not in the package."
    )
    paper.block([*paper.head("T3", "Completeness by field", finding), table], may_split=True)


def _screen(paper: Composer, package: PackageFacts) -> None:
    if not package.screen_results:
        pieces = [
            *paper.head("T4", "Pre-sale screen"),
            paper.note("No result of a pre-sale screen is kept with this package.", warn=True),
        ]
        paper.block(pieces)
        return
    results = findings_for_others(package.screen_results, package.borrowers)
    rows = [_screen_row(paper, line) for line in results if line["treatment"] != NOT_SCREENED]
    open_items = [line["title"] for line in results if line["treatment"] == NOT_SCREENED]
    out = excluded_by_all(results)
    if out is not None:
        rows.append(["Taken out by the screen", "", "", "", f"{out:,}", "", ""])
    head = ["Rule", "Treatment", "Loans hit", "Borrowers", "Taken out", "Principal", "Claim"]
    table = paper.table(
        [head, *rows],
        [136, 82, 44, 82, 44, 54, look.WIDTH - 442],
        right=range(2, 7),
        total=out is not None,
    )
    finding = _screen_finding(results, out, paper.currency)
    pieces = [*paper.head("T4", "Pre-sale screen", finding), table]
    if open_items:
        words = ", ".join(item.lower() for item in open_items)
        pieces += [
            Spacer(0, 3),
            paper.paragraph(
                f"Open, because no field of the tape answers it: {words}.", paper.style.small
            ),
        ]
    paper.block(pieces)


def _screen_row(paper: Composer, line: Mapping[str, Any]) -> list[str]:
    treatment = TREATMENT.get(line["treatment"], line["treatment"])
    if reach := line.get("reach"):
        return [line["title"], treatment, "–", REACH_WORDS[reach], "–", "–", "–"]
    return [
        line["title"],
        treatment if line["hits"] else "",
        f"{line['hits']:,}",
        f"{line['borrowers']:,}",
        "–" if line["excluded"] is None else f"{line['excluded']:,}",
        paper.money(line["principal_minor"] or None),
        paper.money(line["claim_minor"] or None),
    ]


def _screen_finding(results: Sequence[Mapping[str, Any]], out: int | None, currency: str) -> str:
    kept = [line["hits"] for line in results if line["treatment"] == "disclose"]
    words = []
    if out is None:
        words.append(f"Figures that would be of fewer than {SMALLEST_CELL} borrowers are left out.")
    else:
        words.append(f"{counted(out, 'loan')} taken out before sealing.")
    if any(kept) and None not in kept:
        words.append(f"{sum(kept):,} hits stay in the package and are disclosed here.")
    words.append(f"Amounts in {currency}; a loan can meet several rules and is taken out once.")
    return " ".join(words)


def _versions(paper: Composer, inputs: ReportInputs) -> None:
    package, before = inputs.package, inputs.earlier
    pieces = paper.head("T5", "Difference from the version before")
    if before is None:
        pieces.append(
            paper.note(
                f"{package.name} has no sealed version before it, so there is nothing to compare."
            )
        )
        paper.block(pieces)
        return
    figures = [
        ("Loans", before.loans, package.loans, "{:,}".format),
        ("Borrowers", before.borrowers, package.borrowers, "{:,}".format),
        ("Principal", before.principal_minor, package.principal_minor, paper.money),
        ("Interest", before.interest_minor, package.interest_minor, paper.money),
        ("Claim", before.claim_minor, package.claim_minor, paper.money),
    ]
    rows = [[name, form(was), form(now), form(now - was)] for name, was, now, form in figures]
    head = [f"Amounts in {paper.currency}", before.name, package.name, "Difference"]
    pieces.append(paper.table([head, *rows], [133, 120, 120, 120], right=(1, 2, 3)))
    paper.block(pieces)


def _selection(paper: Composer, package: PackageFacts) -> None:
    basis = package.transfer_basis or "The seller has recorded no transfer basis."
    rows = [
        ("Selection", package.selection or "All imported loans of the seller that pass the screen"),
        ("Legal basis of the transfer, as the seller records it", basis),
    ]
    paper.block([*paper.head("", "Selection and transfer basis"), paper.facts(rows, first=210)])
