"""What waits for the people of a buyer."""

from collections.abc import Iterator

from django.db.models import Exists, OuterRef
from django.urls import reverse

from npa_market.auctions.models import Lot, LotState, Registration, RegistrationState
from npa_market.common.clock import database_now
from npa_market.common.money import format_minor
from npa_market.parties.models import Organisation
from npa_market.portal.need import PER_KIND, Desk, Need, step_due
from npa_market.settlement.models import Statement
from npa_market.transfers.models import Deal, DealState, Delivery, Signature
from npa_market.transfers.queries import balance_due, standing_of, what_helps


def missing_delivery_key(desk: Desk) -> Iterator[Need]:
    """Without a key nothing can be handed over after a purchase."""
    for buyer in Organisation.objects.filter(pk__in=desk.institutions, delivery_public_key=""):
        yield Need(
            what="Enter your delivery key",
            url=reverse("parties:detail", args=[buyer.pk]),
            detail="Loan files are encrypted to it; without it no file can be handed over.",
            act="Enter",
            tone="warn",
        )


def lots_to_study(desk: Desk) -> Iterator[Need]:
    """Announced lots that are still open for registration and not registered for."""
    own = Registration.objects.filter(lot=OuterRef("pk"), buyer__in=desk.institutions)
    rows = Lot.objects.visible_to(desk.user).filter(
        ~Exists(own), state=LotState.ANNOUNCED, registration_ends_at__gt=desk.now
    )
    for lot in rows.order_by("registration_ends_at")[:PER_KIND]:
        yield Need(
            what=f"Study lot {lot.reference}",
            url=reverse("auctions:detail", args=[lot.pk]),
            detail=f"{lot.title}. Registration is open.",
            act="Study",
            due=lot.registration_ends_at,
        )


def lots_with_own_position(desk: Desk) -> Iterator[Need]:
    """Lots in bidding to which the institution is admitted, with where it stands."""
    admitted = Registration.objects.filter(
        lot=OuterRef("pk"), buyer__in=desk.institutions, state=RegistrationState.ADMITTED
    )
    rows = Lot.objects.filter(Exists(admitted), state=LotState.OPEN).order_by("ends_at")
    for lot in rows[:PER_KIND]:
        leads = lot.leader_id in desk.institutions
        yield Need(
            what=f"{'You lead' if leads else 'Bid on'} lot {lot.reference}",
            url=reverse("auctions:detail", args=[lot.pk]),
            detail=_position(lot, leads),
            act="Watch" if leads else "Bid",
            due=lot.ends_at,
            tone="good" if leads else "live",
        )


def _position(lot: Lot, leads: bool) -> str:
    if lot.leading_minor is None:
        start = format_minor(lot.start_price_minor, lot.currency, symbol=True)
        return f"{lot.title}. No bid yet; it starts at {start}."
    leading = format_minor(lot.leading_minor, lot.currency, symbol=True)
    return f"{lot.title}. {'Your' if leads else 'The'} leading bid is {leading}."


def contracts_to_sign(desk: Desk) -> Iterator[Need]:
    """Awarded deals without the buyer's signature."""
    signed = Signature.objects.filter(deal=OuterRef("pk"), organisation__in=desk.institutions)
    rows = Deal.objects.filter(~Exists(signed), buyer__in=desk.institutions)
    for deal in rows.filter(state=DealState.AWARDED).select_related("seller")[:PER_KIND]:
        yield Need(
            what=f"Sign the contract of {deal.reference}",
            url=reverse("transfers:detail", args=[deal.pk]),
            detail=f"Bought from {deal.seller}.",
            act="Sign",
            due=step_due(deal),
        )


def payments_due(desk: Desk) -> Iterator[Need]:
    """Signed deals that are not paid."""
    rows = Deal.objects.filter(buyer__in=desk.institutions, state=DealState.CONTRACTED)
    for deal in rows[:PER_KIND]:
        owed = format_minor(balance_due(deal), deal.currency, symbol=True)
        yield Need(
            what=f"Pay {deal.reference}",
            url=reverse("transfers:detail", args=[deal.pk]),
            detail=f"{owed} after your deposit. Title moves with the payment.",
            due=step_due(deal),
            tone="warn",
        )


def receipts_to_confirm(desk: Desk) -> Iterator[Need]:
    """Loan files that were released to the buyer and not receipted."""
    rows = Deal.objects.filter(
        buyer__in=desk.institutions,
        state=DealState.PAID,
        deliveries__in=Delivery.objects.in_force(),
    )
    now = database_now()
    for deal in rows.select_related("buyer")[:PER_KIND]:
        standing = standing_of(deal, deal.delivery, now)
        yield Need(
            what=f"Confirm the delivery of {deal.reference}",
            url=reverse("transfers:detail", args=[deal.pk]),
            detail=f"{standing.words} {what_helps(deal)}"
            if standing.fault
            else "Decrypt the loan file, check its hash and confirm the receipt.",
            act="Confirm",
            due=step_due(deal),
        )


def statements_to_agree(desk: Desk) -> Iterator[Need]:
    """Open statements that the buyer's side has not agreed."""
    rows = Statement.objects.filter(deal__buyer__in=desk.institutions, settled_at=None)
    for statement in rows.exclude(agreements__organisation__in=desk.institutions)[:PER_KIND]:
        yield Need(
            what=f"Agree statement {statement.reference}",
            url=reverse("settlement:detail", args=[statement.pk]),
            detail="The deal closes once both sides agree.",
            act="Check",
            due=step_due(statement.deal),
        )
