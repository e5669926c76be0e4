"""The mapping workbench: a file's columns beside the fields they fill, and what comes of it.

What people see is a `Bench`: drawn from a proposal, a known mapping or the form that they sent.
It becomes a mapping document; the preview reads the first rows with the code of the import.
"""

import json
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, Any

import numpy as np

from npa_market.common.errors import InvalidInput
from npa_market.common.money import format_minor
from npa_market.tapes.batches import legible
from npa_market.tapes.combining import ROWS as COMBINED_ROWS
from npa_market.tapes.combining import Combined, combined_of, combined_of_form, entries_of
from npa_market.tapes.dictionary import FIELDS, Kind
from npa_market.tapes.frames import Frame, read_chunk
from npa_market.tapes.known_files import why_no_tape
from npa_market.tapes.mapping import SOURCES, Mapping, Setting, folded_header
from npa_market.tapes.mapping_store import FOOTER_WORDS, footer_pattern, footer_words
from npa_market.tapes.masking import masked_cell, masked_id_number, masked_mobile, masked_name
from npa_market.tapes.proposals import MISSING_WORDS, Proposal, best_entry, proposals
from npa_market.tapes.reading import (
    Layout,
    Source,
    check_forbidden,
    check_rows,
    check_width,
    open_source,
    open_tape,
)
from npa_market.tapes.readings import as_text, group_of, readings_of
from npa_market.tapes.sniffing import HEADER_WITHIN_ROWS, likely_header
from npa_market.tapes.validation import RULES, Checked, Severity
from npa_market.tapes.vocabulary import code_words

SAMPLE_ROWS = 500
PREVIEW_ROWS = 10
_CODES_SHOWN = 24


@dataclass(frozen=True)
class Sample:
    """A file's head: how it was read, its columns and first rows."""

    source: Source
    header_row: int
    header: list[str]
    head: list[list[str]]
    rows: list[list[str]]
    why_no_tape: str


def sample_of(handle: IO[bytes], layout: Layout) -> Sample:
    """Look into a kept file. Raises InvalidInput as `open_source`, and column_forbidden."""
    with open_source(handle, layout) as source:
        first = source.first_rows(SAMPLE_ROWS + HEADER_WITHIN_ROWS)
        rows = [list(map(legible, cells)) for cells in first]
        check_rows(source, layout, len(rows))
        at = (
            layout.header_row - 1 if layout.header_row else likely_header(rows[:HEADER_WITHIN_ROWS])
        )
        header = rows[at]
        check_width(header)
        check_forbidden(header)
        under = [row for row in rows[at + 1 :] if any(cell.strip() for cell in row)]
        return Sample(source, at + 1, header, rows[: at + 4], under, why_no_tape(header))


@dataclass(frozen=True)
class Line:
    """One column of the file on the workbench. codes: (word, code) of a list."""

    proposal: Proposal
    target: str
    entry: dict[str, Any]
    is_accepted: bool
    codes: tuple[tuple[str, str], ...] = ()

    @property
    def readings(self) -> list[tuple[str, str]]:
        """Ways to read the column as the chosen field."""
        return readings_of(FIELDS[self.target], self.entry) if self.target else []

    @property
    def kind(self) -> str:
        """The group of ways to read that suit the field."""
        return group_of(FIELDS[self.target]) if self.target else ""

    @property
    def reading(self) -> str:
        """The chosen way, as the value of its choice."""
        return as_text(self.entry) if self.entry else ""

    @property
    def is_idle(self) -> bool:
        """Nothing is proposed for the column and nothing chosen."""
        return not (self.target or self.proposal.target or self.is_accepted)

    @property
    def code_choices(self) -> tuple[str, ...]:
        """Codes that a word may mean, where the field has a fixed list."""
        return FIELDS[self.target].codes if self.target else ()


@dataclass(frozen=True)
class Bench:
    """All lines, and what a mapping says besides. further: entries with no or several columns
    as an expert's data; combined: the same as rows of a form."""

    lines: list[Line]
    further: dict[str, Any]
    combined: tuple[Combined, ...] = ()
    keep_column: str = ""
    keep_values: str = ""
    footers: str = "\n".join(FOOTER_WORDS)
    origin: str = ""

    @property
    def rows(self) -> list[tuple[int, Combined]]:
        """Rows of the form for further fields, an empty one at the end."""
        return list(enumerate([*self.combined, Combined()][:COMBINED_ROWS]))

    @property
    def idle(self) -> int:
        """Columns without a proposal or a field."""
        return sum(line.is_idle for line in self.lines)

    def document(self, currency: str) -> dict[str, Any]:
        """The mapping document of the accepted lines. Raises InvalidInput for a field twice, and
        where a further field lacks a part."""
        header = [line.proposal.column for line in self.lines]
        made = entries_of(self.combined, header, currency)
        if both := made.keys() & self.further.keys():
            title = FIELDS[min(both)].title
            raise InvalidInput("field_twice", f"“{title}” is filled twice.", field="further")
        further = {**self.further, **made}
        fields: dict[str, Any] = {}
        for line in self.lines:
            if not (line.is_accepted and line.target):
                continue
            if line.target in fields:
                title = FIELDS[line.target].title
                raise InvalidInput("field_twice", f"Two columns fill “{title}”.", field="document")
            entry = {**line.entry, "from": line.proposal.column}
            if line.entry.get("as") == "code":
                entry["table"] = {word: code for word, code in line.codes if code}
            fields[line.target] = entry
        if both := fields.keys() & further.keys():
            raise InvalidInput(
                "field_twice", f"A column fills “{min(both)}” already.", field="document"
            )
        document: dict[str, Any] = {
            "missing": sorted(MISSING_WORDS),
            "footer": [footer_pattern(line) for line in self.footers.splitlines() if line.strip()],
            "fields": {**fields, **further},
        }
        if self.keep_column.strip():
            values = [value.strip() for value in self.keep_values.splitlines() if value.strip()]
            document["keep_rows"] = {
                "column": self.keep_column.strip(),
                "values": values,
                "rule": "not_charged_off",
            }
        return document


def proposed_bench(sample: Sample, setting: Setting) -> Bench:
    """A bench from names and values alone."""
    lines = [
        _with_codes(
            Line(each, each.target, _plain(each.entry), each.is_sure), sample, each.entry or {}
        )
        for each in proposals(sample.header, sample.rows, setting)
    ]
    return Bench(lines, {}, origin="proposed from names and values")


def bench_of_document(
    document: MappingOf[str, Any], sample: Sample, setting: Setting, origin: str
) -> Bench:
    """A bench from a mapping that exists; columns that it does not know keep their proposal."""
    folded = {folded_header(name): at for at, name in enumerate(sample.header)}
    by_column: dict[int, tuple[str, dict[str, Any]]] = {}
    further: dict[str, Any] = {}
    for name, entry in document["fields"].items():
        at = _only_column(entry, folded)
        if at is None or at in by_column:
            if at is not None or _is_readable(entry, folded):
                further[name] = entry
        else:
            by_column[at] = (name, entry)
    used = {name for name, _ in by_column.values()} | further.keys()
    lines = []
    for each in proposals(sample.header, sample.rows, setting):
        if each.position in by_column:
            name, entry = by_column[each.position]
            known = replace(each, target=name, confidence=1.0, reasons=(origin,))
            lines.append(_with_codes(Line(known, name, _plain(entry), True), sample, entry))
        else:
            target = "" if each.target in used else each.target
            entry = each.entry if target and each.entry else {}
            lines.append(_with_codes(Line(each, target, _plain(entry), False), sample, entry))
    keep = document.get("keep_rows", {})
    combined, others = combined_of(further, sample.header, setting.currency)
    return Bench(
        lines,
        others,
        tuple(combined),
        keep.get("column", ""),
        "\n".join(keep.get("values", ())),
        "\n".join(map(footer_words, document.get("footer", ()))) or Bench.footers,
        origin,
    )


def _only_column(entry: MappingOf[str, Any], folded: MappingOf[str, int]) -> int | None:
    """Position of the one column that an entry reads; None where it reads none or several."""
    if "terms" in entry or any(option in entry for option in SOURCES if option != "from"):
        return None
    spellings = entry.get("from", ())
    spellings = [spellings] if isinstance(spellings, str) else spellings
    return next((folded[name] for name in map(folded_header, spellings) if name in folded), None)


def _is_readable(entry: MappingOf[str, Any], folded: MappingOf[str, int]) -> bool:
    """Does the file have every column of an entry that reads none or several?"""
    columns = [entry[option] for option in SOURCES if option in entry]
    columns += [term["from"] for term in entry.get("terms", ())]
    return all(
        any(folded_header(name) in folded for name in ([each] if isinstance(each, str) else each))
        for each in columns
    )


def _plain(entry: MappingOf[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (entry or {}).items() if key not in {"from", "table"}}


def _with_codes(line: Line, sample: Sample, entry: MappingOf[str, Any]) -> Line:
    """The line with the words of its column and the codes that they mean."""
    if line.entry.get("as") != "code":
        return line
    usual = {word.casefold(): code for word, code in code_words(line.target).items()}
    usual |= {word.casefold(): code for word, code in entry.get("table", {}).items()}
    usual |= {code: code for code in FIELDS[line.target].codes}
    words = [
        word for word in _distinct(sample, line.proposal.position) if word not in MISSING_WORDS
    ]
    codes = tuple((word, usual.get(word.casefold(), "")) for word in words[:_CODES_SHOWN])
    return replace(line, codes=codes)


def _distinct(sample: Sample, position: int) -> list[str]:
    cells = (row[position].strip() for row in sample.rows if position < len(row))
    return list(dict.fromkeys(cells))


def bench_of_form(form: MappingOf[str, str], sample: Sample, setting: Setting) -> Bench:
    """The bench that people sent. Raises InvalidInput where a part of it cannot be read."""
    lines = []
    for each in proposals(sample.header, sample.rows, setting):
        at = each.position
        target = form.get(f"target_{at}", "")
        target = target if target in FIELDS else ""
        entry = _stated_entry(form.get(f"reading_{at}", ""), target, each, sample, setting)
        line = Line(each, target, entry, f"take_{at}" in form)
        line = _with_codes(line, sample, {})
        stated = tuple(
            (word, form.get(f"code_{at}_{index}", code))
            for index, (word, code) in enumerate(line.codes)
        )
        lines.append(replace(line, codes=stated))
    return Bench(
        lines,
        _stated_further(form.get("further", "")),
        tuple(combined_of_form(form)),
        form.get("keep_column", ""),
        form.get("keep_values", ""),
        form.get("footers", ""),
        form.get("origin", ""),
    )


def _stated_entry(
    reading: str, target: str, each: Proposal, sample: Sample, setting: Setting
) -> dict[str, Any]:
    """The chosen reading; the best one where it does not suit a field that was changed."""
    if not target:
        return {}
    try:
        entry = json.loads(reading or "{}")
    except (ValueError, RecursionError):
        entry = {}
    if isinstance(entry, dict) and as_text(entry) in dict(readings_of(FIELDS[target], None)):
        return entry
    if isinstance(entry, dict) and each.target == target and entry.get("as"):
        return entry
    cells = [word for word in _distinct(sample, each.position) if word not in MISSING_WORDS]
    return _plain(best_entry(FIELDS[target], each.column, cells, setting)[0])


def _stated_further(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        further = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            "further_wrong", f"This is no JSON: {error}.", field="further"
        ) from error
    if not isinstance(further, dict) or not all(
        isinstance(each, dict) for each in further.values()
    ):
        raise InvalidInput(
            "further_wrong", "Write one object: field, then how it is filled.", field="further"
        )
    return further


@dataclass(frozen=True)
class Preview:
    """The first rows as the import would read them. cells: rows of (text, is it wrong)."""

    titles: list[str]
    cells: list[list[tuple[str, bool]]]
    found: list[tuple[str, str, int]]
    rows: int
    rejected: int


def preview_of(content: IO[bytes], mapping: Mapping, layout: Layout, setting: Setting) -> Preview:
    """Read the first rows through a mapping. Raises InvalidInput as `open_tape`."""
    with open_tape(content, mapping, layout) as tape:
        columns: dict[str, list[str]] = {source: [] for source in tape.positions}
        well_shaped = (
            cells
            for _, cells in tape.records
            if len(cells) == len(tape.header) and not mapping.is_footer(cells)
        )
        for cells in islice(well_shaped, SAMPLE_ROWS):
            for source, position in tape.positions.items():
                columns[source].append(cells[position])
    frame = read_chunk(mapping, columns, setting)
    rejected = ~frame.is_kept
    found = []
    for rule in RULES:
        hits = rule.test(Checked(frame, setting)) & frame.is_kept
        if hits.any():
            found.append((rule.words, str(rule.severity), int(hits.sum())))
            if rule.severity == Severity.REJECT:
                rejected = rejected | hits
    names = [source.field.name for source in mapping.sources]
    kept = np.flatnonzero(frame.is_kept)[:PREVIEW_ROWS]
    return Preview(
        [FIELDS[name].title for name in names],
        [[_shown(frame, name, int(row), setting.currency) for name in names] for row in kept],
        found,
        frame.rows,
        int(rejected.sum()),
    )


def _shown(frame: Frame, name: str, row: int, currency: str) -> tuple[str, bool]:
    column = frame[name]
    if column.is_bad[row]:
        return "unreadable", True
    if column.is_missing[row]:
        return "", False
    value = column.values.iloc[row]
    field = FIELDS[name]
    if field.kind == Kind.MONEY:
        return format_minor(int(value), currency), False
    if field.kind == Kind.DATE:
        return str(value)[:10], False
    if field.kind == Kind.RATE:
        return f"{int(value) / 100:.2f} %", False
    if field.kind == Kind.RECEIPTS:
        return f"{len(value)} months", False
    mask = {"name": masked_name, "id_number": masked_id_number, "mobile": masked_mobile}
    return mask.get(name, masked_cell)(str(value)), False
