"""Terms are kept under a name, renamed and deleted; lots keep their own copy."""

from typing import Any
from uuid import UUID

from django.db import transaction

from npa_market.auctions.models import TermsTemplate
from npa_market.auctions.prefill import MONEY, TERMS
from npa_market.auctions.terms import MAX_BID_MINOR
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.texts import can_be_kept
from npa_market.evidence.services import record
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require

MAX_NAME = 100


@transaction.atomic
def save_terms(
    *,
    user: User,
    seller: Organisation,
    name: str,
    currency: str,
    document: dict[str, Any],
    template_id: UUID | None = None,
) -> TermsTemplate:
    """Keep terms under a name; the seller's approver. The same name again replaces them.

    `document` holds terms by their column on a lot (`prefill.TERMS`), money in minor units of
    `currency`; what is left out stays open in the form. With `template_id` that template gets the
    terms and the name, which renames it. Raises InvalidInput `name_wrong`, `terms_wrong`, Refused
    `unknown_template`, `name_taken`.
    """
    require(user, "auctions.keep_terms", seller)
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > MAX_NAME or not can_be_kept(cleaned):
        words = f"Write a name of at most {MAX_NAME} characters."
        raise InvalidInput("name_wrong", words, field="terms_name")
    _require_terms(document)
    Organisation.objects.select_for_update().get(pk=seller.pk)  # Names are given one by one.
    own = TermsTemplate.objects.filter(seller=seller)
    namesake = own.filter(name=cleaned).first()
    kept = namesake or TermsTemplate(seller=seller)
    if template_id is not None:
        found = own.filter(pk=template_id).first()
        if found is None:
            raise Refused("unknown_template", "This template was deleted; save it as a new one.")
        if namesake is not None and namesake != found:
            words = "Another template has this name; choose another one."
            raise Refused("name_taken", words, field="terms_name")
        kept = found
    before = kept.name
    kept.name, kept.currency, kept.document = cleaned, currency, document
    kept.saved_by, kept.saved_at = user, database_now()
    kept.save()
    record(
        type="terms_template.saved",
        subject=kept,
        actor=user,
        payload={"name": cleaned, "before": before, "currency": currency, "terms": document},
    )
    return kept


@transaction.atomic
def delete_terms(*, user: User, template_id: UUID) -> None:
    """Delete a template; the seller's approver. Gone already, nothing happens."""
    kept = TermsTemplate.objects.select_for_update().filter(pk=template_id).first()
    if kept is None:
        return
    require(user, "auctions.keep_terms", kept.seller)
    record(type="terms_template.deleted", subject=kept, actor=user, payload={"name": kept.name})
    kept.delete()


def _require_terms(document: dict[str, Any]) -> None:
    unknown = sorted(set(document) - set(TERMS))
    if unknown:
        words = f"{unknown[0]} is no part of a template."
        raise InvalidInput("terms_wrong", words, field="terms")
    for name in MONEY:
        amount_minor = document.get(f"{name}_minor")
        if amount_minor is not None and not 0 < amount_minor <= MAX_BID_MINOR:
            words = "The amount must be above zero and not too large for a bid."
            raise InvalidInput("terms_wrong", words, field=name)
