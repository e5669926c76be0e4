"""A seller's file as records or batches of texts, whatever it is packed and written in.

Reads as a stream. Whatever is wrong with the file as a whole is a refusal with a name; nothing of
its content is quoted, because a file without a header starts with a borrower.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import IO, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.tapes.batches import Batch, Record, legible
from npa_market.tapes.delimited import DelimitedRows
from npa_market.tapes.forbidden import forbidden_columns
from npa_market.tapes.json_rows import JsonRows, is_json
from npa_market.tapes.known_files import why_no_tape
from npa_market.tapes.mapping import Mapping, folded_header
from npa_market.tapes.parquet_rows import ParquetRows, is_parquet
from npa_market.tapes.refusals import refuse
from npa_market.tapes.rejects import QUOTED_REST, is_rejects_header, unquoted
from npa_market.tapes.sniffing import (
    HEADER_WITHIN_ROWS,
    Layout,
    check_encoding,
    likely_header,
    sniffed_delimiter,
    sniffed_encoding,
)
from npa_market.tapes.unpacking import Content, content_of
from npa_market.tapes.workbook import WorkbookRows, is_workbook

__all__ = ["Batch", "Layout", "Record", "TapeFile", "open_source", "open_tape"]
MAX_COLUMNS = 512
SNIFFED = Layout()


class Rows(Protocol):
    """Rows of one kind of file."""

    def records(self, after: int = 0) -> Generator[Record, None, None]:
        """(row number, cells) of the rows after row `after`, from the beginning of the file."""

    def batches(self, header_row: int, width: int) -> Generator[Batch, None, None]:
        """All rows under the header."""


@dataclass(frozen=True)
class Source:
    """An opened file before anybody said what its columns mean.

    kind: text, workbook, parquet, json. members: files or tables to choose from.
    """

    kind: str
    rows: Rows
    encoding: str = ""
    delimiter: str = ""
    packing: str = ""
    member: str = ""
    members: tuple[str, ...] = ()
    sheet: str = ""
    sheets: tuple[str, ...] = ()

    def first_rows(self, count: int) -> list[list[str]]:
        """The first rows as they stand, header and preamble included."""
        with closing(self.rows.records()) as records:
            rows = [cells for _, cells in islice(records, count)]
        if any(is_rejects_header(cells) for cells in rows[:HEADER_WITHIN_ROWS]):
            return [[unquoted(cell) for cell in cells] for cells in rows]
        return rows


@dataclass(frozen=True)
class TapeFile:
    """A file read through a mapping: where its header stands and what is under it.

    positions: source column of the mapping -> position. records: one by one, footers included.
    batches: the same rows as columns, without footers and blank lines. Read one of the two.
    """

    kind: str
    encoding: str
    delimiter: str
    header: list[str]
    header_row: int
    positions: dict[str, int]
    records: Iterator[Record]
    batches: Iterator[Batch]
    source: Source = field(repr=False)

    def layout(self) -> dict[str, str | int]:
        """How the file was read, for people."""
        return {
            "kind": self.kind,
            "packing": self.source.packing,
            "member": legible(self.source.member),
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "sheet": legible(self.source.sheet),
            "header_row": self.header_row,
            "columns": len(self.header),
        }


@contextmanager
def open_source(handle: IO[bytes], layout: Layout = SNIFFED) -> Iterator[Source]:
    """Open a stored or uploaded file (seekable) as rows of texts.

    Raises InvalidInput: file_empty, file_not_text, file_damaged, file_too_large,
    archive_protected, archive_nested, member_ambiguous, member_unknown, encoding_unreadable,
    cell_too_long, workbook_unreadable, workbook_protected, sheet_unknown, json_damaged,
    columns_too_many.
    """
    with open_content(content_of(handle, layout.member), layout) as source:
        yield source


@contextmanager
def open_content(content: Content, layout: Layout) -> Iterator[Source]:
    """Open an unpacked file as rows of texts. Raises InvalidInput as `open_source`."""
    with ExitStack() as stack:
        source = _source(content, layout, stack)
        yield replace(
            source,
            packing=content.packing,
            member=content.member or source.member,
            members=content.members or source.members,
        )


def _source(content: Content, layout: Layout, stack: ExitStack) -> Source:
    if is_workbook(content.sample):
        book = stack.enter_context(WorkbookRows.opened(content, layout.sheet))
        return Source("workbook", book, sheet=book.sheet, sheets=book.sheets)
    if is_parquet(content.sample):
        return Source("parquet", stack.enter_context(ParquetRows.opened(content)))
    if not content.sample.strip():
        raise refuse("file_empty", "The file holds no text. Choose the tape again.")
    encoding = layout.encoding or sniffed_encoding(content.sample)
    check_encoding(content.sample, encoding)
    if is_json(content.sample, encoding):
        table = "" if content.packing == "zip" else layout.member
        rows = JsonRows.opened(content, encoding, table)
        return Source("json", rows, encoding, member=rows.table, members=rows.tables)
    text = content.sample[: 1 << 16].decode(encoding, errors="replace")
    delimiter = layout.delimiter or sniffed_delimiter(text)
    return Source("text", DelimitedRows(content, encoding, delimiter), encoding, delimiter)


@contextmanager
def open_tape(handle: IO[bytes], mapping: Mapping, layout: Layout = SNIFFED) -> Iterator[TapeFile]:
    """Open a stored or uploaded file (seekable) through a mapping.

    Raises InvalidInput: what `open_source` raises, and column_missing, column_twice,
    column_forbidden, columns_too_many.
    """
    with open_source(handle, layout) as source:
        row, header = _header(source, mapping, layout)
        positions = mapping.column_positions(header)
        with (
            closing(source.rows.records(after=row)) as records,
            closing(source.rows.batches(row, len(header))) as batches,
        ):
            is_repaired = is_rejects_header(header)
            yield TapeFile(
                source.kind,
                source.encoding,
                source.delimiter,
                header,
                row,
                positions,
                _without_quotes(records) if is_repaired else records,
                _loans(
                    map(_batch_without_quotes, batches) if is_repaired else batches,
                    mapping,
                    positions,
                ),
                source,
            )


def _without_quotes(records: Iterable[Record]) -> Iterator[Record]:
    """Records of a rejects file with their cells as they were first received."""
    return ((row, [unquoted(cell) for cell in cells]) for row, cells in records)


def _batch_without_quotes(batch: Batch) -> Batch:
    # The expression is the same for RE2; ^ is the beginning of the cell, not of a line in it.
    cells = (
        pc.replace_substring_regex(column, f"^'({QUOTED_REST})", r"\1", max_replacements=1)
        for column in batch.cells
    )
    return replace(batch, cells=tuple(cells), ragged=list(_without_quotes(batch.ragged)))


def _loans(
    batches: Iterator[Batch], mapping: Mapping, positions: dict[str, int]
) -> Iterator[Batch]:
    """Batches without footers and blank lines, columns named as the mapping names them."""
    for batch in batches:
        is_loan = _is_loan(batch, mapping)
        if not is_loan.all():
            kept = pa.array(is_loan)
            cells = tuple(column.filter(kept) for column in batch.cells)
            batch = replace(batch, row_numbers=batch.row_numbers[is_loan], cells=cells)
        yield replace(
            batch,
            columns={source: batch.cells[position] for source, position in positions.items()},
            ragged=[record for record in batch.ragged if not mapping.is_footer(record[1])],
        )


def _is_loan(batch: Batch, mapping: Mapping) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    is_loan = np.ones(batch.rows, dtype=np.bool_)
    if not batch.rows:
        return is_loan
    first = batch.cells[0]
    trimmed = pc.binary_length(pc.utf8_trim_whitespace(first))
    suspects = pc.equal(trimmed, 0).to_numpy(zero_copy_only=False)
    for pattern in mapping.footer:
        found = (pattern.search(text) is not None for text in first.to_pylist())
        suspects = suspects | np.fromiter(found, np.bool_, batch.rows)
    for index in np.flatnonzero(suspects):
        is_loan[index] = not mapping.is_footer(batch.record(int(index))[1])
    return is_loan


def _header(source: Source, mapping: Mapping, layout: Layout) -> tuple[int, list[str]]:
    """Row number and cells of the header: the stated row, or the first with every needed column."""
    within = layout.header_row or max(mapping.preamble_rows + 1, HEADER_WITHIN_ROWS)
    rows: list[list[str]] = []
    with closing(source.rows.records()) as records:
        for row, cells in islice(records, within):
            check_width(cells)
            cells = list(map(legible, cells))
            if is_rejects_header(cells):
                cells = [unquoted(cell) for cell in cells]
            rows.append(cells)
            is_stated = row == layout.header_row
            if is_stated or not (layout.header_row or mapping.missing_columns(cells)):
                break
    check_rows(source, layout, len(rows))
    missing = [mapping.missing_columns(cells) for cells in rows]
    header = len(rows) - 1 if layout.header_row or not missing[-1] else likely_header(rows)
    if missing[header]:
        raise refuse(
            "column_missing",
            f"The header lacks {len(missing[header])} column(s) that the mapping {mapping.name} "
            f"needs: {', '.join(missing[header])}. "
            + (why_no_tape(rows[header]) or "Choose another mapping or add the columns."),
        )
    _check_header(rows[header], mapping)
    return header + 1, rows[header]


def check_rows(source: Source, layout: Layout, rows: int) -> None:
    """Refuse a file, or the part of it that is read, without a row for the header."""
    if rows and rows >= layout.header_row:
        return
    part = f"The sheet “{source.sheet}”" if source.sheet else "The file"
    if rows:
        raise refuse(
            "file_empty",
            f"{part} has {rows:,} row(s), and its header is said to stand in row "
            f"{layout.header_row}. State another row.",
        )
    others = [sheet for sheet in source.sheets if sheet != source.sheet]
    advice = f" Choose another one: {', '.join(others)}." if others else " Choose the tape again."
    raise refuse("file_empty", f"{part} holds no row.{advice}", field="sheet" if others else "file")


def check_width(cells: Sequence[str]) -> None:
    """Refuse what is wider than any tape."""
    if len(cells) > MAX_COLUMNS:
        raise refuse(
            "columns_too_many", f"A row has {len(cells):,} columns; the most is {MAX_COLUMNS}."
        )


def check_forbidden(cells: Sequence[str], part: str = "") -> None:
    """Refuse columns of passwords, card codes, biometrics, identity photos (`part`: where)."""
    if found := forbidden_columns(cells):
        place = f" ({part})" if part else ""
        raise refuse(
            "column_forbidden",
            f"The tape has columns that may never be taken in: {', '.join(found)}{place}. "
            "Remove passwords, card codes, biometrics and identity photos, then upload again.",
        )


def _check_header(cells: Sequence[str], mapping: Mapping) -> None:
    check_forbidden(cells)
    folded = [folded_header(cell) for cell in cells]
    twice = {name for name in folded if folded.count(name) > 1 and name in mapping.aliases}
    if twice:
        raise refuse(
            "column_twice", f"The header names a column twice: {', '.join(sorted(twice))}."
        )
