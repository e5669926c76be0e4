"""Does anything tell what a sealed bid holds? Two runs that differ in amounts alone, side by side.

Both runs hand in the same envelopes at the same moments, by page, by API and in the
weaker mode, replace them and take them back; every other lot is the first of an event, whose
envelopes may bid for the whole as well. Everything that leaves the venue before the opening is
kept: status and body of answers, log lines, rows and their sizes, evidence, outbox, feed. What is
random or a hash by design is masked; lengths are compared as they are.
"""

import base64
import json
import logging
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection, connections, models, transaction
from django.http import HttpResponseBase
from django.test import Client
from django.test.utils import override_settings

from npa_market.auctions.ceremony.documents import sheet_of
from npa_market.auctions.ceremony.services import set_lot_key
from npa_market.auctions.feed import encoded
from npa_market.auctions.lot_keys import LotKey, make_lot_key
from npa_market.auctions.model.check import Findings, checked
from npa_market.auctions.model.histories import BIDDERS, OPENING
from npa_market.auctions.model.world import Hand, World, make_world, moved_clock
from npa_market.auctions.models import Lot, LotEvent
from npa_market.auctions.offline import seal
from npa_market.auctions.queries import shown_events
from npa_market.auctions.sale_events.models import SaleEvent
from npa_market.auctions.terms import Format, LotTerms
from npa_market.common.fields import uuid7
from npa_market.common.models import OutboxMessage
from npa_market.evidence.models import Entry, Payload, SealedActor
from npa_market.parties.models import User

# Limits of requests a minute are kept in the cache; they are not what is looked at.
NO_CACHE = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
BACKEND = "django.contrib.auth.backends.ModelBackend"
# Hashes, keys, envelopes and tokens are random to the eye; numbers and times follow the order of
# all rows and the server's clock. The length of what is random must not vary, of the rest it may.
_MASKS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\b[0-9a-f]{8,64}\b|\b[0-9a-f]{6}…[0-9a-f]{4}\b"), "<hash>"),
    (re.compile(r"(LOT|NTC|EVT)-\d{4}-\d+"), "<reference>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?"), "<time>"),
    (re.compile(r'(csrfmiddlewaretoken" value="|x-csrftoken": ")[^"]+'), "<token>"),
    (re.compile(r"[A-Za-z0-9+/_-]{43,}=*"), "<base64>"),
    (re.compile(r"\b\d{2}:\d{2}(:\d{2})?\b"), "<clock>"),
    (re.compile(r"\b\d+(\.\d+)? ?ms\b"), "<duration>"),
    # Of an object in a log line; random tokens may hold the same letters.
    (re.compile(r"(?<= at )0x[0-9a-f]+"), "<address>"),
)
_VARYING = {"<reference>", "<time>", "<duration>", "<address>"}
_GROWING = tuple(each for each in _MASKS if each[1] in _VARYING)
# Rows count up over all lots, and a text with such a number grows with it.
_COUNTED = {"seq", "id", "index", "entry"}


@dataclass(frozen=True, slots=True)
class Act:
    """One act of a bidder; `place` is which of the amounts it seals."""

    bidder: str
    kind: str  # page, api, weaker, withdraw, damaged
    seconds: int
    place: int
    bids_for: str  # lot, whole, both: the last two in an event alone


@dataclass
class Seen:
    """What left the venue in one run, in order: (where, what)."""

    notes: list[tuple[str, str]] = field(default_factory=list)

    def note(self, where: str, what: str) -> None:
        where = masked(where)
        self.notes.append((where, masked(what)))
        self.notes.append((f"length of {where}", str(len(masked(what, _GROWING)))))

    def first_difference(self, other: "Seen") -> str:
        """The first place where the runs differ; empty where they never do."""
        for own, foreign in zip(self.notes, other.notes, strict=False):
            if own != foreign:
                return f"{own[0]}: {_around(own[1], foreign[1])}"
        return "" if len(self.notes) == len(other.notes) else "another number of notes"


def masked(text: str, masks: tuple[tuple[re.Pattern[str], str], ...] = _MASKS) -> str:
    """The text without what is random or a hash by design."""
    for pattern, words in masks:
        text = pattern.sub(words, text)
    return text


def sealed_pairs(numbers: range, *, seed: int, processes: int | None = None) -> dict[str, Any]:
    """Run these pairs of a seed, in transactions that are rolled back; for the command to print."""
    workers = processes if connection.vendor == "postgresql" else 1
    if workers != 1:
        connections.close_all()  # No child shares a connection with its parent.
    size = -(-len(numbers) // 8) or 1
    work = [
        (seed, numbers[first : first + size], Format.SEALED)
        for first in range(0, len(numbers), size)
    ]
    figures = checked(_check_chunk, work, workers)
    return {
        "pairs": figures["histories"],
        "acts": figures["commands"],
        "differences": figures["differences"],
        "seconds": figures["seconds"],
        "database": connection.vendor,
        "findings": figures["findings"],
    }


def _check_chunk(work: tuple[int, range, Format | None]) -> Findings:
    seed, numbers, _ = work
    findings = Findings()
    with override_settings(CACHES=NO_CACHE), moved_clock() as hand, transaction.atomic():
        hand.now = OPENING - timedelta(minutes=2)
        world, key = make_world(), make_lot_key()
        for number in numbers:
            findings.add(_check_pair(world, hand, key, (seed, number)))
        transaction.set_rollback(True)
    return findings


def _check_pair(world: World, hand: Hand, key: LotKey, which: tuple[int, int]) -> Findings:
    seed, number = which
    chance = random.Random(seed * 1_000_003 + number)  # noqa: S311 - reproducible, no secret
    acts = random_acts(chance, in_event=number % 2 == 1)
    lower = [random_amount(chance) for _ in acts]
    higher = [random_amount(chance) for _ in acts]
    runs = [run(world, hand, key, acts, amounts, number) for amounts in (lower, higher)]
    found = runs[0].first_difference(runs[1])
    findings = Findings(1, len(acts), differences=bool(found))
    if found:
        shown = {"seed": seed, "pair": number, "difference": found, "acts": repr(acts)}
        findings.shown.append(shown)
    return findings


def random_acts(chance: random.Random, *, in_event: bool = False) -> list[Act]:
    """Three to eight acts of three bidders."""
    kinds = ("page", "page", "api", "weaker", "withdraw", "damaged")
    aims = ("lot", "whole", "both") if in_event else ("lot",)
    return [
        Act(
            bidder=chance.choice(BIDDERS),
            kind=chance.choice(kinds),
            seconds=chance.randint(1, 300),
            place=place,
            bids_for=chance.choice(aims),
        )
        for place in range(chance.randint(3, 8))
    ]


def random_amount(chance: random.Random) -> int:
    """Any magnitude, in minor units: below the start price (void at the opening) to the largest."""
    return chance.randint(1, 10 ** chance.randint(1, 15))


def run(
    world: World, hand: Hand, key: LotKey, acts: list[Act], amounts: list[int], number: int = 0
) -> Seen:
    """One run, rolled back; what left the venue.

    `number` of the pair makes references of its own: their counter would be locked by the first of
    several processes until its transaction ends.
    """
    mark = transaction.savepoint()
    seen = Seen()
    hand.now = OPENING - timedelta(minutes=1)
    lot = world.lot(_TERMS, f"LOT-0000-{number}", is_keyed=False)
    if any(act.bids_for != "lot" for act in acts):
        _into_event(world, lot, f"EVT-0000-{number}")
    set_lot_key(user=world.operator, lot_id=lot.pk, public_key=key.public_key, set_id=key.set_id)
    first = max(Entry.objects.values_list("pk", flat=True), default=0)
    sent = max(OutboxMessage.objects.values_list("pk", flat=True), default=0)
    clients = {name: _client(user) for name, user in _people(world).items()}
    with noted_logs(seen):
        hand.now = OPENING
        for act in acts:
            hand.now += timedelta(seconds=act.seconds)
            _act(world, lot, clients[act.bidder], (act, amounts[act.place], seen))
        _look(lot, clients, seen)
    _note_rows(lot, (first, sent), seen)
    transaction.savepoint_rollback(mark)
    return seen


_TERMS = LotTerms(
    format=Format.SEALED,
    start_price_minor=1_000,
    step_minor=1,
    deposit_minor=10,
    registration_ends_at=OPENING - timedelta(hours=1),
    opens_at=OPENING,
    ends_at=OPENING + timedelta(hours=1),
    hard_end_at=OPENING + timedelta(hours=1),
    allows_withdrawal=True,
)


def _into_event(world: World, lot: Lot, reference: str) -> None:
    """Make the lot the first of an event, so that its envelopes may bid for the whole."""
    lot.sale_event = SaleEvent.objects.create(
        reference=reference,
        seller=world.seller,
        title="Pair",
        currency=lot.currency,
        created_by=world.seller_user,
        announced_at=OPENING,
    )
    lot.event_place, lot.whole_start_minor = 1, 2 * lot.start_price_minor
    lot.save()


def _people(world: World) -> dict[str, User]:
    return {**world.users, "seller": world.seller_user, "operator": world.operator}


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def _act(world: World, lot: Lot, client: Client, what: tuple[Act, int, Seen]) -> None:
    act, amount_minor, seen = what
    buyer = world.buyers[act.bidder]
    where = f"{act.kind} of {act.bidder}"
    match act.kind:
        case "withdraw":
            answer = client.post(f"/lots/{lot.pk}/envelope/withdraw/", secure=True)
            seen.note(where, _text(answer))
        case "weaker":
            # The answer gives the bidder its own secret receipt, amount included: not compared.
            text = f"{amount_minor // 100}.{amount_minor % 100:02}"
            form = {"server-request_id": str(uuid7())}
            if act.bids_for != "whole":
                form |= {"server-amount": text, "server-again": text}
            if act.bids_for != "lot":
                form |= {"server-whole": text, "server-whole_again": text}
            answer = client.post(f"/lots/{lot.pk}/envelope/seal/", form, secure=True)
            seen.note(where, str(answer.status_code))
        case _:
            sheet = sheet_of(lot, lot.registrations.get(buyer=buyer).label)
            envelope, _ = seal.sealed(
                None if act.bids_for == "whole" else amount_minor,
                sheet,
                whole_minor=None if act.bids_for == "lot" else amount_minor,
            )
            seen.note(where, _text(_hand_in(lot, client, act, (envelope, str(buyer.pk)))))


def _hand_in(lot: Lot, client: Client, act: Act, what: tuple[bytes, str]) -> HttpResponseBase:
    envelope, buyer = what
    if act.kind == "damaged":
        envelope = envelope[:-1]
    form = {"envelope": base64.b64encode(envelope).decode(), "request_id": str(uuid7())}
    if act.kind != "api":
        return client.post(f"/lots/{lot.pk}/envelope/", form, secure=True)
    address, body = f"/api/v1/lots/{lot.pk}/envelopes/", json.dumps({**form, "buyer": buyer})
    return client.post(address, body, "application/json", secure=True)


def _look(lot: Lot, clients: dict[str, Client], seen: Seen) -> None:
    """Every page and answer that knows the lot, as everybody who may see it."""
    places = [
        f"/lots/{lot.pk}/", f"/lots/{lot.pk}/opening/", f"/lots/{lot.pk}/state/",
        f"/api/v1/lots/{lot.pk}/", f"/api/v1/lots/{lot.pk}/events/",
    ]  # fmt: skip
    for name, client in clients.items():
        for place in places:
            seen.note(f"{place} as {name}", _text(client.get(place, secure=True)))
    for place in ("/lots/", "/api/v1/lots/"):
        seen.note(place, _text(clients["seller"].get(place, secure=True)))
    seen.note("/lots/control/", _text(clients["operator"].get("/lots/control/", secure=True)))


def _note_rows(lot: Lot, after: tuple[int, int], seen: Seen) -> None:
    """Rows of the lot and of what was written beside it: values masked, sizes as they are."""
    first, sent = after
    rows: list[models.Model] = [
        Lot.objects.get(pk=lot.pk),
        *LotEvent.objects.filter(lot=lot).order_by("seq"),
        *lot.receipt_rows.order_by("receipt"),
        *lot.outcomes.order_by("pk"),
        *Entry.objects.filter(pk__gt=first).order_by("pk"),
        *Payload.objects.filter(pk__gt=first).order_by("pk"),
        *SealedActor.objects.filter(pk__gt=first).order_by("pk"),
        *OutboxMessage.objects.filter(pk__gt=sent).order_by("pk"),
    ]
    for row in rows:
        for column in row._meta.concrete_fields:
            value = getattr(row, column.attname)
            where = f"{row._meta.label}.{column.attname}"
            if isinstance(value, bytes | memoryview):
                seen.note(where, f"{len(value)} bytes")
            elif column.attname not in _COUNTED and not column.attname.endswith("_id"):
                text = value if isinstance(value, str) else json.dumps(value, default=str)
                seen.note(where, text)
    for event in shown_events(models.Q(lot=lot)):
        seen.note("feed", encoded(event, lot.currency))


@contextmanager
def noted_logs(seen: Seen) -> Iterator[None]:
    """Everything that anybody logs until the block ends, whatever the level."""

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name.startswith(_UNLOGGED):
                return
            extras = {key: str(value) for key, value in record.__dict__.items() if key in _SHOWN}
            seen.note(f"log {record.name}", f"{record.getMessage()} {json.dumps(extras)}")

    handler = Noting(logging.DEBUG)
    loggers = [logging.getLogger(name) for name in ("", *logging.root.manager.loggerDict)]
    kept = [(each, each.level) for each in loggers if _is_ours(each)]
    for logger, _ in kept:
        logger.setLevel(logging.DEBUG)
        if not logger.propagate or logger.name == "root":
            logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, level in kept:
            logger.setLevel(level)
            logger.removeHandler(handler)


_SHOWN = {"exc_text", "stack_info", "lot", "request_id", "event", "amount", "status_code"}


# Statements and whole contexts of templates: no server logs them.
_UNLOGGED = ("django.db", "django.template")


def _is_ours(logger: logging.Logger) -> bool:
    return logger.name.split(".")[0] in {"root", "npa_market", "django"}


def _text(answer: HttpResponseBase) -> str:
    head = f"{answer.status_code} {answer.headers.get('Location', '')} "
    return head + bytes(getattr(answer, "content", b"")).decode()


def _around(own: str, foreign: str) -> str:
    """A few characters about the first difference of two texts."""
    place = next(
        (at for at, (a, b) in enumerate(zip(own, foreign, strict=False)) if a != b),
        min(len(own), len(foreign)),
    )
    start = max(0, place - 40)
    return f"{own[start : place + 40]!r} against {foreign[start : place + 40]!r}"
