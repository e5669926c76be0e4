"""Pages of reports and data rooms: thin doors to services and copies."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.files import read_stored
from npa_market.common.forms import add_refusal
from npa_market.common.models import Job
from npa_market.common.pages import list_page
from npa_market.diligence import services
from npa_market.diligence.copies import RoomCopy, copy_of, sellers_copy
from npa_market.diligence.filters import AccessFilter, RoomFilter
from npa_market.diligence.forms import NdaForm, ReportForm, RevokeForm
from npa_market.diligence.models import AccessRecord, Admission, DataRoom, Report, RoomDocument
from npa_market.diligence.queries import documents_of, room_history, seller_packages
from npa_market.diligence.tables import AccessTable, RoomTable
from npa_market.evidence.models import Entry
from npa_market.packages.models import Package, PackageState
from npa_market.parties.access import MEMBERS, access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import BUYER_ROLES, SELLER_ROLES, VENUE_ROLES

SELLERS = access_for(*SELLER_ROLES)
BUYERS = access_for(*BUYER_ROLES)
LOG_READERS = access_for(*SELLER_ROLES, *VENUE_ROLES)
LINES_SHOWN = 10


@access(MEMBERS)
@require_safe
def room_list(request: MemberRequest) -> HttpResponseBase:
    """Rooms open to me, rooms I may join, and sealed packages of mine without a room."""
    rooms = DataRoom.objects.select_related("package__seller")
    return list_page(
        request,
        rooms.visible_to(request.user),
        table=RoomTable,
        filters=RoomFilter,
        template="diligence/list.html",
        context={
            "title": "Data rooms",
            "lead": "Report, loan file and manifest of a sealed package, for qualified bidders "
            "under a non-disclosure agreement. Every download is recorded.",
            "empty": "No data room is open to you yet.",
            "joinable": rooms.joinable_by(request.user),
            "without_room": seller_packages(request.user).filter(data_room=None),
        },
    )


@access(MEMBERS)
@require_safe
def room_page(request: MemberRequest, room_id: UUID) -> HttpResponse:
    """One room; a buyer that may join is led to the agreement first."""
    room = DataRoom.objects.visible_to(request.user).filter(pk=room_id).first()
    if room is None:
        joinable = get_object_or_404(DataRoom.objects.joinable_by(request.user), pk=room_id)
        return redirect("diligence:nda", joinable.pk)
    return _room(request, room, RevokeForm())


def _room(request: MemberRequest, room: DataRoom, form: RevokeForm) -> HttpResponse:
    user = request.user
    lines = AccessRecord.objects.visible_to(user).filter(room=room)
    admissions = Admission.objects.visible_to(user).filter(room=room)
    context: dict[str, Any] = {
        "room": room,
        "package": room.package,
        "documents": documents_of(room),
        "may_take": may(user, "diligence.take_document", room),
        "reads_log": may(user, "diligence.read_access_log", room),
        "may_close": may(user, "diligence.close_room", room) and room.is_open,
        "works_for_seller": room.package.seller_id in user.organisation_ids(),
        "admissions": [
            (admission, may(user, "diligence.revoke_admission", admission))
            for admission in admissions.select_related("buyer", "signed_by", "room__package")
        ],
        "lines": lines.select_related("organisation", "user")[:LINES_SHOWN],
        "lines_total": lines.count(),
        "history": room_history(user, room),
        "form": form,
    }
    return render(request, "diligence/room.html", context, status=422 if form.errors else 200)


@access(BUYERS)
@require_http_methods(["GET", "HEAD", "POST"])
def nda_page(request: MemberRequest, room_id: UUID) -> HttpResponse:
    """The agreement, and the signature of a buyer's signatory."""
    room = _enterable(request, room_id)
    buyer = request.organisation
    form = NdaForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                services.sign_nda(
                    user=request.user,
                    room_id=room.pk,
                    buyer=buyer,
                    signed_name=form.cleaned_data["signed_name"],
                )
            except Refused as refusal:
                add_refusal(form, refusal)
                status = refusal.status
            else:
                messages.success(request, "The agreement is signed. The room is open to you.")
                return redirect("diligence:room", room.pk)
    context = {
        "room": room,
        "package": room.package,
        "text": read_stored(room.nda_id).decode(),
        "form": form,
        "buyer": buyer,
        "may_sign": may(request.user, "diligence.sign_nda", buyer),
        "admission": Admission.objects.filter(room=room, buyer=buyer, revoked_at=None).first(),
    }
    return render(request, "diligence/nda.html", context, status=status)


def _enterable(request: MemberRequest, room_id: UUID) -> DataRoom:
    rooms = DataRoom.objects.select_related("package__seller")
    for queryset in (rooms.visible_to(request.user), rooms.joinable_by(request.user)):
        if room := queryset.filter(pk=room_id).first():
            return room
    raise Http404


@access(MEMBERS)
@require_POST
def room_document(request: MemberRequest, room_id: UUID) -> HttpResponseBase:
    """Take a document: recorded first, then handed over with the reader's mark."""
    room = get_object_or_404(DataRoom.objects.visible_to(request.user), pk=room_id)
    try:
        line = services.record_access(
            user=request.user, room_id=room.pk, document=request.POST.get("document", "")
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("diligence:room", room.pk)
    return handed_over(copy_of(line))


def handed_over(copy: RoomCopy) -> StreamingHttpResponse:
    """A marked copy as a download that no cache keeps."""
    answer = StreamingHttpResponse(copy.chunks, content_type=copy.content_type)
    answer["Content-Disposition"] = f'attachment; filename="{copy.name}"'
    answer["Cache-Control"] = "no-store"
    return answer


@access(LOG_READERS)
@require_safe
def access_log(request: MemberRequest, room_id: UUID) -> HttpResponseBase:
    """Who took what, when; for the seller and the venue."""
    room = get_object_or_404(
        DataRoom.objects.visible_to(request.user).select_related("package"), pk=room_id
    )
    lines = AccessRecord.objects.visible_to(request.user).filter(room=room)
    return list_page(
        request,
        lines.select_related("organisation", "user"),
        table=AccessTable,
        filters=AccessFilter,
        context={
            "title": f"Access log of {room.package.reference}",
            "lead": "Append-only. The mark stands in each copy: on every page of the report, in "
            "every row of the loan file.",
            "empty": "Nobody has taken a document yet.",
        },
    )


@access(LOG_READERS)
@require_POST
def admission_revoke(request: MemberRequest, room_id: UUID) -> HttpResponse:
    """End a buyer's admission, with a reason."""
    room = get_object_or_404(
        DataRoom.objects.visible_to(request.user).select_related("package"), pk=room_id
    )
    form = RevokeForm(request.POST)
    if not form.is_valid():
        return _room(request, room, form)
    admission = get_object_or_404(
        Admission.objects.visible_to(request.user), pk=form.cleaned_data["admission"], room=room
    )
    try:
        services.revoke_admission(
            user=request.user, admission_id=admission.pk, reason=form.cleaned_data["reason"]
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{admission.buyer} has no longer access to this room.")
    return redirect("diligence:room", room.pk)


@access(SELLERS)
@require_POST
def room_close(request: MemberRequest, room_id: UUID) -> HttpResponse:
    """End downloads and admissions of a room."""
    room = get_object_or_404(DataRoom.objects.visible_to(request.user), pk=room_id)
    try:
        services.close_room(user=request.user, room_id=room.pk)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("diligence:room", room.pk)


@access(SELLERS)
@require_http_methods(["GET", "HEAD", "POST"])
def package_page(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """Reports on a sealed package, making one, and opening its room."""
    package = get_object_or_404(_own_sealed(request), pk=package_id)
    form = ReportForm(request.POST or None, package=package)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            valuation = form.cleaned_data["valuation"]
            standing = Report.objects.filter(package=package, valuation=valuation).first()
            if standing is not None:
                return redirect("diligence:report", standing.pk)
            try:
                services.request_report(
                    user=request.user, package_id=package.pk, valuation_id=valuation.pk
                )
            except Refused as refusal:
                add_refusal(form, refusal)
                status = refusal.status
            else:
                return redirect(request.path)
    jobs = Job.objects.visible_to(request.user).filter(kind=services.REPORT_JOB)
    context = {
        "package": package,
        "form": form,
        "job": jobs.filter(subject_url=request.path).order_by("-created_at").first(),
        "reports": Report.objects.visible_to(request.user)
        .filter(package=package)
        .select_related("valuation", "created_by"),
        "room": DataRoom.objects.filter(package=package).first(),
        "may_report": may(request.user, "diligence.make_report", package),
        "may_open": may(request.user, "diligence.open_room", package),
    }
    return render(request, "diligence/package.html", context, status=status)


def _own_sealed(request: MemberRequest) -> Any:
    return seller_packages(request.user).filter(state=PackageState.SEALED)


@access(SELLERS)
@require_POST
def room_open(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """Open the data room of a sealed package."""
    package: Package = get_object_or_404(_own_sealed(request), pk=package_id)
    try:
        room = services.open_room(user=request.user, package_id=package.pk)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("diligence:package", package.pk)
    return redirect("diligence:room", room.pk)


@access(MEMBERS)
@require_safe
def report_page(request: MemberRequest, report_id: UUID) -> HttpResponse:
    """One report: what it stands on, and its copy."""
    report = _report(request, report_id)
    room = DataRoom.objects.visible_to(request.user).filter(package=report.package).first()
    context = {
        "report": report,
        "package": report.package,
        "room": room,
        "works_for_seller": report.package.seller_id in request.user.organisation_ids(),
        "may_take": room is None or may(request.user, "diligence.take_document", room),
        "history": Entry.objects.about(report.pk),
    }
    return render(request, "diligence/report.html", context)


def _report(request: MemberRequest, report_id: UUID) -> Report:
    rows = Report.objects.visible_to(request.user)
    return get_object_or_404(rows.select_related("package__seller", "valuation"), pk=report_id)


@access(MEMBERS)
@require_POST
def report_file(request: MemberRequest, report_id: UUID) -> HttpResponseBase:
    """A marked copy of one report, recorded in the log of its room.

    Before there is a room only the seller's own people take one, to read what they will show.
    """
    report = _report(request, report_id)
    seller = report.package.seller
    room = DataRoom.objects.visible_to(request.user).filter(package=report.package).first()
    if room is None:
        if seller.pk not in request.user.organisation_ids():
            raise Http404
        return handed_over(
            sellers_copy(report, seller=seller, user=request.user, at=database_now())
        )
    try:
        line = services.record_access(
            user=request.user, room_id=room.pk, document=RoomDocument.REPORT, report_id=report.pk
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("diligence:report", report.pk)
    return handed_over(copy_of(line))
