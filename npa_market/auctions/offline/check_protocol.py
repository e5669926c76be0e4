#!/usr/bin/env python3
"""Check the protocol of a lot or an event on your own machine: who won, at which price, and why.

One file however long, so that a party reads and runs it alone: Python 3.9 or newer, standard
library only. It reads one file and opens no connection.

    python check_protocol.py protocol.json
    python check_protocol.py protocol.json --chain CHAIN_SHA256 --reserve RESERVE_MINOR

It recomputes the chain of hashes, goes through the events as the terms allow them, and recomputes
winner and price. `--chain` compares with a hash noted elsewhere (the log, a party's own copy):
without it the check shows that the file agrees with itself. The reserve is the seller's and stands
in no protocol; with `--reserve` the check covers it too. With `seal.py` beside this file every
envelope of sealed bids is opened again with the published keys.

The protocol of an event holds those of its lots. Each is checked, then the bids for the whole
against the separate ones, and the shares of a winning bid to the cent. `--reserve` then names one
reserve for each lot in order, separated by commas, empty for none.

What no file can show is the venue's word: who was entitled to bid (a refusal `not_entitled` has no
label and no time), and that labels of different lots are one institution's (`winner`). Each bidder
holds the answers it was given.

Exit status: 0 the protocol holds, 1 it does NOT, 2 the file cannot be read as a protocol.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
ABOVE_ALL = 2**62  # a maximum that was never reached: only that matters of it
TERMINAL = ("sold", "unsold", "cancelled")
COMMON = {"opened", "suspended", "resumed", *TERMINAL}
KINDS = {
    "ascending": COMMON | {"bid_accepted", "bid_outbid", "maximum_raised", "end_extended"},
    "sealed": COMMON
    | {"envelopes_fixed", "envelope_opened", "envelope_void", "whole_opened", "whole_void"},
    "dutch": COMMON | {"price_accepted", "round_bid_revealed", "round_revealed", "best_bid_placed"},
    "negotiated": COMMON | {"offer_made", "offer_declined", "offer_withdrawn"},
}
HEAD = (
    "v", "lot", "title", "package", "package_sha256", "format", "currency", "decimals", "terms",
)  # fmt: skip
PARTS = ("events", "receipts", "refusals", "result", "chain_sha256")
EXTRA = ("event", "key")  # of a lot in an event, of a lot with sealed bids
EVENT_MEMBERS = {
    "v", "event", "title", "currency", "decimals", "lots", "wholes", "separate", "winner",
    "result", "chain_sha256",
}  # fmt: skip
VERSION = 2
BY_TIME = ("opened", "round_bid_revealed", "round_revealed")
OUTAGE_SPAN, OUTAGE_LIMIT = timedelta(minutes=15), timedelta(seconds=60)
MAX_BID_MINOR = 2**53 - 1


class Unreadable(ValueError):
    """The file is no protocol."""


class Broken(ValueError):
    """A rule or a hash does not hold; the message names it."""


def need(holds: bool, words: str) -> None:
    """Raise Broken unless it holds."""
    if not holds:
        raise Broken(words)


# --- reading ---------------------------------------------------------------------------------


def _once(pairs: list[tuple[str, Any]]) -> Entry:
    if len({name for name, _ in pairs}) != len(pairs):
        raise Unreadable("a name stands twice in one object")
    return dict(pairs)


def _no_float(text: str) -> Any:
    raise Unreadable(f"{text[:20]} is no integer")


def read(raw: bytes) -> Entry:
    """The document of a file; strict, so that two readers see the same. Raises Unreadable."""
    try:
        document = json.loads(
            raw.decode(), object_pairs_hook=_once, parse_float=_no_float, parse_constant=_no_float
        )
    except (ValueError, RecursionError) as reason:
        raise Unreadable(f"not JSON in the protocol's form: {reason}") from reason
    if isinstance(document, dict) and set(document) == EVENT_MEMBERS:
        if not isinstance(document["lots"], list) or not document["lots"]:
            raise Unreadable("an event without lots")
        if document["v"] != VERSION:
            raise Unreadable("another version than this program knows")
        _decimals(document)
        for lot in document["lots"]:
            _shaped(lot)
        return dict(document)
    return _shaped(document)


def _shaped(document: Any) -> Entry:
    """A lot's protocol whose members have the right shapes. Raises Unreadable."""
    members = set(document) - set(EXTRA) if isinstance(document, dict) else set()
    if members != {*HEAD, *PARTS}:
        raise Unreadable("not the members of a protocol")
    lists = all(isinstance(document[name], list) for name in ("events", "receipts", "refusals"))
    entries = [each for name in PARTS[:3] if lists for each in document[name]]
    objects = all(isinstance(each, dict) for each in [document["result"], *entries])
    if not lists or not objects or not isinstance(document["terms"], dict):
        raise Unreadable("a member has another shape than a protocol's")
    if document["v"] != VERSION or document["format"] not in KINDS:
        raise Unreadable("another version or format than this program knows")
    if (document["format"] == "sealed") != isinstance(document.get("key"), dict):
        raise Unreadable("the key of sealed bids is missing, or stands where none were sealed")
    _decimals(document)
    return dict(document)


def _decimals(document: Entry) -> None:
    if type(document["decimals"]) is not int or not 0 <= document["decimals"] <= 4:
        raise Unreadable("the currency has another number of decimals than any has")


def canonical(document: Any) -> bytes:
    """Canonical JSON (RFC 8785) of texts, integers, lists and objects with ASCII keys."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="surrogatepass")


def moment(text: Any) -> datetime:
    """A time as the protocol writes it. Raises Broken."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        at = None
    need(at is not None and at.utcoffset() is not None, f"{text!r} is no time with a zone")
    assert at is not None
    return at


def check_chain(document: Entry, expected: str | None) -> None:
    """Every hash is the one over what stands before it."""
    head = {name: document[name] for name in (*HEAD, *EXTRA) if name in document}
    chain = hashlib.sha256(canonical(head)).hexdigest()
    for part in ("events", "receipts", "refusals"):
        for number, entry in enumerate(document[part], 1):
            bare = {name: value for name, value in entry.items() if name != "hash"}
            chain = hashlib.sha256(chain.encode() + canonical(bare)).hexdigest()
            need(entry.get("hash") == chain, f"the hash of {part} {number} does not hold")
    last = hashlib.sha256(chain.encode() + canonical(document["result"])).hexdigest()
    need(document["chain_sha256"] == last, "the hash of the whole does not hold")
    need(expected in (None, last), "the protocol is not the one whose hash was noted")


# --- the log -----------------------------------------------------------------------------------


class Log:
    """The events with what time and suspensions make of the end; the walk each format shares."""

    def __init__(self, document: Entry) -> None:
        self.terms, self.kind = document["terms"], document["format"]
        self.events, self.receipts = document["events"], document["receipts"]
        self.end = moment(self.terms["ends_at"])
        self.hard = moment(self.terms["hard_end_at"])
        self.opens = moment(self.terms["opens_at"])
        self.place = document.get("event", {}).get("place")  # in an event of several lots
        self.lost = timedelta(0)
        self.since: datetime | None = None
        self.is_open = self.is_fixed = False
        self.further = timedelta(0)  # how long the stages after this one may last
        self.floor: int | None = None  # the lowest amount that would be taken, where it is known
        self.acted_at = self.by_time_at = self.opens
        # What was in force from a moment on, for the refusals: see `check_refusals`.
        self.states: list[tuple[datetime | None, str, datetime, int | None]] = []

    def seconds(self, name: str) -> timedelta:
        return timedelta(seconds=self.terms[name])

    def walk(self) -> Iterator[tuple[Entry, datetime]]:
        """Each event of the format itself, after the checks that every event must pass."""
        last_at: datetime | None = None
        for number, event in enumerate(self.events, 1):
            self.note(last_at)
            at, kind = moment(event["at"]), event["kind"]
            need(event["seq"] == number, f"A2: event {number} has number {event['seq']}")
            need(kind in KINDS[self.kind], f"event {number} is none of a {self.kind} lot")
            need(last_at is None or at >= last_at, f"A2: event {number} is before the one before")
            need(at >= self.opens or kind == "cancelled", f"event {number} is before the opening")
            is_last = number == len(self.events)
            need((kind in TERMINAL) == is_last, "A12: not exactly one terminal event at the end")
            is_withdrawn = kind == "cancelled" and event["party"] == "seller"
            need(not is_withdrawn or number == 1, "withdrawn by the seller after the opening")
            last_at = at
            if kind in ("opened", "suspended", "resumed"):
                self.pause(event, at)
            else:
                need(self.since is None or kind == "cancelled", f"event {number} while suspended")
                yield event, at
            if kind in BY_TIME:
                self.by_time_at = at
            else:
                self.acted_at = at
        self.states.append((last_at, "over", self.end, None))

    def note(self, since: datetime | None) -> None:
        """Keep what is in force after the event of this moment."""
        phase = "open" if self.is_open else "announced"
        phase = "opening" if self.is_fixed else phase
        phase = "suspended" if self.since is not None else phase
        self.states.append((since, phase, self.end, self.floor))

    def suspend(self, event: Entry, at: datetime) -> None:
        """A18: from a moment at which bidding was open and after which nothing was decided."""
        is_open = self.is_open and self.since is None and not self.is_fixed
        need(is_open, "A18: suspended while it was not open")
        since = moment(event["since"])
        need(since <= at, "A18: suspended from a later time")
        need(since < self.end, "A18: suspended after the end")
        worked = self.acted_at if self.by_time_at == at else max(self.acted_at, self.by_time_at)
        need(since >= worked, "A18: suspended from before something that was decided")
        if since < at:
            lost = min(at, self.end + self.further) - max(since, self.end - OUTAGE_SPAN)
            need(lost > OUTAGE_LIMIT, "A18: an outage that cost no last minute")
        self.since = since

    def pause(self, event: Entry, at: datetime) -> None:
        if event["kind"] == "opened":
            need(not self.is_open, "opened twice")
            self.is_open = True
        elif event["kind"] == "suspended":
            self.suspend(event, at)
        else:
            need(self.since is not None, "A18: resumed without a suspension")
            assert self.since is not None
            pause = at - self.since
            new = max(self.end + pause, at + timedelta(minutes=10))
            need(moment(event["ends_at"]) == new, "A18: the end after the resumption is wrong")
            idle = [moment(each["at"]) for each in self.receipts]
            need(not any(self.since < each < at for each in idle), "A18: taken while suspended")
            self.hard += new - self.end
            self.lost, self.end, self.since = self.lost + pause, new, None

    def in_time(self, event: Entry, at: datetime) -> None:
        need(self.is_open and at < self.end, f"A4: event {event['seq']} is not before the end")

    def in_force(self) -> list[Entry]:
        """Receipts that count at the end: of each bidder the last, unless withdrawn (S3)."""
        lasts: dict[str, Entry] = {}
        for number, receipt in enumerate(self.receipts, 1):
            need(receipt["receipt"] == number, "S7: the receipts have gaps")
            lasts[receipt["bidder"]] = receipt
        kept = [each for each in lasts.values() if each["kind"] != "withdrawal"]
        return sorted(kept, key=lambda each: each["receipt"])


# --- each format: the best bid by the log ---------------------------------------------------------


def step_above(terms: Entry, price: int) -> int:
    """The smallest step from a price on."""
    step = terms["step_minor"]
    for start, higher in terms["higher_steps"]:
        step = higher if price >= start else step
    return int(step)


def ascending(log: Log) -> Iterator[Entry]:
    """A8, A9, A10, A6, A7: each bid against what stood before it."""
    terms = log.terms
    leader, price, limit, moved = "", 0, 0, 0
    last: Entry = {}
    log.floor = None if terms["allows_proxy"] else terms["start_price_minor"]
    for event, at in log.walk():
        kind, bidder = event["kind"], event["bidder"]
        if kind in ("bid_accepted", "bid_outbid", "maximum_raised"):
            log.in_time(event, at)
            amount = event["amount_minor"]
            top = amount
            if terms["allows_proxy"]:
                top = ABOVE_ALL if event["max_minor"] is None else event["max_minor"]
            floor = price + step_above(terms, price) if leader else terms["start_price_minor"]
            if kind == "maximum_raised":
                need(bidder == leader and top >= limit, "A10: a raise by one who does not lead")
                limit = top
                last = event
                continue
            need(top >= floor, f"A8: bid {event['seq']} is not a full step above the lead")
            if terms["allows_proxy"]:
                need(bidder != leader, "A10: the leader bid against itself")
            wins = not leader or not terms["allows_proxy"] or top > limit
            need((kind == "bid_accepted") == wins, f"A9: bid {event['seq']} has the wrong effect")
            price = _shown(terms, leader, (limit, top), amount)
            need(amount == price, f"A10: the price after bid {event['seq']} is wrong")
            if wins:
                leader, limit = bidder, top
            if log.floor is not None:
                log.floor = price + step_above(terms, price)
        elif kind == "end_extended":
            _extension(log, event, (last, moved))
            moved += 1
        else:
            yield from _closing(log, event, at, (leader, price) if leader else None)
        _no_missed_extension(log, event, at, moved)
        last = event


def _shown(terms: Entry, leader: str, limits: tuple[int, int], amount: int) -> int:
    limit, top = limits
    if not terms["allows_proxy"]:
        return amount
    if not leader:
        return int(terms["start_price_minor"])
    if top > limit:
        return min(top, limit + step_above(terms, limit))
    return min(limit, top + step_above(terms, top))


def _new_end(log: Log, at: datetime, moved: int) -> datetime:
    cap = log.terms["max_extensions"]
    if log.end - at >= log.seconds("window_seconds") or (cap is not None and moved >= cap):
        return log.end
    return min(log.hard, max(log.end, at + log.seconds("extension_seconds")))


def _extension(log: Log, event: Entry, before: tuple[Entry, int]) -> None:
    bid, moved = before
    need(bid.get("kind") in ("bid_accepted", "bid_outbid"), "A7: an extension without a bid")
    new = _new_end(log, moment(bid["at"]), moved)
    need(moment(event["ends_at"]) == new != log.end, f"A6: extension {event['seq']} is wrong")
    log.end = new


def _no_missed_extension(log: Log, event: Entry, at: datetime, moved: int) -> None:
    """A bid that should have moved the end is followed by the event that does."""
    if event["kind"] in ("bid_accepted", "bid_outbid") and _new_end(log, at, moved) != log.end:
        following = log.events[event["seq"] : event["seq"] + 1]
        is_moved = bool(following) and following[0]["kind"] == "end_extended"
        need(is_moved, f"A6: bid {event['seq']} did not move the end")


def sealed(log: Log) -> Iterator[Entry]:
    """S2, S3, S4: the set that was fixed is the set that was opened, and the best of it won."""
    envelopes = log.in_force()
    for receipt in log.receipts:
        need(receipt["kind"] in ("envelope", "withdrawal"), "a receipt of another format")
        if receipt["kind"] == "withdrawal":
            need(log.terms["allows_withdrawal"], "A16: a withdrawal that the terms do not allow")
    waiting = list(envelopes)
    expected: Entry = {}
    best: Any = None
    for event, at in log.walk():
        kind = event["kind"]
        if kind == "envelopes_fixed":
            need(
                not log.is_fixed and at >= log.end,
                "S4: the envelopes were fixed before the deadline",
            )
            need(all(moment(each["at"]) < log.end for each in log.receipts), "A4: a late envelope")
            lines = "".join(f"{each['receipt']} {each['sha256']}\n" for each in envelopes)
            digest = hashlib.sha256(lines.encode()).hexdigest()
            need(event["set_sha256"] == digest, "S4: the set of envelopes is not the one fixed")
            log.is_fixed = True
        elif kind in ("envelope_opened", "envelope_void", "whole_opened", "whole_void"):
            is_whole = kind.startswith("whole")
            need(not is_whole or log.place == 1, "a bid for the whole outside an event's first lot")
            # An envelope may hold both: what it bids for the lot comes first.
            if not (is_whole and event["refers_to"] == expected.get("receipt")):
                need(
                    log.is_fixed and bool(waiting), "S4: an envelope that was not fixed was opened"
                )
                expected = waiting.pop(0)
            is_it = (event["refers_to"], event["bidder"]) == (
                expected["receipt"],
                expected["bidder"],
            )
            need(is_it, "S2: envelopes were not opened in order of receipt")
            amount = event["amount_minor"]
            if kind == "envelope_opened":
                need(amount >= log.terms["start_price_minor"], "S8: an amount below the start")
                if best is None or amount > best[1]:
                    best = (event["bidder"], amount)
        else:
            if kind == "cancelled":
                need(not expected, "S2: cancelled in the midst of the opening")
                is_waiting = bool(waiting) or log.place is not None or not log.is_fixed
                need(is_waiting, "A13: cancelled though no envelope was to be opened")
            else:
                need(log.is_fixed and not waiting, "S2: not all envelopes were opened")
            yield from _closing(log, event, at, best)


def dutch(log: Log) -> Iterator[Entry]:
    """The fall, the round, the answer."""
    taken: Any = None
    best: Any = None
    answered = revealed = False
    waiting = log.in_force()
    for event, at in log.walk():
        kind, bidder, amount = event["kind"], event["bidder"], event["amount_minor"]
        if kind == "price_accepted":
            log.in_time(event, at)
            need(taken is None and amount == _falling(log, at), "the price taken is not in force")
            taken = (bidder, amount)
            log.end = at + log.seconds("round_seconds")
            need(moment(event["ends_at"]) == log.end, "the sealed round has another end")
            log.further = log.seconds("best_bid_seconds")
        elif kind == "round_bid_revealed":
            need(taken is not None and at >= log.end and bool(waiting), "a bid was shown too early")
            expected = waiting.pop(0)
            is_it = (event["refers_to"], bidder) == (expected["receipt"], expected["bidder"])
            need(is_it and moment(expected["at"]) < log.end, "S3: another bid than was handed in")
            need(amount > taken[1] and bidder != taken[0], "a bid of the round is not above")
            best = (bidder, amount) if best is None or amount > best[1] else best
        elif kind == "round_revealed":
            need(best is not None and not waiting, "S2: not all bids of the round were shown")
            log.end += log.seconds("best_bid_seconds")
            need(moment(event["ends_at"]) == log.end, "the best bid has another end")
            log.further = timedelta(0)
            revealed = True
        elif kind == "best_bid_placed":
            log.in_time(event, at)
            need(revealed and bidder == taken[0] and amount > best[1], "no best bid by the rules")
            best, answered = (bidder, amount), True
        else:
            need(kind == "cancelled" or not waiting, "S2: bids of the round were never shown")
            need(kind == "cancelled" or best is None or revealed, "the round was not ended")
            if answered:
                log.end = min(log.end, at)
            yield from _closing(log, event, at, best or taken)


def _falling(log: Log, at: datetime) -> int:
    fallen = max(timedelta(0), at - log.opens - log.lost) // log.seconds("tick_seconds")
    terms = log.terms
    price = terms["start_price_minor"] - fallen * terms["step_minor"]
    return int(max(terms["lowest_price_minor"], price))


def negotiated(log: Log) -> Iterator[Entry]:
    """Who offered what, and was it still there when it was taken."""
    offer: Any = None
    offers: dict[str, str] = {}
    expires, lost = log.end, log.lost
    for event, at in log.walk():
        kind = event["kind"]
        before = log.end
        if kind == "offer_made":
            log.in_time(event, at)
            expires = moment(event["ends_at"])
            need(
                offers.setdefault("bidder", event["bidder"]) == event["bidder"],
                "two buyers in talks",
            )
            need(event["amount_minor"] > 0 and at < expires <= before, "an offer out of bounds")
            offer, lost = event, log.lost
        elif kind in ("offer_declined", "offer_withdrawn"):
            log.in_time(event, at)
            stands = offer is not None and event["refers_to"] == offer["seq"]
            need(stands, f"event {event['seq']} answers no offer that stands")
            own = event["party"] == offer["party"]
            need(own == (kind == "offer_withdrawn"), "an offer was answered by the wrong side")
            offer = None
        elif kind == "sold":
            log.in_time(event, at)
            need(offer is not None, "A14: sold without an offer")
            need(event["amount_minor"] == offer["amount_minor"], "A14: sold at another price")
            need(event["bidder"] == offer["bidder"], "A14: sold to another than who was in talks")
            need(at < expires + log.lost - lost, "A14: the offer had expired")
            yield event
        elif kind == "cancelled":
            _cancelled(log, at)
            yield event
        else:
            need(event["reason"] == "no_agreement", "A14: another result")
            need(at >= log.end, "A13: ended before its end")
            yield event


def _closing(log: Log, event: Entry, at: datetime, best: Any) -> Iterator[Entry]:
    """A13, A14: the terminal event is the one that the best bid leads to."""
    kind = event["kind"]
    if kind == "cancelled":
        _cancelled(log, at)
    else:
        need(log.is_open and at >= log.end, "A13: ended before its end")
    if kind == "sold" and event.get("whole_minor") is not None:
        need(log.place is not None, "sold in a whole outside an event")
    elif kind == "sold":
        need(best is not None, "A14: sold without a bid")
        need((event["bidder"], event["amount_minor"]) == best, f"A14: by the bids {best} won")
    elif kind == "unsold":
        reasons = ("no_bids",) if best is None else ("reserve_not_met",)
        need(event["reason"] in reasons, "A14: another reason than the bids give")
    yield {**event, "best": best}


def _cancelled(log: Log, at: datetime) -> None:
    """A13: once time has ended a lot its result stands; it can be cancelled no more."""
    is_in_time = at < log.end or log.is_fixed if log.is_open else at < log.opens
    need(log.since is not None or is_in_time, "A13: cancelled after the end")


def check_refusals(log: Log, refusals: list[Entry]) -> None:
    """A5, A8: what was refused by the clock or the price, against what was in force then.

    At a moment at which something was decided as well, what was in force before counts too: the
    file does not tell which of the two came first.
    """
    place = 0
    for number, refusal in enumerate(refusals, 1):
        if refusal["at"] is None:
            continue
        at = moment(refusal["at"])
        while place + 1 < len(log.states) and _before(log.states[place + 1][0], at):
            place += 1
        last = place
        while last + 1 < len(log.states) and (log.states[last + 1][0] or at) <= at:
            last += 1
        then = log.states[place : last + 1]
        is_so = any(_refuses(log, refusal, at, state) for state in then)
        need(is_so, f"A5: refusal {number} ({refusal['refusal']}) is not what the lot stood at")


def _before(since: datetime | None, at: datetime) -> bool:
    return since is None or since < at


def _refuses(log: Log, refusal: Entry, at: datetime, state: Any) -> bool:
    """Would a request at this moment, with the lot in this state, be refused so?"""
    _, phase, end, floor = state
    kind, amount = refusal["refusal"], refusal["amount_minor"]
    if kind == "closed":
        return bool(phase == "over")
    if kind == "late":
        # A lot that nobody looked at before its end had not opened yet by the events.
        return bool(phase == "opening" or (phase != "suspended" and at >= end))
    if kind == "not_open":
        return at < log.opens
    if kind == "lot_suspended":
        return bool(phase == "suspended")
    if amount is None or kind == "wrong_format":
        return True
    if kind == "below_start":
        return bool(int(amount) < log.terms["start_price_minor"])
    if kind == "below_step":
        return floor is None or bool(int(amount) < floor)
    return kind != "amount_too_large" or int(amount) > MAX_BID_MINOR


FORMATS: dict[str, Callable[[Log], Iterable[Entry]]] = {
    "ascending": ascending,
    "sealed": sealed,
    "dutch": dutch,
    "negotiated": negotiated,
}


def check(document: Entry, chain: str | None = None, reserve: int | None = None) -> str:
    """The verdict in words. Raises Broken for a protocol that does not hold."""
    check_chain(document, chain)
    try:
        log = Log(document)
        found = list(FORMATS[document["format"]](log))
        check_refusals(log, document["refusals"])
    except Broken:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as reason:
        raise Broken(f"an entry lacks something or has it in another form: {reason!r}") from reason
    need(len(found) == 1, "A12: no terminal event")
    (end,) = found
    result = {
        "state": end["kind"],
        "winner": end["bidder"],
        "hammer_minor": end["amount_minor"],
        "reason": end["reason"],
    }
    need(document["result"] == result, "the result is not the terminal event")
    return _verdict(document, end, reserve)


def _verdict(document: Entry, end: Entry, reserve: int | None) -> str:
    scale = 10 ** document["decimals"]
    if end["kind"] == "sold":
        amount = end["amount_minor"]
        is_whole = end.get("whole_minor") is not None  # The reserve of the whole is the event's.
        is_bound = document["format"] != "negotiated" and not is_whole
        need(not is_bound or reserve is None or amount >= reserve, "A14: sold below the reserve")
        price = f"{amount // scale:,}.{amount % scale:0{document['decimals']}}"
        verdict = f"sold to {end['bidder']} at {price.rstrip('.')} {document['currency']}"
        part = f", its share of a bid for the whole of {end['reason']}: check that protocol as well"
        return verdict + (part if is_whole else "")
    if end["kind"] == "unsold" and end["reason"] == "reserve_not_met":
        if reserve is None:
            return "unsold, the best bid below the reserve (in no protocol: not checked)"
        need(end["best"][1] < reserve, "A14: the reserve was met")
    return f"{end['kind']}: {end['reason']}"


# --- sealed bids, opened again -------------------------------------------------------------------


def check_openings(document: Entry, seal: Any = None) -> int:
    """How many envelopes of a lot were opened again; each must hold what the events say (S2).

    Without `seal` (the module seal.py) none is opened, yet each must be the one that was handed in
    and have the key that opens it. Raises Broken.
    """
    if document["format"] != "sealed":
        return 0
    try:
        return _envelopes(document, document["key"], seal)
    except Broken:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as reason:
        raise Broken(f"the key lacks something or has it in another form: {reason!r}") from reason


def _envelopes(lot: Entry, key: Entry, seal: Any) -> int:
    if lot["result"]["state"] == "cancelled":
        need(not key["envelopes"] and not key["private_key"], "the envelopes of a lot that ended")
        return 0
    in_force = Log(lot).in_force()
    need(len(key["envelopes"]) == len(in_force), f"{lot['lot']}: not all envelopes")
    opened = 0
    for receipt, stored in zip(in_force, key["envelopes"]):
        raw = base64.b64decode(stored["envelope"], validate=True)
        need(stored["receipt"] == receipt["receipt"], f"{lot['lot']}: another envelope")
        digest = hashlib.sha256(raw).hexdigest()
        need(digest == receipt["sha256"], f"S2: {lot['lot']}: an envelope is not the one handed in")
        opened += _opens(lot, key, (receipt, stored, raw), seal)
    return opened


def _opens(lot: Entry, key: Entry, handed_in: tuple[Entry, Entry, bytes], seal: Any) -> int:
    """1 where the envelope was opened and holds what the events say. Raises Broken."""
    receipt, stored, _ = handed_in
    words = f"{lot['lot']}: envelope {receipt['receipt']}"
    found: dict[str, Entry] = {}
    for event in lot["events"]:
        if event["refers_to"] == receipt["receipt"]:
            found[event["kind"].partition("_")[0]] = event
    if not key["private_key"] and not stored["revealed_key"]:
        told = [(event["kind"], event["reason"]) for event in found.values()]
        need(told == [("envelope_void", "undecryptable")], f"S2: {words} has no key that opens it")
        return 0
    if seal is None:
        return 0
    bid = _bid_inside(lot, key, handed_in, seal)
    for name, amount in zip(("envelope", "whole"), bid):
        event = found.get(name, {})
        if not event:
            is_it = amount is None and (name == "whole" or bid[1] is not None)
        elif event["kind"].endswith("opened"):
            is_it = amount == event["amount_minor"]
        else:
            is_it = (amount is None) == (event["reason"] == "undecryptable")
        if name == "envelope" and event.get("reason") == "below_start":
            is_it = amount is not None and amount < lot["terms"]["start_price_minor"]
        need(is_it, f"S2: {words} holds another bid")
    return 1


def _bid_inside(lot: Entry, key: Entry, handed_in: tuple[Entry, Entry, bytes], seal: Any) -> Any:
    receipt, stored, raw = handed_in
    sheet = {
        "lot": key["id"],
        "bidder": receipt["bidder"],
        "currency": lot["currency"],
        "terms_sha256": key["terms_sha256"],
        "public_key": key["public_key"],
        "whole": "event" in lot and lot["event"]["place"] == 1,
    }
    try:
        if not key["private_key"]:
            return seal.revealed_bid(raw, sheet, bytes.fromhex(stored["revealed_key"]))
        private = bytes.fromhex(key["private_key"])
        is_key = seal.public_key_of(private).hex() == key["public_key"]
        need(is_key, f"{lot['lot']}: the published key is not the one that was sealed to")
        return seal.opened_bid(raw, sheet, private)
    except seal.Unopenable:
        return (None, None)


# --- several lots in one event --------------------------------------------------------------------


def check_event(
    document: Entry,
    chain: str | None = None,
    reserves: list[int | None] | None = None,
) -> str:
    """The verdict on an event in words, its envelopes left closed. Raises Broken."""
    bare = {name: value for name, value in document.items() if name != "chain_sha256"}
    last = hashlib.sha256(canonical(bare)).hexdigest()
    need(document["chain_sha256"] == last, "the hash of the event does not hold")
    need(chain in (None, last), "the protocol is not the one whose hash was noted")
    known = reserves or [None] * len(document["lots"])
    try:
        for lot, reserve in zip(document["lots"], known):
            check(lot, None, reserve)
        _members(document)
        verdict = _event_verdict(document, known)
    except Broken:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as reason:
        raise Broken(f"an entry lacks something or has it in another form: {reason!r}") from reason
    return verdict


def _members(document: Entry) -> None:
    lots = document["lots"]
    for place, lot in enumerate(lots, 1):
        stands = {"event": document["event"], "place": place}
        need(lot["event"] == stands, f"{lot['lot']} stands in another event or place")
        need(lot["format"] == "sealed", f"{lot['lot']} is no lot with sealed bids")
        is_same = (lot["currency"], lot["decimals"]) == (document["currency"], document["decimals"])
        need(is_same, f"{lot['lot']} is in another currency")
    need(len({lot["lot"] for lot in lots}) == len(lots), "a lot stands twice in the event")


def _event_verdict(document: Entry, reserves: list[int | None]) -> str:
    """Winners and prices of all lots, recomputed from what was opened."""
    lots, result = document["lots"], document["result"]
    is_complete = all(lot["result"]["state"] != "cancelled" for lot in lots)
    valid = _whole_bids(document, is_complete)
    whole = min(valid, key=lambda bid: (-bid["amount_minor"], bid["receipt"]), default=None)
    sold_alone = [_separate(*each) for each in zip(lots, document["separate"], reserves)]
    separate = sum(sold_alone)
    outcome = _outcome(lots, (whole, sold_alone, result["outcome"]), reserves)
    need(result["outcome"] == outcome, f"A14: by the bids the event ends as {outcome}")
    expected = None if outcome != "whole" or whole is None else whole["amount_minor"]
    need(result["whole_minor"] == expected, "A14: the whole was sold at another price")
    if expected is None or whole is None:
        need(not document["winner"], "a winner of the whole that did not win")
        for lot in lots:
            need(lot["events"][-1].get("whole_minor") is None, f"{lot['lot']} was sold in a whole")
        return f"sold separately ({outcome.replace('_', ' ')}), sum {separate}"
    first = lots[0]["lot"]
    need(document["winner"].get(first) == whole["bidder"], "A9: another bid for the whole is best")
    for lot, share in zip(lots, _shares(expected, lots)):
        last = lot["events"][-1]
        is_it = (last["kind"], last.get("whole_minor"), last["reason"]) == (
            "sold", expected, document["event"],
        )  # fmt: skip
        need(is_it, f"A14: {lot['lot']} was not sold in the whole")
        need(last["amount_minor"] == share, f"L6: {lot['lot']} has another share of the price")
        need(last["bidder"] == document["winner"].get(lot["lot"]), f"{lot['lot']}: another winner")
    return f"sold as a whole to {whole['bidder']} of {first} at {expected}, separately {separate}"


def _whole_bids(document: Entry, is_complete: bool) -> list[Entry]:
    """The valid bids for the whole; each within the terms of the event."""
    lots = document["lots"]
    start = sum(lot["terms"]["start_price_minor"] for lot in lots)
    found = [
        {
            "receipt": event["refers_to"],
            "bidder": event["bidder"],
            "amount_minor": event["amount_minor"],
            "reason": event["reason"],
        }
        for event in lots[0]["events"]
        if event["kind"] in ("whole_opened", "whole_void")
    ]
    need(document["wholes"] == found, "the bids for the whole are not those of the first lot")
    valid = [bid for bid in found if bid["amount_minor"] is not None]
    need(is_complete or not valid, "a bid for the whole counts though a lot has ended")
    for bid in found:
        is_told = is_complete or bid["reason"] == "package_ended"
        need(is_told, "a bid for the whole is void for another reason than an ended lot")
    need(all(bid["amount_minor"] >= start for bid in valid), "S8: a bid for the whole below start")
    return valid


def _separate(lot: Entry, told: Entry, reserve: int | None) -> int:
    """What a lot would bring alone, 0 for nothing; as told, and as its own events have it (A14)."""
    need(told["lot"] == lot["lot"], "the separate prices are in another order")
    if lot["result"]["state"] == "cancelled":
        need((told["price_minor"], told["reason"]) == (None, "cancelled"), "a lot that ended")
        return 0
    opened = [event for event in lot["events"] if event["kind"] == "envelope_opened"]
    best = min(opened, key=lambda e: (-e["amount_minor"], e["refers_to"]), default=None)
    is_met = best is not None and told["reason"] != "reserve_not_met"
    if best is not None and reserve is not None:
        need(is_met == (best["amount_minor"] >= reserve), f"A14: {lot['lot']}: its reserve")
    price, bidder, reason = None, "", "no_bids" if best is None else "reserve_not_met"
    if best is not None and is_met:
        price, bidder, reason = best["amount_minor"], best["bidder"], ""
    is_it = (told["price_minor"], told["bidder"], told["reason"]) == (price, bidder, reason)
    need(is_it, f"A14: {lot['lot']} would bring another price alone")
    result = lot["result"]
    if lot["events"][-1].get("whole_minor") is None:
        is_sold = result["state"] == "sold"
        need(is_sold == (price is not None), f"A14: {lot['lot']} was sold otherwise than told")
    return price or 0


def _outcome(lots: list[Entry], found: tuple[Any, list[int], str], reserves: Any) -> str:
    """Reserves stand in no protocol: without them, that the whole was below its own is believed
    where a lot's reserve could be above what the lot would bring alone."""
    whole, sold_alone, told = found
    if whole is None:
        return "no_whole_bid"
    amount = whole["amount_minor"]
    least = None
    if any(reserve is not None for reserve in reserves):
        least = sum(
            lot["terms"]["start_price_minor"] if reserve is None else reserve
            for lot, reserve in zip(lots, reserves)
        )
    is_below = told == "whole_below_reserve" if least is None else amount < least
    could_be = least is not None or not all(sold_alone) or amount < sum(sold_alone)
    if is_below and could_be:
        return "whole_below_reserve"
    return "whole" if amount > sum(sold_alone) else "whole_not_above"


def _shares(whole: int, lots: list[Entry]) -> list[int]:
    """In proportion to the start prices; odd units by largest remainder, of equals the earlier."""
    starts = [lot["terms"]["start_price_minor"] for lot in lots]
    parts = [divmod(whole * start, sum(starts)) for start in starts]
    shares = [part for part, _ in parts]
    order = sorted(range(len(lots)), key=lambda place: (-parts[place][1], place))
    for place in order[: whole - sum(shares)]:
        shares[place] += 1
    return shares


def check_all(
    document: Entry,
    chain: str | None = None,
    reserves: list[int | None] | None = None,
    seal: Any = None,
) -> str:
    """The verdict on a file of either kind, its envelopes opened again. Raises Broken.

    seal: the module seal.py; without it every envelope and its key must still be there.
    """
    lots = document.get("lots", [document])
    opened = sum(check_openings(lot, seal) for lot in lots)
    if "lots" in document:
        verdict = check_event(document, chain, reserves)
    else:
        verdict = check(document, chain, reserves[0] if reserves else None)
    if not any(lot["format"] == "sealed" for lot in lots):
        return verdict
    return f"{verdict}; {opened} envelopes opened again with the published keys"


def reserves_of(text: str | None, lots: int) -> list[int | None]:
    """One reserve for each lot. Raises Unreadable."""
    parts = ("," * (lots - 1) if text is None else text).split(",")
    if len(parts) != lots or not all(part.isdecimal() or not part for part in parts):
        raise Unreadable(f"--reserve: {lots} whole numbers of minor units, separated by commas")
    return [int(part) if part else None for part in parts]


def beside() -> Any:
    """The module seal.py where it lies beside this file, else None."""
    path = Path(__file__).with_name("seal.py")
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("seal", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(arguments: list[str] | None = None) -> int:
    """Check one file; the exit status of the module's text."""
    parser = argparse.ArgumentParser(prog="check_protocol.py", description="Check a protocol.")
    parser.add_argument("file", help="protocol.json of the lot's page")
    parser.add_argument("--chain", help="the hash noted elsewhere")
    parser.add_argument("--reserve", help="the reserve in minor units, if you know it")
    options = parser.parse_args(arguments)
    try:
        document = read(Path(options.file).read_bytes())
        reserves = reserves_of(options.reserve, len(document.get("lots", [0])))
        verdict = check_all(document, options.chain, reserves, beside())
    except (OSError, Unreadable) as reason:
        print(f"cannot tell: {reason}", file=sys.stderr)
        return 2
    except Broken as reason:
        print(f"DOES NOT HOLD: {reason}")
        return 1
    print(f"holds: {document.get('lot', document.get('event'))} {verdict}")
    events = sum(len(each["events"]) for each in document.get("lots", [document]))
    print(f"{events} events, chain {document['chain_sha256']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
