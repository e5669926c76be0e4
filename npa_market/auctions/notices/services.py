"""Notices are published with the offer they speak of, or before it; withdrawn, never changed."""

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from npa_market.auctions.models import Lot
from npa_market.auctions.notices.document import (
    Wording,
    announcement_document,
    document_sha256,
    premarketing_document,
)
from npa_market.auctions.notices.models import Notice, NoticeKind
from npa_market.auctions.notices.period import Earliest, NoticeRule, earliest_bidding_day
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.ids import next_reference
from npa_market.common.texts import checked_reason
from npa_market.evidence.services import record
from npa_market.packages.models import Package, PackageState
from npa_market.packages.versions import Difference, difference
from npa_market.parties.models import User
from npa_market.parties.permissions import require

MAX_WORDS = 1_000
MAX_REASON = 300


def notice_rule() -> NoticeRule:
    """The venue's periods."""
    return NoticeRule(
        premarketing=settings.VENUE_PREMARKETING_DAYS,
        announcement=settings.VENUE_ANNOUNCEMENT_DAYS,
        short=settings.VENUE_SHORT_ANNOUNCEMENT_DAYS,
    )


@transaction.atomic
def publish_premarketing(
    *, user: User, package_id: UUID, bidding_day: date, remark: str = "", contact: str = ""
) -> Notice:
    """Tell the market of a sealed package before it is offered; the seller's approver.

    A package has one such notice in force: publishing again gives that one back, unless its words
    or its day differ (Refused `already_premarketed`). Raises Refused `unknown_package`,
    `package_not_sealed`, InvalidInput for a bidding day that has passed or texts too long.
    """
    package = _locked_package(package_id)
    require(user, "auctions.announce_lot", package)
    if package.state != PackageState.SEALED:
        raise Refused("package_not_sealed", "Only a sealed package is marketed.", field="package")
    now = database_now()
    if bidding_day < _day(now, settings.VENUE_TIME_ZONE):
        raise InvalidInput("day_past", "The bidding day has passed.", field="bidding_day")
    document = premarketing_document(package, _wording(remark, contact), bidding_day)
    known = Notice.objects.in_force().filter(package=package, kind=NoticeKind.PREMARKETING).first()
    if known is not None:
        if known.document_sha256 == document_sha256(document):
            return known
        raise Refused(
            "already_premarketed",
            f"{known.reference} is in force for this package; withdraw it before a new one.",
            field="package",
        )
    return _published(
        user=user, package=package, document=document, now=now, bidding_day=bidding_day
    )


@transaction.atomic
def withdraw_notice(*, user: User, notice_id: UUID, reason: str) -> Notice:
    """Withdraw a pre-marketing notice, with a reason that is published; the seller's approver.

    An announcement is ended with its lot instead: Refused `wrong_kind`. Again: nothing happens.
    """
    notice = Notice.objects.select_for_update(of=("self",)).get(pk=notice_id)
    require(user, "auctions.announce_lot", notice.package)
    if notice.kind != NoticeKind.PREMARKETING:
        raise Refused("wrong_kind", "An announcement ends with its lot.")
    asked = f"Say why in 1 to {MAX_REASON} characters."
    words = checked_reason(reason, most=MAX_REASON, words=asked)
    if notice.withdrawn_at is None:
        notice.withdrawn_at, notice.withdrawal_reason = database_now(), words
        notice.save(update_fields=["withdrawn_at", "withdrawal_reason"])
        record(
            type="notice.withdrawn",
            subject=notice,
            actor=user,
            payload={"notice": notice.reference, "reason": words},
            prev_state="published",
        )
    return notice


def publish_announcement(*, user: User, lot: Lot, remark: str, contact: str) -> Notice:
    """Publish the announcement of a new lot, in the transaction that makes the lot.

    Compared with the pre-marketing notice of this package or an earlier version of it. Raises
    InvalidInput `notice_too_short` naming the first day allowed.
    """
    earlier = _premarketing_of(lot.package)
    compared = _difference(earlier, lot.package)
    bidding_day = _day(lot.opens_at, lot.time_zone)
    _check_period(lot, earlier, compared, bidding_day)
    document = announcement_document(
        lot, _wording(remark, contact), compared, earlier.reference if earlier else ""
    )
    if lot.follows is not None:
        against = _between(lot.follows.package, lot.package)
        document["follows_lot"] = {
            "lot": lot.follows.reference,
            "result": "deal_cancelled" if lot.follows.released_at else lot.follows.state,
            "loans_out": against.out,
            "loans_in": against.taken_in,
        }
    if lot.sale_event is not None:
        together = {"event": lot.sale_event.reference, "title": lot.sale_event.title}
        document["sold_together"] = together
    return _published(
        user=user,
        package=lot.package,
        document=document,
        now=lot.announced_at,
        bidding_day=bidding_day,
        lot=lot,
        follows=earlier,
    )


def earliest_day(package: Package, bidding_day: date, zone: str) -> Earliest:
    """First bidding day of a lot that is announced now, and why. For forms."""
    earlier = _premarketing_of(package)
    is_same = _is_identical(_difference(earlier, package))
    return earliest_bidding_day(
        notice_rule(),
        _day(database_now(), zone),
        premarketed_on=_day(earlier.published_at, zone) if earlier and is_same else None,
        bidding_day=bidding_day,
    )


def _check_period(
    lot: Lot, earlier: Notice | None, compared: Difference | None, bidding_day: date
) -> None:
    is_same = earlier is not None and _is_identical(compared)
    earliest = earliest_bidding_day(
        notice_rule(),
        _day(lot.announced_at, lot.time_zone),
        premarketed_on=_day(earlier.published_at, lot.time_zone) if earlier and is_same else None,
        bidding_day=bidding_day,
    )
    if bidding_day < earliest.due.day:
        raise InvalidInput(
            "notice_too_short",
            f"Bidding may open on {earliest.due.day:%d %b %Y} at the earliest: "
            f"{earliest.working_days} working days after the announcement.",
            field="opens_at",
        )


def _premarketing_of(package: Package) -> Notice | None:
    """The notice in force of this version or of the nearest one before it."""
    version: Package | None = package
    while version is not None:
        found = (
            Notice.objects.in_force()
            .filter(package=version, kind=NoticeKind.PREMARKETING)
            .select_related("package")
            .first()
        )
        if found is not None:
            return found
        version = version.previous
    return None


def _difference(earlier: Notice | None, package: Package) -> Difference | None:
    return None if earlier is None else _between(earlier.package, package)


def _between(before: Package, package: Package) -> Difference:
    return Difference(out=0, taken_in=0) if before == package else difference(before, package)


def _is_identical(compared: Difference | None) -> bool:
    return compared is not None and not compared.out and not compared.taken_in


def _published(
    *,
    user: User,
    package: Package,
    document: dict[str, Any],
    now: datetime,
    bidding_day: date,
    lot: Lot | None = None,
    follows: Notice | None = None,
) -> Notice:
    notice = Notice.objects.create(
        reference=next_reference("NTC"),
        kind=document["kind"],
        package=package,
        lot=lot,
        follows=follows,
        bidding_day=bidding_day,
        document=document,
        document_sha256=document_sha256(document),
        published_by=user,
        published_at=now,
    )
    record(
        type="notice.published",
        subject=notice,
        actor=user,
        payload={
            "notice": notice.reference,
            "kind": notice.kind,
            "package": package.reference,
            "package_sha256": package.content_sha256,
            "document_sha256": notice.document_sha256,
            "follows": follows.reference if follows else "",
        },
    )
    return notice


def _wording(remark: str, contact: str) -> Wording:
    for field, text in (("remark", remark), ("contact", contact)):
        if len(text.strip()) > MAX_WORDS:
            raise InvalidInput("too_long", f"At most {MAX_WORDS} characters.", field=field)
    return Wording(remark.strip(), contact.strip())


def _locked_package(package_id: UUID) -> Package:
    package = (
        Package.objects.select_for_update(of=("self",))
        .select_related("seller")
        .filter(pk=package_id)
        .first()
    )
    if package is None:
        raise Refused("unknown_package", "There is no such package.", field="package")
    return package


def _day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
