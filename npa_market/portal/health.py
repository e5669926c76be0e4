"""Is the process alive, and can it serve? For proxies and supervisors; says no secrets."""

import secrets
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from npa_market.parties.access import PUBLIC, access


@access(PUBLIC)
@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "alive"})


@access(PUBLIC)
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 where each thing that a page needs works, else 503; each check by name."""
    results = {name: check() for name, check in CHECKS.items()}
    is_ready = all(result == "ok" for result in results.values())
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready", "checks": results},
        status=200 if is_ready else 503,
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return type(error).__name__
    return "ok"


def _migrations() -> str:
    try:
        executor = MigrationExecutor(connection)
        open_steps = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        return type(error).__name__
    return f"{len(open_steps)} not applied" if open_steps else "ok"


def _storage() -> str:
    """Write and delete a small file: a full disk or a lost bucket shows here."""
    name = f"probe/{secrets.token_hex(8)}"
    try:
        kept = default_storage.save(name, ContentFile(b"ready"))
        default_storage.delete(kept)
    except OSError as error:
        return type(error).__name__
    return "ok"


def _broker() -> str:
    """The file-system broker's folder takes files; a network broker is the worker's affair."""
    if not settings.CELERY_BROKER_URL.startswith("filesystem"):
        return "ok"
    folder = Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_out"])
    probe = folder / f".probe-{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        return type(error).__name__
    return "ok"


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "storage": _storage,
    "broker": _broker,
}
