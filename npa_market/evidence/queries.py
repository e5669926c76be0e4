"""Reads of the log for pages: an object's history with the people behind the pseudonyms."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.apps import apps

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
    """The entries in order, each with its actor as this viewer may know them.

    Colleagues and the venue see the person's name; to everybody else the actor is only the kind
    of institution, because a name on a bid would tell who bids.
    """
    rows = list(entries)
    names = actor_names({entry.actor for entry in rows}, viewer)
    return [
        HistoryLine(
            seq=entry.seq,
            what=act_in_words(entry.type),
            time=entry.time,
            who=names.get(entry.actor, "System"),
            from_state=entry.prev_state.replace("_", " "),
            leaf_sha256=entry.leaf_sha256,
        )
        for entry in rows
    ]


def act_in_words(entry_type: str) -> str:
    """`package.sealed` as `Package sealed`."""
    return entry_type.replace(".", " ").replace("_", " ").capitalize()


def actor_names(actors: Iterable[str], viewer: User) -> dict[str, str]:
    """The name of each pseudonymous actor (`user:<key>`) as far as the viewer may know it."""
    keys = {UUID(actor.removeprefix(_USER)) for actor in actors if actor.startswith(_USER)}
    memberships = Membership.objects.filter(user__in=keys).select_related("user", "organisation")
    names: dict[str, str] = {f"{_USER}{key}": "A former member" for key in keys}
    own = viewer.organisation_ids()
    for membership in memberships.order_by("pk"):
        actor = f"{_USER}{membership.user_id}"
        if membership.organisation_id in own or viewer.works_for_venue:
            names[actor] = str(membership.user)
        elif names[actor] == "A former member":
            names[actor] = membership.organisation.get_kind_display()
    return names


def subject_in_words(entry: Entry) -> str:
    """`packages.package` with its key as `Package 0190…`."""
    kind = entry.object_type.rpartition(".")[2]
    # The log keeps the name of its time where a table was renamed since.
    with suppress(LookupError, ValueError):
        kind = str(apps.get_model(entry.object_type)._meta.verbose_name)
    return f"{kind.capitalize()} {entry.object_id[:8]}…{entry.object_id[-4:]}"
