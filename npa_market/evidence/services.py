"""Writing the log: one entry per change of state, in the same transaction."""

import hashlib
import secrets
from typing import Any

import rfc8785
from django.db import connection, models

from npa_market.common.clock import database_now
from npa_market.evidence.merkle import leaf_hash
from npa_market.evidence.models import Entry, Payload
from npa_market.parties.models import User

LOG_NAME = "npa-market"
SOFTWARE = "npa-market/0.1.0"


def record(
    *,
    type: str,  # noqa: A002 - the field's name in the entry format
    subject: models.Model,
    actor: User | None,
    payload: dict[str, Any],
    prev_state: str = "",
) -> Entry:
    """Append one entry on `subject`; `actor` None means the system itself.

    `payload` is plain JSON without personal data of borrowers; amounts are integer minor units.
    The log keeps only SHA-256(salt || canonical payload). Must run inside the transaction of the
    event: raises RuntimeError outside one, so no event stands without its entry.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"evidence {type} recorded outside a transaction")
    salt = secrets.token_bytes(32)
    payload_sha256 = hashlib.sha256(salt + rfc8785.dumps(payload)).hexdigest()
    now = database_now()
    actor_name = f"user:{actor.pk}" if actor else "system"
    document: dict[str, Any] = {
        "v": 1,
        "log": LOG_NAME,
        "type": type,
        "time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "actor": actor_name,
        "object": f"{subject._meta.label_lower}:{subject.pk}",
        "prev_state": prev_state,
        "payload_sha256": payload_sha256,
        "software": SOFTWARE,
    }
    canonical = rfc8785.dumps(document)
    entry = Entry.objects.create(
        type=type,
        time=now,
        actor=actor_name,
        object_type=subject._meta.label_lower,
        object_id=str(subject.pk),
        prev_state=prev_state,
        payload_sha256=payload_sha256,
        canonical=canonical.decode(),
        leaf_sha256=leaf_hash(canonical).hex(),
    )
    Payload.objects.create(entry=entry, salt=salt, body=payload)
    return entry
