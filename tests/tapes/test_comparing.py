"""A tape against earlier ones: what was sold is not taken in, what drifts is disclosed."""

from datetime import date

import pytest

from npa_market.tapes import importing, outside
from npa_market.tapes.comparing import DRIFT_RULES
from npa_market.tapes.models import Loan
from npa_market.tapes.services import import_tape
from tests.tapes.conftest import csv_of, rows_of
from tests.tapes.test_import import OTHER_ID, Killed, hits

EARLIER = {"cut_off_date": date(2025, 11, 30)}
# rule -> (cells on the earlier tape, cells that now give the note, cells that do not)
DRIFT = {
    "loan_of_other_borrower": ({}, {"身份证号": OTHER_ID}, {}),
    "principal_up": ({}, {"未偿本金": "10000.01", "未偿本息总额": ""}, {}),
    "received_down": (
        {},
        {"核销后回款": "199.99", "核销后回款明细": "", "催收费用": ""},
        {"核销后回款": "200.00", "核销后回款明细": "", "催收费用": ""},
    ),
    "status_back": ({"状态": "已结清"}, {"状态": "正常"}, {"状态": "已结清"}),
    "charge_off_moved": ({}, {"核销日期": "2024-01-21"}, {"核销日期": ""}),
}
EARLY_CONTACT = {"最近联系日期": "2025-11-03", "逾期天数": "944"}


def test_the_table_of_this_test_names_every_rule():
    assert {*DRIFT, "loan_on_other_tape"} == {rule.id for rule in DRIFT_RULES}


@pytest.mark.parametrize("rule", DRIFT)
def test_drift_against_the_earlier_tape_is_noted_and_nothing_else(rule, imported_rows):
    before, hit, miss = DRIFT[rule]
    if rule == "charge_off_moved":
        miss = {}  # The standard layout needs the date.
    imported_rows({**EARLY_CONTACT, **before}, {**EARLY_CONTACT, **before}, **EARLIER)
    tape = imported_rows(hit, miss)
    assert tape.rows_imported == 2
    found = {each["id"] for each in tape.findings} & {each.id for each in DRIFT_RULES}
    assert found == {rule}
    assert (hits(tape)[rule]["count"], hits(tape)[rule]["severity"]) == (1, "note")
    assert hits(tape)[rule]["examples"][0]["row"] == 2


def test_the_same_loan_on_a_tape_of_the_same_day_is_noted(imported_rows):
    imported_rows({})
    tape = imported_rows({}, {"贷款编号": "NEW"})
    assert hits(tape)["loan_on_other_tape"]["count"] == 1


def test_a_first_tape_is_compared_with_nothing(imported_rows):
    tape = imported_rows({}, {})
    assert not {each.id for each in DRIFT_RULES} & set(hits(tape))


def test_tapes_that_nobody_confirmed_are_no_yardstick(upload, imported_rows):
    import_tape(tape_id=upload(csv_of(rows_of({}))).pk)
    tape = imported_rows({}, {"贷款编号": "NEW"})
    assert "loan_on_other_tape" not in hits(tape)


@pytest.fixture
def sold(imported_rows, monkeypatch):
    """Loan L-1 of an earlier tape, sold."""
    monkeypatch.setattr(outside, "_sold", [])
    imported_rows(EARLY_CONTACT, **EARLIER)
    gone = Loan.objects.get().pk
    outside.tells_sold_loans(lambda seller: [gone])


def test_a_sold_loan_is_not_taken_in_again(sold, imported_rows):
    tape = imported_rows({"贷款编号": "L-1 "}, {"贷款编号": "NEW"})
    assert (tape.rows_imported, tape.rows_rejected) == (1, 1)
    found = hits(tape)
    assert (found["loan_sold"]["count"], found["loan_sold"]["examples"][0]["row"]) == (1, 2)


@pytest.mark.parametrize("change", [{"身份证号": OTHER_ID}, {"身份证号": "", "客户号": "C-1"}])
def test_the_number_of_a_sold_loan_is_not_taken_in_for_another_borrower(
    sold, imported_rows, change
):
    tape = imported_rows(change, {"贷款编号": "NEW"})
    assert (tape.rows_imported, tape.rows_rejected) == (1, 1)
    assert "loan_sold" not in hits(tape)
    assert hits(tape)["loan_sold_other_borrower"]["count"] == 1


def test_a_resumed_run_compares_the_rows_of_the_dead_one_too(imported_rows, upload, monkeypatch):
    imported_rows(*[{}] * 6)
    monkeypatch.setattr(importing, "CHUNK_ROWS", 2)
    tape = upload(csv_of(rows_of(*[{"产品": "other"}] * 6)))
    written = []

    def dies(run, judged, real=importing._write):
        if len(written) == 2:
            raise Killed
        written.append(real(run, judged))

    with monkeypatch.context() as patch:
        patch.setattr(importing, "_write", dies)
        with pytest.raises(Killed):
            import_tape(tape_id=tape.pk)
    assert hits(import_tape(tape_id=tape.pk))["loan_on_other_tape"]["count"] == 6
