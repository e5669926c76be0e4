"""Pages of institutions, and of a person's own API tokens."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.forms import add_refusal
from npa_market.common.pages import list_page
from npa_market.parties import services
from npa_market.parties.access import MEMBERS, access, access_for
from npa_market.parties.filters import InstitutionFilter
from npa_market.parties.forms import BidLimitRuleForm, DecisionForm, DeliveryKeyForm, TokenForm
from npa_market.parties.models import Organisation, QualificationState
from npa_market.parties.permissions import may
from npa_market.parties.queries import people_of, tokens_in_force
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import BUYER_ROLES, VENUE_ROLES, OrganisationKind, Role
from npa_market.parties.tables import InstitutionTable


@access(access_for(*VENUE_ROLES))
@require_safe
def institutions(request: MemberRequest) -> HttpResponseBase:
    """Every institution of the venue."""
    return list_page(
        request,
        Organisation.objects.visible_to(request.user),
        table=InstitutionTable,
        filters=InstitutionFilter,
        context={
            "title": "Institutions",
            "lead": "Buyers bid only while they are qualified; the venue decides on their papers.",
            "empty": "No institution has applied yet.",
        },
    )


@access(MEMBERS)
@require_safe
def institution(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    """One institution: its qualification, people and delivery key."""
    return _page(request, _visible(request, organisation_id))


@access(access_for(Role.OPERATOR))
@require_POST
def decide_qualification(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    """Qualify, refuse or suspend."""
    organisation = _visible(request, organisation_id)
    form = _decision_form(organisation, request.POST)
    if form.is_valid():
        values = form.cleaned_data
        qualifies = values["state"] == QualificationState.QUALIFIED
        try:
            services.decide_qualification(
                user=request.user,
                organisation_id=organisation.pk,
                state=QualificationState(values["state"]),
                reason=values["reason"],
                until=values["until"] if qualifies else None,
            )
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, "The decision stands and the institution can read it.")
            return redirect("parties:detail", organisation.pk)
    return _page(request, organisation, decision=form)


@access(access_for(Role.OPERATOR))
@require_POST
def set_bid_limit_rule(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    """Whether a buyer bids only under an approved limit."""
    organisation = _visible(request, organisation_id)
    form = BidLimitRuleForm(request.POST)
    if form.is_valid():
        try:
            services.set_bid_limit_rule(
                user=request.user, organisation_id=organisation.pk, **form.cleaned_data
            )
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, "The rule about limits is kept.")
            return redirect("parties:detail", organisation.pk)
    return _page(request, organisation, limit_rule=form)


@access(access_for(*BUYER_ROLES))
@require_POST
def set_delivery_key(request: MemberRequest, organisation_id: UUID) -> HttpResponse:
    """Keep the key to which loan files for this buyer are encrypted."""
    organisation = _visible(request, organisation_id)
    form = DeliveryKeyForm(request.POST)
    if form.is_valid():
        try:
            services.set_delivery_key(
                user=request.user, organisation_id=organisation.pk, **form.cleaned_data
            )
        except InvalidInput as refusal:
            # A private key entered by mistake must not come back in the page.
            if refusal.code == "delivery_key_secret":
                form.data = {}
            add_refusal(form, refusal)
        else:
            messages.success(request, "Deliveries will be encrypted to this key.")
            return redirect("parties:detail", organisation.pk)
    return _page(request, organisation, delivery_key=form)


@access(MEMBERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: MemberRequest) -> HttpResponse:
    """One's own API tokens; a new one is shown in the answer to its making and never again."""
    form = TokenForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        token, text = services.issue_token(user=request.user, days=form.cleaned_data["days"])
        context |= {"new_token": token, "secret": text, "form": TokenForm()}
    context["tokens"] = tokens_in_force(request.user)
    return render(request, "parties/tokens.html", context, status=422 if form.errors else 200)


@access(MEMBERS)
@require_POST
def revoke_token(request: MemberRequest, token_key: str) -> HttpResponse:
    """End one of one's own tokens."""
    if services.revoke_token(user=request.user, token_key=token_key):
        messages.success(request, f"Token {token_key} no longer works.")
    else:
        messages.info(request, f"There is no token {token_key} of yours (any more).")
    return redirect("parties:tokens")


@access(MEMBERS)
@require_safe
def own_address(request: MemberRequest) -> HttpResponse:
    """The address one signs in with; only the administrator changes it, as it is the account."""
    return render(request, "account/email.html")


def _visible(request: MemberRequest, organisation_id: UUID) -> Organisation:
    return get_object_or_404(Organisation.objects.visible_to(request.user), pk=organisation_id)


def _decision_form(organisation: Organisation, typed: Any = None) -> DecisionForm:
    return DecisionForm(typed, organisation=organisation, today=database_now().date())


def _page(request: MemberRequest, organisation: Organisation, **typed: Form) -> HttpResponse:
    """The page of an institution, with the form that was refused where there is one."""
    may_decide = (
        may(request.user, "parties.decide_qualification", organisation)
        and organisation.kind != OrganisationKind.VENUE
    )
    holds_key = organisation.kind == OrganisationKind.BUYER and may(
        request.user, "parties.manage_own", organisation
    )
    context: dict[str, Any] = {
        "organisation": organisation,
        "people": people_of(organisation),
        "decision": typed.get("decision") or (_decision_form(organisation) if may_decide else None),
        "limit_rule": typed.get("limit_rule")
        or (
            BidLimitRuleForm(initial={"requires_bid_limit": organisation.requires_bid_limit})
            if may_decide and organisation.kind == OrganisationKind.BUYER
            else None
        ),
        "delivery_key": typed.get("delivery_key")
        or (
            DeliveryKeyForm(initial={"public_key": organisation.delivery_public_key})
            if holds_key
            else None
        ),
    }
    status = 422 if any(form.errors for form in typed.values()) else 200
    return render(request, "parties/detail.html", context, status=status)
