"""The core against a second statement of the rules, on random histories (short form)."""

import json
import random
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from npa_market.auctions import ascending, core
from npa_market.auctions.model import check, laws
from npa_market.auctions.model.check import check_one, difference
from npa_market.auctions.model.database import play_history
from npa_market.auctions.model.histories import (
    ENVELOPES,
    GOOD,
    OPENING,
    Step,
    history,
    random_terms,
)
from npa_market.auctions.model.world import make_world, moved_clock
from npa_market.auctions.replay import replay
from npa_market.auctions.sale_events import opening
from npa_market.auctions.terms import Format

SEED = 20_261_125


def figures(**options) -> tuple[dict, int]:
    """The command's JSON and exit status."""
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("model_check", stdout=out, seed=SEED, processes=1, **options)
    return json.loads(out.getvalue()), stop.value.code


@pytest.mark.parametrize("kind", list(Format))
def test_A1_to_A20_core_and_reference_agree_on_random_histories(kind):
    found, status = figures(histories=300, format=kind.value)
    assert (found["histories"], found["differences"], found["violations"]) == (300, 0, 0), found
    assert status == 0


@pytest.mark.django_db
def test_A16_A19_the_same_histories_through_the_services_give_identical_rows():
    found, status = figures(histories=12, database=True)
    assert (found["histories"], found["differences"], status) == (12, 0, 0), found


@pytest.mark.django_db
def test_S2_A14_random_events_through_the_services_give_identical_rows():
    """Three of these four events are sold as a whole."""
    found, status = figures(histories=4, first=2, events=True, database=True)
    assert (found["histories"], found["differences"], status) == (4, 0, 0), found


@pytest.mark.django_db
def test_A15_a_service_that_asks_for_no_deposit_is_found_by_its_events(monkeypatch):
    monkeypatch.setattr(opening, "_faults", lambda *_: {})
    found, status = figures(histories=1, first=19, events=True, database=True)
    assert (found["differences"], status) == (1, 1)
    assert "no_deposit" in " ".join(found["findings"][0]["wrong"])
    assert (found["findings"][0]["seed"], found["findings"][0]["event"]) == (SEED, 19)


@pytest.mark.django_db
@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(0)])
def test_A17_A19_opening_envelope_and_suspension_at_one_moment_are_three_acts(back):
    """As happens where the clock is set back: later acts stand at the moment of the earlier."""
    terms = random_terms(random.Random(1), Format.SEALED)
    now = OPENING + timedelta(seconds=2)
    asked = [
        (core.SubmitEnvelope("a", next(iter(ENVELOPES)), GOOD), now),
        (core.Suspend("Wrong data", None), now - back),
        (core.Resume(), now + timedelta(seconds=5)),
        (core.Advance(), now + timedelta(days=1)),
    ]
    auction, steps = core.announced(terms), []
    for command, moment in asked:
        steps.append(Step(command, moment, core.decide(auction, command, moment)))
        auction = core.fold(auction, steps[-1].events)
    with moved_clock() as hand:
        lot = play_history(make_world(), hand, terms, steps)
    assert [event.decided_at for event in lot.events.order_by("seq")[:2]] == [now, now]
    assert lot.receipt_rows.get().decided_at == now
    again = replay(lot)
    assert (again.difference, again.is_same) == ("", True)


def test_histories_reach_every_event_and_every_refusal():
    """A check that never meets a rule proves nothing about it."""
    events, refusals = set(), set()
    for number in range(4_000):
        for step in history(SEED, number)[1]:
            for event in step.events:
                events.add(type(event))
                if isinstance(event, core.BidRefused):
                    refusals.add(event.refusal)
    kinds = {*core.NumberedEvent.__args__, *core.ReceiptEvent.__args__, core.BidRefused}
    of_events_with_several_lots = {core.WholeOpened, core.WholeVoid, core.SoldInWhole}
    assert events == kinds - of_events_with_several_lots
    assert refusals == set(core.Refusal)


def test_a_history_is_the_same_each_time_and_carries_its_seed():
    assert history(3, 5) == history(3, 5)
    assert history(3, 5) != history(4, 5)


def first_finding(only: Format) -> dict:
    """The first finding among 300 histories: of a broken rule there must be one."""
    found = check.Findings()
    for number in range(300):
        found.add(check_one(SEED, number, only))
    return found.shown[0]


def test_a_broken_rule_is_found_with_seed_and_history(monkeypatch):
    monkeypatch.setattr(ascending, "MAX_BID_MINOR", 100)
    shown = first_finding(Format.ASCENDING)
    assert shown["seed"] == SEED
    again = check_one(shown["seed"], shown["history"], Format.ASCENDING)
    assert again.shown[0]["difference"] == shown["difference"]
    assert shown["difference"]["core"] != shown["difference"]["reference"]


@pytest.mark.parametrize(
    ("law", "name", "rule"),
    [
        ("S7", "time_lost", lambda lot, since, at: (at - since) * len(lot.round_bids)),
        ("A13", "outage_start", lambda lot, since, at: lot.last_decided_at or since),
    ],
)
def test_A13_S7_laws_notice_an_outage_judged_by_secret_bids_or_by_who_looked(
    monkeypatch, law, name, rule
):
    monkeypatch.setattr(core, name, rule)
    found = (laws.told(*history(SEED, number, Format.DUTCH)) for number in range(500))
    assert any(law in words for each in found for words in laws.broken_laws(each))


@pytest.mark.parametrize(
    ("law", "spoil"),
    [
        ("A2", lambda events: [replace(each, seq=each.seq + 1) for each in events]),
        ("A12", lambda events: [*events, replace(events[-1], seq=len(events) + 1)]),
        ("A14", lambda events: [*events[:-1], replace(events[-1], hammer_minor=1)]),
    ],
)
def test_laws_notice_events_that_no_rule_allows(law, spoil):
    terms, steps = next(
        found
        for number in range(10_000)
        if isinstance((found := history(SEED, number, Format.SEALED))[1][-1].events[-1:], list)
        and any(isinstance(event, core.Sold) for event in found[1][-1].events)
    )
    *before, last = steps
    spoiled = [*before, replace(last, events=spoil(last.events))]
    assert any(law in words for words in laws.broken_laws(laws.told(terms, spoiled)))
    assert difference(terms, spoiled) is not None
