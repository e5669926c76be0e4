"""Reads of the log for pages: an object's history with the people behind the pseudonyms."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import rfc8785
from django.apps import apps

from npa_market.evidence.discretion import is_nameless
from npa_market.evidence.models import Entry
from npa_market.parties.models import Membership, User

_USER = "user:"


@dataclass(frozen=True)
class HistoryLine:
    """One entry as a page shows it: the act in words, when, who, and the leaf that proves it."""

    seq: int
    what: str
    time: datetime
    who: str
    from_state: str
    leaf_sha256: str


def history_lines(entries: Iterable[Entry], viewer: User) -> list[HistoryLine]:
    """The entries in order, each with its actor as this viewer may know them."""
    rows = list(entries)
    names = names_on(rows, viewer)
    return [
        HistoryLine(
            seq=entry.seq,
            what=act_in_words(entry.type),
            time=entry.time,
            who=names[entry.seq],
            from_state=entry.prev_state.replace("_", " "),
            leaf_sha256=entry.leaf_sha256,
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
    memberships = _memberships({entry.actor for entry in rows})
    own = viewer.organisation_ids()

    def name(entry: Entry) -> str:
        if not entry.actor.startswith(_USER):
            return "System"
        known = memberships.get(entry.actor, [])
        sees_all = viewer.works_for_venue and not is_nameless(entry.type)
        for membership in known:
            if sees_all or membership.organisation_id in own:
                return str(membership.user)
        return known[0].organisation.get_kind_display() if known else "A former member"

    return {entry.seq: name(entry) for entry in rows}


def canonical_for(entry: Entry, viewer: User) -> tuple[str, bool]:
    """The entry's canonical JSON as this viewer may read it, and whether that is the whole of it.

    Where the venue may not learn who acted (A20), the actor's key is left out too: it is the same
    on other entries of the person, which name them.
    """
    if not (is_nameless(entry.type) and entry.actor.startswith(_USER)):
        return entry.canonical, True
    actors = _memberships([entry.actor]).get(entry.actor, [])
    if {each.organisation_id for each in actors} & set(viewer.organisation_ids()):
        return entry.canonical, True
    document = json.loads(entry.canonical) | {"actor": "(withheld)"}
    return rfc8785.dumps(document).decode(), False


def _memberships(actors: Iterable[str]) -> dict[str, list[Membership]]:
    """Every membership of each pseudonymous actor (`user:<key>`), the oldest first."""
    keys = {UUID(actor.removeprefix(_USER)) for actor in actors if actor.startswith(_USER)}
    rows = Membership.objects.filter(user__in=keys).select_related("user", "organisation")
    found: dict[str, list[Membership]] = {}
    for membership in rows.order_by("pk"):
        found.setdefault(f"{_USER}{membership.user_id}", []).append(membership)
    return found


def subject_in_words(entry: Entry) -> str:
    """`packages.package` with its key as `Package 0190…`."""
    kind = entry.object_type.rpartition(".")[2]
    # The log keeps the name of its time where a table was renamed since.
    with suppress(LookupError, ValueError):
        kind = str(apps.get_model(entry.object_type)._meta.verbose_name)
    return f"{kind.capitalize()} {entry.object_id[:8]}…{entry.object_id[-4:]}"
