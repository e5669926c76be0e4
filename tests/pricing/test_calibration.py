import json
from dataclasses import replace

import pytest

from pricing import REFERENCES, Calibration, reference_calibration
from pricing.calendar import Calendar, MacroStart
from pricing.calibration import FactorRisk
from pricing.errors import BadCalibration
from tests.pricing.builders import calibration, curve, reference


@pytest.mark.parametrize("name", REFERENCES)
def test_references_say_what_they_are_and_where_from(name):
    shipped = reference_calibration(name)
    assert not shipped.is_fitted
    assert not shipped.fitted
    assert shipped.label == f"{name} (reference, not fitted)"
    assert len(shipped.sources) >= 4


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_curves_never_rise_with_age(name):
    for product in reference_calibration(name).products:
        assert list(product.log_odds) == sorted(product.log_odds, reverse=True)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_calibration_survives_json_and_keeps_its_hash(name):
    shipped = reference_calibration(name)
    again = Calibration.from_json(shipped.to_json())
    assert again == shipped
    assert again.content_hash == shipped.content_hash
    assert len(shipped.content_hash) == 64


def test_the_hash_sees_every_field():
    plain = calibration()
    for changes in (
        {"name": "b"},
        {"balance_slope": 0.1},
        {"sources": ("x",)},
        {"factors": FactorRisk(0.1, 0, 0, 0, 0)},
        {"products": (curve(keep=0.1),)},
    ):
        assert replace(plain, **changes).content_hash != plain.content_hash


@pytest.mark.parametrize(
    "changes",
    [
        {"products": (curve(name="other"),)},
        {"products": (curve(), curve())},
        {"products": (curve(log_odds=(-3.0,)),)},
        {"products": (curve(log_odds=(float("nan"),) * 4),)},
        {"products": (curve(settle=0.5, keep=0.5),)},
        {"products": (curve(keep=-0.1),)},
        {"products": (curve(instalment_mean=0.0),)},
        {"products": (curve(lump_shape=0.0),)},
        {"products": (curve(parameter_sd=-1.0),)},
        {"knots": (0.0,)},
        {"knots": (0.0, 12.0, 12.0, 120.0)},
        {"knots": (1.0, 12.0, 60.0, 120.0)},
        {"factors": FactorRisk(-0.1, 0, 0, 0, 0)},
        {"factors": FactorRisk(0, 0, 0, 1.0, 0)},
        {"effects": {"colour": {"red": 1.0}}},
        {"effects": {"litigation_status": {"unknown": 1.0}}},
        {"effects": {"region": {"north": 11.0}}},
        {"effects": {"months_since_payment": {"soon": 1.0}}},
        {"payer_share": {"1": 1.5}},
        {"payer_share": {"early": 0.5}},
        {"balance_reference": 0.0},
        {"balance_slope": 3.0},
        {"basis": "total"},
        {"basis_scale": {"claim": 0.0}},
        {"basis_scale": {"total": 1.0}},
        {"default_channel": "none"},
    ],
)
def test_a_calibration_outside_its_rules_is_refused(changes):
    with pytest.raises(BadCalibration):
        calibration(**changes)


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", '"text"', '{"name": "x"}'])
def test_text_that_is_no_calibration_is_refused(text):
    with pytest.raises(BadCalibration):
        Calibration.from_json(text)


def test_an_unknown_or_missing_field_is_refused():
    document = json.loads(reference().to_json())
    with pytest.raises(BadCalibration):
        Calibration.from_json(json.dumps(document | {"extra": 1}))
    document["factors"].pop("phi")
    with pytest.raises(BadCalibration):
        Calibration.from_json(json.dumps(document))


@pytest.mark.parametrize(
    "change",
    [
        {"is_fitted": "no"},
        {"is_fitted": 1},
        {"name": None},
        {"name": ""},
        {"aliases": ["card"]},
        {"aliases": {"card": 3}},
        {"diagnostics": None},
        {"diagnostics": []},
        {"diagnostics": {"rmse": float("nan")}},
    ],
)
def test_a_label_edited_by_hand_keeps_its_type_or_is_refused(change):
    document = json.loads(reference().to_json())
    with pytest.raises(BadCalibration) as refusal:
        Calibration.from_json(json.dumps(document | change))
    assert refusal.value.field == next(iter(change))


def test_an_unknown_reference_names_the_known_ones():
    with pytest.raises(BadCalibration, match="us-consumer-reference"):
        reference_calibration("uk")


def test_a_start_and_a_calendar_come_back_and_change_the_hash():
    base = reference()
    start = MacroStart(mean=0.05, sd=0.04, pool_correlation=-0.3)
    calendar = Calendar(24_180, (1.0, 1.1), (400.0, 0.0), 1.0)
    whole = replace(base, factors=replace(base.factors, start=start), calendar=calendar)
    assert Calibration.from_json(whole.to_json()) == whole
    hashes = {
        one.content_hash
        for one in (base, whole, replace(whole, calendar=None), replace(base, calendar=calendar))
    }
    assert len(hashes) == 4


def test_a_calibration_without_them_is_written_as_before():
    document = json.loads(reference().to_json())
    assert "calendar" not in document
    assert "start" not in document["factors"]


@pytest.mark.parametrize(
    "wrong", [{"mean": 11.0}, {"sd": -0.1}, {"sd": 3.1}, {"pool_correlation": 1.1}]
)
def test_a_start_that_cannot_be_is_refused(wrong):
    with pytest.raises(BadCalibration):
        MacroStart(**{"mean": 0.0, "sd": 0.1, "pool_correlation": 0.0, **wrong})
