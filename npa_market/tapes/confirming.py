"""After validation a person decides: the control totals agree and the rows are taken in, or not."""

import hashlib
from uuid import UUID

import rfc8785
from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.jobs import queue_job
from npa_market.evidence.services import record
from npa_market.parties.models import User
from npa_market.parties.permissions import require
from npa_market.tapes.models import Tape, TapeState
from npa_market.tapes.services import end_job

MAY_BE_DISCARDED = frozenset({TapeState.UPLOADED, TapeState.IMPORTING, TapeState.TO_CONFIRM})


def result_sha256(tape: Tape) -> str:
    """Hash of what a person confirms: the file, how it was read, rows and control totals."""
    return hashlib.sha256(
        rfc8785.dumps(
            {
                "file_sha256": tape.file_id,
                "mapping": tape.mapping,
                "layout": tape.layout,
                "currency": tape.currency,
                "cut_off_date": tape.cut_off_date.isoformat(),
                "rows": [tape.rows_read, tape.rows_imported, tape.rows_rejected],
                # Texts: a sum of absurd amounts does not fit the integers of canonical JSON.
                "totals_minor": {
                    name: [str(total[part]) for part in ("read", "imported", "rejected")]
                    for name, total in tape.control_totals.items()
                },
            }
        )
    ).hexdigest()


@transaction.atomic
def confirm_import(*, user: User, tape_id: UUID, result_sha256_seen: str) -> Tape:
    """Take the validated rows in: from now on the loans exist for everybody who may see them.

    `result_sha256_seen`: the hash that stood beside the totals the person compared; another result
    needs another confirmation. Confirming again changes nothing. Raises NotPermitted, Refused.
    """
    tape = Tape.objects.select_for_update().get(pk=tape_id)
    require(user, "tapes.confirm_import", tape)
    if tape.state == TapeState.IMPORTED:
        return tape
    if tape.state != TapeState.TO_CONFIRM:
        raise Refused(
            "nothing_to_confirm",
            f"{tape.reference} is {tape.get_state_display().lower()}: there is no result to take "
            "in.",
        )
    if result_sha256_seen != result_sha256(tape):
        raise Refused(
            "result_changed",
            "The result is another one than you looked at. Compare the totals again.",
        )
    if not tape.rows_imported:
        raise Refused("no_sound_row", "No row was sound, so there is nothing to take in.")
    tape.state, tape.confirmed_by, tape.confirmed_at = TapeState.IMPORTED, user, database_now()
    tape.save(update_fields=["state", "confirmed_by", "confirmed_at"])
    record(
        type="tape.imported",
        subject=tape,
        actor=user,
        payload={"result_sha256": result_sha256_seen, "rows_imported": tape.rows_imported},
        prev_state=TapeState.TO_CONFIRM,
    )
    return tape


@transaction.atomic
def discard_tape(*, user: User, tape_id: UUID) -> Tape:
    """Take nothing in: stop a running import, or turn a validated result down.

    The file is kept as received; its rows are deleted in the background. The same file can be
    uploaded again. Discarding again changes nothing. Raises NotPermitted, Refused.
    """
    tape = Tape.objects.select_for_update().get(pk=tape_id)
    require(user, "tapes.discard_tape", tape)
    if tape.state == TapeState.DISCARDED:
        return tape
    if tape.state not in MAY_BE_DISCARDED:
        raise Refused("not_discardable", f"{tape.reference} is {tape.get_state_display().lower()}.")
    before = tape.state
    end_job(tape, "Cancelled.")
    # The new attempt stops a run that still lives at its next chunk.
    tape.state, tape.attempt, tape.committed_row = TapeState.DISCARDED, tape.attempt + 1, 0
    tape.save(update_fields=["state", "attempt", "committed_row"])
    record(
        type="tape.discarded",
        subject=tape,
        actor=user,
        payload={"rows_imported": tape.rows_imported, "attempt": tape.attempt},
        prev_state=before,
    )
    from npa_market.tapes.tasks import discard_rows_task  # The task calls these services.

    queue_job(
        task=discard_rows_task,
        kind="tape.discard",
        title=f"Removal of the rows of {tape.reference}",
        organisation_id=tape.seller_id,
        started_by=user,
        subject_url=tape.get_absolute_url(),
        arguments={"tape_id": str(tape.pk)},
    )
    return tape


def remove_rows(*, tape_id: UUID) -> None:
    """Delete the rows of a discarded tape. A system act, called by the job; idempotent."""
    from npa_market.tapes.importing import discard_rows  # Loads pandas.

    tape = Tape.objects.get(pk=tape_id)
    if tape.state == TapeState.DISCARDED:
        discard_rows(tape)
