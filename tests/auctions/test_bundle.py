"""Several lots in one event: bids for the whole against separate bids, without a database."""

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from npa_market.auctions import bundle, core
from npa_market.auctions.bundle import Outcome
from npa_market.auctions.model.bundle_laws import broken_event_laws
from npa_market.auctions.model.bundles import Run, bundle_check, event_history
from npa_market.auctions.model.histories import ENVELOPES, GOOD
from npa_market.auctions.terms import MAX_BID_MINOR, Format
from tests.auctions.conftest import END, OPENING, terms

SEED = 20_261_125
SHA256 = sorted(ENVELOPES)
STARTS = (100, 200, 300)
ALL = sum(STARTS)


def lot(place: int, bidders: str, *, reserve: int | None = None) -> core.Sealed:
    """A lot of the event whose deadline has passed, with an envelope of each of these bidders."""
    state = core.announced(
        terms(
            format=Format.SEALED,
            start_price_minor=STARTS[place - 1],
            reserve_minor=reserve,
            deposit_minor=1,
            in_event=True,
            whole_start_minor=ALL if place == 1 else None,
        )
    )
    for number, bidder in enumerate(bidders):
        command = core.SubmitEnvelope(bidder, SHA256[number], GOOD)
        state = core.fold(state, core.decide(state, command, OPENING))
    return core.fold(state, core.decide(state, core.Advance(), END))


def package(place: int, *found: tuple, reserve: int | None = None) -> bundle.Package:
    """`found`: (bidder, amount, whole amount, fault) of each envelope, the last two optional."""
    state = lot(place, "".join(each[0] for each in found), reserve=reserve)
    openings = tuple(core.Opening(n, *each[1:]) for n, each in enumerate(found, 1))
    return bundle.Package(place=place, state=state, openings=openings)


def ends(*packages: bundle.Package, lots: int = 3) -> list[core.NumberedEvent]:
    """The terminal event of each lot."""
    commands = bundle.commands("EVT-1", packages, lots=lots)
    return [core.decide(p.state, commands[p.place], END)[-1] for p in packages]


SEPARATE = (package(2, ("a", 250)), package(3, ("b", 300), ("c", 350)))


@pytest.mark.parametrize(
    ("whole_minor", "outcome"),
    [
        (None, Outcome.NO_WHOLE_BID),
        (ALL - 1, Outcome.NO_WHOLE_BID),
        (ALL, Outcome.WHOLE_NOT_ABOVE),
        (749, Outcome.WHOLE_NOT_ABOVE),
        (750, Outcome.WHOLE_NOT_ABOVE),
        (751, Outcome.WHOLE),
        (MAX_BID_MINOR, Outcome.WHOLE),
        (MAX_BID_MINOR + 1, Outcome.NO_WHOLE_BID),
    ],
)
def test_A14_the_whole_wins_above_the_separate_bids_and_not_at_a_tie(whole_minor, outcome):
    lead = package(1, ("a", 150, whole_minor))
    decision = bundle.decided([lead, *SEPARATE], lots=3)
    assert (decision.separate_minor, decision.outcome) == (150 + 250 + 350, outcome)
    kinds = {type(end) for end in ends(lead, *SEPARATE)}
    assert kinds == ({core.SoldInWhole} if outcome == Outcome.WHOLE else {core.Sold})


def test_L6_A8_the_shares_add_up_and_none_is_below_its_start_price():
    lead = package(1, ("a", None, 752))
    sold = ends(lead, *SEPARATE)
    assert [end.hammer_minor for end in sold] == [125, 251, 376]
    assert {(end.winner, end.whole_minor, end.event) for end in sold} == {("a", 752, "EVT-1")}


def test_L6_an_odd_cent_goes_to_the_earlier_lot_where_the_remainders_are_equal():
    state = lot(1, "")
    equal = [
        bundle.Package(
            place=place,
            state=replace(state, terms=replace(state.terms, start_price_minor=100)),
            openings=(),
        )
        for place in (1, 2, 3)
    ]
    assert bundle.shares_of(302, equal) == {1: 101, 2: 101, 3: 100}


@pytest.mark.parametrize(
    ("reserves", "whole_minor", "outcome"),
    [
        ((200, 300, 400), 899, Outcome.WHOLE_BELOW_RESERVE),
        ((200, 300, 400), 900, Outcome.WHOLE),
        ((200, None, 400), 799, Outcome.WHOLE_BELOW_RESERVE),  # no reserve: its start price, 200
        ((200, None, 400), 800, Outcome.WHOLE),
    ],
)
def test_A14_the_reserve_of_the_whole_is_the_sum_of_the_reserves(reserves, whole_minor, outcome):
    packages = [
        package(1, ("a", 150, whole_minor), reserve=reserves[0]),
        package(2, ("a", 250), reserve=reserves[1]),
        package(3, ("b", 350), reserve=reserves[2]),
    ]
    assert bundle.decided(packages, lots=3).outcome == outcome


def test_A14_a_separate_bid_below_its_reserve_adds_nothing_to_the_separate_sum():
    lead = package(1, ("a", 150, 601), reserve=151)
    decision = bundle.decided([lead, *SEPARATE], lots=3)
    assert decision.separate == {1: None, 2: bundle.Bid("a", 250), 3: bundle.Bid("c", 350)}
    assert decision.outcome == Outcome.WHOLE_BELOW_RESERVE
    assert [type(end) for end in ends(lead, *SEPARATE)] == [core.Unsold, core.Sold, core.Sold]


def test_A9_of_equal_bids_for_the_whole_the_earlier_receipt_wins():
    lead = package(1, ("a", None, 800), ("b", 100, 900), ("c", None, 900))
    assert {end.winner for end in ends(lead, *SEPARATE)} == {"b"}


@pytest.mark.parametrize("fault", [*core.WholeFault])
def test_A15_a_bidder_without_standing_on_every_lot_does_not_buy_the_whole(fault):
    lead = package(1, ("a", 150, 10_000, fault), ("b", None, 800))
    commands = bundle.commands("EVT-1", [lead, *SEPARATE], lots=3)
    made = core.decide(lead.state, commands[1], END)
    assert [(type(each), getattr(each, "reason", "")) for each in made[:2]] == [
        (core.EnvelopeOpened, ""), (core.WholeVoid, fault),
    ]  # fmt: skip
    assert made[-1].winner == "b"


def test_where_a_lot_ended_early_bids_for_the_whole_are_void_and_the_rest_goes_on_separately():
    lead = package(1, ("a", 150, 10_000))
    commands = bundle.commands("EVT-1", [lead, SEPARATE[0]], lots=3)
    _, void, sold = core.decide(lead.state, commands[1], END)
    assert (void.reason, sold.hammer_minor) == ("package_ended", 150)
    assert [end.hammer_minor for end in ends(lead, SEPARATE[0])] == [150, 250]


def test_lots_without_an_envelope_are_taken_by_the_whole_or_stay_unsold():
    lead, empty = package(1, ("a", None, ALL)), [package(2), package(3)]
    assert [end.hammer_minor for end in ends(lead, *empty)] == list(STARTS)
    nobody = package(1)
    assert {end.reason for end in ends(nobody, *empty)} == {"no_bids"}


def test_S2_one_envelope_missing_and_no_lot_of_the_event_is_decided():
    lead = package(1, ("a", 150, 800), ("b", 200))
    short = replace(lead, openings=lead.openings[:1])
    assert bundle.decided([short, *SEPARATE], lots=3) is None
    assert bundle.commands("EVT-1", [short, *SEPARATE], lots=3) is None


def test_S2_a_lot_of_an_event_is_not_opened_alone_and_another_not_together():
    lead = package(1, ("a", 150))
    assert core.decide(lead.state, core.OpenEnvelopes(lead.openings), END) == []
    alone = replace(lead.state, terms=replace(lead.state.terms, in_event=False))
    assert core.decide(alone, core.OpenTogether(lead.openings), END) == []
    assert core.decide(alone, core.OpenEnvelopes(lead.openings), END)[-1].hammer_minor == 150


def test_A13_a_lot_of_an_event_waits_without_envelopes_and_is_decided_the_same_late():
    packages = [package(1, ("a", None, 800)), *SEPARATE]
    assert package(2).state.phase == core.Phase.OPENING
    commands = bundle.commands("EVT-1", packages, lots=3)
    results = {
        delay: [
            (end.winner, end.hammer_minor)
            for p in packages
            for end in core.decide(p.state, commands[p.place], END + delay)[-1:]
        ]
        for delay in (timedelta(0), timedelta(days=400))
    }
    assert len(set(map(tuple, results.values()))) == 1


# --- against the second model ------------------------------------------------------------------


def test_A9_A12_A14_A15_A19_S2_core_and_brute_force_agree_on_random_events():
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("model_check", events=True, histories=400, seed=SEED, processes=1, stdout=out)
    found = json.loads(out.getvalue())
    assert (found["histories"], found["differences"], found["violations"]) == (400, 0, 0), found
    assert stop.value.code == 0


def test_events_are_checked_in_no_single_format():
    with pytest.raises(CommandError, match="--events takes no --format"):
        call_command("model_check", events=True, format="dutch", histories=1)


def played(seed: int, number: int) -> Run:
    terms_, acts = event_history(seed, number)
    run = Run.of(terms_)
    for act in acts:
        run.play(act)
    return run


def test_random_events_reach_every_end_and_every_reason():
    seen = set()
    for number in range(1_000):
        for log in played(SEED, number).log.values():
            seen |= {(type(event), getattr(event, "reason", "")) for event in log}
    kinds = {kind for kind, _ in seen}
    assert {core.WholeOpened, core.SoldInWhole, core.Sold, core.Unsold, core.Cancelled} <= kinds
    reasons = {reason for kind, reason in seen if kind is core.WholeVoid}
    drawn = {"package_ended", "no_deposit", "not_admitted"}
    assert reasons == {*drawn, "below_start", "amount_too_large"}


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("_least_minor", lambda state: state.terms.start_price_minor),
        ("_without_whole", lambda package: package),
        ("_best_whole", lambda packages: None),
        ("whole_void_reason", lambda state, found: ""),
        ("shares_of", lambda whole, ps: {p.place: whole // len(ps) for p in ps}),
    ],
)
def test_a_broken_rule_of_the_bundle_is_found(monkeypatch, name, broken):
    monkeypatch.setattr(bundle, name, broken)
    assert bundle_check(range(300), seed=SEED, processes=1)["differences"] > 0


@pytest.mark.parametrize(
    ("law", "spoil"),
    [
        ("A12", lambda log: [*log, log[-1]]),
        ("L6", lambda log: [*log[:-1], replace(log[-1], hammer_minor=log[-1].hammer_minor + 1)]),
        ("A14", lambda log: [*log[:-1], replace(log[-1], winner="nobody")]),
        ("A8", lambda log: [*log[:-1], replace(log[-1], hammer_minor=0)]),
    ],
)
def test_laws_notice_an_end_that_no_rule_allows(law, spoil):
    runs = ((number, played(SEED, number)) for number in range(10_000))
    number, run = next(found for found in runs if isinstance(found[1].log[1][-1], core.SoldInWhole))
    run.log[1] = spoil(run.log[1])
    terms_, _ = event_history(SEED, number)
    assert any(law in words for words in broken_event_laws(terms_, run.states, run.log))
