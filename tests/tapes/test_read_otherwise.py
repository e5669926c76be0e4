"""The same file again with another sheet, encoding, delimiter, header row or currency."""

import io
import zipfile

import pytest
from django.urls import reverse

from npa_market.common.errors import Refused
from npa_market.common.models import Job, JobState
from npa_market.evidence.models import Entry
from npa_market.tapes.confirming import discard_tape, result_sha256
from npa_market.tapes.models import Loan, Tape, TapeState
from npa_market.tapes.reading import Layout
from npa_market.tapes.services import import_tape, retry_import
from tests.tapes.conftest import CONTENT, ROW, csv_of, rows_of
from tests.tapes.test_doors import form
from tests.tapes.test_reading import book_of

# A preamble that is a header too, so both rows can be stated.
TWICE = csv_of(rows_of({})).splitlines(keepends=True)[0] + csv_of(rows_of({}, {}))


def workbook(**sheets: int) -> bytes:
    """Sheets by name, each with so many loans."""
    rows = {name: rows_of(*({} for _ in range(loans))) for name, loans in sheets.items()}
    return book_of(
        {name: [list(ROW), *(list(row.values()) for row in each)] for name, each in rows.items()}
    )


def zipped(**members: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, loans in members.items():
            archive.writestr(f"{name}.csv", csv_of(rows_of(*({} for _ in range(loans)))))
    return target.getvalue()


@pytest.fixture
def discarded(upload, seller_user):
    """Upload, import, and turn the result down."""

    def run(content, **options) -> Tape:
        tape = import_tape(tape_id=upload(content, **options).pk)
        return discard_tape(user=seller_user, tape_id=tape.pk)

    return run


@pytest.mark.parametrize(
    ("content", "first", "second"),
    [
        (workbook(cards=1, loans=2), Layout(), Layout(sheet="loans")),
        (zipped(a=1, b=2), Layout(member="a.csv"), Layout(member="b.csv")),
        (workbook(cards=1, **{"k" * 31: 2}), Layout(), Layout(sheet="k" * 31)),
        (zipped(a=1, **{"k" * 300: 2}), Layout(member="a.csv"), Layout(member="k" * 300 + ".csv")),
    ],
    ids=["sheets", "members", "long sheet", "long member"],
)
def test_parts_of_one_file_are_tapes_of_their_own(content, first, second, imported, upload):
    one, other = imported(content, layout=first), imported(content, layout=second)
    assert (one.rows_imported, other.rows_imported) == (1, 2)
    assert one.file == other.file
    assert [upload(content, layout=layout) for layout in (first, second)] == [one, other]
    assert Tape.objects.count() == 2


def test_the_sheet_that_is_read_anyhow_may_be_named(upload):
    content = workbook(cards=1, loans=2)
    tape = upload(content)
    assert (tape.sheet, upload(content, layout=Layout(sheet="cards"))) == ("cards", tape)


@pytest.mark.parametrize("is_failed", [True, False], ids=["failed", "discarded"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"currency": "USD"}, ("USD", "utf-8", 1)),
        ({"layout": Layout(encoding="utf-8-sig", header_row=2)}, ("CNY", "utf-8-sig", 2)),
    ],
)
def test_a_tape_without_a_result_is_read_as_stated_now(
    is_failed, changes, expected, discarded, upload
):
    tape = discarded(TWICE)
    if is_failed:
        Tape.objects.update(state=TapeState.FAILED, failure="Row 5 is too long.")
    assert upload(TWICE, **changes) == tape
    again = import_tape(tape_id=tape.pk)
    layout = again.layout
    assert (again.currency, layout["encoding"], layout["header_row"]) == expected
    assert set(Loan.objects.values_list("currency", flat=True)) == {again.currency}
    queued = Entry.objects.about(tape.pk).get(type="tape.import_queued").payload.body
    read_as = queued["read_as"]
    assert (queued["currency"], read_as["encoding"], read_as["header_row"]) == expected


def test_what_was_stated_before_and_is_not_now_is_forgotten(discarded, upload):
    tape = discarded(TWICE, layout=Layout(header_row=2))
    assert upload(TWICE) == tape
    assert import_tape(tape_id=tape.pk).layout["header_row"] == 1


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        (TapeState.UPLOADED, "Discard it first"),
        (TapeState.TO_CONFIRM, "Discard it first"),
        (TapeState.IMPORTED, "loans were taken in"),
    ],
)
@pytest.mark.parametrize(
    ("changes", "code", "field", "words"),
    [
        ({"currency": "USD"}, "tape_has_other_currency", "currency", "in CNY"),
        (
            {"layout": Layout(encoding="utf-8-sig")},
            "tape_read_otherwise",
            None,
            r"as utf-8, comma, header in row 1.* as utf-8-sig, comma, header in row 1",
        ),
        ({"layout": Layout(header_row=2)}, "tape_read_otherwise", None, "header in row 2"),
    ],
)
def test_a_tape_that_stands_is_not_read_otherwise(
    state, advice, changes, code, field, words, upload, confirm
):
    tape = upload(TWICE)
    if state != TapeState.UPLOADED:
        tape = import_tape(tape_id=tape.pk)
    if state == TapeState.IMPORTED:
        confirm(tape)
    with pytest.raises(Refused, match=words) as refusal:
        upload(TWICE, **changes)
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert tape.reference in refusal.value.message
    assert advice in refusal.value.message
    assert Tape.objects.get().currency == "CNY"


def test_the_same_request_twice_after_a_discard_is_one_import(discarded, upload):
    tape = discarded(CONTENT)
    first, second = upload(CONTENT), upload(CONTENT)
    assert (first, second) == (tape, tape)
    assert first.job == second.job
    assert second.state == TapeState.UPLOADED
    queued = Job.objects.filter(kind="tape.import", state=JobState.QUEUED, pk=second.job_id)
    assert queued.exists()
    assert Entry.objects.about(tape.pk).filter(type="tape.import_queued").count() == 1


def test_a_retry_reads_as_before(discarded, seller_user):
    tape = discarded(TWICE, layout=Layout(header_row=2))
    again = retry_import(user=seller_user, tape_id=tape.pk)
    assert (again.state, again.stated_layout) == (TapeState.UPLOADED, {"header_row": 2})


def test_what_is_confirmed_names_how_the_file_was_read(discarded, upload):
    tape = discarded(CONTENT)
    before = result_sha256(tape)
    assert result_sha256(import_tape(tape_id=upload(CONTENT).pk)) == before
    Tape.objects.update(state=TapeState.FAILED)
    again = upload(CONTENT, layout=Layout(encoding="utf-8-sig"))
    assert result_sha256(import_tape(tape_id=again.pk)) != before


def test_machines_take_two_sheets_of_one_workbook(as_user, seller_user, start, send, finish):
    content = workbook(cards=1, loans=2)
    upload = finish(send(start(content), 0, content), content)
    client = as_user(seller_user)
    one = reverse("v1:upload-detail", args=[upload.pk])

    def post(action: str, **asked):
        return client.post(f"{one}{action}/", asked, content_type="application/json")

    assert client.get(f"{one}sample/").json()["sheet"] == "cards"
    first = post("import", mapping="npa_standard").json()["tape"]
    stated = post("layout", sheet="loans", header_row=1)
    assert (stated.status_code, stated.json()["layout"]) == (
        200,
        {"sheet": "loans", "header_row": 1},
    )
    assert client.get(f"{one}sample/").json()["sheet"] == "loans"
    second = post("import", mapping="npa_standard").json()["tape"]
    assert [import_tape(tape_id=pk).rows_imported for pk in (first, second)] == [1, 2]
    wrong = post("layout", encoding="klingon", header_row=0)
    assert (wrong.status_code, {each["field"] for each in wrong.json()["errors"]}) == (
        422,
        {"encoding", "header_row"},
    )


def test_the_page_says_how_a_standing_tape_was_read(imported, as_user, seller_user):
    tape = imported(CONTENT)
    client = as_user(seller_user)
    page = client.get(tape.get_absolute_url()).content.decode()
    assert "utf-8, comma, header in row 1" in page
    answer = client.post(reverse("tapes:upload"), form(CONTENT, currency="USD"))
    assert answer.status_code == 422
    assert f"{tape.reference} in CNY" in answer.content.decode()
