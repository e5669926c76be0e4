"""Facts of ID numbers: the columnwise reading is the reading one by one."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum.cn import ric

from npa_market.tapes.identity import FAULTS, id_columns, id_facts


def numbered(first_17: str) -> str:
    return first_17 + ric.calc_check_digit(first_17 + "0")


DIGITS = st.text("0123456789", min_size=17, max_size=17)
DATED = st.builds(
    "{}{:04d}{:02d}{:02d}{:03d}".format,
    st.sampled_from(["110101", "440305", "500112", "654321", "000000", "110000", "990101"]),
    st.integers(1890, 2030),
    st.integers(0, 13),
    st.integers(0, 32),
    st.integers(0, 999),
)
NUMBERS = st.one_of(
    st.text(max_size=20), DIGITS.map(lambda digits: digits + "X"), DATED.map(numbered)
)


@given(st.lists(NUMBERS, max_size=8))
@example(["110101199003078000", "１10101199003078000", numbered("11010119800101000")])
@example(["11010119900307838x", "1.10101E+17", " 11010119900307838X", "１１０１０１19900307838X"])
@example([numbered("11010119000101001"), numbered("11010118991231001")])
@example([numbered("11010119000229001"), numbered("11010120000229001"), "A1010119900307838X"])
def test_a_column_of_numbers_has_the_facts_of_each_number(numbers):
    columns = id_columns(numbers, np.ones(len(numbers), dtype=bool))
    for row, number in enumerate(numbers):
        fact = id_facts(number)
        assert FAULTS[columns.fault[row]] == fact.fault
        assert columns.birth[row].item() == fact.birth
        assert columns.sex[row] == fact.sex
        assert bool(columns.is_region_known[row]) == fact.is_region_known


def test_a_row_without_a_number_has_neither_facts_nor_fault():
    columns = id_columns(["", "11010119900307838X"], np.array([False, True]))
    assert (columns.fault[0], columns.sex[0], columns.sex[1]) == (0, "", "f")
    assert np.isnat(columns.birth[0])


@pytest.mark.parametrize(
    ("county", "year", "is_known"),
    [("110101", 1990, True), ("110113", 1990, False), ("110113", 1998, True)],
)
def test_the_county_existed_in_the_year_of_birth(county, year, is_known):
    assert id_facts(numbered(f"{county}{year}0307838"[:17])).is_region_known is is_known


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("110101199003078000", "id_number_rounded"),
        (" 110101 19900307 8000", "id_number_rounded"),
        ("110101199003078001", "id_number_check_digit"),
        ("110101199003078100", "id_number_check_digit"),
        ("11010119900307000X", "id_number_check_digit"),
    ],
)
def test_a_wrong_check_digit_after_three_zeros_is_a_spreadsheets_rounding(number, fault):
    assert id_facts(number).fault == fault


def test_a_right_number_that_ends_in_zeros_has_no_fault():
    right = next(
        number
        for day in range(1, 29)
        if (number := numbered(f"110101198001{day:02}000")).endswith("000")
    )
    assert id_facts(right).fault == ""
