"""S7: nothing that leaves the venue before the opening depends on what is sealed (short form)."""

import json
import logging
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test.utils import override_settings

from npa_market.auctions.lot_keys import make_lot_key
from npa_market.auctions.model import damage, secrecy
from npa_market.auctions.model.histories import OPENING
from npa_market.auctions.model.world import make_world, moved_clock
from npa_market.auctions.offline import seal

SEED = 20_261_125


def figures(**options) -> tuple[dict, int]:
    """The command's JSON and exit status."""
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("sealed_pairs", stdout=out, seed=SEED, processes=1, **options)
    return json.loads(out.getvalue()), stop.value.code


@pytest.mark.django_db
def test_S1_S7_runs_that_differ_in_amounts_alone_look_the_same():
    found, status = figures(pairs=2)
    assert (found["pairs"], found["differences"], status) == (2, 0, 0), found["findings"]


@pytest.mark.django_db
def test_S7_in_an_event_bids_for_the_whole_are_taken_and_look_the_same():
    ways = [("a", "page", "whole"), ("b", "api", "both"), ("c", "weaker", "whole")]
    acts = [
        secrecy.Act(bidder, kind, seconds=5, place=place, bids_for=aim)
        for place, (bidder, kind, aim) in enumerate(ways)
    ]
    with override_settings(CACHES=secrecy.NO_CACHE), moved_clock() as hand:
        hand.now = OPENING - timedelta(minutes=2)
        world, key = make_world(), make_lot_key()
        runs = [
            secrecy.run(world, hand, key, acts, amounts)
            for amounts in ([3_000, 3_000, 3_000], [10**12, 5, 77_777])
        ]
    envelopes = [what for where, what in runs[0].notes if where == "auctions.LotReceipt.envelope"]
    assert envelopes == [f"{seal.ENVELOPE_BYTES} bytes"] * len(ways)
    assert runs[0].first_difference(runs[1]) == ""


def test_a_random_token_keeps_its_length_whatever_letters_it_holds():
    seen = secrecy.Seen()
    for token in ("q/0xa9Zk", "q/Bxa9Zk"):
        seen.note("page", f'nonce="{token}" <Lot object at 0x7f5e1c>')
    lengths = [what for where, what in seen.notes if where.startswith("length")]
    assert len(set(lengths)) == 1


def test_S5_S8_no_damaged_or_replayed_envelope_opens():
    found = damage.damaged_envelopes(240, seed=SEED)
    assert (found["envelopes"], found["undamaged_opened"], found["opened"]) == (240, 240, 0)
    assert set(found["kinds"].values()) == {20}


def logged(monkeypatch):
    """Somebody logs the amount in the weaker mode."""
    real = seal.sealed

    def talkative(amount_minor, sheet, ephemeral=None, **whole):
        logging.getLogger("npa_market.auctions").debug("sealing %s", amount_minor)
        return real(amount_minor, sheet, ephemeral, **whole)

    monkeypatch.setattr(seal, "sealed", talkative)


def unpadded(monkeypatch):
    """An envelope as long as its amount."""
    real = seal.sealed

    def longer(amount_minor, sheet, ephemeral=None, **whole):
        envelope, key = real(amount_minor, sheet, ephemeral, **whole)
        return envelope + bytes(len(str(amount_minor))), key

    monkeypatch.setattr(seal, "sealed", longer)


@pytest.mark.django_db
@pytest.mark.parametrize("leak", [logged, unpadded])
def test_a_leak_is_found_with_seed_and_pair(monkeypatch, leak):
    leak(monkeypatch)
    found, status = figures(pairs=1)
    assert (found["differences"], status) == (1, 1)
    assert (found["findings"][0]["seed"], found["findings"][0]["pair"]) == (SEED, 0)


def test_an_envelope_that_opens_after_all_is_counted(monkeypatch):
    monkeypatch.setattr(damage, "_damaged", lambda kind, chance, case: case)
    assert damage.damaged_envelopes(12, seed=SEED)["opened"] == 12
