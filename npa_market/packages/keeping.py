"""Services beside packages: criteria under a name, lists of picked loans, columns made ready."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from babel.numbers import is_currency
from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput
from npa_market.common.files import store_bytes
from npa_market.common.jobs import queue_job
from npa_market.common.models import Job, JobState
from npa_market.common.texts import can_be_kept
from npa_market.evidence.services import record
from npa_market.packages.criteria import read_criteria
from npa_market.packages.models import LoanList, SavedCriteria
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require
from npa_market.tapes.models import Tape

COLUMNS_JOB = "prepare_columns"


@transaction.atomic
def save_criteria(
    *, user: User, seller: Organisation, name: str, currency: str, document: dict[str, Any]
) -> SavedCriteria:
    """Keep criteria under a name; the same name again replaces them.

    document: `where` and `disclose` of a package's criteria. Raises InvalidInput where a part is
    wrong or the name is empty, NotPermitted for anybody but the seller's analysts.
    """
    require(user, "packages.draft_package", seller)
    read_criteria(document)
    if set(document) - {"where", "disclose"}:
        raise InvalidInput("criteria_wrong", "Only where and disclose are kept.", field="criteria")
    if not is_currency(currency):
        raise InvalidInput("currency_unknown", "Write an ISO 4217 code.", field="currency")
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > 100 or not can_be_kept(cleaned):
        raise InvalidInput("name_wrong", "Write a name of at most 100 characters.", field="save_as")
    kept, _ = SavedCriteria.objects.update_or_create(
        seller=seller,
        name=cleaned,
        defaults={
            "currency": currency,
            "document": document,
            "saved_by": user,
            "saved_at": database_now(),
        },
    )
    record(type="criteria.saved", subject=kept, actor=user, payload={"name": cleaned, **document})
    return kept


@transaction.atomic
def forget_criteria(*, user: User, criteria_id: UUID) -> None:
    """Delete saved criteria; packages keep their own copy. Gone already, nothing happens."""
    kept = SavedCriteria.objects.select_for_update().filter(pk=criteria_id).first()
    if kept is None:
        return
    require(user, "packages.draft_package", kept.seller)
    record(type="criteria.forgotten", subject=kept, actor=user, payload={"name": kept.name})
    kept.delete()


def keep_loan_list(
    *, user: User, seller: Organisation, keys: Sequence[bytes], words: str, outcome: dict[str, Any]
) -> LoanList:
    """Store a list of picked loans for criteria to name. keys: of 16 bytes each, any order.

    Part of the caller's transaction, which has checked the person's right.
    """
    return LoanList.objects.create(
        seller=seller,
        file=store_bytes(b"".join(sorted(keys))),
        loans=len(keys),
        words=words,
        outcome=outcome,
        made_by=user,
        made_at=database_now(),
    )


@transaction.atomic
def prepare_columns(*, seller: Organisation, tapes: Sequence[Tape]) -> Job:
    """Have a worker write the columns of large tapes; while one is at it, that job."""
    from npa_market.packages.tasks import prepare_columns_task

    Organisation.objects.select_for_update().get(pk=seller.pk)
    waiting = Job.objects.filter(
        kind=COLUMNS_JOB,
        organisation_id=seller.pk,
        state__in=[JobState.QUEUED, JobState.RUNNING],
    ).first()
    if waiting is not None:
        return waiting
    return queue_job(
        task=prepare_columns_task,
        kind=COLUMNS_JOB,
        title="Preparing the loans for counting",
        organisation_id=seller.pk,
        started_by=None,
        arguments={"tape_keys": ",".join(str(tape.pk) for tape in tapes)},
    )
