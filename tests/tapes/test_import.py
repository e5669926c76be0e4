"""Rows through rules into loans: each rule by name, and nothing half written."""

import csv
import io
from datetime import date

import pytest

from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.files import read_stored
from npa_market.common.models import Job, JobState
from npa_market.evidence.models import Entry
from npa_market.tapes import importing, services
from npa_market.tapes.models import Borrower, Loan, Receipt, Tape, TapeState
from npa_market.tapes.queries import personal_rows
from npa_market.tapes.services import import_tape, retry_import
from npa_market.tapes.validation import RULES, Severity
from tests.tapes.conftest import ROW, csv_of, rows_of

OTHER_ID = "11010119900307811X"

# rule -> (field whose column is named, cells that break it)
REJECTS = {
    "value_missing": ("贷款编号", {"贷款编号": ""}),
    "text_unreadable": ("产品", {"产品": "x" * 61}),
    "amount_unreadable": ("未偿本金", {"未偿本金": "about 3000"}),
    "amount_negative": ("未偿利息", {"未偿利息": "-0.01", "未偿本息总额": ""}),
    "amount_too_large": ("放款金额", {"放款金额": "99999999999999.00"}),
    "date_unreadable": ("核销日期", {"核销日期": "2024-02-30"}),
    "date_future": ("最近联系日期", {"最近联系日期": "2026-01-01"}),
    "date_ancient": ("放款日期", {"放款日期": "1979-12-31"}),
    "number_unreadable": ("年利率", {"年利率": "18.25"}),
    "code_unknown": ("诉讼状态", {"诉讼状态": "?"}),
    "receipts_unreadable": ("核销后回款明细", {"核销后回款明细": "March 100"}),
    "id_number_misplaced": ("城市", {"城市": f"深圳市{OTHER_ID}"}),
    "mobile_misplaced": ("产品", {"产品": "现金贷 13812340000"}),
    "number_exponent": ("贷款编号", {"贷款编号": "6.21700E+17"}),
    "id_number_exponent": ("身份证号", {"身份证号": "1.10101E+17"}),
    "id_number_shape": ("身份证号", {"身份证号": "110101900307838"}),
    "id_number_check_digit": ("身份证号", {"身份证号": "110101199003078381"}),
    "id_number_rounded": ("身份证号", {"身份证号": "110101199003078000"}),
    "id_number_birth": ("身份证号", {"身份证号": "110101199013078383"}),
    "borrower_missing": ("", {"身份证号": ""}),
    "dates_out_of_order": ("逾期起始日", {"逾期起始日": "2023-01-14"}),
    "nothing_owed": (
        "未偿本金",
        {"未偿本金": "0", "未偿利息": "0", "其他费用": "0", "未偿本息总额": "0"},
    ),
    "parts_not_whole": ("未偿本息总额", {"未偿本息总额": "11500.51"}),
    "receipts_not_whole": ("核销后回款", {"核销后回款": "200.01"}),
    "receipt_future": (
        "核销后回款明细",
        {"核销后回款": "1.00", "催收费用": "", "核销后回款明细": "2026-01:1.00"},
    ),
    "receipt_before_charge_off": (
        "核销后回款明细",
        {"核销后回款": "1.00", "催收费用": "", "核销后回款明细": "2023-12:1.00"},
    ),
}
NOTES = {
    "place_unknown": {"省份": "Atlantis"},
    "mobile_unusual": {"手机号": "none"},
    "id_number_region": {"身份证号": "110113199003078381"},
    "borrower_minor": {"放款日期": "2008-03-05"},
    "recovery_above_claim": {
        "核销后回款": "99999.00",
        "催收费用": "",
        "核销后回款明细": "2024-03:99999.00",
    },
    "principal_above_payout": {"放款金额": "9999.99"},
    "instalments_above_term": {"已还期数": "13"},
    "days_overdue_differ": {"逾期天数": "10"},
}
PERSONAL = {"姓名", "身份证号", "手机号"}


def hits(tape: Tape) -> dict[str, dict]:
    return {found["id"]: found for found in tape.findings if found["id"] != "columns_unused"}


def with_check_digit(number: str) -> str:
    from stdnum.cn import ric

    return number[:17] + ric.calc_check_digit(number[:17] + "0")


def test_the_tables_of_this_test_name_every_rule():
    by_severity = {
        severity: {rule.id for rule in RULES if rule.severity is severity} for severity in Severity
    }
    assert set(REJECTS) == by_severity[Severity.REJECT]
    assert set(NOTES) == by_severity[Severity.NOTE]


@pytest.mark.parametrize("rule", REJECTS)
def test_a_rule_rejects_its_row_alone_and_names_row_column_and_value(rule, imported_rows):
    column, cells = REJECTS[rule]
    if rule == "id_number_birth":
        cells = {"身份证号": with_check_digit(cells["身份证号"])}
    tape = imported_rows({}, cells, {"身份证号": OTHER_ID})
    assert (tape.rows_read, tape.rows_imported, tape.rows_rejected) == (3, 2, 1)
    found = hits(tape)[rule]
    assert (found["count"], found["column"], found["severity"]) == (1, column, "reject")
    (example,) = found["examples"]
    assert example["row"] == 3
    if column in PERSONAL:
        assert cells[column] not in str(tape.findings)
    elif rule.endswith("_misplaced"):
        assert example["value"] == ""
    elif column:
        assert example["value"] == cells[column][:60] + ("…" if len(cells[column]) > 60 else "")
    assert set(Loan.objects.values_list("loan_number", flat=True)) == {"L-1", "L-3"}
    totals = tape.control_totals["principal_minor"]
    assert totals["read"] == totals["imported"] + totals["rejected"]
    assert totals["imported"] == 2_000_000


@pytest.mark.parametrize("rule", NOTES)
def test_a_note_imports_the_row_and_discloses_it(rule, imported_rows):
    cells = dict(NOTES[rule])
    if "身份证号" in cells:
        cells["身份证号"] = with_check_digit(cells["身份证号"])
    tape = imported_rows({}, cells)
    assert (tape.rows_imported, tape.rows_rejected) == (2, 0)
    assert (hits(tape)[rule]["count"], hits(tape)[rule]["severity"]) == (1, "note")
    assert hits(tape)[rule]["examples"][0]["row"] == 3


def test_both_sides_of_the_limits_of_dates_and_age(imported_rows):
    tape = imported_rows(
        {"最近联系日期": "2025-12-31"},
        {"放款日期": "1980-01-01", "身份证号": with_check_digit("11010119500307838")},
        {"逾期起始日": "2023-01-15", "最后还款日": "2023-01-15"},
        {"放款日期": "2008-03-07"},
    )
    assert "date_future" not in hits(tape)
    assert "date_ancient" not in hits(tape)
    assert "dates_out_of_order" not in hits(tape)
    assert "borrower_minor" not in hits(tape)


def test_a_loan_carries_every_field_of_its_row(imported_rows, seller):
    imported_rows({})
    loan = Loan.objects.select_related("borrower").get()
    expected = {
        "row_number": 2,
        "loan_number": "L-1",
        "product": "现金贷",
        "currency": "CNY",
        "principal_minor": 1_000_000,
        "interest_minor": 150_050,
        "fees_minor": 10_000,
        "claim_minor": 1_160_050,
        "original_amount_minor": 1_200_000,
        "credit_line_minor": None,
        "annual_rate_bp": 1825,
        "term_months": 12,
        "instalments_paid": 2,
        "origination_date": date(2023, 1, 15),
        "default_date": date(2023, 5, 1),
        "charge_off_date": date(2024, 1, 20),
        "last_payment_date": date(2023, 4, 15),
        "days_overdue": 975,
        "grade": "loss",
        "province": "Guangdong",
        "city": "深圳市",
        "litigation_status": "not_sued",
        "is_reachable": True,
        "last_contact_date": date(2025, 11, 3),
        "prior_placements": 2,
        "status": "live",
        "received_minor": 20_000,
        "collection_cost_minor": 6_000,
    }
    assert {name: getattr(loan, name) for name in expected} == expected
    borrower = loan.borrower
    assert (borrower.seller, borrower.sex, borrower.birth_year) == (seller, "f", 1990)
    months = list(loan.receipts.values_list("month", "gross_minor", "cost_minor"))
    assert months == [(date(2024, 3, 1), 12_000, 3_600), (date(2025, 1, 1), 8_000, 2_400)]
    (row,) = personal_rows([loan.pk])
    assert (row.person.name, row.person.id_number, row.person.mobile) == (
        ROW["姓名"],
        ROW["身份证号"],
        ROW["手机号"],
    )
    assert ROW["身份证号"] not in repr(row)


def test_missing_cells_mean_what_the_dictionary_says(imported_rows):
    blank = dict.fromkeys(set(ROW) - {"贷款编号", "身份证号", "未偿本金"}, "")
    tape = imported_rows(blank)
    loan = Loan.objects.get()
    assert (loan.interest_minor, loan.fees_minor, loan.claim_minor) == (0, 0, 1_000_000)
    assert (loan.litigation_status, loan.status, loan.is_reachable) == ("not_sued", "live", None)
    assert not Receipt.objects.exists()
    matrix = {line["field"]: line for line in tape.completeness}
    assert matrix["status"]["missing"] == 1
    assert matrix["status"]["if_missing"] == "taken as live"
    assert matrix["principal_minor"]["filled"] == 1


def test_loans_of_one_id_number_have_one_borrower_across_tapes_and_spellings(imported_rows):
    imported_rows({}, {"身份证号": ROW["身份证号"].lower()}, {"身份证号": OTHER_ID})
    imported_rows({"贷款编号": "M-1"})
    assert Borrower.objects.count() == 2
    assert Loan.objects.count() == 4


def test_the_first_valid_row_of_a_loan_number_counts(imported_rows):
    tape = imported_rows(
        {"贷款编号": "A", "未偿本息总额": "1"}, {"贷款编号": "A"}, {"贷款编号": "A"}
    )
    assert (tape.rows_imported, tape.rows_rejected) == (1, 2)
    assert Loan.objects.get().row_number == 3
    assert hits(tape)["loan_number_twice"]["examples"] == [
        {"row": 4, "column": "贷款编号", "value": "A"}
    ]


def test_repeats_are_found_across_chunks(imported_rows, monkeypatch):
    monkeypatch.setattr(importing, "CHUNK_ROWS", 2)
    tape = imported_rows(*({"贷款编号": f"N-{number % 4}"} for number in range(7)))
    assert (tape.rows_read, tape.rows_imported) == (7, 4)


def test_the_rejects_file_has_every_column_the_row_number_and_the_reasons(imported_rows):
    tape = imported_rows({}, {"未偿本金": "=1+1", "诉讼状态": "?"})
    content = read_stored(tape.rejects_file_id)
    assert content.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert row["row_number"] == "3"
    assert "amount_unreadable" in row["reasons"]
    assert "code_unknown" in row["reasons"]
    assert row["未偿本金"] == "'=1+1"
    assert row["身份证号"] == ROW["身份证号"]
    assert list(row)[2:] == list(ROW)


def test_repaired_rejects_can_be_uploaded_as_they_are(imported_rows, imported):
    tape = imported_rows({}, {"诉讼状态": "?"})
    repaired = read_stored(tape.rejects_file_id).decode("utf-8-sig").replace("?", "未诉")
    again = imported(repaired)
    assert (again.rows_read, again.rows_imported) == (1, 1)


def test_evidence_of_upload_and_import_without_personal_data(imported_rows):
    tape = imported_rows({}, {"身份证号": "110101199003078381"})
    entries = Entry.objects.about(tape.pk).select_related("payload")
    types = [entry.type for entry in entries]
    assert types == ["tape.uploaded", "tape.validated", "tape.imported"]
    body = entries[1].payload.body
    assert (body["rows_read"], body["rows_imported"], body["rows_rejected"]) == (2, 1, 1)
    text = str([entry.payload.body for entry in entries])
    assert not any(secret in text for secret in (ROW["姓名"], ROW["手机号"], "1101011990"))


def test_the_same_file_again_is_the_same_tape(upload, imported_rows):
    tape = imported_rows({})
    again = upload(csv_of(rows_of({})))
    assert again.pk == tape.pk
    assert import_tape(tape_id=tape.pk).rows_imported == 1
    assert (Tape.objects.count(), Loan.objects.count()) == (1, 1)
    with pytest.raises(Refused, match="before"):
        upload(csv_of(rows_of({})), currency="USD")


def test_upload_refuses_a_future_cut_off_a_foreign_currency_and_other_roles(
    upload, stranger, buyer_user
):
    with pytest.raises(Refused, match="future"):
        upload(csv_of(rows_of({})), cut_off_date=date(2999, 1, 1))
    with pytest.raises(Refused, match="before 1980") as refusal:
        upload(csv_of(rows_of({})), cut_off_date=date(25, 12, 31))
    assert refusal.value.field == "cut_off_date"
    with pytest.raises(Refused, match="takes USD"):
        upload(csv_of(rows_of({})), mapping="lending_club", currency="CNY")
    with pytest.raises(Refused, match="takes"):
        upload(csv_of(rows_of({})), currency="XXX")
    for other in (stranger, buyer_user):
        with pytest.raises(NotPermitted):
            upload(csv_of(rows_of({})), user=other)
    assert not Tape.objects.exists()


class Killed(BaseException):
    """What a worker leaves behind when it is killed: no handler runs to its end."""


@pytest.fixture
def broken_import(upload, monkeypatch):
    """A tape whose import died after its second chunk, with rows of two chunks in the tables."""
    monkeypatch.setattr(importing, "CHUNK_ROWS", 2)
    tape = upload(csv_of(rows_of(*({"身份证号": OTHER_ID} for _ in range(6)))))
    done = []

    def dies(run, judged, real=importing._write):
        if len(done) == 2:
            raise Killed
        done.append(real(run, judged))

    with monkeypatch.context() as patch:
        patch.setattr(importing, "_write", dies)
        with pytest.raises(Killed):
            import_tape(tape_id=tape.pk)
    tape.refresh_from_db()
    assert (tape.state, Loan.objects.filter(tape=tape).count()) == (TapeState.IMPORTING, 4)
    return tape


def test_nobody_sees_rows_of_a_dead_import(broken_import, seller_user):
    assert not Loan.objects.visible_to(seller_user).exists()
    assert not Loan.objects.imported().exists()


def test_the_next_run_goes_on_after_the_last_chunk(broken_import, seller_user, confirm):
    before = set(Loan.objects.values_list("pk", flat=True))
    tape = import_tape(tape_id=broken_import.pk)
    assert (tape.state, tape.rows_read, tape.rows_imported) == (TapeState.TO_CONFIRM, 6, 6)
    assert before < set(Loan.objects.values_list("pk", flat=True))
    assert tape.control_totals["principal_minor"]["imported"] == 6_000_000
    confirm(tape)
    assert Loan.objects.visible_to(seller_user).count() == 6
    assert Borrower.objects.count() == 1


def test_a_resumed_run_that_does_not_fit_what_was_written_fails_and_leaves_nothing(broken_import):
    Loan.objects.filter(tape=broken_import).first().delete()
    with pytest.raises(RuntimeError, match="5 loans written, 6 found sound"):
        import_tape(tape_id=broken_import.pk)
    assert not Loan.objects.exists()
    tape = import_tape(tape_id=broken_import.pk)
    assert (tape.state, Loan.objects.count()) == (TapeState.TO_CONFIRM, 6)


def test_a_run_that_was_taken_over_writes_nothing_more(upload, monkeypatch):
    monkeypatch.setattr(importing, "CHUNK_ROWS", 2)
    tape = upload(csv_of(rows_of(*({} for _ in range(6)))))
    taken_over = []

    def second_worker(done, total, message):
        if not taken_over:
            taken_over.append(True)
            import_tape(tape_id=tape.pk)

    with pytest.raises(Refused, match="took over"):
        import_tape(tape_id=tape.pk, progress=second_worker)
    tape.refresh_from_db()
    assert (tape.state, tape.rows_imported, tape.attempt) == (TapeState.TO_CONFIRM, 6, 2)
    assert Loan.objects.filter(tape=tape).count() == 6


def test_a_failed_import_leaves_no_row_and_can_be_tried_again(
    upload, seller_user, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(importing, "CHUNK_ROWS", 2)
    broken = csv_of(rows_of({}, {}, {})) + '"' + "x" * 200_000
    tape = upload(broken)
    with pytest.raises(Refused, match="Row 5"):
        import_tape(tape_id=tape.pk)
    tape.refresh_from_db()
    assert (tape.state, tape.rows_read) == (TapeState.FAILED, 0)
    assert "Row 5" in tape.failure
    assert not Loan.objects.exists()
    assert not Borrower.objects.exists()
    assert Entry.objects.about(tape.pk).last().type == "tape.failed"
    old_job = tape.job_id
    with django_capture_on_commit_callbacks() as queued:
        retry_import(user=seller_user, tape_id=tape.pk)
    tape.refresh_from_db()
    assert len(queued) == 1
    assert tape.job_id != old_job
    assert Job.objects.get(pk=old_job).state == JobState.CANCELLED


def test_a_fault_at_the_very_end_fails_the_tape_too(upload, monkeypatch):
    def fault(**facts):
        raise ZeroDivisionError

    tape = upload(csv_of(rows_of({})))
    with monkeypatch.context() as patch:
        patch.setattr(services, "_import_facts", fault)
        with pytest.raises(TypeError):
            import_tape(tape_id=tape.pk)
    tape.refresh_from_db()
    assert (tape.state, "fault of the venue" in tape.failure) == (TapeState.FAILED, True)
    assert not Loan.objects.exists()


def test_a_fault_of_ours_fails_the_tape_with_plain_words_and_goes_on_to_the_log(
    upload, monkeypatch
):
    def fault(*args):
        raise ZeroDivisionError(ROW["姓名"])

    tape = upload(csv_of(rows_of({})))
    monkeypatch.setattr(importing, "_write", fault)
    with pytest.raises(ZeroDivisionError):
        import_tape(tape_id=tape.pk)
    tape.refresh_from_db()
    assert tape.state == TapeState.FAILED
    assert ROW["姓名"] not in tape.failure


def test_the_job_shows_progress_and_its_end(upload, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        tape = upload(csv_of(rows_of({})))
    tape.refresh_from_db()
    assert tape.state == TapeState.TO_CONFIRM
    assert (tape.job.state, tape.job.done, tape.job.total) == (JobState.DONE, 1, 1)
    assert tape.job.subject_url == f"/tapes/{tape.pk}/"


def test_a_chunk_is_written_completely_or_not_at_all(upload, monkeypatch):
    tape = upload(csv_of(rows_of({}, {"身份证号": OTHER_ID})))
    calls = []

    def dies_at_receipts(model, columns, real=importing.insert_columns):
        calls.append(model)
        if model is Receipt:
            raise Killed
        real(model, columns)

    monkeypatch.setattr(importing, "insert_columns", dies_at_receipts)
    with pytest.raises(Killed):
        services.import_tape(tape_id=tape.pk)
    assert calls == [Borrower, Loan, Receipt]
    assert not Loan.objects.exists()
    assert not Borrower.objects.exists()
