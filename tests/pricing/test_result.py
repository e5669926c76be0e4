import json
from dataclasses import replace

import numpy as np
import pytest

from pricing import Result, Terms, value
from pricing.calibration import Calibration
from pricing.errors import NotFinite, PricingError
from pricing.scorecard.card import Scorecard
from tests.pricing.builders import pool, random_frame, reference


@pytest.fixture(scope="module")
def result():
    return value(pool(random_frame(50)), reference(), Terms(paths=256))


def test_json_gives_the_result_back_byte_by_byte(result):
    text = result.to_json()
    again = Result.from_json(text)
    assert again.to_json() == text
    assert again.quantiles == result.quantiles
    assert again.sensitivities == result.sensitivities
    assert again.bridge == result.bridge
    assert again.provenance == result.provenance
    np.testing.assert_array_equal(again.allocation, result.allocation)


def test_the_summary_leaves_out_the_loans(result):
    summary = result.summary()
    assert "allocation" not in summary
    assert summary["price"] == result.price
    assert len(summary["monthly_cash"]) == 60


@pytest.mark.parametrize("name", ["allocation", "monthly_cash", "cash_quantiles"])
def test_an_array_that_is_not_finite_never_leaves(result, name):
    broken = getattr(result, name).copy()
    broken.flat[0] = np.nan
    with pytest.raises(NotFinite, match=name):
        replace(result, **{name: broken})


@pytest.mark.parametrize("name", ["price", "sd", "seller_reserve"])
def test_a_figure_that_is_not_finite_never_leaves(result, name):
    with pytest.raises(NotFinite):
        replace(result, **{name: float("inf")})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"price": 1}'])
def test_text_that_is_no_result_is_refused(text):
    with pytest.raises(PricingError):
        Result.from_json(text)


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("price", "much"),
        ("loans", 1.5),
        ("mean", True),
        ("currency", None),
        ("allocation", ["a"]),
        ("quantiles", [[0.5]]),
        ("npv_histogram", []),
    ],
)
def test_a_result_with_an_odd_figure_is_refused(result, name, odd):
    document = json.loads(result.to_json()) | {name: odd}
    with pytest.raises(PricingError, match="not a result"):
        Result.from_json(json.dumps(document))


def test_text_nested_beyond_reading_is_refused():
    deep = "[" * 100_000
    for read in (Result.from_json, Terms.from_json, Calibration.from_json, Scorecard.from_json):
        with pytest.raises(PricingError, match="too deeply"):
            read(deep)


def test_arrays_cannot_be_changed(result):
    with pytest.raises(ValueError, match="read-only"):
        result.allocation[0] = 1.0
