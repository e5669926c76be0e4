"""Shares of a key and reveals do not outlive what they are for, nor do rows of before (S1)."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps

from npa_market.auctions.ceremony.models import KeyShare, Reveal
from npa_market.auctions.ceremony.openers import REVEAL_AFTER
from npa_market.auctions.ceremony.services import reveal_bid
from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import Lot, LotState
from npa_market.auctions.services import cancel_lot
from tests.auctions.conftest import END, START

pytestmark = pytest.mark.django_db
MIGRATION = import_module("npa_market.auctions.migrations.0004_erase_keys_of_ended_lots")


@pytest.fixture
def half_open(sealed, clock):
    """A share and a reveal are kept, each secret still under its seal."""
    sealed.bid(0, START)
    sealed.bid(1, START + 1)
    clock.now = END + REVEAL_AFTER + timedelta(seconds=1)
    sealed.share(Holder.SELLER)
    buyer, user = sealed.bidders[0]
    receipt = {"ephemeral_private_key": sealed.ephemerals[0].hex()}
    reveal_bid(user=user, lot_id=sealed.lot.pk, buyer=buyer, receipt=receipt)
    return sealed


def kept() -> tuple[bool, bool]:
    return bool(KeyShare.objects.get().words_sealed), bool(Reveal.objects.get().ephemeral_sealed)


def test_a_cancelled_lot_keeps_neither_share_nor_reveal(half_open):
    assert kept() == (True, True)
    cancel_lot(user=half_open.operator, lot_id=half_open.lot.pk, reason="Data error")
    assert kept() == (False, False)


def test_an_opened_lot_keeps_what_proves_its_revealed_bids(half_open):
    half_open.share(Holder.NOTARY)
    assert half_open.lot.is_over
    assert set(KeyShare.objects.values_list("words_sealed", flat=True)) == {""}
    assert Reveal.objects.get().ephemeral_sealed


@pytest.mark.parametrize(
    ("state", "left"),
    [
        (LotState.OPENING, (True, True)),
        (LotState.CANCELLED, (False, False)),
        (LotState.UNSOLD, (False, True)),
    ],
)
def test_the_migration_erases_what_lots_of_before_left(half_open, state, left):
    Lot.objects.filter(pk=half_open.lot.pk).update(state=state)
    MIGRATION.erase(apps, None)
    assert kept() == left
