"""Chapters 4 to 6: legal standing, contact, documents; what is not on the tape is said in words."""

import numpy as np

from npa_market.common.charts import BarChart, Line
from npa_market.diligence.report.attached import (
    attached,
    channels,
    checklist,
    class_groups,
    is_attached,
    tables_of,
    without_tables,
)
from npa_market.diligence.report.composer import Composer, percent
from npa_market.diligence.report.frames import banded, known
from npa_market.diligence.report.groups import Grouped, checked, grouped, without_small_cells
from npa_market.diligence.report.inputs import PackageFacts, ReportInputs

NEVER = "no contact on record"
CONTACT_EDGES = (3, 6, 12, 24)
CONTACT_BANDS = (
    "under 3 months",
    "3 to 5 months",
    "6 to 11 months",
    "12 to 23 months",
    "24 months and more",
)
AGE_EDGES = (12, 24, 36, 48)
AGE_BANDS = ("under 12", "12 to 23", "24 to 35", "36 to 47", "48 and more")


def legal(paper: Composer, package: PackageFacts, litigation: Grouped, status: Grouped) -> None:
    """Chapter 4: T22, T25, and what is missing."""
    paper.chapter(
        4,
        "Legal standing",
        "Where the loans stand in court, and which carry a status that takes their value away.",
    )
    paper.groups(litigation)
    paper.groups(
        status,
        note="Loans with another status than live are valued at 0: Value by segment, chapter 8.",
    )
    class_groups(
        paper,
        package,
        "legal",
        [
            ("legal_stage", "T23", "Last legal step", "Stage"),
            ("court_level", "T23a", "Court of the last legal step", "Court level"),
        ],
    )
    court = (
        "T23",
        "Court level and stage",
        "The tape has the status of a suit, not its court. " + attached(package, "legal"),
    )
    paper.missing(
        [
            *without_tables(package, [("legal", "legal_stage", court)]),
            (
                "T24",
                "Limitation period by loan",
                "No dated proof of interruption is on the tape. The screen (T4) derives limitation "
                "from default, payment and contact dates where the law is on record.",
            ),
            (
                "T26",
                "Rate against legal limits",
                "Limits depend on date and kind of contract, which the tape does not state. "
                "Contract rates are in T14.",
            ),
        ]
    )


def contact(paper: Composer, inputs: ReportInputs, reachability: Grouped) -> None:
    """Chapter 5: T27 (two tables), C5, and what is missing."""
    paper.chapter(
        5,
        "Contact",
        "Whether the borrower's own number answers, and when somebody last spoke to them.",
        on_new_page=False,
    )
    package = inputs.package
    paper.groups(reachability)
    paper.groups(checked(without_small_cells(by_last_contact(inputs)), package))
    _by_age_of_debt(paper, inputs)
    _logs(paper, package)


def _logs(paper: Composer, package: PackageFacts) -> None:
    """T28 and T29 where logs are attached, and what is missing."""
    channels(paper, package)
    wanted = [
        ("contact_result", "T28a", "Best result of all attempts", "Result"),
        ("last_contact", "T28b", "Last entry of the contact log", "Last entry"),
    ]
    class_groups(paper, package, "contacts", wanted)
    wanted = [("complaints", "T29", "Complaints", "Gravest complaint")]
    class_groups(paper, package, "complaints", wanted)
    attempts = ("T28", "Attempts and right-party contacts", attached(package, "contacts"))
    complaints = (
        "T29",
        "Complaints",
        "Open disputes are a status (T25) and a rule of the screen (T4), which also counts open "
        "complaints of the seller's histories. " + attached(package, "complaints"),
    )
    lines = [("contacts", "channels", attempts), ("complaints", "complaints", complaints)]
    paper.missing(
        [
            *without_tables(package, lines),
            ("T30", "Contact rules", _contact_rules(package)),
        ]
    )


def _contact_rules(package: PackageFacts) -> str:
    words = "They are checked on a contact log, row by row."
    if is_attached(package, "contacts"):
        return f"{words} No rule was run on the log that is attached (T28)."
    return f"{words} {attached(package, 'contacts')}"


def by_last_contact(inputs: ReportInputs) -> Grouped:
    """T27a: whole months from the month of the last contact to the cut-off date."""
    day = inputs.package.cut_off_date
    month = inputs.frame["last_contact_month"].astype("datetime64[ns]")
    since = (day.year - month.dt.year) * 12 + (day.month - month.dt.month)
    values = np.asarray(since, dtype=np.float64)
    return grouped(
        inputs.frame,
        banded(values, CONTACT_EDGES, CONTACT_BANDS, NEVER),
        order=(*CONTACT_BANDS, NEVER),
        number="T27a",
        title="Last contact before the cut-off date",
        head="Last contact",
    )


def _by_age_of_debt(paper: Composer, inputs: ReportInputs) -> None:
    frame = inputs.frame
    stated = frame["is_reachable"].notna().to_numpy() & frame["age_months"].notna().to_numpy()
    if not stated.any():
        paper.small("C5 is not drawn: the tape does not state who is reachable.")
        return
    bands = banded(known(frame, "age_months"), AGE_EDGES, AGE_BANDS, "")[stated]
    reach = frame["is_reachable"][stated].astype(bool).to_numpy()
    names = [name for name in AGE_BANDS if (bands == name).any()]
    shares = [float(reach[bands == name].mean()) for name in names]
    chart = BarChart(
        title=f"{percent(float(reach.mean()))} of the loans with a stated number are reachable",
        alt="Share of reachable loans by months since charge-off",
        x_label="Months since charge-off",
        y_label="Reachable",
        unit="%",
        categories=tuple(names),
        series=(Line("Reachable", tuple(shares)),),
    )
    paper.chart("C5", "Contactability by age of the debt", chart, height=140)


def documents(paper: Composer, package: PackageFacts) -> None:
    """Chapter 6: T31 where a checklist is attached, else in words; the tape holds no files."""
    paper.chapter(
        6,
        "Documents",
        "Contracts, payout proofs and judgments are handed over after the sale; the sealed file "
        "holds none of them.",
        on_new_page=False,
    )
    checklist(paper, package)
    terms = (
        "Which files the seller promises, and by when, is a term of the contract; a promised file "
        "that is missing is a putback reason."
    )
    lines = [
        (
            "T32",
            "Evidence level of records",
            "Sealing, report and admissions are entries of the venue's evidence log (chapter "
            "11). Records inside the seller's own systems are not logged there.",
        )
    ]
    if tables_of(package, "documents"):
        paper.small(terms)
    else:
        words = f"{attached(package, 'documents')} {terms}"
        lines.insert(0, ("T31", "Checklist of documents", words))
    paper.missing(lines)
