"""Tapes in the background."""

from uuid import UUID

from celery import shared_task

from npa_market.common.jobs import running
from npa_market.tapes.confirming import remove_rows
from npa_market.tapes.histories import import_history
from npa_market.tapes.services import import_tape


@shared_task
def import_tape_task(job_id: str, tape_id: str) -> None:
    """Import a tape under its job."""
    with running(job_id) as progress:
        if progress:
            import_tape(tape_id=UUID(tape_id), progress=progress.report)


@shared_task
def discard_rows_task(job_id: str, tape_id: str) -> None:
    """Delete the rows of a discarded tape under its job."""
    with running(job_id) as progress:
        if progress:
            remove_rows(tape_id=UUID(tape_id))


@shared_task
def import_history_task(job_id: str, history_id: str) -> None:
    """Import a history under its job."""
    with running(job_id) as progress:
        if progress:
            import_history(history_id=UUID(history_id), progress=progress.report)
