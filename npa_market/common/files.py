"""Content-addressed files on Django's default storage: a folder here, an S3 bucket there."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

from django.core.files import File
from django.core.files.storage import default_storage

from npa_market.common.clock import database_now
from npa_market.common.models import StoredFile

CHUNK = 1 << 20


def _name(sha256: str) -> str:
    return f"sha256/{sha256[:2]}/{sha256}"


def store_chunks(chunks: Iterable[bytes]) -> StoredFile:
    """Keep a stream under its SHA-256; the same content again is the same row and file."""
    digest, size = hashlib.sha256(), 0
    with SpooledTemporaryFile(max_size=8 * CHUNK) as spool:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            spool.write(chunk)
        sha256 = digest.hexdigest()
        if not default_storage.exists(_name(sha256)):
            spool.seek(0)
            default_storage.save(_name(sha256), File(spool))
    stored, _ = StoredFile.objects.get_or_create(
        sha256=sha256, defaults={"size": size, "created_at": database_now()}
    )
    return stored


def store_bytes(content: bytes) -> StoredFile:
    """Keep bytes under their SHA-256."""
    return store_chunks([content])


def store_file(handle: IO[bytes]) -> StoredFile:
    """Keep what is left to read of an open file."""
    return store_chunks(iter(lambda: handle.read(CHUNK), b""))


def store_path(path: Path) -> StoredFile:
    """Keep a file of this machine under its SHA-256."""
    with path.open("rb") as handle:
        return store_file(handle)


def open_stored(sha256: str) -> IO[bytes]:
    """Open a kept file for reading. Raises FileNotFoundError where the storage lost it."""
    return default_storage.open(_name(sha256), "rb")


def is_stored(sha256: str) -> bool:
    """Are the bytes of a kept file there?"""
    return default_storage.exists(_name(sha256))


def erase_content(sha256: str) -> None:
    """Delete the bytes of a kept file; its row stays and says that there was one."""
    default_storage.delete(_name(sha256))


def read_stored(sha256: str) -> bytes:
    """All bytes of a kept file, checked against its name."""
    with open_stored(sha256) as handle:
        content = handle.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise OSError(f"stored file {sha256[:12]} does not match its hash")
    return content
