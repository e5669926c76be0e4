"""Pages of the histories of a tape: upload, result, rejects, removal."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.files import open_stored
from npa_market.common.forms import add_refusal
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import SELLER_ROLES, Role
from npa_market.tapes.forms import LayoutForm
from npa_market.tapes.histories import open_history_rejects, remove_history
from npa_market.tapes.history_forms import ColumnsForm, HistoryForm
from npa_market.tapes.history_intake import (
    keep_history,
    may_be_read_otherwise,
    read_history,
    remembered_columns,
    upload_history,
)
from npa_market.tapes.history_models import ROWS_OF_KIND, HistoryFile, HistoryKind, HistoryState
from npa_market.tapes.mapping import Setting
from npa_market.tapes.models import Loan, Tape
from npa_market.tapes.rejects import rejects_answer
from npa_market.tapes.sniffing import Layout

ROWS_SHOWN = 100
LOANS_COMPARED = 20  # rows of a file whose cells may be loan numbers


@access(access_for(*SELLER_ROLES))
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def histories(request: MemberRequest, tape_id: UUID) -> HttpResponse:
    """Histories of a tape, and the form for a further file."""
    from npa_market.tapes.history_layouts import LAYOUTS  # Loads pandas.

    tape = get_object_or_404(Tape.objects.visible_to(request.user), pk=tape_id)
    form = HistoryForm(request.POST or None, request.FILES or None)
    layout_form = LayoutForm(request.POST or None, members=(), sheets=())
    if request.method == "POST" and form.is_valid() and layout_form.is_valid():
        try:
            history = _received(request, tape, form.cleaned_data, layout_form.layout())
        except Refused as refusal:
            add_refusal(layout_form if refusal.field in layout_form.fields else form, refusal)
        else:
            return redirect(_columns_url(history) if history.is_waiting else _url(tape.pk))
    files = HistoryFile.objects.visible_to(request.user).filter(tape=tape).select_related("job")
    context: dict[str, Any] = {
        "tape": tape,
        "form": form,
        "layout_form": layout_form,
        "files": files,
        "running": [file.job for file in files if file.job and not file.job.is_over],
        "layouts": [(HistoryKind(kind).label, layout) for kind, layout in LAYOUTS.items()],
        "may_upload": may(request.user, "tapes.upload_history", tape),
        "may_read_rejects": may(request.user, "tapes.read_rejects", tape),
    }
    status = 422 if form.errors or layout_form.errors else 200
    return render(request, "tapes/histories.html", context, status=status)


def _received(
    request: MemberRequest, tape: Tape, sent: dict[str, Any], layout: dict[str, Any]
) -> HistoryFile:
    """The history, queued, or waiting for its columns where a person can still name them."""
    asked: dict[str, Any] = {
        "user": request.user,
        "tape_id": tape.pk,
        "kind": sent["kind"],
        "file_name": sent["file"].name,
        "layout": layout,
    }
    try:
        return upload_history(chunks=sent["file"].chunks(), **asked)
    except InvalidInput as refusal:
        if not may_be_read_otherwise(refusal):
            raise
        kept = keep_history(chunks=sent["file"].chunks(), **asked)
        if not kept.is_waiting:  # It is attached already, read otherwise.
            raise
        return kept


def _url(tape_id: UUID) -> str:
    return reverse("tapes:histories", args=[tape_id])


def _columns_url(history: HistoryFile) -> str:
    return f"{reverse('tapes:history_columns', args=[history.tape_id])}?history={history.pk}"


@access(access_for(Role.SELLER_ANALYST))
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def columns(request: MemberRequest, tape_id: UUID) -> HttpResponse:
    """Which column of a waiting file (`?history=`) is which field; it may be read otherwise."""
    from npa_market.tapes.history_proposals import file_columns
    from npa_market.tapes.workbench import sample_of

    history = _chosen(request, tape_id, request.GET.get("history", ""))
    if not history.is_waiting:
        return redirect(_url(tape_id))
    asked = request.GET if "sheet" in request.GET else history.layout
    layout_form = LayoutForm(asked, members=(), sheets=())
    layout = layout_form.layout() if layout_form.is_valid() else {}
    context: dict[str, Any] = {"history": history, "tape": history.tape}
    try:
        with open_stored(history.file_id) as handle:
            sample = sample_of(handle, Layout(**layout))
    except Refused as refusal:
        context |= {"refusal": refusal, "layout_form": layout_form}
        return render(request, "tapes/history_columns.html", context, status=422)
    found = file_columns(sample)
    form = ColumnsForm(
        request.POST or None,
        kind=history.kind,
        columns=[(column.header, column.label) for column in found],
        proposed=_proposed(history, found),
    )
    if request.method == "POST" and _is_read(request, history, form, layout):
        return redirect(_url(tape_id))
    known = {"members": sample.source.members, "sheets": sample.source.sheets}
    context |= {"sample": sample, "layout_form": LayoutForm(initial=layout, **known), "form": form}
    status = 422 if form.errors else 200
    return render(request, "tapes/history_columns.html", context, status=status)


def _is_read(
    request: MemberRequest, history: HistoryFile, form: ColumnsForm, layout: dict[str, Any]
) -> bool:
    """Is the file queued with the columns that were named? Else the form says why not."""
    if not form.is_valid():
        return False
    try:
        read_history(user=request.user, history_id=history.pk, columns=form.said(), layout=layout)
    except Refused as refusal:
        add_refusal(form, refusal)
    return form.is_valid()


def _proposed(history: HistoryFile, found: list[Any]) -> Mapping[str, str]:
    """Columns that were named for the last file of the kind, else those that are likely."""
    from npa_market.tapes.history_proposals import proposed_columns

    headers = {column.header for column in found}
    remembered = remembered_columns(history.tape, history.kind)
    if remembered and headers >= {header for header in remembered.values() if header}:
        return remembered
    values = {cell for column in found for cell in column.cells[:LOANS_COMPARED] if cell}
    loans = Loan.objects.filter(tape=history.tape, loan_number__in=values)
    setting = Setting(history.tape.currency, history.tape.cut_off_date)
    numbers = set(loans.values_list("loan_number", flat=True))
    return proposed_columns(history.kind, found, numbers, setting)


def _chosen(request: MemberRequest, tape_id: UUID, named: str) -> HistoryFile:
    rows = HistoryFile.objects.visible_to(request.user).filter(tape=tape_id).select_related("tape")
    try:
        key = UUID(named)
    except ValueError:
        key = UUID(int=0)
    found: HistoryFile = get_object_or_404(rows, pk=key)
    return found


@access(access_for(Role.SELLER_ANALYST))
@require_safe
@never_cache
def rejects(request: MemberRequest, tape_id: UUID, form: str) -> HttpResponse | FileResponse:
    """Rejected rows of the history named by `?history=`, CSV or XLSX; each reading is recorded."""
    history = _chosen(request, tape_id, request.GET.get("history", ""))
    try:
        content = open_history_rejects(user=request.user, history_id=history.pk)
        return rejects_answer(content, history.kind, form)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("tapes:histories", tape_id)


@access(access_for(Role.SELLER_ANALYST))
@require_POST
def remove(request: MemberRequest, tape_id: UUID) -> HttpResponse:
    """Take the history named in the form back."""
    history = _chosen(request, tape_id, request.POST.get("history", ""))
    try:
        remove_history(user=request.user, history_id=history.pk)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, "The history was removed. Its file is kept.")
    return redirect("tapes:histories", tape_id)


def history_tables(loan: Loan) -> list[dict[str, Any]]:
    """Histories of a loan as tables of texts, the latest row first, at most `ROWS_SHOWN` each."""
    from npa_market.tapes.history_layouts import LAYOUTS
    from npa_market.tapes.result import shown_field

    if not loan.tape.histories.filter(state=HistoryState.IMPORTED).exists():
        return []
    tables = []
    for kind, model in ROWS_OF_KIND.items():
        rows = model.objects.imported().filter(loan=loan).order_by("-on", "-pk")[:ROWS_SHOWN]
        fields = [column.field for column in LAYOUTS[kind][1:]]
        lines = [
            [shown_field(row, field.name, field.kind, loan.currency) for field in fields]
            for row in rows
        ]
        if lines:
            header = [field.title for field in fields]
            tables.append({"title": HistoryKind(kind).label, "header": header, "rows": lines})
    return tables
