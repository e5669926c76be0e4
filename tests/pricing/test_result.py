from dataclasses import replace

import numpy as np
import pytest

from pricing import Result, Terms, value
from pricing.errors import NotFinite, PricingError
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


def test_arrays_cannot_be_changed(result):
    with pytest.raises(ValueError, match="read-only"):
        result.allocation[0] = 1.0
