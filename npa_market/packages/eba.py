"""The EBA's templates for sales of non-performing loans as data: number, name, column of ours.

Source: Commission Implementing Regulation (EU) 2023/2083, Annex I (templates) and Annex II (data
glossary), which prints the numbers with a comma (3,01). Names marked `is_confirmed` were compared
with the text of Annex I; the other numbers stand in the glossary, but were read second-hand. What
a tape does not give is left out rather than guessed.
"""

from dataclasses import dataclass
from typing import Literal

How = Literal["plain", "money", "rate", "flag", "constant"]


@dataclass(frozen=True)
class EbaField:
    """One column of a template. `source`: column of the sealed file, or the constant itself."""

    number: str
    name: str
    source: str
    how: How = "plain"
    is_confirmed: bool = False

    @property
    def head(self) -> str:
        """`3.01 Loan Identifier`."""
        return f"{self.number} {self.name}"


CUT_OFF, REPAID, PAID_IN = "cut-off date", "gross_minor", "month"
COUNTERPARTY = (
    EbaField("1.02", "Counterparty Identifier", "borrower_token", is_confirmed=True),
    EbaField("1.05", "Role of the counterparty", "Borrower", "constant", is_confirmed=True),
    EbaField("1.06", "Legal Type of Counterparty", "Private individual", "constant", True),
    EbaField("1.19", "Availability of telephone number", "is_reachable", "flag", True),
    EbaField("1.20", "Date of Last Contact", "last_contact_month", is_confirmed=True),
)
RELATIONSHIP = (
    EbaField("2.00", "Counterparty Identifier", "borrower_token", is_confirmed=True),
    EbaField("2.01", "Loan Identifier", "loan_token", is_confirmed=True),
)
LOAN = (
    EbaField("3.00", "Cut-off Date", CUT_OFF, is_confirmed=True),
    EbaField("3.01", "Loan Identifier", "loan_token", is_confirmed=True),
    EbaField("3.02", "Inception date", "origination_date", is_confirmed=True),
    EbaField("3.06", "Product type", "product"),
    EbaField("3.08", "Loan currency", "currency"),
    EbaField("3.09", "Principal balance", "principal_minor", "money"),
    EbaField("3.10", "Accrued interest balance", "interest_minor", "money"),
    EbaField("3.11", "Other balances", "fees_minor", "money"),
    EbaField("3.12", "Legal balance", "claim_minor", "money"),
    EbaField("3.13", "Days in past-due", "days_overdue"),
    EbaField("3.14", "Interest rate", "annual_rate_bp", "rate"),
    EbaField("3.21", "Last payment date", "last_payment_date"),
    EbaField("3.23", "Date of default", "default_date"),
    EbaField("3.26", "Stage reached in legal proceedings", "litigation_status"),
)
REPAYMENTS = (
    EbaField("5.00", "Loan Identifier", "loan_token"),
    EbaField("5.03", "History of total repayments, month", PAID_IN),
    EbaField("5.03", "History of total repayments, amount", REPAID, "money"),
)
TEMPLATES: dict[str, tuple[EbaField, ...]] = {
    "1 Counterparty": COUNTERPARTY,
    "2.1 Relationship borrower-loan": RELATIONSHIP,
    "3 Loan": LOAN,
    "5 Historical collection of repayments": REPAYMENTS,
}
