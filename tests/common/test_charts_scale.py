"""Axes: round ticks that cover the data, labels that tell them apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npa_market.common.charts_scale import (
    scale_of,
    ticks_over,
    time_pattern,
    time_ticks,
    value_text,
)

ENDS = st.floats(-1e17, 1e17, allow_nan=False)
UNITS = st.sampled_from(["CNY", "%", "", "months"])


@given(ends=st.tuples(ENDS, ENDS), unit=UNITS)
def test_a_loose_axis_covers_the_data_and_labels_differ(ends, unit):
    span = (min(ends), max(ends))
    ticks = ticks_over(span, unit)
    slack = 1e-6 * max(abs(span[0]), abs(span[1]), 1e-6)
    assert ticks.span[0] <= span[0] + slack
    assert ticks.span[1] >= span[1] - slack
    assert list(ticks.values) == sorted(ticks.values)
    assert 2 <= len(ticks.values) <= 14


@given(low=st.integers(-(10**6), 10**6), length=st.integers(1, 10**7))
def test_labels_of_ticks_tell_them_apart(low, length):
    texts = ticks_over((low, low + length), "").texts()
    assert len(set(texts)) == len(texts)


@given(ends=st.tuples(ENDS, ENDS), unit=UNITS)
def test_ticks_of_a_tight_axis_stay_inside(ends, unit):
    ticks = ticks_over((min(ends), max(ends)), unit, is_tight=True)
    reach = 1e-6 * max(abs(ticks.span[0]), abs(ticks.span[1]))
    assert all(ticks.span[0] - reach <= value <= ticks.span[1] + reach for value in ticks.values)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (317241507, "CNY", "3,172,415.07"),
        (-5, "USD", "-0.05"),
        (1200, "JPY", "1,200"),
        (0.208, "%", "20.8 %"),
        (18420, "loans", "18,420"),
        (12345.678, "", "12,345.7"),
        (0.12345, "", "0.1235"),
        (None, "CNY", "–"),
    ],
)
def test_values_in_full(value, unit, text):
    assert value_text(value, unit) == text


@pytest.mark.parametrize(
    ("most", "label"),
    [
        (99_999_999, "CNY"),
        (100_000_000, "CNY million"),
        (10**11, "CNY billion"),
        (10**14, "CNY trillion"),
    ],
)
def test_magnitude_of_a_money_axis(most, label):
    assert scale_of("CNY", (0, most)).label == label


def test_zero_never_reads_minus_zero():
    scale = scale_of("", (-1, 1))
    assert scale.text(-0.0001, 1) == "0.0"


@pytest.mark.parametrize(
    ("seconds", "pattern"),
    [(30, "%H:%M:%S"), (3600, "%H:%M"), (86_400, "%H:%M"), (30 * 86_400, "%d %b")],
)
def test_time_axes_by_length(seconds, pattern):
    span = (1_800_000_000.0, 1_800_000_000.0 + seconds)
    assert time_pattern(span) == pattern
    assert 1 <= len(time_ticks(span)) <= 8


def test_an_axis_of_nothing_but_zeros_goes_up_from_zero():
    assert ticks_over((0.0, 0.0), "%").span == (0.0, 0.01)
