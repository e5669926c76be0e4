"""XLSX, XLSB, XLS and ODS workbooks as rows of texts, read by calamine in a process of its own."""

import subprocess
import sys
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from npa_market.common.errors import InvalidInput
from npa_market.tapes.batches import Batch, Record, check_cells
from npa_market.tapes.refusals import refuse
from npa_market.tapes.unpacking import MAX_MEMBERS, OLE, ZIP, Content

MAX_WORKBOOK_BYTES = 200 << 20


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
    if size > MAX_WORKBOOK_BYTES or len(members) > MAX_MEMBERS:
        raise _too_large()
    # A part that declares less than it holds does not pass its check sum in the reader.


def _too_large() -> InvalidInput:
    return refuse(
        "file_too_large",
        f"The workbook unpacks to more than {MAX_WORKBOOK_BYTES >> 20} MB, has more than "
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
}


@contextmanager
def _reader(path: str, sheet: str) -> Iterator[pa.RecordBatchReader]:
    """The Arrow stream of the reading process; its fault is raised as a refusal."""
    command = [sys.executable, "-m", "npa_market.tapes.workbook_reader", path, sheet]
    # Our own interpreter and module; the path is that of our own temporary file.
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            yield _stream(process)
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.kill()


def _stream(process: "subprocess.Popen[bytes]") -> pa.RecordBatchReader:
    try:
        return pa.ipc.open_stream(process.stdout)
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise _fault(process) from error


def _fault(process: "subprocess.Popen[bytes]") -> InvalidInput:
    """Why the reading process ended without the whole sheet."""
    assert process.stderr is not None
    words = process.stderr.read().decode(errors="replace").strip()
    process.wait()
    if words in _FAULTS:
        return refuse(*_FAULTS[words])
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
    sheets: tuple[str, ...] = ()

    @classmethod
    @contextmanager
    def opened(cls, content: Content, sheet: str) -> "Iterator[WorkbookRows]":
        """Open a sheet (the first visible one by default).

        Raises InvalidInput: file_too_large, workbook_unreadable, workbook_protected,
        sheet_unknown.
        """
        with content.on_disk(MAX_WORKBOOK_BYTES) as path:
            if content.sample.startswith(ZIP):
                _check_archive(path)
            with _reader(path, sheet) as stream:
                found = {
                    key.decode(): value.decode() for key, value in stream.schema.metadata.items()
                }
            yield cls(path, found["sheet"], tuple(found["sheets"].split("\n")))

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
        """(number of the last row before it, batch)."""
        row = 0
        with _reader(self.path, self.sheet) as stream:
            for batch in stream:
                yield row, batch
                row += batch.num_rows
