"""The same histories through the real services: do rows and answers equal what the core decided?"""

import os
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, connections, transaction

from npa_market.auctions import core, services
from npa_market.auctions.model.check import SHOWN, Findings, Work, checked, chunks
from npa_market.auctions.model.histories import ENVELOPES, GOOD, Step, history
from npa_market.auctions.model.plain import plain_event
from npa_market.auctions.model.world import Hand, World, make_world, moved_clock
from npa_market.auctions.models import ENDED, BidOutcome, Lot, LotReceipt
from npa_market.auctions.offline import check_protocol
from npa_market.auctions.protocol import protocol_bytes
from npa_market.auctions.replay import replay
from npa_market.auctions.rows import event_of, folded, receipt_of, state_of
from npa_market.auctions.terms import Format, LotTerms
from npa_market.common.errors import Refused
from npa_market.common.fields import uuid7

_VENUE_REFUSES = frozenset(
    {"lot_over", "lot_not_open", "lot_not_suspended", "not_to_be_opened", "bidding_opened"}
)


Which = tuple[int, int, Format | None]  # seed, number, only this format
CheckOne = Callable[[World, Hand, Which], Findings]


def database_check(
    numbers: range, *, seed: int, only: Format | None = None, processes: int | None = None
) -> dict[str, Any]:
    """Send these histories through the services; nothing of them stays in the database."""
    return through_services(_check_one, chunks(numbers, seed, only), processes)


def through_services(
    check: CheckOne, work: Sequence[Work], processes: int | None
) -> dict[str, Any]:
    """The figures of the work, each history in a transaction that is rolled back."""
    # SQLite lets one process write at a time.
    workers = processes if connection.vendor == "postgresql" else 1
    if workers != 1:
        connections.close_all()  # No child shares a connection with its parent.
    figures = checked(partial(_check_chunk, check), work, workers)
    return figures | {"database": connection.vendor}


def _check_chunk(check: CheckOne, work: Work) -> Findings:
    seed, numbers, only = work
    findings = Findings()
    with moved_clock() as hand, transaction.atomic():
        world = make_world()
        for number in numbers:
            mark = transaction.savepoint()
            findings.add(check(world, hand, (seed, number, only)))
            transaction.savepoint_rollback(mark)
        transaction.set_rollback(True)
    return findings


def _check_one(world: World, hand: Hand, which: Which) -> Findings:
    seed, number, only = which
    terms, steps = history(seed, number, only)
    names = {str(buyer.pk): name for name, buyer in world.buyers.items()}
    lot = world.lot(terms, f"LOT-{os.getpid()}-{number}")
    wrong = [words for step in steps if (words := play_step(world, hand, lot, step))]
    wrong += compare(Lot.objects.get(pk=lot.pk), steps, names)
    for name in world.standing:
        world.stand(lot, name, GOOD)
    findings = Findings(1, len(steps), differences=bool(wrong))
    if wrong:
        findings.shown.append(
            {
                "seed": seed,
                "history": number,
                "format": only.value if only else None,
                "wrong": wrong[:SHOWN],
                "terms": repr(terms),
                "steps": [(repr(each.command), each.now.isoformat()) for each in steps],
            }
        )
    return findings


def play_history(world: World, hand: Hand, terms: LotTerms, steps: list[Step]) -> Lot:
    """A lot that has been through a history. Raises ValueError where an answer is another."""
    lot = world.lot(terms)
    for step in steps:
        wrong = play_step(world, hand, lot, step)
        if wrong:
            raise ValueError(wrong)
    return Lot.objects.get(pk=lot.pk)


def compare(lot: Lot, steps: list[Step], names: dict[str, str]) -> list[str]:
    """Rows against events, and the lot's row against the fold of the rows (A16, A19)."""
    decided = [event for step in steps for event in step.events]
    numbered = [plain_event(event) for event in decided if isinstance(event, core.NumberedEvent)]
    receipts = [plain_event(event) for event in decided if isinstance(event, core.RECEIPTS)]
    rows = [plain_event(_named(event_of(row), names)) for row in lot.events.order_by("seq")]
    kept = [plain_event(_named(receipt_of(row), names)) for row in lot.receipt_rows.all()]
    wrong = []
    if rows != numbered:
        wrong.append(f"events: rows {rows}, core {numbered}")
    if kept != receipts:
        wrong.append(f"receipts: rows {kept}, core {receipts}")
    if replace(folded(lot), last_decided_at=lot.last_decided_at) != state_of(lot):
        wrong.append("A19: the row of the lot is not the fold of its events")
    last = max((event.decided_at for event in decided), default=None)
    if lot.last_decided_at != last:
        wrong.append(f"A17: last decision {lot.last_decided_at}, core {last}")
    if lot.state in ENDED:
        wrong += _check_the_published(lot)
    return wrong


def _check_the_published(lot: Lot) -> list[str]:
    """The protocol holds for somebody who has it alone, and deciding again gives the same feed."""
    wrong = []
    try:
        check_protocol.check(check_protocol.read(protocol_bytes(lot)), reserve=lot.reserve_minor)
    except check_protocol.Broken as reason:
        wrong.append(f"protocol: {reason}")
    again = replay(lot)
    if not again.is_same:
        wrong.append(f"A19 replay: {again.difference or 'other feed'}")
    return wrong


def _named(event: Any, names: dict[str, str]) -> Any:
    """The same event with the history's name of the institution."""
    field = next((each.name for each in fields(event) if each.name in {"bidder", "winner"}), None)
    return event if field is None else replace(event, **{field: names[getattr(event, field)]})


def play_step(world: World, hand: Hand, lot: Lot, step: Step) -> str:
    """Send one command through its service; what was answered wrong, or nothing."""
    hand.now = step.now
    if not isinstance(step.command, core.BidderCommand):
        try:
            _act_as_venue(world, hand, lot, step)
        except Refused as refusal:
            return "" if refusal.code in _VENUE_REFUSES else f"{step.command}: {refusal.code}"
        return ""
    world.stand(lot, step.command.bidder, step.command.standing)
    outcome = _ask(world, lot, step.command)
    (last, *_) = step.events[::-1]
    expected = last.refusal.value if isinstance(last, core.BidRefused) else ""
    if outcome.refusal != expected:
        return f"{step.command}: answered {outcome.refusal!r}, core {expected!r}"
    return ""


def _act_as_venue(world: World, hand: Hand, lot: Lot, step: Step) -> None:
    match step.command:
        case core.Cancel(reason, core.Party.SELLER):
            services.withdraw_lot(user=world.seller_user, lot_id=lot.pk, reason=reason)
        case core.Cancel(reason):
            services.cancel_lot(user=world.operator, lot_id=lot.pk, reason=reason)
        case core.Suspend(reason, None):
            services.suspend_lot(user=world.operator, lot_id=lot.pk, reason=reason)
        case core.Suspend(_, since) if since is not None:
            # Whoever looks first after a silence judges it; the history's resumption is part of it.
            hand.pulse = since
            services.advance_lot(lot_id=lot.pk)
            hand.pulse = None
        case core.Resume():
            services.resume_lot(user=world.operator, lot_id=lot.pk)
        case core.OpenEnvelopes(openings) if _opens(step):
            amounts = {each.receipt: each.amount_minor for each in openings}

            def opener(row: LotReceipt) -> int | None:
                return amounts[row.receipt]

            services.open_envelopes(lot_id=lot.pk, opener=opener, actor=world.operator)
        case _:  # The service has no way to open a part of the envelopes.
            services.advance_lot(lot_id=lot.pk)


def _opens(step: Step) -> bool:
    return any(isinstance(each, core.EnvelopeOpened | core.EnvelopeVoid) for each in step.events)


def _ask(world: World, lot: Lot, command: core.BidderCommand) -> BidOutcome:
    user, buyer = world.users[command.bidder], world.buyers[command.bidder]
    common: dict[str, Any] = {"lot_id": lot.pk, "request_id": UUID(str(uuid7()))}
    bidder = {"user": user, "buyer": buyer, **common}
    match command:
        case core.PlaceBid():
            return services.place_bid(amount_minor=command.amount_minor, **bidder)
        case core.AcceptPrice():
            return services.accept_price(amount_minor=command.amount_minor, **bidder)
        case core.SubmitEnvelope():
            return services.submit_envelope(envelope=ENVELOPES[command.sha256], **bidder)
        case core.WithdrawEnvelope():
            return services.withdraw_envelope(**bidder)
    side = {"user": user, "organisation": buyer, **common}
    if command.party == core.Party.SELLER:
        side = {"user": world.seller_user, "organisation": world.seller, **common}
    match command:
        case core.MakeOffer():
            return services.make_offer(
                amount_minor=command.amount_minor, valid_seconds=command.valid_seconds, **side
            )
        case core.AcceptOffer():
            answer = "accept"
        case core.DeclineOffer():
            answer = "decline"
        case core.WithdrawOffer():
            answer = "withdraw"
    return services.answer_offer(answer=answer, offer=command.offer, **side)
