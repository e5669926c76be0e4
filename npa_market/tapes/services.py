"""Changes of state of a tape: upload, import, retry."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.files import open_stored, store_chunks, store_file
from npa_market.common.ids import next_reference
from npa_market.common.jobs import queue_job
from npa_market.common.models import Job, JobState
from npa_market.evidence.services import record
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require
from npa_market.parties.roles import OrganisationKind
from npa_market.tapes.dictionary import EARLIEST_DATE
from npa_market.tapes.every_header import refuse_forbidden
from npa_market.tapes.kept_files import (
    hold,
    let_go,
    refuse_erased,
    refuse_erased_file,
)
from npa_market.tapes.mapping import mapping_named
from npa_market.tapes.mapping_store import parsed_mapping, saved_mapping
from npa_market.tapes.models import Tape, TapeState
from npa_market.tapes.read_as import part_name, reading_of, refuse_other_reading
from npa_market.tapes.reading import SNIFFED, Layout, open_tape

_IDENTITY = ("seller", "file", "mapping", "cut_off_date", "member", "sheet")
_WITHOUT_RESULT = frozenset({TapeState.FAILED, TapeState.DISCARDED})
_RESULT_STANDS = frozenset({TapeState.TO_CONFIRM, TapeState.IMPORTED})
CURRENCIES = ("CNY", "USD", "EUR", "GBP", "HKD", "JPY")
_SPOOL_BYTES = 16 << 20


def upload_tape(
    *,
    user: User,
    seller: Organisation,
    chunks: Iterable[bytes],
    file_name: str,
    mapping: str,
    currency: str,
    cut_off_date: date,
    layout: Layout = SNIFFED,
) -> Tape:
    """Keep a seller's file as received and queue its import.

    `mapping` names one of the venue's or one that the seller saved (`cards@3`).

    The same part of a file with the same mapping and cut-off date again is the same tape (see
    `keep_tape`). The header is read before anything is kept: a file that is no table, lacks
    needed columns or has forbidden ones is refused and leaves nothing. Raises NotPermitted,
    InvalidInput, Refused (what `keep_tape` raises).
    """
    require(user, "tapes.upload_tape", seller)
    if seller.kind != OrganisationKind.SELLER:
        raise InvalidInput("not_a_seller", "Only a seller uploads tapes.")
    with SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        refuse_erased_file(seller.pk, receive(chunks, spool))
        values = checked_values(seller, spool, mapping, Terms(currency, cut_off_date, layout))
        refuse_forbidden(spool)
        spool.seek(0)
        # Outside the transaction: a large file must not hold the database.
        stored = store_file(spool)
        try:
            return keep_tape(user=user, values={**values, "file": stored, "file_name": file_name})
        except Refused:
            let_go(stored.sha256)
            raise


@dataclass(frozen=True)
class Terms:
    """What people say of a file besides its mapping."""

    currency: str
    cut_off_date: date
    layout: Layout = SNIFFED


def checked_values(
    seller: Organisation, handle: IO[bytes], mapping: str, terms: Terms
) -> dict[str, Any]:
    """Fields of a tape, after the file's header was read through the mapping.

    Raises InvalidInput: what `open_tape` raises, and mapping_unknown, currency_not_of_mapping,
    cut_off_in_future, cut_off_too_early.
    """
    saved = saved_mapping(seller, mapping) if "@" in mapping else None
    chosen = parsed_mapping(saved) if saved else mapping_named(mapping)
    if terms.currency not in (chosen.currencies or CURRENCIES):
        allowed = ", ".join(chosen.currencies or CURRENCIES)
        raise InvalidInput(
            "currency_not_of_mapping",
            f"The mapping {mapping} takes {allowed}.",
            field="currency",
        )
    check_cut_off(terms.cut_off_date, database_now().date())
    stated = {name: value for name, value in asdict(terms.layout).items() if value}
    if saved and not stated:
        stated = saved.layout
    with open_tape(handle, chosen, Layout(**stated)) as found:
        read = found.layout()
    return {
        "seller": seller,
        "mapping": mapping,
        "saved_mapping": saved,
        "stated_layout": stated,
        "layout": read,
        "member": part_name(str(read["member"])),
        "sheet": part_name(str(read["sheet"])),
        "currency": terms.currency,
        "cut_off_date": terms.cut_off_date,
    }


def check_cut_off(cut_off_date: date, today: date) -> None:
    """Raise InvalidInput for a day that no balance is stated at."""
    if cut_off_date > today:
        raise InvalidInput(
            "cut_off_in_future", "The cut-off date lies in the future.", field="cut_off_date"
        )
    if cut_off_date < EARLIEST_DATE:
        raise InvalidInput(
            "cut_off_too_early",
            f"The cut-off date lies before {EARLIEST_DATE.year}. Write all digits of the year.",
            field="cut_off_date",
        )


def receive(chunks: Iterable[bytes], spool: IO[bytes]) -> str:
    """Take an upload in up to the venue's limit and go back to its beginning; its SHA-256."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        spool.write(chunk)
        if spool.tell() > settings.MAX_TAPE_BYTES:
            raise InvalidInput(
                "file_too_large",
                f"The file is larger than {settings.MAX_TAPE_BYTES >> 20:,} MB.",
                field="file",
            )
    spool.seek(0)
    return digest.hexdigest()


@transaction.atomic
def keep_tape(*, user: User, values: dict[str, Any]) -> Tape:
    """The tape of a kept file, its import queued; the same part of it again is the same tape.

    A failed or discarded tape is read as it is stated now; one that stands is not read otherwise.
    `values`: those of `checked_values`, and file and file_name. Raises Refused (tape_erased,
    tape_has_other_currency, tape_read_otherwise), Busy.
    """
    values = {**values, "file_name": values["file_name"][-200:]}
    # One upload at a time per seller: the second of two equal ones finds the first.
    Organisation.objects.select_for_update().get(pk=values["seller"].pk)
    refuse_erased_file(values["seller"].pk, values["file"].pk)
    same = {name: values[name] for name in _IDENTITY}
    if known := Tape.objects.select_for_update().filter(**same).first():
        if known.state not in _WITHOUT_RESULT:
            refuse_other_reading(known, values["currency"], values["layout"])
            return known
        for name in ("currency", "stated_layout", "layout"):
            setattr(known, name, values[name])
        return _queue_again(tape=known, user=user)
    tape = Tape.objects.create(
        reference=next_reference("TAPE"), uploaded_by=user, uploaded_at=database_now(), **values
    )
    hold(tape.file)
    record(
        type="tape.uploaded",
        subject=tape,
        actor=user,
        payload={
            "reference": tape.reference,
            "file_sha256": tape.file_id,
            "bytes": tape.file.size,
            "mapping": tape.mapping,
            "currency": tape.currency,
            "cut_off_date": tape.cut_off_date.isoformat(),
        },
    )
    return _queue(tape=tape, user=user)


def _queue(*, tape: Tape, user: User) -> Tape:
    from npa_market.tapes.tasks import import_tape_task  # The task calls this module.

    tape.job = queue_job(
        task=import_tape_task,
        kind="tape.import",
        title=f"Import of {tape.reference}",
        organisation_id=tape.seller_id,
        started_by=user,
        subject_url=tape.get_absolute_url(),
        arguments={"tape_id": str(tape.pk)},
    )
    tape.save(update_fields=["job"])
    return tape


@transaction.atomic
def retry_import(*, user: User, tape_id: UUID) -> Tape:
    """Queue the import again after a failure, or where a worker died.

    A run that is still alive stops at its next chunk: the new one takes over and goes on after the
    last chunk that was written. A tape that waits for confirmation or is imported stays as it is.
    """
    tape = Tape.objects.select_for_update().get(pk=tape_id)
    require(user, "tapes.retry_import", tape)
    if tape.state in _RESULT_STANDS:
        return tape
    refuse_erased(tape)
    return _queue_again(tape=tape, user=user)


def _queue_again(*, tape: Tape, user: User) -> Tape:
    end_job(tape, "Replaced by a new run.")
    record(
        type="tape.import_queued",
        subject=tape,
        actor=user,
        payload={
            "attempt": tape.attempt + 1,
            "currency": tape.currency,
            "read_as": reading_of(tape.layout),
        },
        prev_state=tape.state,
    )
    if tape.state in _WITHOUT_RESULT:
        tape.state, tape.failure = TapeState.UPLOADED, ""
    tape.save(update_fields=["state", "failure", "currency", "stated_layout", "layout"])
    return _queue(tape=tape, user=user)


def end_job(tape: Tape, message: str) -> None:
    """Cancel the tape's job where it is not over yet."""
    waiting = Job.objects.filter(
        pk=tape.job_id or UUID(int=0), state__in=[JobState.QUEUED, JobState.RUNNING]
    )
    waiting.update(state=JobState.CANCELLED, ended_at=database_now(), message=message)


def import_tape(*, tape_id: UUID, progress: Callable[[int, int, str], None] | None = None) -> Tape:
    """Import a kept tape: afterwards it waits for confirmation, or failed with nothing left of it.

    A system act, called by the job. Idempotent: a tape with a result is returned as it is; a run
    that died is gone on with after its last chunk. rows_read = rows_imported + rows_rejected.
    Raises Refused (the tape is failed then) or whatever broke (failed too).
    """
    from npa_market.tapes.importing import discard_rows, run_import  # Loads pandas.

    tape = _claim(tape_id)
    if tape.state in _RESULT_STANDS:
        return tape
    with _failing(tape):
        refuse_erased(tape)
        if not tape.committed_row:
            discard_rows(tape)
        with open_stored(tape.file_id) as handle:
            run_import(tape, handle, partial(_finish, tape), progress)
    return tape


@transaction.atomic
def _claim(tape_id: UUID) -> Tape:
    tape = Tape.objects.select_for_update().select_related("file").get(pk=tape_id)
    if tape.state not in _RESULT_STANDS:
        if tape.state != TapeState.IMPORTING:
            tape.committed_row = 0  # Rows of a run that was given up are on their way out.
        tape.state, tape.attempt, tape.failure = TapeState.IMPORTING, tape.attempt + 1, ""
        tape.save(update_fields=["state", "attempt", "failure", "committed_row"])
    return tape


@contextmanager
def _failing(tape: Tape) -> Iterator[None]:
    """End the tape as failed where the body raises; the exception goes on."""
    try:
        yield
    except Refused as refusal:
        if refusal.code != "import_superseded":
            _fail(tape, refusal.code, refusal.message)
        raise
    except Exception:
        _fail(tape, "fault", "The import was stopped by a fault of the venue. Start it again.")
        raise


def _fail(tape: Tape, code: str, message: str) -> None:
    from npa_market.tapes.importing import check_still_ours, discard_rows

    tape.state = TapeState.IMPORTING  # Set already where the end of the run was undone.
    discard_rows(tape)
    with transaction.atomic():
        check_still_ours(tape)
        tape.state, tape.failure, tape.committed_row = TapeState.FAILED, message[:500], 0
        tape.save(update_fields=["state", "failure", "committed_row"])
        record(
            type="tape.failed",
            subject=tape,
            actor=None,
            payload={"code": code, "attempt": tape.attempt},
            prev_state=TapeState.IMPORTING,
        )


def _finish(tape: Tape, run: Any) -> None:
    """Take the run's result over; `run` is an `importing.ImportRun`."""
    from npa_market.tapes.importing import check_still_ours

    rejects = store_chunks(run.rejects.chunks()) if run.rejects.rows else None
    found = store_chunks(run.found.chunks()) if run.found.rows else None
    with transaction.atomic():
        check_still_ours(tape)
        for stored in filter(None, (rejects, found)):
            hold(stored)
        tape.rows_read = run.rows_read
        tape.rows_imported = run.rows_imported
        tape.rows_rejected = run.rejects.rows
        tape.control_totals = run.tally.totals_json()
        tape.completeness = run.tally.completeness_json()
        tape.findings = run.tally.findings_json()
        tape.layout = run.source.layout()
        tape.rejects_file, tape.found_file = rejects, found
        tape.state, tape.committed_row = TapeState.TO_CONFIRM, 0
        tape.save()
        record(
            type="tape.validated",
            subject=tape,
            actor=None,
            payload=_import_facts(tape),
            prev_state=TapeState.IMPORTING,
        )


def _import_facts(tape: Tape) -> dict[str, Any]:
    """What the evidence log keeps of an import: counts and sums, no cell of the file."""
    return {
        "rows_read": tape.rows_read,
        "rows_imported": tape.rows_imported,
        "rows_rejected": tape.rows_rejected,
        # Texts: a sum of absurd amounts does not fit the integers of canonical JSON.
        "imported_minor": {
            name: str(total["imported"]) for name, total in tape.control_totals.items()
        },
        "findings": [
            {"id": found["id"], "count": found["count"]}
            for found in tape.findings
            if found["id"] != "columns_unused"
        ],
        "rejects_sha256": tape.rejects_file_id,
        "attempt": tape.attempt,
    }
