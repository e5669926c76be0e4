"""A file whose identities were erased: gone with its waiting uploads, and never taken in again."""

import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from django.urls import reverse

from npa_market.common.errors import Busy, Refused
from npa_market.common.files import erase_content, is_stored, store_bytes
from npa_market.common.models import StoredFile
from npa_market.evidence.models import Entry
from npa_market.tapes import services, uploads
from npa_market.tapes.kept_files import hold, let_go
from npa_market.tapes.models import Tape, TapeState, UploadState
from npa_market.tapes.personal_models import DataKey
from npa_market.tapes.revealing import Erasure, erase_identities, erasure_of
from npa_market.tapes.services import import_tape, retry_import
from tests.tapes.conftest import CONTENT, CUT_OFF, csv_of, digest, rows_of
from tests.tapes.test_doors import sent

REASON = "Sale was called off"
SHA256 = digest(CONTENT)
BROKEN = csv_of(rows_of({}, {"诉讼状态": "?"})).encode()


@pytest.fixture
def erase(seller_user, django_capture_on_commit_callbacks):
    def run(tape: Tape, **options) -> Erasure:
        with django_capture_on_commit_callbacks(execute=True):
            return erase_identities(
                **{"user": seller_user, "tape_id": tape.pk, "reason": REASON, **options}
            )

    return run


@pytest.fixture
def erased(imported, erase) -> Tape:
    tape = imported(CONTENT)
    erase(tape)
    return tape


@pytest.fixture
def received(start, send, finish):
    """A complete upload of the file, by the seller or somebody else."""

    def run(**options):
        upload = start(**options)
        return finish(send(upload, 0, CONTENT))

    return run


@pytest.mark.parametrize("mapping", ["npa_standard", "lending_club"])
def test_an_erased_file_is_refused_before_it_is_stored(mapping, erased, upload):
    with pytest.raises(Refused, match=f"{erased.reference}.* new file") as refusal:
        upload(CONTENT, mapping=mapping)
    assert refusal.value.code == "tape_erased"
    assert f"{DataKey.objects.get().erased_at:%d %b %Y}" in refusal.value.message
    assert not is_stored(SHA256)
    assert Tape.objects.count() == 1


def test_a_resumable_upload_of_an_erased_file_ends_and_leaves_nothing(
    erased, start, send, finish, django_capture_on_commit_callbacks
):
    upload = start()
    parts = send(upload, 0, CONTENT).parts
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(Refused) as refusal:
        finish(upload)
    assert refusal.value.code == "tape_erased"
    upload.refresh_from_db()
    assert (upload.state, upload.file_id) == (UploadState.DISCARDED, None)
    assert not is_stored(SHA256)
    assert not any(default_storage.exists(name) for name in parts)
    with pytest.raises(Refused) as again:
        finish(upload)
    assert again.value.code == "upload_over"


def test_a_waiting_upload_is_discarded_with_the_erased_tape(imported, received, erase):
    waiting, used = received(), received()
    tape = imported(CONTENT)
    uploads.import_upload(user=used.started_by, upload_id=used.pk, mapping="npa_standard")
    assert erasure_of(tape).files == 1
    erase(tape)
    for upload, state in ((waiting, UploadState.DISCARDED), (used, UploadState.USED)):
        upload.refresh_from_db()
        assert upload.state == state
    assert waiting.file_id is None
    assert Entry.objects.about(waiting.pk).last().type == "upload.discarded"
    assert not is_stored(SHA256)


def test_doors_to_a_waiting_upload_say_that_its_file_is_gone(received, as_user, seller_user):
    upload = received()
    erase_content(SHA256)
    client = as_user(seller_user)
    page = client.get(upload.get_absolute_url())
    assert (page.status_code, "not kept any more" in page.content.decode()) == (422, True)
    one = reverse("v1:upload-detail", args=[upload.pk])
    asked = {"mapping": "npa_standard"}
    for answer in (
        client.get(f"{one}sample/"),
        client.post(f"{one}import/", asked, content_type="application/json"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "file_gone")


def test_doors_to_an_upload_that_became_an_erased_tape_say_so(
    received, erase, as_user, seller_user
):
    upload = received()
    tape = uploads.import_upload(user=seller_user, upload_id=upload.pk, mapping="npa_standard")
    erase(import_tape(tape_id=tape.pk))
    store_bytes(CONTENT)  # Another seller's: the file is there again, and not for this one.
    one = reverse("v1:upload-detail", args=[upload.pk])
    client = as_user(seller_user)
    asked = {"mapping": "lending_club"}
    answers = [
        client.get(f"{one}sample/"),
        client.post(f"{one}import/", asked, content_type="application/json"),
    ]
    assert {answer.json()["code"] for answer in answers} == {"tape_erased"}


def test_pages_and_the_api_say_why_an_erased_file_is_refused(erased, as_user, seller_user):
    client = as_user(seller_user)
    asked = {"mapping": "npa_standard", "currency": "CNY", "cut_off_date": CUT_OFF.isoformat()}
    for mapping in ("npa_standard", ""):
        values = {**asked, "mapping": mapping, "file": sent(CONTENT)}
        answer = client.post(reverse("tapes:upload"), values)
        assert answer.status_code == 422
        assert "was erased on" in answer.content.decode()
    answer = client.post(reverse("v1:tape-list"), {**asked, "file": sent(CONTENT)})
    assert (answer.status_code, answer.json()["code"]) == (409, "tape_erased")
    assert answer.json()["errors"][0]["field"] == "file"


def test_the_page_of_an_erased_tape_offers_nothing_that_needs_its_file(
    upload, erase, as_user, seller_user
):
    tape = import_tape(tape_id=upload(BROKEN).pk)
    client = as_user(seller_user)
    assert "Rejected rows (CSV)" in client.get(tape.get_absolute_url()).content.decode()
    erase(tape)
    page = client.get(tape.get_absolute_url()).content.decode()
    assert "Erased on" in page
    assert "Rejected rows (CSV)" not in page
    Tape.objects.update(state=TapeState.FAILED)
    page = client.get(tape.get_absolute_url()).content.decode()
    assert reverse("tapes:retry", args=[tape.pk]) not in page
    with pytest.raises(Refused) as refusal:
        retry_import(user=seller_user, tape_id=tape.pk)
    assert refusal.value.code == "tape_erased"


def test_an_import_that_was_queued_before_the_erasure_fails_with_its_reason(upload, erase):
    tape = upload(CONTENT)
    with pytest.raises(Refused) as runs:
        erase(tape)
    assert runs.value.code == "import_runs"
    Tape.objects.update(state=TapeState.FAILED)
    erase(tape)
    with pytest.raises(Refused) as refusal:
        import_tape(tape_id=tape.pk)
    tape.refresh_from_db()
    assert refusal.value.code == "tape_erased"
    assert (tape.state, tape.failure) == (TapeState.FAILED, refusal.value.message)


def test_a_tape_without_a_key_is_erased_with_its_file(upload, erase):
    tape = upload(CONTENT)
    Tape.objects.update(state=TapeState.FAILED)
    assert erase(tape) == Erasure(borrowers=0, on_other_tapes=0, files=1)
    assert not is_stored(SHA256)
    assert not DataKey.objects.get(tape=tape).wrapped
    with pytest.raises(Refused):
        upload(CONTENT)


def test_erasing_again_deletes_what_came_back_and_nothing_else(erased, erase, as_user, seller_user):
    erased_at = DataKey.objects.get().erased_at
    entries = Entry.objects.about(erased.pk)
    before = entries.count()
    assert erase(erased) == Erasure(0, 0, 0)
    assert entries.count() == before
    store_bytes(CONTENT)
    page = as_user(seller_user).get(reverse("tapes:erase", args=[erased.pk])).content.decode()
    assert "Erase for good" in page
    assert erase(erased) == Erasure(0, 0, 1)
    assert not is_stored(SHA256)
    assert entries.count() == before + 1
    assert DataKey.objects.get().erased_at == erased_at


def test_other_sellers_keep_the_same_file_for_themselves_alone(
    imported, upload, erase, received, stranger, stranger_seller
):
    theirs = received(user=stranger, seller=stranger_seller)
    ours = imported(CONTENT)
    assert erasure_of(ours).files == 0
    erase(ours)
    theirs.refresh_from_db()
    assert (theirs.state, is_stored(SHA256)) == (UploadState.RECEIVED, True)
    with pytest.raises(Refused):
        upload(CONTENT)
    tape = uploads.import_upload(user=stranger, upload_id=theirs.pk, mapping="npa_standard")
    assert import_tape(tape_id=tape.pk).rows_imported == 3
    erase(tape, user=stranger)
    assert not is_stored(SHA256)


def test_the_last_of_two_tapes_takes_their_file_along(imported, erase, as_user, seller_user):
    first = imported(BROKEN)
    second = imported(BROKEN, cut_off_date=CUT_OFF.replace(day=30))
    assert first.rejects_file == second.rejects_file
    files = {first.file_id, first.rejects_file_id}
    erase(first)
    assert all(map(is_stored, files))
    client = as_user(seller_user)
    for name in ("tapes:rejects", "tapes:findings"):
        page = client.get(reverse(name, args=[first.pk]), follow=True).content.decode()
        assert "went with the tape" in page
    assert client.get(reverse("tapes:rejects", args=[second.pk])).status_code == 200
    erase(second)
    assert not any(map(is_stored, files))


def test_an_erasure_between_check_and_end_is_noticed(
    imported, upload, monkeypatch, erase, received
):
    tape = imported(CONTENT)

    def store_meanwhile(handle):
        stored = store_bytes(handle.read())
        erase(tape)
        return stored

    with monkeypatch.context() as patch:
        patch.setattr(services, "store_file", store_meanwhile)
        with pytest.raises(Refused) as refusal:
            upload(CONTENT)
    assert (refusal.value.code, is_stored(SHA256)) == ("tape_erased", False)


def test_a_file_that_vanished_while_it_was_taken_in_is_asked_for_again(db):
    stored = store_bytes(CONTENT)
    assert let_go(SHA256)
    assert not StoredFile.objects.filter(sha256=SHA256).exists()
    with pytest.raises(Busy), transaction.atomic():
        hold(stored)
