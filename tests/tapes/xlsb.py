"""A small writer of XLSB workbooks (MS-XLSB, BIFF12): the parts that a reader needs, by hand.

No free library writes this format, and a workbook of somebody else's has no place in the tests.
"""

import io
import struct
import zipfile
from collections.abc import Sequence

Cell = str | float | int | bool | None
# Types of records, MS-XLSB 2.3.2.
ROW, BLANK, BOOL, REAL, TEXT = 0, 1, 4, 5, 6
BEGIN_SHEET, END_SHEET, BEGIN_BOOK, END_BOOK = 129, 130, 131, 132
BEGIN_SHEETS, END_SHEETS, BEGIN_ROWS, END_ROWS, SIZE, SHEET = 143, 144, 145, 146, 148, 156
VISIBLE, HIDDEN = 0, 1
_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="bin" '
    'ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}'
    "</Relationships>"
)
_KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def record(kind: int, content: bytes = b"") -> bytes:
    """A record: its type in one or two bytes, its length in up to four, seven bits each."""
    head = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return head + length + bytes([size]) + content


def wide(text: str) -> bytes:
    """A text as its number of UTF-16 units and these."""
    units = text.encode("utf-16-le", "surrogatepass")
    return struct.pack("<I", len(units) // 2) + units


def _cell(column: int, value: Cell) -> bytes:
    place = struct.pack("<II", column, 0)  # The column; style 0.
    if value is None:
        return record(BLANK, place)
    if isinstance(value, bool):
        return record(BOOL, place + bytes([value]))
    if isinstance(value, str):
        return record(TEXT, place + wide(value))
    return record(REAL, place + struct.pack("<d", value))


def _sheet(rows: Sequence[Sequence[Cell]]) -> bytes:
    width = max((len(row) for row in rows), default=1)
    parts = [
        record(BEGIN_SHEET),
        record(SIZE, struct.pack("<IIII", 0, max(len(rows) - 1, 0), 0, width - 1)),
        record(BEGIN_ROWS),
    ]
    for number, row in enumerate(rows):
        parts.append(record(ROW, struct.pack("<I", number) + bytes(13)))
        parts += [_cell(column, value) for column, value in enumerate(row)]
    return b"".join([*parts, record(END_ROWS), record(END_SHEET)])


def xlsb(*sheets: Sequence[Sequence[Cell]], hidden: Sequence[int] = ()) -> bytes:
    """A workbook with these sheets, `Sheet 1` and so on; `hidden`: places of those not shown."""
    named = [
        record(
            SHEET,
            struct.pack("<II", HIDDEN if at in hidden else VISIBLE, at + 1)
            + wide(f"rId{at + 1}")
            + wide(f"Sheet {at + 1}"),
        )
        for at in range(len(sheets))
    ]
    book = [record(BEGIN_BOOK), record(BEGIN_SHEETS), *named, record(END_SHEETS), record(END_BOOK)]
    links = "".join(
        f'<Relationship Id="rId{at + 1}" Type="{_KIND}worksheet" '
        f'Target="worksheets/sheet{at + 1}.bin"/>'
        for at in range(len(sheets))
    )
    whole = f'<Relationship Id="rId1" Type="{_KIND}officeDocument" Target="xl/workbook.bin"/>'
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELATIONS.format(whole))
        archive.writestr("xl/workbook.bin", b"".join(book))
        archive.writestr("xl/_rels/workbook.bin.rels", _RELATIONS.format(links))
        for at, rows in enumerate(sheets):
            archive.writestr(f"xl/worksheets/sheet{at + 1}.bin", _sheet(rows))
    return target.getvalue()
