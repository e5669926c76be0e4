"""The list of packages: totals, pages by key, views by address; saved criteria deleted."""

import pytest
from django.urls import reverse

from npa_market.packages import views
from npa_market.packages.models import Package, PackageState, SavedCriteria
from npa_market.packages.queries import list_totals
from npa_market.packages.services import (
    new_version,
    save_criteria,
    screen_package,
    seal_package,
    withdraw_package,
)
from tests.builders import loans_on_tape, screened_package, sealed_package

POOL = "CNY 2026-06-30"
LIST = "/packages/"


def html(response):
    return response.content.decode()


@pytest.fixture
def three(seller_user, second_seller_user):
    sealed = sealed_package(seller_user, second_seller_user, count=25)
    return [sealed, *(screened_package(seller_user, count, seed=count) for count in (3, 7))]


def test_totals_leave_out_what_holds_no_loans(three, seller_user):
    whole = list_totals(Package.objects.visible_to(seller_user))
    assert whole["packages"] == whole["listed"] == 3
    assert whole["loans"] == sum(package.loans for package in three)
    (claim,) = whole["claims"]
    assert (claim["currency"], claim["claim_minor"]) == (
        "CNY",
        sum(package.claim_minor for package in three),
    )
    withdraw_package(user=seller_user, package_id=three[2].pk, reason="Kept")
    left = list_totals(Package.objects.visible_to(seller_user))
    assert (left["listed"], left["packages"]) == (3, 2)
    assert left["loans"] == whole["loans"] - three[2].loans


def test_totals_count_a_package_once_when_its_next_version_is_begun(
    three, seller_user, second_seller_user
):
    listed = Package.objects.visible_to(seller_user)
    before = list_totals(listed)
    draft = new_version(user=seller_user, package_id=three[0].pk)
    begun = list_totals(listed)
    assert (begun["listed"], begun["packages"]) == (4, 3)
    assert (begun["loans"], begun["claims"]) == (before["loans"], before["claims"])
    assert list_totals(listed.filter(pk=draft.pk))["loans"] == draft.loans
    screen_package(user=seller_user, package_id=draft.pk)
    seal_package(user=second_seller_user, package_id=draft.pk)
    sealed = list_totals(listed)
    assert (sealed["packages"], sealed["claims"]) == (3, before["claims"])


@pytest.mark.parametrize("sort", ["reference", "-reference", "loans", "-claim_minor", "nonsense"])
def test_every_package_stands_on_one_page_in_order(three, seller_user, as_user, monkeypatch, sort):
    monkeypatch.setattr(views, "PAGE_ROWS", 1)
    client, found, asked = as_user(seller_user), [], {"sort": sort}
    for _ in three:
        page = client.get(LIST, asked)
        found += [row.record for row in page.context["table"].rows]
        asked = {"sort": sort, "after": page.context["next_cursor"]}
    assert page.context["next_cursor"] == ""
    assert "First page" in html(page)
    assert {package.pk for package in found} == {package.pk for package in three}
    name = sort.removeprefix("-")
    values = [getattr(package, name if name != "nonsense" else "reference") for package in found]
    is_descending = sort.startswith("-") or sort == "nonsense"
    assert values == sorted(values, reverse=is_descending)


def test_views_are_addresses(three, seller_user, as_user):
    client = as_user(seller_user)
    shown = {}
    for name, query in views.VIEWS:
        page = client.get(f"{LIST}?{query}")
        assert f'aria-current="page">{name}' in html(page)
        shown[name] = {row.record.pk for row in page.context["table"].rows}
    assert shown["All"] == {package.pk for package in three}
    assert shown["To seal"] == {three[1].pk, three[2].pk}
    assert shown["Sealed, largest claim first"] == {three[0].pk}
    assert Package.objects.get(pk=three[0].pk).state == PackageState.SEALED


@pytest.fixture
def saved(seller, seller_user):
    loans_on_tape(seller, seller_user, 5)
    return save_criteria(
        user=seller_user, seller=seller, name="Recent", currency="CNY", document={}
    )


def test_saved_criteria_are_deleted_by_a_button(saved, seller_user, as_user):
    client = as_user(seller_user)
    asked = {"pool": POOL, "do": "forget", "saved": str(saved.pk)}
    assert 'value="forget"' in html(client.get(reverse("packages:new")))
    page = client.post(reverse("packages:criteria"), asked)
    assert "Deleted “Recent”" in html(page)
    assert not SavedCriteria.objects.exists()
    assert "gone already" in html(client.post(reverse("packages:criteria"), asked))


def test_criteria_of_another_seller_are_not_deleted(saved, stranger, as_user):
    asked = {"pool": POOL, "do": "forget", "saved": str(saved.pk)}
    as_user(stranger).post(reverse("packages:criteria"), asked)
    assert SavedCriteria.objects.filter(pk=saved.pk).exists()
