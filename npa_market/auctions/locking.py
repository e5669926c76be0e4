"""The row lock of a lot: everything that changes a lot waits here, one at a time."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from uuid import UUID

from django.db import OperationalError, connection
from django.db.models import QuerySet
from psycopg import errors as postgresql
from psycopg_pool import PoolTimeout, TooManyRequests

from npa_market.auctions.models import Lot
from npa_market.common.errors import Busy, Refused
from npa_market.common.statements import Statement, columns, instance

_OVERLOAD = (
    postgresql.LockNotAvailable,
    postgresql.DeadlockDetected,
    postgresql.TooManyConnections,
    PoolTimeout,
    TooManyRequests,
)


class UnknownLot(Refused):
    """No such lot."""

    status = 404

    def __init__(self) -> None:
        super().__init__("unknown_lot", "There is no such lot.")


def lock_lot(lot_id: UUID) -> Lot:
    """The lot with its row locked until the transaction ends. Raises UnknownLot.

    Read the clock in a statement after this one: see `common.clock.database_now`.
    """
    row = _LOCKED.first(lot=lot_id)
    if row is None:
        raise UnknownLot
    return cast("Lot", instance(Lot, row))


def lock_lots_of_event(lot_id: UUID) -> list[Lot]:
    """All lots of the event that a lot stands in, locked; empty where it stands in none.

    Locked by their keys' order, so that two who need all of them wait for each other once.
    """
    event = Lot.objects.filter(pk=lot_id, sale_event__isnull=False).values("sale_event")
    lots = _locked(skip_locked=False).filter(sale_event__in=event)
    return list(lots.order_by("pk"))


def lock_event(event_id: UUID) -> list[Lot]:
    """All lots of an event, locked in the same order."""
    return list(_locked(skip_locked=False).filter(sale_event=event_id).order_by("pk"))


def lock_lot_if_free(lot_id: UUID) -> Lot | None:
    """The same, or None where somebody else is at work on it (or it does not exist)."""
    skip = connection.features.has_select_for_update_skip_locked
    return _locked(skip_locked=skip).filter(pk=lot_id).first()


def _locked(*, skip_locked: bool) -> QuerySet[Lot]:
    return Lot.objects.select_for_update(skip_locked=skip_locked)


_LOCKED = Statement(
    lambda *, lot: _locked(skip_locked=False).filter(pk=lot).values_list(*columns(Lot))
)


@contextmanager
def busy_when_locked() -> Iterator[None]:
    """Turn a lock that did not come in time into Busy (503, Retry-After): nothing was done."""
    try:
        yield
    except OperationalError as error:
        if not _is_overload(error.__cause__):
            raise
        raise Busy from error


def _is_overload(cause: BaseException | None) -> bool:
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    return isinstance(cause, _OVERLOAD)
