"""From chosen loans to the sealed file: columns, order, bytes, leaves. Same rows, same bytes."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from npa_market.common.errors import Refused
from npa_market.evidence.merkle import HASH_BYTES, levels
from npa_market.packages.bands import AGE_BANDS, AGE_EDGES
from npa_market.packages.leaves import leaf_hashes
from npa_market.packages.schema import FILE_SCHEMA, MAX_EXACT, RECEIPT, SALT, SEALED_SCHEMA
from npa_market.packages.tokens import TOKEN_BYTES, digests
from npa_market.tapes.geography import city_tier

ROWS_PER_GROUP = 64_000
ROWS_PER_PART, PARTS_AT_ONCE = 16_000, 2
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


@dataclass(frozen=True)
class Named:
    """Tokens and salts of loans, 16 bytes each, in the loans' order.

    order: position in the loans of each row of the file. keys: of the loans, in the file's order.
    """

    tokens: bytes
    salts: bytes
    order: pa.Array
    keys: bytes

    def texts(self) -> pa.StringArray:
        """The tokens in the order of the file."""
        return hex_texts(self.tokens).take(self.order)


def named(loans: pa.Table, key: bytes) -> Named:
    """What the loans are called in a package with this token key."""
    keys = loans.column("id").to_pylist()
    halves = _sixteens(digests(key, "loan", keys)).reshape(-1, 2)
    tokens = halves[:, 0].tobytes()
    order = key_order(tokens)
    sorted_keys = _sixteens(keys)[order].tobytes()
    return Named(tokens, halves[:, 1].tobytes(), pa.array(order), sorted_keys)


def _sixteens(parts: list[bytes]) -> npt.NDArray[np.void]:
    return np.frombuffer(b"".join(parts), dtype=f"V{TOKEN_BYTES}")


def sealed_table(
    loans: pa.Table,
    receipts: pa.Table,
    *,
    key: bytes,
    cut_off_date: date,
    names: Named | None = None,
) -> pa.Table:
    """The rows of the sealed file in the order of their tokens.

    loans, receipts: tables of `loading`; receipts of other loans are left out. key: the package's
    token key; names: of `named`, where they are known. Raises Refused where an amount is too large
    to be written exactly.
    """
    names = names or named(loans, key)
    columns = {
        name: loans.column(name) for name in SEALED_SCHEMA.names if name in loans.column_names
    }
    columns |= {
        "loan_token": hex_texts(names.tokens),
        SALT: hex_texts(names.salts),
        "borrower_token": _borrower_tokens(key, loans.column("borrower_id")),
        "sex": loans.column("borrower__sex"),
        "age_band": _age_bands(loans.column("borrower__birth_year"), cut_off_date),
        "city_tier": _city_tiers(loans),
        "age_months": _months(loans.column("charge_off_date"), cut_off_date),
        "months_since_payment": _months(loans.column("last_payment_date"), cut_off_date),
        "last_contact_month": _month_starts(loans.column("last_contact_date")),
        "receipts": _receipt_lists(loans.column("id"), receipts),
    }
    table = pa.table([_cast(columns[field.name], field) for field in FILE_SCHEMA], FILE_SCHEMA)
    _refuse_inexact(table)
    return table.take(names.order).combine_chunks()


def hex_texts(keys: bytes) -> pa.StringArray:
    """Keys or tokens of 16 bytes, joined, as texts of 32 hex digits."""
    ends = np.arange(0, 2 * len(keys) + 1, 32, dtype=np.int32)
    buffers = (pa.py_buffer(ends), pa.py_buffer(keys.hex().encode()))
    return pa.StringArray.from_buffers(len(keys) // 16, *buffers)


def key_order(keys: bytes) -> npt.NDArray[np.int64]:
    """Positions that sort joined 16-byte keys, as their hex texts sort."""
    halves = np.frombuffer(keys, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    return np.lexsort((halves[:, 1], halves[:, 0]))


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


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # Older Arrow: an empty column has no chunk.
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], column.type)
    return whole.dictionary_encode()


def _borrower_tokens(key: bytes, borrowers: pa.ChunkedArray) -> pa.Array:
    encoded = _encoded(borrowers)
    of_borrowers = digests(key, "borrower", encoded.dictionary.to_pylist())
    tokens = hex_texts(b"".join(digest[:TOKEN_BYTES] for digest in of_borrowers))
    return tokens.take(encoded.indices)


def _age_bands(birth_years: pa.ChunkedArray, cut_off_date: date) -> pa.Array:
    """Band of the age by year of birth; "" where unknown or under 18."""
    unknown = cut_off_date.year + 1
    years = birth_years.cast(pa.int64()).fill_null(unknown).to_numpy()
    bands = np.searchsorted(AGE_EDGES, cut_off_date.year - years, side="right")
    return pa.array(["", *AGE_BANDS, ""]).take(pa.array(bands))


def _city_tiers(loans: pa.Table) -> pa.Array:
    provinces, cities = _encoded(loans.column("province")), _encoded(loans.column("city"))
    names = cities.dictionary.to_pylist()
    width = max(len(names), 1)
    places = provinces.indices.to_numpy().astype(np.int64) * width + cities.indices.to_numpy()
    distinct, codes = np.unique(places, return_inverse=True)
    known = provinces.dictionary.to_pylist()
    tiers = [city_tier(names[place % width], known[place // width]) for place in distinct.tolist()]
    return pa.array(tiers, pa.string()).take(pa.array(codes))


def _months(dates: pa.ChunkedArray, cut_off_date: date) -> pa.Array:
    """`months.whole_months` on a column; null where the date is, never below 0."""
    end = cut_off_date
    years = pc.subtract(end.year, pc.year(dates))
    months = pc.add(pc.multiply(years, 12), pc.subtract(end.month, pc.month(dates)))
    begun = pc.less(end.day, pc.day(dates)).cast(pa.int64())
    return pc.max_element_wise(pc.subtract(months, begun), 0, skip_nulls=False)


def _month_starts(dates: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.floor_temporal(dates, unit="month").cast(pa.date32())


def _receipt_lists(loan_ids: pa.ChunkedArray, receipts: pa.Table) -> pa.ListArray:
    """Per loan its receipts in order of month, undated first."""
    found = pc.index_in(receipts.column("loan_id"), value_set=loan_ids).fill_null(-1)
    positions = found.to_numpy().astype(np.int64)
    chosen = np.flatnonzero(positions >= 0)
    months = receipts.column("month").cast(pa.int32()).fill_null(-(2**31)).to_numpy()
    order = chosen[np.lexsort((months[chosen], positions[chosen]))]
    lengths = np.bincount(positions[order], minlength=len(loan_ids))
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
        target, FILE_SCHEMA, compression="zstd", compression_level=3, version="2.6"
    ) as writer:
        writer.write_table(table, row_group_size=ROWS_PER_GROUP)
    with target.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def tree_of(table: pa.Table, progress: Progress | None = None) -> Tree:
    """Hash every row as a leaf (see `leaves`) and build the tree of RFC 9162 over them.

    Arrow writes the lines of one part without Python's lock while those of another are hashed.
    """
    starts = range(0, table.num_rows, ROWS_PER_PART)
    hashes: list[bytes] = []
    with ThreadPoolExecutor(PARTS_AT_ONCE) as threads:
        for part in threads.map(lambda at: leaf_hashes(table.slice(at, ROWS_PER_PART)), starts):
            hashes += part
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
