"""Pages and API of tapes: who may open them, what they show, what they say to bad input."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from npa_market.common.files import read_stored
from npa_market.evidence.models import Entry
from npa_market.parties.roles import Role
from npa_market.tapes.models import Loan, Tape, TapeState
from npa_market.tapes.personal_models import PersonalAccess
from npa_market.tapes.reading import open_source
from npa_market.tapes.services import import_tape
from tests.tapes.conftest import ROW, csv_of, rows_of

OTHER_ID = "11010119900307811X"
SECRETS = (ROW["姓名"], ROW["身份证号"], ROW["手机号"])


def sent(content: bytes | str, name: str = "tape.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)


def form(content: bytes | str, **changes) -> dict:
    values = {"mapping": "npa_standard", "currency": "CNY", "cut_off_date": "2025-12-31"}
    return {**values, "file": sent(content), **changes}


@pytest.fixture
def tape(imported_rows) -> Tape:
    return imported_rows({}, {"诉讼状态": "?"}, {"身份证号": OTHER_ID})


@pytest.fixture
def api(as_user):
    """A signed-in client that speaks JSON."""

    def sign_in(user):
        client = as_user(user)
        client.defaults["HTTP_ACCEPT"] = "application/json"
        return client

    return sign_in


def test_a_seller_uploads_in_the_page_and_lands_on_the_tape(as_user, seller_user, confirm):
    client = as_user(seller_user)
    assert client.get(reverse("tapes:upload")).status_code == 200
    answer = client.post(reverse("tapes:upload"), form(csv_of(rows_of({}))))
    tape = Tape.objects.get()
    assert (answer.status_code, answer.url) == (302, tape.get_absolute_url())
    waiting = client.get(answer.url)
    assert "Import of" in waiting.content.decode()
    confirm(import_tape(tape_id=tape.pk))
    page = client.get(answer.url).content.decode()
    assert "11,600.50" in page
    assert "张*" in page
    assert "110***********838X" in page
    assert "138****0000" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"file": b""}, "0 bytes"),
        ({"file": b"a,b\n1,2\n"}, "lacks"),
        ({"mapping": "lending_club"}, "takes USD"),
        ({"cut_off_date": "2999-01-01"}, "future"),
        ({"cut_off_date": "soon"}, "valid date"),
        ({"mapping": "mine"}, "valid choice"),
    ],
)
def test_bad_input_of_the_form_is_said_beside_the_field_and_leaves_nothing(
    changes, words, as_user, seller_user
):
    values = form(csv_of(rows_of({})))
    if "file" in changes:
        changes = {"file": sent(changes["file"])}
    answer = as_user(seller_user).post(reverse("tapes:upload"), {**values, **changes})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Tape.objects.exists()


def pages_of(tape: Tape) -> list[str]:
    return [
        reverse("tapes:detail", args=[tape.pk]),
        reverse("tapes:loans", args=[tape.pk]),
        reverse("tapes:rejects", args=[tape.pk]),
        f"/api/v1/tapes/{tape.pk}/",
        f"/api/v1/tapes/{tape.pk}/loans/",
        f"/api/v1/tapes/{tape.pk}/rejects/",
    ]


def test_another_sellers_tape_does_not_exist(tape, as_user, stranger):
    client = as_user(stranger)
    assert {client.get(url).status_code for url in pages_of(tape)} == {404}
    assert tape.reference not in client.get(reverse("tapes:list")).content.decode()
    assert client.get("/api/v1/tapes/").json()["results"] == []
    retry = reverse("tapes:retry", args=[tape.pk])
    assert client.post(retry).status_code == 404


def test_buyers_and_the_venue_have_no_door_to_tapes(tape, as_user, buyer_user, operator):
    for user in (buyer_user, operator):
        client = as_user(user)
        assert {client.get(url).status_code for url in pages_of(tape)} == {403}
        assert client.get(reverse("tapes:list")).status_code == 403


def test_only_analysts_upload_and_read_rejects(tape, as_user, api, make_user, seller):
    finance = make_user("finance@example.com", seller, Role.SELLER_FINANCE)
    client = as_user(finance)
    assert client.get(reverse("tapes:detail", args=[tape.pk])).status_code == 200
    assert client.get(reverse("tapes:upload")).status_code == 403
    assert client.get(reverse("tapes:rejects", args=[tape.pk])).status_code == 403
    assert api(finance).get(f"/api/v1/tapes/{tape.pk}/rejects/").status_code == 403
    assert "rejects.csv" not in client.get(tape.get_absolute_url()).content.decode()


def test_rejects_are_handed_over_and_recorded(tape, as_user, seller_user):
    answer = as_user(seller_user).get(reverse("tapes:rejects", args=[tape.pk]))
    body = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert "code_unknown" in body
    assert ROW["身份证号"] in body
    entry = Entry.objects.about(tape.pk).last()
    assert (entry.type, entry.actor) == ("tape.rejects_read", f"user:{seller_user.pk}")


def test_rejects_come_as_a_workbook_of_the_same_cells(tape, as_user, api, seller_user):
    workbook = as_user(seller_user).get(reverse("tapes:rejects_xlsx", args=[tape.pk]))
    assert workbook["Content-Disposition"].endswith('-rejects.xlsx"')
    by_api = api(seller_user).get(f"/api/v1/tapes/{tape.pk}/rejects-xlsx/")
    plain = read_stored(tape.rejects_file_id).decode("utf-8-sig")
    expected = list(csv.reader(io.StringIO(plain, newline="")))
    for answer in (workbook, by_api):
        with open_source(io.BytesIO(b"".join(answer.streaming_content))) as source:
            assert source.first_rows(9) == expected
    assert PersonalAccess.objects.filter(form="rejects", tape=tape).count() == 2


def test_without_rejects_the_page_says_so(imported_rows, as_user, seller_user):
    tape = imported_rows({})
    answer = as_user(seller_user).get(reverse("tapes:rejects", args=[tape.pk]), follow=True)
    assert "No row of this tape was rejected." in answer.content.decode()


def test_loans_are_paged_by_row_number(imported_rows, as_user, seller_user):
    tape = imported_rows(*({} for _ in range(60)))
    client, url = as_user(seller_user), reverse("tapes:loans", args=[tape.pk])
    first = client.get(url).content.decode()
    assert "L-50<" in first
    assert "L-51<" not in first
    second = client.get(url, {"after": 51}).content.decode()
    assert "L-51<" in second
    assert "L-60<" in second
    assert 'rel="next"' not in second
    assert client.get(url, {"after": "x"}).status_code == 200
    assert "No loan stands after" in client.get(url, {"after": 999}).content.decode()


def test_a_failed_tape_shows_why_and_can_be_started_again(
    upload, as_user, seller_user, django_capture_on_commit_callbacks
):
    tape = upload(csv_of(rows_of({})))
    Tape.objects.filter(pk=tape.pk).update(state=TapeState.FAILED, failure="Row 7 is too long.")
    client = as_user(seller_user)
    assert "Row 7 is too long." in client.get(tape.get_absolute_url()).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("tapes:retry", args=[tape.pk]))
    tape.refresh_from_db()
    assert (tape.state, Loan.objects.count()) == (TapeState.TO_CONFIRM, 1)


def test_the_api_uploads_reads_and_masks(api, seller_user, django_capture_on_commit_callbacks):
    client = api(seller_user)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/api/v1/tapes/", form(csv_of(rows_of({}, {"诉讼状态": "?"}))))
    assert answer.status_code == 202
    url = f"/api/v1/tapes/{answer.json()['id']}/"
    waiting = client.get(url).json()
    assert (waiting["state"], waiting["rows_imported"]) == ("to_confirm", 1)
    assert client.get(f"{url}loans/").json()["results"] == []
    stale = client.post(f"{url}confirm/", {"result_sha256": "0" * 64})
    assert (stale.status_code, stale.json()["code"]) == (409, "result_changed")
    taken = client.post(f"{url}confirm/", {"result_sha256": waiting["result_sha256"]})
    assert taken.status_code == 200
    tape = client.get(url).json()
    assert (tape["state"], tape["rows_imported"], tape["rows_rejected"]) == ("imported", 1, 1)
    assert tape["findings"][0]["id"] == "code_unknown"
    (loan,) = client.get(f"/api/v1/tapes/{tape['id']}/loans/").json()["results"]
    assert (loan["borrower_name"], loan["mobile"]) == ("张*", "138****0000")
    assert loan["claim_minor"] == 1_160_050
    names = {mapping["name"] for mapping in client.get("/api/v1/mappings/").json()}
    assert "lending_club" in names


def test_the_api_answers_bad_input_with_problem_documents(api, seller_user):
    client = api(seller_user)
    answer = client.post("/api/v1/tapes/", form(b"a,b\n1,2\n"))
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["code"] == "column_missing"
    assert answer.json()["errors"][0]["field"] == "file"
    missing = client.post("/api/v1/tapes/", {})
    assert missing.status_code == 422
    foreign = client.post("/api/v1/tapes/", form(csv_of(rows_of({})), seller=str(Tape().pk)))
    assert foreign.status_code == 404
    assert not Tape.objects.exists()


def test_planted_borrowers_appear_nowhere_but_masked(
    imported_rows, as_user, api, seller_user, caplog
):
    wrong = {"身份证号": "110101199003078381", "未偿本金": "张三丰 13911112222"}
    tape = imported_rows({}, wrong, {"姓名": "诸葛明", "身份证号": OTHER_ID})
    client, machine = as_user(seller_user), api(seller_user)
    urls = [url for url in pages_of(tape) if "rejects" not in url]
    seen = "".join(client.get(url).content.decode() for url in urls[:2])
    seen += "".join(machine.get(url).content.decode() for url in urls[2:])
    seen += client.get(reverse("tapes:list") + "?export=csv").getvalue().decode()
    seen += str([entry.payload.body for entry in Entry.objects.select_related("payload")])
    seen += "".join(entry.canonical for entry in Entry.objects.all())
    tape.refresh_from_db()
    seen += str(tape.findings) + str(tape.completeness) + tape.job.message + caplog.text
    planted = (*SECRETS, "诸葛明", OTHER_ID, "110101199003078381", "13911112222")
    assert [secret for secret in planted if secret in seen] == []
    assert "诸*" in seen
    assert "139****2222" in seen
