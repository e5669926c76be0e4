"""One customer or ID number with several names in a tape: noted, counted, never named."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npa_market.tapes import importing
from npa_market.tapes.models import Borrower, Loan
from npa_market.tapes.several_names import FirstNames
from tests.tapes.test_import import OTHER_ID, hits, with_check_digit

CUSTOMER = {"身份证号": "", "客户号": "C-1001"}


@pytest.fixture
def imported_names(imported_rows):
    """Import one loan per customer number, ID number and name."""

    def run(*people: tuple[str, str, str]):
        return imported_rows(
            *({"客户号": key, "身份证号": number, "姓名": name} for key, number, name in people)
        )

    return run


@pytest.mark.parametrize("chunk_rows", [1, 2, 25_000])
def test_a_customer_number_with_several_names_is_noted_and_imported(
    chunk_rows, imported_names, monkeypatch
):
    monkeypatch.setattr(importing, "CHUNK_ROWS", chunk_rows)
    tape = imported_names(
        ("C-1001", "", "张伟"),
        ("C-1001", "", "李娜"),
        ("C-1002", "", "王芳"),
        ("C-1001", "", "张伟"),
        ("C-1001", "", "赵敏"),
    )
    assert (tape.rows_imported, Borrower.objects.count()) == (5, 2)
    found = hits(tape)["customer_number_names"]
    assert (found["count"], found["severity"], found["column"]) == (2, "note", "客户号")
    assert [(each["row"], each["value"]) for each in found["examples"]] == [
        (3, "******"),
        (6, "******"),
    ]
    assert not any(name in str(tape.findings) for name in ("张伟", "李娜", "赵敏", "C-1001"))
    assert "id_number_names" not in hits(tape)


@pytest.mark.parametrize(
    ("first", "second", "is_noted"),
    [
        ("张伟", " 张 伟　", False),
        ("Zhang Wei", "ＺＨＡＮＧ　wei", False),
        ("买买提·艾力", "买买提•艾力", False),
        ("O'Brien", "OBrien", False),
        ("张伟", "", False),
        ("张伟", "-", False),
        ("张伟", "张炜", True),
        ("Zhang Wei", "Wei Zhang", True),
    ],
)
def test_what_makes_another_name(first, second, is_noted, imported_names):
    tape = imported_names(("C-1", "", first), ("C-1", "", second))
    assert ("customer_number_names" in hits(tape)) == is_noted
    assert tape.rows_imported == 2


def test_an_id_number_with_several_names_is_one_borrower_under_the_first(imported_names):
    tape = imported_names(("", OTHER_ID, "张伟"), ("", OTHER_ID, "李娜"))
    assert Borrower.objects.count() == 1
    assert hits(tape)["id_number_names"]["count"] == 1
    assert OTHER_ID not in str(tape.findings)


def test_people_who_share_a_number_that_a_spreadsheet_rounded_are_explained(imported_names):
    """Its check digit is right by chance, so that no rule on the number itself finds it."""
    rounded = next(
        number
        for day in range(1, 29)
        if (number := with_check_digit(f"110101198001{day:02}0000")).endswith("000")
    )
    people = [("", rounded, name) for name in ("张伟", "李娜", "王芳")]
    tape = imported_names(*people, ("", OTHER_ID, "张伟"), ("", OTHER_ID, "李娜"))
    assert (tape.rows_imported, Borrower.objects.count()) == (5, 2)
    found = hits(tape)["id_number_rounded_names"]
    assert (found["count"], found["severity"], found["column"]) == (2, "note", "身份证号")
    assert [each["row"] for each in found["examples"]] == [3, 4]
    assert "15 of its 18 digits" in found["words"]
    assert hits(tape)["id_number_names"]["count"] == 1
    assert rounded not in str(tape.findings)


def test_one_person_whose_number_ends_in_zeros_is_not_noted(imported_names):
    rounded = with_check_digit("110101198001010000")
    tape = imported_names(("", rounded, "张伟"), ("", rounded, "张 伟"))
    assert not {"id_number_rounded_names", "id_number_names"} & set(hits(tape))


def test_rejected_rows_give_no_name(imported_rows):
    tape = imported_rows(
        {**CUSTOMER, "姓名": "李娜", "诉讼状态": "?"},
        {**CUSTOMER, "姓名": "张伟"},
        {**CUSTOMER, "姓名": "王芳", "诉讼状态": "?"},
    )
    assert Loan.objects.count() == 1
    assert "customer_number_names" not in hits(tape)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=40),
    size=st.integers(1, 7),
)
def test_chunks_of_any_size_find_what_a_dictionary_finds(rows, size):
    firsts: dict[int, int] = {}
    expected = [firsts.setdefault(number, name) != name for number, name in rows]
    kept, found = FirstNames(), []
    for start in range(0, len(rows), size):
        part = np.array(rows[start : start + size], np.uint64)
        found += kept.is_other(part[:, 0], part[:, 1]).tolist()
    assert found == expected
