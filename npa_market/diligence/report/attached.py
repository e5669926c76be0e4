"""What the report says of histories that were, or were not, attached to the loans at sealing."""

from npa_market.diligence.report.composer import counted
from npa_market.diligence.report.inputs import PackageFacts

NAMES = {
    "payments": "payment history",
    "contacts": "contact log",
    "legal": "history of legal steps",
    "placements": "history of placements",
    "complaints": "complaint log",
    "documents": "checklist of documents",
}
FEW, MOST = "few", "most"


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


def _entries(rows: int) -> str:
    return counted(rows, "entry") if rows == 1 else f"{rows:,} entries"
