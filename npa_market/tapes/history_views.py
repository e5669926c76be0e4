"""Pages of the histories of a tape: upload, result, rejects, removal."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from npa_market.common.errors import Refused
from npa_market.common.forms import add_refusal
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import SELLER_ROLES, Role
from npa_market.tapes.histories import open_history_rejects, remove_history, upload_history
from npa_market.tapes.history_models import ROWS_OF_KIND, HistoryFile, HistoryKind, HistoryState
from npa_market.tapes.models import Loan, Tape
from npa_market.tapes.rejects import rejects_answer

ROWS_SHOWN = 100


class HistoryForm(forms.Form):
    """A file of one kind of history."""

    kind = forms.ChoiceField(label="Kind", choices=HistoryKind.choices)
    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # The service says what is wrong with an empty one.
        max_length=255,
        help_text="One event per row with the loan number, under the headers listed beside.",
    )


@access(access_for(*SELLER_ROLES))
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def histories(request: MemberRequest, tape_id: UUID) -> HttpResponse:
    """Histories of a tape, and the form for a further file."""
    from npa_market.tapes.history_layouts import LAYOUTS  # Loads pandas.

    tape = get_object_or_404(Tape.objects.visible_to(request.user), pk=tape_id)
    form = HistoryForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        sent = form.cleaned_data["file"]
        try:
            upload_history(
                user=request.user,
                tape_id=tape.pk,
                kind=form.cleaned_data["kind"],
                chunks=sent.chunks(),
                file_name=sent.name,
            )
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            return redirect("tapes:histories", tape.pk)
    files = HistoryFile.objects.visible_to(request.user).filter(tape=tape).select_related("job")
    context: dict[str, Any] = {
        "tape": tape,
        "form": form,
        "files": files,
        "running": [file.job for file in files if file.job and not file.job.is_over],
        "layouts": [(HistoryKind(kind).label, layout) for kind, layout in LAYOUTS.items()],
        "may_upload": may(request.user, "tapes.upload_history", tape),
        "may_read_rejects": may(request.user, "tapes.read_rejects", tape),
    }
    status = 422 if form.errors else 200
    return render(request, "tapes/histories.html", context, status=status)


def _chosen(request: MemberRequest, tape_id: UUID, named: str) -> HistoryFile:
    rows = HistoryFile.objects.visible_to(request.user).filter(tape=tape_id)
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
