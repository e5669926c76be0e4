"""Many rows into a table at once: COPY on PostgreSQL, prepared INSERT on SQLite.

Rows are tuples in the order of the named fields, already checked; the tables' own constraints
still decide. Much faster than building model instances, which is what a million loans need.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection, models


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
