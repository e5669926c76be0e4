"""The offline tool against RFC 9180, NIST and the library's own HPKE; and against damage."""

import base64
import builtins
import json
import os
import random

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from npa_market.auctions.offline import seal

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
KEY = X25519PrivateKey.generate()
SHEET = {
    "lot": "0198a5f0-0000-7000-8000-000000000001",
    "bidder": "Bidder K",
    "terms_sha256": "ab" * 32,
    "currency": "CNY",
    "decimals": 2,
    "public_key": KEY.public_key().public_bytes_raw().hex(),
}
PRIVATE = KEY.private_bytes_raw()
amounts = st.integers(1, seal.MAX_AMOUNT_MINOR)


@pytest.fixture
def without_cryptography(monkeypatch):
    """The tool as it runs where the package is not installed."""
    known = builtins.__import__

    def missing(name, *rest, **more):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return known(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)


@given(amounts)
def test_S1_what_the_tool_seals_the_library_opens_and_the_other_way_round(amount):
    envelope, ephemeral = seal.sealed(amount, SHEET)
    assert SUITE.decrypt(envelope, KEY, seal.context_of(SHEET)) == seal.padded(amount)
    assert seal.revealed(envelope, SHEET, ephemeral) == amount
    foreign = SUITE.encrypt(seal.padded(amount), KEY.public_key(), seal.context_of(SHEET))
    assert seal.opened(foreign, SHEET, PRIVATE) == amount


@given(amounts)
def test_S5_every_envelope_has_560_bytes(amount):
    assert len(seal.sealed(amount, SHEET)[0]) == 560


@pytest.mark.parametrize("name", seal.CONTEXT_FIELDS)
def test_S6_a_copy_for_another_lot_bidder_currency_or_terms_does_not_open(name):
    envelope, ephemeral = seal.sealed(100, SHEET)
    other = SHEET | {name: SHEET[name] + "x"}
    with pytest.raises(seal.Unopenable, match="another lot"):
        seal.opened(envelope, other, PRIVATE)
    with pytest.raises(seal.Unopenable, match="another lot"):
        seal.revealed(envelope, other, ephemeral)


def test_S6_damaged_and_replayed_envelopes_never_open():
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    envelope, _ = seal.sealed(31_724_150_7, SHEET)
    for _ in range(500):
        damaged = bytearray(envelope)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        # The top bit of the encapsulated key means nothing to X25519, but is part of the context.
        with pytest.raises(seal.Unopenable):
            seal.opened(bytes(damaged), SHEET, PRIVATE)
    for size in (0, 1, 559, 561):
        with pytest.raises(seal.Unopenable, match="560"):
            seal.opened(envelope[:size].ljust(size, b"\0"), SHEET, PRIVATE)


def test_an_envelope_without_a_bid_inside_is_void():
    for plain in (bytes(512), b"\x00\x02{}".ljust(512, b"\0"), b"\xff" * 512):
        envelope = SUITE.encrypt(plain, KEY.public_key(), seal.context_of(SHEET))
        with pytest.raises(seal.Unopenable, match="no bid"):
            seal.opened(envelope, SHEET, PRIVATE)
    trailing = bytearray(seal.padded(7))
    trailing[-1] = 1
    envelope = SUITE.encrypt(bytes(trailing), KEY.public_key(), seal.context_of(SHEET))
    with pytest.raises(seal.Unopenable, match="no bid"):
        seal.opened(envelope, SHEET, PRIVATE)


def test_a_low_order_key_inside_is_void():
    with pytest.raises(seal.Unopenable, match="low order"):
        seal.opened(bytes(560), SHEET, PRIVATE)


def test_x25519_repeats_the_published_vectors():
    """RFC 7748 section 5.2, first vector, and 6.1, the shared secret."""
    scalar = "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"
    point = "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"
    shared = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    assert seal.x25519(bytes.fromhex(scalar), bytes.fromhex(point)).hex() == shared
    a = X25519PrivateKey.generate().private_bytes_raw()
    b = X25519PrivateKey.generate()
    public_a = seal.public_key_of(a)
    assert seal.x25519(b.private_bytes_raw(), public_a) == seal.x25519(
        a, b.public_key().public_bytes_raw()
    )


@given(st.binary(max_size=80), st.binary(min_size=32, max_size=32))
def test_the_plain_cipher_is_AES_256_GCM(text, key):
    nonce = os.urandom(12)
    expected = AESGCM(key).encrypt(nonce, text, None)
    assert seal._gcm_seal(key, nonce, text) == expected
    assert seal._gcm_open(key, nonce, expected) == text


def test_without_the_library_the_tool_makes_the_same_bytes(without_cryptography):
    envelope, _ = seal.sealed(1_234, SHEET, ephemeral=bytes(range(32)))
    assert seal.opened(envelope, SHEET, PRIVATE) == 1_234
    with pytest.raises(seal.Unopenable):
        seal.opened(envelope[:-1] + bytes([envelope[-1] ^ 1]), SHEET, PRIVATE)


@pytest.mark.parametrize(
    ("text", "minor"),
    [("3172415.07", 317241507), ("1", 100), ("0.1", 10), ("0007.50", 750)],
)
def test_amounts_are_plain_decimals(text, minor):
    assert seal.minor_units(text, 2) == minor


@pytest.mark.parametrize(
    "text", ["", "1e9", "1,000.00", "-1", "１２", "1.005", ".5", "1.", "9" * 17]
)
def test_other_texts_are_no_amount(text):
    with pytest.raises(seal.Refused, match="decimals"):
        seal.minor_units(text, 2)


@pytest.mark.parametrize("minor", [0, -1, 2**53])
def test_amounts_outside_the_range_are_not_sealed(minor):
    with pytest.raises(seal.Refused, match="outside"):
        seal.padded(minor)


def test_the_command_seals_reveals_and_opens(tmp_path, capsys):
    sheet = tmp_path / "sheet.json"
    sheet.write_text(json.dumps(SHEET))
    made = ["seal", "--sheet", str(sheet), "--amount", "3172415.07", "--out", str(tmp_path / "bid")]
    assert seal.main(made) == 0
    receipt = tmp_path / "bid" / "receipt.json"
    assert receipt.stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    assert seal.main(["reveal", "--sheet", str(sheet), "--receipt", str(receipt)]) == 0
    assert capsys.readouterr().out == "317241507\n"
    envelope = str(tmp_path / "bid" / "envelope.txt")
    opening = ["open", "--sheet", str(sheet), "--envelope", envelope, "--key"]
    assert seal.main([*opening, PRIVATE.hex()]) == 0
    assert capsys.readouterr().out == "317241507\n"
    assert seal.main([*opening, "00" * 32]) == 2
    assert seal.main(made) == 2, "a receipt is never overwritten"
    (tmp_path / "bid" / "envelope.txt").write_text(base64.b64encode(bytes(range(256))).decode())
    assert seal.main([*opening, PRIVATE.hex()]) == 1
    errors = capsys.readouterr().err
    assert "317241507" not in errors
    assert "3172415" not in errors


# --- a bid for the whole of an event -------------------------------------------------------------

LEAD = {**SHEET, "whole": {"event": "EVT-1", "lots": ["LOT-1", "LOT-2"], "start_price_minor": 9}}


@pytest.mark.parametrize("bid", [(7, None), (None, 9), (7, 9), (2**53 - 1, 2**53 - 1)])
def test_S5_an_envelope_holds_an_amount_for_the_lot_for_the_whole_or_both(bid):
    amount, whole = bid
    envelope, ephemeral = seal.sealed(amount, LEAD, whole_minor=whole)
    assert len(envelope) == 560
    assert seal.opened_bid(envelope, LEAD, PRIVATE) == bid
    assert seal.revealed_bid(envelope, LEAD, ephemeral) == bid


def test_without_any_amount_nothing_is_sealed():
    with pytest.raises(seal.Refused, match="name an amount"):
        seal.sealed(None, LEAD)


def test_S6_only_the_first_lot_of_an_event_takes_a_bid_for_the_whole():
    with pytest.raises(seal.Refused, match="only the first lot"):
        seal.sealed(7, SHEET, whole_minor=9)
    envelope, ephemeral = seal.sealed(7, LEAD, whole_minor=9)
    with pytest.raises(seal.Unopenable, match="takes no such bid"):
        seal.opened_bid(envelope, SHEET, PRIVATE)
    with pytest.raises(seal.Unopenable, match="whole alone"):
        seal.revealed(seal.sealed(None, LEAD, ephemeral, whole_minor=9)[0], LEAD, ephemeral)


@pytest.mark.parametrize(
    "body",
    [
        {"amount_minor": 7, "whole_minor": True, "v": 1},
        {"amount_minor": 7, "whole_minor": 9.0, "v": 1},
        {"amount_minor": 7, "whole_minor": 0, "v": 1},
        {"amount_minor": 7, "whole_minor": None, "v": 1},
        {"v": 1},
        [],
    ],
)
def test_S8_other_contents_are_no_bid(body):
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    plain = (len(text).to_bytes(2, "big") + text).ljust(512, b"\0")
    with pytest.raises(seal.Unopenable, match="no bid in the venue's form"):
        seal.bid_in(plain)


def test_the_command_seals_and_opens_a_bid_for_the_whole(tmp_path, capsys):
    sheet, out = tmp_path / "sheet.json", tmp_path / "bid"
    sheet.write_text(json.dumps(LEAD))
    assert seal.main(["seal", "--sheet", str(sheet), "--whole", "90.5", "--out", str(out)]) == 0
    receipt = json.loads((out / "receipt.json").read_text())
    assert receipt["whole_minor"] == 9_050
    assert "amount_minor" not in receipt
    capsys.readouterr()
    envelope, key = str(out / "envelope.txt"), PRIVATE.hex()
    opening = ["open", "--sheet", str(sheet), "--envelope", envelope, "--key", key]
    assert seal.main(opening) == 0
    assert capsys.readouterr().out == "for the whole: 9050\n"
    assert seal.main(["seal", "--sheet", str(sheet), "--out", str(tmp_path / "none")]) == 2
