"""An independent check: what the clients wrote down against the public list of events.

Standard library only, and nothing of the venue: neither its rules nor its models.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

Document = dict[str, Any]
TERMINAL = ("sold", "unsold", "cancelled")
_KINDS = ("lost", "doubled", "gaps", "out_of_order", "late", "early", "foreign", "terminal")


@dataclass
class Findings:
    """Counts of what must not be; `words` tells the first few of each."""

    lost: int = 0
    doubled: int = 0
    gaps: int = 0
    out_of_order: int = 0
    late: int = 0
    early: int = 0
    foreign: int = 0
    terminal: int = 0
    words: list[str] = field(default_factory=list)

    def add(self, kind: str, what: str) -> None:
        """Count one finding."""
        setattr(self, kind, getattr(self, kind) + 1)
        if getattr(self, kind) <= 5:
            self.words.append(f"{kind}: {what}")

    def merge(self, other: "Findings") -> None:
        """Add the counts and words of another lot."""
        for kind in _KINDS:
            setattr(self, kind, getattr(self, kind) + getattr(other, kind))
        self.words += other.words


def read_logs(paths: Iterable[Path]) -> list[Document]:
    """Lines of the clients; a last line that is still being written is left out."""
    lines = []
    for path in paths:
        for line in path.read_text().splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue
    return lines


def moment(text: str) -> datetime:
    """A time of the API."""
    return datetime.fromisoformat(text)


def answers_on(lines: Iterable[Document], lot_id: str) -> list[Document]:
    """The lines that tell an outcome on this lot."""
    return [line for line in lines if line.get("lot") == lot_id and "outcome" in line]


def check_lot(lot: Document, events: list[Document], lines: list[Document]) -> Findings:
    """Everything that the clients' logs and the events of one lot say against each other.

    Clients may still be bidding: an event that no log knows is not a finding here (see
    `unclaimed`).
    """
    findings = Findings()
    ends = _check_events(findings, lot, events)
    answers = answers_on(lines, lot["id"])
    _check_answers(findings, lot, events, answers, ends)
    _check_feed(findings, lot, events, lines)
    return findings


def unclaimed(events: list[Document], lines: list[Document], lot_id: str) -> int:
    """Accepted bids in the list that no client was told of; 0 once every client has settled."""
    told = {
        answer["outcome"]["seq"]
        for answer in answers_on(lines, lot_id)
        if answer["outcome"]["result"] == "accepted"
    }
    listed = {event["seq"] for event in events if event["kind"] == "bid_accepted"}
    return len(listed - told)


def _check_events(findings: Findings, lot: Document, events: list[Document]) -> list[datetime]:
    """A2, A4, A6, A8, A12 on the list alone; the end in force before each event."""
    end, last_time, price = moment(lot["first_end_at"]), None, None
    ends = []
    for number, event in enumerate(events, start=1):
        at = moment(event["decided_at"])
        ends.append(end)
        if event["seq"] != number:
            findings.add("gaps", f"event {number} has number {event['seq']}")
        if last_time is not None and at < last_time:
            findings.add("out_of_order", f"event {number} was decided before event {number - 1}")
        last_time = at
        if event["kind"] == "bid_accepted":
            amount = event["amount_minor"]
            floor = lot["start_price_minor"] if price is None else price + lot["step_minor"]
            if amount < floor:
                findings.add("out_of_order", f"event {number}: {amount} is below {floor}")
            price = amount
            if at >= end:
                findings.add("late", f"event {number} was accepted at {at}, the end was {end}")
        elif event["kind"] == "end_extended":
            new_end = moment(event["ends_at"])
            if not end <= new_end <= moment(lot["hard_end_at"]):
                findings.add("out_of_order", f"event {number} moves the end to {new_end}")
            end = new_end
        elif event["kind"] in TERMINAL and event["kind"] != "cancelled" and at < end:
            findings.add("terminal", f"event {number} settled before the end")
    closing = [event["seq"] for event in events if event["kind"] in TERMINAL]
    if len(closing) > 1 or (closing and closing[0] != len(events)):
        findings.add("terminal", f"terminal events {closing} of {len(events)}")
    ends.append(end)
    return ends


def _check_answers(
    findings: Findings,
    lot: Document,
    events: list[Document],
    answers: list[Document],
    ends: list[datetime],
) -> None:
    """A1, A3, A4, A5, A20: each answer against the list, and answers against each other."""
    outcomes: defaultdict[str, list[Document]] = defaultdict(list)
    claims: defaultdict[int, set[str]] = defaultdict(set)
    is_cancelled = any(event["kind"] == "cancelled" for event in events)
    too_late = {"late"} if is_cancelled else {"late", "closed"}
    for answer in answers:
        outcome = answer["outcome"]
        outcomes[answer["request_id"]].append(outcome)
        if outcome["request_id"] != answer["request_id"]:
            findings.add("foreign", f"request {answer['request_id']} got another's answer")
        if outcome["result"] == "accepted":
            claims[outcome["seq"]].add(answer["request_id"])
            _check_accepted(findings, lot, events, answer)
        elif outcome["refusal"] in too_late and moment(outcome["decided_at"]) < ends[-1]:
            findings.add("early", f"{answer['request_id']} was refused as late before the end")
    for request_id, told in outcomes.items():
        if any(other != told[0] for other in told[1:]):
            findings.add("doubled", f"request {request_id} was told two outcomes")
    for seq, requests in claims.items():
        if len(requests) > 1:
            findings.add("doubled", f"event {seq} was told to {len(requests)} requests")


def _check_accepted(
    findings: Findings, lot: Document, events: list[Document], answer: Document
) -> None:
    outcome = answer["outcome"]
    seq = outcome["seq"]
    event = events[seq - 1] if 0 < seq <= len(events) else None
    if (
        event is None
        or event["kind"] != "bid_accepted"
        or event["amount_minor"] != answer["amount_minor"]
        or event["bidder"] != lot["labels"][answer["buyer"]]
        or moment(event["decided_at"]) != moment(outcome["decided_at"])
    ):
        findings.add("lost", f"{answer['request_id']} was accepted as event {seq}: {event}")


def _check_feed(
    findings: Findings, lot: Document, events: list[Document], lines: list[Document]
) -> None:
    """A2, A19: what the live feed told, against the list."""
    by_number = {event["seq"]: event for event in events}
    last = 0
    for line in lines:
        if line.get("feed") != lot["id"]:
            continue
        told, seq = line["event"], line["seq"]
        if seq != last + 1:
            findings.add("gaps", f"the feed told event {seq} after {last}")
        last = seq
        event = by_number.get(seq)
        if event is None or any(
            told[here] != event[there]
            for here, there in (
                ("kind", "kind"),
                ("amount_minor", "amount_minor"),
                ("label", "bidder"),
            )
        ):
            findings.add("lost", f"the feed told event {seq} as {told}, the list has {event}")
