"""Handing in: constant length, one answer per request, a weaker mode that says so."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from npa_market.auctions.core import Refusal
from npa_market.auctions.models import LotReceipt
from npa_market.auctions.offline import seal
from npa_market.auctions.services import seal_and_submit, withdraw_envelope
from npa_market.common.errors import InvalidInput, Refused
from npa_market.evidence.models import Payload
from tests.auctions.conftest import END, START, STEP


@pytest.mark.parametrize("size", [0, 559, 561, 10_000])
def test_S5_only_envelopes_of_560_bytes_are_taken(sealed, size):
    with pytest.raises(InvalidInput, match="560 bytes"):
        sealed.hand_in(0, bytes(size))
    assert not LotReceipt.objects.exists()


def test_A3_a_request_sent_again_gets_its_first_answer(sealed):
    request, envelope = uuid4(), sealed.seal(0, START)
    first = sealed.hand_in(0, envelope, request)
    assert sealed.hand_in(0, envelope, request) == first
    assert LotReceipt.objects.count() == 1
    with pytest.raises(Refused, match="already used"):
        sealed.hand_in(0, sealed.seal(0, START), request)


def test_A4_an_envelope_at_the_deadline_is_late(sealed, clock):
    clock.now = END - timedelta(microseconds=1)
    assert sealed.bid(0, START).refusal == ""
    clock.now = END
    assert sealed.bid(1, START).refusal == Refusal.LATE


def test_the_weaker_mode_gives_the_receipt_once_and_keeps_no_amount(sealed, clock):
    buyer, user = sealed.bidders[0]
    asked = {"user": user, "lot_id": sealed.lot.pk, "buyer": buyer, "request_id": uuid4()}
    amount = START + 7 * STEP
    done = seal_and_submit(**asked, amount_minor=amount)
    receipt = json.loads(done.receipt)
    ephemeral = bytes.fromhex(receipt["ephemeral_private_key"])
    envelope = seal.envelope_from(receipt["envelope"])
    assert seal.revealed(envelope, sealed.sheet(0), ephemeral) == amount
    again = seal_and_submit(**asked, amount_minor=amount)
    assert (again.outcome, again.receipt) == (done.outcome, "")
    assert done.outcome.amount_minor is None
    assert str(amount) not in str(list(Payload.objects.values_list("body", flat=True)))


@pytest.mark.parametrize("amount_minor", [0, -1, 2**53])
def test_amounts_outside_the_range_are_not_sealed(sealed, amount_minor):
    buyer, user = sealed.bidders[0]
    with pytest.raises(InvalidInput):
        seal_and_submit(
            user=user,
            lot_id=sealed.lot.pk,
            buyer=buyer,
            amount_minor=amount_minor,
            request_id=uuid4(),
        )


def test_taking_back_needs_an_envelope(sealed):
    buyer, user = sealed.bidders[0]
    asked = {"user": user, "lot_id": sealed.lot.pk, "buyer": buyer}
    assert withdraw_envelope(**asked, request_id=uuid4()).refusal == Refusal.NO_ENVELOPE


def test_an_ascending_lot_takes_no_envelopes(market):
    buyer, user = market.bidders[0]
    asked = {"user": user, "lot_id": market.lot.pk, "buyer": buyer, "request_id": uuid4()}
    assert withdraw_envelope(**asked).refusal == Refusal.WRONG_FORMAT
    with pytest.raises(Refused, match="takes no envelopes"):
        seal_and_submit(**asked, amount_minor=START)
