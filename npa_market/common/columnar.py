"""Rows out of the database as whole columns: it joins a column's values to one byte string.

A million rows come as some byte strings instead of a million tuples. PostgreSQL sends values as
numpy reads them, SQLite as lines that Arrow's reader takes. No Python object per row is what
sealing a million loans in seconds needs.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from pyarrow import csv

# How the server sends a value of fixed width, and how numpy reads it (network order).
_SENT: dict[pa.DataType, tuple[str, str]] = {
    pa.int16(): ("int2send(coalesce({0}, 0::smallint))", ">i2"),
    pa.int32(): ("int4send(coalesce({0}, 0))", ">i4"),
    pa.int64(): ("int8send(coalesce({0}, 0))", ">i8"),
    pa.date32(): ("int4send(coalesce({0} - date '1970-01-01', 0))", ">i4"),
    pa.bool_(): ("boolsend(coalesce({0}, false))", "?"),
}


def read_columns(rows: QuerySet[Any], schema: pa.Schema) -> pa.RecordBatch:
    """The rows as columns, in their order. At most some ten million: a joined column is at most
    1 GB. Keys must be 16-byte UUIDs."""
    try:
        statement, parameters = rows.values_list(*schema.names).query.sql_with_params()
    except EmptyResultSet:  # Django sees that nothing can match and writes no statement.
        return pa.RecordBatch.from_pylist([], schema)
    read = _from_postgresql if connection.vendor == "postgresql" else _from_sqlite
    return read(statement, parameters, schema)


def _from_sqlite(statement: str, parameters: Sequence[Any], schema: pa.Schema) -> pa.RecordBatch:
    columns = [f"c{number}" for number in range(len(schema))]
    joined = ", ".join(
        f"CAST(group_concat({_line(name, field)} || char(10), '') AS BLOB)"
        for name, field in zip(columns, schema, strict=True)
    )
    names = ", ".join(columns)
    whole = f"WITH found ({names}) AS ({statement}) SELECT {joined} FROM found"  # noqa: S608 - names of ours
    with connection.cursor() as cursor:
        cursor.execute(whole, parameters)
        lines = cursor.fetchone()
    if lines[0] is None:
        return pa.RecordBatch.from_pylist([], schema)
    arrays = [_lines_as(field, column) for field, column in zip(schema, lines, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def _line(name: str, field: pa.Field) -> str:
    if pa.types.is_string(field.type):
        return f"""'"' || replace({name}, '"', '""') || '"'"""
    return f"coalesce({name}, '')"


def _lines_as(field: pa.Field, lines: bytes) -> pa.Array:
    kind = field.type
    if pa.types.is_fixed_size_binary(kind):
        keys = bytes.fromhex(lines.decode())  # Blanks and ends of lines are passed over.
        return pa.Array.from_buffers(kind, len(keys) // 16, [None, pa.py_buffer(keys)])
    read = csv.read_csv(
        pa.BufferReader(lines),
        read_options=csv.ReadOptions(column_names=[field.name], block_size=len(lines)),
        parse_options=csv.ParseOptions(
            delimiter="\x1f", newlines_in_values=True, ignore_empty_lines=False
        ),
        convert_options=csv.ConvertOptions(
            column_types={field.name: kind}, null_values=[""], strings_can_be_null=False
        ),
    )
    return read.column(0).combine_chunks()


def _from_postgresql(
    statement: str, parameters: Sequence[Any], schema: pa.Schema
) -> pa.RecordBatch:
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
