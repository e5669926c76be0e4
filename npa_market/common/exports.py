"""Tables out of the venue: CSV with neutralised formulas, streamed row by row."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_RISKY = ("=", "+", "-", "@", "\t", "\r")


def neutralised(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula, quoted with an apostrophe.

    Plain negative numbers stay numbers.
    """
    if not isinstance(value, str) or not value.startswith(_RISKY):
        return value
    if value.startswith("-") and value[1:].replace(".", "", 1).isascii():
        rest = value[1:].replace(".", "", 1)
        if rest.isdigit():
            return value
    return "'" + value


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """CSV text line by line (RFC 4180, CRLF), ready for a file or a streaming answer."""
    return csv_lines_verbatim(header, ([neutralised(value) for value in row] for row in rows))


def csv_lines_verbatim(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The same with every value as it is, for files that programs load, never a spreadsheet."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    yield buffer.getvalue()
    for row in rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(row)
        yield buffer.getvalue()


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """The same as one UTF-8 file."""
    return "".join(csv_lines(header, rows)).encode()
