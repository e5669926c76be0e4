"""A real worker for the length of the demonstration, and waiting for its jobs."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management.base import CommandError

from npa_market.common.models import Job, JobState
from npa_market.portal.management.commands.serve import WORKER, python

Report = Callable[[str], None]


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """Start the Celery worker that `serve` starts too, and end it afterwards."""
    with (settings.VAR_DIR / "worker.log").open("ab") as log:
        process = python(*WORKER, log=log)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(
    job: Job, process: subprocess.Popen[bytes], report: Report, patience_seconds: float = 1800
) -> None:
    """Return when the job is done, showing its progress.

    Raises CommandError when the job failed (with its message), the worker died, or nothing moved
    for `patience_seconds`.
    """
    shown, moved_at = (0, ""), time.monotonic()
    while True:
        job.refresh_from_db()
        if job.state == JobState.DONE:
            return
        if job.is_over:
            raise CommandError(f"{job.title}: {job.message}")
        if process.poll() is not None:
            raise CommandError(
                f"The worker ended (exit {process.returncode}) during: {job.title}; "
                f"its log is {settings.VAR_DIR / 'worker.log'}."
            )
        if (job.percent, job.state) != shown:
            shown, moved_at = (job.percent, job.state), time.monotonic()
            report(f"{job.title}: {job.percent} %")
        if time.monotonic() - moved_at > patience_seconds:
            raise CommandError(f"{job.title}: no progress for {patience_seconds:.0f} s")
        time.sleep(0.1)
