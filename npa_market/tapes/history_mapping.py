"""How a file of histories is read: names of its columns, lines that are no events, refusals."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

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


@dataclass(frozen=True)
class Reading:
    """How a file is read, as people said.

    columns: field -> header, "" = not in the file. A field that is not among them goes by the names
    that are known.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)

    def stated_layout(self) -> dict[str, Any]:
        """What was said of the layout, as it is kept."""
        return {name: value for name, value in asdict(self.layout).items() if value}


AS_FOUND = Reading()


def checked_reading(kind: str, columns: Any, layout: Any) -> Reading:
    """What people said, once it is known to make sense. Raises InvalidInput: columns_wrong,
    column_missing, layout_wrong."""
    known = {column.field.name: column.field for column in LAYOUTS[kind]}
    if not isinstance(columns, dict) or not all(isinstance(each, str) for each in columns.values()):
        raise refuse("columns_wrong", "Columns are an object: field, header.", field="columns")
    if strange := sorted(columns.keys() - known.keys()):
        raise refuse(
            "columns_wrong",
            f"There is no field {', '.join(strange)}; there are: {', '.join(known)}.",
            field="columns",
        )
    if lacking := [
        name for name, header in columns.items() if known[name].is_required and not header
    ]:
        titles = ", ".join(f"“{known[name].title}”" for name in lacking)
        raise refuse("column_missing", f"Each row needs {titles}.", field="columns")
    headers = [folded_header(header) for header in columns.values() if header]
    if len(headers) != len(set(headers)):
        raise refuse("columns_wrong", "One column is named for two fields.", field="columns")
    try:
        return Reading(columns, Layout(**layout))
    except TypeError:
        names = ", ".join(asdict(Layout()))
        raise refuse("layout_wrong", f"A layout has {names}.", field="layout") from None


def history_mapping(kind: str, columns: Mapping[str, str] | None = None) -> TapeMapping:
    """The layout of a kind as a mapping, for the readers that tapes have too."""
    said = columns or {}
    aliases = {
        folded_header(said[column.field.name]): column.field.title_zh
        for column in LAYOUTS[kind]
        if said.get(column.field.name)
    }
    sources = []
    for column in LAYOUTS[kind]:
        source = column.field.title_zh
        known = () if column.field.name in said else spellings(kind, column)
        for folded in map(folded_header, known):
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
def open_history(handle: IO[bytes], kind: str, reading: Reading = AS_FOUND) -> Iterator[TapeFile]:
    """Open a file of a kind of history (seekable).

    Raises InvalidInput as `open_tape`, and column_unknown for a header that people named and the
    file lacks; which columns are missing is said in both languages.
    """
    mapping = history_mapping(kind, reading.columns)
    with ExitStack() as stack:
        try:
            source = stack.enter_context(open_tape(handle, mapping, reading.layout))
        except InvalidInput as refusal:
            if refusal.code != "column_missing":
                raise
            handle.seek(0)
            header = sample_of(handle, reading.layout).header
            _refuse_unknown(header, reading)
            raise _columns_missing(kind, mapping.missing_columns(header)) from None
        _refuse_unknown(source.header, reading)
        yield source


def _refuse_unknown(header: list[str], reading: Reading) -> None:
    known = set(map(folded_header, header))
    strange = [name for name in reading.columns.values() if name]
    strange = [name for name in strange if folded_header(name) not in known]
    if strange:
        raise refuse(
            "column_unknown", f"The file has no column {', '.join(strange)}.", field="columns"
        )


def _columns_missing(kind: str, missing: list[str]) -> InvalidInput:
    lacking = [column for column in LAYOUTS[kind] if column.field.title_zh in missing]
    words = "; ".join(_known_as(kind, column) for column in lacking)
    return refuse(
        "column_missing",
        f"No column of the file is known as {words}. Name the columns so in the file's header, in "
        "either language, or say which column is which field (columns).",
    )


def _known_as(kind: str, column: HistoryColumn) -> str:
    """The names of a column in both languages, with one more that is usual in each."""
    names = [column.field.title, column.field.title_zh]
    for part in ("any", kind):
        found = _vocabulary()[part].get(column.field.name, {})
        names += [spelt[0] for spelt in found.values() if spelt]
    return f"“{names[0]}” ({', '.join(names[1:])})"
