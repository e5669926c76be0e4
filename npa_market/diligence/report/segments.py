"""Value by segment, joined until no line can be of fewer than five borrowers."""

import pandas as pd

from npa_market.diligence.report.inputs import SegmentLine, ValuationFigures
from npa_market.packages.bidder_tables import SMALLEST_CELL, merged_groups, merged_label

NOT_LIVE = "Other status, valued at 0"


def segment_lines(value: ValuationFigures, frame: pd.DataFrame) -> tuple[SegmentLine, ...]:
    """The segments, and the loans without a value as a last line: together the whole package.

    A result counts loans, not borrowers; but more loans than the four borrowers with most loans
    have between them are of five borrowers at least. Loans without a value stand in the same table
    because the package less the live loans would give them away.
    """
    lines = [*value.segments, *_not_live(value)]
    loans = [line.loans for line in lines]
    groups = merged_groups(loans, sum(loans), is_ordered=True, least=fewest_loans(frame))
    return tuple(_joined([lines[place] for place in group]) for group in groups)


def fewest_loans(frame: pd.DataFrame) -> int:
    """So many loans are surely of five borrowers, whichever they are."""
    per_borrower = frame["borrower_token"].value_counts()
    return int(per_borrower.iloc[: SMALLEST_CELL - 1].sum()) + 1


def _not_live(value: ValuationFigures) -> list[SegmentLine]:
    if not value.excluded:
        return []
    loans = sum(loans for _, loans, _ in value.excluded)
    balance = sum(balance for _, _, balance in value.excluded)
    return [SegmentLine(NOT_LIVE, loans, balance, 0, 0)]


def _joined(lines: list[SegmentLine]) -> SegmentLine:
    return SegmentLine(
        merged_label([line.name for line in lines], is_ordered=True),
        sum(line.loans for line in lines),
        sum(line.balance_minor for line in lines),
        sum(line.expected_minor for line in lines),
        sum(line.value_minor for line in lines),
    )
