"""Long work on packages for the Celery worker."""

from uuid import UUID

from celery import shared_task

from npa_market.common.jobs import running
from npa_market.packages.freezing import seal_package
from npa_market.parties.models import User
from npa_market.tapes.models import Tape, TapeState


@shared_task
def seal_package_task(job_id: str, package_id: str, user_id: str, seen: str = "") -> None:
    """Seal a package for the person who asked for it, with progress by rows."""
    with running(job_id) as progress:
        if progress:
            seal_package(
                user=User.objects.get(pk=user_id),
                package_id=UUID(package_id),
                seen=seen,
                progress=progress.report,
            )


@shared_task
def prepare_columns_task(job_id: str, tape_keys: str) -> None:
    """Write the columns of tapes, so that totals follow the criteria at once."""
    from npa_market.packages.columns import columns_of

    with running(job_id) as progress:
        if progress:
            tapes = list(Tape.objects.filter(pk__in=tape_keys.split(","), state=TapeState.IMPORTED))
            for done, tape in enumerate(tapes):
                progress.report(done, len(tapes), f"{tape.reference}: {tape.rows_imported:,} loans")
                columns_of([tape])


@shared_task
def export_package_task(job_id: str, export_id: str) -> None:
    """Write an export of a sealed package, with progress by rows."""
    from npa_market.packages.exports import make_export

    with running(job_id) as progress:
        if progress:
            make_export(export_id=UUID(export_id), progress=progress.report)
