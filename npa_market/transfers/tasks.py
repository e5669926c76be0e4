"""Long work on deals: the delivery file of a large package."""

from uuid import UUID

from celery import shared_task

from npa_market.common.jobs import running
from npa_market.parties.models import User
from npa_market.transfers.services import release_delivery


@shared_task
def release_delivery_task(job_id: str, deal_id: str, user_id: str) -> None:
    """The second release of a deal, with progress over its loans."""
    with running(job_id) as progress:
        if progress:
            release_delivery(
                user=User.objects.get(pk=user_id),
                deal_id=UUID(deal_id),
                progress=progress.report,
            )
