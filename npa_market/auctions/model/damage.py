"""Envelopes that were damaged, copied or replayed: none may open."""

import os
import random
from typing import Any

from npa_market.auctions.model.histories import BIDDERS
from npa_market.auctions.offline import seal

Case = tuple[bytes, dict[str, Any], bytes]
_DAMAGES = (
    "bit", "byte", "shorter", "longer", "key share swapped", "other bidder", "other lot",
    "other terms", "other currency", "other key", "spliced", "zeros",
)  # fmt: skip


def damaged_envelopes(count: int, *, seed: int) -> dict[str, Any]:
    """Open `count` envelopes that were damaged, copied or replayed: how many open."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, no secret
    key, sheets = seal_key(), [_sheet(lot, bidder) for lot in range(2) for bidder in BIDDERS]
    opened: list[str] = []
    kinds: dict[str, int] = {}
    whole = 0
    for number in range(count):
        sheet = {**chance.choice(sheets), "public_key": seal.public_key_of(key).hex()}
        amount = chance.randint(1, seal.MAX_AMOUNT_MINOR)
        envelope, _ = seal.sealed(amount, sheet)
        whole += seal.opened(envelope, sheet, key) == amount
        kind = _DAMAGES[number % len(_DAMAGES)]
        kinds[kind] = kinds.get(kind, 0) + 1
        case = _damaged(kind, chance, (envelope, sheet, key))
        try:
            seal.opened(*case)
        except (seal.Unopenable, seal.Refused):
            continue
        opened.append(f"{kind} no. {number} of seed {seed}")
    return {
        "envelopes": count,
        "opened": len(opened),
        "undamaged_opened": whole,
        "kinds": kinds,
        "findings": opened[:5],
    }


def seal_key() -> bytes:
    """A private key that opens what is sealed to its public half."""
    return os.urandom(seal.KEY_BYTES)


def _sheet(lot: int, bidder: str) -> dict[str, Any]:
    return {
        "lot": f"lot {lot}",
        "bidder": f"Bidder {bidder.upper()}",
        "terms_sha256": f"{lot:064x}",
        "currency": "CNY",
    }


def _damaged(kind: str, chance: random.Random, case: Case) -> Case:
    """The same envelope after one damage, or in a place where it does not belong."""
    envelope, sheet, key = case
    fresh, _ = seal.sealed(chance.randint(1, seal.MAX_AMOUNT_MINOR), sheet)
    place = chance.randrange(len(envelope))
    changed = bytearray(envelope)
    match kind:
        case "bit":
            # The topmost bit of an X25519 point is no part of it (RFC 7748), so a copy with it set
            # agrees on the same secret; it is bound as bytes all the same.
            changed[place] ^= 1 << chance.randrange(8)
        case "byte":
            changed[place] ^= chance.randint(1, 255)
        case "shorter":
            del changed[place]
        case "longer":
            changed.insert(place, chance.randrange(256))
        case "key share swapped":
            changed[: seal.KEY_BYTES] = fresh[: seal.KEY_BYTES]
        case "spliced":
            cut = chance.randint(seal.KEY_BYTES + 1, len(envelope) - 1)
            changed[cut:] = fresh[cut:]
        case "zeros":
            changed[:] = bytes(len(envelope))
        case "other key":
            return envelope, sheet, seal_key()
        case _:
            name = {"other bidder": "bidder", "other lot": "lot", "other terms": "terms_sha256"}
            wrong = name.get(kind, "currency")
            return envelope, {**sheet, wrong: f"{sheet[wrong]}!"}, key
    return bytes(changed), sheet, key
