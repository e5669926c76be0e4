"""What waits for the people of a seller."""

from collections.abc import Iterator
from itertools import islice

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from npa_market.common.clock import database_now
from npa_market.packages.models import Package, PackageLoan, PackageState
from npa_market.portal.need import PER_KIND, Desk, Need, step_due
from npa_market.settlement.models import Statement
from npa_market.tapes.models import Tape, TapeState
from npa_market.transfers.models import Deal, DealState, Delivery, Signature
from npa_market.transfers.queries import standing_of
from npa_market.valuation.models import Valuation, ValuationState


def failed_imports(desk: Desk) -> Iterator[Need]:
    """Tapes that gave no loans."""
    rows = Tape.objects.filter(seller__in=desk.institutions, state=TapeState.FAILED)
    for tape in rows[:PER_KIND]:
        yield Need(
            what=f"Repair tape {tape.reference}",
            url=reverse("tapes:detail", args=[tape.pk]),
            detail=tape.failure or f"The import of {tape.file_name} failed.",
            tone="bad",
        )


def imports_to_confirm(desk: Desk) -> Iterator[Need]:
    """Validated tapes whose control totals nobody has compared yet."""
    rows = Tape.objects.filter(seller__in=desk.institutions, state=TapeState.TO_CONFIRM)
    for tape in rows[:PER_KIND]:
        yield Need(
            what=f"Confirm tape {tape.reference}",
            url=reverse("tapes:detail", args=[tape.pk]),
            detail=f"{tape.rows_imported:,} sound rows wait: compare the control totals.",
            act="Confirm",
        )


def tapes_without_package(desk: Desk) -> Iterator[Need]:
    """Clean loans of which none is sealed, and no later draft of the seller is open."""
    used = PackageLoan.objects.filter(loan__tape=OuterRef("pk"))
    drafts = Package.objects.filter(
        seller=OuterRef("seller"),
        created_at__gte=OuterRef("uploaded_at"),
        state__in=[PackageState.DRAFT, PackageState.SCREENED],
    )
    rows = Tape.objects.filter(
        ~Exists(used), ~Exists(drafts), seller__in=desk.institutions, state=TapeState.IMPORTED
    )
    for tape in rows[:PER_KIND]:
        rejected = f", {tape.rows_rejected:,} rows rejected" if tape.rows_rejected else ""
        yield Need(
            what=f"Draw a package from tape {tape.reference}",
            url=reverse("tapes:detail", args=[tape.pk]),
            detail=f"{tape.rows_imported:,} loans imported{rejected}.",
        )


def packages_to_screen(desk: Desk) -> Iterator[Need]:
    """Drafts that were not screened yet."""
    rows = Package.objects.filter(seller__in=desk.institutions, state=PackageState.DRAFT)
    for package in rows[:PER_KIND]:
        yield Need(
            what=f"Screen package {package.reference}",
            url=reverse("packages:detail", args=[package.pk]),
            detail=f"{package.title}: a draft until its loans are screened.",
            act="Screen",
        )


def packages_to_seal(desk: Desk) -> Iterator[Need]:
    """Screened packages that somebody else drafted: sealing takes a second person."""
    rows = Package.objects.filter(seller__in=desk.institutions, state=PackageState.SCREENED)
    for package in rows.exclude(created_by=desk.user)[:PER_KIND]:
        yield Need(
            what=f"Release package {package.reference}",
            url=reverse("packages:detail", args=[package.pk]),
            detail=f"{package.title}: screened; sealing makes its {package.loans:,} loans final.",
            act="Review",
        )


def packages_without_value(desk: Desk) -> Iterator[Need]:
    """Sealed packages on which the institution has no finished valuation."""
    valued = Valuation.objects.filter(
        package=OuterRef("pk"), organisation__in=desk.institutions, state=ValuationState.DONE
    )
    rows = Package.objects.filter(
        ~Exists(valued), seller__in=desk.institutions, state=PackageState.SEALED
    )
    for package in rows[:PER_KIND]:
        yield Need(
            what=f"Value package {package.reference}",
            url=reverse("packages:detail", args=[package.pk]),
            detail=f"{package.title}: sealed, not valued.",
            act="Value",
        )


def packages_to_offer(desk: Desk) -> Iterator[Need]:
    """Sealed packages that were never offered."""
    rows = Package.objects.filter(
        seller__in=desk.institutions, state=PackageState.SEALED, lots=None
    )
    for package in rows[:PER_KIND]:
        yield Need(
            what=f"Offer package {package.reference}",
            url=reverse("packages:detail", args=[package.pk]),
            detail=f"{package.title}: sealed, in no lot.",
        )


def contracts_to_sign(desk: Desk) -> Iterator[Need]:
    """Awarded deals without the seller's signature."""
    signed = Signature.objects.filter(deal=OuterRef("pk"), organisation__in=desk.institutions)
    rows = Deal.objects.filter(~Exists(signed), seller__in=desk.institutions)
    for deal in rows.filter(state=DealState.AWARDED).select_related("buyer")[:PER_KIND]:
        yield Need(
            what=f"Sign the contract of {deal.reference}",
            url=reverse("transfers:detail", args=[deal.pk]),
            detail=f"Sold to {deal.buyer}.",
            act="Sign",
            due=step_due(deal),
        )


def deliveries_to_release(desk: Desk) -> Iterator[Need]:
    """Paid deals whose loan file is not with the buyer: two people release it."""
    paid = Deal.objects.filter(seller__in=desk.institutions, state=DealState.PAID)
    rows = paid.exclude(deliveries__in=Delivery.objects.in_force()).select_related("buyer")
    for deal in rows.exclude(deliveries__in=_waiting_for_another(desk))[:PER_KIND]:
        yield Need(
            what=f"Release the delivery of {deal.reference}",
            url=reverse("transfers:detail", args=[deal.pk]),
            detail=f"{deal.buyer} has paid and owns the loans; two people release the file.",
            act="Release",
            due=step_due(deal),
            tone="warn",
        )


def deliveries_to_release_again(desk: Desk) -> Iterator[Need]:
    """Released files that their buyer can no longer take or open, and has not receipted."""
    paid = Deal.objects.filter(seller__in=desk.institutions, state=DealState.PAID)
    rows = paid.filter(deliveries__in=Delivery.objects.in_force()).select_related("buyer")
    others = rows.exclude(deliveries__in=_waiting_for_another(desk))
    now = database_now()
    standings = ((deal, standing_of(deal, deal.delivery, now)) for deal in others)
    stuck = ((deal, standing) for deal, standing in standings if standing.fault is not None)
    for deal, standing in islice(stuck, PER_KIND):
        yield Need(
            what=f"Release the delivery of {deal.reference} again",
            url=reverse("transfers:detail", args=[deal.pk]),
            detail=f"{standing.words} Two people release it anew to {deal.buyer}.",
            act="Release",
            due=step_due(deal),
            tone="warn",
        )


def _waiting_for_another(desk: Desk) -> QuerySet[Delivery]:
    """Deliveries that this person has released and a second one has not."""
    return Delivery.objects.filter(file=None, first_release_by=desk.user)


def statements_to_make(desk: Desk) -> Iterator[Need]:
    """Delivered deals without a statement."""
    rows = Deal.objects.filter(
        seller__in=desk.institutions, state=DealState.DELIVERED, statement=None
    )
    for deal in rows[:PER_KIND]:
        yield Need(
            what=f"Draw up the statement of {deal.reference}",
            url=reverse("transfers:detail", args=[deal.pk]),
            detail="Delivered and receipted; both sides agree the statement, then you are paid.",
            act="Settle",
            due=step_due(deal),
        )


def statements_to_agree(desk: Desk) -> Iterator[Need]:
    """Open statements that the seller's side has not agreed."""
    rows = Statement.objects.filter(deal__seller__in=desk.institutions, settled_at=None)
    for statement in rows.exclude(agreements__organisation__in=desk.institutions)[:PER_KIND]:
        yield Need(
            what=f"Agree statement {statement.reference}",
            url=reverse("settlement:detail", args=[statement.pk]),
            detail="Your net proceeds are paid out once both sides agree.",
            act="Check",
            due=step_due(statement.deal),
        )
