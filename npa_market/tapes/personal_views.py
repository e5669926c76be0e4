"""Pages around personal data: one loan with its borrower, the access log, erasing identities."""

from uuid import UUID

from django import forms
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.forms import add_refusal
from npa_market.common.pages import list_page
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import SELLER_ROLES, Role
from npa_market.tapes.history_views import history_tables
from npa_market.tapes.models import Loan, Tape
from npa_market.tapes.personal_models import PersonalAccess
from npa_market.tapes.queries import masked_person
from npa_market.tapes.result import loan_lines
from npa_market.tapes.revealing import (
    LONGEST_REASON,
    SHORTEST_REASON,
    erase_identities,
    erasure_of,
    reveal_borrower,
)
from npa_market.tapes.tables import AccessTable
from npa_market.tapes.vault import KeyGone


class ReasonForm(forms.Form):
    """A reason in the person's own words; it stands in the log for years."""

    reason = forms.CharField(
        label="Reason",
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        help_text="What you need the identity for. Logged with your name; name no person in it.",
    )


@access(access_for(*SELLER_ROLES))
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def loan(request: MemberRequest, tape_id: UUID, loan_id: UUID) -> HttpResponse:
    """A loan with everything known of it; a reason shows its borrower in full, this once."""
    found = get_object_or_404(
        Loan.objects.visible_to(request.user).select_related("tape", "tape__seller", "borrower"),
        pk=loan_id,
        tape=tape_id,
    )
    form, person = ReasonForm(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        try:
            person = reveal_borrower(user=request.user, loan_id=found.pk, **form.cleaned_data)
        except NotPermitted as refusal:
            form.add_error(None, refusal.message)
        except Refused as refusal:
            add_refusal(form, refusal)
        except KeyGone:
            form.add_error(None, "The identity was erased; nobody can read it again.")
    context = {
        "loan": found,
        "tape": found.tape,
        "person": person or masked_person(found.borrower),
        "is_revealed": person is not None,
        "form": form,
        "lines": loan_lines(found),
        "histories": history_tables(found),
        "receipts": found.receipts.all(),
        "other_loans": Loan.objects.visible_to(request.user)
        .filter(borrower=found.borrower_id, tape=found.tape_id)
        .exclude(pk=found.pk)[:20],
        "may_reveal": may(request.user, "tapes.reveal_borrower", found.tape),
    }
    return render(request, "tapes/loan.html", context, status=422 if form.errors else 200)


@access(access_for(*SELLER_ROLES))
@require_safe
@never_cache
def access_log(request: MemberRequest) -> HttpResponse | StreamingHttpResponse:
    """Who read identities of the seller's borrowers, newest first."""
    return list_page(
        request,
        PersonalAccess.objects.visible_to(request.user).select_related("user", "tape"),
        table=AccessTable,
        context={
            "title": "Access to identities",
            "lead": "Every reading of a name, ID number or mobile in full: who, why and what. "
            "Lines are never changed or deleted.",
            "empty": "Nobody has read an identity in full.",
        },
    )


@access(access_for(Role.SELLER_APPROVER))
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def erase(request: MemberRequest, tape_id: UUID) -> HttpResponse:
    """Say what becomes unreadable, then destroy the key of the tape's identities."""
    tape = get_object_or_404(Tape.objects.visible_to(request.user), pk=tape_id)
    form = ReasonForm(request.POST or None)
    form.fields["reason"].help_text = "Why nobody may read them again. Kept in the evidence log."
    if request.method == "POST" and form.is_valid():
        try:
            erase_identities(user=request.user, tape_id=tape.pk, **form.cleaned_data)
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            return redirect(tape)
    context = {"tape": tape, "form": form, "erasure": erasure_of(tape)}
    return render(request, "tapes/erase.html", context, status=422 if form.errors else 200)
