"""Long work of the reports, run by a worker."""

from uuid import UUID

from celery import shared_task

from npa_market.common.jobs import running
from npa_market.diligence.services import make_report
from npa_market.parties.models import User


@shared_task
def make_report_task(job_id: str, user_id: str, package_id: str, valuation_id: str) -> None:
    """Make a report under a job that people watch."""
    with running(job_id) as progress:
        if progress is not None:
            make_report(
                user=User.objects.get(pk=user_id),
                package_id=UUID(package_id),
                valuation_id=UUID(valuation_id),
                progress=progress.report,
            )
