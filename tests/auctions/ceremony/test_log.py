"""S7: what is withheld in the evidence log leaves no trace in what the log shows."""

import json

import pytest
from django.db import transaction

from npa_market.auctions.model.secrecy import masked
from npa_market.auctions.models import LotReceipt
from npa_market.auctions.services import cancel_lot, suspend_lot
from npa_market.evidence.models import Entry
from npa_market.evidence.services import record
from tests.auctions.conftest import END, START

pytestmark = pytest.mark.django_db


def looks(market, people, *, envelopes: int) -> list[str]:
    """Every door to the log after so many envelopes and one act that everybody sees; undone."""
    with transaction.atomic():
        for _ in range(envelopes):
            market.bid(0, START)
        suspend_lot(user=market.operator, lot_id=market.lot.pk, reason="Data room is down")
        seen = Entry.objects.get(type="lot.suspended")
        lot = f"/lots/{market.lot.pk}/"
        log = ["/evidence/", "/evidence/?export=csv", f"/evidence/{seen.payload_sha256}/"]
        places = [lot, f"{lot}opening/", "/evidence/own-acts.jsonl", *log]
        answers = [client.get(place) for client in people for place in places]
        texts = [masked(f"{each.status_code} {each.getvalue().decode()}") for each in answers]
        transaction.set_rollback(True)
    return texts


def test_S7_no_number_or_gap_tells_how_many_envelopes_there_are(
    sealed, as_user, operator, seller_user
):  # fmt: skip
    people = [as_user(user) for user in (operator, seller_user, sealed.bidders[1][1])]
    none = looks(sealed, people, envelopes=0)
    assert sum("Lot suspended" in text for text in none) > len(people)
    assert none == looks(sealed, people, envelopes=3)


def test_S7_after_the_end_no_entry_counts_the_envelopes_of_other_lots(sealed):
    """A row's key counts up over all lots: between two of a lot that ended lie those of others."""
    for who in (0, 1):
        sealed.bid(who, START)
    entries = Entry.objects.filter(type="receipt.envelope")
    (kept,) = set(entries.values_list("object_id", flat=True))
    assert kept == sealed.lot.pk.hex
    assert {json.loads(entry.canonical)["object"] for entry in entries} == {
        f"auctions.lotreceipt:{kept}"
    }


def test_S7_an_entry_of_before_stood_on_its_row_and_is_withheld_too(
    sealed, clock, as_user, operator
):
    sealed.bid(0, START)
    user, row = sealed.bidders[0][1], LotReceipt.objects.get()
    before = record(type="receipt.envelope", subject=row, actor=user, payload={})
    address = f"/evidence/{before.payload_sha256}/"
    assert as_user(operator).get(address).status_code == 404
    clock.now = END
    cancel_lot(user=operator, lot_id=sealed.lot.pk, reason="Key is lost")
    assert as_user(operator).get(address).status_code == 200
