"""Forbidden columns in any part of a file: it is kept as received, with what is not read as well.

All members of an archive, all sheets of a workbook, all keys of JSON and Parquet at any depth.
A part that cannot be read is passed over here: it can become no tape, and the workbench says why.
Archives in archives and those with a password are refused: anything may be in them.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

from npa_market.common.errors import InvalidInput
from npa_market.tapes.batches import legible
from npa_market.tapes.forbidden import forbidden_columns
from npa_market.tapes.json_rows import is_json, objects_of
from npa_market.tapes.parquet_rows import column_paths, is_parquet
from npa_market.tapes.reading import check_forbidden, open_content
from npa_market.tapes.refusals import refuse
from npa_market.tapes.sniffing import (
    HEADER_WITHIN_ROWS,
    Layout,
    likely_header,
    sniffed_encoding,
)
from npa_market.tapes.unpacking import LOCKED, Content, every_content
from npa_market.tapes.workbook import forbidden_in_sheets, is_workbook

MAX_WORKBOOKS = 20
_KNOWN_KEYS = 100_000
_COLUMNS_NAMED = 20
_WORDS_OF_A_NAME = 4


def refuse_forbidden(handle: IO[bytes]) -> None:
    """Look through the headers of an uploaded or stored file (seekable).

    Raises InvalidInput: column_forbidden; archive_nested, archive_protected, and file_too_large
    for an archive with more than may be looked through.
    """
    workbooks = 0
    for content in _contents(handle):
        workbooks += is_workbook(content.sample)
        if workbooks > MAX_WORKBOOKS:
            raise refuse(
                "file_too_large",
                f"The archive holds more than {MAX_WORKBOOKS} workbooks. Upload the tape alone.",
            )
        found: dict[str, list[str]] = {}
        with suppress(InvalidInput):
            for part, columns in _found(content):
                found.setdefault(part, []).extend(columns)
        for part, columns in found.items():
            places = (f"file {legible(content.member)}" if content.member else "", part)
            check_forbidden(columns[:_COLUMNS_NAMED], ", ".join(filter(None, places)))


def _contents(handle: IO[bytes]) -> Iterator[Content]:
    try:
        yield from every_content(handle)
    except InvalidInput as refusal:
        if refusal.code in LOCKED | {"file_too_large"}:
            raise


def _found(content: Content) -> Iterator[tuple[str, list[str]]]:
    """(part, forbidden columns) of one file."""
    if is_workbook(content.sample):
        for sheet, columns in forbidden_in_sheets(content).items():
            yield f"sheet {legible(sheet)}", columns
    elif is_parquet(content.sample):
        yield "", forbidden_columns(column_paths(content))
    elif content.sample.strip():
        encoding = sniffed_encoding(content.sample)
        is_objects = is_json(content.sample, encoding)
        yield from _of_json(content, encoding) if is_objects else _of_text(content)


def _of_text(content: Content) -> Iterator[tuple[str, list[str]]]:
    with open_content(content, Layout()) as source:
        rows = source.first_rows(HEADER_WITHIN_ROWS)
    header = rows[likely_header(rows)] if rows else []
    if content.packing == "zip":  # A letter beside the tape may speak of a password.
        header = [cell for cell in header if len(cell.split()) <= _WORDS_OF_A_NAME]
    yield "", forbidden_columns(header)


def _of_json(content: Content, encoding: str) -> Iterator[tuple[str, list[str]]]:
    known: set[str] = set()
    for table, values in objects_of(content, encoding):
        for key in _keys(values):
            if key in known:
                continue
            if len(known) >= _KNOWN_KEYS:
                known.clear()  # Keys that are values; each is looked at again.
            known.add(key)
            if found := forbidden_columns([key]):
                yield f"table {legible(table)}" if table else "", found


def _keys(value: Any) -> Iterator[str]:
    """Keys of objects at any depth."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield from found
            waiting.extend(each for each in found.values() if isinstance(each, dict | list))
        elif isinstance(found, list):
            waiting.extend(each for each in found if isinstance(each, dict | list))
