"""Money is exact: what is typed, what is shown, and what is split adds up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npa_market.common.errors import InvalidInput
from npa_market.common.money import (
    MAX_MINOR,
    allocate,
    format_minor,
    minor_digits,
    parse_minor,
    share_of,
    to_decimal,
)


@pytest.mark.parametrize(
    ("text", "currency", "expected"),
    [
        ("3,172,415.07", "CNY", 317_241_507),
        ("3172415.7", "CNY", 317_241_570),
        (" 500000 ", "USD", 50_000_000),
        ("１２３．４５", "CNY", 12_345),
        ("-8.00", "USD", -800),
        ("1,000", "JPY", 1_000),
        ("0.10", "CNY", 10),
    ],
)
def test_amounts_as_people_type_them(text, currency, expected):
    assert parse_minor(text, currency) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "amount_unreadable"),
        ("1e9", "amount_unreadable"),
        ("0x10", "amount_unreadable"),
        ("12,34.00", "amount_unreadable"),
        ("1.000,50", "amount_unreadable"),
        ("NaN", "amount_unreadable"),
        ("١٢٣", "amount_unreadable"),
        ("--5", "amount_unreadable"),
        ("10²", "amount_unreadable"),
        ("①", "amount_unreadable"),
        ("1,000.005", "amount_too_fine"),
        ("100000000000000000000", "amount_too_large"),
    ],
)
def test_other_texts_are_refused_by_name(text, code):
    with pytest.raises(InvalidInput) as refusal:
        parse_minor(text, "CNY", field="bid")
    assert (refusal.value.code, refusal.value.field) == (code, "bid")


@given(st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(["CNY", "USD", "JPY", "KWD"]))
def test_what_is_shown_can_be_typed_again(amount_minor, currency):
    assert parse_minor(format_minor(amount_minor, currency), currency) == amount_minor
    shifted = to_decimal(amount_minor, currency).scaleb(minor_digits(currency))
    assert shifted == amount_minor


def test_the_symbol_stands_for_one_figure_alone():
    assert format_minor(317_241_507, "CNY", symbol=True) == "¥3,172,415.07"
    assert format_minor(3_172_415, "JPY", symbol=True) == "JP¥3,172,415"
    assert format_minor(-3_172_415, "JPY", symbol=True) == "-JP¥3,172,415"
    assert format_minor(-5, "USD", symbol=True) == "-$0.05"


weights = st.lists(st.integers(0, 10**12), min_size=1, max_size=60).filter(any)


@given(st.integers(0, 10**15), weights)
def test_L6_parts_add_up_and_stay_within_one_unit(total, parts):
    keys = [f"{i:03d}" for i in range(len(parts))]
    shares = allocate(total, parts, keys)
    assert sum(shares) == total
    whole = sum(parts)
    for share, weight in zip(shares, parts, strict=True):
        assert total * weight // whole <= share <= total * weight // whole + 1
        assert weight or share == 0


@given(st.integers(0, 10**9), weights, st.randoms())
def test_L6_the_order_of_rows_does_not_matter(total, parts, random):
    keyed = {f"{i:03d}": weight for i, weight in enumerate(parts)}
    straight = dict(zip(keyed, allocate(total, list(keyed.values()), list(keyed)), strict=True))
    mixed_keys = list(keyed)
    random.shuffle(mixed_keys)
    mixed = allocate(total, [keyed[key] for key in mixed_keys], mixed_keys)
    assert dict(zip(mixed_keys, mixed, strict=True)) == straight


@pytest.mark.parametrize(("total", "parts"), [(-1, [1]), (5, [0, 0]), (5, [2, -1]), (5, [])])
def test_an_impossible_split_is_an_error(total, parts):
    with pytest.raises(ValueError, match="need|weights"):
        allocate(total, parts, [str(i) for i in range(len(parts))])


@pytest.mark.parametrize(
    ("amount", "per_100k", "expected"),
    [(316_551_507, 100, 316_552), (316_552, 6_000, 18_993), (-250, 50_000, -125), (1, 50_000, 1)],
)
def test_rates_round_half_up(amount, per_100k, expected):
    assert share_of(amount, per_100k) == expected
