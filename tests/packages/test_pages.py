"""Pages: who sees what, live totals, refusals beside the form, one next step."""

import json
import re

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from npa_market.packages import forms, views
from npa_market.packages.models import Package, PackageState, SavedCriteria
from npa_market.packages.next_step import Act, Standing, next_step
from npa_market.packages.services import grant_reader, new_version
from npa_market.packages.statements import seen_sha256
from npa_market.parties.roles import Role
from tests.builders import loans_on_tape, screened_package, sealed_package

POOL = "CNY 2026-06-30"


@pytest.fixture
def sealed(seller_user, second_seller_user):
    return sealed_package(seller_user, second_seller_user, count=25)


def url(name, package):
    return reverse(f"packages:{name}", args=[package.pk])


def html(response):
    return response.content.decode()


def test_another_sellers_package_is_not_found(sealed, stranger, as_user):
    client = as_user(stranger)
    for name in ("detail", "table", "edit", "parquet", "csv", "manifest"):
        assert client.get(url(name, sealed)).status_code == 404, name
    for name in ("screen", "seal", "return", "withdraw", "version"):
        assert client.post(url(name, sealed)).status_code == 404, name
    assert sealed.reference not in html(client.get(reverse("packages:list")))


def test_the_list_finds_by_state_and_words(sealed, seller_user, as_user):
    other = screened_package(seller_user, 3, seed=2)
    client = as_user(seller_user)
    for query, shown in (
        ({}, {sealed, other}),
        ({"state": "sealed"}, {sealed}),
        ({"search": other.reference}, {other}),
        ({"search": "loans 1"}, {sealed}),
        ({"search": "nothing"}, set()),
    ):
        page = html(client.get(reverse("packages:list"), query))
        assert {each for each in (sealed, other) if each.reference in page} == shown, query
    lines = client.get(reverse("packages:list"), {"export": "csv"}).getvalue().decode()
    assert sealed.reference in lines


def test_the_page_shows_figures_tables_and_what_follows(sealed, seller_user, as_user):
    page = html(as_user(seller_user).get(url("detail", sealed)))
    assert "Months since charge-off" in page
    assert "Total" in page
    assert "Value the package" in page
    assert f"{sealed.loans:,}" in page
    assert "Parquet" in page


def test_the_screens_note_counts_each_loan_once(seller_user, as_user):
    """A rule whose hits an earlier one took out has excluded nothing."""
    package = screened_package(seller_user, 3)
    found = {"borrowers": 2, "principal_minor": 1, "claim_minor": 1, "code": "x"}
    package.screen_results = [
        found | {"title": "Sold", "treatment": "exclude", "hits": 2, "excluded": 2},
        found | {"title": "Elsewhere", "treatment": "exclude", "hits": 2, "excluded": 0},
        found | {"title": "Late", "treatment": "disclose", "hits": 3, "excluded": 0},
    ]
    package.save()
    page = " ".join(html(as_user(seller_user).get(url("detail", package))).split())
    assert "The screen took out 2 loans.</b> Sold: 2 excluded, Late: 3 disclosed." in page


def test_a_reader_sees_tables_but_no_files_nor_criteria_nor_versions(
    sealed, seller_user, buyer, buyer_user, as_user
):
    grant_reader(package=sealed, reader=buyer)
    draft = new_version(user=seller_user, package_id=sealed.pk)
    client = as_user(buyer_user)
    page = html(client.get(url("detail", sealed)))
    assert "Months since charge-off" in page
    for absent in ("sealed.parquet", "Edit criteria", "Withdraw", draft.get_absolute_url()):
        assert absent not in page
    assert "v2" not in strip_tags(page)  # A token in a tag may hold the letters.
    assert "v2" in strip_tags(html(as_user(seller_user).get(url("detail", sealed))))
    assert client.get(url("parquet", sealed)).status_code == 403


def test_the_table_changes_in_place_and_without_a_script(sealed, seller_user, as_user):
    client = as_user(seller_user)
    part = client.get(url("table", sealed), {"table": "product"}, headers={"HX-Request": "true"})
    assert "<html" not in html(part)
    assert "Cash loan" in html(part)
    plain = client.get(url("table", sealed), {"table": "product"}, follow=True)
    assert plain.redirect_chain[0][0].endswith("?table=product")
    assert "Cash loan" in html(plain)
    unknown = client.get(url("detail", sealed), {"table": "<script>"})
    assert unknown.status_code == 200
    assert "<script>alert" not in html(unknown)


def fields(**changes):
    return {"pool": POOL, "title": "East", "transfer_basis": "Clause 9", **changes}


def lines(*conditions, kind="all"):
    """What a browser sends of the editor: a group and conditions (field, op, values…) in it."""
    sent = {"line-0-level": "0", "line-0-kind": kind}
    for number, (field, op, *values) in enumerate(conditions, 1):
        prefix = f"line-{number}"
        sent |= {f"{prefix}-level": "1", f"{prefix}-kind": "condition"}
        sent |= {f"{prefix}-field": field, f"{prefix}-op": op}
        if op == "range":
            sent |= {f"{prefix}-low": values[0], f"{prefix}-high": values[1]}
        elif values:
            sent[f"{prefix}-values"] = values
    return sent


def test_the_totals_follow_the_criteria(seller, seller_user, as_user):
    tape = loans_on_tape(seller, seller_user, 30)
    client = as_user(seller_user)
    fitting = tape.loans.filter(claim_minor__gte=1_000_000).count()
    assert 0 < fitting < 30
    asked = {"pool": POOL, **lines(("claim", "range", "10,000.00", ""))}
    for send in (client.get, client.post):
        page = html(send(reverse("packages:totals"), asked))
        assert f"choose {fitting} loans" in page
        assert "at least 10,000.00 CNY" in page
        assert "Mean claim per loan" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (lines(("claim", "range", "abc", "")), "plain number"),
        (lines(("claim", "range", "5", "4")), "upper limit is below"),
        (lines(("claim", "range", "-5", "")), "must not be negative"),
        (lines(("days_overdue", "range", "1.5", "")), "whole number"),
        (lines(("default_date", "range", "1/2/20", "")), "YYYY-MM-DD"),
        (lines(("status", "in", "gone")), "status is one of"),
        ({"pool": "EUR 2026-06-30"}, "valid choice"),
        ({"tapes": "x"}, "valid choice"),
        ({"picked": "5c4ff1d8-8b36-4d4b-a9ab-000000000001"}, "not one of yours"),
        ({"title": ""}, "required"),
    ],
)
def test_wrong_input_is_shown_beside_the_field_and_nothing_is_lost(
    seller, seller_user, as_user, changes, words
):
    loans_on_tape(seller, seller_user, 3)
    client = as_user(seller_user)
    answer = client.post(reverse("packages:new"), fields(**changes))
    assert answer.status_code == 422
    assert words in html(answer)
    assert "Clause 9" in html(answer)
    for value in (text for name, text in changes.items() if name.endswith(("low", "high"))):
        assert f'value="{value}"' in html(answer)
    assert not Package.objects.exists()
    counted = client.post(reverse("packages:totals"), fields(**changes))
    assert counted.status_code == 200
    if "title" not in changes:
        assert words in html(counted)


def test_a_draft_is_made_by_criteria_and_changed(seller, seller_user, as_user):
    loans_on_tape(seller, seller_user, 20)
    client = as_user(seller_user)
    asked = lines(
        ("product", "in", "Cash loan"),
        ("months_since_charge_off", "range", "", "24"),
        ("is_reachable", "yes"),
        ("prior_placements", "range", "", "3"),
        ("city", "in"),
        ("", ""),
    )
    answer = client.post(reverse("packages:new"), fields(**asked))
    package = Package.objects.get()
    assert answer.url == package.get_absolute_url()
    assert package.criteria == {
        "where": {
            "all": [
                {"field": "product", "op": "in", "value": ["Cash loan"]},
                {"field": "months_since_charge_off", "op": "at_most", "value": 24},
                {"field": "is_reachable", "op": "is", "value": True},
                {"field": "prior_placements", "op": "at_most", "value": 3},
            ]
        }
    }
    page = html(client.get(url("edit", package)))
    assert "Placements with agencies" in page
    assert 'value="24"' in page
    changed = fields(title="West", **lines(("product", "in", "Cash loan", "Instalment")))
    assert client.post(url("edit", package), changed).status_code == 302
    package.refresh_from_db()
    assert (package.title, package.edited_by) == ("West", seller_user)


def test_the_editor_of_a_package_that_stands_leads_back_to_it(
    seller_user, second_seller_user, as_user
):
    package = sealed_package(seller_user, second_seller_user, count=3)
    for send in (as_user(seller_user).get, as_user(seller_user).post):
        answer = send(url("edit", package), follow=True)
        assert answer.redirect_chain == [(package.get_absolute_url(), 302)]
        assert f"{package} is sealed and stays as it is." in html(answer)


def test_lines_are_added_and_removed_without_a_script(seller, seller_user, as_user):
    loans_on_tape(seller, seller_user, 4)
    client = as_user(seller_user)
    asked = lines(("claim", "range", "10", ""))
    page = html(client.post(reverse("packages:new"), fields(do="group:0", **asked)))
    assert "line-3-kind" in page
    assert 'value="10"' in page
    assert "any of these holds" in page
    shorter = html(client.post(reverse("packages:criteria"), fields(do="remove:1", **asked)))
    assert "line-1-kind" not in shorter
    assert 'id="totals"' in shorter
    assert not Package.objects.exists()


def test_criteria_are_saved_by_name_and_used_again(seller, seller_user, stranger, as_user):
    loans_on_tape(seller, seller_user, 4)
    client = as_user(seller_user)
    asked = lines(("claim", "range", "12.50", ""))
    page = html(
        client.post(reverse("packages:criteria"), fields(do="save", save_as="Big", **asked))
    )
    assert "Saved as “Big”" in page
    saved = SavedCriteria.objects.get()
    assert saved.document == {
        "where": {"all": [{"field": "claim", "op": "at_least", "value": 1250}]}
    }
    again = html(client.post(reverse("packages:new"), fields(do="load", saved=str(saved.pk))))
    assert 'value="12.50"' in again
    client.post(reverse("packages:criteria"), fields(do="save", save_as="Big"))
    assert SavedCriteria.objects.get().document == {}
    nameless = client.post(reverse("packages:criteria"), fields(do="save", save_as=" "))
    assert "Write a name" in html(nameless)
    foreign = as_user(stranger).post(
        reverse("packages:new"), fields(do="load", saved=str(saved.pk))
    )
    assert "Big" not in html(foreign)


def test_large_tapes_are_laid_out_by_a_worker_first(
    seller, seller_user, as_user, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(forms, "AT_ONCE", 3)
    loans_on_tape(seller, seller_user, 4)
    client = as_user(seller_user)
    with django_capture_on_commit_callbacks(execute=True):
        page = html(client.post(reverse("packages:totals"), fields()))
    assert "Nothing is counted yet" in page
    assert "laid out once" in page
    assert "choose 4 loans" in html(client.post(reverse("packages:totals"), fields()))


def test_counting_without_a_script_saves_nothing(seller, seller_user, as_user):
    loans_on_tape(seller, seller_user, 4)
    answer = as_user(seller_user).post(reverse("packages:new"), fields(do="count", title=""))
    assert answer.status_code == 200
    assert "choose 4 loans" in html(answer)
    assert not Package.objects.exists()


def seen_on(client, package):
    """What the form to seal sends of the page that was looked at."""
    found = re.search(r'name="seen" value="(\w+)"', html(client.get(url("detail", package))))
    return {"seen": found.group(1)} if found else {"seen": seen_sha256(package)}


def test_from_draft_to_sealed_by_two_people(
    seller, seller_user, second_seller_user, as_user, monkeypatch
):
    loans_on_tape(seller, seller_user, 20)
    maker, checker = as_user(seller_user), as_user(second_seller_user)
    maker.post(reverse("packages:new"), fields())
    package = Package.objects.get()
    assert "Run the screen" in html(maker.get(url("detail", package)))
    maker.post(url("screen", package))
    refused = maker.post(url("seal", package), seen_on(maker, package), follow=True)
    assert "second person" in html(refused)
    page = html(checker.get(url("detail", package)))
    assert "Seal the package" in page
    first = seen_on(checker, package)
    checker.post(url("return", package), {"return-reason": "Check the dates"})
    package.refresh_from_db()
    assert package.state == PackageState.DRAFT
    maker.post(url("edit", package), fields(title="Other"))
    maker.post(url("screen", package))
    for seen in (first, {}):
        answer = checker.post(url("seal", package), seen, follow=True)
        assert "changed since you looked at it" in html(answer)
    checker.post(url("seal", package), seen_on(checker, package))
    package.refresh_from_db()
    assert package.state == PackageState.SEALED


def test_large_packages_are_sealed_by_a_worker(
    seller_user,
    second_seller_user,
    as_user,
    monkeypatch,
    django_capture_on_commit_callbacks,
):
    monkeypatch.setattr(views, "SEALED_AT_ONCE", 3)
    package = screened_package(seller_user, 4)
    client = as_user(second_seller_user)
    client.post(url("seal", package), seen_on(client, package))
    page = html(client.get(url("detail", package)))
    assert 'role="progressbar"' in page
    assert "Seal the package" not in page


def test_withdrawing_asks_for_a_reason(sealed, second_seller_user, as_user):
    client = as_user(second_seller_user)
    assert client.post(url("withdraw", sealed), {"end-reason": ""}).status_code == 422
    assert client.post(url("withdraw", sealed), {"end-reason": "Kept"}).status_code == 302
    assert "Kept" in html(client.get(url("detail", sealed)))


def test_acts_without_the_role_are_forbidden(sealed, seller, make_user, as_user):
    finance = as_user(make_user("finance@example.com", seller, Role.SELLER_FINANCE))
    for name in ("screen", "seal", "return", "withdraw", "version"):
        assert finance.post(url(name, sealed)).status_code == 403, name
    analyst = as_user(make_user("analyst@example.com", seller, Role.SELLER_ANALYST))
    assert analyst.post(url("withdraw", sealed), {"end-reason": "x"}).status_code == 403


def test_the_seller_downloads_what_was_sealed(sealed, seller_user, as_user):
    import hashlib

    client = as_user(seller_user)
    content = client.get(url("parquet", sealed)).getvalue()
    assert hashlib.sha256(content).hexdigest() == sealed.content_sha256
    manifest = json.loads(client.get(url("manifest", sealed)).getvalue())
    assert manifest["merkle_root"] == sealed.merkle_root
    lines = client.get(url("csv", sealed)).getvalue().decode().splitlines()
    assert len(lines) == sealed.loans + 1
    assert lines[0].startswith("loan_token,borrower_token")


def test_no_file_before_sealing(seller_user, as_user):
    package = screened_package(seller_user, 3)
    assert as_user(seller_user).get(url("parquet", package)).status_code == 404


def standing(**facts):
    usual = {
        "state": PackageState.DRAFT,
        "has_transfer_basis": True,
        "loans": 5,
        "is_sealing": False,
        "may_screen": True,
        "may_seal": True,
        "has_built": False,
    }
    return Standing(**(usual | facts))


@pytest.mark.parametrize(
    ("facts", "act"),
    [
        ({}, Act.SCREEN),
        ({"loans": 0}, Act.COMPLETE),
        ({"has_transfer_basis": False}, Act.COMPLETE),
        ({"has_transfer_basis": False, "may_screen": False}, Act.NONE),
        ({"may_screen": False}, Act.NONE),
        ({"state": PackageState.SCREENED}, Act.SEAL),
        ({"state": PackageState.SCREENED, "has_built": True}, Act.NONE),
        ({"state": PackageState.SCREENED, "may_seal": False}, Act.NONE),
        ({"state": PackageState.SCREENED, "is_sealing": True}, Act.NONE),
        ({"state": PackageState.SEALED}, Act.VALUE),
        ({"state": PackageState.WITHDRAWN}, Act.NONE),
        ({"state": PackageState.REPLACED}, Act.NONE),
    ],
)
def test_one_next_step_per_state_and_person(facts, act):
    assert next_step(standing(**facts)).act == act
