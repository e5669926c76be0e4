"""Releasing the loan file: by two people, and by two again where it stood still."""

from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.files import erase_content
from npa_market.evidence.services import record
from npa_market.parties.models import User
from npa_market.parties.permissions import may, require
from npa_market.tapes.models import Loan, Tape
from npa_market.tapes.personal_models import AccessForm
from npa_market.tapes.revealing import log_access
from npa_market.transfers.availability import Fault
from npa_market.transfers.delivery_file import Progress, buyer_recipient, seal_delivery
from npa_market.transfers.models import Deal, DealState, Delivery, LoanPrice
from npa_market.transfers.package_keys import erase_key
from npa_market.transfers.queries import standing_of
from npa_market.transfers.services.locking import locked_deal, require_state


@transaction.atomic
def release_delivery(*, user: User, deal_id: UUID, progress: Progress | None = None) -> Delivery:
    """Release the loan file, for the first or the second time; the second makes the file.

    Two different people of the seller, one of them an approver (T2, T6). Released already:
    nothing changes. Raises NotPermitted, Refused `deal_state`, `no_delivery_key`,
    `delivery_key_unreadable` or `second_person`. `progress(done, total)` counts loans.
    """
    deal = locked_deal(deal_id)
    require(user, "transfers.release_first", deal)
    released = deal.deliveries.in_force().first()
    if released is not None:
        return released
    require_state(deal, DealState.PAID, "release the file")
    return _release(deal, user, None, progress)


@transaction.atomic
def release_delivery_again(
    *, user: User, deal_id: UUID, progress: Progress | None = None
) -> Delivery:
    """Release the loan file once more where the buyer can no longer take it, or not open it.

    Two people as for the first time (T2, T6). The second makes a file of its own, with days and
    number of its own, under a new key and to the key that the buyer has now; the file before is
    deleted and its key destroyed (retention). Released again by this person already: nothing
    changes. Raises NotPermitted, Refused `deal_state`, `not_released`, `delivery_open` while the
    file of now stands well, `no_delivery_key`, `delivery_key_unreadable` or `second_person`.
    """
    deal = locked_deal(deal_id)
    require(user, "transfers.release_first", deal)
    last = deal.deliveries.in_force().select_related("key").first()
    if last is None:
        raise Refused("not_released", "The file was not released before; release it first.")
    fault = standing_of(deal, last, database_now()).fault
    if fault is None and last.number > 1 and user.pk in _releasers(last):
        return last
    require_state(deal, DealState.PAID, "release the file again")
    if fault is None:
        raise Refused(
            "delivery_open",
            "The buyer can still take and open the file. Where it has lost its key, its people"
            " enter a new one on the page of their institution; then release the file again.",
        )
    return _release(deal, user, (last, fault), progress)


def _releasers(delivery: Delivery) -> set[UUID | None]:
    return {delivery.first_release_by_id, delivery.second_release_by_id}


# The delivery that a new one replaces, and why.
Replaced = tuple[Delivery, Fault] | None


def _release(deal: Deal, user: User, last: Replaced, progress: Progress | None) -> Delivery:
    """The first or second release of the next file, after the checks of its kind."""
    buyer_recipient(deal)
    waiting = deal.deliveries.filter(file=None).select_related("first_release_by").first()
    if waiting is None:
        return _release_first(deal, user, last)
    first = waiting.first_release_by
    assert first is not None, "a delivery row begins with its first release"
    if first.pk == user.pk:
        raise Refused(
            "second_person", "You released it first. A second person of the seller releases it now."
        )
    if not may(first, "transfers.release_second", deal):
        require(user, "transfers.release_second", deal)
    return _release_second(waiting, user, last, progress)


def _release_first(deal: Deal, user: User, last: Replaced) -> Delivery:
    number = last[0].number + 1 if last else 1
    delivery = Delivery.objects.create(deal=deal, number=number, first_release_by=user)
    record(
        type="deal.delivery_released_first",
        subject=deal,
        actor=user,
        payload={"delivery": str(delivery.pk), "number": number},
        prev_state=deal.state,
    )
    return delivery


def _release_second(
    delivery: Delivery, user: User, last: Replaced, progress: Progress | None
) -> Delivery:
    deal = delivery.deal
    if last is not None:
        _replace(*last, newer=delivery, user=user)
    sealed = seal_delivery(deal, progress)
    _log_identities(delivery, user)
    delivery.second_release_by = user
    delivery.file, delivery.key = sealed.file, sealed.key
    delivery.plain_sha256 = sealed.plain_sha256
    delivery.taken_sha256 = sealed.taken_sha256
    delivery.recipient = deal.buyer.delivery_public_key
    delivery.released_at = database_now()
    delivery.save()
    record(
        type="deal.delivery_released",
        subject=deal,
        actor=user,
        payload={
            "delivery": str(delivery.pk),
            "number": delivery.number,
            "file_sha256": sealed.taken_sha256,
            "kept_sha256": sealed.file.sha256,
            "plain_sha256": sealed.plain_sha256,
            "recipient": delivery.recipient,
            "loans": deal.loan_prices.filter(exclusion="").count(),
        },
        prev_state=deal.state,
    )
    return delivery


def _replace(last: Delivery, fault: Fault, *, newer: Delivery, user: User) -> None:
    """Put a delivery out of force: its key destroyed, its file deleted after commit."""
    now = database_now()
    if last.key is not None and last.key.wrapped:
        erase_key(last.key, now)
    last.replaced_at = now
    last.save(update_fields=["replaced_at"])
    record(
        type="deal.delivery_replaced",
        subject=newer.deal,
        actor=user,
        payload={
            "delivery": str(last.pk),
            "because": str(fault),
            "file_sha256": last.sha256,
            "kept_sha256": str(last.file_id),
            "key": str(last.key_id) if last.key_id else None,
            "downloads": last.downloads,
            "replaced_by": str(newer.pk),
        },
        prev_state=newer.deal.state,
    )
    # After commit: a rolled back release must not lose the file.
    transaction.on_commit(partial(erase_content, str(last.file_id)))


def _log_identities(delivery: Delivery, user: User) -> None:
    """A line of the sellers' access log per tape whose borrowers are in the file."""
    deal = delivery.deal
    sold = Loan.objects.filter(
        pk__in=LoanPrice.objects.filter(deal=deal, exclusion="").values("loan")
    )
    people = sold.order_by().values("tape").annotate(people=Count("borrower", distinct=True))
    counts = {line["tape"]: line["people"] for line in people}
    again = f", release {delivery.number}" if delivery.number > 1 else ""
    for tape in Tape.objects.filter(pk__in=counts).order_by("pk"):
        log_access(
            user=user,
            tape=tape,
            form=AccessForm.DELIVERY,
            people=counts[tape.pk],
            reason=f"Delivery file of {deal.reference}{again}",
            loan=None,
        )
