"""Reads of the log for pages: an object's history with the people behind the pseudonyms."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import rfc8785
from django.apps import apps

from npa_market.evidence.discretion import is_nameless
from npa_market.evidence.models import Entry, SealedActor
from npa_market.parties.models import Membership, User

_USER, _SEALED, _SYSTEM = "user:", "sealed:", "system"

# By entry number: every membership of the person who acted.
People = dict[int, list[Membership]]


@dataclass(frozen=True)
class HistoryLine:
    """One entry as a page shows it: the act in words, when, who, and the leaf that proves it.

    The leaf is empty where it would tell the actor (see `betrays_actor`). The salted hash of the
    payload is the entry's address; its number is on no page, as gaps would count what is withheld.
    """

    payload_sha256: str
    what: str
    time: datetime
    who: str
    from_state: str
    leaf_sha256: str


def history_lines(entries: Iterable[Entry], viewer: User) -> list[HistoryLine]:
    """The entries in order, each with its actor as this viewer may know them."""
    rows = list(entries)
    people = _people(rows)
    names = _names(rows, people, viewer)
    return [
        HistoryLine(
            payload_sha256=entry.payload_sha256,
            what=act_in_words(entry.type),
            time=entry.time,
            who=names[entry.seq],
            from_state=entry.prev_state.replace("_", " "),
            leaf_sha256=entry.leaf_sha256 if _may_see_leaf(entry, people, viewer) else "",
        )
        for entry in rows
    ]


def act_in_words(entry_type: str) -> str:
    """`package.sealed` as `Package sealed`."""
    return entry_type.replace(".", " ").replace("_", " ").capitalize()


def names_on(entries: Iterable[Entry], viewer: User) -> dict[int, str]:
    """Who acted, by entry number, as far as the viewer may know it.

    Colleagues and the venue see the person's name; to everybody else the actor is only the kind
    of institution, because a name on a bid would tell who bids. A bidder's act names nobody to the
    venue either: its label must stand beside no name (A20).
    """
    rows = list(entries)
    return _names(rows, _people(rows), viewer)


def _names(rows: list[Entry], people: People, viewer: User) -> dict[int, str]:
    own = viewer.organisation_ids()

    def name(entry: Entry) -> str:
        if entry.actor == _SYSTEM:
            return "System"
        known = people[entry.seq]
        sees_all = viewer.works_for_venue and not is_nameless(entry.type)
        for membership in known:
            if sees_all or membership.organisation_id in own:
                return str(membership.user)
        return known[0].organisation.get_kind_display() if known else "A former member"

    return {entry.seq: name(entry) for entry in rows}


def betrays_actor(entry: Entry) -> bool:
    """Is the entry's leaf a hash that trying every known person's key would open?

    So it is for acts that name nobody but were recorded with the actor's key in the open, before
    a commitment took its place (or of a type that was named then).
    """
    return is_nameless(entry.type) and entry.actor.startswith(_USER)


def canonical_for(entry: Entry, viewer: User) -> tuple[str, bool]:
    """The entry's canonical JSON as this viewer may read it, and whether that is the whole of it.

    Where the venue may not learn who acted (A20) and the actor's key stands in the entry, the key
    is left out: it is the same on other entries of the person, which name them.
    """
    if _may_see_leaf(entry, _people([entry]), viewer):
        return entry.canonical, True
    document = json.loads(entry.canonical) | {"actor": "(withheld)"}
    return rfc8785.dumps(document).decode(), False


def own_acts(viewer: User) -> Iterator[dict[str, Any]]:
    """Acts that the log names nobody for, of the viewer's own institution, with what opens them.

    Each holds entry, leaf, payload and both salts: enough to prove to anybody, without the venue,
    whose act it was. What is still secret is left out until it may be read.
    """
    rows = SealedActor.objects.visible_to(viewer).select_related("entry__payload")
    for row in rows.order_by("entry").iterator(2000):
        entry = row.entry
        payload = getattr(entry, "payload", None)
        yield {
            "entry": json.loads(entry.canonical),
            "leaf_sha256": entry.leaf_sha256,
            "actor": f"{_USER}{row.user_id}",
            "actor_salt": bytes(row.salt).hex(),
            "payload": payload.body if payload else None,
            "payload_salt": bytes(payload.salt).hex() if payload else None,
        }


def _may_see_leaf(entry: Entry, people: People, viewer: User) -> bool:
    if not betrays_actor(entry):
        return True
    own = set(viewer.organisation_ids())
    return bool({each.organisation_id for each in people[entry.seq]} & own)


def _people(entries: Sequence[Entry]) -> People:
    """Every membership of the person behind each entry, the oldest first."""
    sealed = [entry.seq for entry in entries if entry.actor.startswith(_SEALED)]
    users: dict[int, UUID] = {}
    if sealed:
        behind = SealedActor.objects.filter(entry__in=sealed)
        users = dict(behind.values_list("entry_id", "user_id"))
    for entry in entries:
        if entry.actor.startswith(_USER):
            users[entry.seq] = UUID(entry.actor.removeprefix(_USER))
    rows = Membership.objects.filter(user__in=set(users.values()))
    found: dict[UUID, list[Membership]] = {}
    for membership in rows.select_related("user", "organisation").order_by("pk"):
        found.setdefault(membership.user_id, []).append(membership)
    known = {seq: found.get(user, []) for seq, user in users.items()}
    return {entry.seq: known.get(entry.seq, []) for entry in entries}


def subject_in_words(entry: Entry) -> str:
    """`packages.package` with its key as `Package 0190…`."""
    kind = entry.object_type.rpartition(".")[2]
    # The log keeps the name of its time where a table was renamed since.
    with suppress(LookupError, ValueError):
        kind = str(apps.get_model(entry.object_type)._meta.verbose_name)
    return f"{kind.capitalize()} {entry.object_id[:8]}…{entry.object_id[-4:]}"
