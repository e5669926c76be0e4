"""A buyer's delivery key: only a public age key, and never a private one."""

import pyrage
import pytest

from npa_market.common.errors import InvalidInput, NotPermitted
from npa_market.evidence.models import Entry, Payload
from npa_market.parties.models import Organisation
from npa_market.parties.services import checked_recipient, set_delivery_key


@pytest.fixture(scope="module")
def identity() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


@pytest.mark.django_db
def test_the_public_key_is_kept_once_with_evidence(buyer, buyer_user, identity):
    public = str(identity.to_public())
    for typed in (public, f"  {public}\n"):
        set_delivery_key(user=buyer_user, organisation_id=buyer.pk, public_key=typed)
    assert Organisation.objects.get(pk=buyer.pk).delivery_public_key == public
    entry = Entry.objects.about(buyer.pk).get()
    assert Payload.objects.get(entry=entry).body["recipient"] == public


@pytest.mark.django_db
def test_a_private_key_is_refused_and_shown_nowhere(buyer, buyer_user, as_user, identity, caplog):
    answer = as_user(buyer_user).post(
        f"/organisations/{buyer.pk}/delivery-key/", {"public_key": str(identity)}
    )
    assert answer.status_code == 422
    body = answer.content.decode()
    assert "This is a private key" in body
    assert str(identity) not in body
    assert str(identity) not in caplog.text
    assert Organisation.objects.get(pk=buyer.pk).delivery_public_key == ""


@pytest.mark.parametrize(
    "text", ["", "age1", "age1qqqq", "ssh-ed25519 AAAA", "age1" + "q" * 58, "钥"]
)
def test_anything_else_is_told_what_a_key_looks_like(text):
    with pytest.raises(InvalidInput) as refusal:
        checked_recipient(text)
    assert refusal.value.code == "delivery_key_unreadable"
    assert refusal.value.field == "public_key"


@pytest.mark.django_db
def test_nobody_sets_the_key_of_another_buyer(buyer, other_buyer_user, operator, identity):
    for user in (other_buyer_user, operator):
        with pytest.raises(NotPermitted):
            set_delivery_key(
                user=user, organisation_id=buyer.pk, public_key=str(identity.to_public())
            )
