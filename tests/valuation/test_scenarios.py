"""Scenarios: repriced as a full run would, saved by name, private like their run."""

from dataclasses import replace

import pytest
from django.urls import reverse

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.money import format_minor
from npa_market.diligence.models import AccessRecord
from npa_market.diligence.services import close_room
from npa_market.evidence.models import Entry
from npa_market.parties.roles import Role
from npa_market.valuation import scenarios
from npa_market.valuation.door import MOST_PATHS, to_minor
from npa_market.valuation.models import Scenario, Valuation
from npa_market.valuation.path import point_of
from npa_market.valuation.pools import Shelf
from npa_market.valuation.scenario_forms import ScenarioForm
from npa_market.valuation.scenarios import (
    delete_scenario,
    duplicate_scenario,
    reprice_run,
    restore_scenario,
    save_scenario,
    scenarios_of,
)


def url(name, run, *more):
    return reverse(f"valuation:{name}", args=[run.pk, *more])


@pytest.fixture
def save(seller_user, sellers_run):
    def keep(name="Dear money", user=seller_user, run=sellers_run, scenario_id=None, **changes):
        return save_scenario(
            user=user,
            valuation_id=run.pk,
            name=name,
            terms={**run.terms, **changes},
            scenario_id=scenario_id,
        )

    return keep


def typed(run, client, **changes):
    """What the editor's form holds, as a browser would post it."""
    form = client.get(url("scenarios", run)).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: str(value) for name, value in values.items()} | changes


CHANGES = [
    {"buyer_irr": 0.3},
    {"level": 0.8},
    {"horizon_months": 12},
    {"channel": "in_house"},
    {"costs": [{"name": "agency", "fee_share": 0.4, "work_cost": 0.5, "delay_months": 3}]},
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_live_price_is_that_of_a_full_run(
    change, sellers_run, seller_user, seller, package, ask
):
    terms = {**sellers_run.terms, **change}
    repriced = reprice_run(user=seller_user, valuation=sellers_run, terms=terms)
    full = ask(seller_user, seller, package, **{**sellers_run.terms, **change})
    assert to_minor(repriced.figures.price, "CNY") == full.price_minor != sellers_run.price_minor


def test_the_editor_as_opened_shows_the_run_and_changes_nothing(as_user, seller_user, sellers_run):
    answer = as_user(seller_user).get(url("scenarios", sellers_run))
    assert answer.context["price_minor"] == sellers_run.price_minor
    assert answer.context["gap_minor"] == 0
    text = answer.content.decode()
    assert "reference, not fitted" in text
    for chart in ("live-fan", "live-distribution", "live-liquidation"):
        assert f'data-vega="{chart}"' in text
    assert not Scenario.objects.exists()


def test_the_form_as_it_stands_asks_for_the_very_terms_of_the_run(
    as_user, seller_user, sellers_run
):
    client = as_user(seller_user)
    answer = client.post(url("reprice", sellers_run), typed(sellers_run, client))
    assert answer.status_code == 200
    assert answer.context["price_minor"] == sellers_run.price_minor


def test_reprice_answers_with_the_figures_alone(as_user, seller_user, sellers_run):
    client = as_user(seller_user)
    answer = client.post(url("reprice", sellers_run), typed(sellers_run, client, buyer_irr="35"))
    assert answer.status_code == 200
    text = answer.content.decode()
    assert text.lstrip().startswith('<div id="live"')
    assert answer.context["price_minor"] < sellers_run.price_minor
    assert format_minor(answer.context["price_minor"], "CNY") in text


def test_without_javascript_the_page_reprices_and_keeps_what_was_typed(
    as_user, seller_user, sellers_run
):
    client = as_user(seller_user)
    answer = client.post(
        url("scenarios", sellers_run),
        typed(sellers_run, client, level="80", act="reprice", name="Fewer"),
    )
    assert answer.status_code == 200
    assert answer.context["price_minor"] < sellers_run.price_minor
    assert 'value="80"' in answer.content.decode()
    assert 'value="Fewer"' in answer.content.decode()
    assert not Scenario.objects.exists()


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("buyer_irr", "-100"),
        ("level", "9"),
        ("level", "1001"),
        ("horizon_months", "0"),
        ("paths", "1000"),
        ("fee_share-agency", "101"),
        ("uplift-agency", "3.1"),
        ("delay_months-in_house", "1.5"),
        ("channel", "pigeon"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_priced(
    field, text, as_user, seller_user, sellers_run
):
    client = as_user(seller_user)
    given = typed(sellers_run, client, act="save_as", name="x", **{field: text})
    answer = client.post(url("scenarios", sellers_run), given)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    live = client.post(url("reprice", sellers_run), given)
    assert live.status_code == 422
    assert "live" not in live.context
    assert not Scenario.objects.exists()


def test_a_level_beyond_the_models_uplift_is_refused_in_words(as_user, seller_user, sellers_run):
    client = as_user(seller_user)
    given = typed(sellers_run, client, level="1000", act="reprice", **{"uplift-agency": "2.9"})
    answer = client.post(url("reprice", sellers_run), given)
    assert "uplift" in answer.content.decode()


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize(
    "change",
    [
        {"buyer_irr": "-99", "horizon_months": "240"},
        {"work_cost-agency": "1e20"},
        {"case_cost-agency": "1e300"},
    ],
)
def test_amounts_too_large_for_money_are_refused_in_words(
    change, as_user, seller_user, sellers_run
):
    client = as_user(seller_user)
    posted = typed(sellers_run, client, **change)
    answer = client.post(url("reprice", sellers_run), posted)
    assert answer.status_code == 422
    kept = client.post(url("scenarios", sellers_run), posted | {"act": "save_as", "name": "x"})
    assert kept.status_code == 422
    assert "cannot be priced" in kept.content.decode() or "too large" in kept.content.decode()
    assert not Scenario.objects.exists()


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize("rate", [-0.99, -0.999999])
def test_a_price_beyond_money_is_refused(rate, seller_user, sellers_run):
    terms = {**sellers_run.terms, "buyer_irr": rate, "horizon_months": 240}
    with pytest.raises(InvalidInput) as refusal:
        reprice_run(user=seller_user, valuation=sellers_run, terms=terms)
    assert refusal.value.code == "not_priced"
    with pytest.raises(InvalidInput):
        replace(point_of(sellers_run), terms=terms).price_minor()


def test_saving_a_tab_and_saving_as_new(as_user, seller_user, sellers_run):
    client = as_user(seller_user)
    page = url("scenarios", sellers_run)
    first = client.post(page, typed(sellers_run, client, level="90", act="save_as", name="Low"))
    scenario = Scenario.objects.get()
    assert first["Location"] == f"{page}?tab={scenario.pk}"
    assert scenario.terms["level"] == 0.9
    assert scenario.price_minor < sellers_run.price_minor
    again = client.get(first["Location"])
    assert again.context["price_minor"] == scenario.price_minor
    assert again.context["form"]["level"].value() == 90
    client.post(
        page,
        typed(sellers_run, client, level="70", act="save", name="Lower", tab=str(scenario.pk)),
    )
    scenario.refresh_from_db()
    assert (scenario.name, scenario.terms["level"]) == ("Lower", 0.7)
    client.post(
        page,
        typed(sellers_run, client, level="60", act="save_as", name="Low", tab=str(scenario.pk)),
    )
    assert [each.name for each in scenarios_of(sellers_run)] == ["Lower", "Low"]


def test_names_are_taken_once_and_free_again_after_a_deletion(save, seller_user):
    first = save("Low")
    with pytest.raises(InvalidInput) as refusal:
        save(" Low ")
    assert (refusal.value.code, refusal.value.field) == ("name_taken", "name")
    delete_scenario(user=seller_user, scenario_id=first.pk)
    second = save("Low")
    with pytest.raises(InvalidInput, match="already"):
        restore_scenario(user=seller_user, scenario_id=first.pk)
    delete_scenario(user=seller_user, scenario_id=second.pk)
    assert restore_scenario(user=seller_user, scenario_id=first.pk).deleted_at is None


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_scenario_needs_a_name(name, save):
    with pytest.raises(InvalidInput) as refusal:
        save(name)
    assert refusal.value.field == "name"


def test_a_copy_takes_the_next_free_name(save, seller_user):
    first = save("Low", level=0.9)
    copies = [duplicate_scenario(user=seller_user, scenario_id=first.pk) for _ in range(2)]
    assert [each.name for each in copies] == ["Low (2)", "Low (3)"]
    assert copies[0].terms == first.terms
    assert copies[0].price_minor == first.price_minor


def test_a_deleted_tab_is_gone_and_the_page_offers_to_undo_it(
    save, as_user, seller_user, sellers_run
):
    scenario, client = save("Low"), as_user(seller_user)
    answer = client.post(url("scenario-delete", sellers_run, scenario.pk), follow=True)
    assert "Low" not in [each.name for each in answer.context["scenarios"]]
    assert url("scenario-restore", sellers_run, scenario.pk) in answer.content.decode()
    assert client.get(url("scenarios", sellers_run), {"tab": scenario.pk}).status_code == 404
    back = client.post(url("scenario-restore", sellers_run, scenario.pk), follow=True)
    assert back.context["tab"] == scenario


def test_a_run_holds_so_many_scenarios(save, monkeypatch, seller_user):
    monkeypatch.setattr(scenarios, "MOST_SCENARIOS", 2)
    first = save("a")
    save("b")
    with pytest.raises(Refused, match="at most 2"):
        save("c")
    with pytest.raises(Refused, match="at most 2"):
        duplicate_scenario(user=seller_user, scenario_id=first.pk)


def test_a_full_run_of_a_scenario_is_stored_by_hash(as_user, seller_user, sellers_run):
    client = as_user(seller_user)
    given = typed(sellers_run, client, level="90", act="run")
    first = client.post(url("scenarios", sellers_run), given)
    again = client.post(url("scenarios", sellers_run), given)
    assert first["Location"] == again["Location"]
    run = Valuation.objects.exclude(pk=sellers_run.pk).get()
    assert run.terms["level"] == 0.9


@pytest.mark.parametrize(("role", "sees"), [(Role.VALUER, True), (Role.SELLER_ANALYST, False)])
def test_the_reserve_in_the_editor(role, sees, make_user, seller, as_user, sellers_run):
    client = as_user(make_user("one@example.com", seller, role))
    text = client.get(url("scenarios", sellers_run)).content.decode()
    assert ("own rate" in text) is sees
    assert (format_minor(sellers_run.reserve_minor, "CNY") in text) is sees


def test_strangers_find_no_editor(sellers_run, save, as_user, buyer_user, stranger, operator):
    scenario = save()
    for person, status in ((buyer_user, 404), (stranger, 404), (operator, 403)):
        client = as_user(person)
        assert client.get(url("scenarios", sellers_run)).status_code == status
        for name in ("scenario-duplicate", "scenario-delete", "scenario-restore"):
            assert client.post(url(name, sellers_run, scenario.pk)).status_code == status
        assert client.post(url("reprice", sellers_run)).status_code == status


def test_a_role_that_may_not_run_saves_nothing(save, make_user, seller):
    finance = make_user("one@example.com", seller, Role.SELLER_FINANCE)
    with pytest.raises(NotPermitted):
        save(user=finance)


def test_a_buyer_reprices_while_admitted_and_leaves_one_line(
    ask, read_by, buyer_user, buyer, package, second_seller_user, save
):
    admission = read_by(package, buyer)
    run = ask(buyer_user, buyer, package)
    scenario = save("Mine", user=buyer_user, run=run, level=0.9)
    assert scenario.price_minor < run.price_minor
    assert AccessRecord.objects.filter(document="tape-valued").count() == 1
    assert not Entry.objects.about(run.pk, scenario.pk).exists()
    close_room(user=second_seller_user, room_id=admission.room_id)
    with pytest.raises(Refused, match="closed"):
        save("Late", user=buyer_user, run=run)


def test_a_sellers_scenario_is_an_entry_without_figures(save, seller_user):
    scenario = save()
    delete_scenario(user=seller_user, scenario_id=scenario.pk)
    delete_scenario(user=seller_user, scenario_id=scenario.pk)
    restore_scenario(user=seller_user, scenario_id=scenario.pk)
    assert [entry.type for entry in Entry.objects.about(scenario.pk)] == [
        "scenario.saved",
        "scenario.deleted",
        "scenario.restored",
    ]


def test_the_shelf_makes_once_and_forgets_the_least_used():
    made = []
    shelf = Shelf(2)

    def get(key):
        return shelf.get(key, lambda: made.append(key) or key)

    for key in ("a", "b", "a", "c", "a", "b"):
        assert get(key) == key
    assert made == ["a", "b", "c", "b"]


def test_every_number_of_paths_that_the_api_takes_is_offered():
    powers = [256 * 2**n for n in range(20) if 256 * 2**n <= MOST_PATHS]
    assert [paths for paths, _ in ScenarioForm.base_fields["paths"].choices] == powers


def test_the_forms_numbers_survive_the_way_to_the_page_and_back(sellers_run):
    from npa_market.valuation.queries import calibration_of

    odd = {**sellers_run.terms, "buyer_irr": 1 / 3, "level": 0.1 + 0.2}
    form = ScenarioForm(None, calibration=calibration_of(sellers_run), terms=odd, sees_reserve=True)
    values = {name: str(form[name].value()) for name in form.fields}
    bound = ScenarioForm(
        values, calibration=calibration_of(sellers_run), terms=odd, sees_reserve=True
    )
    assert bound.is_valid(), bound.errors
    assert bound.terms()["costs"] == []
    assert bound.terms()["buyer_irr"] == pytest.approx(1 / 3, abs=1e-8)
