"""Cells of an XLSX sheet that hold an error (#REF!, #DIV/0!), which the reader gives as empty.

An amount that a broken formula lost is then told as unreadable and not taken for a missing one.
Runs in the reading process, within its limits of memory and time.
"""

import re
import zipfile
from collections.abc import Iterator
from html import unescape
from posixpath import join, normpath

CHUNK_BYTES, LONGEST_CELL = 1 << 20, 1 << 14
_ERROR = re.compile(
    rb"""<(?:\w+:)?c\s([^<>]*\bt=["']e["'][^<>]*)>(.{0,16384}?)</(?:\w+:)?c>""", re.DOTALL
)
_PLACE = re.compile(rb"""\br=["']([A-Z]{1,3})([0-9]{1,7})["']""")
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]{1,20})</")
_SHEET = re.compile(r"<(?:\w+:)?sheet\s([^<>]*)>")
_RELATION = re.compile(r"<(?:\w+:)?Relationship\s([^<>]*)>")
_ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")

Place = tuple[int, int]


class NoPlace(Exception):
    """An error cell does not say where it stands."""


def error_cells(path: str, sheet: str) -> dict[Place, str]:
    """Errors by (row, column) from 0; none for a file that is no XLSX. Raises NoPlace."""
    try:
        with zipfile.ZipFile(path) as archive:
            part = _part_of(archive, sheet)
            return dict(_errors(archive, part)) if part else {}
    except (zipfile.BadZipFile, KeyError):
        return {}


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The part that holds a sheet; empty where the archive is of another form."""
    names = frozenset(archive.namelist())
    if "xl/workbook.xml" not in names:
        return ""
    book = archive.read("xl/workbook.xml").decode(errors="replace")
    relations = archive.read("xl/_rels/workbook.xml.rels").decode(errors="replace")
    wanted = ""
    for tag in _SHEET.findall(book):
        found = _attributes(tag)
        if found.get("name") == sheet:
            wanted = next((found[name] for name in found if name.endswith(":id")), "")
    for tag in _RELATION.findall(relations):
        found = _attributes(tag)
        if found.get("Id") == wanted:
            target = found.get("Target", "")
            part = target.lstrip("/") if target.startswith("/") else normpath(join("xl", target))
            return part if part in names else ""
    return ""


def _attributes(tag: str) -> dict[str, str]:
    return {name: unescape(one or two) for name, one, two in _ATTRIBUTE.findall(tag)}


def _errors(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[Place, str]]:
    with archive.open(part) as source:
        kept = b""
        while block := source.read(CHUNK_BYTES):
            text = kept + block
            end = 0
            if b't="e"' in text or b"t='e'" in text:
                for cell in _ERROR.finditer(text):
                    end = cell.end()
                    yield _read(cell[1], cell[2])
            kept = text[max(end, len(text) - LONGEST_CELL) :]


def _read(attributes: bytes, inside: bytes) -> tuple[Place, str]:
    place, value = _PLACE.search(attributes), _VALUE.search(inside)
    if place is None:
        raise NoPlace
    column = 0
    for letter in place[1]:
        column = 26 * column + letter - 64
    shown = value[1].decode(errors="replace") if value else "#ERROR!"
    return (int(place[2]) - 1, column - 1), shown
