"""C2: ID numbers and mobiles in columns that nobody masks reject their rows and are not quoted."""

import time

import pyarrow as pa
import pytest
from django.urls import reverse

from npa_market.tapes.columns import Column, no_flags, texts
from npa_market.tapes.misplaced import has_id_number, has_mobile, misplaced_tests
from npa_market.tapes.models import Loan
from tests.tapes.conftest import ROW

NUMBER, MOBILE = ROW["身份证号"], ROW["手机号"]


def column(*cells: str) -> Column:
    empty = texts(cells) == ""
    return Column(texts(cells), empty.to_numpy(), no_flags(len(cells)))


@pytest.mark.parametrize(
    "cell",
    [
        NUMBER,
        NUMBER.lower(),
        f"王小明 {NUMBER} {MOBILE}",
        f"朝阳区{NUMBER}",
        f"CN-{NUMBER}-01",
        f"L{NUMBER}",
        f"{NUMBER[:6]} {NUMBER[6:14]} {NUMBER[14:]}",
        "１１０１０１１９９００３０７８３８Ｘ",
        f"{NUMBER[:17]}0 {NUMBER}",
    ],
)
def test_an_id_number_is_seen_however_it_is_written(cell):
    assert has_id_number(column("", cell, "现金贷")).tolist() == [False, True, False]


@pytest.mark.parametrize(
    "cell",
    [
        f"{NUMBER[:17]}0",  # check digit
        f"9{NUMBER[1:]}",  # no province
        f"4{NUMBER}",  # a digit more
        "110101199013078383",  # month 13
        "202403150000012345",
        "6222020200112233445",
        "现金贷 2024",
        MOBILE,
        "",
    ],
)
def test_other_numbers_are_no_id_numbers(cell):
    assert not has_id_number(column(cell)).any()


@pytest.mark.parametrize(
    ("cell", "is_mobile"),
    [
        (MOBILE, True),
        (f"王小明{MOBILE}", True),
        ("+86 138 1234 0000", True),
        ("8613812340000", True),
        ("１３８１２３４００００", True),
        ("138-1234-0000 (home)", True),
        (f"9{MOBILE}", False),
        (f"{MOBILE}1", False),
        (f"A{MOBILE}", False),
        ("12812340000", False),
        (NUMBER, False),
        ("信用卡 2023-2024", False),
    ],
)
def test_a_mobile_is_seen_where_it_stands_by_itself(cell, is_mobile):
    assert has_mobile(column(cell)).tolist() == [is_mobile]


def test_the_fields_are_the_texts_that_are_not_masked():
    assert {(rule, field) for rule, field, *_ in misplaced_tests()} == {
        *(("id_number_misplaced", field) for field in ("loan_number", "product", "grade", "city")),
        *(("mobile_misplaced", field) for field in ("product", "grade", "city")),
    }


@pytest.mark.parametrize("header", ["产品", "城市", "贷款编号"])
def test_C2_a_row_with_a_misplaced_id_number_is_rejected_and_nothing_of_it_is_quoted(
    header, imported_rows, as_user, seller_user
):
    cell = f"王小明 {NUMBER}"
    tape = imported_rows({}, {header: cell})
    assert (tape.rows_imported, tape.rows_rejected) == (1, 1)
    (found,) = (each for each in tape.findings if each["id"] == "id_number_misplaced")
    assert (found["severity"], found["column"], found["count"]) == ("reject", header, 1)
    assert found["examples"] == [{"row": 3, "column": header, "value": ""}]
    for name in ("tapes:detail", "tapes:findings"):
        page = as_user(seller_user).get(reverse(name, args=[tape.pk])).content.decode()
        assert "ID number stands in" in page
        assert NUMBER not in page
        assert "王小明" not in page
    assert not Loan.objects.filter(product__contains=NUMBER).exists()


def test_loan_and_customer_numbers_may_look_like_mobiles_and_customer_numbers_like_anything(
    imported_rows,
):
    tape = imported_rows({"客户号": "C-1", "贷款编号": MOBILE}, {"客户号": NUMBER})
    assert (tape.rows_imported, tape.rows_rejected) == (2, 0)


def test_a_column_of_distinct_numbers_is_searched_at_once():
    numbers = pa.array([f"11010119900307{n:06d}" for n in range(200_000)]).to_pylist()
    cells = column(*numbers)
    start = time.process_time()
    has_id_number(cells)
    has_mobile(cells)
    assert time.process_time() - start < 2
