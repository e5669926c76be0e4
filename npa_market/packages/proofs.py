"""What proves rows of a sealed package without the package: for who was given some of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from npa_market.common.files import open_stored, read_stored
from npa_market.evidence.merkle import HASH_BYTES
from npa_market.packages.models import Package
from npa_market.packages.sealed import has_salted_leaves, read_table

ROWS, LEAVES, MANIFEST = "sealed_rows.jsonl", "leaves.txt", "manifest.json"


@dataclass(frozen=True)
class Proofs:
    """The rows' lines, salts within; every leaf of the package in order, in hex; its manifest."""

    lines: Iterator[bytes]
    leaves: Iterator[str]
    manifest: bytes


def proofs_of(package: Package, tokens: Iterable[str]) -> Proofs | None:
    """What proves the rows with these tokens; None for a package of before its leaves had salts,
    whose leaves would tell about the other rows.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from npa_market.packages.leaves import leaf_lines
    from npa_market.packages.schema import FILE_SCHEMA

    if not has_salted_leaves(package):
        return None
    assert package.tree_file_id, "a sealed package has its tree"
    assert package.manifest_file_id, "a sealed package has a manifest"
    with open_stored(package.tree_file_id) as nodes:
        leaves = nodes.read(package.loans * HASH_BYTES)
    table = read_table(package, FILE_SCHEMA.names)
    chosen = pc.is_in(table.column("loan_token"), value_set=pa.array(tokens, pa.string()))
    return Proofs(
        lines=leaf_lines(table.filter(chosen)),
        leaves=(leaves[at : at + HASH_BYTES].hex() for at in range(0, len(leaves), HASH_BYTES)),
        manifest=read_stored(package.manifest_file_id),
    )
