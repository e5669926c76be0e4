"""Pages of deals: list, one deal with the acts of this person, its loans, its files."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from npa_market.common.errors import Refused
from npa_market.common.files import open_stored
from npa_market.common.forms import add_refusal
from npa_market.common.jobs import queue_job
from npa_market.common.pages import list_page
from npa_market.parties.access import MEMBERS, access, access_for
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import BUYER_ROLES, Role
from npa_market.transfers import services
from npa_market.transfers.filters import AllocationFilter, DealFilter
from npa_market.transfers.forms import CancelForm, ErasureForm, ExclusionForm, ReceiptForm
from npa_market.transfers.models import Deal, Delivery, LoanPrice
from npa_market.transfers.package_keys import open_delivery
from npa_market.transfers.page import page_of, payment_form
from npa_market.transfers.queries import RELEASE_JOB, copies_of, waiting_release
from npa_market.transfers.tables import AllocationTable, DealTable
from npa_market.transfers.tasks import release_again_task, release_delivery_task

RELEASED_AT_ONCE = 5_000  # loans; a larger file is made by a worker, with a progress bar
SIGNATORIES = access_for(Role.SELLER_APPROVER, Role.BUYER_SIGNATORY)
RELEASERS = access_for(Role.SELLER_ANALYST, Role.SELLER_APPROVER, Role.SELLER_FINANCE)


def visible_deal(request: MemberRequest, deal_id: UUID) -> Deal:
    """The deal where this person may see it, else 404."""
    rows = Deal.objects.visible_to(request.user).select_related("lot__package", "seller", "buyer")
    return get_object_or_404(rows, pk=deal_id)


@access(MEMBERS)
@require_safe
def deal_list(request: MemberRequest) -> HttpResponseBase:
    """Deals that the person's institutions are a party of."""
    return list_page(
        request,
        Deal.objects.visible_to(request.user).select_related("lot", "seller", "buyer"),
        table=DealTable,
        filters=DealFilter,
        context={
            "title": "Deals",
            "lead": "Sold lots on their way from award to closing: contract, payment with title,"
            " delivery, settlement.",
            "empty": "No deal yet. A deal begins when a lot is sold.",
        },
    )


@access(MEMBERS)
@require_safe
def deal_detail(request: MemberRequest, deal_id: UUID) -> HttpResponse:
    """One deal."""
    return _page(request, visible_deal(request, deal_id))


def _page(request: MemberRequest, deal: Deal, *, status: int = 200, **forms: Form) -> HttpResponse:
    context = page_of(deal, request.user) | forms
    return render(request, "transfers/detail.html", context, status=status)


@access(MEMBERS)
@require_safe
def deal_allocation(request: MemberRequest, deal_id: UUID) -> HttpResponseBase:
    """Price of each loan of a deal."""
    deal = visible_deal(request, deal_id)
    rows = LoanPrice.objects.filter(deal=deal).select_related("deal")
    return list_page(
        request,
        rows,
        table=AllocationTable,
        filters=AllocationFilter,
        template="transfers/allocation.html",
        context={
            "deal": deal,
            "title": f"Allocation of {deal.reference}",
            "lead": f"The hammer price per loan, by the {deal.allocation_basis} of each;"
            " the parts add up to the cent.",
            "empty": "This deal has no loans.",
        },
    )


@access(MEMBERS)
@require_safe
def deal_contract(request: MemberRequest, deal_id: UUID) -> FileResponse:
    """The contract text in force."""
    deal = visible_deal(request, deal_id)
    contract = open_stored(str(deal.contract_file_id))
    return FileResponse(
        contract, content_type="application/pdf", filename=f"{deal.reference}-contract.pdf"
    )


def _act(
    request: MemberRequest, deal_id: UUID, done: str, act: Callable[[Deal], object]
) -> HttpResponse:
    """Do one thing without a form; the answer is the page with the refusal, or a redirect."""
    deal = visible_deal(request, deal_id)
    try:
        act(deal)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return _page(request, deal, status=refusal.status)
    messages.success(request, done)
    return redirect("transfers:detail", deal.pk)


@access(SIGNATORIES)
@require_POST
def deal_sign(request: MemberRequest, deal_id: UUID) -> HttpResponse:
    """Sign for the side that the person is a signatory of."""

    def sign(deal: Deal) -> None:
        own = request.user.organisation_ids()
        services.sign_contract(
            user=request.user,
            deal_id=deal.pk,
            organisation=deal.seller if deal.seller_id in own else deal.buyer,
            document_sha256=request.POST.get("document_sha256", ""),
        )

    return _act(request, deal_id, "Signed. The record of it is in the history.", sign)


@access(RELEASERS)
@require_POST
def deal_release(request: MemberRequest, deal_id: UUID) -> HttpResponse:
    """Release the loan file; the second release makes it, by a worker where it is large."""
    return _release(request, deal_id, services.release_delivery, release_delivery_task)


@access(RELEASERS)
@require_POST
def deal_release_again(request: MemberRequest, deal_id: UUID) -> HttpResponse:
    """The same for a file that its buyer can no longer take or open."""
    return _release(request, deal_id, services.release_delivery_again, release_again_task)


def _release(
    request: MemberRequest, deal_id: UUID, service: Callable[..., Delivery], task: Any
) -> HttpResponse:
    def release(deal: Deal) -> None:
        is_second = waiting_release(deal) is not None
        if is_second and deal.loan_prices.count() > RELEASED_AT_ONCE:
            queue_job(
                task=task,
                kind=RELEASE_JOB,
                title=f"Delivery file of {deal.reference}",
                organisation_id=deal.seller_id,
                started_by=request.user,
                subject_url=reverse("transfers:detail", args=[deal.pk]),
                arguments={"deal_id": str(deal.pk), "user_id": str(request.user.pk)},
            )
        else:
            service(user=request.user, deal_id=deal.pk)

    return _act(request, deal_id, "Released.", release)


@access(access_for(*BUYER_ROLES))
@require_POST
def deal_take(request: MemberRequest, deal_id: UUID) -> HttpResponseBase:
    """The encrypted file, counted and logged."""
    deal = visible_deal(request, deal_id)
    try:
        delivery = services.take_delivery(
            user=request.user, deal_id=deal.pk, file_sha256=request.POST.get("file_sha256", "")
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return _page(request, deal, status=refusal.status)
    return FileResponse(
        open_delivery(delivery),
        as_attachment=True,
        filename=f"{deal.reference}.zip.age",
        content_type="application/octet-stream",
    )


def _form_act(
    request: MemberRequest,
    deal: Deal,
    forms: dict[str, Any],
    act: Callable[[dict[str, Any]], object],
) -> HttpResponse:
    """Check one form, do the act, or show the page with what was typed and what is wrong."""
    ((_, form),) = forms.items()
    status = 422
    if form.is_valid():
        try:
            act(form.cleaned_data)
        except Refused as refusal:
            add_refusal(form, refusal)
            status = refusal.status
        else:
            messages.success(request, "Done. The record of it is in the history.")
            return redirect("transfers:detail", deal.pk)
    return _page(request, deal, status=status, **forms)


@access(access_for(Role.VENUE_FINANCE))
@require_POST
def deal_payment(request: MemberRequest, deal_id: UUID) -> HttpResponse:
    """Record a payment of the buyer."""
    deal = visible_deal(request, deal_id)
    return _form_act(
        request,
        deal,
        {"payment_form": payment_form(deal, request.POST)},
        lambda typed: services.record_payment(
            user=request.user,
            deal_id=deal.pk,
            amount_minor=typed["amount"],
            bank_reference=typed["bank_reference"],
        ),
    )


@access(access_for(Role.BUYER_SIGNATORY, Role.BUYER_ANALYST))
@require_POST
def deal_receipt(request: MemberRequest, deal_id: UUID) -> HttpResponse:
    """Receipt the file by its hash."""
    deal = visible_deal(request, deal_id)
    return _form_act(
        request,
        deal,
        {"receipt_form": ReceiptForm(request.POST)},
        lambda typed: services.confirm_receipt(
            user=request.user, deal_id=deal.pk, sha256=typed["sha256"]
        ),
    )


@access(access_for(Role.SELLER_APPROVER))
@require_POST
def deal_exclude(request: MemberRequest, deal_id: UUID) -> HttpResponse:
    """Take loans out before the contract."""
    deal = visible_deal(request, deal_id)
    return _form_act(
        request,
        deal,
        {"exclusion_form": ExclusionForm(request.POST)},
        lambda typed: services.exclude_loans(
            user=request.user, deal_id=deal.pk, tokens=typed["tokens"], reason=typed["reason"]
        ),
    )


@access(access_for(Role.OPERATOR, Role.COMPLIANCE))
@require_POST
def deal_cancel(request: MemberRequest, deal_id: UUID) -> HttpResponse:
    """End a deal before title moved."""
    deal = visible_deal(request, deal_id)
    return _form_act(
        request,
        deal,
        {"cancel_form": CancelForm(request.POST)},
        lambda typed: services.cancel_deal(
            user=request.user,
            deal_id=deal.pk,
            reason=typed["reason"],
            deposit=services.DepositFate(typed["deposit"]),
        ),
    )


@access(access_for(Role.SELLER_APPROVER))
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def deal_erase_copies(request: MemberRequest, deal_id: UUID) -> HttpResponse:
    """Say what becomes unreadable, then destroy the key of the package's copies; or what has."""
    deal = visible_deal(request, deal_id)
    form = ErasureForm(request.POST or None)
    status = 422 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        try:
            erased = services.erase_package_copies(
                user=request.user, deal_id=deal.pk, reason=form.cleaned_data["reason"]
            )
        except Refused as refusal:
            add_refusal(form, refusal)
            status = refusal.status
        else:
            if erased.files:
                messages.success(request, "Erased. The record of it is in the history.")
            return redirect("transfers:erase_copies", deal.pk)
    copies = copies_of(deal)
    context = {
        "deal": deal,
        "package": deal.lot.package,
        "copies": copies,
        "form": form,
        "is_open": copies.open_until is not None,
    }
    return render(request, "transfers/erase_copies.html", context, status=status)
