"""Random events of several lots: the core against the reference, and the laws on each history."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from npa_market.auctions import bundle, core
from npa_market.auctions.model.bundle_laws import broken_event_laws
from npa_market.auctions.model.bundle_reference import EventReference
from npa_market.auctions.model.check import Findings, Work, checked, chunks
from npa_market.auctions.model.histories import BIDDERS, ENVELOPES, GOOD, OPENING, random_terms
from npa_market.auctions.model.plain import micro, plain_command, plain_event, plain_terms
from npa_market.auctions.model.reference import Reference
from npa_market.auctions.terms import MAX_BID_MINOR, Format, LotTerms

NAME = "EVT-1"
_SHA256 = sorted(ENVELOPES)
_OPENINGS = dict[int, tuple[core.Opening, ...]]


@dataclass(frozen=True, slots=True)
class Act:
    """One command to one lot, or (`place` 0) the opening of all with what was found in them."""

    place: int
    now: datetime
    command: core.Command | None = None
    found: Mapping[int, tuple[core.Opening, ...]] = field(default_factory=dict)


@dataclass
class Run:
    """An event on its way: the state of each lot by place, and everything that was decided."""

    name: str
    states: dict[int, core.Auction]
    log: dict[int, list[core.Event]]

    @classmethod
    def of(cls, terms: Mapping[int, LotTerms], name: str = NAME) -> "Run":
        """The event as it was announced."""
        states = {place: core.announced(each) for place, each in terms.items()}
        return cls(name, states, {place: [] for place in terms})

    def play(self, act: Act) -> dict[int, list[core.Event]]:
        """Decide one act; the events of each lot that it moved."""
        decided = self._decided(act)
        for place, events in decided.items():
            self.states[place] = core.fold(self.states[place], events)
            self.log[place] += events
        return decided

    def _decided(self, act: Act) -> dict[int, list[core.Event]]:
        if act.command is not None:
            return {act.place: core.decide(self.states[act.place], act.command, act.now)}
        decided = {
            place: core.decide(state, core.Advance(), act.now)
            for place, state in self.states.items()
        }
        ready = {place: core.fold(self.states[place], decided[place]) for place in self.states}
        live = {place: each for place, each in ready.items() if each.phase not in core.TERMINAL}
        packages = [
            bundle.Package(place=place, state=state, openings=tuple(act.found.get(place, ())))
            for place, state in live.items()
            if isinstance(state, core.Sealed) and state.phase == core.Phase.OPENING
        ]
        if len(packages) < len(live):
            return decided
        commands = bundle.commands(self.name, packages, lots=len(self.states)) or {}
        for place, command in commands.items():
            decided[place] = [*decided[place], *core.decide(ready[place], command, act.now)]
        return decided


def event_terms(chance: random.Random) -> dict[int, LotTerms]:
    """Terms of two to four lots that stand together."""
    common = random_terms(chance, Format.SEALED)
    lots = range(1, chance.choice((2, 2, 3, 4)) + 1)
    starts = {place: chance.choice((1, 7, 50, 100, 200)) for place in lots}
    return {
        place: replace(
            common,
            start_price_minor=starts[place],
            reserve_minor=chance.choice((None, starts[place], starts[place] + 20)),
            in_event=True,
            whole_start_minor=sum(starts.values()) if place == 1 else None,
        )
        for place in lots
    }


def acts(chance: random.Random, terms: Mapping[int, LotTerms]) -> Iterator[Act]:
    """What bidders, venue and time do to an event; each act is decided before the next."""
    run = Run.of(terms)
    now = OPENING - timedelta(seconds=chance.choice((1, 60)))
    for _ in range(chance.randint(4, 16)):
        now += timedelta(microseconds=chance.choice((0, 1, 10**6, 10**8)))
        act = Act(chance.choice(list(terms)), now, _command(chance, now))
        run.play(act)
        yield act
    for _ in range(3):
        now = max(now, *(state.ends_at for state in run.states.values()))
        now += timedelta(microseconds=chance.choice((0, 1, 10**8)))
        for place, state in run.states.items():
            way = chance.random()
            if state.phase == core.Phase.SUSPENDED or way < 0.04:
                command = core.Resume() if way > 0.04 else core.Cancel("Data error")
                act = Act(place, now, command)
                run.play(act)
                yield act
        act = Act(0, now, found=_found(chance, run))
        run.play(act)
        yield act


def _command(chance: random.Random, now: datetime) -> core.Command:
    way = chance.random()
    bidder = chance.choice(BIDDERS)
    if way < 0.7:
        return core.SubmitEnvelope(bidder, chance.choice(_SHA256), GOOD)
    if way < 0.78:
        return core.WithdrawEnvelope(bidder, GOOD)
    if way < 0.81:
        return core.Suspend("outage")
    if way < 0.86:
        return core.Resume()
    if way < 0.88:
        return core.Cancel("Data error", core.Party.SELLER if way < 0.87 else "")
    return core.Advance()


def _found(chance: random.Random, run: Run) -> _OPENINGS:
    """Amounts near the limits; the whole near the sum of starts, of reserves, of the best bids."""
    found: _OPENINGS = {}
    best = 0
    for place, state in run.states.items():
        state = core.ready_at(state, state.ends_at)
        start = state.terms.start_price_minor
        amounts = (None, start - 1, start, start + 19, start + 20, start + 30, start + 30)
        envelopes = state.envelopes if isinstance(state, core.Sealed) else ()
        made = [core.Opening(each.receipt, chance.choice(amounts)) for each in envelopes]
        best += max([each.amount_minor or 0 for each in made], default=0)
        found[place] = tuple(made)
    starts = sum(state.terms.start_price_minor for state in run.states.values())
    least = sum(
        state.terms.reserve_minor or state.terms.start_price_minor for state in run.states.values()
    )
    wholes = (
        None,
        starts - 1,
        starts,
        least - 1,
        least,
        best,
        best + 1,
        best + 1,
        best + 50,
        best + 50,
        MAX_BID_MINOR + 1,
    )
    faults = ("", "", "", "", "", core.WholeFault.NO_DEPOSIT, core.WholeFault.NOT_ADMITTED)
    found[1] = tuple(
        replace(each, whole_minor=chance.choice(wholes), whole_fault=chance.choice(faults))
        for each in found[1]
    )
    if chance.random() < 0.06:
        place = chance.choice(list(found))
        found[place] = found[place][1:]
    return found


def event_history(seed: int, number: int) -> tuple[dict[int, LotTerms], list[Act]]:
    """Event `number` of a seed; the same arguments give the same acts."""
    chance = random.Random(seed * 1_000_003 + number)  # noqa: S311 - reproducible, no secret
    terms = event_terms(chance)
    return terms, list(acts(chance, terms))


def event_difference(terms: Mapping[int, LotTerms], history: list[Act]) -> dict[str, Any] | None:
    """The first act at which core and reference disagree; None = they never do."""
    run = Run.of(terms)
    lots = {place: Reference(plain_terms(each)) for place, each in terms.items()}
    reference = EventReference(NAME, list(lots.values()))
    for number, act in enumerate(history):
        decided = {
            place: [plain_event(event) for event in events]
            for place, events in run.play(act).items()
        }
        if act.command is not None:
            said = {act.place: lots[act.place].say(plain_command(act.command), micro(act.now))}
        else:
            found = {place: tuple(map(_plain_opening, each)) for place, each in act.found.items()}
            said = reference.open(micro(act.now), found)
        if decided != said:
            return {"act": number, "what": repr(act), "core": decided, "reference": said}
    return None


def _plain_opening(found: core.Opening) -> tuple[int, int | None, int | None, str]:
    return found.receipt, found.amount_minor, found.whole_minor, str(found.whole_fault)


def check_event(seed: int, number: int) -> Findings:
    """Check one event; a finding carries the whole of it."""
    terms, history = event_history(seed, number)
    found = event_difference(terms, history)
    run = Run.of(terms)
    for act in history:
        run.play(act)
    broken = broken_event_laws(terms, run.states, run.log)
    findings = Findings(1, len(history), found is not None, len(broken))
    if found or broken:
        shown = {"seed": seed, "event": number, "difference": found, "broken": broken}
        findings.shown.append({**shown, "terms": repr(terms), "acts": list(map(repr, history))})
    return findings


def _check_chunk(work: Work) -> Findings:
    seed, numbers, _ = work
    findings = Findings()
    for number in numbers:
        findings.add(check_event(seed, number))
    return findings


def bundle_check(numbers: range, *, seed: int, processes: int | None = None) -> dict[str, Any]:
    """Check these events of a seed; a document for the command to print."""
    return checked(_check_chunk, chunks(numbers, seed, None), processes)
