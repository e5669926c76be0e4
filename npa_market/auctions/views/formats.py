"""Acts of both sides on falling and negotiated lots."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from npa_market.auctions import services
from npa_market.auctions.forms_formats import (
    AnswerForm,
    OfferForm,
    PriceForm,
    RoundForm,
    note_refusal,
    with_new_request,
)
from npa_market.auctions.guard.forms import AskedAgain
from npa_market.auctions.guard.outliers import (
    Typed,
    Unconfirmed,
    require_confirmed,
    yardstick_of,
)
from npa_market.auctions.models import BidOutcome, Lot, LotFormat
from npa_market.auctions.views.lots import acting_buyer, lot_of_format, lot_page
from npa_market.common.errors import Refused
from npa_market.parties.access import access, access_for
from npa_market.parties.models import Organisation
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import BUYER_ROLES, Role

Act = Callable[[dict[str, Any]], BidOutcome]


def _answered(request: MemberRequest, lot: Lot, form: Form, act: Act, done: str) -> HttpResponse:
    """Run an act of a bidder; what was typed comes back with the reason where it is refused.

    The form carries the number of its request, so a double click or a resend is one act (A3).
    """
    if form.is_valid():
        try:
            outcome = act(form.cleaned_data)
        except Unconfirmed as question:
            assert isinstance(form, AskedAgain)
            form.ask_again(question, lot)
        except Refused as refusal:
            note_refusal(form, refusal)
        else:
            if not outcome.refusal:
                messages.success(request, done)
                return redirect("auctions:detail", lot.pk)
            form.add_error(None, outcome.message)
            # The refusal is this number's answer for ever: what is typed next is a new request.
            with_new_request(form)
    lot.refresh_from_db()
    return lot_page(request, lot, status=422, act_form=form)


def _party(request: MemberRequest, lot: Lot) -> dict[str, Any]:
    """Who acts for which institution on a lot: the buyer, or the seller of a negotiated one."""
    buyer = acting_buyer(request)
    return {"user": request.user, "lot_id": lot.pk, "buyer": buyer or _nobody()}


def _nobody() -> Organisation:
    raise Refused("buyer_needed", "Choose the buyer you act for first.")


@access(access_for(*BUYER_ROLES))
@require_POST
def lot_accept_price(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Take the price of a falling lot."""
    lot = lot_of_format(request, lot_id, LotFormat.DUTCH)
    form = PriceForm(request.POST)

    def act(values: dict[str, Any]) -> BidOutcome:
        return services.accept_price(**_party(request, lot), **values)

    done = "You accepted the price. The sealed round has begun; your best bid comes after it."
    return _answered(request, lot, form, act, done)


@access(access_for(*BUYER_ROLES))
@require_POST
def lot_round_bid(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """A bid of the sealed round, or the acceptor's best bid."""
    lot = lot_of_format(request, lot_id, LotFormat.DUTCH)
    form = RoundForm(request.POST, lot=lot)

    def act(values: dict[str, Any]) -> BidOutcome:
        party = _party(request, lot)
        amount_minor, request_id = values["amount_minor"], values["request_id"]
        _require_typed_twice(lot, party["buyer"], form)
        return services.place_bid(**party, amount_minor=amount_minor, request_id=request_id)

    return _answered(request, lot, form, act, "Your bid was received.")


@access(access_for(*BUYER_ROLES, Role.SELLER_APPROVER))
@require_POST
def lot_offer(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """An offer or counter-offer."""
    lot = lot_of_format(request, lot_id, LotFormat.NEGOTIATED)
    form = OfferForm(request.POST, lot=lot)

    def act(values: dict[str, Any]) -> BidOutcome:
        side = _side(request, lot)
        if side["organisation"].pk != lot.package.seller_id:
            _require_typed_twice(lot, side["organisation"], form)
        return services.make_offer(
            **side,
            amount_minor=values["amount_minor"],
            valid_seconds=values["valid_hours"] * 3600,
            request_id=values["request_id"],
        )

    return _answered(request, lot, form, act, "Your offer stands; the other side reads it now.")


@access(access_for(*BUYER_ROLES, Role.SELLER_APPROVER))
@require_POST
def lot_answer(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Accept or decline the other side's offer, or withdraw the own one."""
    lot = lot_of_format(request, lot_id, LotFormat.NEGOTIATED)

    def act(values: dict[str, Any]) -> BidOutcome:
        return services.answer_offer(**_side(request, lot), **values)

    return _answered(request, lot, AnswerForm(request.POST), act, "Your answer is recorded.")


def _require_typed_twice(lot: Lot, buyer: Organisation, form: RoundForm) -> None:
    """Raise Unconfirmed for an amount far above the last price or the buyer's own valuation."""
    typed = Typed(
        amount_minor=form.cleaned_data["amount_minor"],
        confirmed_minor=form.typed_again(lot),
        request_id=form.cleaned_data["request_id"],
    )
    require_confirmed(yardstick_of(lot.pk, buyer), buyer, typed)


def _side(request: MemberRequest, lot: Lot) -> dict[str, Any]:
    acting = request.organisation
    is_seller = acting is not None and acting.pk == lot.package.seller_id
    side = lot.package.seller if is_seller else acting_buyer(request)
    return {"user": request.user, "lot_id": lot.pk, "organisation": side or _nobody()}
