"""What the report says and shows of histories that were attached to the loans at sealing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from npa_market.diligence.report import style as look
from npa_market.diligence.report.composer import Composer, percent
from npa_market.diligence.report.groups import Grouped, Row, checked
from npa_market.diligence.report.inputs import PackageFacts
from npa_market.packages.history_tables import FEW, MOST

NAMES = {
    "payments": "payment history",
    "contacts": "contact log",
    "legal": "history of legal steps",
    "placements": "history of placements",
    "complaints": "complaint log",
    "documents": "checklist of documents",
}
TableDocument = Mapping[str, Any]
Missing = tuple[str, str, str]


def attached(package: PackageFacts, kind: str) -> str:
    """How far the history of this kind reaches, as a sentence."""
    name = NAMES[kind]
    if package.histories is None:
        return (
            f"This version was sealed without saying whether a {name} is attached to its loans; "
            "it can be asked in the data room."
        )
    found = package.histories.get(kind)
    if found is None:
        return f"When this version was sealed, no {name} was attached to its loans."
    if found["reach"] == FEW:
        return (
            f"When this version was sealed, a {name} was attached to loans of fewer than five "
            "borrowers; nothing of it is shown."
        )
    if found["reach"] == MOST:
        return (
            f"When this version was sealed, a {name} was attached to its loans, all but those of "
            "fewer than five borrowers."
        )
    return (
        f"When this version was sealed, a {name} was attached: {_entries(found['rows'])} on "
        f"{found['loans']:,} of {package.loans:,} loans."
    )


def is_attached(package: PackageFacts, kind: str) -> bool:
    """Does any loan have a history of this kind?"""
    return kind in (package.histories or {})


def tables_of(package: PackageFacts, kind: str) -> dict[str, TableDocument]:
    """The tables of a kind by key, as they were frozen; none where few loans have it."""
    found = (package.histories or {}).get(kind, {})
    return {table["key"]: table for table in found.get("tables", [])}


def without_tables(
    package: PackageFacts, lines: Iterable[tuple[str, str, Missing]]
) -> list[Missing]:
    """Of lines (kind, key of a table, line of what is missing) those whose table is not there."""
    return [line for kind, key, line in lines if key not in tables_of(package, kind)]


def class_groups(
    paper: Composer, package: PackageFacts, kind: str, wanted: Sequence[tuple[str, str, str, str]]
) -> None:
    """Tables of classes that are there; wanted: (key, number, title, head)."""
    tables = tables_of(package, kind)
    for key, number, title, head in wanted:
        if key in tables:
            paper.groups(grouped_of(tables[key], package, number=number, title=title, head=head))


def grouped_of(
    table: TableDocument, package: PackageFacts, *, number: str, title: str, head: str
) -> Grouped:
    """A frozen table of classes as one of the report. Raises ReportDoesNotAddUp."""
    whole = package.total_minor
    rows = tuple(
        Row(**row, share=row["total_minor"] / whole if whole else 0.0) for row in table["rows"]
    )
    total = Row("Total", package.loans, package.borrowers, package.principal_minor, whole, 1.0)
    return checked(Grouped(number, title, head, rows, total), package)


def channels(paper: Composer, package: PackageFacts) -> None:
    """T28: attempts and right-party contacts by channel, where a log is attached."""
    table = tables_of(package, "contacts").get("channels")
    if table is None:
        return
    head = [
        "Channel",
        "Loans",
        "Borrowers",
        "Attempts",
        "Answered",
        "Right party",
        "Share",
    ]
    total = table["total"]
    pieces = paper.table(
        [head, *(_channel(line) for line in _lines(table))],
        [150, 58, 62, 62, 62, 62, look.WIDTH - 456],
        right=range(1, 7),
        total=True,
    )
    finding = (
        f"{total['rows']:,} attempts on {total['loans']:,} of {package.loans:,} loans: "
        f"{percent(total['right_party'] / total['rows'])} reached the right party."
    )
    heading = paper.head("T28", "Attempts and right-party contacts by channel", finding)
    paper.block([*heading, pieces])


def _channel(line: Mapping[str, Any]) -> list[str]:
    share = percent(line["right_party"] / line["rows"])
    figures = (line[name] for name in ("loans", "borrowers", "rows", "answered", "right_party"))
    return [line["label"], *(f"{figure:,}" for figure in figures), share]


def checklist(paper: Composer, package: PackageFacts) -> None:
    """T31: each document and in which form it is there; every document adds up to the package."""
    tables = tables_of(package, "documents")
    if not tables:
        return
    body = []
    for key, table in tables.items():
        name = key.replace("_", " ").capitalize()
        grouped_of(table, package, number="T31", title=name, head=name)
        body += [
            [
                name if place == 0 else "",
                row["label"],
                f"{row['loans']:,}",
                f"{row['borrowers']:,}",
                paper.money(row["principal_minor"]),
                paper.money(row["total_minor"]),
                percent(row["total_minor"] / package.total_minor if package.total_minor else 0.0),
            ]
            for place, row in enumerate(table["rows"])
        ]
    head = ["Document", "State", "Loans", "Borrowers", "Principal", f"Total, {paper.currency}"]
    pieces = paper.table(
        [[*head, "Share"], *body],
        [92, 92, 44, 52, 90, 90, look.WIDTH - 460],
        right=range(2, 7),
    )
    heading = paper.head("T31", "Checklist of documents", attached(package, "documents"))
    paper.block([*heading, pieces], may_split=len(body) > 16)


def agencies(paper: Composer, package: PackageFacts) -> None:
    """T33a: agencies with dates, commission and what they received."""
    table = tables_of(package, "placements").get("agencies")
    if table is None:
        return
    head = ["Agency", "Loans", "Borrowers", "Placements", "Placed", "Commission", "Received"]
    pieces = paper.table(
        [head, *(_agency(paper, line) for line in _lines(table))],
        [126, 46, 54, 58, 92, 62, look.WIDTH - 438],
        right=range(1, 7),
        total=True,
    )
    note = paper.paragraph(
        "A loan counts for each agency that had it. Received, where the seller states it, in "
        f"{paper.currency}.",
        paper.style.small,
    )
    heading = paper.head("T33a", "Agencies", attached(package, "placements"))
    paper.block([*heading, pieces, note], may_split=len(table["rows"]) > 16)


def _agency(paper: Composer, line: Mapping[str, Any]) -> list[str]:
    first, last = line["first"], line["last"]
    low, high = (line[f"{end}_commission_bp"] for end in ("lowest", "highest"))
    rates = [f"{rate / 100:g}" for rate in sorted({low, high} - {None})]
    return [
        line["label"],
        *(f"{line[name]:,}" for name in ("loans", "borrowers", "rows")),
        first if first == last else f"{first} to {last}",
        f"{' to '.join(rates)} %" if rates else "–",
        paper.money(line["received_minor"] if line["received_stated"] else None),
    ]


def payments(paper: Composer, package: PackageFacts) -> None:
    """T34a: payments of the attached history by month."""
    table = tables_of(package, "payments").get("payments_by_month")
    if table is None:
        return
    head = ["Month", "Loans that paid", "Borrowers", "Payments", "Gross", "Kept by collectors"]
    pieces = paper.table(
        [head, *(_month(paper, line) for line in _lines(table))],
        [138, 70, 62, 62, 88, look.WIDTH - 420],
        right=range(1, 6),
        total=True,
    )
    note = paper.paragraph(
        "The history of the seller's payments, before and after charge-off; it does not replace "
        f"the receipts of T34, which the tape states. Amounts in {paper.currency}. Months of fewer "
        "than five borrowers are joined.",
        paper.style.small,
    )
    heading = paper.head("T34a", "Payments by month, as attached", attached(package, "payments"))
    paper.block([*heading, pieces, note], may_split=True)


def _month(paper: Composer, line: Mapping[str, Any]) -> list[str]:
    counts = (f"{line[name]:,}" for name in ("loans", "borrowers", "rows"))
    return [
        line["label"],
        *counts,
        paper.money(line["gross_minor"]),
        paper.money(line["cost_minor"]),
    ]


def _lines(table: TableDocument) -> list[Mapping[str, Any]]:
    return [*table["rows"], table["total"]]


def _entries(rows: int) -> str:
    return "1 entry" if rows == 1 else f"{rows:,} entries"
