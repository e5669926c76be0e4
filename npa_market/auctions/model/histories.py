"""Random histories of a lot: who asks what, at the moments where a rule turns."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from npa_market.auctions import core
from npa_market.auctions.offline.seal import ENVELOPE_BYTES
from npa_market.auctions.state import OUTAGE_REASON
from npa_market.auctions.terms import MAX_BID_MINOR, Format, LotTerms

OPENING = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # spans the end of summer time in Europe
BIDDERS = ("a", "b", "c")
GOOD = core.Standing(
    is_qualified=True,
    is_admitted=True,
    has_deposit=True,
    is_related_to_seller=False,
    is_suspended=False,
)
FAULTS = (
    replace(GOOD, is_qualified=False),
    replace(GOOD, is_admitted=False),
    replace(GOOD, has_deposit=False),
    replace(GOOD, is_related_to_seller=True),
    replace(GOOD, is_suspended=True),
    replace(GOOD, is_admitted=False, has_deposit=False, is_suspended=True),
)
# Bytes and hash of envelopes; what is inside does not matter before the opening.
ENVELOPES = {
    hashlib.sha256(content).hexdigest(): content
    for content in (bytes([number]) * ENVELOPE_BYTES for number in range(200))
}
_SHA256 = sorted(ENVELOPES)
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One command, when it came, and what the core answered."""

    command: core.Command
    now: datetime
    events: list[core.Event]


def history(seed: int, number: int, only: Format | None = None) -> tuple[LotTerms, list[Step]]:
    """History `number` of a seed; the same arguments give the same history."""
    chance = random.Random(seed * 1_000_003 + number)  # noqa: S311 - reproducible, no secret
    terms = random_terms(chance, only or chance.choice(list(Format)))
    return terms, list(steps(chance, terms))


def random_terms(chance: random.Random, kind: Format) -> LotTerms:
    """Sound terms, small enough that limits are met often."""
    length, tick = chance.randint(60, 3_600), chance.choice((5, 30, 60))
    rounds, answer = chance.choice((60, 300)), chance.choice((60, 300))
    start = chance.randint(50, 200)
    room = chance.choice((0, 300, 1_800)) + (rounds + answer if kind == Format.DUTCH else 0)
    takes_maxima = kind == Format.ASCENDING and chance.random() < 0.5
    return LotTerms(
        start_price_minor=start,
        step_minor=chance.choice((1, 5, 10)),
        deposit_minor=10,
        registration_ends_at=OPENING - timedelta(hours=1),
        opens_at=OPENING,
        ends_at=OPENING + timedelta(seconds=length),
        hard_end_at=OPENING + timedelta(seconds=length + room),
        reserve_minor=None if takes_maxima else chance.choice((None, start, start + 40)),
        window_seconds=chance.choice((0, 60, 300)),
        extension_seconds=chance.choice((0, 60, 300)),
        format=kind,
        higher_steps=chance.choice(((), ((start + 30, 12), (start + 90, 20)))),
        max_extensions=chance.choice((None, 0, 2)),
        allows_proxy=takes_maxima,
        allows_withdrawal=kind == Format.SEALED and chance.random() < 0.5,
        tick_seconds=tick,
        lowest_price_minor=chance.randint(10, start) if kind == Format.DUTCH else None,
        round_seconds=rounds,
        best_bid_seconds=answer,
        invited="a" if kind == Format.NEGOTIATED else "",
    )


def steps(chance: random.Random, terms: LotTerms) -> Iterator[Step]:
    """Commands at adversarial times, each decided by the core."""
    auction = core.announced(terms)
    now = OPENING - timedelta(seconds=chance.choice((1, 60)))
    for _ in range(chance.randint(4, 20)):
        now = _next_moment(chance, auction, now)
        command = _command(chance, auction, now)
        events = core.decide(auction, command, now)
        auction = core.fold(auction, events)
        yield Step(command, now, events)
        if isinstance(command, core.Suspend) and command.since and _has_suspended(events):
            # After an outage the venue gives the lost time back and goes on in one act (A18).
            events = core.decide(auction, core.Resume(), now)
            auction = core.fold(auction, events)
            yield Step(core.Resume(), now, events)


def _has_suspended(events: list[core.Event]) -> bool:
    return any(isinstance(event, core.Suspended) for event in events)


def _next_moment(chance: random.Random, auction: core.Auction, now: datetime) -> datetime:
    """Some time later, or right at a limit, or (a clock set back) before."""
    way = chance.random()
    if way < 0.45:
        return now + timedelta(microseconds=chance.choice((0, 1, 10**6, 10**8, 4 * 10**8)))
    if way < 0.52:
        return now - timedelta(seconds=chance.choice((1, 60, 600)))
    terms = auction.terms
    limits = [
        terms.opens_at,
        auction.ends_at,
        auction.ends_at - timedelta(seconds=terms.window_seconds),
        auction.hard_end_at,
        auction.ends_at - timedelta(minutes=15),
    ]
    if isinstance(auction, core.Dutch):
        ticks = chance.randint(0, 8)
        limits.append(auction.falls_from + timedelta(seconds=terms.tick_seconds * ticks))
    if _is_after_the_fall(auction):
        answer = timedelta(seconds=terms.best_bid_seconds)
        limits += [auction.ends_at + answer * share for share in (0.1, 0.5, 1, 1, 3)]
    if isinstance(auction, core.Negotiated) and auction.offer_ends_at:
        limits.append(auction.offer_ends_at)
    moment = chance.choice(limits) + chance.choice((-TICK, TICK * 0, TICK))
    # Mostly forwards: a lot that always jumps back decides nothing new.
    return moment if moment > now or chance.random() < 0.3 else now + timedelta(seconds=1)


def _command(chance: random.Random, auction: core.Auction, now: datetime) -> core.Command:
    way = chance.random()
    if way < 0.12:
        return core.Advance()
    if way < 0.14:
        return core.Cancel("Data error", core.Party.SELLER if way < 0.13 else "")
    if way < 0.20:
        is_outage = chance.random() < 0.6
        since = _silent_since(chance, auction, now)
        return core.Suspend(OUTAGE_REASON, since) if is_outage else core.Suspend("Wrong data")
    if way < 0.32 and _is_after_the_fall(auction):
        return core.Suspend(OUTAGE_REASON, _silent_since(chance, auction, now))
    if (auction.phase == core.Phase.SUSPENDED and way < 0.6) or way < 0.22:
        return core.Resume()
    if (auction.phase == core.Phase.OPENING and way < 0.75) or way < 0.24:
        return core.OpenEnvelopes(_openings(chance, auction))
    return _bidder_command(chance, auction, now)


def _is_after_the_fall(auction: core.Auction) -> bool:
    is_open = auction.phase == core.Phase.OPEN
    return is_open and isinstance(auction, core.Dutch) and auction.stage != core.Stage.FALLING


def _silent_since(chance: random.Random, auction: core.Auction, now: datetime) -> datetime:
    """When an outage began that is judged now: some while ago, or around the end of a stage."""
    back = timedelta(seconds=chance.choice((59, 60, 61, 600, 2_000)))
    if not _is_after_the_fall(auction) or chance.random() < 0.3:
        return now - back
    around = timedelta(seconds=chance.choice((-61, -60, -30, -1, 0, 1, 30)))
    answer = timedelta(seconds=auction.terms.best_bid_seconds)
    if getattr(auction, "stage", None) == core.Stage.BEST_BID:
        answer = -answer
    # The lot may stand in a round that ended unseen.
    shift = chance.choice((timedelta(0), timedelta(0), answer))
    return min(auction.ends_at + shift + around, now - TICK)


def _openings(chance: random.Random, auction: core.Auction) -> tuple[core.Opening, ...]:
    envelopes = auction.envelopes if isinstance(auction, core.Sealed) else ()
    start = auction.terms.start_price_minor
    found = [
        core.Opening(
            each.receipt,
            chance.choice(
                (None, start - 1, start, start + 40, start + 41, start + 41, MAX_BID_MINOR + 1)
            ),
        )
        for each in envelopes
    ]
    chance.shuffle(found)
    way = chance.random()
    if way < 0.15:  # one missing
        found = found[1:]
    elif way < 0.25:  # one that nobody handed in
        found.append(core.Opening(99, start))
    elif way < 0.3 and found:  # one twice
        found.append(found[0])
    return tuple(found)


def _bidder_command(
    chance: random.Random, auction: core.Auction, now: datetime
) -> core.BidderCommand:
    bidder = chance.choice(BIDDERS)
    standing = GOOD if chance.random() < 0.93 else chance.choice(FAULTS)
    kind = auction.terms.format if chance.random() < 0.97 else chance.choice(list(Format))
    over = chance.choice((-1, 0, 0, 1, 5, 12, 40, 41))
    amount = MAX_BID_MINOR + 1 if chance.random() < 0.01 else auction.floor_minor + over
    match kind:
        case Format.SEALED:
            if chance.random() < 0.2:
                return core.WithdrawEnvelope(bidder, standing)
            return core.SubmitEnvelope(bidder, chance.choice(_SHA256), standing)
        case Format.DUTCH:
            falls = isinstance(auction, core.Dutch) and auction.accepted_minor is None
            takes = chance.random() < (0.95 if falls else 0.1)
            if isinstance(auction, core.Dutch) and takes:
                price = auction.price_at(now)
                return core.AcceptPrice(bidder, price + chance.choice((-1, 0, 0, 3)), standing)
            return core.PlaceBid(bidder, amount, standing)
        case Format.NEGOTIATED:
            return _talk(chance, auction, bidder, standing)
        case _:
            return core.PlaceBid(bidder, amount, standing)


def _talk(
    chance: random.Random, auction: core.Auction, bidder: str, standing: core.Standing
) -> core.BidderCommand:
    is_negotiated = isinstance(auction, core.Negotiated)
    party = chance.choice((core.Party.SELLER, core.Party.BUYER))
    party = party if is_negotiated else core.Party.BUYER
    # The seller talks with whom it invited; a stranger may try to talk as the buyer.
    bidder = "a" if party == core.Party.SELLER or chance.random() < 0.9 else bidder
    offer = getattr(auction, "offer", None)
    if chance.random() < (0.9 if offer is None else 0.4):
        amount = chance.choice((-1, 0, 1, 100, 250, MAX_BID_MINOR, MAX_BID_MINOR + 1))
        return core.MakeOffer(party, bidder, amount, chance.choice((60, 600, 10**5)), standing)
    number = (offer or 1) + (chance.random() < 0.1)
    answer: Any = chance.choice(
        (core.AcceptOffer, core.DeclineOffer, core.DeclineOffer, core.WithdrawOffer)
    )
    made: core.BidderCommand = answer(party, bidder, number, standing)
    return made
