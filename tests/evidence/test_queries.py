"""An object's history names people only to those who may know them."""

import hashlib
import json

import pytest
import rfc8785
from django.urls import reverse

from npa_market.common.clock import database_now
from npa_market.evidence.merkle import leaf_hash
from npa_market.evidence.models import Entry
from npa_market.evidence.queries import canonical_for, history_lines
from npa_market.evidence.services import Draft, _entry, record
from npa_market.parties.models import Membership

pytestmark = pytest.mark.django_db


@pytest.fixture
def bid(seller, buyer_user) -> None:
    record(type="lot.bid_accepted", subject=seller, actor=buyer_user, payload={}, prev_state="open")


def seen_by(user, subject) -> list[str]:
    return [line.who for line in history_lines(Entry.objects.about(subject.pk), user)]


def test_colleagues_and_the_venue_see_the_name_others_the_kind(
    seller, buyer_user, seller_user, other_buyer_user, operator
):
    record(type="registration.applied", subject=seller, actor=buyer_user, payload={})
    assert seen_by(buyer_user, seller) == [buyer_user.email]
    assert seen_by(operator, seller) == [buyer_user.email]
    assert seen_by(seller_user, seller) == ["Buyer"]
    assert seen_by(other_buyer_user, seller) == ["Buyer"]


@pytest.mark.parametrize("act", ["lot.bid_accepted", "lot.bid_refused", "receipt.envelope"])
def test_A20_a_bidders_act_names_nobody_to_the_venue(act, seller, buyer_user, operator):
    record(type=act, subject=seller, actor=buyer_user, payload={})
    assert seen_by(operator, seller) == ["Buyer"]
    assert seen_by(buyer_user, seller) == [buyer_user.email]


def record_in_the_open(seller, user) -> Entry:
    """An act as it was recorded before commitments: the actor's key stands in the entry."""
    draft = Draft(type="lot.bid_accepted", subject=seller, actor=user, payload={})
    entry = _entry(draft, f"user:{user.pk}", b"s" * 32, database_now())
    entry.save(force_insert=True)
    return entry


def leaf_with(entry: Entry, **changes: str) -> str:
    document = json.loads(entry.canonical) | changes
    return leaf_hash(rfc8785.dumps(document)).hex()


DOORS = [
    ("evidence:list", {}, ""),
    ("evidence:list", {}, "?export=csv"),
    ("evidence:detail", {"payload_sha256"}, ""),
]


@pytest.mark.parametrize(("name", "words", "query"), DOORS)
@pytest.mark.parametrize("how", ["sealed", "in the open"])
def test_A20_no_door_lets_the_venue_try_keys_against_a_leaf(
    how, name, words, query, bid, seller, buyer_user, operator, as_user
):
    """A leaf over the key itself is a riddle with as many answers as the venue has people."""
    entry = Entry.objects.get()
    if how == "in the open":
        entry = record_in_the_open(seller, buyer_user)
    key = f"user:{buyer_user.pk}"
    address = reverse(name, kwargs=dict.fromkeys(words, entry.payload_sha256)) + query
    answer = as_user(operator).get(address)
    page = answer.getvalue().decode()
    assert key not in page
    guess = leaf_with(entry, actor=key)
    assert guess not in page
    assert guess[:6] not in page
    if how == "in the open":
        assert guess == entry.leaf_sha256
        assert "withheld" in page
    else:
        assert entry.leaf_sha256[:6] in page


def test_A20_the_history_of_an_object_shows_an_open_leaf_to_colleagues_alone(
    seller, buyer_user, seller_user, operator
):
    entry = record_in_the_open(seller, buyer_user)

    def leaf_for(user) -> str:
        (line,) = history_lines([entry], user)
        return line.leaf_sha256

    assert leaf_for(buyer_user) == entry.leaf_sha256
    assert [leaf_for(operator), leaf_for(seller_user)] == ["", ""]


def test_A20_the_key_in_an_older_entry_is_left_out_of_its_text(seller, buyer_user, operator):
    entry = record_in_the_open(seller, buyer_user)
    assert canonical_for(entry, buyer_user) == (entry.canonical, True)
    shown, is_whole = canonical_for(entry, operator)
    assert json.loads(shown) == json.loads(entry.canonical) | {"actor": "(withheld)"}
    assert not is_whole


def test_A20_what_the_venue_reads_of_a_sealed_actor_is_the_whole_entry(bid, operator):
    entry = Entry.objects.get()
    assert canonical_for(entry, operator) == (entry.canonical, True)
    assert leaf_hash(entry.canonical.encode()).hex() == entry.leaf_sha256


def test_an_institution_can_prove_its_own_acts_and_nobody_elses(
    bid, seller, buyer_user, other_buyer_user, operator, as_user
):
    def acts(user) -> list[dict]:
        answer = as_user(user).get(reverse("evidence:own_acts"))
        return [json.loads(line) for line in answer.getvalue().splitlines()]

    record(type="registration.applied", subject=seller, actor=buyer_user, payload={})
    (act,) = acts(buyer_user)
    salt = bytes.fromhex(act["actor_salt"])
    proof = hashlib.sha256(salt + act["actor"].encode()).hexdigest()
    assert act["entry"]["actor"] == f"sealed:{proof}"
    assert leaf_hash(rfc8785.dumps(act["entry"])).hex() == act["leaf_sha256"]
    content = bytes.fromhex(act["payload_salt"]) + rfc8785.dumps(act["payload"])
    assert hashlib.sha256(content).hexdigest() == act["entry"]["payload_sha256"]
    assert acts(other_buyer_user) == acts(operator) == []


def test_people_who_left_and_the_system_have_no_name(bid, seller, buyer_user, seller_user):
    Membership.objects.filter(user=buyer_user).delete()
    record(type="lot.opened", subject=seller, actor=None, payload={})
    assert seen_by(seller_user, seller) == ["A former member", "System"]


def test_acts_and_states_are_words(bid, seller, seller_user):
    (line,) = history_lines(Entry.objects.about(seller.pk), seller_user)
    assert (line.what, line.from_state) == ("Lot bid accepted", "open")


def test_history_asks_for_the_people_once(
    bid, seller, buyer_user, seller_user, django_assert_max_num_queries
):
    for _ in range(5):
        record(type="lot.opened", subject=seller, actor=buyer_user, payload={})
    with django_assert_max_num_queries(4):
        history_lines(Entry.objects.about(seller.pk), seller_user)
