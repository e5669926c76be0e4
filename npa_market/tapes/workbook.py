"""XLSX workbooks as records of texts (first sheet), read by calamine."""

import zipfile
from collections.abc import Generator
from datetime import date, datetime, time
from typing import IO, Any

from npa_market.common.errors import InvalidInput

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
MAX_UNPACKED_BYTES = 200 << 20
MAX_MEMBERS = 2_000


def is_workbook(sample: bytes) -> bool:
    """Does the file begin as a zip archive or an old Office file?"""
    return sample.startswith((_ZIP, _OLE))


def _refuse(code: str, message: str) -> InvalidInput:
    return InvalidInput(code, message, field="file")


def _check_archive(handle: IO[bytes]) -> None:
    """Refuse bombs and archives that are no workbook, before anything is unpacked."""
    if handle.read(4) == _OLE:
        raise _refuse(
            "workbook_unreadable",
            "The workbook is protected by a password or in an old format. Save it as XLSX "
            "without a password, or as CSV.",
        )
    try:
        members = zipfile.ZipFile(handle).infolist()
    except zipfile.BadZipFile as error:
        raise _refuse("workbook_unreadable", "The workbook is damaged. Save it again.") from error
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED_BYTES or len(members) > MAX_MEMBERS:
        raise _refuse(
            "file_too_large",
            f"The workbook unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB or has more than "
            f"{MAX_MEMBERS:,} parts. Save the tape as CSV.",
        )
    if not any(member.filename == "xl/workbook.xml" for member in members):
        raise _refuse(
            "file_not_text", "The archive is no XLSX workbook. Unpack it and upload the tape."
        )


def cell_text(value: Any) -> str:
    """A cell as the text it would have in a CSV: ISO dates, plain numbers.

    A number of 1e15 and more has lost digits in the spreadsheet and keeps its exponent, so that
    the rule for ID numbers sees it.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def workbook_records(handle: IO[bytes]) -> Generator[list[str], None, None]:
    """Rows of the first sheet. Raises InvalidInput for archives, bombs, damage, passwords."""
    from python_calamine import CalamineError, CalamineWorkbook

    _check_archive(handle)
    handle.seek(0)
    try:
        book = CalamineWorkbook.from_filelike(handle)
        sheet = book.get_sheet_by_index(0)
    except CalamineError as error:
        raise _refuse(
            "workbook_unreadable", "The workbook cannot be read. Save it again as XLSX."
        ) from error
    for row in sheet.iter_rows():
        yield [cell_text(value) for value in row]
