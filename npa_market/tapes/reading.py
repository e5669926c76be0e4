"""A seller's file as records of texts: delimited text in any usual encoding, gzip, workbooks.

Reads as a stream. Whatever is wrong with the file as a whole is a refusal with a name; nothing of
its content is quoted, because a file without a header starts with a borrower.
"""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO

from django.conf import settings

from npa_market.common.errors import InvalidInput
from npa_market.tapes.forbidden import forbidden_columns
from npa_market.tapes.mapping import Mapping, folded_header
from npa_market.tapes.workbook import is_workbook, workbook_records

SAMPLE_BYTES = 1 << 18
MAX_COLUMNS = 512
MAX_RATIO = 100
_RATIO_FREE_BYTES = 32 << 20
_ENCODINGS = ("gb18030", "utf_16_le", "utf_16_be", "big5", "cp1252")
_DELIMITERS = (",", "\t", ";", "|")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
Record = tuple[int, list[str]]


@dataclass(frozen=True)
class TapeFile:
    """An opened file: where its header stands and the records after it.

    positions: source column -> position. records: (record number as a spreadsheet counts, cells).
    """

    kind: str
    encoding: str
    delimiter: str
    header: list[str]
    header_row: int
    positions: dict[str, int]
    records: Iterator[Record]

    def layout(self) -> dict[str, str | int]:
        """How the file was read, for people."""
        return {
            "kind": self.kind,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "header_row": self.header_row,
            "columns": len(self.header),
        }


class _Unpacking(io.RawIOBase):
    """Unpacked bytes of a gzip file, refused where they grow past all proportion."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._unpacked = gzip.GzipFile(fileobj=packed, mode="rb")
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        try:
            content = self._unpacked.read(len(buffer))
        except (EOFError, OSError, zlib.error) as error:
            raise InvalidInput(
                "file_damaged",
                "The gzip file is damaged or cut off. Pack it again and upload it.",
                field="file",
            ) from error
        self._read += len(content)
        too_much = max(_RATIO_FREE_BYTES, self._packed.tell() * MAX_RATIO)
        if self._read > min(too_much, settings.MAX_TAPE_BYTES):
            raise InvalidInput(
                "file_too_large",
                f"The gzip file unpacks to more than {MAX_RATIO} times its size or more than "
                f"{settings.MAX_TAPE_BYTES >> 20:,} MB.",
                field="file",
            )
        buffer[: len(content)] = content
        return len(content)


def _refuse(code: str, message: str) -> InvalidInput:
    return InvalidInput(code, message, field="file")


def _unpacked(handle: IO[bytes]) -> tuple[IO[bytes], bytes]:
    """The bytes after gzip, and their beginning."""
    magic = handle.read(2)
    handle.seek(0)
    if not magic:
        raise _refuse("file_empty", "The file has 0 bytes. Choose the tape again.")
    stream: IO[bytes] = handle
    if magic == b"\x1f\x8b":
        stream = io.BufferedReader(_Unpacking(handle), 1 << 20)
    sample = stream.read(SAMPLE_BYTES)
    if magic == b"\x1f\x8b":
        handle.seek(0)
        stream = io.BufferedReader(_Unpacking(handle), 1 << 20)
    else:
        stream.seek(0)
    if not sample.strip():
        raise _refuse("file_empty", "The file holds no text. Choose the tape again.")
    return stream, sample


def sniffed_encoding(sample: bytes) -> str:
    """Encoding of a text file from its beginning; refuses what is no text."""
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    has_zeros = b"\0" in sample
    if not has_zeros:
        try:
            # A sample may end inside a character: the incremental decoder waits for the rest.
            codecs.getincrementaldecoder("utf-8")("strict").decode(sample)
        except UnicodeDecodeError:
            pass
        else:
            return "utf-8"
    from charset_normalizer import from_bytes  # Slow to import.

    candidates = [name for name in _ENCODINGS if name.startswith("utf_16") == has_zeros]
    best = from_bytes(sample[: 1 << 16], cp_isolation=candidates).best()
    if best is not None and best.encoding:
        return best.encoding
    if has_zeros:
        raise _refuse(
            "file_not_text",
            "The file is no table: it holds binary content. Save the tape as CSV or XLSX.",
        )
    raise _refuse(
        "encoding_unreadable",
        "The file's encoding is none of UTF-8, GB18030, GBK, UTF-16, Big5, Windows-1252. "
        "Save the tape as CSV UTF-8.",
    )


def _delimiter(text: str) -> str:
    """The delimiter that gives one of the first lines the most columns."""
    lines = text.splitlines()[:5]

    def columns(delimiter: str) -> int:
        return max((len(row) for row in csv.reader(lines, delimiter=delimiter)), default=0)

    return max(_DELIMITERS, key=columns)


def _text_records(
    stream: IO[bytes], encoding: str, delimiter: str
) -> Generator[list[str], None, None]:
    # A byte that does not decode becomes U+FFFD, so that its row alone is rejected.
    text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")
    row = 0
    try:
        for cells in csv.reader(text, delimiter=delimiter):
            row += 1
            yield cells
    except csv.Error as error:
        raise _refuse(
            "cell_too_long",
            f"Row {row + 1} holds a cell of more than {csv.field_size_limit():,} characters, "
            "perhaps after a quote that is never closed.",
        ) from error
    finally:
        text.detach()  # Else the caller's file is closed with the wrapper.


def _header(records: Iterator[Record], mapping: Mapping) -> tuple[int, list[str], dict[str, int]]:
    """The first of the first records that has every needed column; refuses otherwise."""
    fewest: list[str] | None = None
    for row, cells in records:
        _check_width(cells)
        missing = mapping.missing_columns(cells)
        if not missing:
            _check_header(cells, mapping)
            return row, cells, mapping.column_positions(cells)
        if fewest is None or len(missing) < len(fewest):
            fewest = missing
        if row > mapping.preamble_rows:
            break
    if fewest is None:
        raise _refuse("file_empty", "The file holds no row.")
    names = ", ".join(fewest)
    raise _refuse(
        "column_missing",
        f"The header lacks {len(fewest)} column(s) that the mapping {mapping.name} needs: {names}. "
        "Choose another mapping or add the columns.",
    )


def _check_width(cells: Sequence[str]) -> None:
    if len(cells) > MAX_COLUMNS:
        raise _refuse(
            "columns_too_many", f"A row has {len(cells):,} columns; the most is {MAX_COLUMNS}."
        )


def _check_header(cells: Sequence[str], mapping: Mapping) -> None:
    if found := forbidden_columns(cells):
        raise _refuse(
            "column_forbidden",
            f"The tape has columns that may never be taken in: {', '.join(found)}. "
            "Remove passwords, card codes, biometrics and identity photos, then upload again.",
        )
    folded = [folded_header(cell) for cell in cells]
    twice = {name for name in folded if folded.count(name) > 1 and name in mapping.aliases}
    if twice:
        raise _refuse(
            "column_twice", f"The header names a column twice: {', '.join(sorted(twice))}."
        )


@contextmanager
def open_tape(handle: IO[bytes], mapping: Mapping) -> Iterator[TapeFile]:
    """Open a stored or uploaded file (seekable) through a mapping.

    Raises InvalidInput: file_empty, file_not_text, file_damaged, file_too_large,
    encoding_unreadable, column_missing, column_twice, column_forbidden, columns_too_many,
    cell_too_long, workbook_unreadable.
    """
    stream, sample = _unpacked(handle)
    if is_workbook(sample):
        kind, encoding, delimiter = "workbook", "", ""
        cells = workbook_records(stream)
    else:
        kind, encoding = "text", sniffed_encoding(sample)
        delimiter = _delimiter(sample[: 1 << 16].decode(encoding, errors="replace"))
        cells = _text_records(stream, encoding, delimiter)
    with closing(cells):  # Before the caller closes the file under it.
        records = enumerate(cells, start=1)
        row, header, positions = _header(records, mapping)
        yield TapeFile(kind, encoding, delimiter, header, row, positions, records)
