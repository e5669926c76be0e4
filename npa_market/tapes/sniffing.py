"""What a file tells about itself from its beginning: encoding, delimiter, header row."""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from npa_market.tapes.refusals import refuse

ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "utf-16", "utf_16_le", "utf_16_be", "big5", "cp1252")
DELIMITER_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
DELIMITERS = tuple(DELIMITER_NAMES)
HEADER_WITHIN_ROWS = 30
_GUESSED = ("gb18030", "utf_16_le", "utf_16_be", "big5", "cp1252")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes({*range(32)} - {*b"\t\n\r\f\x1a"})
_NO_LABEL = re.compile(r"[\d\s.,:;/%¥$€£+()\-]*")
_LONGEST_LABEL = 80
_RIGHT_PER_WRONG = 20


@dataclass(frozen=True)
class Layout:
    """How a file is to be read, as people said it; "" or 0 = as sniffed.

    member: file of a zip, or table of a JSON fixture. sheet: name of a workbook's sheet.
    header_row: as a spreadsheet counts.
    """

    encoding: str = ""
    delimiter: str = ""
    member: str = ""
    sheet: str = ""
    header_row: int = 0


def sniffed_encoding(sample: bytes) -> str:
    """Encoding of a text file from its beginning; refuses what is no text."""
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    # Every other byte of UTF-16 may be 0; a stray one in a text spoils its row alone.
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    has_zeros = b"\0" in sample and controls * 20 > len(sample)
    if not has_zeros:
        try:
            # A sample may end inside a character: the incremental decoder waits for the rest.
            codecs.getincrementaldecoder("utf-8")("strict").decode(sample)
        except UnicodeDecodeError:
            if _is_nearly_utf8(sample):
                return "utf-8"
        else:
            return "utf-8"
    from charset_normalizer import from_bytes  # Slow to import.

    candidates = [name for name in _GUESSED if name.startswith("utf_16") == has_zeros]
    best = from_bytes(sample[: 1 << 16], cp_isolation=candidates).best()
    if best is not None and best.encoding:
        return best.encoding
    if has_zeros:
        raise refuse(
            "file_not_text",
            "The file is no table: it holds binary content. Save the tape as CSV or XLSX.",
        )
    raise refuse(
        "encoding_unreadable",
        "The file's encoding is none of UTF-8, GB18030, GBK, UTF-16, Big5, Windows-1252. "
        "Save the tape as CSV UTF-8.",
    )


def _is_nearly_utf8(sample: bytes) -> bool:
    """Do a few bytes among many characters of several bytes not decode? They spoil their rows."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample)
    wrong = text.count("\ufffd")
    several = sum(not letter.isascii() for letter in text) - wrong
    return several >= _RIGHT_PER_WRONG * wrong


def check_encoding(sample: bytes, encoding: str) -> None:
    """Refuse UTF-16 without its mark: which byte comes first is not told."""
    if encoding == "utf-16" and not sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refuse(
            "encoding_unreadable",
            "The file does not begin with the mark of UTF-16. Leave the encoding as found, or "
            "state utf_16_le or utf_16_be.",
            field="encoding",
        )


def sniffed_delimiter(text: str) -> str:
    """The delimiter under which most of the first lines have the same number of named columns."""
    lines = text.splitlines(keepends=True)
    lines = lines[:-1] if len(lines) > 1 else lines  # The last one may be cut off.
    return max(DELIMITERS, key=lambda delimiter: _evenness(lines[:60], delimiter))


def _evenness(lines: list[str], delimiter: str) -> tuple[bool, float, int]:
    """Does the first even row look like a header; share of even rows; their columns."""
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return False, 0.0, 0
    widths = [len(row) for row in rows if len(row) > 1]
    if not widths:
        return False, 0.0, 1
    # A header without rows, or with rows of another width, still shows the delimiter.
    width = max(set(widths), key=lambda each: (widths.count(each), each))
    first = next(row for row in rows if len(row) == width)
    return label_share(first) >= 0.5, widths.count(width) / len(rows), width


def label_share(cells: Sequence[str]) -> float:
    """Share of cells that could be names of columns: filled, short, and not a number or a date."""
    if not cells:
        return 0.0
    labels = (
        0 < len(cell.strip()) <= _LONGEST_LABEL and not _NO_LABEL.fullmatch(cell) for cell in cells
    )
    return sum(labels) / len(cells)


def likely_header(rows: Sequence[Sequence[str]]) -> int:
    """Index of the row that names the columns, among the first rows of a file; 0 where none does.

    The first row that is as wide as the widest, has a name in nearly each cell and none twice.
    """
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    widest = max(filled, default=0)
    for index, row in enumerate(rows):
        names = [cell.strip() for cell in row if cell.strip()]
        if filled[index] >= 0.8 * widest and label_share(names) >= 0.7:
            return index
    return 0
