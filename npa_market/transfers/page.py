"""What a deal's page shows to this person: figures, steps, and the acts that are theirs."""

from typing import Any

from npa_market.common.clock import database_now
from npa_market.evidence.models import Entry
from npa_market.parties.models import User
from npa_market.parties.permissions import may
from npa_market.transfers.forms import CancelForm, ExclusionForm, PaymentForm, ReceiptForm
from npa_market.transfers.models import Deal, DealState, Delivery
from npa_market.transfers.queries import (
    balance_due,
    copies_of,
    delivery_of,
    paid_minor,
    release_job,
    standing_of,
    timeline,
    waiting_release,
    what_helps,
)


def page_of(deal: Deal, user: User) -> dict[str, Any]:
    """Context of the detail page."""
    delivery = delivery_of(deal)
    steps = timeline(deal)
    today = database_now().date()
    return {
        "deal": deal,
        "lot": deal.lot,
        "package": deal.lot.package,
        "price": deal.price,
        "terms": deal.deal_terms,
        "paid_minor": paid_minor(deal),
        "due_minor": balance_due(deal),
        "payments": deal.payments.select_related("entry"),
        "signatures": deal.signatures.select_related("organisation"),
        "loans": deal.loan_prices.filter(exclusion="").count(),
        "excluded": deal.loan_prices.exclude(exclusion="").count(),
        "steps": steps,
        "step": next((step for step in steps if step.is_now), None),
        "is_late": any(step.is_late(today) for step in steps),
        "copies": copies_of(deal),
        "job": release_job(deal) if deal.seller_id in user.organisation_ids() else None,
        "statement": getattr(deal, "statement", None),
        "history": Entry.objects.about(deal.pk),
        **_delivery(deal, delivery, user),
        **_acts(deal, delivery, user),
    }


def _delivery(deal: Deal, delivery: Delivery | None, user: User) -> dict[str, Any]:
    """How the loan file stands, the files before it, and what this person may do about it."""
    waiting = waiting_release(deal)
    context: dict[str, Any] = {
        "delivery": delivery,
        "earlier_deliveries": deal.deliveries.exclude(replaced_at=None),
        "waits_for_second": waiting is not None and deal.state == DealState.PAID,
    }
    releases = deal.state == DealState.PAID and _may_release(deal, waiting, user)
    if delivery is None or not delivery.file_id:
        return context | {"may_release": releases}
    standing = standing_of(deal, delivery, database_now())
    may_take = may(user, "transfers.take_delivery", deal)
    return context | {
        "standing": standing,
        "standing_helps": what_helps(deal) if standing.fault else "",
        "may_release_again": releases and standing.fault is not None,
        "may_take": may_take and standing.may_be_taken,
        "take_refusal": standing.words if may_take and not standing.may_be_taken else "",
        "may_erase_copies": may(user, "transfers.erase_package_copies", deal),
    }


def _acts(deal: Deal, delivery: Delivery | None, user: User) -> dict[str, Any]:
    """Which buttons and forms this person gets now; the services check again."""
    state = deal.state
    is_open = state in {DealState.AWARDED, DealState.CONTRACTED}
    signed = set(deal.signatures.values_list("organisation_id", flat=True))
    sides = [
        side
        for side, organisation in (("seller", deal.seller), ("buyer", deal.buyer))
        if organisation.pk not in signed and may(user, f"transfers.sign_as_{side}", deal)
    ]
    acts: dict[str, Any] = {
        "sign_as": sides[0] if sides and state == DealState.AWARDED else "",
        "may_make_statement": state == DealState.DELIVERED
        and not hasattr(deal, "statement")
        # A permission of the room behind this one, known by name alone.
        and may(user, "settlement.make_statement", deal),
    }
    if state == DealState.CONTRACTED and may(user, "transfers.record_payment", deal):
        acts["payment_form"] = payment_form(deal)
    if (
        state == DealState.PAID
        and delivery
        and delivery.file_id
        and may(user, "transfers.confirm_receipt", deal)
    ):
        acts["receipt_form"] = ReceiptForm()
    if state == DealState.AWARDED and not signed and may(user, "transfers.exclude_loans", deal):
        acts["exclusion_form"] = ExclusionForm()
    if is_open and may(user, "transfers.cancel_deal", deal):
        acts["cancel_form"] = CancelForm()
    return acts


def payment_form(deal: Deal, *args: Any) -> PaymentForm:
    """The payment form with the amount that is due."""
    return PaymentForm(*args, currency=deal.currency, due_minor=balance_due(deal))


def _may_release(deal: Deal, waiting: Delivery | None, user: User) -> bool:
    """May this person give the next release, the first or the second of two?"""
    if not may(user, "transfers.release_first", deal):
        return False
    if waiting is None:
        return True
    first = waiting.first_release_by
    if first is None or first.pk == user.pk:
        return False
    return may(user, "transfers.release_second", deal) or may(
        first, "transfers.release_second", deal
    )
