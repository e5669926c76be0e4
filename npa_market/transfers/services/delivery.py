"""Handing over the loan file: two people release, the winner alone takes, a hash receipts."""

import hmac
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.evidence.services import record
from npa_market.parties.models import User
from npa_market.parties.permissions import may, require
from npa_market.tapes.models import Loan, Tape
from npa_market.tapes.personal_models import AccessForm
from npa_market.tapes.revealing import log_access
from npa_market.transfers.delivery_file import Progress, buyer_recipient, seal_delivery
from npa_market.transfers.models import Deal, DealState, Delivery, LoanPrice
from npa_market.transfers.package_keys import refuse_erased
from npa_market.transfers.services.locking import locked_deal, require_state


@transaction.atomic
def release_delivery(*, user: User, deal_id: UUID, progress: Progress | None = None) -> Delivery:
    """Release the loan file, for the first or the second time; the second makes the file.

    Two different people of the seller, one of them an approver (T2, T6). Released already:
    nothing changes. Raises NotPermitted, Refused `deal_state`, `no_delivery_key` or
    `second_person`. `progress(done, total)` counts loans.
    """
    deal = locked_deal(deal_id)
    require(user, "transfers.release_first", deal)
    delivery = Delivery.objects.filter(deal=deal).first()
    if delivery is not None and delivery.file_id:
        return delivery
    require_state(deal, DealState.PAID, "release the file")
    buyer_recipient(deal)
    if delivery is None:
        return _release_first(deal, user)
    first = delivery.first_release_by
    assert first is not None, "a delivery row begins with its first release"
    if first.pk == user.pk:
        raise Refused(
            "second_person", "You released it first. A second person of the seller releases it now."
        )
    if not may(first, "transfers.release_second", deal):
        require(user, "transfers.release_second", deal)
    return _release_second(delivery, user, progress)


def _release_first(deal: Deal, user: User) -> Delivery:
    delivery = Delivery.objects.create(deal=deal, first_release_by=user)
    record(
        type="deal.delivery_released_first",
        subject=deal,
        actor=user,
        payload={"delivery": str(delivery.pk)},
        prev_state=deal.state,
    )
    return delivery


def _release_second(delivery: Delivery, user: User, progress: Progress | None) -> Delivery:
    deal = delivery.deal
    sealed = seal_delivery(deal, progress)
    _log_identities(deal, user)
    delivery.second_release_by = user
    delivery.file = sealed.file
    delivery.plain_sha256 = sealed.plain_sha256
    delivery.taken_sha256 = sealed.taken_sha256
    delivery.released_at = database_now()
    delivery.save()
    record(
        type="deal.delivery_released",
        subject=deal,
        actor=user,
        payload={
            "delivery": str(delivery.pk),
            "file_sha256": sealed.taken_sha256,
            "kept_sha256": sealed.file.sha256,
            "plain_sha256": sealed.plain_sha256,
            "recipient": deal.buyer.delivery_public_key,
            "loans": deal.loan_prices.filter(exclusion="").count(),
        },
        prev_state=deal.state,
    )
    return delivery


def _log_identities(deal: Deal, user: User) -> None:
    """A line of the sellers' access log per tape whose borrowers are in the file."""
    sold = Loan.objects.filter(
        pk__in=LoanPrice.objects.filter(deal=deal, exclusion="").values("loan")
    )
    people = sold.order_by().values("tape").annotate(people=Count("borrower", distinct=True))
    counts = {line["tape"]: line["people"] for line in people}
    for tape in Tape.objects.filter(pk__in=counts).order_by("pk"):
        log_access(
            user=user,
            tape=tape,
            form=AccessForm.DELIVERY,
            people=counts[tape.pk],
            reason=f"Delivery file of {deal.reference}",
            loan=None,
        )


@transaction.atomic
def take_delivery(*, user: User, deal_id: UUID) -> Delivery:
    """Count and log one download of the encrypted file by the winner (T3).

    Raises NotPermitted, Refused `not_released`, `download_limit`, `download_over` or
    `copies_erased`.
    """
    deal = locked_deal(deal_id)
    require(user, "transfers.take_delivery", deal)
    delivery = Delivery.objects.filter(deal=deal, file__isnull=False).first()
    if delivery is None:
        raise Refused("not_released", "The seller has not released the file yet.")
    terms, now = deal.deal_terms, database_now()
    assert delivery.released_at is not None
    if now >= delivery.released_at + timedelta(days=terms.download_days):
        raise Refused(
            "download_over",
            f"The file could be taken for {terms.download_days} days; that time is over.",
        )
    if delivery.downloads >= terms.download_limit:
        raise Refused(
            "download_limit",
            f"The file was taken {delivery.downloads} times, which is the limit of this deal.",
        )
    refuse_erased(delivery)
    delivery.downloads += 1
    delivery.save(update_fields=["downloads"])
    record(
        type="deal.delivery_downloaded",
        subject=deal,
        actor=user,
        payload={"file_sha256": delivery.sha256, "download": delivery.downloads},
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
    delivery = Delivery.objects.filter(deal=deal, file__isnull=False).first()
    if delivery is None:
        raise Refused("not_released", "The seller has not released the file yet.")
    given = "".join(sha256.split()).lower()
    if not hmac.compare_digest(given.encode(), delivery.plain_sha256.encode()):
        raise Refused(
            "hash_differs",
            "This is not the hash of the delivered file. Decrypt the file and give the SHA-256 of"
            " the ZIP that comes out, for example by sha256sum.",
            field="sha256",
        )
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
