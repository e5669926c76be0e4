"""Files of histories as they arrive: upload, named columns, the job that imports them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.files import open_stored, store_file
from npa_market.common.jobs import queue_job
from npa_market.common.models import StoredFile
from npa_market.evidence.services import record
from npa_market.parties.models import User
from npa_market.parties.permissions import require
from npa_market.tapes.every_header import refuse_forbidden
from npa_market.tapes.history_models import HistoryFile, HistoryKind, HistoryState
from npa_market.tapes.kept_files import erased_at, hold, let_go
from npa_market.tapes.models import Tape, TapeState
from npa_market.tapes.read_as import part_name
from npa_market.tapes.services import receive
from npa_market.tapes.sniffing import Layout

if TYPE_CHECKING:
    from npa_market.tapes.history_mapping import Reading
    from npa_market.tapes.reading import Source

_SPOOL_BYTES = 16 << 20
_TO_QUEUE = {HistoryState.WAITING, HistoryState.FAILED, HistoryState.REMOVED}


def upload_history(
    *,
    user: User,
    tape_id: UUID,
    kind: str,
    chunks: Iterable[bytes],
    file_name: str,
    columns: dict[str, str] | None = None,
    layout: dict[str, Any] | None = None,
) -> HistoryFile:
    """Keep a file of a tape's histories as received and queue its import.

    columns: field -> header, where the file's names are not the usual ones; without them those that
    the seller last named for this kind hold, if the file has them. layout: of `sniffing.Layout`.
    The same file of the same kind again is the same history; one that waits, failed or was removed
    is queued. Raises NotPermitted, InvalidInput, Refused (the tape is not imported, its identities
    were erased: a file would bring some back; the history stands and was read otherwise).
    """
    from npa_market.tapes.history_mapping import checked_reading  # Loads pandas.

    tape = _tape_for_upload(user, tape_id, kind)
    reading = checked_reading(kind, columns or {}, layout or {})
    with SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        receive(chunks, spool)
        read = _read_as(tape, kind, spool, reading)
        stored = _stored(spool)
    named = {"kind": kind, "file_name": file_name[-200:], **read}
    return _or_let_go(_attach, tape, user, stored, named)


def keep_history(
    *,
    user: User,
    tape_id: UUID,
    kind: str,
    chunks: Iterable[bytes],
    file_name: str,
    layout: dict[str, Any] | None = None,
) -> HistoryFile:
    """Keep a file whose columns are not known; it waits for `read_history`.

    Raises as `upload_history`; a file with forbidden columns is not kept.
    """
    from npa_market.tapes.workbench import sample_of

    tape = _tape_for_upload(user, tape_id, kind)
    named: dict[str, Any] = {"kind": kind, "file_name": file_name[-200:], "layout": layout or {}}
    with SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        receive(chunks, spool)
        try:
            stated = Layout(**named["layout"])
            named["part"] = _part(sample_of(spool, stated).source, stated)
        except InvalidInput as refusal:
            if not may_be_read_otherwise(refusal):
                raise
        stored = _stored(spool)
    return _or_let_go(_keep, tape, user, stored, named)


def _stored(spool: IO[bytes]) -> StoredFile:
    """The received file, kept unless it has a forbidden column."""
    refuse_forbidden(spool)
    spool.seek(0)
    return store_file(spool)


def _or_let_go(
    make: Callable[[Tape, User, StoredFile, dict[str, Any]], HistoryFile],
    tape: Tape,
    user: User,
    stored: StoredFile,
    named: dict[str, Any],
) -> HistoryFile:
    """The history that `make` makes of the file; a file that it refuses is not kept."""
    try:
        return make(tape, user, stored, named)
    except Refused:
        let_go(stored.sha256)
        raise


def may_be_read_otherwise(refusal: Refused) -> bool:
    """Would other columns, or another sheet, member or encoding, make sense of the file?"""
    return refusal.code == "column_missing" or refusal.field in {"sheet", "member", "encoding"}


def _tape_for_upload(user: User, tape_id: UUID, kind: str) -> Tape:
    tape = Tape.objects.get(pk=tape_id)
    require(user, "tapes.upload_history", tape)
    if kind not in HistoryKind.values:
        raise InvalidInput("kind_unknown", "There is no history of this kind.", field="kind")
    if tape.state != TapeState.IMPORTED:
        raise Refused("tape_not_imported", "A history needs an imported tape to attach to.")
    _refuse_erased(tape)
    return tape


def _read_as(tape: Tape, kind: str, handle: IO[bytes], reading: "Reading") -> dict[str, Any]:
    """Columns, layout and part under which the file opens: those named, remembered, or known."""
    from npa_market.tapes.history_mapping import open_history

    tries = [reading.columns] if reading.columns else [remembered_columns(tape, kind), {}]
    for columns in tries:
        handle.seek(0)
        tried = replace(reading, columns=columns)
        try:
            with open_history(handle, kind, tried) as source:
                part = _part(source.source, reading.layout)
                return {"columns": columns, "layout": reading.stated_layout(), "part": part}
        except InvalidInput as refusal:
            is_last = columns is tries[-1]
            if is_last or refusal.code not in {"column_missing", "column_unknown", "column_twice"}:
                raise
    raise AssertionError("the last try returns or raises")


def _part(source: "Source", layout: Layout) -> str:
    """The sheet or member, where another one than the first was asked for."""
    if layout.sheet:
        return "" if source.sheets[:1] == (source.sheet,) else part_name(source.sheet)
    return part_name(source.member) if layout.member and len(source.members) > 1 else ""


def remembered_columns(tape: Tape, kind: str) -> dict[str, str]:
    """Columns that the seller named for the last file of this kind that was taken in."""
    files = HistoryFile.objects.filter(
        tape__seller=tape.seller_id, kind=kind, state=HistoryState.IMPORTED
    )
    last = files.exclude(columns={}).order_by("-pk").first()
    return dict(last.columns) if last else {}


def _refuse_erased(tape: Tape) -> None:
    if at := erased_at(tape):
        raise Refused(
            "tape_erased",
            f"The identities of {tape.reference} were erased on {at:%d %b %Y}: "
            "it takes no more files.",
            field="file",
        )


@transaction.atomic
def _attach(tape: Tape, user: User, stored: StoredFile, named: dict[str, Any]) -> HistoryFile:
    """The history of this kind, file and part, queued where its rows do not stand."""
    history, is_new = _history_of(tape, user, stored, named)
    if not is_new and history.state not in _TO_QUEUE:
        if (named["columns"], named["layout"]) != (history.columns, history.layout):
            raise _read_otherwise()
        return history
    return _queue_read(history, user, named)


@transaction.atomic
def _keep(tape: Tape, user: User, stored: StoredFile, named: dict[str, Any]) -> HistoryFile:
    history, is_new = _history_of(tape, user, stored, named)
    if is_new or history.state in _TO_QUEUE - {HistoryState.WAITING}:
        before, history.state = history.state, HistoryState.WAITING
        history.layout = named["layout"]
        history.save(update_fields=["state", "layout"])
        record(
            type="history.kept",
            subject=history,
            actor=user,
            payload={"tape": tape.reference, "kind": history.kind, "file_sha256": stored.sha256},
            prev_state="" if is_new else before,
        )
    return history


def _history_of(
    tape: Tape, user: User, stored: StoredFile, named: dict[str, Any]
) -> tuple[HistoryFile, bool]:
    Tape.objects.select_for_update(no_key=True).get(pk=tape.pk)
    _refuse_erased(tape)
    found = HistoryFile.objects.get_or_create(
        tape=tape,
        kind=named["kind"],
        file=stored,
        part=named.get("part", ""),
        defaults={
            "file_name": named["file_name"],
            "uploaded_by": user,
            "uploaded_at": database_now(),
        },
    )
    hold(stored)
    return found


def read_history(
    *, user: User, history_id: UUID, columns: dict[str, str], layout: dict[str, Any]
) -> HistoryFile:
    """Say how a waiting file is read, and queue its import; said again the same, it stays.

    Raises NotPermitted, InvalidInput (the file has not these columns), Refused (its rows stand
    and were read otherwise; the same part is attached already).
    """
    from npa_market.tapes.history_mapping import checked_reading

    history = HistoryFile.objects.select_related("tape").get(pk=history_id)
    require(user, "tapes.upload_history", history.tape)
    _refuse_erased(history.tape)
    reading = checked_reading(history.kind, columns, layout)
    with open_stored(history.file_id) as handle:
        read = _read_as(history.tape, history.kind, handle, reading)
    with transaction.atomic():
        tape = Tape.objects.select_for_update(no_key=True).get(pk=history.tape_id)
        _refuse_erased(tape)
        history = HistoryFile.objects.select_related("tape").get(pk=history_id)
        if history.state not in _TO_QUEUE:
            if read != {name: getattr(history, name) for name in read}:
                raise _read_otherwise()
            return history
        others = HistoryFile.objects.filter(tape=tape, kind=history.kind, file=history.file_id)
        if others.filter(part=read["part"]).exclude(pk=history.pk).exists():
            raise Refused("history_attached", "This part of the file is attached already.")
        return _queue_read(history, user, read)


def _read_otherwise() -> Refused:
    return Refused(
        "history_read_otherwise",
        "This file is attached already and was read otherwise. Remove its rows first.",
    )


def _queue_read(history: HistoryFile, user: User, read: dict[str, Any]) -> HistoryFile:
    for name in ("part", "columns", "layout"):
        setattr(history, name, read[name])
    history.state = HistoryState.UPLOADED
    history.save(update_fields=["state", "part", "columns", "layout"])
    record(
        type="history.uploaded",
        subject=history,
        actor=user,
        payload={
            "tape": history.tape.reference,
            "kind": history.kind,
            "file_sha256": history.file_id,
        },
    )
    return _queue(history=history, user=user)


def _queue(*, history: HistoryFile, user: User) -> HistoryFile:
    from npa_market.tapes.tasks import import_history_task  # The task calls this module.

    history.job = queue_job(
        task=import_history_task,
        kind="history.import",
        title=f"Import of {history}",
        organisation_id=history.tape.seller_id,
        started_by=user,
        subject_url=history.tape.get_absolute_url(),
        arguments={"history_id": str(history.pk)},
    )
    history.save(update_fields=["job"])
    return history
