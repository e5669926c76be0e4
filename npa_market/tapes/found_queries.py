"""The kept rows of a tape's findings, for pages and the API alike."""

from collections.abc import Iterator
from typing import Any

from npa_market.common.errors import Refused
from npa_market.parties.models import User
from npa_market.tapes.found_rows import FoundPage, Wanted, found_lines, found_page
from npa_market.tapes.kept_files import open_rows
from npa_market.tapes.models import Loan, Tape

EXPORT_HEADER = (
    "row_number",
    "rule",
    "severity",
    "column",
    "words",
    "loan_number",
    "value",
)
# Findings on the file as a whole, which have no rows.
_OF_THE_FILE = frozenset({"columns_unused", "field_derived"})


def has_rows(finding: dict[str, Any]) -> bool:
    """Is it a finding on rows?"""
    return finding["id"] not in _OF_THE_FILE


def _opened(tape: Tape) -> Any:
    """The file of rows, None where no row broke a rule. Raises Refused where it is not kept."""
    if not tape.found_file_id:
        if any(has_rows(finding) for finding in tape.findings):
            raise Refused("no_rows_kept", "No rows of findings are kept for this tape.")
        return None
    return open_rows(tape, tape.found_file_id)


def rows_found(tape: Tape, user: User, wanted: Wanted, after: int = -1) -> FoundPage:
    """A page of rows, each with `loan`: the key of its loan where the person may open one.

    Raises Refused where the tape has no kept rows.
    """
    content = _opened(tape)
    if content is None:
        return FoundPage([], 0, None)
    with content:
        page = found_page(content, wanted, after=after)
    loans = Loan.objects.visible_to(user).filter(
        tape=tape, row_number__in={row["row_number"] for row in page.rows}
    )
    keys = dict(loans.values_list("row_number", "pk"))
    rows = [{**row, "loan": keys.get(row["row_number"])} for row in page.rows]
    return FoundPage(rows, page.count, page.next_after)


def all_rows_found(tape: Tape, wanted: Wanted) -> Iterator[list[Any]]:
    """Every row for an export, columns as `EXPORT_HEADER`. Raises Refused before the first one."""
    content = _opened(tape)
    if content is None:
        return iter(())

    def lines() -> Iterator[list[Any]]:
        with content:
            yield from found_lines(content, wanted)

    return lines()
