"""Check a sealed file, or the rows of a delivery, against the manifest, from the files alone."""

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

from npa_market.evidence.merkle import leaf_hash, root
from npa_market.packages.proofs import LEAVES
from npa_market.packages.schema import FILE_SCHEMAS
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
    if not table.schema.equals(FILE_SCHEMAS[manifest["schema"]], check_metadata=False):
        raise CannotVerify(f"{file.name} has other columns than a sealed package.")
    return [*checks, *_checks_of_rows(table, manifest)]


def verify_rows(rows_file: Path, manifest_file: Path) -> list[Check]:
    """Recompute the leaf of each sold row, and the root over the leaves beside the rows.

    `rows_file` is `proofs.ROWS` of a delivery, with `proofs.LEAVES` in the same folder. Raises
    CannotVerify where that is no list of hashes.
    """
    manifest = _read_manifest(manifest_file)
    try:
        lines = rows_file.with_name(LEAVES).read_text("ascii").split()
        leaves = [bytes.fromhex(line) for line in lines]
    except ValueError as error:
        raise CannotVerify(f"{LEAVES} is no list of hashes in hex.") from error
    with rows_file.open("rb") as rows:
        found = [leaf_hash(row.removesuffix(b"\n")) for row in rows]
    known = set(leaves)
    strange = sum(leaf not in known for leaf in found)
    return [
        Check("leaves", str(manifest["counts"].get("loans")), str(len(leaves))),
        Check("Merkle root over the leaves", str(manifest["merkle_root"]), root(leaves).hex()),
        Check("rows twice", "0", str(len(found) - len(set(found)))),
        Check("rows whose leaf is not among them", "0", str(strange)),
    ]


def _read_manifest(manifest_file: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(manifest_file.read_bytes())
    except ValueError as error:
        raise CannotVerify(f"{manifest_file.name} is not JSON.") from error
    needed = {"schema", "content_sha256", "merkle_root", "counts", "totals", "currency"}
    if not isinstance(manifest, dict) or not needed <= set(manifest):
        raise CannotVerify(f"{manifest_file.name} is not a package manifest.")
    if manifest["schema"] not in FILE_SCHEMAS:
        known = " or ".join(FILE_SCHEMAS)
        raise CannotVerify(f"The manifest is of format {manifest['schema']}, not {known}.")
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
