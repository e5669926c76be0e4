"""Destroying the key of a package: what was made of identities for its buyer opens no more."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.files import erase_content
from npa_market.common.texts import checked_reason
from npa_market.evidence.services import record
from npa_market.parties.models import User
from npa_market.parties.permissions import require
from npa_market.transfers.package_keys import erase_key
from npa_market.transfers.queries import open_until
from npa_market.transfers.services.locking import locked_deal

SHORTEST_REASON = 10
LONGEST_REASON = 300


@dataclass(frozen=True)
class ErasedCopies:
    """What became unreadable: delivery files, and the loans whose identities were in them."""

    files: int
    loans: int


@transaction.atomic
def erase_package_copies(*, user: User, deal_id: UUID, reason: str) -> ErasedCopies:
    """Destroy the key of the sold package and delete its delivery file.

    The tape's identities, the buyer's own copy and the sealed package (tokens) stay. Erased
    already: nothing changes. Raises NotPermitted, InvalidInput `reason_needed`, Refused
    `delivery_open` while the buyer may still need to take the file.
    """
    deal = locked_deal(deal_id)
    require(user, "transfers.erase_package_copies", deal)
    words = checked_reason(
        " ".join(reason.split()),
        least=SHORTEST_REASON,
        most=LONGEST_REASON,
        words=f"Say in {SHORTEST_REASON} to {LONGEST_REASON} characters why the copies are erased.",
    )
    now = database_now()
    delivery = deal.deliveries.in_force().select_related("key").first()
    if delivery is not None and open_until(deal, delivery, now) is not None:
        raise Refused(
            "delivery_open",
            "The buyer has not receipted the file and may still take it. Erase it then.",
        )
    key = delivery.key if delivery else None
    if delivery is None or key is None or not key.wrapped:
        return ErasedCopies(0, 0)
    erase_key(key, now)
    found = ErasedCopies(1, deal.loan_prices.filter(exclusion="").count())
    record(
        type="deal.copies_erased",
        subject=deal,
        actor=user,
        payload={
            "reason": words,
            "package": str(key.package_id),
            "key": str(key.pk),
            "files_sha256": [str(delivery.file_id)],
            "loans": found.loans,
        },
        prev_state=deal.state,
    )
    # After commit: a rolled back erasure must not lose the file.
    transaction.on_commit(partial(erase_content, str(delivery.file_id)))
    return found
