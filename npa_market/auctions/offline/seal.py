#!/usr/bin/env python3
"""Seal a bid on your own machine; open or reveal an envelope when the venue's key is public.

One file, Python 3.9 or newer, standard library only; the package `cryptography` is used where it is
present. It reads and writes files and opens no connection.

    python seal.py seal --sheet sheet.json --amount 3172415.07 --out bid/
    python seal.py seal --sheet sheet.json --amount 3172415.07 --whole 9000000 --out bid/
    python seal.py open --sheet sheet.json --envelope envelope.txt --key LOT_PRIVATE_KEY_HEX
    python seal.py reveal --sheet sheet.json --receipt receipt.json

The sheet is the file `sheet.json` of the lot's page. `seal` writes `envelope.txt`, which you hand
in, and `receipt.json`, which you keep secret: it proves your bid and opens it if the key holders
stay away. In the first lot of an event an envelope may bid for all its lots as a whole (`--whole`),
beside `--amount` or without it.

Envelope = encapsulated key (32 bytes) and ciphertext (528 bytes), HPKE base mode (RFC 9180) with
DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM. The 512-byte plaintext is a two-byte
length, canonical JSON and zeros, so every envelope has 560 bytes. The lot, the bidder's label, the
terms and the currency are bound into the key: a copy in another bidder's name does not open.

Exit status: 0 done, 1 the envelope does not open, 2 the input was refused.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

Sheet = Mapping[str, Any]

PLAIN_BYTES, TAG_BYTES, KEY_BYTES = 512, 16, 32
ENVELOPE_BYTES = KEY_BYTES + PLAIN_BYTES + TAG_BYTES
CONTEXT_FIELDS = ("bidder", "currency", "lot", "terms_sha256")
CONTEXT_LABEL = "npa-market sealed bid 1"
MAX_AMOUNT_MINOR = 2**53 - 1  # the largest integer of canonical JSON

_KEM = b"KEM" + bytes([0x00, 0x20])
_SUITE = b"HPKE" + bytes([0x00, 0x20, 0x00, 0x01, 0x00, 0x02])


class Bid(NamedTuple):
    """What an envelope holds, in minor units: for the lot, for the whole of its event, or both."""

    amount_minor: int | None
    whole_minor: int | None


class Refused(ValueError):
    """The input cannot be used; the message says why and never names an amount."""


class Unopenable(ValueError):
    """The envelope is void: damaged, made for another lot, bidder or key, or no bid inside."""


# --- the bid and its context ---------------------------------------------------------------


def canonical(document: Mapping[str, Any]) -> bytes:
    """Canonical JSON (RFC 8785) of a flat object of texts and integers, as bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def context_of(sheet: Sheet) -> bytes:
    """Bytes that tie an envelope to one bidder on one lot under its terms. Raises Refused."""
    missing = [name for name in CONTEXT_FIELDS if not isinstance(sheet.get(name), str)]
    if missing:
        raise Refused(
            f"the sheet lacks {', '.join(missing)}: download it again from the lot's page"
        )
    document = {name: sheet[name] for name in CONTEXT_FIELDS}
    return canonical({"use": CONTEXT_LABEL, **document})


def padded(amount_minor: int | None, whole_minor: int | None = None) -> bytes:
    """The 512-byte plaintext of a bid. Raises Refused outside 1 .. 2^53 - 1, and without amount."""
    amounts = {"amount_minor": amount_minor, "whole_minor": whole_minor}
    named = {name: minor for name, minor in amounts.items() if minor is not None}
    if not named:
        raise Refused("name an amount for the lot, for the whole, or for both")
    if not all(0 < minor <= MAX_AMOUNT_MINOR for minor in named.values()):
        raise Refused("the amount is outside what the venue takes")
    body = canonical({**named, "v": 1})
    return (len(body).to_bytes(2, "big") + body).ljust(PLAIN_BYTES, b"\0")


def bid_in(plaintext: bytes) -> Bid:
    """The bid of a plaintext. Raises Unopenable where it is not exactly what `padded` makes."""
    length = int.from_bytes(plaintext[:2], "big")
    try:
        body = json.loads(plaintext[2 : 2 + length])
        bid = Bid(body.get("amount_minor"), body.get("whole_minor"))
        is_ours = {type(minor) for minor in bid} <= {int, type(None)} and padded(*bid) == plaintext
    except (ValueError, TypeError, AttributeError, UnicodeDecodeError, RecursionError):
        is_ours = False
    if not is_ours:
        raise Unopenable("the envelope opens, but holds no bid in the venue's form")
    return bid


def sealed(
    amount_minor: int | None,
    sheet: Sheet,
    ephemeral: bytes | None = None,
    *,
    whole_minor: int | None = None,
) -> tuple[bytes, bytes]:
    """(envelope, ephemeral private key): 560 bytes, and what reveals them. Raises Refused."""
    recipient = _lot_key(sheet)
    if whole_minor is not None and not sheet.get("whole"):
        raise Refused("this lot takes no bid for a whole: only the first lot of an event does")
    ephemeral = ephemeral or os.urandom(KEY_BYTES)
    public = x25519(ephemeral, _BASE)
    shared = _shared_secret(x25519(ephemeral, recipient), public, recipient)
    key, nonce = _key_schedule(shared, context_of(sheet))
    plaintext = padded(amount_minor, whole_minor)
    return public + _aes_gcm(key, nonce, plaintext, is_opening=False), ephemeral


def opened_bid(envelope: bytes, sheet: Sheet, private_key: bytes) -> Bid:
    """The bid in an envelope, opened with the lot's private key. Raises Unopenable."""
    public = _checked(envelope)
    return _bid(envelope, sheet, x25519(private_key, public))


def revealed_bid(envelope: bytes, sheet: Sheet, ephemeral: bytes) -> Bid:
    """The bid in an envelope, opened with the bidder's own ephemeral key. Raises Unopenable."""
    if x25519(ephemeral, _BASE) != _checked(envelope):
        raise Unopenable("the receipt belongs to another envelope")
    return _bid(envelope, sheet, x25519(ephemeral, _lot_key(sheet)))


def opened(envelope: bytes, sheet: Sheet, private_key: bytes) -> int:
    """The amount for the lot alone, opened with its private key. Raises Unopenable."""
    return _amount(opened_bid(envelope, sheet, private_key))


def revealed(envelope: bytes, sheet: Sheet, ephemeral: bytes) -> int:
    """The amount for the lot alone, opened with the ephemeral key. Raises Unopenable."""
    return _amount(revealed_bid(envelope, sheet, ephemeral))


def receipt_of(bid: Bid, sheet: Sheet, envelope: bytes, ephemeral: bytes) -> dict[str, Any]:
    """The secret receipt of a sealed bid: what proves it, and opens it without the lot's key."""
    return {
        **{name: sheet[name] for name in CONTEXT_FIELDS},
        **{name: minor for name, minor in bid._asdict().items() if minor is not None},
        "envelope": base64.b64encode(envelope).decode(),
        "envelope_sha256": hashlib.sha256(envelope).hexdigest(),
        "ephemeral_private_key": ephemeral.hex(),
        "v": 1,
    }


def public_key_of(private_key: bytes) -> bytes:
    """The X25519 public key of a private one, 32 bytes."""
    return x25519(private_key, _BASE)


def _bid(envelope: bytes, sheet: Sheet, agreed: bytes) -> Bid:
    shared = _shared_secret(agreed, envelope[:KEY_BYTES], _lot_key(sheet))
    key, nonce = _key_schedule(shared, context_of(sheet))
    bid = bid_in(_aes_gcm(key, nonce, envelope[KEY_BYTES:], is_opening=True))
    if bid.whole_minor is not None and not sheet.get("whole"):
        raise Unopenable("the envelope bids for a whole, and this lot takes no such bid")
    return bid


def _amount(bid: Bid) -> int:
    if bid.amount_minor is None:
        raise Unopenable("the envelope bids for the whole alone")
    return bid.amount_minor


def _checked(envelope: bytes) -> bytes:
    if len(envelope) != ENVELOPE_BYTES:
        raise Unopenable(f"an envelope has {ENVELOPE_BYTES} bytes, this one {len(envelope)}")
    return envelope[:KEY_BYTES]


def _lot_key(sheet: Sheet) -> bytes:
    text = sheet.get("public_key")
    if not isinstance(text, str) or not re.fullmatch("[0-9a-f]{64}", text):
        raise Refused("the sheet has no lot key: this lot takes no sealed bids")
    return bytes.fromhex(text)


# --- HPKE base mode, RFC 9180 sections 4.1, 5.1 ----------------------------------------------


def _extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def _expand(suite: bytes, secret: bytes, label: bytes, *, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(secret, labelled + b"\x01", "sha256")[:length]  # one round: length <= 32


def _shared_secret(agreed: bytes, encapsulated: bytes, recipient: bytes) -> bytes:
    if not any(agreed):
        raise Unopenable("the key inside the envelope is of low order")
    secret = _extract(_KEM, b"", b"eae_prk", agreed)
    return _expand(_KEM, secret, b"shared_secret", info=encapsulated + recipient, length=32)


def _key_schedule(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    context = bytes(1) + _extract(_SUITE, b"", b"psk_id_hash", b"")
    context += _extract(_SUITE, b"", b"info_hash", info)
    secret = _extract(_SUITE, shared, b"secret", b"")
    key = _expand(_SUITE, secret, b"key", info=context, length=32)
    return key, _expand(_SUITE, secret, b"base_nonce", info=context, length=12)


# --- X25519, RFC 7748 section 5 --------------------------------------------------------------

_P = 2**255 - 19
_BASE = (9).to_bytes(32, "little")


def x25519(scalar: bytes, point: bytes) -> bytes:
    """Scalar multiplication on Curve25519, 32 bytes each."""
    number = int.from_bytes(scalar, "little") & ~7 & ~(1 << 255) | 1 << 254
    start = (int.from_bytes(point, "little") & (1 << 255) - 1) % _P
    x2, z2, x3, z3, swapped = 1, 0, start, 1, 0
    for position in range(254, -1, -1):
        bit = number >> position & 1
        if swapped ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swapped = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % _P, b * b % _P, d * a % _P, c * b % _P
        x3, z3 = (da + cb) ** 2 % _P, start * (da - cb) ** 2 % _P
        e = aa - bb
        x2, z2 = aa * bb % _P, e * (aa + 121665 * e) % _P
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, _P - 2, _P) % _P).to_bytes(32, "little")


# --- AES-256-GCM, FIPS 197 and NIST SP 800-38D -----------------------------------------------


def _aes_gcm(key: bytes, nonce: bytes, text: bytes, *, is_opening: bool) -> bytes:
    """Encrypt, or check and decrypt; with the `cryptography` package where it is present."""
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        return (_gcm_open if is_opening else _gcm_seal)(key, nonce, text)
    if not is_opening:
        return AESGCM(key).encrypt(nonce, text, None)
    try:
        return AESGCM(key).decrypt(nonce, text, None)
    except InvalidTag:
        raise Unopenable(_DAMAGED) from None


_DAMAGED = "the envelope is damaged, or was made for another lot, bidder, currency or key"


def _gcm_seal(key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    words = _round_keys(key)
    ciphertext = _counter_mode(words, nonce, plaintext)
    return ciphertext + _tag(words, nonce, ciphertext)


def _gcm_open(key: bytes, nonce: bytes, sealed_text: bytes) -> bytes:
    words, ciphertext = _round_keys(key), sealed_text[:-TAG_BYTES]
    if not hmac.compare_digest(_tag(words, nonce, ciphertext), sealed_text[-TAG_BYTES:]):
        raise Unopenable(_DAMAGED)
    return _counter_mode(words, nonce, ciphertext)


def _counter_mode(words: list[bytes], nonce: bytes, text: bytes) -> bytes:
    stream = b"".join(
        _block(words, nonce + count.to_bytes(4, "big")) for count in range(2, 3 + len(text) // 16)
    )
    return bytes(a ^ b for a, b in zip(text, stream))


def _tag(words: list[bytes], nonce: bytes, ciphertext: bytes) -> bytes:
    hash_key = int.from_bytes(_block(words, bytes(16)), "big")
    lengths = (len(ciphertext) * 8).to_bytes(16, "big")  # no associated data
    blocks = ciphertext + bytes(-len(ciphertext) % 16) + lengths
    total = 0
    for start in range(0, len(blocks), 16):
        total = _times(total ^ int.from_bytes(blocks[start : start + 16], "big"), hash_key)
    mask = int.from_bytes(_block(words, nonce + b"\0\0\0\x01"), "big")
    return (total ^ mask).to_bytes(16, "big")


def _times(a: int, b: int) -> int:
    """Product in GF(2^128), bits in GCM's reflected order."""
    product = 0
    for position in range(127, -1, -1):
        if a >> position & 1:
            product ^= b
        b = b >> 1 ^ (0xE1 << 120 if b & 1 else 0)
    return product


def _double(byte: int) -> int:
    return byte << 1 ^ (0x11B if byte & 0x80 else 0)


def _substitutions() -> bytes:
    """AES S-box from its definition: inverse in GF(2^8), then the affine map."""
    powers: list[int] = []
    value = 1
    for _ in range(255):
        powers.append(value)
        value ^= _double(value)  # times 3, a generator
    logs = {power: exponent for exponent, power in enumerate(powers)}
    box = []
    for byte in range(256):
        inverse = powers[-logs[byte] % 255] if byte else 0
        turned = inverse * 0x101  # rotations of a byte as shifts of its double
        mixed = inverse ^ turned >> 4 ^ turned >> 5 ^ turned >> 6 ^ turned >> 7
        box.append(mixed & 0xFF ^ 0x63)
    return bytes(box)


_BOX = _substitutions()


def _round_keys(key: bytes) -> list[bytes]:
    words, constant = [key[i : i + 4] for i in range(0, 32, 4)], 1
    for index in range(8, 60):
        word = words[-1]
        if index % 8 == 0:
            word = bytes(_BOX[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _double(constant)
        elif index % 8 == 4:
            word = bytes(_BOX[byte] for byte in word)
        words.append(bytes(a ^ b for a, b in zip(words[index - 8], word)))
    return [b"".join(words[i : i + 4]) for i in range(0, 60, 4)]


_SHIFTED = [(i + 4 * (i % 4)) % 16 for i in range(16)]  # row r turns left by r


def _block(round_keys: list[bytes], block: bytes) -> bytes:
    state = [a ^ b for a, b in zip(block, round_keys[0])]
    for number, round_key in enumerate(round_keys[1:], 1):
        state = [_BOX[state[i]] for i in _SHIFTED]
        if number < 14:
            state = _mixed(state)
        state = [a ^ b for a, b in zip(state, round_key)]
    return bytes(state)


def _mixed(state: list[int]) -> list[int]:
    out: list[int] = []
    for start in range(0, 16, 4):
        a = state[start : start + 4]
        every = a[0] ^ a[1] ^ a[2] ^ a[3]
        out += [a[i] ^ every ^ _double(a[i] ^ a[(i + 1) % 4]) for i in range(4)]
    return out


# --- command line ----------------------------------------------------------------------------


def minor_units(text: str, decimals: int) -> int:
    """An amount such as 3172415.07 in minor units. Raises Refused for groups and exponents too."""
    pattern = "[0-9]{1,16}" + (rf"(\.[0-9]{{1,{decimals}}})?" if decimals else "")
    if not re.fullmatch(pattern, text):
        raise Refused(f"the amount: digits, a point and at most {decimals} decimals, no separators")
    return int(Decimal(text).scaleb(decimals))


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as reason:
        raise Refused(f"{path}: cannot be read") from reason


def _read_object(path: str) -> dict[str, Any]:
    try:
        document = json.loads(_read(path))
    except (ValueError, RecursionError) as reason:
        raise Refused(f"{path}: not JSON") from reason
    if not isinstance(document, dict):
        raise Refused(f"{path}: not a JSON object")
    return document


def _bytes_of(text: str, what: str, decode: Callable[[str], bytes]) -> bytes:
    try:
        return decode("".join(text.split()))
    except ValueError as reason:
        raise Refused(f"{what} is not in its form: take it over unchanged") from reason


def envelope_from(text: str) -> bytes:
    """The bytes of an envelope's text (base64). Raises Refused."""
    return _bytes_of(text, "the envelope", lambda raw: base64.b64decode(raw, validate=True))


def _key_from(text: str, what: str) -> bytes:
    key = _bytes_of(text, what, bytes.fromhex)
    if len(key) != KEY_BYTES:
        raise Refused(f"{what} has {KEY_BYTES} bytes in hex")
    return key


def _seal(options: argparse.Namespace) -> None:
    sheet = _read_object(options.sheet)
    decimals = sheet.get("decimals")
    if not isinstance(decimals, int) or decimals not in range(5):
        raise Refused("the sheet lacks decimals: download it again from the lot's page")
    texts = (options.amount, options.whole)
    bid = Bid(*(None if text is None else minor_units(text, decimals) for text in texts))
    envelope, ephemeral = sealed(bid.amount_minor, sheet, whole_minor=bid.whole_minor)
    receipt = receipt_of(bid, sheet, envelope, ephemeral)
    folder = Path(options.out)
    try:
        _write(folder, receipt)
    except FileExistsError as reason:
        raise Refused(f"{reason.filename} exists; a receipt is never overwritten") from reason
    except OSError as reason:
        raise Refused(f"{folder}: cannot be written: {reason.strerror}") from reason
    print(f"hand in {folder / 'envelope.txt'}; keep {folder / 'receipt.json'} secret")
    print(f"SHA-256 of the envelope: {receipt['envelope_sha256']}")


def _write(folder: Path, receipt: Mapping[str, Any]) -> None:
    """The envelope, and the receipt for its owner's eyes alone. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = os.open(folder / "receipt.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(secret, "w", encoding="utf-8") as file:
        file.write(json.dumps(receipt, indent=1) + "\n")
    (folder / "envelope.txt").write_text(receipt["envelope"] + "\n", encoding="utf-8")


def _open(options: argparse.Namespace) -> None:
    sheet = _read_object(options.sheet)
    key = _key_from(options.key, "the lot's private key")
    if public_key_of(key).hex() != sheet.get("public_key"):
        raise Refused("the key is not the one of this lot")
    _print(opened_bid(envelope_from(_read(options.envelope)), sheet, key))


def _reveal(options: argparse.Namespace) -> None:
    receipt = _read_object(options.receipt)
    ephemeral = _key_from(str(receipt.get("ephemeral_private_key")), "the receipt's key")
    envelope = envelope_from(str(receipt.get("envelope")))
    _print(revealed_bid(envelope, _read_object(options.sheet), ephemeral))


def _print(bid: Bid) -> None:
    """The lot's amount on the first line; what is bid for the whole on a line that says so."""
    if bid.amount_minor is not None:
        print(bid.amount_minor)
    if bid.whole_minor is not None:
        print(f"for the whole: {bid.whole_minor}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status of the module's text."""
    parser = argparse.ArgumentParser(prog="seal.py", description="Seal, open or reveal a bid.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run, names in (
        ("seal", _seal, ("sheet", "out")),
        ("open", _open, ("sheet", "envelope", "key")),
        ("reveal", _reveal, ("sheet", "receipt")),
    ):
        one = commands.add_parser(name)
        for option in names:
            one.add_argument(f"--{option}", required=True)
        if name == "seal":
            one.add_argument("--amount", help="for this lot")
            one.add_argument("--whole", help="for all lots of the event together")
        one.set_defaults(run=run)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except Refused as reason:
        print(f"refused: {reason}", file=sys.stderr)
        return 2
    except Unopenable as reason:
        print(f"INVALID: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
