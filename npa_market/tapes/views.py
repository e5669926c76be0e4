"""Pages of tapes: for the seller's own staff alone."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.forms import add_refusal
from npa_market.common.keyset import row_after
from npa_market.common.pages import list_page
from npa_market.evidence.models import Entry
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import SELLER_ROLES, Role
from npa_market.tapes import services, uploads
from npa_market.tapes.confirming import (
    MAY_BE_DISCARDED,
    confirm_import,
    discard_tape,
    result_sha256,
)
from npa_market.tapes.filters import TapeFilter
from npa_market.tapes.forms import TapeUploadForm
from npa_market.tapes.kept_files import erased_at
from npa_market.tapes.mapping import shipped_mappings
from npa_market.tapes.mapping_store import mapping_of
from npa_market.tapes.models import SellerMapping, Tape, TapeState, Upload, UploadState
from npa_market.tapes.queries import loans_page
from npa_market.tapes.read_as import reading_words
from npa_market.tapes.rejects import rejects_answer
from npa_market.tapes.result import completeness_lines, total_lines
from npa_market.tapes.revealing import open_rejects
from npa_market.tapes.tables import TapeTable

FIRST_ROWS = 10


@access(access_for(*SELLER_ROLES))
@require_safe
def tapes(request: MemberRequest) -> HttpResponse | StreamingHttpResponse:
    """Tapes of the seller, newest first."""
    context: dict[str, Any] = {
        "title": "Tapes",
        "lead": "Your files as received, and the loans that came of them.",
        "empty": "No tape yet. Upload a file of charged-off loans to begin.",
    }
    if may(request.user, "tapes.upload_tape", request.organisation):
        context |= {"action_url": reverse("tapes:upload"), "action_label": "Upload a tape"}
    return list_page(
        request,
        Tape.objects.visible_to(request.user),
        table=TapeTable,
        filters=TapeFilter,
        context=context,
    )


@access(access_for(Role.SELLER_ANALYST))
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: MemberRequest) -> HttpResponse:
    """Upload a file; refusals of the service stand beside the field they name."""
    form = TapeUploadForm(request.POST or None, request.FILES or None, seller=request.organisation)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(_received(request, dict(form.cleaned_data)))
        except Refused as refusal:
            add_refusal(form, refusal)
    seller = request.organisation
    under_way = Upload.objects.visible_to(request.user).filter(seller=seller)
    context = {
        "form": form,
        "mappings": shipped_mappings().values(),
        "saved": SellerMapping.objects.visible_to(request.user).filter(seller=seller).newest(),
        "under_way": under_way.filter(state__in=[UploadState.RECEIVING, UploadState.RECEIVED]),
        "api_url": reverse("v1:upload-list"),
    }
    return render(request, "tapes/upload.html", context, status=422 if form.errors else 200)


def _received(request: MemberRequest, values: dict[str, Any]) -> Tape | Upload:
    """The tape of a file with a mapping, or the upload that waits for one."""
    sent, mapping = values.pop("file"), values.pop("mapping")
    if mapping:
        return services.upload_tape(
            user=request.user,
            seller=request.organisation,
            chunks=sent.chunks(),
            file_name=sent.name,
            mapping=mapping,
            **values,
        )
    upload = uploads.start_upload(
        user=request.user,
        seller=request.organisation,
        file_name=sent.name,
        size=sent.size,
        **values,
    )
    pieces = sent.chunks(chunk_size=uploads.MAX_CHUNK_BYTES // 2)
    return uploads.receive_whole(user=request.user, upload_id=upload.pk, chunks=pieces)


@access(access_for(*SELLER_ROLES))
@require_safe
@never_cache
def detail(request: MemberRequest, tape_id: UUID) -> HttpResponse:
    """State, control totals, completeness, findings, first rows, history of a tape."""
    tape = _tape(request, tape_id)
    context = {
        "tape": tape,
        "api_url": reverse("v1:tape-detail", args=[tape.pk]),
        "mapping": mapping_of(tape),
        "job": tape.job if tape.state in {TapeState.UPLOADED, TapeState.IMPORTING} else None,
        "totals": total_lines(tape),
        "completeness": completeness_lines(tape),
        "absent": [
            line for line in tape.completeness if not line["column"] and not line["derived"]
        ],
        "page": loans_page(tape, request.user, after=0, rows=FIRST_ROWS),
        "history": Entry.objects.about(tape.pk),
        "has_result": tape.state in {TapeState.TO_CONFIRM, TapeState.IMPORTED},
        "result_sha256": result_sha256(tape) if tape.state == TapeState.TO_CONFIRM else "",
        "may_confirm": may(request.user, "tapes.confirm_import", tape),
        "may_discard": tape.state in MAY_BE_DISCARDED
        and may(request.user, "tapes.discard_tape", tape),
        "erased_at": erased_at(tape),
        "read_as": reading_words(tape.layout),
        "may_erase": may(request.user, "tapes.erase_identities", tape),
        "may_retry": may(request.user, "tapes.retry_import", tape),
        "may_read_rejects": bool(tape.rejects_file_id)
        and may(request.user, "tapes.read_rejects", tape),
    }
    return render(request, "tapes/detail.html", context)


@access(access_for(*SELLER_ROLES))
@require_safe
@never_cache
def loans(request: MemberRequest, tape_id: UUID) -> HttpResponse:
    """Loans of a tape in the order of its rows, identities masked."""
    tape = _tape(request, tape_id)
    after = row_after(request.GET.get("after", ""), 0)
    page = loans_page(tape, request.user, after=after)
    return render(request, "tapes/loans.html", {"tape": tape, "page": page})


@access(access_for(Role.SELLER_ANALYST))
@require_safe
@never_cache
def rejects(request: MemberRequest, tape_id: UUID, form: str) -> HttpResponse | FileResponse:
    """Rejected rows as CSV or XLSX in clear text, all or of one rule; each reading is recorded."""
    tape = _tape(request, tape_id)
    try:
        content = open_rejects(
            user=request.user,
            tape_id=tape.pk,
            rule=request.GET.get("rule", ""),
            column=request.GET.get("column", ""),
        )
        return rejects_answer(content, tape.reference, form)
    except Refused as refusal:
        _tell(request, refusal)
        return redirect(tape)


@access(access_for(Role.SELLER_ANALYST))
@require_POST
def retry(request: MemberRequest, tape_id: UUID) -> HttpResponse:
    """Import again after a failure."""
    tape = _tape(request, tape_id)
    try:
        services.retry_import(user=request.user, tape_id=tape.pk)
    except Refused as refusal:
        _tell(request, refusal)
    return redirect(tape)


@access(access_for(Role.SELLER_ANALYST))
@require_POST
def confirm(request: MemberRequest, tape_id: UUID) -> HttpResponse:
    """Take the validated rows in."""
    tape = _tape(request, tape_id)
    try:
        confirm_import(
            user=request.user,
            tape_id=tape.pk,
            result_sha256_seen=request.POST.get("result_sha256", ""),
        )
    except Refused as refusal:
        _tell(request, refusal)
    return redirect(tape)


@access(access_for(Role.SELLER_ANALYST))
@require_POST
def discard(request: MemberRequest, tape_id: UUID) -> HttpResponse:
    """Stop the import or turn its result down."""
    tape = _tape(request, tape_id)
    try:
        discard_tape(user=request.user, tape_id=tape.pk)
    except Refused as refusal:
        _tell(request, refusal)
    else:
        messages.info(request, "Nothing of this tape is taken in. The file is kept.")
    return redirect(tape)


def _tape(request: MemberRequest, tape_id: UUID) -> Tape:
    tapes = Tape.objects.visible_to(request.user).select_related("seller", "job", "file")
    tape: Tape = get_object_or_404(tapes, pk=tape_id)
    return tape


def _tell(request: MemberRequest, refusal: Refused) -> None:
    """A refused act in the words of the service; without the role for it, 403."""
    if isinstance(refusal, NotPermitted):
        raise PermissionDenied(refusal.message)
    messages.error(request, refusal.message)
