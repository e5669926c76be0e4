"""What the demonstration leaves in its folder: summary, files, evidence of the deal."""

import base64
import gzip
import hashlib
import json
import shutil
from pathlib import Path
from typing import IO, Any

from npa_market.common.files import open_stored
from npa_market.evidence.models import Entry


def save_stored(sha256: str, target: Path) -> None:
    """Copy a kept file into the folder."""
    with open_stored(sha256) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)


def save_tape(source: Path, target: Path) -> None:
    """The tape as plain CSV beside the other files; a gzip file is unpacked."""
    if source.resolve() == target.resolve():
        return
    with source.open("rb") as packed, target.open("wb") as sink:
        is_gzip = packed.read(2) == b"\x1f\x8b"
        packed.seek(0)
        plain: IO[bytes] = gzip.GzipFile(fileobj=packed) if is_gzip else packed  # type: ignore[assignment]
        shutil.copyfileobj(plain, sink)


def evidence_of(object_ids: list[str]) -> list[dict[str, Any]]:
    """Log entries on the deal's objects with payload and salt, so that each can be re-hashed."""
    entries = Entry.objects.about(*object_ids).select_related("payload")
    return [
        {
            "seq": entry.seq,
            "entry": json.loads(entry.canonical),
            "leaf_sha256": entry.leaf_sha256,
            "payload": entry.payload.body,
            "salt": base64.b64encode(bytes(entry.payload.salt)).decode(),
        }
        for entry in entries
    ]


def file_facts(folder: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of each file."""
    return {
        name: {
            "bytes": (folder / name).stat().st_size,
            "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        }
        for name in names
    }


def write_json(path: Path, content: Any) -> None:
    """Readable JSON with a stable order."""
    text = json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")
