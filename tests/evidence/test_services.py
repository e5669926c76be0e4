"""Entries stand and fall with their event, and nobody edits them afterwards."""

import hashlib
import json

import pytest
import rfc8785
from django.db import DatabaseError, connection, transaction

from npa_market.evidence.merkle import leaf_hash
from npa_market.evidence.models import Entry, Payload, SealedActor
from npa_market.evidence.services import commitment, record


@pytest.mark.django_db
def test_the_entry_commits_to_payload_and_salt(seller, seller_user):
    entry = record(type="organisation.seen", subject=seller, actor=seller_user, payload={"n": 1})
    payload = Payload.objects.get(entry=entry)
    again = hashlib.sha256(bytes(payload.salt) + rfc8785.dumps(payload.body)).hexdigest()
    assert entry.payload_sha256 == again
    assert entry.leaf_sha256 == leaf_hash(entry.canonical.encode()).hex()
    assert seller_user.email not in entry.canonical


@pytest.mark.django_db(transaction=True)
def test_no_entry_outside_a_transaction(seller):
    with pytest.raises(RuntimeError):
        record(type="organisation.seen", subject=seller, actor=None, payload={})
    assert not Entry.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "verb", ["UPDATE evidence_entry SET type = 'x'", "DELETE FROM evidence_entry"]
)
def test_the_database_refuses_to_change_an_entry(seller, verb):
    record(type="organisation.seen", subject=seller, actor=None, payload={})
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(verb)
    assert Entry.objects.get().type == "organisation.seen"


@pytest.mark.django_db
def test_A20_an_act_that_names_nobody_commits_to_its_actor(seller, buyer_user):
    """Nobody without the salt finds the person by trying every known key; the salt proves it."""
    entry = record(type="lot.bid_accepted", subject=seller, actor=buyer_user, payload={})
    kept = SealedActor.objects.get(entry=entry)
    assert str(buyer_user.pk) not in entry.canonical
    assert json.loads(entry.canonical)["actor"] == entry.actor
    assert commitment(bytes(kept.salt), f"user:{buyer_user.pk}") == entry.actor
    assert len(bytes(kept.salt)) == 32
    again = record(type="lot.bid_accepted", subject=seller, actor=buyer_user, payload={})
    assert again.actor != entry.actor
    named = record(type="lot.opened", subject=seller, actor=buyer_user, payload={})
    assert named.actor == f"user:{buyer_user.pk}"
    assert SealedActor.objects.count() == 2
