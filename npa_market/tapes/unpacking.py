"""The bytes of a tape after gzip and zip: always a stream, never the whole file in memory.

A packed file can unpack to anything, so every unpacked byte is counted against the configured
size and against the packed size before it is handed on.
"""

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import IO

from django.conf import settings

from npa_market.common.errors import InvalidInput
from npa_market.tapes.refusals import refuse

MAX_RATIO = 100
MAX_MEMBERS = 2_000
RATIO_FREE_BYTES = 32 << 20
SAMPLE_BYTES = 1 << 18
_NAMES_SHOWN = 20
LOCKED = frozenset({"archive_nested", "archive_protected"})  # What they hold cannot be told.
GZIP, ZIP, OLE, PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1"
_EMPTY_ZIP = b"PK\x05\x06"
_WORKBOOK_PARTS = frozenset({"xl/workbook.xml", "xl/workbook.bin", "content.xml"})


def too_large() -> Exception:
    """The refusal of everything that unpacks beyond measure."""
    return refuse(
        "file_too_large",
        f"The file unpacks to more than {MAX_RATIO} times its size or more than "
        f"{settings.MAX_TAPE_BYTES >> 20:,} MB. Split the tape or upload it unpacked.",
    )


class _Counted(io.RawIOBase):
    """Unpacked bytes, refused where they grow past all proportion or cannot be unpacked."""

    def __init__(self, unpacked: IO[bytes], packed_bytes: Callable[[], int]) -> None:
        self._unpacked = unpacked
        self._packed_bytes = packed_bytes
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        try:
            content = self._unpacked.read(len(buffer))
        except (EOFError, OSError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
            raise refuse(
                "file_damaged",
                "The archive is damaged or cut off, or packed in a manner that is not read here. "
                "Pack it again and upload it.",
            ) from error
        self._read += len(content)
        in_proportion = max(RATIO_FREE_BYTES, self._packed_bytes() * MAX_RATIO)
        if self._read > min(in_proportion, settings.MAX_TAPE_BYTES):
            raise too_large()
        buffer[: len(content)] = content
        return len(content)


@dataclass(frozen=True)
class Content:
    """The unpacked file. `open` starts it again from its beginning; one reader at a time.

    sample: its first bytes. members: names to choose from in a zip. packing: "", gzip or zip.
    """

    open: Callable[[], IO[bytes]]
    sample: bytes
    packing: str = ""
    member: str = ""
    members: tuple[str, ...] = ()

    @contextmanager
    def on_disk(self, most_bytes: int) -> Iterator[str]:
        """Path of a temporary copy, for readers that need one. Refuses what is larger."""
        with NamedTemporaryFile(prefix="tape-") as copy:
            stream, left = self.open(), most_bytes
            while block := stream.read(1 << 20):
                left -= len(block)
                if left < 0:
                    raise too_large()
                copy.write(block)
            copy.flush()
            yield copy.name


def content_of(handle: IO[bytes], member: str = "") -> Content:
    """Look into an uploaded or stored file (seekable).

    `member` chooses a file of a zip. Raises InvalidInput: file_empty, file_damaged,
    file_too_large, archive_protected, member_unknown, member_ambiguous.
    """
    handle.seek(0)
    magic = handle.read(4)
    if not magic:
        raise refuse("file_empty", "The file has 0 bytes. Choose the tape again.")
    if magic.startswith(GZIP):
        return _gzip_content(handle)
    if magic in (ZIP, _EMPTY_ZIP):
        return _zip_content(handle, member)
    return _content(lambda: _rewound(handle))


def _rewound(handle: IO[bytes]) -> IO[bytes]:
    handle.seek(0)
    return handle


def _content(
    open_again: Callable[[], IO[bytes]],
    packing: str = "",
    member: str = "",
    members: tuple[str, ...] = (),
) -> Content:
    sample = open_again().read(SAMPLE_BYTES)
    if packing and sample[:4].startswith((GZIP, ZIP)) and not _is_office(open_again, packing):
        raise refuse(
            "archive_nested", "The archive holds another archive. Unpack it and upload the tape."
        )
    return Content(open_again, sample, packing, member, members)


def _is_office(open_again: Callable[[], IO[bytes]], packing: str) -> bool:
    """A packed workbook is a zip too: the parts of one stand near its beginning."""
    sample = open_again().read(SAMPLE_BYTES)
    return sample.startswith(ZIP) and (
        b"[Content_Types].xml" in sample or b"mimetype" in sample[:60] or b"xl/" in sample
    )


def _gzip_content(handle: IO[bytes]) -> Content:
    def open_again() -> IO[bytes]:
        unpacked = gzip.GzipFile(fileobj=_rewound(handle), mode="rb")
        return io.BufferedReader(_Counted(unpacked, handle.tell), 1 << 20)  # type: ignore[arg-type]

    return _content(open_again, "gzip")


def every_content(handle: IO[bytes]) -> Iterator[Content]:
    """What `content_of` may choose from, hidden members of a zip included, one after the other.

    Damaged members are left out. Raises InvalidInput as `content_of`, for members that nobody can
    look into (archive_nested, archive_protected), and file_too_large for members that together
    unpack to more than one tape may.
    """
    handle.seek(0)
    if handle.read(4) != ZIP or (entries := _entries(handle)) is None:
        yield content_of(handle)
        return
    files = [entry for entry in entries if entry.file_size and not entry.is_dir()]
    if sum(entry.file_size for entry in files) > settings.MAX_TAPE_BYTES:
        raise too_large()
    for entry in files:
        try:
            content = _entry_content(handle, entry)
        except InvalidInput as refusal:
            if refusal.code in LOCKED:
                raise
            continue
        yield content


def _entries(handle: IO[bytes]) -> list[zipfile.ZipInfo] | None:
    """Members of a zip; none where the zip as a whole is a workbook."""
    try:
        entries = zipfile.ZipFile(_rewound(handle)).infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise refuse(
            "file_damaged",
            "The archive or workbook is damaged or cut off. Save it again and upload it.",
        ) from error
    if len(entries) > MAX_MEMBERS:
        raise refuse("file_too_large", f"The archive has more than {MAX_MEMBERS:,} members.")
    if _WORKBOOK_PARTS & {entry.filename for entry in entries}:
        return None
    if any(entry.filename == "[Content_Types].xml" for entry in entries):
        raise refuse(
            "file_not_text", "The file is an Office file without sheets. Save the tape as XLSX."
        )
    return entries


def _zip_content(handle: IO[bytes], member: str) -> Content:
    entries = _entries(handle)
    if entries is None:
        return _content(lambda: _rewound(handle))
    names = tuple(entry.filename for entry in _tapes(entries))
    return _entry_content(handle, _chosen_entry(entries, member), names)


def _entry_content(
    handle: IO[bytes], chosen: zipfile.ZipInfo, names: tuple[str, ...] = ()
) -> Content:
    """A member of a zip, if it is unpacked within its measures."""
    if chosen.flag_bits & 1:
        raise refuse(
            "archive_protected",
            "The archive is protected by a password. Pack it without one; the upload itself is "
            "encrypted.",
        )
    if chosen.file_size > min(
        settings.MAX_TAPE_BYTES, max(RATIO_FREE_BYTES, chosen.compress_size * MAX_RATIO)
    ):
        raise too_large()

    def open_again() -> IO[bytes]:
        unpacked = zipfile.ZipFile(_rewound(handle)).open(chosen)  # noqa: SIM115 - the caller reads on
        return io.BufferedReader(_Counted(unpacked, lambda: chosen.compress_size), 1 << 20)

    return _content(open_again, "zip", chosen.filename, names)


def _tapes(entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Members that may be tapes: no folders, no hidden files, no notes of an archiver."""
    return [
        entry
        for entry in entries
        if not entry.is_dir()
        and entry.file_size
        and not any(part.startswith((".", "__MACOSX")) for part in entry.filename.split("/"))
    ]


def _chosen_entry(entries: list[zipfile.ZipInfo], member: str) -> zipfile.ZipInfo:
    tapes = _tapes(entries)
    names = ", ".join(entry.filename for entry in tapes[:_NAMES_SHOWN])
    if member:
        for entry in tapes:
            if entry.filename == member:
                return entry
        raise refuse("member_unknown", f"The archive has no file of this name; it has: {names}.")
    if not tapes:
        raise refuse("file_empty", "The archive holds no file. Choose the tape again.")
    if len(tapes) > 1:
        raise refuse(
            "member_ambiguous",
            f"The archive holds {len(tapes):,} files: {names}. Say which one is the tape.",
            field="member",
        )
    return tapes[0]
