"""The event's protocol against changes: each that means something is noticed, none is a crash."""

import copy
import hashlib
import json
import random

import pytest

from npa_market.auctions.offline import check_protocol as checker
from npa_market.auctions.offline import seal
from npa_market.auctions.protocol import canonical, chained_anew
from npa_market.auctions.sale_events.protocol import event_protocol, event_protocol_bytes
from tests.auctions.conftest import END

pytestmark = pytest.mark.django_db
VALUES = (None, "", "Bidder ZZ", "sold", 0, 1, -1, 2**60, True, [], {}, "2030-01-01T00:00Z")


def whole_event(market, clock) -> dict:
    """Sold as a whole, with a void and a lower bid for it."""
    market.bid(1, 1, 120_000, 99)
    market.bid(1, 2, 250_000)
    market.bid(0, 1, 110_000, 700_003)
    clock.now = END
    market.open()
    return checker.read(event_protocol_bytes(market.event))


def rehashed(document: dict) -> dict:
    """The same with hashes that agree with what was changed."""
    made = copy.deepcopy(document)
    made["lots"] = [chained_anew(lot) for lot in made["lots"]]
    del made["chain_sha256"]
    return {**made, "chain_sha256": hashlib.sha256(canonical(made)).hexdigest()}


def broken(document: dict, words: str, **known) -> None:
    with pytest.raises(checker.Broken, match=words):
        checker.check_all(rehashed(document), seal=seal, **known)


def last(document: dict, place: int) -> dict:
    return document["lots"][place - 1]["events"][-1]


def test_each_false_statement_about_an_event_is_named(market, clock):
    true = whole_event(market, clock)
    assert "sold as a whole" in checker.check_all(rehashed(true), seal=seal)

    document = copy.deepcopy(true)
    for place, amount in ((1, 116_668), (2, 233_334)):
        last(document, place)["amount_minor"] = amount
        document["lots"][place - 1]["result"]["hammer_minor"] = amount
    broken(document, "L6: .* another share")

    document = copy.deepcopy(true)
    for place in (1, 2, 3):
        last(document, place)["whole_minor"] += 1
    document["result"]["whole_minor"] += 1
    broken(document, "A14: the whole was sold at another price")

    document = copy.deepcopy(true)
    (opened,) = [e for e in document["lots"][0]["events"] if e["kind"] == "whole_opened"]
    opened["amount_minor"] += 1
    document["wholes"][1]["amount_minor"] += 1
    broken(document, "S2: .* holds another bid")

    document = copy.deepcopy(true)
    document["separate"][1]["price_minor"] = 249_999
    broken(document, "would bring another price alone")

    document = copy.deepcopy(true)
    document["result"] = {"outcome": "whole_not_above", "whole_minor": None}
    broken(document, "the event ends as whole")

    document = copy.deepcopy(true)
    document["lots"].reverse()
    broken(document, "another event or place")

    document = copy.deepcopy(true)
    document["lots"][0]["key"]["envelopes"].pop()
    broken(document, "not all envelopes")

    document = copy.deepcopy(true)
    document["lots"][0]["key"]["private_key"] = document["lots"][1]["key"]["private_key"]
    broken(document, "published key is not the one")

    document = copy.deepcopy(true)
    document["lots"][0]["key"]["private_key"] = ""
    broken(document, "S2: .* has no key that opens it")

    broken(true, "the event ends as whole_below_reserve", reserves=[None, None, 600_000])


def test_without_the_programs_companion_the_comparison_is_checked_all_the_same(market, clock):
    document = whole_event(market, clock)
    assert "0 envelopes opened again" in checker.check_all(document)
    with pytest.raises(checker.Broken, match="whose hash was noted"):
        checker.check_all(document, "00" * 32)


def test_a_believed_reserve_cannot_hide_that_the_whole_was_best(market, clock):
    """All lots sold alone: their reserves are met, so their sum cannot be above the whole."""
    for place, amount in ((1, 120_000), (2, 210_000), (3, 330_000)):
        market.bid(1, place, amount)
    market.bid(0, 1, None, 660_000)
    clock.now = END
    market.open()
    document = checker.read(event_protocol_bytes(market.event))
    document["result"]["outcome"] = "whole_below_reserve"
    broken(document, "the event ends as whole_not_above")


def test_random_changes_are_noticed_or_harmless_and_never_a_crash(market, clock):
    true = whole_event(market, clock)
    raw = event_protocol_bytes(market.event)
    chance = random.Random(7)
    verdicts = set()
    for _ in range(400):
        document = copy.deepcopy(true)
        spoil(document, chance)
        is_rehashed = chance.random() < 0.5
        try:
            document = rehashed(document) if is_rehashed else document
            read = checker.read(json.dumps(document).encode())
            checker.check_all(read, None if is_rehashed else true["chain_sha256"], None, seal)
        except (checker.Broken, checker.Unreadable) as reason:
            verdicts.add(type(reason))
            continue
        except (KeyError, TypeError, AttributeError, ValueError):
            if is_rehashed and not all(map(is_lot, document.get("lots") or [None])):
                continue  # What cannot be hashed anew was never a file.
            raise
        if not is_rehashed:
            assert checker.canonical(document) == checker.canonical(true)
        assert document["result"] == true["result"]
    assert checker.Broken in verdicts
    assert raw == event_protocol_bytes(market.event)


def is_lot(document) -> bool:
    lists = ("events", "receipts", "refusals")
    return isinstance(document, dict) and all(
        isinstance(document.get(name), list) and all(isinstance(e, dict) for e in document[name])
        for name in lists
    )


def spoil(document: dict, chance: random.Random) -> None:
    """One value somewhere in the file becomes another."""
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(place[key], dict | list) and chance.random() < 0.95:
            place = place[key]
            continue
        near = type(place[key]) is int and chance.random() < 0.5
        place[key] = place[key] + chance.choice((-1, 1)) if near else chance.choice(VALUES)
        return


def test_A13_the_protocol_is_the_same_whenever_it_is_asked_for(market, clock):
    first = whole_event(market, clock)
    assert event_protocol(market.event) == first
