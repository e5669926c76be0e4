from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npa_market.common.money import MAX_MINOR, format_minor
from npa_market.tapes.columns import days, parsed, parsed_amounts
from npa_market.tapes.parsing import (
    Unreadable,
    amount_parser,
    parse_amount,
    parse_date,
    parse_fraction,
    parse_integer,
    parse_percent_points,
    parse_percent_text,
    parse_receipts,
    parse_rounded_amount,
)

MINOR = st.integers(min_value=-MAX_MINOR, max_value=MAX_MINOR)
DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2199, 12, 31))
RATES = st.integers(min_value=0, max_value=100_000)


def amounts(cells, currency="CNY"):
    cells = np.array(cells, dtype=object)
    return parsed_amounts(cells, cells == "", currency)


@given(MINOR, st.sampled_from(["CNY", "JPY", "USD"]))
def test_an_amount_as_formatted_reads_back(minor, currency):
    written = format_minor(minor, currency)
    assert parse_amount(written, currency) == minor
    assert parse_amount(written.replace(",", ""), currency) == minor
    assert parse_rounded_amount(written, currency) == minor


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("¥1,200.50", 120050),
        ("RMB 7", 700),
        ("CNY7", 700),
        ("￥7", 700),
        (" 12 ", 1200),
        ("１２.５", 1250),
        ("-0.01", -1),
    ],
)
def test_spellings_of_amounts(text, minor):
    assert parse_amount(text, "CNY") == minor


@pytest.mark.parametrize("text", ["USD 7", "$7", "US$7", "HK$7", "€7", "JPY 7"])
def test_an_amount_in_another_currency_is_no_amount_of_the_tape(text):
    for parse in (parse_amount, parse_rounded_amount, amount_parser(unit="thousand")):
        with pytest.raises(Unreadable):
            parse(text, "CNY")
    with pytest.raises(Unreadable):
        parse_receipts(f"2025-03:{text}", "CNY")


@pytest.mark.parametrize(("text", "minor"), [("$7", 700), ("US$ 7", 700), ("USD 7", 700)])
def test_an_amount_may_carry_the_sign_of_its_currency(text, minor):
    assert parse_amount(text, "USD") == minor
    for other in ("¥7", "RMB7", "CN¥7", "CNY 7"):
        with pytest.raises(Unreadable):
            parse_amount(other, "USD")


@pytest.mark.parametrize("text", ["202401", "202411", "202412", "2024111", "20241"])
def test_digits_without_separators_are_a_day_only_in_full_length(text):
    with pytest.raises(Unreadable):
        parse_date(text, ("%Y-%m-%d", "%Y%m%d"))
    assert parse_date("20241101", ("%Y-%m-%d", "%Y%m%d")) == date(2024, 11, 1)
    assert parse_date("202411", ("%Y%m",)) == date(2024, 11, 1)


@pytest.mark.parametrize(
    "text", ["", "abc", "1,2", "1.234", "1e3", "1.2.3", "--1", "NaN", "9" * 40]
)
def test_what_is_no_amount(text):
    with pytest.raises(Unreadable):
        parse_amount(text, "CNY")


@pytest.mark.parametrize(
    ("text", "minor"), [("3955.380000000001", 395538), ("68.235", 6824), ("68.2349", 6823)]
)
def test_binary_fractions_are_rounded_half_up_where_the_mapping_says_so(text, minor):
    assert parse_rounded_amount(text, "USD") == minor


@pytest.mark.parametrize(
    ("text", "decimal", "minor"),
    [
        ("1,234,567.5", ".", 123456750),
        ("-12,345", ".", -1234500),
        ("1,23", ".", None),
        ("12,34.5", ".", None),
        ("1,2,3", ".", None),
        ("1234,567", ".", None),
        ("1,2345", ".", None),
        (",123", ".", None),
        ("0,500", ".", None),
        ("1.234.567,5", ",", 123456750),
        ("1 234\u202f567,50", ",", 123456750),
        ("(1.234,50)", ",", -123450),
        ("- 7,5", ",", -750),
        (",5", ",", 50),
        ("1.234", ",", 123400),
        ("1234.56", ",", None),
        ("12.5", ",", None),
        ("0.99", ",", None),
        ("0.500", ",", None),
        (".500", ",", None),
        ("1.23,4", ",", None),
        ("1.234 567,5", ",", None),
        ("1,2,3", ",", None),
    ],
)
@pytest.mark.parametrize(("unit", "factor"), [("", 1), ("thousand", 1000), ("ten_thousand", 10**4)])
@pytest.mark.parametrize("is_rounded", [False, True])
def test_separators_part_groups_of_three_in_every_reading(
    text, decimal, minor, unit, factor, is_rounded
):
    parse = amount_parser(is_rounded=is_rounded, unit=unit, decimal=decimal)
    if minor is None:
        with pytest.raises(Unreadable):
            parse(text, "EUR")
    else:
        assert parse(text, "EUR") == minor * factor


@given(st.lists(st.one_of(MINOR.map(lambda m: format_minor(m, "CNY")), st.text(max_size=12))))
def test_the_columnwise_path_equals_the_cell_by_cell_parser(cells):
    column = amounts(cells)
    for index, cell in enumerate(cells):
        try:
            expected = parse_amount(cell, "CNY") if cell else None
        except Unreadable:
            assert column.is_bad[index]
            continue
        assert not column.is_bad[index]
        if expected is None:
            assert column.is_missing[index]
        else:
            assert column.values[index] == expected


@given(st.lists(st.integers(min_value=-(10**14) + 1, max_value=10**14 - 1)))
def test_the_columnwise_path_is_exact_on_plain_decimals(minors):
    column = amounts([str(Decimal(minor).scaleb(-2)) for minor in minors])
    assert column.values.tolist() == minors
    assert not column.is_bad.any()


@given(DAYS, st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日"]))
def test_a_date_reads_back_in_each_format(day, form):
    # strftime does not pad the year on every platform; the range starts at 1900.
    assert parse_date(day.strftime(form), (form,)) == day


@given(DAYS)
def test_a_month_is_its_first_day(day):
    assert parse_date(day.strftime("%b-%Y"), ("%Y-%m-%d", "%b-%Y")) == day.replace(day=1)


@pytest.mark.parametrize("text", ["2025-02-30", "2025-13-01", "03/01/2025", "45000", "", "2025-01"])
def test_what_is_no_date(text):
    with pytest.raises(Unreadable):
        parse_date(text, ("%Y-%m-%d",))


@given(st.lists(DAYS, max_size=30))
def test_a_column_of_dates_keeps_every_day(expected):
    cells = np.array([day.isoformat() for day in expected], dtype=object)
    column = parsed(cells, cells == "", lambda text: parse_date(text, ("%Y-%m-%d",)), days)
    assert [value.date() for value in column.values] == expected


@given(RATES)
def test_three_spellings_of_one_rate_agree(basis_points):
    percent = Decimal(basis_points) / 100
    assert parse_percent_text(f"{percent}%") == basis_points
    assert parse_percent_text(f" {percent} %") == basis_points
    assert parse_percent_points(str(percent)) == basis_points
    assert parse_fraction(str(percent / 100)) == basis_points


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_percent_text, "13.56"),
        (parse_percent_text, "%"),
        (parse_percent_points, "-1"),
        (parse_percent_points, "1000.01"),
        (parse_fraction, "x"),
    ],
)
def test_what_is_no_rate(parse, text):
    with pytest.raises(Unreadable):
        parse(text)


@pytest.mark.parametrize(
    ("text", "value"), [(" 36 months", 36), ("36", 36), ("36.0", 36), ("0", 0), ("600", 600)]
)
def test_a_term(text, value):
    assert parse_integer(text, "months", 600) == value


@pytest.mark.parametrize("text", ["36.5", "-1", "601", "months", "", "1e2"])
def test_what_is_no_term(text):
    with pytest.raises(Unreadable):
        parse_integer(text, "months", 600)


@given(
    st.dictionaries(
        DAYS.map(lambda day: day.replace(day=1)),
        st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 10**9)),
        min_size=1,
        max_size=24,
    )
)
def test_receipts_read_back_in_order_of_months(months):
    text = ";".join(
        f"{month:%Y-%m}:{format_minor(gross, 'CNY')}"
        + (f"/{format_minor(cost, 'CNY')}" if cost else "")
        for month, (gross, cost) in months.items()
    )
    assert parse_receipts(text, "CNY") == tuple(
        (month, *amounts) for month, amounts in sorted(months.items())
    )


@pytest.mark.parametrize(
    "text",
    [
        "2025-03",
        "2025-13:1.00",
        "0000-01:1.00",
        "2025-3:1.00",
        "2025-03:x",
        "2025-03:1.00/-1.00",
        "2025-03:1.00/",
        "2025-03:1.00;2025-03:2.00",
        ";;",
    ],
)
def test_what_is_no_list_of_receipts(text):
    with pytest.raises(Unreadable):
        parse_receipts(text, "CNY")


def test_a_receipt_without_cost_costs_nothing():
    (row,) = parse_receipts("2025-03:120.00;", "CNY")
    assert row == (date(2025, 3, 1), 12000, 0)


@given(DAYS)
def test_days_counted_from_a_day_zero_read_back(day):
    excel = str((day - date(1899, 12, 30)).days)
    assert parse_date(excel, ("excel",)) == day
    assert parse_date(f"{excel}.75", ("excel",)) == day
    if day >= date(1960, 1, 1):
        assert parse_date(str((day - date(1960, 1, 1)).days), ("days_since_1960",)) == day


@pytest.mark.parametrize(
    ("text", "form", "day"),
    [
        ("15074", "days_since_1960", date(2001, 4, 9)),
        ("45292", "excel", date(2024, 1, 1)),
        ("930705", "%y%m%d", date(1993, 7, 5)),
        ("Q3 2007", "quarter", date(2007, 7, 1)),
        ("2007Q4", "quarter", date(2007, 10, 1)),
        ("2007年第1季度", "quarter", date(2007, 1, 1)),
        ("2007-08-26 19:09:29.263000000", "%Y-%m-%d %H:%M:%S.%f", date(2007, 8, 26)),
    ],
)
def test_dates_of_other_systems(text, form, day):
    assert parse_date(text, (form,)) == day


@pytest.mark.parametrize("text", ["", "-1", "1.", "1e5", "99999999", "１２３４x", "Q5 2007", "Q3"])
def test_what_is_no_day_number_or_quarter_is_unreadable(text):
    with pytest.raises(Unreadable):
        parse_date(text, ("excel", "days_since_1960", "quarter"))


@given(MINOR, st.sampled_from(["CNY", "JPY"]))
def test_an_amount_in_any_unit_is_exact(minor, currency):
    assert amount_parser(unit="minor")(str(minor), currency) == minor
    if abs(minor) < MAX_MINOR // 10_000:
        written = format_minor(minor, currency)
        assert amount_parser(unit="ten_thousand")(written, currency) == minor * 10_000
        comma = written.replace(",", " ").replace(".", ",")
        assert amount_parser(decimal=",")(comma, currency) == minor
