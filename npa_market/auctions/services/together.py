"""Requests that wait for one lot in one process are decided in one transaction.

A lot is one row lock, so its bids are decided one after the other whatever the machine. What can
be shared is everything around the decisions: the wait for the lock, the clock, the writes, and the
wait for the disk at the commit. The request at the head of the queue leads: it decides all that
wait, in the order in which they came, and each hears of its outcome after the commit. Nothing is
decided in memory alone, and with one request waiting it is the plain path.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection

from npa_market.common.errors import Busy, Refused

# At most so many wait per lot and process; one more is told at once that nothing was done.
MAX_WAITING = 500
MAX_TOGETHER = 64
# Longer than the lock's own timeout: who leads gives up first and says so to all.
PATIENCE_SECONDS = 10.0

Request = TypeVar("Request")
Outcome = TypeVar("Outcome")


@dataclass(eq=False)
class _Ticket(Generic[Request, Outcome]):
    """One waiting request; woken with an outcome, an error, or to lead the next transaction."""

    request: Request
    woken: Event = field(default_factory=Event)
    outcome: Outcome | None = None
    error: BaseException | None = None
    leads: bool = False
    is_taken: bool = False


class _Queue:
    """Requests on one lot, first come first."""

    def __init__(self) -> None:
        self.waiting: deque[_Ticket[Any, Any]] = deque()
        self.is_led = False


_guard = Lock()
_queues: dict[UUID, _Queue] = {}


def decided_together(
    lot_id: UUID,
    request: Request,
    decide_all: Callable[[UUID, Sequence[Request]], list[Outcome]],
) -> Outcome:
    """The outcome of one request, decided alone or with others that wait for the same lot.

    `decide_all` decides all or none in one transaction. Inside a transaction of the caller the
    request is decided there and then. Raises what `decide_all` raises for this request, and Busy
    where too many wait or the turn did not come in time (nothing was done).
    """
    if connection.in_atomic_block:
        return decide_all(lot_id, [request])[0]
    ticket: _Ticket[Request, Outcome] = _Ticket(request)
    _join(lot_id, ticket)
    if not ticket.leads:
        # Another request can use the connection while this one waits.
        connection.close()
        _wait(lot_id, ticket)
    if ticket.leads:
        _lead(lot_id, decide_all)
    if ticket.error is not None:
        raise ticket.error
    assert ticket.outcome is not None
    return ticket.outcome


def _join(lot_id: UUID, ticket: _Ticket[Any, Any]) -> None:
    with _guard:
        queue = _queues.setdefault(lot_id, _Queue())
        if len(queue.waiting) >= MAX_WAITING:
            raise Busy
        queue.waiting.append(ticket)
        if not queue.is_led:
            queue.is_led = ticket.leads = True


def _wait(lot_id: UUID, ticket: _Ticket[Any, Any]) -> None:
    if ticket.woken.wait(PATIENCE_SECONDS):
        return
    with _guard:
        if not ticket.is_taken and not ticket.leads:
            _queues[lot_id].waiting.remove(ticket)
            raise Busy
    ticket.woken.wait()  # Being decided: the leader wakes it whatever happens.


def _lead(lot_id: UUID, decide_all: Callable[[UUID, Sequence[Any]], list[Any]]) -> None:
    """Decide those at the head of the queue (this one is the first), then pass the lead on."""
    with _guard:
        waiting = _queues[lot_id].waiting
        taken = [waiting.popleft() for _ in range(min(len(waiting), MAX_TOGETHER))]
        for each in taken:
            each.is_taken = True
    try:
        _settle(lot_id, taken, decide_all)
    finally:
        with _guard:
            queue = _queues[lot_id]
            if queue.waiting:
                queue.waiting[0].leads = True
                queue.waiting[0].woken.set()
            else:
                del _queues[lot_id]
        for each in taken:
            if each.outcome is None and each.error is None:
                each.error = Busy()  # The leader's thread was ended from outside.
            each.woken.set()


def _settle(
    lot_id: UUID,
    taken: Sequence[_Ticket[Any, Any]],
    decide_all: Callable[[UUID, Sequence[Any]], list[Any]],
) -> None:
    """Give each ticket its outcome; where all together fail, each is decided alone."""
    try:
        outcomes = decide_all(lot_id, [each.request for each in taken])
    except Refused as refusal:  # The lot is busy or unknown: true for each.
        for each in taken:
            each.error = refusal
    except Exception as error:
        if len(taken) == 1:
            taken[0].error = error
            return
        for each in taken:
            _settle(lot_id, [each], decide_all)
    else:
        for each, outcome in zip(taken, outcomes, strict=True):
            each.outcome = outcome
