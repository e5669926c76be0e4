"""Effects after commit: a row in the transaction, a handler at least once afterwards."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet

from npa_market.common.clock import database_now
from npa_market.common.models import OutboxMessage

Handler = Callable[[dict[str, Any]], None]
_handlers: dict[str, list[Handler]] = {}
log = structlog.get_logger(__name__)
LONGEST_WAIT = timedelta(minutes=10)
STUCK_ATTEMPTS = 5  # About 15 seconds of failures: no passing trouble any more.


def handles(topic: str) -> Callable[[Handler], Handler]:
    """Register an idempotent handler of a topic; apps do so in `AppConfig.ready`."""

    def register(handler: Handler) -> Handler:
        _handlers.setdefault(topic, []).append(handler)
        return handler

    return register


def publish(topic: str, body: dict[str, Any]) -> OutboxMessage:
    """Write a message in the caller's transaction."""
    now = database_now()
    return OutboxMessage.objects.create(topic=topic, body=body, created_at=now, next_try_at=now)


def stuck_messages() -> QuerySet[OutboxMessage]:
    """Messages that failed several times; they are still tried."""
    return OutboxMessage.objects.filter(delivered_at=None, attempts__gte=STUCK_ATTEMPTS)


def wait_after(attempts: int) -> timedelta:
    """How long a message waits after so many failures: 1 s, 2 s, 4 s ... at most 10 minutes."""
    return min(timedelta(seconds=2 ** min(attempts - 1, 10)), LONGEST_WAIT)


def deliver_pending(limit: int = 100) -> int:
    """Hand due messages to their handlers, the longest due first; how many were delivered.

    Each message has a transaction of its own and is locked, so two deliverers share the work. A
    handler that fails leaves its message open, with the error's type, and it is tried again after
    `wait_after`, for ever: what a recorded act promised is never dropped.
    """
    now = database_now()
    due = OutboxMessage.objects.filter(delivered_at=None, next_try_at__lte=now)
    keys = due.order_by("next_try_at", "pk").values_list("pk", flat=True)[:limit]
    return sum(_deliver(key, now) for key in list(keys))


def _deliver(key: int, now: datetime) -> bool:
    try:
        with transaction.atomic():
            message = (
                OutboxMessage.objects.select_for_update(
                    skip_locked=connection.features.has_select_for_update_skip_locked
                )
                .filter(pk=key, delivered_at=None, next_try_at__lte=now)
                .first()
            )
            if message is None:
                return False
            for handler in _handlers.get(message.topic, []):
                handler(message.body)
            message.delivered_at = database_now()
            message.save(update_fields=["delivered_at"])
            return True
    except Exception as error:
        log.exception("outbox_handler_failed", message_id=key)
        failed = OutboxMessage.objects.get(pk=key)
        failed.attempts += 1
        failed.last_error = type(error).__name__
        failed.next_try_at = database_now() + wait_after(failed.attempts)
        failed.save(update_fields=["attempts", "last_error", "next_try_at"])
        return False
