"""After the end anybody opens every envelope again, from the protocol and two programs alone."""

import base64
import copy
import hashlib
import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from npa_market.auctions.ceremony.services import settle_overdue_reveals
from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import Lot
from npa_market.auctions.offline import check_protocol as checker
from npa_market.auctions.offline import seal
from npa_market.auctions.protocol import chained_anew, protocol, protocol_bytes
from npa_market.auctions.services import cancel_lot
from tests.auctions.ceremony.test_reveals import reveal
from tests.auctions.conftest import END, START

pytestmark = pytest.mark.django_db


def told(market) -> dict:
    return protocol(Lot.objects.get(pk=market.lot.pk))


def broken(document: dict, words: str) -> None:
    """The rules alone see nothing; the envelopes do."""
    made = chained_anew(document)
    checker.check(made)
    with pytest.raises(checker.Broken, match=words):
        checker.check_openings(made, seal)


@pytest.fixture
def opened(sealed, clock) -> dict:
    """Two envelopes opened with two shares; the first bidder won."""
    sealed.bid(0, START + 1000)
    sealed.bid(1, START)
    clock.now = END
    sealed.advance()
    sealed.share(Holder.SELLER)
    sealed.share(Holder.NOTARY)
    return told(sealed)


def test_S2_the_file_and_two_programs_open_every_envelope_again(opened, sealed, tmp_path):
    file = tmp_path / "protocol.json"
    file.write_bytes(protocol_bytes(sealed.lot))
    command = [sys.executable, "-I", str(tmp_path / "check_protocol.py"), str(file)]
    folder = Path(checker.__file__).parent
    shutil.copy(folder / "check_protocol.py", tmp_path)
    alone = subprocess.run(command, capture_output=True, text=True, check=True)
    shutil.copy(folder / "seal.py", tmp_path)
    both = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "sold to" in alone.stdout
    assert "0 envelopes opened again" in alone.stdout
    assert "2 envelopes opened again" in both.stdout


@pytest.mark.parametrize("reason", ["undecryptable", "below_start"])
def test_S2_S8_a_winner_called_undecryptable_or_too_low_is_found(opened, reason):
    document = copy.deepcopy(opened)
    first, second = [e for e in document["events"] if e["kind"] == "envelope_opened"]
    first.update(kind="envelope_void", amount_minor=None, reason=reason)
    _sold(document, second["bidder"], START)
    broken(document, "S2: .* holds another bid")


def test_S2_another_amount_than_the_envelope_holds_is_found(opened):
    document = copy.deepcopy(opened)
    _, second = [e for e in document["events"] if e["kind"] == "envelope_opened"]
    second["amount_minor"] = START + 99_999
    _sold(document, second["bidder"], START + 99_999)
    broken(document, "S2: .* holds another bid")


def _sold(document: dict, bidder: str, amount_minor: int) -> None:
    document["events"][-1].update(bidder=bidder, amount_minor=amount_minor)
    document["result"].update(winner=bidder, hammer_minor=amount_minor)


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("no key that opens it", lambda key: key.update(private_key="")),
        ("not the one that was sealed to", lambda key: key.update(private_key="11" * 32)),
        ("not all envelopes", lambda key: key["envelopes"].pop()),
        ("not the one handed in", lambda key: key["envelopes"][0].update(envelope="AAAA")),
        ("has it in another form", lambda key: key.update(private_key="zz")),
    ],
)
def test_S2_what_opens_the_envelopes_cannot_be_left_out_or_changed(opened, words, change):
    document = copy.deepcopy(opened)
    change(document["key"])
    broken(document, words)


def test_a_file_without_the_key_of_sealed_bids_cannot_be_told(opened):
    document = {name: value for name, value in opened.items() if name != "key"}
    with pytest.raises(checker.Unreadable, match="key of sealed bids"):
        checker.read(json.dumps(chained_anew(document)).encode())


def test_S2_revealed_envelopes_open_again_with_the_bidders_own_keys(sealed, clock):
    """One bidder reveals, the other stays away: its envelope is void and nobody can open it."""
    sealed.bid(0, START + 1000)
    sealed.bid(1, START + 2000)
    clock.now = END
    sealed.advance()
    clock.now = END + timedelta(hours=24)
    reveal(sealed, 0)
    clock.now = END + timedelta(hours=48)
    settle_overdue_reveals()
    document = told(sealed)
    checker.check(document)
    assert checker.check_openings(document, seal) == 1
    assert [bool(each["revealed_key"]) for each in document["key"]["envelopes"]] == [True, False]
    void = next(e for e in document["events"] if e["kind"] == "envelope_void")
    void.update(kind="envelope_opened", amount_minor=START + 5000, reason="")
    _sold(document, void["bidder"], START + 5000)
    broken(document, "no key that opens it")


def test_S1_a_cancelled_lot_publishes_no_envelope_and_no_key(sealed, clock, operator):
    sealed.bid(0, START)
    cancel_lot(user=operator, lot_id=sealed.lot.pk, reason="The seller withdrew the files.")
    document = told(sealed)
    assert (document["key"]["private_key"], document["key"]["envelopes"]) == ("", [])
    assert checker.check(document).startswith("cancelled")
    assert checker.check_openings(document, seal) == 0


class TestMachines:
    """A client with a token seals, keeps the signed word, and takes part in the opening."""

    def ask(self, api, market, who, door, body=None):
        address = f"/api/v1/lots/{market.lot.pk}/{door}/"
        client = api(who)
        return client.get(address) if body is None else client.post(address, body, format="json")

    def test_sheet_envelope_and_signed_receipt(self, sealed, api):
        user = sealed.bidders[0][1]
        sheet = self.ask(api, sealed, user, "sheet").json()
        assert sheet == json.loads(json.dumps(sealed.sheet(0)))
        assert self.ask(api, sealed, user, "envelopes/receipt").status_code == 404
        envelope, _ = seal.sealed(START, sheet)
        body = {"request_id": str(uuid4()), "envelope": base64.b64encode(envelope).decode()}
        assert self.ask(api, sealed, user, "envelopes", body).status_code == 201
        told = self.ask(api, sealed, user, "envelopes/receipt").json()
        assert told["document"]["envelope_sha256"] == hashlib.sha256(envelope).hexdigest()
        assert self.ask(api, sealed, sealed.bidders[1][1], "envelopes/receipt").status_code == 404

    def test_S1_two_shares_open_the_lot_and_one_person_has_one(self, sealed, clock, api):
        sealed.bid(0, START)
        share = {"holder": "seller", "words": sealed.key.shares[Holder.SELLER]}
        seller = sealed.holders[Holder.SELLER]
        assert self.ask(api, sealed, seller, "shares", share).status_code == 409
        clock.now = END
        assert self.ask(api, sealed, sealed.bidders[0][1], "shares", share).status_code == 403
        assert self.ask(api, sealed, seller, "shares", share).json()["state"] == "opening"
        share = {"holder": "notary", "words": sealed.key.shares[Holder.NOTARY]}
        assert self.ask(api, sealed, seller, "shares", share).status_code == 403
        notary = sealed.holders[Holder.NOTARY]
        assert self.ask(api, sealed, notary, "shares", share).json()["state"] == "sold"

    def test_S2_a_bidder_reveals_its_envelope(self, sealed, clock, api):
        sealed.bid(0, START)
        body = {"ephemeral_private_key": sealed.ephemerals[0].hex()}
        user = sealed.bidders[0][1]
        clock.now = END
        assert self.ask(api, sealed, user, "reveal", body).json()["code"] == "too_early"
        clock.now = END + timedelta(hours=24)
        wrong = {"ephemeral_private_key": "11" * 32}
        assert self.ask(api, sealed, user, "reveal", wrong).status_code == 422
        assert self.ask(api, sealed, user, "reveal", body).status_code == 204
        assert told(sealed)["result"]["state"] == "sold"

    @pytest.mark.parametrize("door", ["sheet", "envelopes/receipt"])
    def test_other_lots_have_no_such_door(self, market, api, door):
        user = market.bidders[0][1]
        assert self.ask(api, market, user, door).status_code == 404
        address = f"/api/v1/lots/{market.lot.pk}/{door}/?buyer=x"
        assert api(user).get(address).status_code == 404
