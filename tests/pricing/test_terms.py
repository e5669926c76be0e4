import math

import numpy as np
import pytest

from pricing import ChannelCost, CourtFee, Terms
from pricing.errors import BadTerms, PricingError
from tests.pricing.builders import reference

BAD_BRACKETS = [
    (1e9, "x", 0.0),
    ("x", 0.1, 0.0),
    (1e9, math.nan, 0.0),
    (math.inf, 0.1, 0.0),
    (1e9, -1.0, 0.0),
    (1e9, 1.1, 0.0),
    (0.0, 0.1, 0.0),
    (1e9, 0.1, -0.01),
    (1e9, 0.1, math.inf),
    (1e9, True, 0.0),
]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("paths", 0),
        ("paths", 128),
        ("paths", 1000),
        ("paths", 768),
        ("paths", 2**21),
        ("paths", 4096.0),
        ("buyer_irr", -1.0),
        ("buyer_irr", -1.5),
        ("buyer_irr", math.nan),
        ("buyer_irr", 10.1),
        ("seller_rate", -2.0),
        ("horizon_months", 0),
        ("horizon_months", 241),
        ("horizon_months", True),
        ("seed", -1),
        ("seed", 2**53),
        ("quantiles", ()),
        ("quantiles", (0.5, 0.5)),
        ("quantiles", (0.9, 0.1)),
        ("quantiles", (0.0, 0.5)),
        ("costs", (ChannelCost("a", 0.1), ChannelCost("a", 0.2))),
    ],
)
def test_terms_outside_their_rule_are_refused_by_field(field, value):
    with pytest.raises(BadTerms) as refusal:
        Terms(**{field: value})
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [("paths", 256), ("paths", 2**20), ("buyer_irr", -0.99), ("buyer_irr", 10.0), ("seed", 0)],
)
def test_terms_on_the_limit_are_taken(field, value):
    assert getattr(Terms(**{field: value}), field) == value


def test_terms_survive_json_and_keep_their_hash():
    channel = ChannelCost("court", 0.1, court_fee=(CourtFee(10_000, 0.0, 50.0),), delay_months=6)
    terms = Terms(buyer_irr=0.25, paths=512, costs=(channel,))
    again = Terms.from_json(terms.to_json())
    assert again == terms
    assert again.content_hash == terms.content_hash != Terms().content_hash
    assert Terms.from_json("{}") == Terms()
    assert Terms(buyer_irr=1).content_hash == Terms(buyer_irr=1.0).content_hash


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"rate": 1}',
        '{"costs": [{"name": "a"}]}',
        '{"costs": 3}',
        '{"quantiles": 3}',
        '{"buyer_irr": "x"}',
        '{"costs": ["a"]}',
        '{"quantiles": ["a"]}',
        '{"buyer_irr": null}',
        '{"costs": [{"name": "a", "fee_share": "b"}]}',
    ],
)
def test_broken_json_is_a_typed_refusal(text):
    with pytest.raises(PricingError):
        Terms.from_json(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"fee_share": 1.1},
        {"fee_share": -0.1},
        {"fee_share": math.nan},
        {"work_cost": -1.0},
        {"case_cost": -1.0},
        {"court_fee_share": 2.0},
        {"delay_months": -1},
        {"uplift": 4.0},
        {"name": ""},
        {"work_cost": 10**400},
        {"fee_share": True},
        *({"court_fee": (CourtFee(*bracket),)} for bracket in BAD_BRACKETS),
        {"court_fee": (CourtFee(100, 0.1, 0), CourtFee(200, 0.1, -11))},
    ],
)
def test_a_channel_outside_its_rule_is_refused(changes):
    with pytest.raises(BadTerms):
        ChannelCost(**({"name": "a", "fee_share": 0.2} | changes))


def test_a_bracket_may_begin_where_the_one_before_ends():
    brackets = (CourtFee(100.0, 0.1, 0.0), CourtFee(200.0, 0.2, -20.0))
    assert ChannelCost("a", 0.2, court_fee=brackets).court_fee == brackets


@pytest.mark.parametrize(
    ("balance", "fee"),
    [(10_000, 50), (10_001, 50.025), (40_000, 800), (100_000, 2_300), (150_000, 3_300)],
)
def test_court_fee_follows_the_published_brackets(balance, fee):
    """Half of the fee in the simplified procedure; 40,000 yuan cost 800, simplified 400."""
    court = next(one for one in reference().channels if one.name == "litigation")
    cost = court.cost_of_cases(np.array([float(balance)]))[0]
    assert cost == pytest.approx(court.case_cost + fee / 2)
