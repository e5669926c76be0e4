"""Every row of every finding: all of them, masked, by page, by rule; and only for the seller."""

import csv
import io

import numpy as np
import pytest
from django.urls import reverse
from openpyxl import load_workbook

from npa_market.common.files import open_stored, read_stored
from npa_market.evidence.models import Entry
from npa_market.parties.roles import Role
from npa_market.tapes import found_rows, importing
from npa_market.tapes.found_queries import EXPORT_HEADER, all_rows_found
from npa_market.tapes.found_rows import Found, Hits, Wanted, found_page, found_writer
from npa_market.tapes.models import Loan, Tape
from npa_market.tapes.personal_models import PersonalAccess
from npa_market.tapes.revealing import erase_identities
from npa_market.tapes.services import import_tape
from tests.tapes.conftest import ROW, csv_of, rows_of

WRONG_ID = "110101199003078381"


@pytest.fixture
def tape(imported_rows, monkeypatch):
    """Nine rows in chunks of four; five with a wrong status, two with odd ID numbers, a note."""
    monkeypatch.setattr(importing, "CHUNK_ROWS", 4)
    wrong = {"诉讼状态": "?"}
    return imported_rows(
        {}, wrong, wrong, {"身份证号": WRONG_ID}, wrong, {"已还期数": "13"}, wrong,
        {**wrong, "身份证号": WRONG_ID}, {},
    )  # fmt: skip


def lines(tape, **wanted):
    return list(all_rows_found(tape, Wanted(**wanted)))


def test_every_row_stands_there_with_its_loan_number_in_the_order_of_the_tape(tape):
    found = lines(tape)
    assert [(row, rule) for row, rule, *_ in found] == [
        (3, "code_unknown"),
        (4, "code_unknown"),
        (5, "id_number_check_digit"),
        (6, "code_unknown"),
        (7, "instalments_above_term"),
        (8, "code_unknown"),
        (9, "code_unknown"),
        (9, "id_number_check_digit"),
    ]
    assert [line[5] for line in found] == [f"L-{row - 1}" for row, *_ in found]
    for finding in tape.findings:
        if finding["id"] != "columns_unused":
            chosen = lines(tape, rule=finding["id"], column=finding["column"])
            assert len(chosen) == finding["count"]
            assert {line[4] for line in chosen} == {finding["words"]}


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ({"rule": "code_unknown"}, [3, 4, 6, 8, 9]),
        ({"severity": "note"}, [7]),
        ({"column": "身份证号"}, [5, 9]),
        ({"rule": "code_unknown", "column": "身份证号"}, []),
        ({"rule": "code_unknown", "severity": "note"}, []),
        ({"rule": "no_such_rule"}, []),
    ],
)
def test_rule_effect_and_column_choose(tape, wanted, rows):
    assert [line[0] for line in lines(tape, **wanted)] == rows


def test_personal_values_are_masked_in_the_kept_file_itself(tape):
    kept = read_stored(tape.found_file_id)
    for secret in (WRONG_ID, ROW["身份证号"], ROW["姓名"], ROW["手机号"]):
        assert secret.encode() not in kept
        assert secret not in str(lines(tape))
    assert lines(tape, column="身份证号")[0][6] == "110***********8381"


def test_drift_and_repeats_and_ragged_rows_are_among_them(imported_rows, imported):
    imported_rows({"未偿本金": "9000.00", "未偿本息总额": "10500.50"}, {})
    rows = rows_of({}, {}, {"贷款编号": "L-1"})
    content = csv_of(rows) + "short,row\r\n"
    second = imported(content)
    found = {(row, rule): value for row, rule, _, _, _, _, value in lines(second)}
    assert found[(4, "loan_number_twice")] == "L-1"
    assert found[(5, "row_shape")].startswith("2 cells, header")
    assert {(2, "loan_on_other_tape"), (3, "loan_on_other_tape")} <= set(found)


def test_pages_follow_one_another_without_a_gap(tape, monkeypatch):
    monkeypatch.setattr(found_rows, "PAGE_ROWS", 2)
    seen, after = [], -1
    while after is not None:
        with open_stored(tape.found_file_id) as content:
            page = found_page(content, Wanted(rule="code_unknown"), after=after)
        assert page.count == 5
        seen += [row["row_number"] for row in page.rows]
        after = page.next_after
    assert seen == [3, 4, 6, 8, 9]


def test_a_page_deep_in_many_rows_reads_its_own_part_alone():
    with found_writer() as writer:
        for start in range(0, 100_000, 10_000):
            rows = np.arange(start, start + 10_000)
            texts = ["x"] * len(rows)
            hits = Hits.of(rows.tolist(), texts, texts)
            writer.write([Found("even" if start % 20_000 else "odd", "note", "c", "w", hits)])
        content = io.BytesIO(b"".join(writer.chunks()))
    page = found_page(content, Wanted(rule="even"), after=94_999)
    assert (page.count, page.next_after) == (50_000, 95_049)
    assert [row["row_number"] for row in page.rows] == list(range(95_000, 95_050))


def test_a_sound_tape_keeps_no_such_file_and_its_page_says_so(imported_rows, as_user, seller_user):
    tape = imported_rows({})
    assert tape.found_file_id is None
    assert lines(tape) == []
    client = as_user(seller_user)
    page = client.get(reverse("tapes:findings", args=[tape.pk]))
    assert "No row broke a rule." in page.content.decode()
    api = client.get(f"/api/v1/tapes/{tape.pk}/findings/").json()
    assert api == {"count": 0, "next_after": None, "rows": []}


def test_a_tape_whose_rows_were_not_kept_says_so(tape, as_user, seller_user):
    Tape.objects.filter(pk=tape.pk).update(found_file=None)
    client = as_user(seller_user)
    page = client.get(reverse("tapes:findings", args=[tape.pk])).content.decode()
    assert "No rows of findings are kept" in page
    answer = client.get(f"/api/v1/tapes/{tape.pk}/findings/")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_rows_kept")


def test_a_run_that_goes_on_keeps_all_rows(upload, seller_user, monkeypatch):
    monkeypatch.setattr(importing, "CHUNK_ROWS", 2)
    tape = upload(csv_of(rows_of(*[{"诉讼状态": "?"} if n % 2 else {} for n in range(8)])))
    real, calls = importing.insert_columns, []

    def dies(model, columns):
        calls.append(model)
        if len(calls) == 4:
            raise OSError("gone")
        real(model, columns)

    with monkeypatch.context() as patch:
        patch.setattr(importing, "insert_columns", dies)
        with pytest.raises(OSError, match="gone"):
            import_tape(tape_id=tape.pk)
    done = import_tape(tape_id=tape.pk)
    assert [line[0] for line in lines(done)] == [3, 5, 7, 9]


def test_the_page_shows_rows_links_loans_and_keeps_the_filter(tape, as_user, seller_user):
    client = as_user(seller_user)
    url = reverse("tapes:findings", args=[tape.pk])
    detail = client.get(tape.get_absolute_url()).content.decode()
    assert f"{url}?rule=code_unknown&amp;column=" in detail
    page = client.get(url, {"severity": "note"}).content.decode()
    noted = Loan.objects.get(tape=tape, row_number=7)
    assert reverse("tapes:loan", args=[tape.pk, noted.pk]) in page
    assert "1 shown of 1" in page
    assert "Rejected rows to repair" not in page
    rejected = client.get(url, {"rule": "code_unknown"}).content.decode()
    assert "rejects.csv?rule=code_unknown" in rejected
    assert WRONG_ID not in rejected
    empty = client.get(url, {"rule": "no_such_rule", "after": "x"})
    assert "No row fits" in empty.content.decode()


def test_exports_hold_the_rows_of_the_page_masked(tape, as_user, seller_user):
    client = as_user(seller_user)
    answer = client.get(reverse("tapes:findings_csv", args=[tape.pk]), {"column": "身份证号"})
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert (tuple(rows[0]), [row[0] for row in rows[1:]]) == (EXPORT_HEADER, ["5", "9"])
    assert WRONG_ID not in str(rows)
    answer = client.get(reverse("tapes:findings_xlsx", args=[tape.pk]))
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    assert sheet.max_row == 1 + len(lines(tape))


def test_rejected_rows_of_one_rule_come_with_all_columns_and_are_logged(tape, as_user, seller_user):
    url = reverse("tapes:rejects", args=[tape.pk])
    answer = as_user(seller_user).get(url, {"rule": "id_number_check_digit"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [row["row_number"] for row in rows] == ["5", "9"]
    assert {row["身份证号"] for row in rows} == {WRONG_ID}
    assert "code_unknown" in rows[1]["reasons"]
    access = PersonalAccess.objects.get(form="rejects")
    assert (access.people, access.user) == (2, seller_user)
    entry = Entry.objects.filter(type="tape.rejects_read").get()
    assert entry.payload.body["rule"] == "id_number_check_digit"
    none = as_user(seller_user).get(url, {"rule": "instalments_above_term"}, follow=True)
    assert "No row of this tape was rejected for that." in none.content.decode()


def test_only_the_seller_sees_rows_and_only_analysts_the_rejects(
    tape, as_user, make_user, seller, stranger
):
    finance = make_user("books@example.com", seller, Role.SELLER_FINANCE)
    names = ("findings", "findings_csv", "findings_xlsx")
    urls = [reverse(f"tapes:{name}", args=[tape.pk]) for name in names]
    urls.append(f"/api/v1/tapes/{tape.pk}/findings/")
    for url in urls:
        assert as_user(stranger).get(url).status_code == 404, url
        assert as_user(finance).get(url).status_code == 200, url
    assert "Rejected rows to repair" not in as_user(finance).get(urls[0]).content.decode()
    assert as_user(finance).get(f"/api/v1/tapes/{tape.pk}/rejects/?rule=x").status_code == 403


def test_the_api_gives_the_same_rows_by_page(tape, as_user, seller_user, monkeypatch):
    monkeypatch.setattr(found_rows, "PAGE_ROWS", 3)
    url, client = f"/api/v1/tapes/{tape.pk}/findings/", as_user(seller_user)
    first = client.get(url, {"rule": "code_unknown"}).json()
    assert (first["count"], [row["row_number"] for row in first["rows"]]) == (5, [3, 4, 6])
    rest = client.get(url, {"rule": "code_unknown", "after": first["next_after"]}).json()
    assert [row["row_number"] for row in rest["rows"]] == [8, 9]
    assert rest["next_after"] is None
    assert client.get(url, {"severity": "odd"}).status_code == 422
    noted = client.get(url, {"severity": "note"}).json()["rows"][0]
    assert noted["loan"] == str(Loan.objects.get(tape=tape, row_number=7).pk)
    only = client.get(f"/api/v1/tapes/{tape.pk}/rejects/?rule=id_number_check_digit")
    assert b"".join(only.streaming_content).decode().count(WRONG_ID) == 2


def test_the_rows_go_with_the_identities(
    tape, as_user, second_seller_user, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        erase_identities(user=second_seller_user, tape_id=tape.pk, reason="Withdrawn from sale")
    client = as_user(second_seller_user)
    page = client.get(reverse("tapes:findings", args=[tape.pk]))
    rejects = client.get(reverse("tapes:rejects", args=[tape.pk]), follow=True)
    assert "went with the tape&#x27;s identities" in rejects.content.decode()
    assert not PersonalAccess.objects.exists()
    assert "went with the tape&#x27;s identities" in page.content.decode()
    with pytest.raises(FileNotFoundError):
        read_stored(tape.found_file_id)
