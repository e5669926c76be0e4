"""Check a sealed file against its manifest, from the two files alone."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from npa_market.packages.schema import SCHEMA_VERSION, SEALED_SCHEMA
from npa_market.packages.sealing import totals_of, tree_of


@dataclass(frozen=True)
class Check:
    """One comparison: what the manifest says and what the file gives."""

    name: str
    expected: str
    found: str

    @property
    def holds(self) -> bool:
        """Are they the same?"""
        return self.expected == self.found


class CannotVerify(ValueError):
    """A file is not what this check can read; the message says which and why."""


def verify_files(file: Path, manifest_file: Path) -> list[Check]:
    """Recompute hash, columns, order, counts, totals and Merkle root.

    Raises CannotVerify where a file cannot be read as a sealed file or a manifest.
    """
    manifest = _read_manifest(manifest_file)
    with file.open("rb") as handle:
        content_sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    checks = [Check("SHA-256 of the file", str(manifest["content_sha256"]), content_sha256)]
    try:
        table = pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise CannotVerify(f"{file.name} is not a readable Parquet file.") from error
    if not table.schema.equals(SEALED_SCHEMA, check_metadata=False):
        raise CannotVerify(f"{file.name} has other columns than a sealed package.")
    return [*checks, *_checks_of_rows(table, manifest)]


def _read_manifest(manifest_file: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(manifest_file.read_bytes())
    except ValueError as error:
        raise CannotVerify(f"{manifest_file.name} is not JSON.") from error
    needed = {"schema", "content_sha256", "merkle_root", "counts", "totals", "currency"}
    if not isinstance(manifest, dict) or not needed <= set(manifest):
        raise CannotVerify(f"{manifest_file.name} is not a package manifest.")
    if manifest["schema"] != SCHEMA_VERSION:
        raise CannotVerify(f"The manifest is of format {manifest['schema']}, not {SCHEMA_VERSION}.")
    return manifest


def _checks_of_rows(table: pa.Table, manifest: dict[str, Any]) -> Iterator[Check]:
    stated = manifest["counts"] | manifest["totals"]
    for name, value in asdict(totals_of(table)).items():
        yield Check(name.replace("_minor", ", minor units"), str(stated.get(name)), str(value))
    parts = pc.add(
        pc.add(table.column("principal_minor"), table.column("interest_minor")),
        table.column("fees_minor"),
    )
    wrong = pc.sum(pc.not_equal(parts, table.column("claim_minor"))).as_py() or 0
    yield Check("rows whose parts do not make the claim", "0", str(wrong))
    currencies = ", ".join(sorted(pc.unique(table.column("currency")).to_pylist()))
    yield Check("currency", str(manifest["currency"]), currencies)
    tokens = table.column("loan_token").to_pylist()
    is_ordered = all(low < high for low, high in pairwise(tokens))
    yield Check("rows in order of their tokens, each once", "True", str(is_ordered))
    yield Check("Merkle root", str(manifest["merkle_root"]), tree_of(table).root)
