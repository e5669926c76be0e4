"""Histories: import as a job, removal, rejected rows. Their files arrive in `history_intake`.

A history belongs to an imported tape and finds its loans by loan number. Rows count for nobody
before their file is taken in completely (`HistoryRow.objects.imported()`).
"""

from collections.abc import Callable
from functools import partial
from typing import IO, Any
from uuid import UUID

from django.db import transaction

from npa_market.common.errors import Refused
from npa_market.common.files import open_stored, store_chunks
from npa_market.evidence.services import record
from npa_market.parties.models import User
from npa_market.parties.permissions import require
from npa_market.tapes.history_models import ROWS_OF_KIND, HistoryFile, HistoryState
from npa_market.tapes.kept_files import open_rows
from npa_market.tapes.models import Tape
from npa_market.tapes.personal_models import AccessForm
from npa_market.tapes.revealing import log_access

_ROWS_PER_DELETE = 20_000


def import_history(
    *, history_id: UUID, progress: Callable[[int, int, str], None] | None = None
) -> HistoryFile:
    """Import a kept history: afterwards it is imported completely, or failed with nothing left.

    A system act, called by the job; idempotent: a run that died is cleaned up and done again.
    """
    from npa_market.tapes.history_import import run_history  # Loads pandas.

    history = _claim(history_id)
    if history.state == HistoryState.IMPORTED:
        return history
    try:
        delete_rows(history)
        with open_stored(history.file_id) as handle:
            run_history(history, handle, partial(_finish, history), progress)
    except Refused as refusal:
        if refusal.code != "import_superseded":
            _fail(history, refusal.message)
        raise
    except Exception:
        _fail(history, "The import was stopped by a fault of the venue. Upload the file again.")
        raise
    return history


@transaction.atomic
def _claim(history_id: UUID) -> HistoryFile:
    history = (
        HistoryFile.objects.select_for_update(of=("self",))
        .select_related("file", "tape")
        .get(pk=history_id)
    )
    if history.state != HistoryState.IMPORTED:
        history.state, history.failure = HistoryState.IMPORTING, ""
        history.attempt += 1
        history.save(update_fields=["state", "failure", "attempt"])
    return history


def check_still_ours(history: HistoryFile) -> None:
    """Lock the history; refuse to go on after a take-over."""
    current = HistoryFile.objects.select_for_update(no_key=True).get(pk=history.pk)
    if (current.attempt, current.state) != (history.attempt, history.state):
        raise Refused("import_superseded", "Another run of this import took over.")


def delete_rows(history: HistoryFile) -> None:
    """Delete the rows of a history in short transactions."""
    rows = ROWS_OF_KIND[history.kind].objects.filter(source=history)
    while True:
        with transaction.atomic():
            check_still_ours(history)
            some = list(rows.values_list("pk", flat=True)[:_ROWS_PER_DELETE])
            rows.filter(pk__in=some).delete()
        if len(some) < _ROWS_PER_DELETE:
            return


def _fail(history: HistoryFile, message: str) -> None:
    history.state = HistoryState.IMPORTING  # Set already where the end of the run was undone.
    delete_rows(history)
    with transaction.atomic():
        check_still_ours(history)
        history.state, history.failure = HistoryState.FAILED, message[:500]
        history.save(update_fields=["state", "failure"])
        record(
            type="history.failed",
            subject=history,
            actor=None,
            payload={"attempt": history.attempt},
            prev_state=HistoryState.IMPORTING,
        )


def _finish(history: HistoryFile, run: Any) -> None:
    """Take the run's result over; `run` is a `history_import.HistoryRun`."""
    rejects = store_chunks(run.rejects.chunks()) if run.rejects.rows else None
    with transaction.atomic():
        Tape.objects.select_for_update(no_key=True).get(pk=history.tape_id)  # One file at a time.
        check_still_ours(history)
        if run.repeats.meet_newer():
            raise Refused(
                "rows_attached_meanwhile",
                "Another file with rows of this one was attached meanwhile. Upload the file again: "
                "rows that stand there are left out.",
            )
        history.rows_read, history.rows_imported = run.rows_read, run.rows_imported
        history.rows_rejected, history.rejects_file = run.rejects.rows, rejects
        history.loans, history.totals = len(run.loans), run.totals
        history.findings = run.findings_json()
        history.state = HistoryState.IMPORTED
        history.save()
        record(
            type="history.imported",
            subject=history,
            actor=None,
            payload={
                "rows_imported": history.rows_imported,
                "rows_rejected": history.rows_rejected,
                "totals_minor": {name: str(total) for name, total in history.totals.items()},
            },
            prev_state=HistoryState.IMPORTING,
        )


def remove_history(*, user: User, history_id: UUID) -> HistoryFile:
    """Take a history back, as if it had never been attached; the file is kept.

    Removing again changes nothing. Raises NotPermitted, Refused (its import still runs).
    """
    with transaction.atomic():
        history = (
            HistoryFile.objects.select_for_update(of=("self",))
            .select_related("tape")
            .get(pk=history_id)
        )
        require(user, "tapes.upload_history", history.tape)
        if history.state == HistoryState.IMPORTING:
            raise Refused("import_runs", "The import of this history still runs.")
        if history.state != HistoryState.REMOVED:
            before, history.state = history.state, HistoryState.REMOVED
            history.attempt += 1
            history.save(update_fields=["state", "attempt"])
            record(
                type="history.removed",
                subject=history,
                actor=user,
                payload={"rows": history.rows_imported},
                prev_state=before,
            )
    delete_rows(history)
    return history


@transaction.atomic
def open_history_rejects(*, user: User, history_id: UUID) -> IO[bytes]:
    """The rejected rows of a history; who opened them is recorded, and in the access log.

    Raises NotPermitted, Refused (no row was rejected, or they went with the identities).
    """
    history = HistoryFile.objects.select_related("tape").get(pk=history_id)
    require(user, "tapes.read_rejects", history.tape)
    if not history.rejects_file_id:
        raise Refused("no_rejects", "No row of this history was rejected.")
    log_access(
        user=user,
        tape=history.tape,
        form=AccessForm.REJECTS,
        people=history.rows_rejected,
        reason="Repair of rejected rows of a history",
        loan=None,
    )
    record(
        type="history.rejects_read",
        subject=history,
        actor=user,
        payload={"rejects_sha256": history.rejects_file_id, "rows": history.rows_rejected},
        prev_state=history.state,
    )
    return open_rows(history.tape, history.rejects_file_id)
