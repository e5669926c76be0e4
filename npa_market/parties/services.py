"""Changes of institutions: the venue qualifies them, they keep their own delivery key."""

import hashlib
from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from knox.models import AuthToken

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput
from npa_market.common.recording import recorder
from npa_market.parties.models import Organisation, QualificationState, User
from npa_market.parties.permissions import require
from npa_market.parties.qualification import Decision, check_decision
from npa_market.parties.roles import OrganisationKind

MAX_TOKEN_DAYS = 365
_SECRET_KEY_PREFIX = "AGE-SECRET-KEY-"  # noqa: S105 - the public prefix of such keys


@transaction.atomic
def decide_qualification(
    *,
    user: User,
    organisation_id: UUID,
    state: QualificationState,
    reason: str = "",
    until: date | None = None,
) -> Organisation:
    """Qualify, refuse or suspend an institution; the same decision again changes nothing.

    `until`: last day on which the papers are valid, needed to qualify. Raises NotPermitted,
    Refused `decision_out_of_order`, InvalidInput `reason_missing` or `until_not_in_future`.
    """
    organisation = Organisation.objects.select_for_update().get(pk=organisation_id)
    require(user, "parties.decide_qualification", organisation)
    before = QualificationState(organisation.qualification)
    decision = Decision(QualificationState(state), reason.strip(), until)
    standing = Decision(before, organisation.qualification_reason, organisation.qualified_until)
    if decision == standing:
        return organisation
    check_decision(before, decision, database_now().date())
    organisation.qualification = decision.state
    organisation.qualification_reason = decision.reason
    organisation.qualified_until = decision.until
    organisation.save(update_fields=["qualification", "qualification_reason", "qualified_until"])
    recorder()(
        type=f"institution.{decision.state}",
        subject=organisation,
        actor=user,
        payload={
            "reason": decision.reason,
            "until": decision.until.isoformat() if decision.until else None,
        },
        prev_state=before,
    )
    return organisation


@transaction.atomic
def set_bid_limit_rule(
    *, user: User, organisation_id: UUID, requires_bid_limit: bool
) -> Organisation:
    """Whether a buyer bids only under an approved limit; the operator, at its written request.

    None of its own people can lift the rule alone. The same again changes nothing.
    """
    organisation = Organisation.objects.select_for_update().get(pk=organisation_id)
    require(user, "parties.set_bid_limit_rule", organisation)
    if organisation.kind != OrganisationKind.BUYER:
        raise InvalidInput("not_a_buyer", "Only buyers bid under limits.")
    if organisation.requires_bid_limit == requires_bid_limit:
        return organisation
    organisation.requires_bid_limit = requires_bid_limit
    organisation.save(update_fields=["requires_bid_limit"])
    recorder()(
        type="institution.bid_limit_rule_set",
        subject=organisation,
        actor=user,
        payload={"requires_bid_limit": requires_bid_limit},
        prev_state="",
    )
    return organisation


@transaction.atomic
def set_delivery_key(*, user: User, organisation_id: UUID, public_key: str) -> Organisation:
    """Keep the age recipient to which loan files for this buyer are encrypted.

    Raises NotPermitted; InvalidInput `delivery_key_secret` for a private key (which is not kept,
    not logged and not repeated) and `delivery_key_unreadable` for anything else.
    """
    organisation = Organisation.objects.select_for_update().get(pk=organisation_id)
    require(user, "parties.manage_own", organisation)
    recipient = checked_recipient(public_key)
    if recipient == organisation.delivery_public_key:
        return organisation
    before = organisation.delivery_public_key
    organisation.delivery_public_key = recipient
    organisation.save(update_fields=["delivery_public_key"])
    recorder()(
        type="institution.delivery_key_set",
        subject=organisation,
        actor=user,
        payload={
            "recipient": recipient,
            "replaces_sha256": hashlib.sha256(before.encode()).hexdigest() if before else None,
        },
    )
    return organisation


def checked_recipient(text: str) -> str:
    """The age recipient (`age1…`) in its one spelling, or InvalidInput."""
    import pyrage

    candidate = text.strip()
    if candidate.upper().startswith(_SECRET_KEY_PREFIX):
        raise InvalidInput(
            "delivery_key_secret",
            "This is a private key. It was not kept; treat it as exposed, make a new pair, and"
            " enter the public key that starts with age1.",
            field="public_key",
        )
    try:
        return str(pyrage.x25519.Recipient.from_str(candidate))
    except pyrage.RecipientError as error:
        raise InvalidInput(
            "delivery_key_unreadable",
            "This is not an age public key. It starts with age1 and has 62 characters;"
            " age-keygen prints it.",
            field="public_key",
        ) from error


@transaction.atomic
def issue_token(*, user: User, days: int = 0) -> tuple[AuthToken, str]:
    """Make an API token for this person; the text is returned once and kept only as a hash.

    `days`: 0 for the venue's default hours, else 1 to 365. The person's expired tokens go.
    """
    if not 0 <= days <= MAX_TOKEN_DAYS:
        raise InvalidInput("token_days", f"A token lives 1 to {MAX_TOKEN_DAYS} days.", field="days")
    AuthToken.objects.filter(user=user, expiry__lte=database_now()).delete()
    lifetime = {"expiry": timedelta(days=days)} if days else {}
    token, text = AuthToken.objects.create(user=user, **lifetime)
    recorder()(
        type="token.issued",
        subject=user,
        actor=user,
        payload={"token": token.token_key, "expires": token.expiry.isoformat()},
    )
    return token, text


@transaction.atomic
def revoke_token(*, user: User, token_key: str) -> bool:
    """End one of the person's tokens at once; False where there is none (any more)."""
    tokens = AuthToken.objects.select_for_update().filter(user=user, token_key=token_key)
    if not tokens.exists():
        return False
    tokens.delete()
    recorder()(type="token.revoked", subject=user, actor=user, payload={"token": token_key})
    return True
