"""Random changes of a protocol: does the stand-alone check notice each that means something?"""

import copy
import json
import random
from typing import Any

from npa_market.auctions.offline import check_protocol as checker
from npa_market.auctions.offline import seal
from npa_market.auctions.protocol import chained_anew

_LISTS = ("events", "receipts", "refusals")
_VALUES: tuple[Any, ...] = (
    None,
    "",
    "Bidder ZZ",
    "sold",
    0,
    1,
    -1,
    10**6,
    2**60,
    True,
    [],
    {},
    "2030-01-01T00:00Z",
)


def tampered(raw: bytes, seed: int) -> tuple[str, bytes]:
    """What was changed, and the file after it; the same seed gives the same change."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, no secret
    way = chance.choice(("byte", "truncate", "value", "drop", "double", "swap", "rehashed"))
    if way == "byte":
        place = chance.randrange(len(raw))
        return way, raw[:place] + bytes([chance.randrange(256)]) + raw[place + 1 :]
    if way == "truncate":
        return way, raw[: chance.randrange(len(raw))]
    document = json.loads(raw)
    if way != "rehashed":
        _change(document, chance, way)
    else:
        _change(document, chance, chance.choice(("value", "value", "drop", "double", "swap")))
        document = chained_anew(document)
    return way, json.dumps(document).encode()


def _change(document: dict[str, Any], chance: random.Random, way: str) -> None:
    rows = document[chance.choice([name for name in _LISTS if document[name]])]
    place = chance.randrange(len(rows))
    if way == "drop":
        del rows[place]
    elif way == "double":
        rows.insert(chance.randrange(len(rows) + 1), copy.deepcopy(rows[place]))
    elif way == "swap":
        other = chance.randrange(len(rows))
        rows[place], rows[other] = rows[other], rows[place]
    else:
        others = [document["terms"], document["result"], *_key_in(document)]
        target = chance.choice([rows[place], rows[place], *others])
        name = chance.choice(sorted(target))
        before = target[name]
        near = type(before) is int and chance.random() < 0.6
        target[name] = before + chance.choice((-1, 1)) if near else chance.choice(_VALUES)


def _key_in(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What opens sealed bids, where they are real ones."""
    key = document.get("key", {})
    return [key] if key.get("public_key") else []


def judged(raw: bytes, changed: bytes, way: str) -> str:
    """`unreadable`, `detected`, `harmless` (it says the same), or `accepted`: the check failed.

    A changed file whose hashes were made anew agrees with itself; without a hash noted elsewhere
    it is harmless where winner, price and state are still those of the original.
    """
    original = json.loads(raw)
    try:
        document = checker.read(changed)
        if checker.canonical(document) == checker.canonical(original):
            return "harmless"
        chain = None if way == "rehashed" else original["chain_sha256"]
        checker.check(document, chain)
        if _key_in(original):
            checker.check_openings(document, seal)
    except checker.Unreadable:
        return "unreadable"
    except checker.Broken:
        return "detected"
    says_the_same = way == "rehashed" and document["result"] == original["result"]
    return "harmless" if says_the_same else "accepted"


def tampering_check(raw: bytes, mutations: int, seed: int) -> dict[str, Any]:
    """Judge `mutations` random changes; the first accepted ones by their seeds."""
    counts = {"unreadable": 0, "detected": 0, "harmless": 0, "accepted": 0}
    accepted = []
    for number in range(seed, seed + mutations):
        way, changed = tampered(raw, number)
        verdict = judged(raw, changed, way)
        counts[verdict] += 1
        if verdict == "accepted":
            accepted.append(number)
    return {"mutations": mutations, "seed": seed, **counts, "accepted_seeds": accepted[:5]}
