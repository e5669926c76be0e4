"""Long work on deals: the delivery file of a large package."""

from collections.abc import Callable
from uuid import UUID

from celery import shared_task

from npa_market.common.jobs import running
from npa_market.parties.models import User
from npa_market.transfers.models import Delivery
from npa_market.transfers.services import release_delivery, release_delivery_again


@shared_task
def release_delivery_task(job_id: str, deal_id: str, user_id: str) -> None:
    """The second release of a deal, with progress over its loans."""
    _release(release_delivery, job_id, deal_id, user_id)


@shared_task
def release_again_task(job_id: str, deal_id: str, user_id: str) -> None:
    """The second release of a file that stood still, with progress over its loans."""
    _release(release_delivery_again, job_id, deal_id, user_id)


def _release(service: Callable[..., Delivery], job_id: str, deal_id: str, user_id: str) -> None:
    with running(job_id) as progress:
        if progress:
            service(
                user=User.objects.get(pk=user_id),
                deal_id=UUID(deal_id),
                progress=progress.report,
            )
