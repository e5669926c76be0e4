"""Reads of deals that pages, API and other rooms need."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet, Sum

from npa_market.common.clock import database_now
from npa_market.common.models import Job
from npa_market.packages.models import Package
from npa_market.tapes.models import Receipt
from npa_market.transfers.availability import Availability, Handover, availability_of
from npa_market.transfers.models import Deal, DealState, Delivery
from npa_market.transfers.timeline import Progress, Step, steps_of

RELEASE_JOB = "delivery_release"


def paid_minor(deal: Deal) -> int:
    """Payments matched so far, without the deposit, minor units."""
    total: int | None = deal.payments.aggregate(total=Sum("amount_minor"))["total"]
    return total or 0


def receipts_since_cut_off(package: Package, rows: QuerySet[Any]) -> int:
    """Gross cash of the rows' loans in the months that begin after the cut-off date, minor units.

    `rows` are members of the package or loans of its deal. Payments taken back are set off
    against those received; where more was taken back, the sum counts as zero: the buyer gets
    nothing for these receipts and owes nothing for them.
    """
    receipts = Receipt.objects.filter(
        loan__in=rows.order_by().values("loan"), month__gt=package.cut_off_date
    )
    total: int | None = receipts.aggregate(total=Sum("gross_minor"))["total"]
    return max(total or 0, 0)


def balance_due(deal: Deal) -> int:
    """What the buyer still has to pay, never below zero, minor units."""
    return max(deal.price.balance_minor - paid_minor(deal), 0)


def delivery_of(deal: Deal) -> Delivery | None:
    """The delivery in force; before it, the one that waits for its second release, if any."""
    rows = deal.deliveries.select_related("first_release_by", "second_release_by", "key")
    return rows.in_force().first() or rows.filter(file=None).first()


def waiting_release(deal: Deal) -> Delivery | None:
    """The delivery, first or again, that one person has released and no second yet."""
    return deal.deliveries.filter(file=None).select_related("first_release_by").first()


def standing_of(deal: Deal, delivery: Delivery, now: datetime) -> Availability:
    """How a released delivery stands; services and pages ask here alone."""
    assert delivery.released_at is not None
    handover = Handover(
        released_at=delivery.released_at,
        downloads=delivery.downloads,
        has_key=delivery.key is None or bool(delivery.key.wrapped),
        recipient=delivery.recipient,
        buyer_key=deal.buyer.delivery_public_key,
    )
    return availability_of(handover, deal.deal_terms, now)


def what_helps(deal: Deal) -> str:
    """What to do about a file that is of no use to its buyer; "" once the deal is past it."""
    is_paid = deal.state == DealState.PAID
    return "Two people of the seller can release it again." if is_paid else ""


def open_until(deal: Deal, delivery: Delivery, now: datetime) -> datetime | None:
    """Until when the buyer may still take a file; None where it may not, or has receipted it."""
    if delivery.receipted_at is not None or not delivery.file_id:
        return None
    standing = standing_of(deal, delivery, now)
    return standing.until if standing.may_be_taken else None


@dataclass(frozen=True)
class Copies:
    """Copies made of identities for the buyer of a package, under the package's own key.

    loans: those whose identities are in them, 0 where there is no copy. open_until: the buyer may
    still take the file before this (None: it may not). erased_at: when the key was destroyed.
    """

    loans: int = 0
    open_until: datetime | None = None
    erased_at: datetime | None = None
    has_key: bool = False


def copies_of(deal: Deal) -> Copies:
    """What erasing the copies of a deal's package would make unreadable, or has."""
    delivery = delivery_of(deal)
    if delivery is None or not delivery.file_id:
        return Copies()
    key = delivery.key
    return Copies(
        loans=deal.loan_prices.filter(exclusion="").count(),
        open_until=open_until(deal, delivery, database_now()),
        erased_at=key.erased_at if key else None,
        has_key=bool(key and key.wrapped),
    )


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
