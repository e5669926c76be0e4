"""How a file of histories is read: names of its columns, lines that are no events, refusals."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import IO

from npa_market.common.errors import InvalidInput
from npa_market.tapes.dictionary import Kind
from npa_market.tapes.history_layouts import LAYOUTS, HistoryColumn
from npa_market.tapes.history_models import HistoryKind
from npa_market.tapes.mapping import FieldSource, folded_header
from npa_market.tapes.mapping import Mapping as TapeMapping
from npa_market.tapes.mapping_store import FOOTER_WORDS
from npa_market.tapes.reading import TapeFile, open_tape
from npa_market.tapes.refusals import refuse
from npa_market.tapes.sniffing import Layout
from npa_market.tapes.workbench import sample_of

_PATH = Path(__file__).with_name("vocabularies") / "history_headers.json"
_WORD_OF_KIND = {
    Kind.TEXT: "text",
    Kind.MONEY: "money",
    Kind.DATE: "date",
    Kind.RATE: "percent_points",
    Kind.INTEGER: "integer",
    Kind.CODE: "code",
    Kind.FLAG: "code",
}
_UNITS = {Kind.MONEY: ("元", "人民币", "cny", "rmb"), Kind.RATE: ("%",)}
# A line of events begins with a loan's number: these words alone are none.
_FOOTER = re.compile(
    rf"^\s*({'|'.join(map(re.escape, FOOTER_WORDS))})\s*([:：].*)?$", re.IGNORECASE
)


@cache
def _vocabulary() -> dict[str, dict[str, dict[str, list[str]]]]:
    document: dict[str, dict[str, dict[str, list[str]]]] = json.loads(
        _PATH.read_text(encoding="utf-8")
    )
    return document


def spellings(kind: str, column: HistoryColumn) -> list[str]:
    """Names under which a column is known, the usual ones first."""
    field = column.field
    known = [field.title_zh, field.title, field.name]
    for part in ("any", kind):
        for names in _vocabulary()[part].get(field.name, {}).values():
            known += names
    units = _UNITS.get(field.kind, ())
    return [*known, *(f"{name}({unit})" for name in known for unit in units)]


@cache
def history_mapping(kind: str) -> TapeMapping:
    """The layout of a kind as a mapping, for the readers that tapes have too."""
    aliases: dict[str, str] = {}
    sources = []
    for column in LAYOUTS[kind]:
        source = column.field.title_zh
        for spelling in spellings(kind, column):
            folded = folded_header(spelling)
            aliases.setdefault(folded, source)
            aliases.setdefault(folded.replace(" ", ""), source)  # PaymentDate
        options = {"from": source, "table": dict(column.table)}
        needed = (source,) if column.field.is_required else ()
        word = _WORD_OF_KIND[column.field.kind]
        sources.append(FieldSource(column.field, word, options, needed))
    return TapeMapping(
        name=f"history_{kind}",
        version=1,
        title=HistoryKind(kind).label,
        description="",
        currencies=(),
        suggested_currency="",
        suggested_cut_off=None,
        preamble_rows=0,
        footer=(_FOOTER,),
        missing_words=frozenset({"", "NA", "N/A", "NULL", "null", "-"}),
        keep_rows=None,
        sources=tuple(sources),
        aliases=aliases,
        needed=frozenset(name for source in sources for name in source.needed),
    )


@contextmanager
def open_history(handle: IO[bytes], kind: str) -> Iterator[TapeFile]:
    """Open a file of a kind of history (seekable).

    Raises InvalidInput as `open_tape`; which columns are missing is said in both languages.
    """
    mapping = history_mapping(kind)
    with ExitStack() as stack:
        try:
            source = stack.enter_context(open_tape(handle, mapping))
        except InvalidInput as refusal:
            if refusal.code != "column_missing":
                raise
            handle.seek(0)
            raise _columns_missing(kind, sample_of(handle, Layout()).header) from None
        yield source


def _columns_missing(kind: str, header: list[str]) -> InvalidInput:
    missing = history_mapping(kind).missing_columns(header)
    lacking = [column for column in LAYOUTS[kind] if column.field.title_zh in missing]
    words = "; ".join(_known_as(kind, column) for column in lacking)
    return refuse(
        "column_missing",
        f"No column of the file is known as {words}. Name the columns so in the file's header, in "
        "either language, and upload it again.",
    )


def _known_as(kind: str, column: HistoryColumn) -> str:
    """The names of a column in both languages, with one more that is usual in each."""
    names = [column.field.title, column.field.title_zh]
    for part in ("any", kind):
        found = _vocabulary()[part].get(column.field.name, {})
        names += [spelt[0] for spelt in found.values() if spelt]
    return f"“{names[0]}” ({', '.join(names[1:])})"
