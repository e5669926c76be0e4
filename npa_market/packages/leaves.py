"""Rows as Merkle leaves: canonical JSON (RFC 8785) of each row, made column by column.

A leaf is SHA-256(0x00 || line). The line is an object with every column of the sealed file as a
key, keys in alphabetical order, no blanks; integers as digits, dates as "YYYY-MM-DD", a missing
value as null, receipts as a list of objects. Anybody can make it from the Parquet file with any
JSON library; making it in Arrow is some fifty times faster than row by row.
"""

import hashlib
import json
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_ESCAPED = r'[\x00-\x1f"\\]'


def leaf_lines(table: pa.Table) -> Iterator[bytes]:
    """The canonical JSON of each row, in order, UTF-8."""
    if table.num_rows:
        for line in _objects([(n, table.column(n).combine_chunks()) for n in table.column_names]):
            yield line.as_py().encode()


def leaf_hashes(table: pa.Table) -> list[bytes]:
    """SHA-256(0x00 || line) of each row, in order, without a text object per row."""
    if not table.num_rows:
        return []
    columns = [(name, table.column(name).combine_chunks()) for name in table.column_names]
    lines = _objects(columns, start="\x00{")
    data = memoryview(lines.buffers()[2])
    width = "<i8" if pa.types.is_large_string(lines.type) else "<i4"
    ends = np.frombuffer(lines.buffers()[1], dtype=width, count=len(lines) + lines.offset + 1)
    places = ends[lines.offset :].tolist()
    digest = hashlib.sha256
    return [digest(data[at:until]).digest() for at, until in pairwise(places)]


def _objects(columns: list[tuple[str, pa.Array]], start: str = "{") -> pa.Array:
    """One JSON object per row; RFC 8785 sorts keys by code unit."""
    parts = []
    for number, (name, column) in enumerate(sorted(columns, key=lambda pair: pair[0])):
        prefix = (start if number == 0 else ",") + json.dumps(name) + ":"
        parts += [pa.scalar(prefix), _values(column)]
    return pc.binary_join_element_wise(*parts, pa.scalar("}"), pa.scalar(""))


def _values(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_integer(kind):
        texts = column.cast(pa.string())
    elif pa.types.is_boolean(kind):
        texts = pc.if_else(column, "true", "false")
    elif pa.types.is_date(kind):
        quote = pa.scalar('"')
        texts = pc.binary_join_element_wise(quote, column.cast(pa.string()), quote, pa.scalar(""))
    elif pa.types.is_string(kind):
        texts = _quoted(column)
    elif pa.types.is_list(kind):
        return _lists(column)
    else:
        raise TypeError(f"no canonical form for {kind}")
    return texts.fill_null("null")


def _quoted(column: pa.Array) -> pa.Array:
    """Each distinct text is escaped once, by the escapes that RFC 8785 shares with json."""
    if not pc.any(pc.match_substring_regex(column, _ESCAPED)).as_py():
        return pc.binary_join_element_wise(pa.scalar('"'), column, pa.scalar('"'), pa.scalar(""))
    encoded = column.dictionary_encode()
    quoted = [json.dumps(text, ensure_ascii=False) for text in encoded.dictionary.to_pylist()]
    return pa.array(quoted, pa.string()).take(encoded.indices)


def _lists(column: pa.ListArray) -> pa.Array:
    entries = column.flatten()
    fields = [(field.name, entries.field(field.name)) for field in entries.type]
    objects = _objects(fields) if len(entries) else pa.array([], pa.string())
    lengths = pc.list_value_length(column).fill_null(0)
    ends = np.cumsum(lengths.to_numpy(zero_copy_only=False))
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, objects), ",")
    return pc.binary_join_element_wise(pa.scalar("["), joined, pa.scalar("]"), pa.scalar(""))
