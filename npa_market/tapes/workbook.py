"""XLSX, XLSB, XLS and ODS workbooks as rows of texts, read by calamine in a process of its own."""

import subprocess
import sys
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from os.path import abspath

import numpy as np
import pyarrow as pa
from django.conf import settings

from npa_market.common.errors import InvalidInput
from npa_market.tapes.batches import Batch, Record, check_cells
from npa_market.tapes.refusals import refuse
from npa_market.tapes.unpacking import MAX_MEMBERS, OLE, ZIP, Content


def is_workbook(sample: bytes) -> bool:
    """Does the file begin as a zip archive or an old Office file?"""
    return sample.startswith((ZIP, OLE))


def _check_archive(path: str) -> None:
    """Refuse bombs before anything is unpacked: by the sizes that the archive declares."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise refuse("workbook_unreadable", "The workbook is damaged. Save it again.") from error
    size = sum(member.file_size for member in members)
    if size > settings.MAX_WORKBOOK_BYTES or len(members) > MAX_MEMBERS:
        raise _too_large()
    # A part that declares less than it holds does not pass its check sum in the reader.


def _too_large() -> InvalidInput:
    return refuse(
        "file_too_large",
        f"The workbook unpacks to more than {settings.MAX_WORKBOOK_BYTES >> 20} MB, has more than "
        f"{MAX_MEMBERS:,} parts or claims a sheet beyond memory. Save the tape as CSV.",
    )


_FAULTS = {
    "protected": (
        "workbook_protected",
        "The workbook is protected by a password. Save it without one; the upload itself is "
        "encrypted.",
    ),
    "unreadable": (
        "workbook_unreadable",
        "The workbook is damaged or protected. Save it again as XLSX without a password.",
    ),
    "sheet": ("sheet_unknown", "The workbook has no visible sheet of this name."),
    "errors": (
        "workbook_errors",
        "Formulas of the sheet give errors (#REF!, #DIV/0!) whose cells cannot be told. Mend them, "
        "or save the sheet as CSV.",
    ),
}


@contextmanager
def _process(path: str, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The reading process; it ends with the block."""
    command = [sys.executable, "-m", "npa_market.tapes.workbook_reader", abspath(path), *words]
    # Our own interpreter and module; the path is that of our own temporary file.
    # It finds the module wherever this process was started.
    with subprocess.Popen(  # noqa: S603
        command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            yield process
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.kill()


@contextmanager
def _reader(path: str, sheet: str) -> Iterator["_Reading"]:
    """A process that reads the sheet; it ends with the block."""
    with _process(path, sheet) as process:
        yield _Reading(process)


def forbidden_in_sheets(content: Content) -> dict[str, list[str]]:
    """Forbidden columns by the sheet that has them, hidden sheets included.

    Raises InvalidInput: file_too_large, workbook_unreadable, workbook_protected.
    """
    with content.on_disk(settings.MAX_WORKBOOK_BYTES) as path:
        if content.sample.startswith(ZIP):
            _check_archive(path)
        with _process(path, "", "--forbidden") as process:
            assert process.stdout is not None
            lines = process.stdout.read().decode().splitlines()
            if process.wait() != 0:
                raise _fault(process)
    found: dict[str, list[str]] = {}
    for line in lines:
        sheet, _, column = line.partition("\t")
        found.setdefault(sheet, []).append(column)
    return found


class _Reading:
    """The Arrow stream of a reading process. A process that ends early ends no stream quietly."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        try:
            self._stream = pa.ipc.open_stream(process.stdout)
        except (pa.ArrowInvalid, OSError, EOFError) as error:
            raise _fault(process) from error

    def said(self, key: str) -> str:
        """A word of the stream's head."""
        value: bytes = self._stream.schema.metadata[key.encode()]
        return value.decode()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All batches; raises what ended the process before the last one."""
        try:
            yield from self._stream
        except (pa.ArrowException, OSError, EOFError) as error:
            raise _fault(self._process) from error
        # A stream that breaks off between two batches looks like one that ends.
        if self._process.wait() != 0:
            raise _fault(self._process)


def _fault(process: "subprocess.Popen[bytes]") -> InvalidInput:
    """Why the reading process ended without the whole sheet."""
    assert process.stderr is not None
    words = process.stderr.read().decode(errors="replace").strip()
    process.wait()
    if words in _FAULTS:
        return refuse(*_FAULTS[words])
    if "No module named" in words:
        raise RuntimeError(words)  # The venue's own fault, not the seller's.
    # Killed by its own limits of memory and time, or by a fault of the parser.
    return (
        _too_large()
        if process.returncode < 0 or "Memory" in words
        else refuse(*_FAULTS["unreadable"])
    )


@dataclass
class WorkbookRows:
    """The rows of one sheet."""

    path: str
    sheet: str
    sheets: tuple[str, ...]
    first: list[pa.RecordBatch]
    is_whole: bool

    @classmethod
    @contextmanager
    def opened(cls, content: Content, sheet: str) -> "Iterator[WorkbookRows]":
        """Open a sheet (the first visible one by default) and keep its first batch.

        Raises InvalidInput: file_too_large, workbook_unreadable, workbook_protected,
        sheet_unknown.
        """
        with content.on_disk(settings.MAX_WORKBOOK_BYTES) as path:
            if content.sample.startswith(ZIP):
                _check_archive(path)
            with _reader(path, sheet) as reading:
                name, sheets = reading.said("sheet"), tuple(reading.said("sheets").split("\n"))
                first = list(islice(reading.batches(), 2))
            yield cls(path, name, sheets, first[:1], len(first) < 2)

    def records(self, after: int = 0) -> Generator[Record, None, None]:
        """(row number, cells) of the rows after row `after`."""
        for row, read in self._read():
            columns = [column.to_pylist() for column in read.columns]
            for at, cells in enumerate(zip(*columns, strict=True), start=row + 1):
                if at > after:
                    yield at, list(cells)

    def batches(self, header_row: int, width: int) -> Generator[Batch, None, None]:
        """All rows under the header."""
        for row, read in self._read():
            skipped = max(0, header_row - row)
            if skipped >= read.num_rows:
                continue
            part = read.slice(skipped)
            numbers = np.arange(row + skipped + 1, row + read.num_rows + 1, dtype=np.int64)
            batch = Batch(numbers, tuple(part.columns[:width]), {}, [])
            check_cells(batch)
            yield batch

    def _read(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """(number of the last row before it, batch); a short sheet is not read again."""
        row = 0
        for batch in self.first:
            yield row, batch
            row += batch.num_rows
        if self.is_whole:
            return
        with _reader(self.path, self.sheet) as reading:
            for batch in islice(reading.batches(), len(self.first), None):
                yield row, batch
                row += batch.num_rows
