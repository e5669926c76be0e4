"""Taking the loan file over: the winner alone takes it, a hash receipts."""

import hmac
from uuid import UUID

from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.evidence.services import record
from npa_market.parties.models import User
from npa_market.parties.permissions import require
from npa_market.transfers.models import Deal, DealState, Delivery
from npa_market.transfers.queries import standing_of, what_helps
from npa_market.transfers.services.locking import locked_deal, require_state


@transaction.atomic
def take_delivery(*, user: User, deal_id: UUID, file_sha256: str = "") -> Delivery:
    """Count and log one download of the encrypted file by the winner (T3).

    `file_sha256` is the hash of the file as the person sees it offered, where it is known. Raises
    NotPermitted, Refused `not_released`, `delivery_replaced`, `copies_erased`, `download_over` or
    `download_limit`.
    """
    deal = locked_deal(deal_id)
    require(user, "transfers.take_delivery", deal)
    delivery = _in_force(deal)
    if file_sha256 not in {"", delivery.sha256}:
        raise Refused(
            "delivery_replaced",
            "A newer delivery replaces this file, which opens no more. Take the newer one from the"
            f" page of {deal.reference}.",
        )
    standing = standing_of(deal, delivery, database_now())
    if standing.fault is not None and not standing.may_be_taken:
        raise Refused(standing.fault, f"{standing.words} {what_helps(deal)}".strip())
    delivery.downloads += 1
    delivery.save(update_fields=["downloads"])
    record(
        type="deal.delivery_downloaded",
        subject=deal,
        actor=user,
        payload={
            "delivery": str(delivery.pk),
            "file_sha256": delivery.sha256,
            "download": delivery.downloads,
        },
        prev_state=deal.state,
    )
    return delivery


@transaction.atomic
def confirm_receipt(*, user: User, deal_id: UUID, sha256: str) -> Deal:
    """Receipt the file by the SHA-256 of what was in it: the buyer could open it, unchanged.

    The same receipt again changes nothing. Raises NotPermitted, Refused `deal_state`,
    `not_released` or `hash_differs`.
    """
    deal = locked_deal(deal_id)
    require(user, "transfers.confirm_receipt", deal)
    delivery = _in_force(deal)
    given = "".join(sha256.split()).lower()
    if not hmac.compare_digest(given.encode(), delivery.plain_sha256.encode()):
        raise Refused("hash_differs", _other_hash(delivery), field="sha256")
    if delivery.receipted_at is not None:
        return deal
    require_state(deal, DealState.PAID, "receipt the file")
    now = database_now()
    delivery.receipted_by = user
    delivery.receipted_at = now
    delivery.save(update_fields=["receipted_by", "receipted_at"])
    deal.deliver(now)
    deal.save()
    record(
        type="deal.delivered",
        subject=deal,
        actor=user,
        payload={"plain_sha256": delivery.plain_sha256},
        prev_state=DealState.PAID,
    )
    return deal


def _in_force(deal: Deal) -> Delivery:
    """The delivery that the buyer may take or receipt. Raises Refused `not_released`."""
    delivery = deal.deliveries.in_force().select_related("key").first()
    if delivery is None:
        raise Refused("not_released", "The seller has not released the file yet.")
    return delivery


def _other_hash(delivery: Delivery) -> str:
    words = (
        "This is not the hash of the delivered file. Decrypt the file and give the SHA-256 of the"
        " ZIP that comes out, for example by sha256sum."
    )
    newer = " The file was released again: it is the newer one that counts."
    return words + newer if delivery.number > 1 else words
