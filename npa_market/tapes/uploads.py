"""Files on their way in: resumable, chunk by chunk, checked by content, swept where abandoned.

Each chunk is a file of its own in the storage, so a folder and an S3 bucket take them alike; at
the end they become one content-addressed file. A chunk counts when its row in `parts` is written:
whatever dies between the two is asked for again.
"""

import hashlib
import secrets
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Sum

from npa_market.common.clock import database_now
from npa_market.common.errors import Busy, InvalidInput, Refused
from npa_market.common.files import CHUNK, open_stored, store_chunks
from npa_market.evidence.services import record
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require
from npa_market.parties.roles import OrganisationKind
from npa_market.tapes.every_header import refuse_forbidden
from npa_market.tapes.kept_files import hold, let_go, open_upload, refuse_erased_file
from npa_market.tapes.models import Tape, Upload, UploadState
from npa_market.tapes.reading import SNIFFED, Layout
from npa_market.tapes.services import (
    CURRENCIES,
    Terms,
    check_cut_off,
    checked_values,
    keep_tape,
)

MAX_CHUNK_BYTES = 16 << 20
MAX_OPEN_UPLOADS = 20
ABANDONED_AFTER = timedelta(hours=24)
UNUSED_AFTER = timedelta(days=30)


@transaction.atomic
def start_upload(
    *,
    user: User,
    seller: Organisation,
    file_name: str,
    size: int,
    currency: str,
    cut_off_date: date,
) -> Upload:
    """Announce a file of `size` bytes; its chunks follow.

    Raises NotPermitted, InvalidInput (file_empty, file_too_large, currency_unknown,
    cut_off_in_future, cut_off_too_early), Refused (quota_reached).
    """
    require(user, "tapes.upload_tape", seller)
    if seller.kind != OrganisationKind.SELLER:
        raise InvalidInput("not_a_seller", "Only a seller uploads tapes.")
    now = database_now()
    _check_announced(size, currency)
    check_cut_off(cut_off_date, now.date())
    # The quota is counted and used under the lock of its owner.
    Organisation.objects.select_for_update().get(pk=seller.pk)
    open_uploads = Upload.objects.filter(seller=seller, state=UploadState.RECEIVING)
    waiting = open_uploads.aggregate(Sum("size"))["size__sum"] or 0
    if open_uploads.count() >= MAX_OPEN_UPLOADS or waiting + size > 2 * settings.MAX_TAPE_BYTES:
        raise Refused(
            "quota_reached",
            f"At most {MAX_OPEN_UPLOADS} uploads and {2 * settings.MAX_TAPE_BYTES >> 20:,} MB may "
            "be under way at a time. Finish or discard one of them first.",
        )
    return Upload.objects.create(
        seller=seller,
        file_name=file_name[-200:],
        size=size,
        currency=currency,
        cut_off_date=cut_off_date,
        started_by=user,
        started_at=now,
        touched_at=now,
    )


def _check_announced(size: int, currency: str) -> None:
    if size < 1:
        raise InvalidInput(
            "file_empty", "The file has 0 bytes. Choose the tape again.", field="file"
        )
    if size > settings.MAX_TAPE_BYTES:
        raise InvalidInput(
            "file_too_large",
            f"The file is larger than {settings.MAX_TAPE_BYTES >> 20:,} MB.",
            field="file",
        )
    if currency not in CURRENCIES:
        raise InvalidInput(
            "currency_unknown", f"Take one of {', '.join(CURRENCIES)}.", field="currency"
        )


def take_chunk(*, user: User, upload_id: UUID, offset: int, content: bytes) -> Upload:
    """Add the bytes that stand at `offset`; the same chunk sent again changes nothing.

    Raises NotPermitted, Refused (offset_differs: go on at `received`; upload_over),
    InvalidInput (chunk_empty, chunk_too_large, file_too_large).
    """
    upload = Upload.objects.get(pk=upload_id)
    require(user, "tapes.change_upload", upload)
    if not content or len(content) > MAX_CHUNK_BYTES:
        raise InvalidInput(
            "chunk_size", f"A chunk has 1 to {MAX_CHUNK_BYTES >> 20} MB.", field="chunk"
        )
    _check_offset(upload, offset, len(content))
    if upload.received == offset + len(content):
        return upload  # It arrived, and its answer was lost.
    # The bytes first, outside the transaction; a row that never points to them is swept.
    name = default_storage.save(
        f"uploads/{upload.pk}/{offset:015d}-{secrets.token_hex(4)}", ContentFile(content)
    )
    try:
        return _note_chunk(upload_id, offset, len(content), name)
    except Refused:
        default_storage.delete(name)
        raise


def _check_offset(upload: Upload, offset: int, length: int) -> None:
    if upload.state != UploadState.RECEIVING:
        raise Refused("upload_over", "This upload is over: start a new one.")
    if offset + length > upload.size:
        raise InvalidInput(
            "file_too_large", "More bytes came than the file was said to have.", field="chunk"
        )
    if offset not in (upload.received, upload.received - length):
        raise Refused(
            "offset_differs", f"{upload.received} bytes are here; go on from there.", field="offset"
        )


@transaction.atomic
def _note_chunk(upload_id: UUID, offset: int, length: int, name: str) -> Upload:
    upload = Upload.objects.select_for_update().get(pk=upload_id)
    _check_offset(upload, offset, length)
    if upload.received != offset:
        raise Refused("offset_differs", f"{upload.received} bytes are here; go on from there.")
    upload.parts = [*upload.parts, name]
    upload.received += length
    upload.touched_at = database_now()
    upload.save(update_fields=["parts", "received", "touched_at"])
    return upload


def finish_upload(*, user: User, upload_id: UUID, sha256: str) -> Upload:
    """Join the chunks of a complete upload into one kept file, if its content is as announced.

    `sha256`: hex digest of the whole file, as its owner counted it. Raises NotPermitted, Refused
    (upload_over, upload_incomplete; content_differs, tape_erased: the upload is discarded then),
    InvalidInput (what `refuse_forbidden` raises: likewise), Busy.
    """
    upload = Upload.objects.get(pk=upload_id)
    require(user, "tapes.change_upload", upload)
    if upload.state in {UploadState.RECEIVED, UploadState.USED}:
        return upload
    if upload.state == UploadState.DISCARDED:
        raise Refused("upload_over", "This upload is over: start a new one.")
    if upload.received != upload.size:
        raise Refused(
            "upload_incomplete", f"{upload.received:,} of {upload.size:,} bytes are here."
        )
    digest = hashlib.sha256()
    for chunk in _content(upload):
        digest.update(chunk)
    if digest.hexdigest() != sha256.lower():
        discard_upload(user=user, upload_id=upload.pk)
        raise Refused(
            "content_differs",
            "The file that arrived is not the one that was sent. Upload it again.",
            field="file",
        )
    try:
        refuse_erased_file(upload.seller_id, digest.hexdigest())
        stored = store_chunks(_content(upload))
        # Forbidden columns end an upload at once; what else is wrong can be overruled later.
        with open_stored(stored.sha256) as handle:
            refuse_forbidden(handle)
        return _note_received(user=user, upload_id=upload_id, stored=stored)
    except Busy:
        raise  # The chunks are here still: the same request again ends the upload.
    except Refused:
        discard_upload(user=user, upload_id=upload.pk)
        let_go(digest.hexdigest())
        raise


def _content(upload: Upload) -> Iterator[bytes]:
    for name in upload.parts:
        with default_storage.open(name, "rb") as part:
            while block := part.read(CHUNK):
                yield block


@transaction.atomic
def _note_received(*, user: User, upload_id: UUID, stored: Any) -> Upload:
    # An erasure takes the same lock: it sees this file, or is seen here.
    seller_id = Upload.objects.values_list("seller", flat=True).get(pk=upload_id)
    Organisation.objects.select_for_update(no_key=True).get(pk=seller_id)
    upload = Upload.objects.select_for_update().get(pk=upload_id)
    if upload.state != UploadState.RECEIVING:
        return upload
    refuse_erased_file(seller_id, stored.sha256)
    _forget_parts(upload)
    upload.file, upload.state, upload.touched_at = stored, UploadState.RECEIVED, database_now()
    upload.save()
    hold(stored)
    record(
        type="upload.received",
        subject=upload,
        actor=user,
        payload={"file_sha256": upload.file_id, "bytes": upload.size},
        prev_state=UploadState.RECEIVING,
    )
    return upload


def _forget_parts(upload: Upload) -> None:
    """Delete the chunks when the transaction is through."""

    def delete(names: list[str]) -> None:
        for name in names:
            default_storage.delete(name)

    transaction.on_commit(partial(delete, list(upload.parts)))
    upload.parts = []


def receive_whole(*, user: User, upload_id: UUID, chunks: Iterator[bytes]) -> Upload:
    """Take a file that came in one request of a form. Raises what chunks and their end raise."""
    digest, offset = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        take_chunk(user=user, upload_id=upload_id, offset=offset, content=chunk)
        offset += len(chunk)
    return finish_upload(user=user, upload_id=upload_id, sha256=digest.hexdigest())


@transaction.atomic
def discard_upload(*, user: User | None, upload_id: UUID) -> Upload:
    """Throw an upload away; `user` None = the sweeper. A used one stays. Raises NotPermitted."""
    upload = Upload.objects.select_for_update().get(pk=upload_id)
    if user:
        require(user, "tapes.change_upload", upload)
    if upload.state not in {UploadState.USED, UploadState.DISCARDED}:
        _throw_away(upload, user)
    return upload


def discard_with_tape(*, user: User, seller_id: UUID, sha256: str) -> None:
    """Discard the waiting uploads of a file whose tape is erased, in its transaction.

    The permission is that of the erasure.
    """
    waiting = Upload.objects.select_for_update().filter(
        seller=seller_id, file=sha256, state=UploadState.RECEIVED
    )
    for upload in waiting:
        _throw_away(upload, user)


def _throw_away(upload: Upload, user: User | None) -> None:
    before, kept = upload.state, upload.file_id
    _forget_parts(upload)
    if kept:
        transaction.on_commit(partial(let_go, kept))
    upload.file, upload.state, upload.touched_at = None, UploadState.DISCARDED, database_now()
    upload.save()
    record(
        type="upload.discarded",
        subject=upload,
        actor=user,
        payload={"received": upload.received, "bytes": upload.size},
        prev_state=before,
    )


def discard_abandoned() -> int:
    """Discard uploads that nobody goes on with; how many. Called by the sweeper."""
    now = database_now()
    silent = Upload.objects.filter(
        state=UploadState.RECEIVING, touched_at__lt=now - ABANDONED_AFTER
    ) | Upload.objects.filter(state=UploadState.RECEIVED, touched_at__lt=now - UNUSED_AFTER)
    keys = list(silent.values_list("pk", flat=True)[:100])
    for key in keys:
        discard_upload(user=None, upload_id=key)
    return len(keys)


@transaction.atomic
def state_layout(*, user: User, upload_id: UUID, layout: dict[str, Any]) -> Upload:
    """Remember how the file is to be read where people overrule what was sniffed."""
    upload = Upload.objects.select_for_update().get(pk=upload_id)
    require(user, "tapes.change_upload", upload)
    upload.layout = {name: value for name, value in layout.items() if value}
    upload.touched_at = database_now()
    upload.save(update_fields=["layout", "touched_at"])
    return upload


def import_upload(*, user: User, upload_id: UUID, mapping: str) -> Tape:
    """Make a tape of a complete upload and queue its import; again, it is the same tape.

    `mapping`: a shipped mapping or a saved version (`cards@3`). Raises NotPermitted, Refused
    (what `open_upload` and `keep_tape` raise), InvalidInput (what `checked_values` raises).
    """
    upload = Upload.objects.select_related("seller", "file").get(pk=upload_id)
    require(user, "tapes.change_upload", upload)
    layout = Layout(**upload.layout) if upload.layout else SNIFFED
    with open_upload(upload) as handle:
        terms = Terms(upload.currency, upload.cut_off_date, layout)
        values = checked_values(upload.seller, handle, mapping, terms)
    with transaction.atomic():
        tape = keep_tape(
            user=user, values={**values, "file": upload.file, "file_name": upload.file_name}
        )
        Upload.objects.filter(pk=upload.pk).update(
            state=UploadState.USED, tape=tape, touched_at=F("touched_at")
        )
    return tape
