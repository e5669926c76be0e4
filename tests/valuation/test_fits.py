"""Calibrations of one's own: from a file or a package's receipts, private, used by runs."""

import io
from datetime import date

import pandas as pd
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.models import JobState
from npa_market.evidence.models import Entry
from npa_market.packages.sealed import read_sealed, receipts_of
from npa_market.parties.roles import Role
from npa_market.valuation import door, histories
from npa_market.valuation.assumptions import assumption_rows
from npa_market.valuation.fits import fit_to_file, fit_to_package, run_fit
from npa_market.valuation.models import Fit, Valuation, ValuationState
from npa_market.valuation.queries import calibration_of, fitted_calibration
from npa_market.valuation.services import request_valuation, run_valuation
from pricing import Calibration, calibrate, read_history, reference_calibration
from pricing.fit.calendar import as_of
from pricing.history.synthetic import Deals, synthetic_history

DEALS = Deals(deals=8, loans=100, months=12, has_attributes=False)
HEADER = b"loan_id,age_month,cash,balance,product"


@pytest.fixture(scope="module")
def table():
    """Loans and payments of a known truth as one table."""
    drawn = synthetic_history(reference_calibration("cn-consumer-reference"), DEALS, seed=3)
    columns = ["loan_id", "balance", "product", "cohort", "observed_months"]
    loans = drawn.loans[[name for name in columns if name in drawn.loans]]
    paid = drawn.payments[["loan_id", "age_month", "cash", "settled"]]
    silent = loans[~loans["loan_id"].isin(paid["loan_id"])]["loan_id"]
    never = pd.DataFrame({"loan_id": silent, "age_month": 1, "cash": 0.0, "settled": False})
    return pd.concat([paid, never]).merge(loans, on="loan_id")


def csv_of(frame):
    return frame.to_csv(index=False).encode()


@pytest.fixture
def ask_fit(seller_user, seller, table, django_capture_on_commit_callbacks):
    def ask(content=None, user=seller_user, organisation=seller, **changes):
        given = {
            "title": "East 2026",
            "file_name": "history.csv",
            "currency": "CNY",
            "basis": "claim",
        } | changes
        with django_capture_on_commit_callbacks(execute=True):
            fit = fit_to_file(
                user=user,
                organisation=organisation,
                chunks=[csv_of(table) if content is None else content],
                **given,
            )
        fit.refresh_from_db()
        return fit

    return ask


@pytest.fixture
def run_of(seller_user, seller, package):
    """A finished run of the seller with its own calibration."""

    def run(fit):
        asked = request_valuation(
            user=seller_user,
            organisation=seller,
            package_id=package.pk,
            calibration_name=str(fit.pk),
            terms={"paths": 256, "horizon_months": 12},
        )
        return run_valuation(valuation_id=asked.pk)

    return run


def test_a_file_becomes_the_calibration_that_the_library_fits(ask_fit, table):
    fit = ask_fit()
    assert (fit.state, fit.job.state) == (ValuationState.DONE, JobState.DONE)
    made = fitted_calibration(fit)
    history = read_history(table, currency="CNY", basis="claim")
    base = reference_calibration("cn-consumer-reference")
    known = calibrate(history, name="East 2026", base=base)
    for product, other in zip(made.products, known.products, strict=True):
        assert product.log_odds == pytest.approx(other.log_odds, rel=1e-6)  # CSV drops a digit
    assert made.content_hash == fit.content_hash
    assert made.is_fitted
    assert made.label == "East 2026"


def test_the_triangle_rises_with_age_and_ends_where_the_watching_ends(table):
    history = read_history(table, currency="CNY", basis="claim")
    triangle = histories.triangle_of(history)
    assert len(triangle["rows"]) == DEALS.deals
    for _, balance, cells in triangle["rows"]:
        seen = [cell for cell in cells if cell is not None]
        assert seen == sorted(seen)
        assert cells[len(seen) :] == [None] * (len(cells) - len(seen))
        assert balance > 0
    first = history.cash[:, 0, :12].sum() / history.balance[:, 0, 0].sum()
    assert triangle["rows"][0][2][triangle["ages"].index(12)] == pytest.approx(first, rel=1e-4)


def test_a_run_names_its_calibration_and_carries_no_reference_label(
    ask_fit, run_of, seller_user, as_user
):
    fit = ask_fit()
    run = run_of(fit)
    assert (run.fit, run.calibration_sha256) == (fit, fit.content_hash)
    assert not run.is_reference_calibration
    assert calibration_of(run) == fitted_calibration(fit)
    text = as_user(seller_user).get(run.get_absolute_url()).content.decode()
    assert "East 2026" in text
    assert "Reference, not fitted" not in text
    editor = as_user(seller_user).get(reverse("valuation:scenarios", args=[run.pk]))
    assert editor.context["price_minor"] == run.price_minor
    assert editor.context["live"].is_fitted


@pytest.fixture
def dated(table):
    """The same history with cohorts that are quarters, so that it has a calendar."""
    quarters = {
        name: f"{2015 + n // 4}Q{n % 4 + 1}" for n, name in enumerate(sorted(set(table["cohort"])))
    }
    return table.assign(cohort=table["cohort"].map(quarters))


def test_a_run_starts_where_the_calendar_stands_at_the_cut_off_date(
    ask_fit, run_of, seller_user, package, as_user, dated
):
    fit = ask_fit(csv_of(dated))
    fitted = fitted_calibration(fit)
    assert fitted.calendar is not None
    run = run_of(fit)
    used = calibration_of(run)
    month = package.cut_off_date.year * 12 + package.cut_off_date.month - 1
    assert used == as_of(fitted, month)
    assert run.calibration_sha256 == used.content_hash != fit.content_hash
    entry = Entry.objects.about(run.pk).last()
    assert entry.payload.body["fit_sha256"] == fit.content_hash
    text = as_user(seller_user).get(run.get_absolute_url()).content.decode()
    assert "where the history&#x27;s calendar stands in" in text
    assert fit.content_hash in text
    assert reverse("valuation:fit", args=[fit.pk]) in text
    assert f"value --cut-off {package.cut_off_date.isoformat()}" in text
    table = as_user(seller_user).get(reverse("valuation:table", args=[run.pk, "months"]))
    told = pq.read_schema(io.BytesIO(table.content)).metadata
    assert told[b"fit_sha256"].decode() == fit.content_hash
    assert told[b"calibration_sha256"].decode() == run.calibration_sha256
    editor = as_user(seller_user).get(reverse("valuation:scenarios", args=[run.pk]))
    assert editor.context["price_minor"] == run.price_minor


@pytest.mark.parametrize(
    ("cut_off", "words"),
    [
        (date(2018, 3, 31), "where the history's calendar stands in 2018-03, the cut-off month"),
        (date(2090, 3, 31), "for 2090-03 lies too far from the history's calendar"),
    ],
)
def test_any_cut_off_date_starts_somewhere_and_the_row_says_where(ask_fit, dated, cut_off, words):
    fitted = fitted_calibration(ask_fit(csv_of(dated)))
    used = door.at_cut_off(fitted, cut_off)
    terms = door.inputs_of(currency="CNY", terms={}, fitted=used).as_document()
    rows = assumption_rows(terms, used, (), with_reserve=False)
    told = next(row.value for row in rows if row.name == "Payments in general")
    share = used.diagnostics["started"]["first_month"]
    assert told == f"begin at {share:.2f} of the fitted curve, {words}"


def test_a_calibration_is_chosen_in_the_form(ask_fit, as_user, seller_user, package):
    fit, client = ask_fit(), as_user(seller_user)
    page = client.get(reverse("valuation:new"), {"calibration": fit.pk}).content.decode()
    assert f'value="{fit.pk}" selected' in page
    form = {
        "package": package.pk,
        "calibration_name": fit.pk,
        "buyer_irr": "20",
        "horizon_months": "12",
        "channel": "",
        "fee_share": "30",
        "work_cost": "",
        "case_cost": "",
        "seller_rate": "10",
        "paths": "256",
        "seed": "1",
    }
    assert client.post(reverse("valuation:new"), form).status_code == 302
    assert Valuation.objects.get().fit == fit


def test_others_cannot_name_a_calibration(ask_fit, read_by, buyer_user, buyer, package):
    fit = ask_fit()
    read_by(package, buyer)
    with pytest.raises(InvalidInput) as refusal:
        request_valuation(
            user=buyer_user,
            organisation=buyer,
            package_id=package.pk,
            calibration_name=str(fit.pk),
            terms={},
        )
    assert refusal.value.field == "calibration_name"


def test_nobody_else_finds_a_calibration(ask_fit, as_user, buyer_user, stranger, operator):
    fit = ask_fit()
    for person, status in ((buyer_user, 404), (stranger, 404), (operator, 403)):
        for name in ("fit", "fit-file"):
            address = reverse(f"valuation:{name}", args=[fit.pk])
            assert as_user(person).get(address).status_code == status
    listed = as_user(buyer_user).get(reverse("valuation:fits")).content.decode()
    assert "East 2026" not in listed


def test_a_buyers_calibration_leaves_no_entry(ask_fit, buyer_user, buyer):
    fit = ask_fit(user=buyer_user, organisation=buyer)
    assert fit.state == ValuationState.DONE
    assert not Entry.objects.about(fit.pk).exists()


def test_the_sellers_calibration_is_an_entry(ask_fit):
    fit = ask_fit()
    acts = [entry.type for entry in Entry.objects.about(fit.pk)]
    assert acts == ["calibration.requested", "calibration.fitted"]
    assert run_fit(fit_id=fit.pk).finished_at == fit.finished_at  # asked again: as it is


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"title": " "}, "title", "title_missing"),
        ({"title": "x" * 81}, "title", "title_missing"),
        ({"file_name": "history.xlsx"}, "file", "history_form"),
        ({"currency": "EUR"}, "currency", "currency_unknown"),
        ({"basis": "loan"}, "basis", "basis_unknown"),
        ({"content": b""}, "file", "history_unreadable"),
        ({"content": b"loan_id,cash\n"}, "file", "history_column_missing"),
        ({"content": HEADER + b"\n"}, "file", "history_column_missing"),
        ({"content": HEADER + b",cohort,mobile\n"}, "file", "history_column_unknown"),
        ({"content": b"not parquet", "file_name": "h.parquet"}, "file", "history_unreadable"),
        ({"content": b"not gzip", "file_name": "h.csv.gz"}, "file", "history_unreadable"),
    ],
)
def test_what_is_no_history_is_refused_before_it_is_kept(change, field, code, ask_fit):
    with pytest.raises(InvalidInput) as refusal:
        ask_fit(**change)
    assert (refusal.value.field, refusal.value.code) == (field, code)
    assert not Fit.objects.exists()


def test_a_bad_row_is_named_and_no_id_is_shown(ask_fit, table):
    bad = table.copy()
    bad.loc[4, "cash"] = -1.0
    fit = ask_fit(content=csv_of(bad))
    assert fit.state == ValuationState.FAILED
    assert fit.job.state == JobState.FAILED
    assert "row 5" in fit.failure
    assert "cash" in fit.failure
    with pytest.raises(Refused):
        run_fit(fit_id=fit.pk)


def test_a_name_is_used_once(ask_fit):
    ask_fit(content=HEADER + b",cohort\na,1,0,5,Card,2025Q1\n")
    assert "no payment" in Fit.objects.get().failure
    with pytest.raises(InvalidInput) as refusal:
        ask_fit()
    assert refusal.value.code == "title_taken"


def test_a_gzip_and_a_parquet_file_give_the_same_calibration(ask_fit, table, tmp_path):
    packed, columns = tmp_path / "h.csv.gz", tmp_path / "h.parquet"
    table.to_csv(packed, index=False)
    table.to_parquet(columns, index=False)
    fits = [
        ask_fit(content=path.read_bytes(), file_name=path.name, title=path.name)
        for path in (packed, columns)
    ]
    first, second = (fitted_calibration(fit).as_document() for fit in fits)
    assert first.pop("name") != second.pop("name")
    assert first["products"] == second["products"]


def test_the_receipts_of_a_package_are_a_history(
    seller_user, seller, package, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        fit = fit_to_package(
            user=seller_user, organisation=seller, title="Own", package_id=package.pk
        )
    fit.refresh_from_db()
    assert fit.state == ValuationState.DONE, fit.failure
    read = histories.package_history(package)
    assert fitted_calibration(fit).diagnostics["history"]["loans"] == read.history.loans
    assert "remained" in fit.left_out[-1]


def test_cash_of_a_package_is_that_of_its_receipts_after_charge_off(package):
    loans = read_sealed(package, ["loan_token", "charge_off_date"]).set_index("loan_token")
    rows = receipts_of(package)
    since = pd.DatetimeIndex(loans["charge_off_date"].reindex(rows["loan_token"])).to_period("M")
    later = pd.DatetimeIndex(rows["month"]).to_period("M") > since
    read = histories.package_history(package)
    assert read.history.cash.sum() == pytest.approx(rows["gross_minor"][later].sum() / 100)


def test_a_package_of_somebody_else_is_none(stranger, stranger_seller, package):
    with pytest.raises(InvalidInput, match="no such package"):
        fit_to_package(
            user=stranger, organisation=stranger_seller, title="x", package_id=package.pk
        )


def test_roles_that_may_calibrate(make_user, seller, package, venue, operator):
    finance = make_user("finance@example.com", seller, Role.SELLER_FINANCE)
    for person, institution in ((finance, seller), (operator, venue)):
        with pytest.raises(NotPermitted):
            fit_to_package(user=person, organisation=institution, title="x", package_id=package.pk)


def test_the_page_tells_fitted_from_judged_and_shows_the_fit(ask_fit, as_user, seller_user):
    fit, client = ask_fit(), as_user(seller_user)
    answer = client.get(fit.get_absolute_url())
    text = answer.content.decode()
    assert "Curves of first payments by age" in answer.context["fitted"]
    assert "Channels and their costs" in answer.context["judged"]
    for chart in ("by-age", "curves", "liquidation"):
        assert f'data-vega="{chart}"' in text
    assert len(answer.context["triangle"]) == DEALS.deals
    file = client.get(reverse("valuation:fit-file", args=[fit.pk]))
    assert Calibration.from_json(file.content.decode()).content_hash == fit.content_hash
    assert "East 2026" in client.get(reverse("valuation:fits")).content.decode()


def test_uploading_through_the_page(
    as_user, seller_user, table, django_capture_on_commit_callbacks
):
    client, page = as_user(seller_user), reverse("valuation:fit-new")
    form = {"title": "East", "currency": "CNY", "basis": "claim"}
    nothing = client.post(page, form)
    assert nothing.status_code == 422
    assert "file" in nothing.context["form"].errors
    named = SimpleUploadedFile("h.csv", HEADER + b",cohort,borrower\n")
    refused = client.post(page, {**form, "file": named})
    assert refused.status_code == 422
    assert "borrower" in str(refused.context["form"].errors["file"])
    with django_capture_on_commit_callbacks(execute=True):
        sent = client.post(page, {**form, "file": SimpleUploadedFile("h.csv", csv_of(table))})
    fit = Fit.objects.get()
    assert sent["Location"] == fit.get_absolute_url()
    assert fit.state == ValuationState.DONE
