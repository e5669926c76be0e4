"""The screen's findings as everybody but the seller sees them: none of fewer than five borrowers.

Most of them are of people who are not in the sale. A finding of so few, or of all but so few of the
package's borrowers, keeps its title alone (`reach` few or most). Loans taken out by an earlier rule
part a finding in two: unless both parts are surely of five borrowers, `excluded` is left out, and
with it the sum over all rules, from which it would follow.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from npa_market.packages.bidder_tables import SMALLEST_CELL
from npa_market.packages.screen_items import NOT_SCREENED

FEW, MOST = "few", "most"
REACH_WORDS = {
    FEW: f"fewer than {SMALLEST_CELL}",
    MOST: f"all but fewer than {SMALLEST_CELL}",
}
_FIGURES = ("hits", "borrowers", "excluded", "principal_minor", "claim_minor")


def findings_for_others(
    results: Iterable[Mapping[str, Any]], borrowers: int
) -> list[dict[str, Any]]:
    """Kept results of a screen without small cells; done again, they stay as they are.

    borrowers: of the package, to which the hits of a disclosed rule belong.
    """
    return [_for_others(result, borrowers) for result in results]


def excluded_by_all(results: Sequence[Mapping[str, Any]]) -> int | None:
    """Loans taken out by all rules; None where a rule's own count is not shown."""
    counts = [result["excluded"] for result in results if result["treatment"] != NOT_SCREENED]
    return None if None in counts else sum(counts)


def _for_others(result: Mapping[str, Any], borrowers: int) -> dict[str, Any]:
    if not result["hits"] or result["excluded"] is None:
        return dict(result)
    is_disclosed = result["treatment"] == "disclose"
    reach = ""
    if result["borrowers"] < SMALLEST_CELL:
        reach = FEW
    elif is_disclosed and 0 < borrowers - result["borrowers"] < SMALLEST_CELL:
        reach = MOST
    if reach:
        return {**result, **dict.fromkeys(_FIGURES), "reach": reach}
    parts = (result["excluded"], result["hits"] - result["excluded"])
    if is_disclosed or all(_is_surely_of_many(part, result) for part in parts):
        return dict(result)
    return {**result, "excluded": None}


def _is_surely_of_many(loans: int, result: Mapping[str, Any]) -> bool:
    """No loan at all, or more than four borrowers can have when each other one has a loan."""
    return not loans or loans > result["hits"] - result["borrowers"] + SMALLEST_CELL - 1
