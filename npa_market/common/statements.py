"""Queries of the hot path: written by the ORM, compiled once per process, run with other values.

Building the SQL of a query costs the ORM more than PostgreSQL needs to answer it. A `Statement`
lets the ORM build it once from stand-in values, remembers where these stand, and afterwards only
binds. On PostgreSQL it runs as a prepared statement, so the server plans it once per connection.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import Model, QuerySet
from psycopg import Cursor

Bound = UUID | str | int
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a value stands among the parameters, and how the database's adapter dressed it."""

    name: str
    place: int
    dress: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    fixed: tuple[Any, ...]
    slots: dict[int, _Slot]
    converters: tuple[tuple[int, list[Any], Any], ...]


class Statement:
    """A `values_list` query with named values: each a UUID, a text, an integer, or a list of such.

    `build` gets the values as keywords and returns the query. It must use each of them as a value
    of a condition, and may not look at them: it is called with stand-ins. A list is padded to the
    next power of two with its last value, so a few forms serve every length.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]]) -> None:
        self._build = build
        self._forms: dict[tuple[Any, ...], _Compiled] = {}
        self._lock = Lock()

    def rows(self, **values: Bound | Sequence[Bound]) -> list[Row]:
        """The rows for these values. Raises what a query raises; ValueError for an empty list."""
        lists = {name: _padded(value) for name, value in values.items()}
        shape = (
            connection.vendor,
            *((name, len(all_), type(all_[0])) for name, all_ in sorted(lists.items())),
        )
        form = self._forms.get(shape)
        if form is None:
            with self._lock:
                form = self._forms.get(shape) or self._compiled(values, lists)
                self._forms[shape] = form
        bound = list(form.fixed)
        for position, slot in form.slots.items():
            bound[position] = slot.dress(lists[slot.name][slot.place])
        return _converted(_fetched(form.sql, bound), form.converters)

    def first(self, **values: Bound | Sequence[Bound]) -> Row | None:
        """The first of the rows, None where there is none. For queries of one row at most."""
        return next(iter(self.rows(**values)), None)

    def _compiled(self, values: dict[str, Any], lists: dict[str, tuple[Bound, ...]]) -> _Compiled:
        stand_ins = {name: tuple(map(_stand_in, all_)) for name, all_ in lists.items()}
        query = self._build(
            **{
                name: stand_ins[name] if _is_list(value) else stand_ins[name][0]
                for name, value in values.items()
            }
        ).query
        compiler = query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        slots = _slots(parameters, stand_ins)
        missing = {
            (name, place) for name, all_ in stand_ins.items() for place in range(len(all_))
        } - {(slot.name, slot.place) for slot in slots.values()}
        if missing:
            raise TypeError(f"not used as values of a condition: {sorted(missing)}")
        converters = compiler.get_converters([each[0] for each in compiler.select])
        fixed = tuple(None if place in slots else value for place, value in enumerate(parameters))
        return _Compiled(
            sql,
            fixed,
            slots,
            tuple((place, convs, expression) for place, (convs, expression) in converters.items()),
        )


def instance(model: type[Model], row: Sequence[Any]) -> Any:
    """The object of a row that holds all columns of its model, in the order of `columns`."""
    return model.from_db(connection.alias, columns(model), row)


def instances(row: Sequence[Any], *models: type[Model]) -> list[Any]:
    """The objects of a row that holds all columns of these models one behind the other."""
    found, begin = [], 0
    for model in models:
        end = begin + len(columns(model))
        found.append(instance(model, row[begin:end]))
        begin = end
    return found


@cache
def columns(model: type[Model], path: str = "") -> tuple[str, ...]:
    """The names of a model's own columns, each behind `path`, for `values_list`."""
    return tuple(path + field.attname for field in model._meta.concrete_fields)


def _is_list(value: Any) -> bool:
    return not isinstance(value, Bound)


def _padded(value: Bound | Sequence[Bound]) -> tuple[Bound, ...]:
    if isinstance(value, Bound):
        return (value,)
    if not value:
        raise ValueError("An empty list has no rows.")
    length = 1 << (len(value) - 1).bit_length()
    return (*value, *[value[-1]] * (length - len(value)))


def _stand_in(value: Bound) -> Bound:
    key = uuid4()
    if isinstance(value, UUID):
        return key
    return key.hex if isinstance(value, str) else key.int >> 66  # Fits into 62 bits.


def _slots(parameters: Sequence[Any], stand_ins: dict[str, tuple[Bound, ...]]) -> dict[int, _Slot]:
    places = {
        spelling: (name, place)
        for name, all_ in stand_ins.items()
        for place, value in enumerate(all_)
        for spelling in ({value, value.hex} if isinstance(value, UUID) else {value})
    }
    found = {}
    for position, parameter in enumerate(parameters):
        known = places.get(parameter) if isinstance(parameter, Bound) else None
        if known is not None:
            given = stand_ins[known[0]][known[1]]
            found[position] = _Slot(*known, _dress(given, parameter))
    return found


def _dress(given: Bound, seen: Bound) -> Callable[[Any], Any]:
    """How the database's adapter turned a value into a parameter."""
    if type(given) is type(seen):
        return lambda value: value
    if isinstance(given, UUID):
        return lambda value: value.hex
    return type(seen)


class _Prepared(Cursor[Any]):
    """A cursor whose statements the server plans once per connection."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "_Prepared":
        return super().execute(query, params, **{"prepare": True, **options})


def _fetched(sql: str, bound: list[Any]) -> list[Row]:
    with _cursor() as cursor:
        cursor.execute(sql, bound)
        return list(cursor.fetchall())


def _cursor() -> Any:
    """A cursor with all that Django adds: wrappers, the log of queries, its own errors."""
    if connection.vendor != "postgresql":
        return connection.cursor()
    connection.ensure_connection()
    make = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    return make(_Prepared(connection.connection))  # type: ignore[arg-type]


def _converted(rows: list[Row], converters: tuple[tuple[int, list[Any], Any], ...]) -> list[Row]:
    if not converters:
        return rows
    changed = [list(row) for row in rows]
    for place, converts, expression in converters:
        for row in changed:
            for convert in converts:
                row[place] = convert(row[place], expression, connection)
    return [tuple(row) for row in changed]
