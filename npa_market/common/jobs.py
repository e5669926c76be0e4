"""Long work as a row that people can watch: queue, report progress, end once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from celery import Task
from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.models import Job, JobState


def queue_job(
    *,
    task: "Task[Any, Any]",
    kind: str,
    title: str,
    organisation_id: UUID,
    started_by: Any,
    subject_url: str = "",
    arguments: dict[str, str],
) -> Job:
    """Record a job and send its task after commit as `task(job_id=…, **arguments)`."""
    job = Job.objects.create(
        kind=kind,
        title=title,
        organisation_id=organisation_id,
        started_by=started_by,
        subject_url=subject_url,
        created_at=database_now(),
    )
    transaction.on_commit(lambda: task.delay(job_id=str(job.pk), **arguments))
    return job


class Progress:
    """Handle of a running job; `report(done, total)` is the progress callback of long services."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def report(self, done: int, total: int, message: str = "") -> None:
        """Write progress outside the work's own transaction rules: one small update."""
        Job.objects.filter(pk=self.job.pk, state=JobState.RUNNING).update(
            done=done, total=total, **({"message": message} if message else {})
        )


@contextmanager
def running(job_id: str) -> Iterator[Progress | None]:
    """Claim a job, run the body, and end it as done or failed.

    Yields None where another worker has the job or it is over: the task returns. A `Refused`
    ends the job with its message; any other exception ends it as failed with a short text and
    rises again, so that the worker's log has the trace.
    """
    claimed = Job.objects.filter(pk=job_id, state=JobState.QUEUED).update(
        state=JobState.RUNNING, started_at=database_now()
    )
    if not claimed:
        yield None
        return
    job = Job.objects.get(pk=job_id)
    try:
        yield Progress(job)
    except Refused as refusal:
        _end(job, JobState.FAILED, refusal.message)
    except BaseException:
        _end(job, JobState.FAILED, "Stopped by a fault of the venue; the operator was told.")
        raise
    else:
        _end(job, JobState.DONE, "")


def begin_job(job_id: UUID | str) -> bool:
    """For work that many tasks share: mark the job as running; False where it is over."""
    Job.objects.filter(pk=job_id, state=JobState.QUEUED).update(
        state=JobState.RUNNING, started_at=database_now()
    )
    return Job.objects.filter(pk=job_id, state=JobState.RUNNING).exists()


def end_job(job_id: UUID | str, state: JobState, message: str = "") -> bool:
    """End a job that is not over yet; whether this call ended it."""
    changes: dict[str, Any] = {"state": state, "ended_at": database_now()}
    if message:
        changes["message"] = message[:500]
    under_way = Job.objects.filter(pk=job_id, state__in=[JobState.QUEUED, JobState.RUNNING])
    return bool(under_way.update(**changes))


def _end(job: Job, state: JobState, message: str) -> None:
    changes: dict[str, Any] = {"state": state, "ended_at": database_now()}
    if message:
        changes["message"] = message[:500]
    Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(**changes)
