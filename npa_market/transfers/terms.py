"""Terms of a deal beyond the lot's own: days, shares and windows, copied in at the award.

They are the venue's defaults (edition below), not law: a venue sets its own through the setting
`DEAL_TERMS`, and what a deal copied at its award never changes afterwards.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

EDITION = "2026-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class DealTerms:
    """Working days are counted by the calendar of `working_days`; shares per 100,000."""

    edition: str = EDITION
    contract_working_days: int = 10
    payment_working_days: int = 10
    delivery_working_days: int = 10
    settlement_working_days: int = 10
    notice_days: int = 30
    putback_days: int = 90
    putback_answer_working_days: int = 10
    putback_cap_per_100k: int = 100_000
    balance_tolerance_per_100k: int = 1_000
    receipts_cost_per_100k: int = 10_000
    free_document_requests: int = 50
    document_answer_working_days: int = 10
    forwarding_working_days: int = 5
    complaint_working_days: int = 5
    liability_cap_per_100k: int = 100_000
    download_limit: int = 5
    download_days: int = 30
    law: str = "the law of the People's Republic of China"

    def as_json(self) -> dict[str, Any]:
        """Plain values for the deal's row and its evidence."""
        return asdict(self)


def read_terms(values: Mapping[str, Any]) -> DealTerms:
    """Terms from stored or configured values; a missing one takes its default.

    Raises ValueError for an unknown name or a value of another type or below zero.
    """
    types = {field.name: field.type for field in fields(DealTerms)}
    for name, value in values.items():
        if type(value) is not types.get(name):
            raise ValueError(f"no deal term {name} of this type")
        if isinstance(value, int) and value < 0:
            raise ValueError(f"deal term {name} is below zero")
    return DealTerms(**values)


PUTBACK_REASONS = (
    ("DECEASED", "The borrower died before the cut-off date.", "death record"),
    ("BANKRUPT", "Bankruptcy or personal debt clearing before the cut-off date.", "court paper"),
    ("PAID", "Paid in full before the cut-off date.", "proof of payment"),
    ("SETTLED", "Settled before the cut-off date.", "settlement agreement"),
    ("NOT_OWNED", "The seller did not own the loan.", "chain of title"),
    ("DUPLICATE", "The loan is in the list twice, or was sold before.", "both records"),
    ("FRAUD", "Identity theft: the borrower never took the loan.", "police or court paper"),
    ("NO_DOCS", "A promised file is missing after the time to answer.", "the request"),
    ("BALANCE", "The balance differs by more than the tolerance.", "statement of account"),
    ("TIME_BARRED", "Time-barred and not disclosed.", "dates of the claim"),
    ("LITIGATION", "A lawsuit that was not disclosed.", "court paper"),
    ("NO_TRANSFER_BASIS", "The loan contract allows no transfer.", "the contract"),
)
