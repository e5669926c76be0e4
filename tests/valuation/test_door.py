"""The door between rows and model: units, stand-ins, rounding, bytes."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npa_market.common.errors import InvalidInput
from npa_market.valuation import door
from pricing.errors import BadColumn
from pricing.plan import plan_of
from pricing.portfolio import Variant
from tests.valuation.priced import price_rows

QUICK = {"paths": 256, "horizon_months": 12}
RUN = {"package_sha256": "f" * 64}
CURRENCY = st.sampled_from(["CNY", "USD", "JPY"])


def rows(**columns):
    """Two ordinary loans as the sealed file gives them; columns replace what matters."""
    fields = {
        "loan_token": ["a", "b"],
        "claim_minor": [1_000_00, 2_500_50],
        "product": ["Credit card", "Credit card"],
        "age_months": pd.array([12, 24], "Int32"),
        "days_overdue": pd.array([500, 900], "Int32"),
        "months_since_payment": pd.array([3, None], "Int32"),
        "prior_placements": [0, 2],
        "litigation_status": ["not_sued", "judged"],
        "is_reachable": pd.array([True, False], "boolean"),
        "province": ["Jiangsu", ""],
        "status": ["live", "live"],
    }
    return pd.DataFrame({**fields, **columns})


def inputs(**terms):
    return door.inputs_of(calibration_name="", currency="CNY", terms={**QUICK, **terms})


def sha256_of(package, asked, tape="sealed"):
    return door.inputs_sha256(package * 64, tape, asked)


def test_claims_enter_in_major_units_and_absent_months_as_never():
    pool, stand_ins = door.pool_of(rows(), "agency", "CNY")
    assert pool["balance"].tolist() == [1000.0, 2500.5]
    assert pool["months_since_payment"].isna().tolist() == [False, True]
    assert stand_ins == ()
    yen, _ = door.pool_of(rows(), "agency", "JPY")
    assert yen["balance"].tolist() == [100000.0, 250050.0]


def test_what_the_tape_does_not_give_is_assumed_and_counted():
    frame = rows(
        product=["", "Credit card"],
        age_months=pd.array([None, None], "Int32"),
        days_overdue=pd.array([365, None], "Int32"),
        is_reachable=pd.array([None, False], "boolean"),
    )
    pool, stand_ins = door.pool_of(frame, "agency", "CNY")
    assert pool["age_months"].tolist() == [12, door.OLD_MONTHS]
    assert pool["reachable"].tolist() == [True, False]
    assert [(each.field, each.loans) for each in stand_ins] == [
        ("product", 1),
        ("age_months", 1),
        ("age_months", 1),
        ("is_reachable", 1),
    ]


def test_ages_beyond_the_model_are_brought_to_its_ends():
    frame = rows(age_months=pd.array([-3, 900], "Int32"))
    pool, _ = door.pool_of(frame, "agency", "CNY")
    assert pool["age_months"].tolist() == [0, door.LONGEST_AGE]


@pytest.mark.parametrize("status", ["deceased", "bankrupt", "time_barred", "fraud", "settled"])
def test_a_loan_that_cannot_pay_is_worth_nothing(status):
    priced = price_rows(rows(status=["live", status]), inputs(), "CNY")
    assert priced.result.allocation[1] == 0
    assert priced.result.allocation[0] == pytest.approx(priced.result.price)
    assert [row.status for row in priced.result.excluded] == [status]


def test_a_loan_without_balance_is_refused_without_its_token():
    with pytest.raises(BadColumn) as refusal:
        price_rows(rows(loan_token=["secret-a", "secret-b"], claim_minor=[0, 5]), inputs(), "CNY")
    assert "row 1" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_the_result_file_gives_the_same_result_back():
    priced = price_rows(rows(), inputs(), "CNY")
    content = door.result_bytes(priced, RUN, inputs())
    assert content == door.result_bytes(price_rows(rows(), inputs(), "CNY"), RUN, inputs())
    back = door.read_result(content)
    assert back.result.summary() == priced.result.summary()
    whole = door.with_allocation(
        back.result,
        door.read_allocation(door.allocation_bytes(["a", "b"], priced.result)).values(),
    )
    assert whole.to_json() == priced.result.to_json()


def test_the_inputs_hash_moves_with_every_input():
    seen = {
        sha256_of("a", inputs()),
        sha256_of("b", inputs()),
        sha256_of("a", inputs(seed=2)),
        sha256_of("a", inputs(channel="in_house")),
        sha256_of("a", inputs(costs=[{"name": "agency", "fee_share": 0.3}])),
        sha256_of("a", inputs(level=0.9)),
        sha256_of("a", inputs(), tape="bidder"),
    }
    assert len(seen) == 7
    assert sha256_of("a", inputs(seed=1)) in seen  # the default, said aloud


def test_stored_terms_ask_for_the_same_run():
    asked = inputs(costs=[{"name": "agency", "fee_share": 0.3}], channel="agency")
    again = door.inputs_of(
        calibration_name=asked.calibration.name, currency="CNY", terms=asked.as_document()
    )
    assert sha256_of("a", again) == sha256_of("a", asked)


def test_the_level_is_a_factor_on_the_odds():
    loans, _ = door.loans_of(rows(), "agency", "CNY")
    moved = inputs(level=1.3)
    base = plan_of(loans, moved.calibration, inputs().terms)
    assert plan_of(loans, moved.calibration, moved.terms).chain.odds == pytest.approx(
        base.portfolio.odds(Variant(level=1.3))
    )


@pytest.mark.parametrize(
    ("level", "fits"),
    [(0.1, True), (10, True), (0.09, False), (10.1, False), (True, False), ("1", False)],
)
def test_limits_of_the_level(level, fits):
    if fits:
        assert inputs(level=level).level == level
    else:
        with pytest.raises(InvalidInput) as refusal:
            inputs(level=level)
        assert refusal.value.field == "level"


def test_a_currency_without_reference_is_refused():
    with pytest.raises(InvalidInput, match="EUR"):
        door.inputs_of(calibration_name="", currency="EUR", terms=QUICK)


@given(amounts=st.lists(st.floats(-1e9, 1e9), max_size=40), currency=CURRENCY)
def test_parts_in_minor_units_add_up_to_their_sum(amounts, currency):
    running = 0.0
    for amount in amounts:
        running += amount
    assert sum(door.parts_minor(amounts, currency)) == door.to_minor(running, currency)


@given(amount_minor=st.integers(-(10**14), 10**14), currency=CURRENCY)
def test_minor_units_survive_the_door(amount_minor, currency):
    digits = door.minor_digits(currency)
    assert door.to_minor(amount_minor / 10**digits, currency) == amount_minor


def test_an_amount_beyond_the_money_columns_is_refused():
    with pytest.raises(OverflowError):
        door.to_minor(1e20, "CNY")
