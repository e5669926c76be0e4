"""Long work on packages for the Celery worker."""

from uuid import UUID

from celery import shared_task

from npa_market.common.jobs import running
from npa_market.packages.freezing import seal_package
from npa_market.parties.models import User


@shared_task
def seal_package_task(job_id: str, package_id: str, user_id: str) -> None:
    """Seal a package for the person who asked for it, with progress by rows."""
    with running(job_id) as progress:
        if progress:
            seal_package(
                user=User.objects.get(pk=user_id),
                package_id=UUID(package_id),
                progress=progress.report,
            )
