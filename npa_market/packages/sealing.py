"""From chosen loans to the sealed file: columns, order, bytes, leaves. Same rows, same bytes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from npa_market.common.errors import Refused
from npa_market.evidence.merkle import HASH_BYTES, levels
from npa_market.packages.bands import AGE_BANDS, AGE_EDGES
from npa_market.packages.frames import as_frame
from npa_market.packages.leaves import leaf_hashes
from npa_market.packages.schema import RECEIPT, SEALED_SCHEMA
from npa_market.packages.tokens import tokens
from npa_market.tapes.geography import city_tier

ROWS_PER_GROUP = 64_000
MAX_EXACT = 2**53 - 1  # RFC 8785 writes numbers as IEEE 754 doubles: integers are exact up to here.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Totals:
    """Counts, and sums in minor units, of a set of loans."""

    loans: int
    borrowers: int
    principal_minor: int
    interest_minor: int
    fees_minor: int
    claim_minor: int


@dataclass(frozen=True)
class Tree:
    """The Merkle tree over the rows in file order: every level's nodes joined, leaves first."""

    nodes: bytes
    root: str


def sealed_table(
    loans: pa.Table, receipts: pa.Table, *, key: bytes, cut_off_date: date
) -> tuple[pa.Table, pa.Array]:
    """The rows of the sealed file in the order of their tokens, and the loans' keys in that order.

    loans, receipts: tables of `loading`; receipts of other loans are left out. key: the package's
    token key. Raises Refused where an amount is too large to be written exactly.
    """
    frame = as_frame(loans)
    columns = {
        name: loans.column(name) for name in SEALED_SCHEMA.names if name in loans.column_names
    }
    columns |= {
        "loan_token": pa.array(tokens(key, "loan", frame["id"])),
        "borrower_token": _borrower_tokens(key, frame),
        "sex": loans.column("borrower__sex"),
        "age_band": pa.array(_age_bands(frame["borrower__birth_year"], cut_off_date)),
        "city_tier": _city_tiers(frame),
        "age_months": _months(frame["charge_off_date"], cut_off_date),
        "months_since_payment": _months(frame["last_payment_date"], cut_off_date),
        "last_contact_month": _month_starts(loans.column("last_contact_date")),
        "receipts": _receipt_lists(frame["id"], receipts),
    }
    table = pa.table([_cast(columns[field.name], field) for field in SEALED_SCHEMA], SEALED_SCHEMA)
    _refuse_inexact(table)
    order = pc.sort_indices(table, sort_keys=[("loan_token", "ascending")])
    return table.take(order).combine_chunks(), loans.column("id").take(order)


def _cast(column: pa.Array | pa.ChunkedArray, field: pa.Field) -> pa.Array:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.cast(field.type)


def _refuse_inexact(table: pa.Table) -> None:
    for field in table.schema:
        if field.type == pa.int64():
            largest = pc.max(pc.abs(table.column(field.name))).as_py() or 0
            if largest > MAX_EXACT:
                raise Refused(
                    "amount_not_exact", f"{field.name}: an amount is above {MAX_EXACT} minor units."
                )


def _borrower_tokens(key: bytes, frame: pd.DataFrame) -> pa.Array:
    codes, distinct = pd.factorize(frame["borrower_id"])
    return pa.array(tokens(key, "borrower", distinct), pa.string()).take(pa.array(codes))


def _age_bands(birth_years: "pd.Series[int]", cut_off_date: date) -> npt.NDArray[np.object_]:
    """Band of the age by year of birth; "" where unknown or under 18."""
    labels = np.array(["", *AGE_BANDS, ""], dtype=object)
    ages = (cut_off_date.year - birth_years).fillna(-1).to_numpy(dtype=np.int64)
    return labels[np.searchsorted(AGE_EDGES, ages, side="right")]


def _city_tiers(frame: pd.DataFrame) -> pa.Array:
    places = pd.MultiIndex.from_arrays([frame["province"], frame["city"]])
    codes, distinct = places.factorize()
    tiers = [city_tier(city, province) for province, city in distinct]
    return pa.array(tiers, pa.string()).take(pa.array(codes))


def _months(dates: "pd.Series[pd.Timestamp]", cut_off_date: date) -> pa.Array:
    """`months.whole_months` on a column; null where the date is, never below 0."""
    parts = dates.dt
    months = (cut_off_date.year - parts.year) * 12 + cut_off_date.month - parts.month
    months = (months - (cut_off_date.day < parts.day)).clip(lower=0)
    return pa.array(months.astype("Int32"), pa.int32())


def _month_starts(dates: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.floor_temporal(dates, unit="month").cast(pa.date32())


def _receipt_lists(loan_ids: "pd.Series[bytes]", receipts: pa.Table) -> pa.ListArray:
    """Per loan its receipts in order of month, undated first."""
    index = pd.Index(loan_ids)
    positions = index.get_indexer(receipts.column("loan_id").to_pandas())
    chosen = np.flatnonzero(positions >= 0)
    months = receipts.column("month").cast(pa.int32()).fill_null(-(2**31)).to_numpy()
    order = chosen[np.lexsort((months[chosen], positions[chosen]))]
    lengths = np.bincount(positions[order], minlength=len(index))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    rows = receipts.take(pa.array(order)).combine_chunks()
    entries = pa.StructArray.from_arrays(
        [_cast(rows.column(field.name), field) for field in RECEIPT], fields=list(RECEIPT)
    )
    lists = SEALED_SCHEMA.field("receipts").type
    return pa.ListArray.from_arrays(pa.array(offsets), entries, type=lists)


def totals_of(table: pa.Table) -> Totals:
    """Counts and sums of a sealed table."""

    def total(name: str) -> int:
        return pc.sum(table.column(name)).as_py() or 0

    return Totals(
        loans=table.num_rows,
        borrowers=pc.count_distinct(table.column("borrower_token")).as_py(),
        principal_minor=total("principal_minor"),
        interest_minor=total("interest_minor"),
        fees_minor=total("fees_minor"),
        claim_minor=total("claim_minor"),
    )


def write_parquet(table: pa.Table, target: Path) -> str:
    """Write the sealed file row group by row group; its SHA-256.

    The bytes depend on the rows and on the Parquet writer's release only: no time, no host, no
    random part.
    """
    with pq.ParquetWriter(
        target, SEALED_SCHEMA, compression="zstd", compression_level=9, version="2.6"
    ) as writer:
        writer.write_table(table, row_group_size=ROWS_PER_GROUP)
    with target.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def tree_of(table: pa.Table, progress: Progress | None = None) -> Tree:
    """Hash every row as a leaf (see `leaves`) and build the tree of RFC 9162 over them."""
    hashes: list[bytes] = []
    for start in range(0, table.num_rows, ROWS_PER_GROUP):
        hashes += leaf_hashes(table.slice(start, ROWS_PER_GROUP))
        if progress:
            progress(len(hashes), table.num_rows)
    rows = levels(hashes)
    return Tree(nodes=b"".join(b"".join(row) for row in rows), root=rows[-1][0].hex())


def node_offsets(size: int) -> list[tuple[int, int]]:
    """(byte offset, nodes) of each level in `Tree.nodes` for a tree of `size` leaves."""
    offset, result = 0, []
    while True:
        result.append((offset, size))
        if size == 1:
            return result
        offset += size * HASH_BYTES
        size = (size + 1) // 2
