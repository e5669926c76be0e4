"""Stored files of tapes and uploads: who needs one still, which were erased, and their way out."""

from datetime import datetime
from typing import IO
from uuid import UUID

from django.db import models, transaction

from npa_market.common.errors import Busy, Refused
from npa_market.common.files import erase_content, is_stored, open_stored
from npa_market.common.models import StoredFile
from npa_market.tapes.history_models import HistoryFile
from npa_market.tapes.models import Tape, Upload, UploadState
from npa_market.tapes.personal_models import DataKey

_IS_ERASED = models.Q(data_key__erased_at__isnull=False)
_IS_OF_ERASED = models.Q(tape__data_key__erased_at__isnull=False)


def erased_at(tape: Tape) -> datetime | None:
    """When the tape's identities were erased, and its files with them."""
    key = DataKey.objects.filter(tape=tape).first()
    return key.erased_at if key else None


def refuse_erased_file(seller_id: UUID, sha256: str) -> None:
    """Raise Refused `tape_erased` where the seller erased a tape of this file.

    Its hash is kept for that: a file that comes again would bring the identities back.
    """
    erased = Tape.objects.filter(_IS_ERASED, seller=seller_id, file=sha256)
    if tape := erased.first():
        refuse_erased(tape)


def refuse_erased(tape: Tape) -> None:
    """Raise Refused `tape_erased` where the identities of this tape were erased."""
    if at := erased_at(tape):
        raise Refused(
            "tape_erased",
            f"This file was erased on {at:%d %b %Y} with the identities of {tape.reference} and "
            "is not kept again. Export the loans that you still offer to a new file and upload "
            "that.",
            field="file",
        )


def is_needed(sha256: str, *, without: Tape | None = None) -> bool:
    """Does a row name the file that is not of an erased tape?

    `without`: a tape that is to be erased, whose seller's waiting uploads go along.
    """
    relations = StoredFile._meta.get_fields(include_hidden=True)
    for relation in relations:
        if not isinstance(relation, models.ManyToOneRel):
            continue
        rows = relation.related_model._default_manager.filter(**{relation.field.name: sha256})
        if relation.related_model is Tape:
            rows = rows.exclude(_IS_ERASED).exclude(pk=without and without.pk)
        if relation.related_model is HistoryFile:
            rows = rows.exclude(_IS_OF_ERASED).exclude(tape=without and without.pk)
        if relation.related_model is Upload:
            # The file of a used upload is its tape's.
            rows = rows.filter(state=UploadState.RECEIVED)
            rows = rows.exclude(seller=without and without.seller_id)
        if rows.exists():
            return True
    return False


@transaction.atomic
def let_go(sha256: str) -> bool:
    """Delete a stored file that nobody needs any more; was it deleted?

    Its row goes too, unless an erased tape keeps the hash. Called after the commit of the act that
    needs it no more: a rolled back act must not lose a file.
    """
    stored = StoredFile.objects.select_for_update().filter(sha256=sha256)
    if not stored.exists() or is_needed(sha256):
        return False
    try:
        with transaction.atomic():
            stored.delete()
    except models.ProtectedError:
        pass  # An erased tape keeps the hash.
    erase_content(sha256)
    return True


def hold(stored: StoredFile) -> None:
    """Called in the transaction that names a stored file, after the row that does.

    Raises Busy where the file went meanwhile because nobody needed it (see `let_go`).
    """
    kept = StoredFile.objects.select_for_update(no_key=True).filter(pk=stored.pk)
    if not (kept.exists() and is_stored(stored.sha256)):
        raise Busy("The file was deleted while it arrived. Nothing was done; send it again.")


def open_upload(upload: Upload) -> IO[bytes]:
    """The file of a complete upload, for reading.

    Raises Refused: upload_over, upload_incomplete, tape_erased, file_gone.
    """
    if upload.state == UploadState.DISCARDED:
        raise Refused("upload_over", "This upload was discarded: start a new one.", field="file")
    if upload.file_id is None:
        raise Refused("upload_incomplete", "The file is not complete yet.")
    refuse_erased_file(upload.seller_id, upload.file_id)
    try:
        return open_stored(upload.file_id)
    except FileNotFoundError as error:
        raise Refused(
            "file_gone",
            "The file is not kept any more. Discard this upload and send the file again.",
            field="file",
        ) from error


def open_rows(tape: Tape, sha256: str) -> IO[bytes]:
    """Kept rows of a tape (rejects, findings), for reading. Raises Refused `rows_erased`."""
    gone = Refused("rows_erased", "The rows went with the tape's identities.")
    if erased_at(tape):  # Another tape may have the same rows.
        raise gone
    try:
        return open_stored(sha256)
    except FileNotFoundError as error:
        raise gone from error
