"""Writing the log: one entry per change of state, in the same transaction."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785
from django.db import connection, models

from npa_market.common.clock import database_now
from npa_market.evidence.discretion import is_nameless
from npa_market.evidence.merkle import leaf_hash
from npa_market.evidence.models import Entry, Payload, SealedActor
from npa_market.parties.models import User

LOG_NAME = "npa-market"
SOFTWARE = "npa-market/0.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry that is about to be appended; see `record` for the fields."""

    type: str
    subject: models.Model
    actor: User | None
    payload: dict[str, Any]
    prev_state: str = ""
    object_id: str = ""


def record(
    *,
    type: str,  # noqa: A002 - the field's name in the entry format
    subject: models.Model,
    actor: User | None,
    payload: dict[str, Any],
    prev_state: str = "",
    object_id: str = "",
) -> Entry:
    """Append one entry on `subject`; `actor` None means the system itself.

    `object_id` stands in place of the subject's key, where a key that counts up would tell of rows
    that are secret.

    `payload` is plain JSON without personal data of borrowers; amounts are integer minor units.
    The log keeps only SHA-256(salt || canonical payload), and of an act that names nobody (see
    `discretion`) only a commitment to its actor. Must run inside the transaction of the
    event: raises RuntimeError outside one, so no event stands without its entry.
    """
    draft = Draft(
        type=type,
        subject=subject,
        actor=actor,
        payload=payload,
        prev_state=prev_state,
        object_id=object_id,
    )
    (entry,) = record_all([draft])
    return entry


def record_all(drafts: Sequence[Draft]) -> list[Entry]:
    """Append several entries in their order, at one time of the database's clock; see `record`."""
    if not drafts:
        return []
    if not connection.in_atomic_block:
        raise RuntimeError(f"evidence {drafts[0].type} recorded outside a transaction")
    now = database_now()
    salts = [secrets.token_bytes(32) for _ in drafts]
    actor_salts = [_actor_salt(draft) for draft in drafts]
    entries = Entry.objects.bulk_create(
        [
            _entry(draft, _actor_name(draft, actor_salt), salt, now)
            for draft, salt, actor_salt in zip(drafts, salts, actor_salts, strict=True)
        ]
    )
    Payload.objects.bulk_create(
        [
            Payload(entry=entry, salt=salt, body=draft.payload)
            for entry, salt, draft in zip(entries, salts, drafts, strict=True)
        ]
    )
    sealed = [
        SealedActor(entry=entry, salt=actor_salt, user=draft.actor)
        for entry, actor_salt, draft in zip(entries, actor_salts, drafts, strict=True)
        if actor_salt
    ]
    if sealed:
        SealedActor.objects.bulk_create(sealed)
    return entries


def commitment(salt: bytes, actor: str) -> str:
    """`sealed:` and the hash that stands for an actor (`user:<key>`) whom the log does not name."""
    return f"sealed:{hashlib.sha256(salt + actor.encode()).hexdigest()}"


def _actor_salt(draft: Draft) -> bytes:
    """A salt for the actor of an act that names nobody; empty where the actor is named."""
    return secrets.token_bytes(32) if draft.actor and is_nameless(draft.type) else b""


def _actor_name(draft: Draft, actor_salt: bytes) -> str:
    if draft.actor is None:
        return "system"
    name = f"user:{draft.actor.pk}"
    return commitment(actor_salt, name) if actor_salt else name


def _entry(draft: Draft, actor_name: str, salt: bytes, now: datetime) -> Entry:
    """The entry with its canonical form and hashes (not saved)."""
    subject, object_id = draft.subject, draft.object_id or str(draft.subject.pk)
    payload_sha256 = hashlib.sha256(salt + rfc8785.dumps(draft.payload)).hexdigest()
    document: dict[str, Any] = {
        "v": 1,
        "log": LOG_NAME,
        "type": draft.type,
        "time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "actor": actor_name,
        "object": f"{subject._meta.label_lower}:{object_id}",
        "prev_state": draft.prev_state,
        "payload_sha256": payload_sha256,
        "software": SOFTWARE,
    }
    canonical = rfc8785.dumps(document)
    return Entry(
        type=draft.type,
        time=now,
        actor=actor_name,
        object_type=subject._meta.label_lower,
        object_id=object_id,
        prev_state=draft.prev_state,
        payload_sha256=payload_sha256,
        canonical=canonical.decode(),
        leaf_sha256=leaf_hash(canonical).hex(),
    )
