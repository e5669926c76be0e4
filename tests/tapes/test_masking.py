import pytest

from npa_market.tapes.masking import masked_cell, masked_id_number, masked_mobile, masked_name


@pytest.mark.parametrize(
    ("name", "masked"), [("张伟", "张*"), ("欧阳娜娜", "欧*"), ("John Smith", "J*"), ("", "")]
)
def test_a_name_shows_its_first_character(name, masked):
    assert masked_name(name) == masked


@pytest.mark.parametrize(
    ("number", "masked"),
    [("11010119900307838X", "110***********838X"), ("1234567890", "*" * 10), ("", "")],
)
def test_an_id_number_shows_three_and_four(number, masked):
    assert masked_id_number(number) == masked
    assert len(masked_id_number(number)) == len(number)


@pytest.mark.parametrize(
    ("mobile", "masked"),
    [("13812340000", "138****0000"), ("+8613812340000", "+86138****0000"), ("1234567", "*" * 7)],
)
def test_a_mobile_hides_the_middle(mobile, masked):
    assert masked_mobile(mobile) == masked


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("12345678.90", "12345678.90"),
        ("11010119900307838X", "110***838X"),
        ("call 13812340000 now", "call 138****0000 now"),
        ("x" * 100, "x" * 60 + "…"),
    ],
)
def test_a_cell_of_a_finding_is_short_and_carries_no_stray_identity(cell, shown):
    assert masked_cell(cell) == shown
