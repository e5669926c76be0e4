"""Pages of what an import found, row by row: masked, by rule, severity and column."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from npa_market.common.errors import Refused
from npa_market.common.exports import csv_lines
from npa_market.common.keyset import row_after
from npa_market.common.templatetags.market import count
from npa_market.common.workbooks import sheets_file
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import SELLER_ROLES
from npa_market.tapes.found_queries import EXPORT_HEADER, all_rows_found, has_rows, rows_found
from npa_market.tapes.found_rows import Wanted
from npa_market.tapes.models import Tape
from npa_market.tapes.rejects import CONTENT_TYPES

SEVERITIES = [("", "Rejected and noted"), ("reject", "Rejected"), ("note", "Noted")]


class FindingFilter(forms.Form):
    """Which rows to show."""

    rule = forms.ChoiceField(label="Rule", required=False)
    severity = forms.ChoiceField(label="Effect", required=False, choices=SEVERITIES)
    column = forms.ChoiceField(label="Column", required=False)

    def __init__(self, *args: Any, tape: Tape) -> None:
        super().__init__(*args)
        found = [finding for finding in tape.findings if has_rows(finding)]
        counts: dict[str, int] = {}
        for finding in found:
            counts[finding["id"]] = counts.get(finding["id"], 0) + finding["count"]
        rules = [
            (rule, f"{rule.replace('_', ' ')} ({count(rows)})") for rule, rows in counts.items()
        ]
        columns = sorted({finding["column"] for finding in found} - {""})
        self.fields["rule"].choices = [("", "Every rule"), *rules]  # type: ignore[attr-defined]
        self.fields["column"].choices = [  # type: ignore[attr-defined]
            ("", "Every column"),
            *((column, column) for column in columns),
        ]

    def wanted(self) -> Wanted:
        """What the address names; nothing fits a name that the tape does not have."""
        return Wanted(**{name: self.data.get(name, "") for name in ("rule", "severity", "column")})


def _tape(request: MemberRequest, tape_id: UUID) -> Tape:
    tapes = Tape.objects.visible_to(request.user).select_related("seller")
    tape: Tape = get_object_or_404(tapes, pk=tape_id)
    return tape


@access(access_for(*SELLER_ROLES))
@require_safe
@never_cache
def findings(request: MemberRequest, tape_id: UUID) -> HttpResponse:
    """All rows of a rule, in the order of the tape, personal values masked."""
    tape = _tape(request, tape_id)
    form = FindingFilter(request.GET, tape=tape)
    wanted, after = form.wanted(), request.GET.get("after", "")
    kept = {name: value for name, value in vars(wanted).items() if value}
    context: dict[str, Any] = {"tape": tape, "form": form, "kept": urlencode(kept), "page": None}
    try:
        page = rows_found(tape, request.user, wanted, row_after(after, -1))
    except Refused as refusal:
        context["why_not"] = refusal.message
    else:
        rejected = {"rule": wanted.rule, "column": wanted.column}
        context |= {
            "page": page,
            "said": [
                finding
                for finding in tape.findings
                if wanted.rule == finding["id"] and wanted.column in ("", finding["column"])
            ],
            "next": urlencode({**kept, "after": str(page.next_after)}),
            "first": after,
            "rejects": urlencode({name: value for name, value in rejected.items() if value}),
            "may_read_rejects": _rejects(tape, wanted)
            and may(request.user, "tapes.read_rejects", tape),
        }
    return render(request, "tapes/findings.html", context)


def _rejects(tape: Tape, wanted: Wanted) -> bool:
    """Were rows rejected for what is shown?"""
    return wanted.severity != "note" and any(
        finding["severity"] == "reject"
        and wanted.rule in ("", finding["id"])
        and wanted.column in ("", finding["column"])
        for finding in tape.findings
    )


@access(access_for(*SELLER_ROLES))
@require_safe
@never_cache
def export(
    request: MemberRequest, tape_id: UUID, form: str
) -> HttpResponse | FileResponse | StreamingHttpResponse:
    """The rows that the page shows, all of them, masked as there."""
    tape = _tape(request, tape_id)
    try:
        lines = all_rows_found(tape, FindingFilter(request.GET, tape=tape).wanted())
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect(tape)
    name = f"{tape.reference}-findings.{form}"
    if form == "csv":
        answer = StreamingHttpResponse(
            csv_lines(EXPORT_HEADER, lines), content_type=CONTENT_TYPES["csv"]
        )
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
    return FileResponse(
        sheets_file(EXPORT_HEADER, lines, title="Findings", reference=tape.reference),
        as_attachment=True,
        filename=name,
        content_type=CONTENT_TYPES["xlsx"],
    )
