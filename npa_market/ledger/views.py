"""The books for finance and the venue: journal, deposits, trial balance."""

from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from npa_market.common.pages import list_page
from npa_market.ledger.filters import HoldFilter, JournalFilter
from npa_market.ledger.models import Hold, Posting
from npa_market.ledger.queries import balances_seen_by
from npa_market.ledger.tables import HoldTable, JournalTable
from npa_market.parties.access import access, access_for
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import FINANCE_ROLES, VENUE_ROLES

READERS = access_for(*(FINANCE_ROLES | VENUE_ROLES))


@access(READERS)
@require_safe
def journal(request: MemberRequest) -> HttpResponseBase:
    rows = Posting.objects.visible_to(request.user).select_related("entry", "account__organisation")
    return list_page(
        request,
        rows,
        table=JournalTable,
        filters=JournalFilter,
        template="ledger/list.html",
        context={
            "title": "Journal",
            "here": "journal",
            "lead": "Every booking, line by line. Entries are added and never changed; a mistake"
            " is reversed and booked again.",
            "empty": "Nothing is booked yet. The first entry is a deposit that venue finance"
            " confirms on a lot.",
        },
    )


@access(READERS)
@require_safe
def holds(request: MemberRequest) -> HttpResponseBase:
    return list_page(
        request,
        Hold.objects.visible_to(request.user).select_related("buyer"),
        table=HoldTable,
        filters=HoldFilter,
        template="ledger/list.html",
        context={
            "title": "Deposits",
            "here": "holds",
            "lead": "A buyer's deposit for a lot is held until it is applied to the price,"
            " refunded or forfeited, once, or until a wrong match is taken back.",
            "empty": "No deposit was received yet.",
        },
    )


@access(READERS)
@require_safe
def balances(request: MemberRequest) -> HttpResponseBase:
    rows = balances_seen_by(request.user)
    currencies = sorted({row.account.currency for row in rows})
    totals = [
        (
            currency,
            sum(row.debit_minor for row in rows if row.account.currency == currency),
            sum(row.credit_minor for row in rows if row.account.currency == currency),
        )
        for currency in currencies
    ]
    return render(
        request,
        "ledger/balances.html",
        {"rows": rows, "totals": totals, "here": "balances"},
    )
