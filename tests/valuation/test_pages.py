"""Pages: private to the institution, wrong fields named beside the field, exports that add up."""

import io

import pyarrow.parquet as pq
import pytest
from django.urls import reverse
from python_calamine import CalamineWorkbook

from npa_market.common.money import format_minor, to_decimal
from npa_market.packages.models import Package
from npa_market.parties.roles import Role
from npa_market.valuation import door
from npa_market.valuation.forms import ValuationForm
from npa_market.valuation.models import Valuation, ValuationState
from npa_market.valuation.queries import calibration_of
from npa_market.valuation.scenarios import save_scenario
from npa_market.valuation.services import request_valuation
from tests.valuation.conftest import QUICK

PAGES = ("detail", "workbook", "table")
FORM = {
    "calibration_name": "",
    "buyer_irr": "20",
    "horizon_months": "24",
    "channel": "",
    "fee_share": "",
    "work_cost": "",
    "case_cost": "",
    "seller_rate": "10",
    "paths": "256",
    "seed": "7",
}


def url(name, valuation):
    more = ["loans"] if name == "table" else []
    return reverse(f"valuation:{name}", args=[valuation.pk, *more])


@pytest.mark.parametrize("page", PAGES)
def test_another_institutions_run_does_not_exist(
    page, sellers_run, as_user, buyer_user, stranger, read_by, package, buyer
):
    read_by(package, buyer)
    for person in (buyer_user, stranger):
        assert as_user(person).get(url(page, sellers_run)).status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_the_venue_has_no_door_to_runs(page, sellers_run, as_user, operator):
    assert as_user(operator).get(url(page, sellers_run)).status_code == 403
    assert as_user(operator).get(reverse("valuation:list")).status_code == 403


def test_the_seller_does_not_find_a_buyers_run(
    ask, read_by, buyer_user, buyer, package, as_user, seller_user
):
    read_by(package, buyer)
    private = ask(buyer_user, buyer, package)
    assert as_user(seller_user).get(url("detail", private)).status_code == 404
    assert as_user(buyer_user).get(url("detail", private)).status_code == 200
    listed = as_user(seller_user).get(reverse("valuation:list")).content.decode()
    assert str(private.pk) not in listed


def test_the_page_shows_figures_label_and_provenance(sellers_run, as_user, seller_user, package):
    text = as_user(seller_user).get(url("detail", sellers_run)).content.decode()
    assert "Reference, not fitted" in text
    assert format_minor(sellers_run.price_minor, "CNY") in text
    for sha256 in (package.content_sha256, sellers_run.inputs_sha256, sellers_run.result_file_id):
        assert sha256 in text
    for chart in ("fan", "distribution", "tornado", "bridge"):
        assert f'data-vega="{chart}"' in text
    assert "published statistics" in text  # a source of the calibration


def test_a_level_of_payments_is_named_wherever_the_run_is(
    ask, seller_user, seller, package, as_user
):
    def page(run):
        return as_user(seller_user).get(run.get_absolute_url()).content.decode()

    run = ask(seller_user, seller, package, level=2.0)
    text = page(run)
    assert "level of payments 200 %</span></h1>" in text
    assert "200 % of the calibration&#x27;s odds" in text
    assert "level 200 %" in run.short_name
    table = as_user(seller_user).get(reverse("valuation:table", args=[run.pk, "months"]))
    assert pq.read_schema(io.BytesIO(table.content)).metadata[b"level_of_payments"] == b"2"
    as_calibrated = ask(seller_user, seller, package)
    assert "level" not in as_calibrated.short_name
    assert "calibration&#x27;s odds" not in page(as_calibrated)


def test_a_run_is_read_with_its_own_calibration_when_another_is_shipped(
    sellers_run, as_user, seller_user, monkeypatch
):
    monkeypatch.setattr("pricing.REFERENCES", ())
    assert calibration_of(sellers_run).content_hash == sellers_run.calibration_sha256
    for page in PAGES:
        assert as_user(seller_user).get(url(page, sellers_run)).status_code == 200


@pytest.mark.parametrize(
    ("role", "sees"),
    [
        (Role.VALUER, True),
        (Role.SELLER_APPROVER, True),
        (Role.SELLER_ANALYST, False),
        (Role.SELLER_FINANCE, False),
    ],
)
def test_the_reserve_is_for_valuers_and_approvers(
    role, sees, sellers_run, make_user, seller, as_user
):
    client = as_user(make_user("one@example.com", seller, role))
    reserve = format_minor(sellers_run.reserve_minor, "CNY")
    text = client.get(url("detail", sellers_run)).content.decode()
    assert (reserve in text) is sees
    assert ("own rate" in text) is sees
    book = CalamineWorkbook.from_filelike(
        io.BytesIO(client.get(url("workbook", sellers_run)).content)
    )
    names = [row[0] for row in book.get_sheet_by_name("Summary").to_python()]
    assert ("Reserve at the seller's own rate" in names) is sees
    assumed = [row[0] for row in book.get_sheet_by_name("Assumptions").to_python()]
    assert ("Seller's own rate" in assumed) is sees
    compared = client.get(
        reverse("valuation:compare"), {"first": sellers_run.pk, "second": sellers_run.pk}
    )
    assert reserve not in compared.content.decode()


def test_a_form_leads_to_the_run_and_again_to_the_same(
    as_user, seller_user, package, django_capture_on_commit_callbacks
):
    client = as_user(seller_user)
    with django_capture_on_commit_callbacks(execute=True):
        first = client.post(reverse("valuation:new"), {**FORM, "package": package.pk})
    again = client.post(reverse("valuation:new"), {**FORM, "package": package.pk})
    valuation = Valuation.objects.get()
    assert first.status_code == again.status_code == 302
    assert first["Location"] == again["Location"] == valuation.get_absolute_url()
    assert valuation.state == ValuationState.DONE
    assert valuation.terms["buyer_irr"] == 0.2
    assert valuation.terms["costs"] == []


def test_typed_costs_replace_the_channels_own(as_user, seller_user, package):
    typed = {"channel": "litigation", "fee_share": "12.5", "case_cost": "80"}
    as_user(seller_user).post(reverse("valuation:new"), {**FORM, **typed, "package": package.pk})
    (cost,) = Valuation.objects.get().terms["costs"]
    assert (cost["name"], cost["fee_share"], cost["case_cost"]) == ("litigation", 0.125, 80.0)
    assert cost["delay_months"] == 6  # what was not typed stays the calibration's
    assert cost["court_fee"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("buyer_irr", "-100"),
        ("buyer_irr", "much"),
        ("horizon_months", "0"),
        ("horizon_months", "241"),
        ("fee_share", "100.1"),
        ("work_cost", "-1"),
        ("seed", "-1"),
        ("paths", "1000"),
        ("channel", "pigeon"),
        ("calibration_name", "us-consumer-reference"),
        ("package", "00000000-0000-0000-0000-000000000000"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_typed_is_lost(
    field, text, as_user, seller_user, package
):
    typed = {**FORM, "package": package.pk, "seed": "4711", field: text}
    answer = as_user(seller_user).post(reverse("valuation:new"), typed)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    if field != "seed":
        assert 'value="4711"' in answer.content.decode()
    assert not Valuation.objects.exists()


@pytest.mark.parametrize(
    "name", ["buyer_irr", "seller_rate", "horizon_months", "seed", "fee_share"]
)
def test_limits_of_the_form_are_limits_the_service_takes(name, seller_user, seller, package):
    field = ValuationForm(user=seller_user, organisation=seller).fields[name]
    for limit in (field.min_value, field.max_value):
        form = ValuationForm(
            {**FORM, "package": package.pk, name: str(limit)},
            user=seller_user,
            organisation=seller,
        )
        assert form.is_valid(), form.errors
        door.inputs_of(calibration_name="", currency="CNY", terms=form.terms())


def test_the_form_offers_what_one_may_value(
    as_user, buyer_user, buyer, seller_user, package, read_by
):
    assert (
        package.reference not in as_user(buyer_user).get(reverse("valuation:new")).content.decode()
    )
    read_by(package, buyer)
    offered = as_user(buyer_user).get(reverse("valuation:new")).content.decode()
    assert package.reference in offered
    assert "seller_rate" not in offered
    assert "seller_rate" in as_user(seller_user).get(reverse("valuation:new")).content.decode()


def test_a_run_under_way_shows_its_job(as_user, seller_user, seller, package):
    valuation = request_valuation(
        user=seller_user, organisation=seller, package_id=package.pk, terms=QUICK
    )
    text = as_user(seller_user).get(url("detail", valuation)).content.decode()
    assert f'id="job-{valuation.job_id}"' in text
    assert as_user(seller_user).get(url("workbook", valuation)).status_code == 404
    assert as_user(seller_user).get(url("table", valuation)).status_code == 404


def test_a_failed_run_says_why(as_user, seller_user, sellers_run):
    Valuation.objects.filter(pk=sellers_run.pk).update(
        state=ValuationState.FAILED, failure="row 3: balance above 0"
    )
    text = as_user(seller_user).get(url("detail", sellers_run)).content.decode()
    assert "row 3: balance above 0" in text
    assert "Run it again" in text


@pytest.mark.parametrize("fee", ["", "20"])
def test_a_package_in_a_currency_without_calibration_is_refused_in_words(
    fee, as_user, seller_user, package
):
    Package.objects.filter(pk=package.pk).update(currency="EUR")
    form = FORM | {"package": package.pk, "fee_share": fee}
    answer = as_user(seller_user).post(reverse("valuation:new"), form)
    assert answer.status_code == 422
    assert "No calibration speaks of EUR; packages in CNY and USD can be valued." in (
        answer.content.decode()
    )


def test_the_workbook_holds_the_figures_to_the_cent(sellers_run, as_user, seller_user):
    content = as_user(seller_user).get(url("workbook", sellers_run)).content
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    summary = {row[0]: row[1] for row in book.get_sheet_by_name("Summary").to_python()}
    assert round(summary["Price"] * 100) == sellers_run.price_minor
    assert "reference, not fitted" in summary["Calibration"]
    assert summary["Inputs, SHA-256"] == sellers_run.inputs_sha256
    months = book.get_sheet_by_name("Months").to_python()
    assert len(months) == 1 + QUICK["horizon_months"]
    assert sum(round(row[2] * 100) for row in months[1:]) == round(months[-1][3] * 100)
    segments = book.get_sheet_by_name("Segments").to_python()[1:]
    assert sum(round(row[4] * 100) for row in segments) == sellers_run.price_minor
    bridge = [round(row[1] * 100) for row in book.get_sheet_by_name("Bridge").to_python()[1:]]
    assert sum(bridge[:-1]) == bridge[-1] == sellers_run.price_minor


def test_values_per_loan_add_up_to_the_price_and_name_loans_by_token(
    sellers_run, as_user, seller_user, package
):
    answer = as_user(seller_user).get(url("table", sellers_run))
    assert package.reference in answer["Content-Disposition"]
    table = pq.read_table(io.BytesIO(answer.content))
    assert table.column_names == ["loan_token", "value", "value_minor"]
    assert sum(table.column("value_minor").to_pylist()) == sellers_run.price_minor
    assert set(table.column("loan_token").to_pylist()) == set(
        package.members.values_list("token", flat=True)
    )
    book = CalamineWorkbook.from_filelike(
        io.BytesIO(as_user(seller_user).get(url("workbook", sellers_run)).content)
    )
    loans = book.get_sheet_by_name("Loans").to_python()[1:]
    assert sum(round(row[1] * 100) for row in loans) == sellers_run.price_minor


@pytest.mark.parametrize("table", ["months", "quantiles", "sensitivities", "bridge", "segments"])
def test_tables_in_parquet_agree_with_the_page(table, sellers_run, as_user, seller_user):
    answer = as_user(seller_user).get(reverse("valuation:table", args=[sellers_run.pk, table]))
    rows = pq.read_table(io.BytesIO(answer.content))
    told = {name.decode(): text.decode() for name, text in rows.schema.metadata.items()}
    assert told["inputs_sha256"] == sellers_run.inputs_sha256
    assert "reference, not fitted" in told["calibration"]
    columns = rows.to_pydict()
    match table:
        case "months":
            assert len(columns["month"]) == QUICK["horizon_months"]
            assert columns["cumulative_q50_minor"] == sorted(columns["cumulative_q50_minor"])
        case "quantiles":
            assert columns["value_minor"] == [
                getattr(sellers_run, f"{name}_minor") for name in door.QUANTILES
            ]
        case "bridge":
            assert sum(columns["amount_minor"][:-1]) == columns["amount_minor"][-1]
            assert columns["amount_minor"][-1] == sellers_run.price_minor
        case "segments":
            assert sum(columns["value_minor"]) == sellers_run.price_minor
        case "sensitivities":
            assert columns["low_minor"] != columns["high_minor"]
            assert len(columns["assumption"]) >= 5


def test_an_unknown_table_is_no_page(sellers_run, as_user, seller_user):
    address = reverse("valuation:table", args=[sellers_run.pk, "names"])
    assert as_user(seller_user).get(address).status_code == 404


def test_a_scenarios_name_cannot_run_as_a_formula(sellers_run, as_user, seller_user):
    save_scenario(
        user=seller_user, valuation_id=sellers_run.pk, name="=1+1", terms=sellers_run.terms
    )
    content = as_user(seller_user).get(url("workbook", sellers_run)).content
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    names = [row[0] for row in book.get_sheet_by_name("Scenarios").to_python()]
    assert names == ["Scenario", "As run", "'=1+1"]


def test_the_list_exports_numbers_and_the_label(sellers_run, as_user, seller_user, package):
    answer = as_user(seller_user).get(reverse("valuation:list"), {"export": "csv"})
    text = b"".join(answer.streaming_content).decode()
    assert f",{to_decimal(sellers_run.price_minor, 'CNY')}," in text
    assert "(reference, not fitted)" in text
    assert package.reference in text


@pytest.mark.parametrize(("role", "status"), [(Role.BUYER_ANALYST, 200), (Role.BUYER_FINANCE, 403)])
def test_the_new_page_is_for_those_who_may_run(role, status, make_user, buyer, as_user):
    person = make_user("one@example.com", buyer, role)
    assert as_user(person).get(reverse("valuation:new")).status_code == status
    assert as_user(person).get(reverse("valuation:list")).status_code == 200


def test_the_list_filters_sorts_counts_and_pages_by_key(
    sellers_run, ask, seller_user, seller, package, as_user, monkeypatch
):
    runs = [sellers_run, *(ask(seller_user, seller, package, buyer_irr=r) for r in (0.3, 0.1))]
    monkeypatch.setattr("npa_market.valuation.views.PAGE_ROWS", 2)
    client, page = as_user(seller_user), reverse("valuation:list")
    first = client.get(page, {"sort": "-price_minor"})
    shown = [row.record.price_minor for row in first.context["table"].rows]
    prices = sorted((run.price_minor for run in runs), reverse=True)
    assert shown == prices[:2]
    assert first.context["totals"]["runs"] == 3
    second = client.get(page, {"sort": "-price_minor", "after": first.context["next_cursor"]})
    assert [row.record.price_minor for row in second.context["table"].rows] == prices[2:]
    assert "First page" in second.content.decode()
    dear = client.get(page, {"irr_from": "25"})
    assert [row.record.pk for row in dear.context["table"].rows] == [runs[1].pk]
    none = client.get(page, {"calibration": "False"}).content.decode()
    assert "Nothing matches these filters" in none
    newest = client.get(page).context["table"].rows[0].record
    assert newest == runs[-1]


def test_an_empty_list_says_what_to_do_first(as_user, seller_user):
    text = as_user(seller_user).get(reverse("valuation:list")).content.decode()
    assert "No run yet" in text
    assert reverse("valuation:new") in text


def test_a_run_is_cancelled_and_goes_on_from_its_page(
    as_user, seller_user, seller, package, django_capture_on_commit_callbacks
):
    client = as_user(seller_user)
    valuation = request_valuation(
        user=seller_user, organisation=seller, package_id=package.pk, terms=QUICK
    )
    assert url("cancel", valuation) in client.get(url("detail", valuation)).content.decode()
    client.post(url("cancel", valuation))
    page = client.get(url("detail", valuation)).content.decode()
    assert "This run was cancelled" in page
    with django_capture_on_commit_callbacks(execute=True):
        client.post(url("resume", valuation))
    valuation.refresh_from_db()
    assert valuation.state == ValuationState.DONE
