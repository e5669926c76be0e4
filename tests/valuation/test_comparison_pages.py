"""Two runs side by side, and the bridge from one price to the other."""

from django.urls import reverse

from npa_market.common.money import format_minor
from npa_market.diligence.services import close_room
from npa_market.valuation.comparison import _costs
from npa_market.valuation.models import Valuation
from npa_market.valuation.path import steps_between
from tests.builders import sealed_package


def test_two_runs_side_by_side(sellers_run, ask, seller_user, seller, package, as_user):
    dearer = ask(seller_user, seller, package, buyer_irr=0.3)
    answer = as_user(seller_user).get(
        reverse("valuation:compare"), {"first": sellers_run.pk, "second": dearer.pk}
    )
    rows = {row.name: row for row in answer.context["rows"]}
    assert rows["Buyer's IRR"].differs
    assert not rows["Horizon"].differs
    gap = dearer.price_minor - sellers_run.price_minor
    assert gap < 0
    assert rows["Price, CNY"].difference == format_minor(gap, "CNY")
    assert 'data-vega="curve"' in answer.content.decode()
    assert answer.context["steps"] == (("Buyer's IRR", gap),)


def test_a_comparison_names_every_cost_and_calibration_that_differs(
    sellers_run, ask, seller_user, seller, package, as_user
):
    plain = {"name": "agency", "fee_share": 0.25, "work_cost": 0.0, "case_cost": 0.0}
    tariff = [{"up_to": 1e5, "rate": 0.025, "constant": 10.0}]
    told = set()
    for more in (
        {},
        {"delay_months": 6},
        {"uplift": -0.5},
        {"uplift": 0.5},
        {"court_fee": tariff},
        {"court_fee": tariff, "court_fee_share": 0.5},
    ):
        run = Valuation(terms={"channel": "agency", "costs": [plain | more]})
        told.add(_costs(run))
    assert len(told) == 6
    rows = as_user(seller_user).get(
        reverse("valuation:compare"), {"first": sellers_run.pk, "second": sellers_run.pk}
    )
    words = next(row.first for row in rows.context["rows"] if row.name == "Calibration")
    assert "cn-consumer-reference (reference, not fitted)" in words
    assert sellers_run.calibration_sha256[:8] in words


def test_the_bridge_between_two_runs_names_each_input_and_adds_up(
    sellers_run, ask, seller_user, seller, package, as_user
):
    changes = {
        "channel": "in_house",
        "level": 0.9,
        "horizon_months": 30,
        "buyer_irr": 0.3,
        "seed": 8,
    }
    other = ask(seller_user, seller, package, **changes)
    steps = steps_between(user=seller_user, runs=(sellers_run, other))
    assert [name for name, _ in steps] == [
        "Collection",
        "Level of payments",
        "Horizon",
        "Buyer's IRR",
        "Paths and seed",
    ]
    assert sum(amount for _, amount in steps) == other.price_minor - sellers_run.price_minor
    assert dict(steps)["Level of payments"] < 0 < dict(steps)["Horizon"]
    back = steps_between(user=seller_user, runs=(other, sellers_run))
    assert sum(amount for _, amount in back) == sellers_run.price_minor - other.price_minor
    assert steps_between(user=seller_user, runs=(other, other)) == ()


def test_the_bridge_goes_from_one_package_to_another(
    sellers_run, ask, seller_user, second_seller_user, seller, as_user
):
    other = ask(seller_user, seller, sealed_package(seller_user, second_seller_user, 25, seed=2))
    ((name, amount),) = steps_between(user=seller_user, runs=(sellers_run, other))
    assert (name, amount) == ("Package", other.price_minor - sellers_run.price_minor)


def test_a_buyer_whose_room_closed_compares_figures_without_a_bridge(
    ask, read_by, buyer_user, buyer, package, as_user, second_seller_user
):
    admission = read_by(package, buyer)
    runs = [ask(buyer_user, buyer, package, seed=seed) for seed in (1, 2)]
    close_room(user=second_seller_user, room_id=admission.room_id)
    answer = as_user(buyer_user).get(
        reverse("valuation:compare"), {"first": runs[0].pk, "second": runs[1].pk}
    )
    assert answer.status_code == 200
    assert "closed" in answer.context["no_path"]
    assert answer.context["rows"]


def test_runs_ticked_in_the_list_are_compared(
    sellers_run, ask, seller_user, seller, package, as_user
):
    other = ask(seller_user, seller, package, seed=8)
    client, page = as_user(seller_user), reverse("valuation:compare")
    answer = client.get(page, {"run": [sellers_run.pk, other.pk]})
    assert answer["Location"] == f"{page}?first={sellers_run.pk}&second={other.pk}"
    assert client.get(page, {"run": [other.pk]})["Location"] == reverse("valuation:list")


def test_a_run_of_somebody_else_cannot_be_compared(
    sellers_run, ask, read_by, buyer_user, buyer, package, as_user
):
    read_by(package, buyer)
    own = ask(buyer_user, buyer, package)
    answer = as_user(buyer_user).get(
        reverse("valuation:compare"), {"first": own.pk, "second": sellers_run.pk}
    )
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["second"]
