"""S7: what is withheld in the evidence log leaves no trace in what the log shows."""

import pytest
from django.db import transaction

from npa_market.auctions.model.secrecy import masked
from npa_market.auctions.services import suspend_lot
from npa_market.evidence.models import Entry
from tests.auctions.conftest import START

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
