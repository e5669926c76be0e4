"""Many rows into a table at once: COPY on PostgreSQL, prepared INSERT on SQLite.

Rows are tuples in the order of the named fields, already checked; the tables' own constraints
still decide. Much faster than building model instances, which is what a million loans need.
"""

from collections.abc import Iterable, Sequence
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
    columns = ", ".join(quote(str(model._meta.get_field(name).column)) for name in fields)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(fields))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - names of ours
        cursor.executemany(statement, [[_for_sqlite(value) for value in row] for row in rows])


def _for_sqlite(value: Any) -> Any:
    """A value as Django keeps it in SQLite."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, date):
        return value.isoformat()
    return value
