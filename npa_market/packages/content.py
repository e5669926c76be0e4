"""What a sealed package holds, made from its rows alone: file, hashes, tree, counts, tables.

Touches neither database nor lock, so that it runs beside the transaction that seals.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from npa_market.packages.screening import overview_of
from npa_market.packages.sealing import Totals, Tree, totals_of, tree_of, write_parquet


@dataclass(frozen=True)
class SealedContent:
    """The written file with its hash, the Merkle tree over its rows, their counts and tables."""

    path: Path
    sha256: str
    tree: Tree
    totals: Totals
    overview: dict[str, Any]


def content_of(table: pa.Table, path: Path) -> SealedContent:
    """Write the rows of `sealing.sealed_table` to `path` and hash and count them."""
    with ThreadPoolExecutor(1) as thread:
        written = thread.submit(write_parquet, table, path)  # Compresses without Python's lock.
        tree, totals, overview = tree_of(table), totals_of(table), overview_of(table)
        return SealedContent(path, written.result(), tree, totals, overview)
