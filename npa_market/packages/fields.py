"""The field dictionary of criteria: what a package may be chosen by."""

from dataclasses import dataclass, field
from enum import StrEnum

from npa_market.tapes.models import LitigationStatus, LoanStatus


class Kind(StrEnum):
    """Type of a field's value in criteria; it decides which comparisons exist."""

    TEXT = "text"
    CHOICE = "choice"
    MONEY = "money"  # integer minor units
    NUMBER = "number"
    MONTHS = "months"  # whole months from the column's date to the cut-off date
    DATE = "date"  # ISO 8601
    FLAG = "flag"


@dataclass(frozen=True)
class Field:
    """One field: its column on the loan, title in words, unit, and the values of a choice."""

    name: str
    title: str
    kind: Kind
    column: str
    unit: str = ""
    choices: dict[str, str] = field(default_factory=dict)
    is_nullable: bool = False


def _choices(pairs: list[tuple[str, str]]) -> dict[str, str]:
    return {value: str(label) for value, label in pairs}


_ALL = (
    Field("product", "product", Kind.TEXT, "product"),
    Field("province", "province", Kind.TEXT, "province"),
    Field("city", "city", Kind.TEXT, "city"),
    Field("grade", "grade", Kind.TEXT, "grade"),
    Field("principal", "principal", Kind.MONEY, "principal_minor"),
    Field("interest", "interest", Kind.MONEY, "interest_minor"),
    Field("fees", "other fees", Kind.MONEY, "fees_minor"),
    Field("claim", "claim", Kind.MONEY, "claim_minor"),
    Field(
        "original_amount", "amount paid out", Kind.MONEY, "original_amount_minor", is_nullable=True
    ),
    Field("credit_line", "credit line", Kind.MONEY, "credit_line_minor", is_nullable=True),
    Field("received", "received after charge-off", Kind.MONEY, "received_minor"),
    Field(
        "annual_rate_bp",
        "yearly rate",
        Kind.NUMBER,
        "annual_rate_bp",
        unit="bp",
        is_nullable=True,
    ),
    Field("term_months", "term", Kind.NUMBER, "term_months", unit="months", is_nullable=True),
    Field(
        "instalments_paid", "instalments paid", Kind.NUMBER, "instalments_paid", is_nullable=True
    ),
    Field(
        "days_overdue", "days overdue", Kind.NUMBER, "days_overdue", unit="days", is_nullable=True
    ),
    Field("prior_placements", "placements with agencies", Kind.NUMBER, "prior_placements"),
    Field(
        "months_since_charge_off",
        "months since charge-off",
        Kind.MONTHS,
        "charge_off_date",
        is_nullable=True,
    ),
    Field(
        "months_since_payment",
        "months since the last payment",
        Kind.MONTHS,
        "last_payment_date",
        is_nullable=True,
    ),
    Field(
        "months_since_contact",
        "months since the last contact",
        Kind.MONTHS,
        "last_contact_date",
        is_nullable=True,
    ),
    Field("origination_date", "origination date", Kind.DATE, "origination_date", is_nullable=True),
    Field("default_date", "default date", Kind.DATE, "default_date", is_nullable=True),
    Field("charge_off_date", "charge-off date", Kind.DATE, "charge_off_date", is_nullable=True),
    Field(
        "litigation_status",
        "litigation status",
        Kind.CHOICE,
        "litigation_status",
        choices=_choices(LitigationStatus.choices),
    ),
    Field("status", "status", Kind.CHOICE, "status", choices=_choices(LoanStatus.choices)),
    Field("is_reachable", "reachable", Kind.FLAG, "is_reachable", is_nullable=True),
)
FIELDS: dict[str, Field] = {each.name: each for each in _ALL}
