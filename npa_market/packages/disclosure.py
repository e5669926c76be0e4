"""The bidder's form of the rows: dates to months, and no small group of look-alike borrowers.

Applies the column "data room" of the personal-data rules to a frame of `sealed.read_sealed`. The
exact balances still make rows unique, so the result stays personal data: agreement, log, watermark.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

SMALLEST_GROUP = 5
_MONTHLY = ("origination_date", "default_date", "charge_off_date", "last_payment_date")
OVERDUE_STEP_DAYS = 30  # Days overdue to the day would give the default date back.
# Quasi-identifiers in the order in which they are given up; the product goes last, it is worth
# most to a bidder and says least about a person.
_GIVEN_UP = ("city_tier", "age_band", "sex", "province", "default_date", "product")
READ = frozenset({"loan_token", "days_overdue", *_MONTHLY, *_GIVEN_UP})  # needed beside the asked


@dataclass(frozen=True)
class BidderForm:
    """The rows, and how many had a quasi-identifier blanked, and how many lost them all."""

    frame: pd.DataFrame
    generalised: int
    suppressed: int


def bidder_form(frame: pd.DataFrame, smallest_group: int = SMALLEST_GROUP) -> BidderForm:
    """Dates to the first of the month, days overdue to steps of 30, groups of at least k loans.

    A group shares age band, sex, province, city tier, product and default quarter. Rows of smaller
    groups lose one of these after the other, in a fixed order, until their group is large enough;
    what is left at the end has lost all of them. The frame given is not changed.
    """
    shown = frame.copy()
    for name in _MONTHLY:
        shown[name] = shown[name].dt.to_period("M").dt.to_timestamp()
    shown["days_overdue"] = shown["days_overdue"] // OVERDUE_STEP_DAYS * OVERDUE_STEP_DAYS
    touched = np.zeros(len(shown), dtype=bool)
    for name in _GIVEN_UP:
        small = _group_sizes(shown) < smallest_group
        shown.loc[small, name] = pd.NaT if name == "default_date" else ""
        if name == "default_date":  # The same moment in another coat.
            shown.loc[small, "days_overdue"] = pd.NA
        touched |= small
    suppressed = small & touched
    return BidderForm(shown, int((touched & ~suppressed).sum()), int(suppressed.sum()))


def _group_sizes(shown: pd.DataFrame) -> "pd.Series[int]":
    """Size of the group of each row."""
    keys = [shown[name] for name in _GIVEN_UP if name != "default_date"]
    quarter = shown["default_date"].dt.year * 4 + shown["default_date"].dt.quarter
    groups = shown.groupby([*keys, quarter.fillna(0)], sort=False, observed=True)
    return groups["loan_token"].transform("size")
