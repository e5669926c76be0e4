import numpy as np
import pytest

from pricing.returns import annual_irr, discount_factors, payback_month


def test_the_rate_found_discounts_the_cash_to_the_price():
    cash = np.random.default_rng(1).random((50, 60))
    price = 12.0
    for rate, path in zip(annual_irr(cash, price), cash, strict=True):
        assert path @ discount_factors(rate, 60) == pytest.approx(price, rel=1e-9)


def test_a_single_payment_after_a_year_has_the_plain_rate():
    cash = np.zeros((1, 24))
    cash[0, 11] = 120.0
    assert annual_irr(cash, 100.0)[0] == pytest.approx(0.20, abs=1e-12)


@pytest.mark.parametrize("amount", [0.0, -1.0])
def test_a_path_without_receipts_is_a_total_loss(amount):
    assert annual_irr(np.full((1, 12), amount), 100.0)[0] == -1.0


def test_payback_is_the_first_month_that_reaches_the_price():
    cash = np.array([10.0, 10.0, 10.0])
    assert payback_month(cash, 20.0) == 2
    assert payback_month(cash, 20.1) == 3
    assert payback_month(cash, 30.1) is None
