"""S7: nothing that leaves the venue before the opening depends on what is sealed (short form)."""

import json
import logging
from io import StringIO

import pytest
from django.core.management import call_command

from npa_market.auctions.model import damage
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
