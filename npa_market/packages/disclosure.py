"""The bidder's form of the rows: dates to months, and no small group of look-alike borrowers.

The borrower's token joins the loans of one person, so what is known of a person is the same in all
of their rows, and a group counts persons.

Applies the column "data room" of the personal-data rules to a frame of `sealed.read_sealed`. The
exact balances still make rows unique, so the result stays personal data: agreement, log, watermark.
"""

from dataclasses import dataclass

import pandas as pd

from npa_market.packages.anonymity import SMALLEST_GROUP, Step, anonymise

_MONTHLY = ("origination_date", "default_date", "charge_off_date", "last_payment_date")
OVERDUE_STEP_DAYS = 30  # Days overdue to the day would give the default date back.
_WIDER_AGES = {
    "18-24": "18-34",
    "25-34": "18-34",
    "35-44": "35-54",
    "45-54": "35-54",
    "55-64": "55+",
    "65+": "55+",
}
_QUARTER = "default_quarter"
_OF_PERSON = ("age_band", "sex", "province", "city_tier")
# In the order in which detail is given up; the product goes last, it is worth most to a bidder and
# says least about a person.
LADDER = (
    Step("city_tier"),
    Step("age_band", lambda band: _WIDER_AGES.get(band, band)),
    Step("age_band"),
    Step("sex"),
    Step("province"),
    Step(_QUARTER),
    Step("product"),
)
_TEXTS = ("city_tier", "age_band", "sex", "province", "product")
_NEEDED = ("loan_token", "borrower_token", "days_overdue", "principal_minor", "claim_minor")
READ = frozenset({*_NEEDED, *_MONTHLY, *_TEXTS})  # needed beside the columns asked for


@dataclass(frozen=True)
class BidderForm:
    """The rows that may be shown, and what became of the others.

    generalised: rows that lost detail. suppressed: rows left out, at most 2 % of the package, with
    their principal and claim, so that the rows shown and these make up the package's totals.
    """

    frame: pd.DataFrame
    generalised: int
    suppressed: int
    suppressed_principal_minor: int
    suppressed_claim_minor: int

    def left_out(self) -> dict[str, int]:
        """What a copy says about the rows that are not in it."""
        return {
            "suppressed_loans": self.suppressed,
            "suppressed_principal_minor": self.suppressed_principal_minor,
            "suppressed_claim_minor": self.suppressed_claim_minor,
        }


def bidder_form(frame: pd.DataFrame, smallest_group: int = SMALLEST_GROUP) -> BidderForm:
    """Dates to the first of the month, days overdue to steps of 30, groups of at least k borrowers.

    A group shares age band, sex, province, city tier, product and default quarter (`LADDER`); see
    `anonymity.anonymise`. The number and mix of one borrower's loans is not a quasi-identifier.
    The frame given is not changed.
    """
    quarter = (
        frame["default_date"].dt.to_period("Q").astype(str).where(frame["default_date"].notna(), "")
    )
    found = anonymise(
        frame[["borrower_token", *_TEXTS]].assign(**{_QUARTER: quarter}),
        [*_TEXTS, _QUARTER],
        LADDER,
        person="borrower_token",
        of_person=_OF_PERSON,
        smallest_group=smallest_group,
    )
    shown = frame.copy()
    for name in _MONTHLY:
        shown[name] = shown[name].dt.to_period("M").dt.to_timestamp()
    shown["days_overdue"] = shown["days_overdue"] // OVERDUE_STEP_DAYS * OVERDUE_STEP_DAYS
    for name in _TEXTS:
        shown[name] = pd.Series(found.values[name], index=shown.index, dtype=object)
    given_up = found.given_up[_QUARTER]
    shown.loc[given_up, "default_date"] = pd.NaT
    shown.loc[given_up, "days_overdue"] = pd.NA  # The same moment in another coat.
    left_out = frame[found.is_suppressed]
    return BidderForm(
        shown[~found.is_suppressed].reset_index(drop=True),
        int(found.is_generalised.sum()),
        int(found.is_suppressed.sum()),
        int(left_out["principal_minor"].sum()),
        int(left_out["claim_minor"].sum()),
    )
