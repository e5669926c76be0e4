"""Pages of settlement: statements, one statement with its lines and files, agreement."""

from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from npa_market.common.errors import Refused
from npa_market.common.files import open_stored
from npa_market.common.pages import list_page
from npa_market.evidence.models import Entry
from npa_market.ledger.queries import journal_rows
from npa_market.parties.access import MEMBERS, access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import FINANCE_ROLES, Role
from npa_market.settlement.filters import StatementFilter
from npa_market.settlement.lines import statement_lines
from npa_market.settlement.models import Statement
from npa_market.settlement.services import agree_statement, make_statement
from npa_market.settlement.tables import StatementTable
from npa_market.transfers.models import Deal

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILES = {
    "workbook.xlsx": ("workbook_id", XLSX),
    "journal.csv": ("journal_id", "text/csv; charset=utf-8"),
    "closing-journal.csv": ("closing_journal_id", "text/csv; charset=utf-8"),
}


def visible_statement(request: MemberRequest, statement_id: UUID) -> Statement:
    """The statement where this person may see it, else 404."""
    rows = Statement.objects.visible_to(request.user).select_related(
        "deal__lot__package", "deal__seller", "deal__buyer"
    )
    return get_object_or_404(rows, pk=statement_id)


@access(MEMBERS)
@require_safe
def statement_list(request: MemberRequest) -> HttpResponseBase:
    """Statements of deals that the person's institutions are a party of."""
    rows = Statement.objects.visible_to(request.user)
    return list_page(
        request,
        rows.select_related("deal__seller", "deal__buyer").prefetch_related("agreements"),
        table=StatementTable,
        filters=StatementFilter,
        context={
            "title": "Statements",
            "lead": "A deal in money, line by line. Finance of both sides agrees; then the seller"
            " is paid out and the deal is closed.",
            "empty": "No statement yet. It is made on the page of a delivered deal.",
        },
    )


@access(MEMBERS)
@require_safe
def statement_detail(request: MemberRequest, statement_id: UUID) -> HttpResponse:
    """One statement."""
    return _page(request, visible_statement(request, statement_id))


def _page(request: MemberRequest, statement: Statement, status: int = 200) -> HttpResponse:
    deal = statement.deal
    agreed = list(statement.agreements.select_related("organisation"))
    sides = [
        organisation
        for side, organisation in (("seller", deal.seller), ("buyer", deal.buyer))
        if may(request.user, f"settlement.agree_as_{side}", statement)
        and organisation.pk not in {each.organisation_id for each in agreed}
    ]
    excluded = deal.loan_prices.exclude(exclusion="").count()
    context = {
        "statement": statement,
        "deal": deal,
        "lines": statement_lines(deal.money_terms, excluded).lines,
        "agreements": agreed,
        "agree_for": sides[0] if sides else None,
        "journal": list(
            journal_rows(
                lot_id=deal.lot_id,
                up_to_seq=statement.closing_seq or statement.ledger_seq,
                parties=(deal.seller_id, deal.buyer_id),
            )
        ),
        "history": Entry.objects.about(statement.pk),
    }
    return render(request, "settlement/detail.html", context, status=status)


@access(MEMBERS)
@require_safe
def statement_file(request: MemberRequest, statement_id: UUID, name: str) -> FileResponse:
    """Workbook or journal of a statement, as they were when it was made."""
    statement = visible_statement(request, statement_id)
    field, content_type = FILES[name]
    sha256: str | None = getattr(statement, field)
    if not sha256:
        raise Http404
    return FileResponse(
        open_stored(sha256),
        as_attachment=True,
        filename=f"{statement.reference}-{name}",
        content_type=content_type,
    )


@access(access_for(*FINANCE_ROLES))
@require_POST
def statement_new(request: MemberRequest, deal_id: UUID) -> HttpResponse:
    """Make the statement of a delivered deal."""
    deal = get_object_or_404(Deal.objects.visible_to(request.user), pk=deal_id)
    try:
        statement = make_statement(user=request.user, deal_id=deal.pk)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("transfers:detail", deal.pk)
    return redirect("settlement:detail", statement.pk)


@access(access_for(Role.SELLER_FINANCE, Role.BUYER_FINANCE))
@require_POST
def statement_agree(request: MemberRequest, statement_id: UUID) -> HttpResponse:
    """Agree for one's side, to the workbook that the page showed."""
    statement = visible_statement(request, statement_id)
    try:
        agree_statement(
            user=request.user,
            statement_id=statement.pk,
            workbook_sha256=request.POST.get("workbook_sha256", ""),
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return _page(request, statement, status=refusal.status)
    messages.success(request, "Agreed. The record of it is in the history.")
    return redirect("settlement:detail", statement.pk)
