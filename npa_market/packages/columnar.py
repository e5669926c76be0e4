"""Rows out of PostgreSQL as whole columns: the server joins a column's values to one byte string.

A million rows come as some byte strings instead of a million tuples; numpy and Arrow take the
values as they are. Ten times fewer Python objects than rows is what sealing in seconds needs.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

# How the server sends a value of fixed width, and how numpy reads it (network order).
_SENT: dict[pa.DataType, tuple[str, str]] = {
    pa.int16(): ("int2send(coalesce({0}, 0::smallint))", ">i2"),
    pa.int32(): ("int4send(coalesce({0}, 0))", ">i4"),
    pa.int64(): ("int8send(coalesce({0}, 0))", ">i8"),
    pa.date32(): ("int4send(coalesce({0} - date '1970-01-01', 0))", ">i4"),
    pa.bool_(): ("boolsend(coalesce({0}, false))", "?"),
}


def has_columns() -> bool:
    """Does the database join columns itself?"""
    return connection.vendor == "postgresql"


def read_columns(rows: QuerySet[Any], schema: pa.Schema) -> pa.RecordBatch:
    """The rows as columns, in their order. At most some ten million: a joined column is at most
    1 GB. Keys must be 16-byte UUIDs."""
    try:
        statement, parameters = rows.values_list(*schema.names).query.sql_with_params()
    except EmptyResultSet:  # Django sees that nothing can match and writes no statement.
        return pa.RecordBatch.from_pylist([], schema)
    columns = [f"c{number}" for number in range(len(schema))]
    asked = [
        part for name, field in zip(columns, schema, strict=True) for part in _asked(name, field)
    ]
    joined = ", ".join(f"coalesce(string_agg({part}, ''::bytea), ''::bytea)" for part in asked)
    whole = f"SELECT {joined} FROM ({statement}) AS found ({', '.join(columns)})"  # noqa: S608 - names of ours
    from psycopg import Cursor

    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        # Django's own cursors bind on this side and take no binary answers.
        found = cursor.execute(whole.encode(), parameters, prepare=False, binary=True).fetchone()
    parts: Iterator[bytes] = iter(found or ())
    return pa.record_batch([_column(parts, field) for field in schema], schema=schema)


def _asked(name: str, field: pa.Field) -> Sequence[str]:
    if pa.types.is_string(field.type):
        sent = [f"convert_to({name}, 'UTF8')", f"int4send(octet_length({name}))"]
    elif pa.types.is_fixed_size_binary(field.type):
        sent = [f"uuid_send({name})"]
    else:
        sent = [_SENT[field.type][0].format(name)]
    return [*sent, f"boolsend({name} IS NULL)"] if field.nullable else sent


def _column(parts: Iterator[bytes], field: pa.Field) -> pa.Array:
    data = next(parts)
    if pa.types.is_string(field.type):
        lengths = np.frombuffer(next(parts), dtype=">i4")
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        buffers = (pa.py_buffer(offsets), pa.py_buffer(data))
        return pa.StringArray.from_buffers(len(lengths), *buffers)
    if pa.types.is_fixed_size_binary(field.type):
        width = field.type.byte_width
        return pa.Array.from_buffers(field.type, len(data) // width, [None, pa.py_buffer(data)])
    values = np.frombuffer(data, dtype=_SENT[field.type][1])
    native = values.astype(values.dtype.newbyteorder("="))
    missing = np.frombuffer(next(parts), dtype=bool) if field.nullable else None
    if pa.types.is_date(field.type):
        return pa.array(native, pa.int32(), mask=missing).view(field.type)
    return pa.array(native, field.type, mask=missing)
