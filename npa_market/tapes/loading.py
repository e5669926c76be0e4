"""Many rows into a table at once: COPY on PostgreSQL, prepared INSERT on SQLite.

Rows come already checked; the tables' own constraints still decide. As columns no row is ever an
object of its own on the way to PostgreSQL, which is what a million loans need.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from django.db import connection, models

Columns = Mapping[str, pa.Array]  # by field of the model, all of one length

_ROWS_PER_BLOCK = 10_000
# What COPY's text format keeps for itself, in the order in which it is escaped.
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


def insert_columns(model: type[models.Model], columns: Columns) -> None:
    """Insert rows inside the caller's transaction. Raises IntegrityError by a constraint.

    Keys are texts of 32 hex characters, days date32, empty cells null.
    """
    rows = len(next(iter(columns.values())))
    if not rows:
        return
    quote = connection.ops.quote_name
    known = {column.name: str(column.column) for column in model._meta.concrete_fields}
    names = ", ".join(quote(known[name]) for name in columns)
    table = quote(model._meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for block in copy_blocks(columns):
                    copy.write(block)
            return
        marks = ", ".join(["%s"] * len(columns))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of ours
        for start in range(0, rows, _ROWS_PER_BLOCK):
            parts = [_plain(column.slice(start, _ROWS_PER_BLOCK)) for column in columns.values()]
            cursor.executemany(statement, list(zip(*parts, strict=True)))


def _plain(column: pa.Array) -> list[Any]:
    """Values as Django keeps them in SQLite: days and keys as text, flags as 0 and 1."""
    if pa.types.is_date(column.type):
        column = column.cast(pa.string())
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    values: list[Any] = column.to_pylist()
    return values


def copy_blocks(columns: Columns) -> Iterator[bytes]:
    """Rows in COPY's text format, some thousand at a time."""
    rows = len(next(iter(columns.values())))
    for start in range(0, rows, _ROWS_PER_BLOCK):
        parts = [_copy_text(column.slice(start, _ROWS_PER_BLOCK)) for column in columns.values()]
        lines = pc.binary_join_element_wise(
            *parts, "\t", null_handling="replace", null_replacement="\\N"
        )
        yield (
            pc.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), "\n")[0]
            .as_buffer()
            .to_pybytes()
            + b"\n"
        )


def _copy_text(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        for plain, escaped in _ESCAPES:
            if pc.any(pc.match_substring(column, plain)).as_py():
                column = pc.replace_substring(column, plain, escaped)
        return column
    return column.cast(pa.string())


def insert_rows(
    model: type[models.Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Insert rows inside the caller's transaction. Raises IntegrityError by a constraint."""
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    known = {column.name: str(column.column) for column in model._meta.concrete_fields}
    columns = ", ".join(quote(known[name]) for name in fields)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(fields))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - names of ours
        cursor.executemany(statement, [[_for_sqlite(value) for value in row] for row in rows])


# How Django keeps values in SQLite.
_SQLITE: dict[type, Callable[[Any], str]] = {UUID: lambda key: key.hex, date: date.isoformat}


def _for_sqlite(value: Any) -> Any:
    convert = _SQLITE.get(type(value))
    return convert(value) if convert else value
