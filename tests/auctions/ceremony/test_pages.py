"""Pages of a sealed lot: what each person can do, and that nothing tells what was handed in."""

import base64
import io
import re
from datetime import timedelta
from uuid import uuid4

import pytest

from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import LotReceipt
from npa_market.auctions.offline import seal
from npa_market.common.money import format_minor
from npa_market.common.signing import is_signed, venue_public_key
from npa_market.evidence.models import Entry
from tests.auctions.conftest import END, START, STEP


def address(market, tail=""):
    return f"/lots/{market.lot.pk}/{tail}"


@pytest.fixture
def bidder(sealed, as_user):
    return as_user(sealed.bidders[0][1])


def test_a_bidder_hands_in_an_envelope_and_reads_its_signed_receipt(sealed, bidder):
    envelope = sealed.seal(0, START)
    form = {"envelope": base64.b64encode(envelope).decode(), "request_id": uuid4()}
    page = bidder.post(address(sealed, "envelope/"), form, follow=True).content.decode()
    assert "handed in" in page
    note = bidder.get(address(sealed, "envelope/receipt.json")).json()
    assert is_signed(note, venue_public_key())


@pytest.mark.parametrize("text", ["", "no base64!", base64.b64encode(b"short").decode()])
def test_what_is_no_envelope_is_named_beside_the_field(sealed, bidder, text):
    form = {"envelope": text, "request_id": uuid4()}
    answer = bidder.post(address(sealed, "envelope/"), form)
    assert answer.status_code == 422
    assert not LotReceipt.objects.exists()


def test_the_sheet_seals_with_the_offline_tool(sealed, bidder):
    sheet = bidder.get(address(sealed, "sheet.json")).json()
    envelope, _ = seal.sealed(START, sheet)
    sealed.hand_in(0, envelope)
    tool = bidder.get("/lots/seal.py")
    assert b"standard library only" in tool.content


def test_the_weaker_mode_is_labelled_and_shows_the_receipt_once(sealed, bidder):
    assert "Weaker mode" in bidder.get(address(sealed)).content.decode()
    form = {
        "server-amount": "2,000,000.00",
        "server-again": "2000000",
        "server-request_id": uuid4(),
    }
    page = bidder.post(address(sealed, "envelope/seal/"), form).content.decode()
    assert "ephemeral_private_key" in page
    assert "ephemeral_private_key" not in bidder.get(address(sealed)).content.decode()


def test_A3_an_amount_corrected_in_a_form_handed_in_before_is_said_not_to_be_sealed(sealed, bidder):
    form = {"server-amount": "2000000", "server-again": "2000000", "server-request_id": uuid4()}
    bidder.post(address(sealed, "envelope/seal/"), form)
    form |= {"server-amount": "3000000", "server-again": "3000000"}
    page = bidder.post(address(sealed, "envelope/seal/"), form).content.decode()
    assert LotReceipt.objects.count() == 1
    assert "nothing new was sealed" in page
    assert "Your envelope was handed in" not in page
    assert str(form["server-request_id"]) not in page, "what is typed next is a new request"


@pytest.mark.parametrize("amount", ["", "abc", "-5", "0", "9" * 30])
def test_amounts_that_are_none_come_back_with_the_form(sealed, bidder, amount):
    form = {"server-amount": amount, "server-again": amount, "server-request_id": uuid4()}
    assert bidder.post(address(sealed, "envelope/seal/"), form).status_code == 422


@pytest.mark.parametrize("amount", ["1,900,000.00", "2,850,000.01"])
def test_S7_the_weaker_mode_wants_every_amount_twice_the_usual_as_the_unusual(
    sealed, bidder, amount
):
    form = {"server-amount": amount, "server-request_id": uuid4()}
    for again in ("", "1,900,000.01", "abc"):
        answer = bidder.post(address(sealed, "envelope/seal/"), {**form, "server-again": again})
        assert answer.status_code == 422
    assert not LotReceipt.objects.exists()
    form["server-again"] = amount
    assert "ephemeral" in bidder.post(address(sealed, "envelope/seal/"), form).content.decode()


def test_A3_a_double_click_is_one_envelope_and_another_under_its_number_is_refused(sealed, bidder):
    number = uuid4()

    def hand_in(envelope):
        form = {"envelope": base64.b64encode(envelope).decode(), "request_id": number}
        return bidder.post(address(sealed, "envelope/"), form)

    envelope = sealed.seal(0, START)
    assert [hand_in(envelope).status_code for _ in range(2)] == [302, 302]
    other = hand_in(sealed.seal(0, START + STEP))
    assert other.status_code == 422
    assert "already used" in other.content.decode()
    assert LotReceipt.objects.count() == 1


def test_an_envelope_is_taken_back(sealed, bidder):
    sealed.bid(0, START)
    page = bidder.post(address(sealed, "envelope/withdraw/"), follow=True).content.decode()
    assert "taken back" in page
    assert bidder.get(address(sealed, "envelope/receipt.json")).status_code == 404
    assert bidder.post(address(sealed, "envelope/withdraw/")).status_code == 409


def test_S7_pages_are_the_same_however_many_envelopes_there_are(sealed, as_user, operator):
    """The seller, the venue and the rival read the same page before and after a bid."""

    def pages():
        people = [sealed.seller_user, operator, sealed.bidders[1][1]]
        texts = [as_user(person).get(address(sealed)).content.decode() for person in people]
        return [re.sub(r'value="[^"]{20,}"|x-csrftoken": "[^"]+"', "", text) for text in texts]

    before = pages()
    sealed.bid(0, START)
    sealed.bid(0, START + STEP)
    assert pages() == before


def test_S7_the_log_shows_the_venue_no_envelope_and_no_refusal_before_the_end(
    sealed, clock, as_user, operator
):
    venue = as_user(operator)
    sealed.bid(0, START + STEP)
    sealed.bid(1, START)
    sealed.withdraw(1)
    sealed.withdraw(1)
    hidden = list(Entry.objects.filter(type__in=["receipt.envelope", "receipt.withdrawal"]))
    hidden += Entry.objects.filter(type="lot.bid_refused")
    assert len(hidden) == 4
    for act in ("receipt", "lot.bid_refused"):
        page = venue.get("/evidence/", {"type": act}).content.decode()
        assert "Clear the filters" in page
        assert "<tbody>" not in page
    assert {venue.get(f"/evidence/{entry.payload_sha256}/").status_code for entry in hidden} == {
        404
    }
    clock.now = END + timedelta(minutes=1)
    sealed.share(Holder.COMPLIANCE)
    sealed.share(Holder.NOTARY)
    for entry in hidden:
        page = venue.get(f"/evidence/{entry.payload_sha256}/").content.decode()
        assert not [user for _, user in sealed.bidders if user.email in page]


def test_what_a_bidder_was_refused_is_its_own_affair(sealed, as_user, operator):
    people = [sealed.seller_user, operator, sealed.bidders[1][1]]
    sealed.withdraw(0)
    for person in people:
        for tail in ("", "opening/"):
            page = as_user(person).get(address(sealed, tail)).content.decode()
            assert "History" in page
            assert "refused" not in page


def test_holders_open_the_lot_on_the_page(sealed, clock, as_user):
    sealed.bid(0, START + STEP)
    clock.now = END + timedelta(minutes=1)
    for holder in (Holder.COMPLIANCE, Holder.NOTARY):
        client = as_user(sealed.holders[holder])
        form = {"holder": holder.value, "words": sealed.key.shares[holder]}
        page = client.post(address(sealed, "opening/"), form, follow=True).content.decode()
    assert format_minor(START + STEP, "CNY") in page
    assert "Private, published" in page
    assert "Sold" in client.get(address(sealed)).content.decode()


def test_a_wrong_share_comes_back_and_others_see_no_form(sealed, clock, as_user, bidder):
    sealed.bid(0, START)
    clock.now = END
    notary = as_user(sealed.holders[Holder.NOTARY])
    form = {"holder": "notary", "words": "academic acid"}
    answer = notary.post(address(sealed, "opening/"), form)
    assert answer.status_code == 422
    assert "no share" in answer.content.decode()
    assert "Hand in your share" not in bidder.get(address(sealed, "opening/")).content.decode()
    assert bidder.post(address(sealed, "opening/"), form).status_code == 422


def test_a_bidder_reveals_from_the_receipt_file(sealed, clock, bidder):
    sealed.bid(0, START)
    clock.now = END + timedelta(hours=24)
    assert "Reveal your envelope" in bidder.get(address(sealed)).content.decode()
    for content in (b"[]", b"{", b"x" * 20_001, b'{"ephemeral_private_key": "00"}'):
        bad = bidder.post(address(sealed, "reveal/"), {"receipt": io.BytesIO(content)})
        assert bad.status_code == 422
    good = io.BytesIO(f'{{"ephemeral_private_key": "{sealed.ephemerals[0].hex()}"}}'.encode())
    good.name = "receipt.json"
    page = bidder.post(address(sealed, "reveal/"), {"receipt": good}, follow=True)
    assert "Sold" in page.content.decode()


def test_an_ascending_lot_has_no_such_pages(market, as_user):
    client = as_user(market.bidders[0][1])
    for tail in ("sheet.json", "opening/"):
        assert client.get(address(market, tail)).status_code == 404
