"""One debt under two numbers: what makes it the same, in a tape, between tapes, after a sale."""

import csv
import io
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npa_market.common.files import read_stored
from npa_market.tapes import importing, outside
from npa_market.tapes.models import Borrower, Loan
from npa_market.tapes.same_debt import Debts, Twins, same_debts
from npa_market.tapes.services import import_tape
from tests.tapes.conftest import csv_of, rows_of
from tests.tapes.test_import import OTHER_ID, hits

SAME = {"放款金额": "12000.00"}
NEW = {"贷款编号": "N-1"} | SAME
CUSTOMER_ALONE = {"身份证号": "", "客户号": "C-1"}
# What tells a loan from one of the same borrower, and what does not.
OTHERS = [
    {"身份证号": OTHER_ID},
    {"放款日期": "2023-01-16"},
    {"放款金额": "12000.01"},
    {"放款金额": ""},
    {"产品": "信用卡"},
]
ALIKE = [{}, {"产品": ""}, {"未偿本金": "9000.00", "未偿本息总额": ""}, {"姓名": "李娜"}]


def reasons(tape):
    """Reasons of the first rejected row."""
    text = read_stored(tape.rejects_file_id).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))[1][1]


def debts(*rows):
    numbers, borrowers, days, amounts, products = zip(*rows, strict=True)
    return Debts(
        pa.array(numbers, pa.string()),
        pa.array(borrowers, pa.string()),
        pa.array(days, pa.date32()),
        pa.array(amounts, pa.int64()),
        pa.array(products, pa.string()),
    )


def is_same(left, right):
    (number, *payout, product), (other, *known, named) = left, right
    stated = None not in payout
    return number != other and stated and payout == known and (product in ("", named) or not named)


ROWS = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, 5, 6]),
    st.sampled_from(["", "card", "cash"]),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(new=st.lists(ROWS, min_size=1, max_size=12), known=st.lists(ROWS, min_size=1, max_size=12))
def test_matches_are_those_of_every_pair(new, known):
    left = [(f"n{at}", *row) for at, row in enumerate(new)]
    right = [(f"k{at:02}", *row) for at, row in enumerate(known)]
    places, others = same_debts(debts(*left), debts(*right))
    expected = {
        at: [other[0] for other in right if is_same(row, other)] for at, row in enumerate(left)
    }
    assert places.tolist() == [at for at, found in expected.items() if found]
    assert all(other in expected[at] for at, other in zip(places.tolist(), others, strict=True))


def test_a_loan_whose_own_number_is_known_stands_for_itself():
    twins = debts(("L-1", "a", 1, 5, ""), ("L-2", "a", 1, 5, ""))
    assert same_debts(twins, twins)[1] == []
    assert same_debts(debts(("L-3", "a", 1, 5, "")), twins)[1] == ["L-1"]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(ROWS, max_size=40), size=st.integers(1, 7))
def test_twins_are_found_in_chunks_of_any_size(rows, size):
    loans = [(f"n{at}", *row) for at, row in enumerate(rows)]
    expected = {}
    for at, row in enumerate(loans):
        earlier = [other for other in range(at) if is_same(row, loans[other])]
        if earlier:
            expected[at] = earlier[0]
    kept, found = Twins(), {}
    for start in range(0, len(loans), size):
        part = loans[start : start + size]
        numbers = np.arange(start, start + len(part))
        at, first = kept.earlier(debts(*part), numbers)
        found |= dict(zip(numbers[at].tolist(), first.tolist(), strict=True))
    assert found == expected


@pytest.mark.parametrize("chunk_rows", [1, 2, 25_000])
def test_twins_of_a_tape_are_imported_and_noted_with_the_row(
    chunk_rows, imported_rows, monkeypatch
):
    monkeypatch.setattr(importing, "CHUNK_ROWS", chunk_rows)
    tape = imported_rows(SAME, {"身份证号": OTHER_ID}, SAME)
    assert (tape.rows_imported, tape.rows_rejected) == (3, 0)
    found = hits(tape)["loan_twin"]
    assert (found["count"], found["severity"], found["column"]) == (1, "note", "贷款编号")
    assert found["examples"][0]["value"] == "L-3, as row 2"


@pytest.mark.parametrize("change", OTHERS)
def test_loans_that_differ_are_no_twins(change, imported_rows):
    assert "loan_twin" not in hits(imported_rows(SAME, SAME | change))


@pytest.mark.parametrize("cut_off", [date(2025, 11, 30), date(2025, 12, 31)])
@pytest.mark.parametrize("change", ALIKE)
def test_a_debt_of_another_tape_under_a_new_number_is_noted(change, cut_off, imported_rows):
    contact = {"最近联系日期": "2025-11-03", "逾期天数": "944"}
    imported_rows(contact, cut_off_date=cut_off)
    tape = imported_rows(NEW | change)
    assert tape.rows_imported == 1
    found = hits(tape)["loan_renumbered"]
    assert (found["count"], found["severity"]) == (1, "note")
    assert found["examples"][0]["value"] == "N-1, there L-1"


@pytest.mark.parametrize("change", [{"贷款编号": "L-1"}, *OTHERS])
def test_a_loan_of_another_tape_and_another_debt_are_not_renumbered(change, imported_rows):
    imported_rows({}, {"贷款编号": "L-9"} | SAME)
    assert "loan_renumbered" not in hits(imported_rows(NEW | change))


def test_a_loan_of_a_later_tape_is_not_renumbered_and_its_debt_is(imported_rows):
    imported_rows({}, {"贷款编号": "L-9"} | SAME)
    earlier = {"最近联系日期": "2025-11-03", "逾期天数": "944"}
    tape = imported_rows(
        {"贷款编号": "L-9"} | SAME | earlier, NEW | earlier, cut_off_date=date(2025, 11, 30)
    )
    found = hits(tape)["loan_renumbered"]
    assert (found["count"], found["examples"][0]["value"]) == (1, "N-1, there L-1")


@pytest.mark.parametrize("chunk_rows", [1, 2, 25_000])
def test_a_debt_is_found_in_chunks_of_any_size_on_any_of_several_tapes(
    chunk_rows, imported_rows, monkeypatch
):
    for name in ("A", "B"):
        imported_rows(
            {"贷款编号": f"{name}-1"} | SAME, {"贷款编号": f"{name}-2", "产品": name} | SAME
        )
    monkeypatch.setattr(importing, "CHUNK_ROWS", chunk_rows)
    tape = imported_rows(
        NEW,
        {"贷款编号": "N-2", "产品": "B"} | SAME,
        {"贷款编号": "N-3", "产品": "C"} | SAME,
        {"贷款编号": "N-4", "身份证号": OTHER_ID} | SAME,
        {"贷款编号": "N-5", "产品": ""} | SAME,
    )
    values = [each["value"] for each in hits(tape)["loan_renumbered"]["examples"]]
    assert values == ["N-1, there A-1", "N-2, there B-2", "N-5, there A-1"]


def test_a_person_is_found_by_the_customer_number_too(imported_rows):
    imported_rows(CUSTOMER_ALONE)
    tape = imported_rows(NEW | {"客户号": "C-1"})
    assert Borrower.objects.count() == 2
    assert hits(tape)["loan_renumbered"]["count"] == 1


@pytest.fixture
def sold(imported_rows, monkeypatch):
    """Loan L-1, sold; changes of its row may be given."""

    def sell(**change):
        monkeypatch.setattr(outside, "_sold", [])
        imported_rows(change)
        gone = Loan.objects.get().pk
        outside.tells_sold_loans(lambda seller: [gone])

    return sell


@pytest.mark.parametrize("change", ALIKE)
def test_a_sold_loan_is_not_taken_in_under_another_number(change, sold, imported_rows):
    sold()
    tape = imported_rows(NEW | change, {"放款金额": "1.00", "未偿本金": "1.00", "未偿本息总额": ""})
    assert (tape.rows_imported, tape.rows_rejected) == (1, 1)
    found = hits(tape)["loan_sold_renumbered"]
    assert (found["count"], found["severity"]) == (1, "reject")
    assert found["examples"][0]["value"] == "N-1, there L-1"
    assert reasons(tape).startswith("loan_sold_renumbered: ")
    assert reasons(tape).endswith(" | sold as L-1")


@pytest.mark.parametrize("change", OTHERS)
def test_another_debt_than_the_sold_one_is_taken_in(change, sold, imported_rows):
    sold()
    tape = imported_rows(NEW | change)
    assert (tape.rows_imported, tape.rows_rejected) == (1, 0)


def test_the_number_of_a_sold_loan_gives_one_reason_alone(sold, imported_rows):
    sold()
    tape = imported_rows({}, {"放款金额": "1.00", "未偿本金": "1.00", "未偿本息总额": ""})
    assert "loan_sold_renumbered" not in hits(tape)
    assert hits(tape)["loan_sold"]["examples"][0]["value"] == "L-1"


def test_a_sold_loan_of_a_customer_number_is_known_once_there_is_an_id_number(sold, imported_rows):
    sold(**CUSTOMER_ALONE)
    tape = imported_rows(NEW | {"客户号": "C-1"})
    assert hits(tape)["loan_sold_renumbered"]["count"] == 1


def test_tapes_that_nobody_confirmed_hold_no_debts(upload, imported_rows):
    import_tape(tape_id=upload(csv_of(rows_of({}))).pk)
    imported_rows({"贷款编号": "X", "身份证号": OTHER_ID})
    assert "loan_renumbered" not in hits(imported_rows(NEW))
