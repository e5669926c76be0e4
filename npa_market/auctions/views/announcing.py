"""Pages on which a lot is announced: from scratch, from a template, again."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from npa_market.auctions import services
from npa_market.auctions.forms import LotForm, TermsTemplateForm
from npa_market.auctions.models import Lot, TermsTemplate
from npa_market.auctions.prefill import as_typed, offered_again, versions_from
from npa_market.auctions.views.lots import visible_lot
from npa_market.common.errors import Refused
from npa_market.common.forms import add_refusal
from npa_market.packages.models import Package, PackageState
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import Role


@access(access_for(Role.SELLER_APPROVER))
@require_http_methods(["GET", "HEAD", "POST"])
def lot_new(request: MemberRequest) -> HttpResponse:
    """Announce a sealed package under terms, or keep the terms as a template."""
    packages, earlier, template = free_packages(request), _earlier_lot(request), _template(request)
    if earlier is not None:
        packages = packages.filter(pk__in=[each.pk for each in versions_from(earlier.package)])
    if request.POST.get("act") in {"save_template", "replace_template"}:
        return _keep_terms(request, packages, earlier, template)
    typed = request.POST if request.method == "POST" else None
    form = LotForm(typed, packages=packages, initial=_initial(request, earlier, template))
    if form.is_valid():
        values = form.cleaned_data
        same = ("title", "terms", "remark", "contact", "reannounces", "invitees")
        try:
            lot = services.announce_lot(
                user=request.user,
                package_id=values["package"].pk,
                **{name: values[name] for name in same},
            )
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"{lot} is announced; its terms are fixed.")
            return redirect("auctions:detail", lot.pk)
    return _page(request, form, earlier, template)


@access(access_for(Role.SELLER_APPROVER))
@require_POST
def terms_delete(request: MemberRequest, template_id: UUID) -> HttpResponse:
    """Delete a template."""
    template = get_object_or_404(TermsTemplate.objects.visible_to(request.user), pk=template_id)
    services.delete_terms(user=request.user, template_id=template.pk)
    messages.success(request, f"The template {template.name} is deleted.")
    return redirect("auctions:new")


def _keep_terms(
    request: MemberRequest,
    packages: QuerySet[Package],
    earlier: Lot | None,
    template: TermsTemplate | None,
) -> HttpResponse:
    """Save what was typed as a template; the form comes back as it was."""
    keep_form = TermsTemplateForm(request.POST, packages=packages)
    if keep_form.is_valid():
        values = keep_form.cleaned_data
        is_new = template is None or request.POST["act"] == "save_template"
        try:
            template = services.save_terms(
                user=request.user,
                seller=values["package"].seller,
                name=values["terms_name"],
                currency=values["package"].currency,
                document=values["document"],
                template_id=None if is_new or template is None else template.pk,
            )
        except Refused as refusal:
            add_refusal(keep_form, refusal)
        else:
            messages.success(request, f"The terms are kept as {template.name}.")
    back = {**request.POST.dict(), "invitees": request.POST.getlist("invitees")}
    form = LotForm(packages=packages, initial=back)
    return _page(request, form, earlier, template, keep_form=keep_form)


def _page(
    request: MemberRequest,
    form: LotForm,
    earlier: Lot | None,
    template: TermsTemplate | None,
    *,
    keep_form: Form | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "has_packages": form.fields["package"].queryset.exists(),  # type: ignore[attr-defined]
        "earlier": earlier,
        "template": template,
        "terms_templates": TermsTemplate.objects.visible_to(request.user),
        "keep_form": keep_form,
        "terms_name": request.POST.get("terms_name") or (template.name if template else ""),
    }
    is_refused = form.errors or (keep_form is not None and keep_form.errors)
    return render(request, "auctions/new.html", context, status=422 if is_refused else 200)


def _initial(
    request: MemberRequest, earlier: Lot | None, template: TermsTemplate | None
) -> dict[str, Any]:
    """What an empty form starts from: the address, an earlier lot, over both a template."""
    initial: dict[str, Any] = request.GET.dict()
    if earlier is not None:
        initial = offered_again(earlier)
    if template is not None:
        initial |= as_typed(template.document, template.currency)
        initial.pop("invitees", None)
    return initial


def free_packages(request: MemberRequest) -> QuerySet[Package]:
    """Sealed packages of the person's sellers that no lot binds."""
    taken = Lot.objects.binding()
    sellers = [
        membership.organisation_id
        for membership in request.user.active_memberships
        if membership.role == Role.SELLER_APPROVER
    ]
    sealed = Package.objects.filter(seller__in=sellers, state=PackageState.SEALED)
    return sealed.exclude(pk__in=taken.values("package"))


def _named(request: MemberRequest, name: str) -> UUID | None:
    """The key that the form or the address names; what is no key is nothing known."""
    text = request.POST.get(name) or request.GET.get(name)
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404 from None


def _template(request: MemberRequest) -> TermsTemplate | None:
    key = _named(request, "template")
    own = TermsTemplate.objects.visible_to(request.user)
    return None if key is None else get_object_or_404(own, pk=key)


def _earlier_lot(request: MemberRequest) -> Lot | None:
    """The lot that is announced again, where the address or the form names one."""
    key = _named(request, "reannounces")
    if key is None:
        return None
    lot = visible_lot(request, key)
    if not may(request.user, "auctions.announce_lot", lot.package):
        raise Http404
    return lot
