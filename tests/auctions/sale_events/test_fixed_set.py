"""The hash that fixes the envelopes of a lot is nowhere to be read before the opening (S7).

That of an empty set is known to everybody, so it would tell that nobody bid on a lot whose event
still takes bids.
"""

import hashlib

import pytest
from django.urls import reverse

from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import EventKind, LotEvent, LotState
from npa_market.auctions.services import resume_lot, suspend_lot
from npa_market.evidence.models import Entry
from tests.auctions.conftest import END
from tests.auctions.sale_events.conftest import EventMarket

pytestmark = pytest.mark.django_db
EMPTY = hashlib.sha256(b"").hexdigest()
OF_A_LOT = (
    "detail", "opening", "state", "feed", "sheet", "own_receipt", "protocol_json", "protocol_pdf",
)  # fmt: skip
OF_AN_EVENT = ("event", "event_protocol_json", "event_protocol_pdf")


@pytest.fixture
def waiting(market, clock) -> EventMarket:
    """Nobody bid on the first lot, one did on the second; the third is suspended past the end."""
    market.bid(1, 2, 210_000)
    suspend_lot(user=market.operator, lot_id=market.lot(3).pk, reason="Data room is down")
    clock.now = END
    market.advance()
    assert [market.lot(place).state for place in (1, 2)] == [LotState.OPENING] * 2
    return market


def fixed_entries() -> list[Entry]:
    return list(Entry.objects.filter(type="lot.envelopes_fixed"))


def addresses(market: EventMarket) -> list[str]:
    event = market.event.pk
    found = [reverse(f"auctions:{name}", args=[event]) for name in OF_AN_EVENT]
    found += [reverse(f"v1:{name}", args=[event]) for name in ("event-detail", "event-protocol")]
    found += [reverse(f"v1:{name}") for name in ("lot-list", "event-list", "registration-list")]
    found += ["/evidence/?type=lot.envelopes", "/evidence/own-acts.jsonl", "/lots/", "/"]
    found += [f"/evidence/{entry.payload_sha256}/" for entry in fixed_entries()]
    for lot in (market.lot(1), market.lot(2)):
        found += [reverse(f"auctions:{name}", args=[lot.pk]) for name in OF_A_LOT]
        found += [
            reverse(f"v1:lot-{name}", args=[lot.pk]) for name in ("detail", "events", "protocol")
        ]
    return found


def body(answer) -> str:
    parts = answer.streaming_content if answer.streaming else [answer.content]
    return b"".join(parts).decode(errors="replace")


def test_S7_nobody_reads_whether_a_set_is_empty_while_the_event_waits(waiting, as_user):
    rows = LotEvent.objects.filter(kind=EventKind.ENVELOPES_FIXED).order_by("lot__event_place")
    hashes = list(rows.values_list("set_sha256", flat=True))
    assert hashes[0] == EMPTY
    assert hashes[1] != EMPTY
    venue = [waiting.operator, waiting.holders[Holder.NOTARY]]
    for user in [*(user for _, user in waiting.bidders), waiting.seller_user, *venue]:
        client, opened = as_user(user), 0
        for address in addresses(waiting):
            answer = client.get(address)
            opened += answer.status_code == 200
            assert not [each for each in hashes if each in body(answer)], (user, address)
        assert opened > 10, "pages that nobody may open prove nothing"


def test_S7_the_entry_is_the_venues_to_read_after_the_end(waiting, as_user, clock):
    client = as_user(waiting.operator)
    pages = [f"/evidence/{entry.payload_sha256}/" for entry in fixed_entries()]
    assert {client.get(page).status_code for page in pages} == {404}
    resume_lot(user=waiting.operator, lot_id=waiting.lot(3).pk)
    clock.now = waiting.lot(3).ends_at
    waiting.advance()
    waiting.open(1, 2, 3)
    assert [lot.is_over for lot in waiting.lots()] == [True] * 3
    assert EMPTY in client.get(pages[0]).content.decode()
    history = client.get(reverse("auctions:opening", args=[waiting.lot(1).pk])).content.decode()
    assert "Lot envelopes fixed" in history
