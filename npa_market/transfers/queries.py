"""Reads of deals that pages, API and other rooms need."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Sum

from npa_market.common.models import Job
from npa_market.transfers.models import Deal, DealState, Delivery
from npa_market.transfers.timeline import Progress, Step, steps_of

RELEASE_JOB = "delivery_release"


def paid_minor(deal: Deal) -> int:
    """Payments matched so far, without the deposit, minor units."""
    total: int | None = deal.payments.aggregate(total=Sum("amount_minor"))["total"]
    return total or 0


def balance_due(deal: Deal) -> int:
    """What the buyer still has to pay, never below zero, minor units."""
    return max(deal.price.balance_minor - paid_minor(deal), 0)


def delivery_of(deal: Deal) -> Delivery | None:
    """The delivery of a deal, once somebody released it."""
    return Delivery.objects.filter(deal=deal).select_related("first_release_by").first()


def release_job(deal: Deal) -> Job | None:
    """The newest job that makes the delivery file of this deal."""
    return Job.objects.filter(
        kind=RELEASE_JOB, organisation_id=deal.seller_id, subject_url__contains=str(deal.pk)
    ).first()


def timeline(deal: Deal) -> list[Step]:
    """Steps of a deal with owner and deadline."""
    signed = set(deal.signatures.values_list("organisation_id", flat=True))
    delivery = delivery_of(deal)
    progress = Progress(
        awarded_at=deal.awarded_at,
        contracted_at=deal.contracted_at,
        paid_at=deal.paid_at,
        released_at=delivery.released_at if delivery else None,
        delivered_at=deal.delivered_at,
        closed_at=deal.closed_at,
        is_cancelled=deal.state == DealState.CANCELLED,
        seller_signed=deal.seller_id in signed,
        buyer_signed=deal.buyer_id in signed,
        first_released=delivery is not None,
        has_statement=hasattr(deal, "statement"),
    )
    return steps_of(progress, deal.deal_terms, ZoneInfo(settings.VENUE_TIME_ZONE))
