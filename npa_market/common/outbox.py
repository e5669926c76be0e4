"""Effects after commit: a row in the transaction, a handler at least once afterwards."""

from collections.abc import Callable
from typing import Any

import structlog
from django.db import connection, transaction

from npa_market.common.clock import database_now
from npa_market.common.models import OutboxMessage

Handler = Callable[[dict[str, Any]], None]
_handlers: dict[str, list[Handler]] = {}
log = structlog.get_logger(__name__)
MAX_ATTEMPTS = 20


def handles(topic: str) -> Callable[[Handler], Handler]:
    """Register an idempotent handler of a topic; apps do so in `AppConfig.ready`."""

    def register(handler: Handler) -> Handler:
        _handlers.setdefault(topic, []).append(handler)
        return handler

    return register


def publish(topic: str, body: dict[str, Any]) -> OutboxMessage:
    """Write a message in the caller's transaction."""
    return OutboxMessage.objects.create(topic=topic, body=body, created_at=database_now())


def deliver_pending(limit: int = 100) -> int:
    """Hand open messages to their handlers, oldest first; how many were delivered.

    Each message has a transaction of its own and is locked, so two deliverers share the work. A
    handler that fails leaves its message open, with the error's type, for the next round.
    """
    open_keys = OutboxMessage.objects.filter(
        delivered_at=None, attempts__lt=MAX_ATTEMPTS
    ).values_list("pk", flat=True)[:limit]
    return sum(_deliver(key) for key in list(open_keys))


def _deliver(key: int) -> bool:
    try:
        with transaction.atomic():
            message = (
                OutboxMessage.objects.select_for_update(
                    skip_locked=connection.features.has_select_for_update_skip_locked
                )
                .filter(pk=key, delivered_at=None)
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
        failed.save(update_fields=["attempts", "last_error"])
        return False
