"""Public pages of notices; sellers publish and withdraw their own."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from npa_market.auctions.models import EventKind
from npa_market.auctions.notices import services
from npa_market.auctions.notices.forms import PremarketingForm, WithdrawalForm
from npa_market.auctions.notices.models import Notice, NoticeKind
from npa_market.auctions.notices.tables import NoticeFilter, NoticeTable
from npa_market.auctions.notices.wording import shown_facts
from npa_market.common.errors import Refused
from npa_market.common.forms import add_refusal
from npa_market.common.pages import list_page
from npa_market.packages.models import Package, PackageState
from npa_market.parties.access import PUBLIC, access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import Role


@access(PUBLIC)
@require_safe
def notice_list(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """What is offered, for everybody."""
    context: dict[str, Any] = {
        "title": "Notices",
        "lead": "Packages that sellers market or offer. Prices are shown to qualified buyers only.",
        "empty": "No notice has been published yet.",
    }
    user = request.user
    if user.is_authenticated and Role.SELLER_APPROVER in user.roles():
        context |= {"action_url": "new/", "action_label": "Publish a pre-marketing notice"}
    rows = Notice.objects.visible_to(user).select_related("package__seller")
    return list_page(request, rows, table=NoticeTable, filters=NoticeFilter, context=context)


@access(PUBLIC)
@require_safe
def notice_detail(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """One notice with its tables."""
    return _page(request, _notice(request, notice_id))


@access(PUBLIC)
@require_safe
def notice_document(request: HttpRequest, notice_id: UUID) -> JsonResponse:
    """The published document, whose hash stands in the log."""
    notice = _notice(request, notice_id)
    return JsonResponse(
        {"document": notice.document, "document_sha256": notice.document_sha256},
        json_dumps_params={"ensure_ascii": False, "indent": 1},
    )


@access(access_for(Role.SELLER_APPROVER))
@require_http_methods(["GET", "HEAD", "POST"])
def notice_new(request: MemberRequest) -> HttpResponse:
    """Publish a pre-marketing notice."""
    packages = Package.objects.filter(
        seller__in=[
            membership.organisation_id
            for membership in request.user.active_memberships
            if membership.role == Role.SELLER_APPROVER
        ],
        state=PackageState.SEALED,
    )
    typed = request.POST if request.method == "POST" else None
    form = PremarketingForm(typed, packages=packages, initial=request.GET.dict())
    if form.is_valid():
        values = form.cleaned_data
        try:
            notice = services.publish_premarketing(
                user=request.user, package_id=values.pop("package").pk, **values
            )
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"{notice} is published.")
            return redirect(notice)
    context = {"form": form, "has_packages": packages.exists()}
    return render(request, "auctions/notice_new.html", context, status=422 if form.errors else 200)


@access(access_for(Role.SELLER_APPROVER))
@require_POST
def notice_withdraw(request: MemberRequest, notice_id: UUID) -> HttpResponse:
    """Withdraw a pre-marketing notice."""
    notice = _notice(request, notice_id)
    if not may(request.user, "auctions.announce_lot", notice.package):
        raise PermissionDenied("Only the seller's approver withdraws a notice.")
    form = WithdrawalForm(request.POST)
    if form.is_valid():
        try:
            services.withdraw_notice(user=request.user, notice_id=notice.pk, **form.cleaned_data)
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"{notice} is withdrawn; everybody reads the reason.")
            return redirect(notice)
    return _page(request, notice, form=form, status=422)


def _notice(request: HttpRequest, notice_id: UUID) -> Notice:
    notices = Notice.objects.visible_to(request.user)
    return get_object_or_404(
        notices.select_related("package__seller", "lot", "follows"), pk=notice_id
    )


def _page(
    request: HttpRequest, notice: Notice, *, form: Any = None, status: int = 200
) -> HttpResponse:
    user = request.user
    context = {
        "notice": notice,
        "document": notice.document,
        "facts": shown_facts(notice.document),
        "may_withdraw": user.is_authenticated
        and notice.kind == NoticeKind.PREMARKETING
        and notice.withdrawn_at is None
        and may(user, "auctions.announce_lot", notice.package),
        "form": form or WithdrawalForm(),
        "cancelled": notice.lot.events.filter(kind=EventKind.CANCELLED).first()
        if notice.lot
        else None,
    }
    return render(request, "auctions/notice.html", context, status=status)
