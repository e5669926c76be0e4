"""The same events of several lots through the real services, their openings included."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest.mock import patch

from npa_market.auctions import core
from npa_market.auctions.ceremony.openers import Finder, Way
from npa_market.auctions.model.bundles import Act, Run, event_history
from npa_market.auctions.model.check import SHOWN, Findings, chunks
from npa_market.auctions.model.database import Which, compare, play_step, through_services
from npa_market.auctions.model.histories import GOOD, OPENING, Step
from npa_market.auctions.model.world import CURRENCY, Hand, World
from npa_market.auctions.models import Lot, LotReceipt, SaleEvent
from npa_market.auctions.offline import check_protocol, seal
from npa_market.auctions.rows import state_of
from npa_market.auctions.sale_events import opening
from npa_market.auctions.sale_events.protocol import event_protocol_bytes
from npa_market.auctions.services.lots import Place

Found = Mapping[int, Mapping[int, core.Opening]]


def event_database_check(
    numbers: range, *, seed: int, processes: int | None = None
) -> dict[str, Any]:
    """Send these events through the services; nothing of them stays in the database."""
    return through_services(_check_event, chunks(numbers, seed, None), processes)


def _check_event(world: World, hand: Hand, which: Which) -> Findings:
    seed, number, _ = which
    terms, history = event_history(seed, number)
    event = SaleEvent.objects.create(
        reference=f"EVT-{os.getpid()}-{number}",
        seller=world.seller,
        title="Random event",
        currency=CURRENCY,
        created_by=world.seller_user,
        announced_at=OPENING,
    )
    worlds = {place: world if place == 1 else world.beside() for place in terms}
    lots = {
        place: worlds[place].lot(
            each, f"LOT-{os.getpid()}-{number}-{place}", Place(event, place, each.whole_start_minor)
        )
        for place, each in terms.items()
    }
    run, wrong = Run.of(terms, event.reference), []
    steps: dict[int, list[Step]] = {place: [] for place in lots}
    for act in history:
        for place, events in run.play(act).items():
            steps[place].append(Step(act.command or core.Advance(), act.now, events))
        if act.command is None:
            _open(worlds[1], hand, event, lots, act)
        elif words := play_step(worlds[act.place], hand, lots[act.place], steps[act.place][-1]):
            wrong.append(f"lot {act.place}: {words}")
    wrong += _compared(event, lots, steps, world)
    findings = Findings(1, len(history), differences=bool(wrong))
    if wrong:
        shown = {"seed": seed, "event": number, "wrong": wrong[:SHOWN], "terms": repr(terms)}
        findings.shown.append({**shown, "acts": list(map(repr, history))})
    return findings


def _open(world: World, hand: Hand, event: SaleEvent, lots: Mapping[int, Lot], act: Act) -> None:
    """Open with what the act says is in the envelopes: what is checked is not the sealing."""
    hand.now = act.now
    found = {place: {each.receipt: each for each in made} for place, made in act.found.items()}
    names = {buyer.pk: name for name, buyer in world.buyers.items()}
    faults = {
        names[row.bidder_id]: found[1][row.receipt].whole_fault
        for row in lots[1].receipt_rows.filter(receipt__in=found.get(1, {}))
    }
    for name, fault in faults.items():
        if fault:
            world.stand(lots[1], name, _with(fault))
    with patch.multiple(opening, way_of=_way(found), finder=_finder(found), note_opened=_nothing):
        opening.open_event_when_ready(event_id=event.pk, actor=world.operator)
    for name in faults:
        world.stand(lots[1], name, GOOD)


def _with(fault: str) -> core.Standing:
    if fault == core.WholeFault.NO_DEPOSIT:
        return replace(GOOD, has_deposit=False)
    return replace(GOOD, is_admitted=False)


def _way(found: Found) -> Any:
    def way_of(lot: Lot, now: datetime) -> Way | None:
        """A lot of which not every envelope was found cannot be opened (S2)."""
        state = state_of(lot)
        in_force = (
            {each.receipt for each in state.envelopes} if isinstance(state, core.Sealed) else {}
        )
        is_whole = in_force == set(found.get(lot.event_place or 0, {}))
        return Way(lambda row, sheet: seal.Bid(None, None)) if is_whole else None

    return way_of


def _finder(found: Found) -> Any:
    def finder(lot: Lot, way: Way) -> Finder:
        inside = found[lot.event_place or 0]

        def find(row: LotReceipt) -> seal.Bid | None:
            bid = seal.Bid(inside[row.receipt].amount_minor, inside[row.receipt].whole_minor)
            return None if bid == (None, None) else bid

        return find

    return finder


def _nothing(lot: Lot, way: Way, user: Any) -> None:
    """These lots have no key that could be published."""


def _compared(
    event: SaleEvent, lots: Mapping[int, Lot], steps: Mapping[int, list[Step]], world: World
) -> list[str]:
    names = {str(buyer.pk): name for name, buyer in world.buyers.items()}
    now = {place: Lot.objects.get(pk=lot.pk) for place, lot in lots.items()}
    wrong = [
        f"lot {place}: {words}"
        for place, lot in now.items()
        for words in compare(lot, steps[place], names)
    ]
    event.refresh_from_db()
    decided = [each for made in steps.values() for step in made for each in step.events]
    is_whole = any(isinstance(each, core.SoldInWhole) for each in decided)
    if is_whole != (event.outcome == "whole"):
        wrong.append(f"the event's row says {event.outcome!r}")
    if all(lot.is_over for lot in now.values()):
        try:
            reserves = [now[place].reserve_minor for place in sorted(now)]
            document = check_protocol.read(event_protocol_bytes(event))
            check_protocol.check_event(document, reserves=reserves)
        except check_protocol.Broken as reason:
            wrong.append(f"protocol of the event: {reason}")
    return wrong
