"""An object's history names people only to those who may know them."""

import json

import pytest
from django.urls import reverse

from npa_market.evidence.models import Entry
from npa_market.evidence.queries import canonical_for, history_lines
from npa_market.evidence.services import record
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


def test_A20_no_page_gives_the_venue_the_key_that_leads_to_the_name(
    bid, seller, buyer_user, operator, as_user
):
    """The same key stands on the entry of an application, beside the person's name."""
    record(type="registration.applied", subject=seller, actor=buyer_user, payload={})
    bid_entry, application = Entry.objects.about(seller.pk).order_by("seq")
    page = as_user(operator).get(reverse("evidence:detail", args=[bid_entry.seq])).content.decode()
    assert bid_entry.leaf_sha256[:8] in page
    assert str(buyer_user.pk) not in page
    assert "stays with the bidder" in page
    other = as_user(operator).get(reverse("evidence:detail", args=[application.seq]))
    assert str(buyer_user.pk) in other.content.decode()
    assert canonical_for(bid_entry, buyer_user) == (bid_entry.canonical, True)
    shown = json.loads(canonical_for(bid_entry, operator)[0])
    assert shown == json.loads(bid_entry.canonical) | {"actor": "(withheld)"}


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
    with django_assert_max_num_queries(3):
        history_lines(Entry.objects.about(seller.pk), seller_user)
