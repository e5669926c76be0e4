"""Pages of a lot with sealed bids: hand in, take back, open, reveal; no count before."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.forms import Form
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from npa_market.auctions import services
from npa_market.auctions.board import gates, timetable
from npa_market.auctions.board_formats import board_of
from npa_market.auctions.ceremony.documents import sheet_of, signed_receipt
from npa_market.auctions.ceremony.forms import EnvelopeForm, RevealForm, ServerSealForm, ShareForm
from npa_market.auctions.ceremony.models import LotKeyRecord
from npa_market.auctions.ceremony.openers import lots_waited_for, reveals_begin
from npa_market.auctions.ceremony.queries import key_of, label_of, own_envelope
from npa_market.auctions.ceremony.services import hand_in_share, reveal_bid
from npa_market.auctions.forms_formats import note_refusal, with_new_request
from npa_market.auctions.guard.outliers import marks_of
from npa_market.auctions.guard.queries import limit_context
from npa_market.auctions.lot_keys import THRESHOLD, Holder
from npa_market.auctions.models import (
    EventKind,
    Lot,
    LotFormat,
    LotState,
)
from npa_market.auctions.offline import seal
from npa_market.auctions.queries import ShownEvent, history_of, shown_events
from npa_market.auctions.sale_events.limits import whole_marks
from npa_market.auctions.views.lots import (
    acting_buyer,
    lot_of_format,
    seller_context,
    venue_context,
)
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.fields import uuid7
from npa_market.common.forms import add_refusal
from npa_market.parties.access import MEMBERS, access, access_for
from npa_market.parties.models import Organisation
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import BUYER_ROLES


def _sealed_lot(request: MemberRequest, lot_id: UUID) -> Lot:
    return lot_of_format(request, lot_id, LotFormat.SEALED)


@access(access_for(*BUYER_ROLES))
@require_POST
def envelope_submit(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Hand in an envelope."""
    lot = _sealed_lot(request, lot_id)
    form = EnvelopeForm(request.POST)
    if form.is_valid():
        values = form.cleaned_data
        try:
            outcome = services.submit_envelope(
                user=request.user, lot_id=lot.pk, buyer=_buyer(request), **values
            )
        except Refused as refusal:
            note_refusal(form, refusal)
        else:
            if not outcome.refusal:
                messages.success(request, "Your envelope was handed in. Your last one counts.")
                return redirect("auctions:detail", lot.pk)
            form.add_error(None, outcome.message)
            with_new_request(form)
    return sealed_page(request, lot, status=422, envelope_form=form)


@access(access_for(*BUYER_ROLES))
@require_POST
def envelope_seal(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Let the venue seal an amount, in the weaker mode; the receipt is shown once."""
    lot = _sealed_lot(request, lot_id)
    form = ServerSealForm(request.POST, prefix="server", lot=lot)
    if form.is_valid():
        try:
            done = services.seal_and_submit(
                user=request.user,
                lot_id=lot.pk,
                buyer=_buyer(request),
                amount_minor=form.cleaned_data["amount_minor"],
                whole_minor=form.cleaned_data["whole_minor"],
                request_id=form.cleaned_data["request_id"],
            )
        except Refused as refusal:
            note_refusal(form, refusal)
        else:
            if not done.outcome.refusal:
                return sealed_page(request, lot, secret_receipt=done.receipt, was_sealed=True)
            form.add_error(None, done.outcome.message)
            with_new_request(form)
    return sealed_page(request, lot, status=422, server_form=form)


@access(access_for(*BUYER_ROLES))
@require_POST
def envelope_withdraw(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Take the envelope back."""
    lot = _sealed_lot(request, lot_id)
    try:
        outcome = services.withdraw_envelope(
            user=request.user, lot_id=lot.pk, buyer=_buyer(request), request_id=uuid7()
        )
    except Refused as refusal:
        return sealed_page(request, lot, status=refusal.status, refusal=refusal.message)
    if outcome.refusal:
        return sealed_page(request, lot, status=409, refusal=outcome.message)
    messages.success(request, "Your envelope was taken back.")
    return redirect("auctions:detail", lot.pk)


@access(access_for(*BUYER_ROLES))
@require_safe
def bid_sheet(request: MemberRequest, lot_id: UUID) -> JsonResponse:
    """What the offline tool needs to seal a bid."""
    lot = _sealed_lot(request, lot_id)
    label, key = label_of(lot, acting_buyer(request)), key_of(lot)
    if not label or key is None:
        raise Http404
    answer = JsonResponse(sheet_of(lot, label), json_dumps_params={"indent": 1})
    answer["Content-Disposition"] = 'attachment; filename="sheet.json"'
    return answer


@access(access_for(*BUYER_ROLES))
@require_safe
def own_receipt(request: MemberRequest, lot_id: UUID) -> JsonResponse:
    """The venue's signed word on one's own newest envelope."""
    lot = _sealed_lot(request, lot_id)
    buyer = acting_buyer(request)
    row = own_envelope(lot, buyer)
    if row is None:
        raise Http404
    note = signed_receipt(row, label_of(lot, buyer))
    answer = JsonResponse(note, json_dumps_params={"indent": 1})
    answer["Content-Disposition"] = f'attachment; filename="signed-receipt-{lot.reference}.json"'
    return answer


@access(MEMBERS)
@require_safe
def seal_tool(request: MemberRequest) -> HttpResponse:
    """The offline tool itself, one file."""
    answer = HttpResponse(Path(seal.__file__).read_bytes(), content_type="text/x-python")
    answer["Content-Disposition"] = 'attachment; filename="seal.py"'
    return answer


@access(MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def lot_opening(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """The opening: who handed in a share, the signed set, the form of a holder."""
    lot = _sealed_lot(request, lot_id)
    holders = [
        each for each in Holder if may(request.user, f"auctions.hand_in_{each.value}_share", lot)
    ]
    typed = request.POST if request.method == "POST" else None
    form = ShareForm(typed, holders=holders)
    if form.is_valid():
        try:
            lot = hand_in_share(
                user=request.user,
                lot_id=lot.pk,
                holder=Holder(form.cleaned_data["holder"]),
                words=form.cleaned_data["words"],
            )
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            if lot.state == LotState.OPENING:
                messages.success(request, f"Your share is kept. {_what_opens(lot)}")
            else:
                messages.success(request, f"{lot} is opened.")
            return redirect("auctions:opening", lot.pk)
    key, waited_for = key_of(lot), lots_waited_for(lot)
    context = {
        "lot": lot,
        "key": key,
        "shares": list(key.shares.order_by("handed_at")) if key else [],
        "holders": holders,
        "form": form,
        "fixed": lot.events.filter(kind=EventKind.ENVELOPES_FIXED).first(),
        "waited_for": waited_for,
        "takes_share": holders and lot.state == LotState.OPENING and not waited_for,
        "note": _signed_note(key) if key and not waited_for else "",
        "rows": _opened_rows(lot),
        "history": history_of(lot),
    }
    status = 422 if form.errors else 200
    return render(request, "auctions/opening.html", context, status=status)


@access(access_for(*BUYER_ROLES))
@require_POST
def lot_reveal(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Open one's own envelope from the receipt, where the holders stayed away."""
    lot = _sealed_lot(request, lot_id)
    form = RevealForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            reveal_bid(
                user=request.user,
                lot_id=lot.pk,
                buyer=_buyer(request),
                receipt=form.cleaned_data["receipt"],
            )
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, "Your envelope is revealed; amounts are shown together.")
            return redirect("auctions:detail", lot.pk)
    return sealed_page(request, lot, status=422, reveal_form=form)


def _signed_note(key: LotKeyRecord) -> str:
    return json.dumps(key.checkpoint, indent=1) if key.checkpoint else ""


def _what_opens(lot: Lot) -> str:
    if lot.key.shares.count() < THRESHOLD:
        return "One more holder opens the lot."
    return "The event waits for the shares of its other lots."


def sealed_page(
    request: MemberRequest,
    lot: Lot,
    *,
    status: int = 200,
    **typed: Form | str | bool | None,
) -> HttpResponse:
    """Render the page of a sealed lot; `typed` brings back forms that were refused."""
    now, buyer = database_now(), acting_buyer(request)
    context: dict[str, Any] = {
        "lot": lot,
        "now": now,
        "package": lot.package,
        "key": key_of(lot),
        "stages": timetable(lot, now),
        "board": board_of(lot, now),
        "rows": _opened_rows(lot),
        "last_event": lot.events.order_by("-seq").first(),
        "sees_reserve": may(request.user, "auctions.see_reserve", lot),
        "history": history_of(lot),
        "buyer": buyer,
        **(_bidder(request, lot, buyer, now) if buyer else {}),
        **venue_context(request, lot),
        **seller_context(request, lot, now),
        **typed,
    }
    return render(request, "auctions/sealed.html", context, status=status)


def _bidder(request: MemberRequest, lot: Lot, buyer: Organisation, now: Any) -> dict[str, Any]:
    registration = lot.registrations.filter(buyer=buyer).first()
    label = registration.label if registration else ""
    way, key = gates(lot=lot, buyer=buyer, now=now), key_of(lot)
    is_signatory = may(request.user, "auctions.place_bid", buyer)
    begins = reveals_begin(lot)
    own = own_envelope(lot, buyer)
    may_bid = is_signatory and lot.state == LotState.OPEN and all(gate.is_met for gate in way)
    return {
        **limit_context(lot, buyer, request.user),
        "marks": marks_of(lot, buyer) | whole_marks(lot, buyer),
        "gates": way,
        "registration": registration,
        "own_label": label,
        "own_envelope": own,
        "is_signatory": is_signatory,
        "may_bid": may_bid and key is not None,
        "may_take_back": is_signatory
        and own is not None
        and lot.state == LotState.OPEN
        and lot.allows_withdrawal,
        "sheet": sheet_of(lot, label) if key and label else None,
        "envelope_form": EnvelopeForm(initial={"request_id": uuid7()}),
        "server_form": ServerSealForm(prefix="server", lot=lot, initial={"request_id": uuid7()}),
        "page_request_id": uuid7(),
        "reveal_begins": begins,
        "may_reveal": is_signatory
        and own is not None
        and lot.state == LotState.OPENING
        and now >= begins
        and not lots_waited_for(lot),
        "reveal_form": RevealForm(),
    }


def _buyer(request: MemberRequest) -> Organisation:
    buyer = acting_buyer(request)
    if buyer is None:
        raise InvalidInput("choose_buyer", "Choose the buyer you act for first.")
    return buyer


def _opened_rows(lot: Lot) -> list[ShownEvent]:
    """What the opening found, best first; empty before it."""
    kinds = [EventKind.ENVELOPE_OPENED, EventKind.ENVELOPE_VOID]
    rows = shown_events(Q(lot=lot, kind__in=kinds))
    return sorted(rows, key=lambda row: (-(row.amount_minor or 0), row.seq))
