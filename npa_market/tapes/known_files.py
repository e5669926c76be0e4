"""Public files that are no tape, recognised by their columns, each with the reason."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from npa_market.tapes.mapping import folded_header

_PATH = Path(__file__).with_name("vocabularies") / "known_files.json"


@cache
def _known() -> list[tuple[frozenset[str], str]]:
    documents = json.loads(_PATH.read_text(encoding="utf-8"))
    return [
        (
            frozenset(folded_header(column) for column in document["columns"]),
            f"The file looks like “{document['title']}”. {document['reason']}",
        )
        for document in documents
    ]


def why_no_tape(header: Sequence[str]) -> str:
    """What a known file that is no tape lacks, in words; "" for every other file."""
    columns = {folded_header(cell) for cell in header}
    return next((reason for needed, reason in _known() if needed <= columns), "")
