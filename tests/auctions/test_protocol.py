"""The published protocol, its stand-alone check, and the replay, for lots of every format."""

import json
import subprocess
import sys
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pypdf import PdfReader

from npa_market.auctions.model.database import play_history
from npa_market.auctions.model.histories import GOOD, history
from npa_market.auctions.model.tampering import tampering_check
from npa_market.auctions.model.world import make_world, moved_clock
from npa_market.auctions.models import Lot
from npa_market.auctions.offline import check_protocol
from npa_market.auctions.protocol import chained_anew, protocol, protocol_bytes
from npa_market.auctions.protocol_pdf import protocol_pdf
from npa_market.auctions.replay import replay
from npa_market.auctions.terms import Format
from npa_market.common.errors import Refused
from npa_market.parties.models import Organisation, QualificationState
from tests.auctions.conftest import END, RESERVE, START, STEP

pytestmark = pytest.mark.django_db
SEED = 77


def ended_lot(kind: Format, wanted=lambda lot: lot.state == "sold" and lot.last_seq > 3) -> Lot:
    """A lot of a format that a random history brought to an end."""
    with moved_clock() as hand:
        world = make_world()
        for number in range(3_000):
            terms, steps = history(SEED, number, kind)
            ends = any(type(event).__name__ == "Sold" for step in steps for event in step.events)
            if not ends:
                continue
            lot = play_history(world, hand, terms, steps)
            if wanted(lot):
                return lot
            Lot.objects.filter(pk=lot.pk).update(state="cancelled", winner=None, hammer_minor=None)
            for name in world.standing:
                world.stand(lot, name, GOOD)
    raise AssertionError(f"no history of {kind} ended as wanted")


@pytest.fixture(params=list(Format))
def sold(request) -> Lot:
    """Sealed bids of a history are made up: `ceremony/test_published.py` has real envelopes."""
    return ended_lot(request.param)


def test_A14_the_stand_alone_check_finds_winner_and_price_of_every_format(sold, tmp_path):
    file = tmp_path / "protocol.json"
    file.write_bytes(protocol_bytes(sold))
    program = Path(check_protocol.__file__)
    # -I: no project on the path, no environment.
    run = subprocess.run(
        [sys.executable, "-I", str(program), str(file), "--reserve", str(sold.reserve_minor or 0)],
        capture_output=True,
        text=True,
        check=False,
    )
    label = sold.registrations.get(buyer=sold.winner).label
    if sold.format == Format.SEALED:
        assert run.returncode == 1
        assert "no key that opens it" in run.stdout
        assert check_protocol.check(check_protocol.read(file.read_bytes())).startswith("sold to")
        return
    assert (run.returncode, run.stderr) == (0, "")
    amount = f"{sold.hammer_minor // 100}.{sold.hammer_minor % 100:02}"
    assert f"holds: {sold.reference} sold to {label} at {amount} CNY" in run.stdout


def test_A19_a_replay_decides_the_same_events_and_the_same_feed(sold):
    again = replay(sold)
    assert again.is_same, again.difference
    assert again.feed.count(b"event: lot") == sold.last_seq
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("replay", sold.reference, stdout=out)
    assert (stop.value.code, json.loads(out.getvalue())["is_same"]) == (0, True)


def test_A14_A20_a_protocol_holds_no_name_no_reserve_and_is_the_same_each_time(sold):
    raw = protocol_bytes(sold)
    assert raw == protocol_bytes(Lot.objects.get(pk=sold.pk))
    text = raw.decode()
    assert "reserve" not in text.replace("reserve_not_met", "")
    for registration in sold.registrations.select_related("buyer"):
        assert registration.buyer.name not in text
        assert str(registration.buyer_id) not in text


def test_every_tampered_protocol_is_detected_or_says_the_same(sold):
    found = tampering_check(protocol_bytes(sold), 500, seed=1)
    assert found["accepted"] == 0, found
    assert found["detected"] > 100


def test_the_whole_form_is_a_command(sold_market):
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("tamper_protocol", sold_market.lot.reference, "--mutations", "50", stdout=out)
    assert (stop.value.code, json.loads(out.getvalue())["accepted"]) == (0, 0)
    with pytest.raises(CommandError):
        call_command("tamper_protocol", "LOT-NONE")


@pytest.fixture
def sold_market(market, clock):
    """An ascending lot with an extension and a refusal, sold."""
    market.bid(0, START)
    market.bid(1, START)
    clock.now = END - timedelta(minutes=1)
    market.bid(1, RESERVE + STEP)
    clock.now = END + timedelta(hours=1)
    market.advance()
    return market


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("A14", lambda d: d["result"].update(hammer_minor=1) or d["events"][-1].update(
            amount_minor=1)),
        ("A8", lambda d: d["events"][1].update(amount_minor=START - 1)),
        ("A4", lambda d: d["events"][2].update(at=d["terms"]["hard_end_at"])),
        ("A6", lambda d: d["events"][3].update(ends_at=d["terms"]["hard_end_at"])),
        ("A2", lambda d: d["events"].pop(1)),
        ("A12", lambda d: d["events"].pop()),
    ],
)  # fmt: skip
def test_the_check_names_the_rule_that_a_rehashed_protocol_breaks(sold_market, words, change):
    document = protocol(sold_market.lot)
    assert check_protocol.check(document).startswith("sold to")
    change(document)
    with pytest.raises(check_protocol.Broken) as broken:
        check_protocol.check(chained_anew(document))
    assert words in str(broken.value)


def test_a_noted_hash_binds_what_the_rules_leave_open(sold_market):
    document = protocol(sold_market.lot)
    renamed = chained_anew({**document, "title": "Another title"})
    assert check_protocol.check(renamed)
    with pytest.raises(check_protocol.Broken):
        check_protocol.check(renamed, document["chain_sha256"])


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{}", b"\xff", b'{"v": 1}', b"[" * 100_000, b'{"v": 1.5}', b'{"a":1,"a":2}'],
)
def test_a_file_that_is_no_protocol_cannot_be_told(raw, tmp_path, capsys):
    file = tmp_path / "x.json"
    file.write_bytes(raw)
    assert check_protocol.main([str(file)]) == 2
    assert "cannot tell" in capsys.readouterr().err
    assert check_protocol.main([str(tmp_path / "none.json")]) == 2


def test_a_changed_row_is_found_by_the_replay(sold_market):
    lot = sold_market.lot
    lot.reserve_minor = lot.hammer_minor + 1  # Under these terms it would not have been sold.
    again = replay(lot)
    assert not again.is_same
    assert "differs" in again.difference


def test_A20_a_refusal_of_standing_is_counted_and_tells_of_nobody(market, clock):
    """Rivals know labels for the whole lot; whose papers expired is that bidder's own affair."""
    market.bid(0, START)
    market.bid(1, START)
    buyer = market.bidders[1][0]
    Organisation.objects.filter(pk=buyer.pk).update(qualification=QualificationState.REFUSED)
    assert market.bid(1, START + STEP).refusal == "not_qualified"
    clock.now = END + timedelta(hours=1)
    lot = market.advance()
    document = protocol(lot)
    by_rule, by_standing = document["refusals"]
    label = lot.registrations.get(buyer=buyer).label
    assert (by_rule["refusal"], by_rule["bidder"]) == ("below_step", label)
    assert {name: by_standing[name] for name in by_standing if name != "hash"} == {
        "at": None, "bidder": "", "amount_minor": None, "refusal": "not_entitled"
    }  # fmt: skip
    assert "not_qualified" not in protocol_bytes(lot).decode()
    assert check_protocol.check(document)
    assert replay(lot).is_same
    words = "".join(
        page.extract_text() for page in PdfReader(BytesIO(protocol_pdf(document))).pages
    )
    assert "Refused: 2" in words
    assert "not entitled" in words


def test_no_protocol_before_the_end(market, as_user):
    with pytest.raises(Refused) as refusal:
        protocol(market.lot)
    assert refusal.value.code == "lot_not_over"
    _, user = market.bidders[0]
    for name in ("protocol.json", "protocol.pdf"):
        assert as_user(user).get(f"/lots/{market.lot.pk}/{name}").status_code == 404


def test_parties_download_protocol_paper_and_program(sold_market, as_user, stranger):
    address = f"/lots/{sold_market.lot.pk}"
    for user in (sold_market.bidders[0][1], sold_market.seller_user, sold_market.operator):
        client = as_user(user)
        raw = client.get(f"{address}/protocol.json").content
        assert check_protocol.check(check_protocol.read(raw)).startswith("sold to")
        paper = client.get(f"{address}/protocol.pdf").content
        words = "".join(page.extract_text() for page in PdfReader(BytesIO(paper)).pages)
        assert sold_market.lot.reference in words
        assert "Refused: 1" in words
        program = client.get("/lots/check_protocol.py").content
        assert program == Path(check_protocol.__file__).read_bytes()
    assert as_user(stranger).get(f"{address}/protocol.json").status_code == 404
