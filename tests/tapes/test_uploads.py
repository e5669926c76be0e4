"""Files arrive in chunks: resumed, checked by content, within quotas, swept where abandoned."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.files import read_stored
from npa_market.common.models import StoredFile
from npa_market.evidence.models import Entry
from npa_market.portal.management.commands.sweep import sweep_once
from npa_market.tapes import uploads
from npa_market.tapes.models import Tape, Upload, UploadState
from npa_market.tapes.services import import_tape
from tests.tapes.conftest import CONTENT, CUT_OFF, digest


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.sets(st.integers(1, len(CONTENT) - 1), max_size=5), repeats=st.booleans())
def test_any_cutting_arrives_as_the_same_file(cuts, repeats, start, send, finish):
    upload = start()
    edges = [0, *sorted(cuts), len(CONTENT)]
    for begin, end in pairwise(edges):
        for _ in range(2 if repeats else 1):  # An answer that was lost is asked for again.
            assert send(upload, begin, CONTENT[begin:end]).received == end
    received = finish(upload)
    assert received.state == UploadState.RECEIVED
    assert read_stored(received.file_id) == CONTENT
    Upload.objects.all().delete()


def test_chunks_leave_nothing_once_joined(start, send, finish, django_capture_on_commit_callbacks):
    upload = start()
    send(upload, 0, CONTENT[:50])
    parts = send(upload, 50, CONTENT[50:]).parts
    assert all(default_storage.exists(name) for name in parts)
    with django_capture_on_commit_callbacks(execute=True):
        finish(upload)
    assert not any(default_storage.exists(name) for name in parts)
    assert Entry.objects.about(upload.pk).last().type == "upload.received"


@pytest.mark.parametrize(
    ("offset", "content", "code"),
    [
        (1, b"x", "offset_differs"),
        (20, b"x", "offset_differs"),
        (10, b"", "chunk_size"),
        (10, b"x" * len(CONTENT), "file_too_large"),
        (9, b"xx", "offset_differs"),
    ],
)
def test_a_chunk_out_of_place_is_refused_and_changes_nothing(offset, content, code, start, send):
    upload = start()
    send(upload, 0, CONTENT[:10])
    with pytest.raises(Refused) as refusal:
        send(upload, offset, content)
    assert refusal.value.code == code
    upload.refresh_from_db()
    assert (upload.received, len(upload.parts)) == (10, 1)


def test_an_incomplete_upload_does_not_end(start, send, finish):
    upload = start()
    send(upload, 0, CONTENT[:-1])
    with pytest.raises(Refused) as refusal:
        finish(upload)
    assert refusal.value.code == "upload_incomplete"


def test_other_content_than_announced_is_discarded(start, send, finish):
    upload = start()
    send(upload, 0, CONTENT)
    with pytest.raises(Refused) as refusal:
        finish(upload, b"another file")
    assert refusal.value.code == "content_differs"
    upload.refresh_from_db()
    assert (upload.state, upload.file_id) == (UploadState.DISCARDED, None)


def test_forbidden_columns_end_the_upload_and_are_not_kept(
    start, send, finish, django_capture_on_commit_callbacks
):
    content = CONTENT.replace("城市".encode(), "登录密码".encode())
    upload = start(content)
    send(upload, 0, content)
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(InvalidInput) as refusal:
        finish(upload, content)
    assert refusal.value.code == "column_forbidden"
    assert not StoredFile.objects.filter(sha256=digest(content)).exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"size": 0}, "file_empty"),
        ({"size": 5 << 30}, "file_too_large"),
        ({"currency": "XXX"}, "currency_unknown"),
        ({"cut_off_date": CUT_OFF + timedelta(days=9_999)}, "cut_off_in_future"),
        ({"cut_off_date": CUT_OFF.replace(year=25)}, "cut_off_too_early"),
    ],
)
def test_what_cannot_be_a_tape_is_refused_before_a_byte_is_sent(changes, code, start):
    with pytest.raises(InvalidInput) as refusal:
        start(**changes)
    assert refusal.value.code == code


def test_a_seller_has_so_many_uploads_under_way_and_no_more(start, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_OPEN_UPLOADS", 2)
    start()
    start()
    with pytest.raises(Refused) as refusal:
        start()
    assert refusal.value.code == "quota_reached"


def test_a_seller_has_so_many_bytes_under_way_and_no_more(start, settings):
    settings.MAX_TAPE_BYTES = 1_000
    start(size=1_000)
    start(size=1_000)
    with pytest.raises(Refused) as refusal:
        start(size=1)
    assert refusal.value.code == "quota_reached"


def test_a_stranger_neither_sends_nor_ends_nor_sees(start, buyer_user, as_user):
    upload = start()
    with pytest.raises(NotPermitted):
        uploads.take_chunk(user=buyer_user, upload_id=upload.pk, offset=0, content=b"x")
    with pytest.raises(NotPermitted):
        uploads.finish_upload(user=buyer_user, upload_id=upload.pk, sha256="0" * 64)
    assert not Upload.objects.visible_to(buyer_user).exists()


@pytest.mark.parametrize(
    ("state", "silent", "ends"),
    [
        (UploadState.RECEIVING, uploads.ABANDONED_AFTER, True),
        (UploadState.RECEIVING, uploads.ABANDONED_AFTER - timedelta(minutes=5), False),
        (UploadState.RECEIVED, uploads.UNUSED_AFTER, True),
        (UploadState.RECEIVED, uploads.UNUSED_AFTER - timedelta(minutes=5), False),
    ],
)
def test_the_sweeper_discards_what_nobody_goes_on_with(
    state, silent, ends, start, send, finish, django_capture_on_commit_callbacks
):
    upload = send(start(), 0, CONTENT)
    parts = list(upload.parts)
    if state == UploadState.RECEIVED:
        with django_capture_on_commit_callbacks(execute=True):
            upload = finish(upload)
    Upload.objects.update(touched_at=upload.touched_at - silent)
    with django_capture_on_commit_callbacks(execute=True):
        sweep_once()
    upload.refresh_from_db()
    assert (upload.state == UploadState.DISCARDED) == ends
    if ends:
        assert not any(default_storage.exists(name) for name in parts)
        assert not StoredFile.objects.filter(sha256=digest(CONTENT)).exists()
        assert Entry.objects.about(upload.pk).last().type == "upload.discarded"


def test_a_used_file_is_never_swept(start, send, finish, seller_user):
    upload = finish(send(start(), 0, CONTENT))
    tape = uploads.import_upload(user=seller_user, upload_id=upload.pk, mapping="npa_standard")
    again = uploads.import_upload(user=seller_user, upload_id=upload.pk, mapping="npa_standard")
    assert again == tape
    Upload.objects.update(touched_at=upload.touched_at - timedelta(days=900))
    assert uploads.discard_abandoned() == 0
    assert import_tape(tape_id=tape.pk).rows_imported == 3


def test_machines_upload_resume_look_and_import(as_user, seller_user):
    client = as_user(seller_user)
    address = reverse("v1:upload-list")
    announced = {
        "file_name": "tape.csv",
        "size": len(CONTENT),
        "currency": "CNY",
        "cut_off_date": CUT_OFF.isoformat(),
    }
    upload = client.post(address, announced, content_type="application/json")
    assert upload.status_code == 201
    one = reverse("v1:upload-detail", args=[upload.json()["id"]])

    def patch(offset: int, content: bytes):
        return client.patch(
            one,
            content,
            content_type="application/octet-stream",
            headers={"Upload-Offset": str(offset)},
        )

    deep = client.post(address, "[" * 5_000, content_type="application/json")
    assert (deep.status_code, "nested" in deep.json()["detail"]) == (400, True)
    assert patch(0, CONTENT[:40]).json()["received"] == 40
    assert patch(7, CONTENT[7:]).status_code == 409
    assert patch(40, CONTENT[40:]).json()["received"] == len(CONTENT)
    assert client.patch(one, {}, content_type="application/json").status_code == 422
    ended = client.post(
        f"{one}finish/", {"sha256": digest(CONTENT)}, content_type="application/json"
    )
    assert (ended.status_code, ended.json()["file"]) == (200, digest(CONTENT))
    sample = client.get(f"{one}sample/").json()
    assert (sample["encoding"], sample["header_row"]) == ("utf-8", 1)
    assert {each["field"] for each in sample["proposals"]} >= {"loan_number", "principal_minor"}
    assert "张伟" not in str(sample)
    saved = client.post(
        reverse("v1:saved-mapping-list"),
        {"title": "Mine", "document": sample["document"], "header": []},
        content_type="application/json",
    )
    assert (saved.status_code, saved.json()["reference"]) == (201, "mine@1")
    started = client.post(f"{one}import/", {"mapping": "mine@1"}, content_type="application/json")
    assert started.status_code == 202
    tape = Tape.objects.get(pk=started.json()["tape"])
    assert import_tape(tape_id=tape.pk).rows_imported == 3
    assert client.get(reverse("v1:field-list")).json()[0]["eba"] == "3.01"
