"""Changes of state: who may, in which order, once, and with an entry each."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.evidence.models import Entry
from npa_market.packages import outside
from npa_market.packages.models import Package, PackageLoan, PackageReader, PackageState
from npa_market.packages.queries import versions_of
from npa_market.packages.services import (
    grant_reader,
    new_version,
    return_package,
    revise_package,
    revoke_reader,
    screen_package,
    seal_package,
    withdraw_package,
)
from npa_market.parties.roles import Role
from npa_market.tapes.models import Loan, TapeState
from tests.builders import (
    loans_on_tape,
    make_tape,
    one_loan,
    screened_package,
    sealed_package,
)
from tests.packages.conftest import types_about


def test_without_criteria_every_loan_of_the_fitting_tapes_is_chosen(draft, seller, seller_user):
    loans_on_tape(seller, seller_user, 5, seed=1)
    loans_on_tape(seller, seller_user, 7, seed=2)
    loans_on_tape(seller, seller_user, 3, seed=3, currency="USD")
    package = draft()
    assert (package.loans, package.state) == (12, PackageState.DRAFT)
    assert draft(currency="USD", title="Dollars").loans == 3
    assert types_about(package) == ["package.drafted"]


def test_the_same_draft_again_is_the_first_one(draft, tape, second_seller_user):
    package = draft()
    assert draft() == package
    assert types_about(package) == ["package.drafted"]
    assert draft(title="Another") != package
    assert draft(user=second_seller_user) != package


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"title": "  "}, "text_missing", "title"),
        ({"title": "x" * 201}, "text_too_long", "title"),
        ({"transfer_basis": "x" * 301}, "text_too_long", "transfer_basis"),
        ({"currency": "XYZ"}, "currency_unknown", "currency"),
        ({"currency": "EUR"}, "no_tape", "cut_off_date"),
        ({"cut_off_date": date(2026, 7, 1)}, "no_tape", "cut_off_date"),
        ({"criteria": {"where": {"field": "x"}}}, "criteria_wrong", "criteria"),
        ({"criteria": {"disclose": ["fraud"]}}, "rule_not_disclosable", "criteria"),
    ],
)
def test_a_wrong_draft_is_refused_by_name_and_nothing_is_written(draft, tape, changes, code, field):
    with pytest.raises(InvalidInput) as caught:
        draft(**changes)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert not Package.objects.exists()


def test_one_currency_and_one_cut_off_date_per_package(
    draft, tape, seller, seller_user, stranger_seller, stranger
):
    dollars = loans_on_tape(seller, seller_user, 2, currency="USD")
    foreign = loans_on_tape(stranger_seller, stranger, 2)
    running_import = make_tape(seller, seller_user, seed=9)
    running_import.state = TapeState.IMPORTING
    running_import.save()
    earlier = make_tape(seller, seller_user, seed=10)
    earlier.cut_off_date = date(2026, 5, 31)
    earlier.save()
    draft(criteria={"tapes": [str(tape.pk)]})
    for unfit in (dollars, foreign, running_import, earlier):
        with pytest.raises(InvalidInput) as caught:
            draft(criteria={"tapes": [str(tape.pk), str(unfit.pk)]})
        assert caught.value.code == "tape_unfit"


@pytest.mark.parametrize(
    ("service", "role"),
    [
        ("draft", Role.SELLER_APPROVER),
        ("screen", Role.SELLER_APPROVER),
        ("seal", Role.SELLER_ANALYST),
        ("return", Role.SELLER_ANALYST),
        ("withdraw", Role.SELLER_FINANCE),
    ],
)
def test_each_act_needs_its_role(draft, tape, seller, make_user, stranger, service, role):
    package = screen_package(user=(maker := draft()).created_by, package_id=maker.pk)
    acts = {
        "draft": lambda user: draft(user=user),
        "screen": lambda user: screen_package(user=user, package_id=package.pk),
        "seal": lambda user: seal_package(user=user, package_id=package.pk),
        "return": lambda user: return_package(user=user, package_id=package.pk, reason="x"),
        "withdraw": lambda user: withdraw_package(user=user, package_id=package.pk, reason="x"),
    }
    for user in (make_user("other@example.com", seller, role), stranger):
        with pytest.raises(NotPermitted):
            acts[service](user)
    package.refresh_from_db()
    assert package.state == PackageState.SCREENED


def test_withdrawing_needs_a_reason_and_frees_the_loans(seller_user, second_seller_user):
    package = sealed_package(seller_user, second_seller_user, count=4)
    with pytest.raises(InvalidInput):
        withdraw_package(user=second_seller_user, package_id=package.pk, reason=" ")
    for _ in range(2):
        ended = withdraw_package(user=second_seller_user, package_id=package.pk, reason="Sold off")
    assert (ended.state, ended.end_reason) == (PackageState.WITHDRAWN, "Sold off")
    assert not PackageLoan.objects.filter(is_live=True).exists()
    assert types_about(package).count("package.withdrawn") == 1


def test_a_bound_package_is_neither_withdrawn_nor_replaced(
    seller_user, second_seller_user, monkeypatch
):
    package = sealed_package(seller_user, second_seller_user, count=4)
    draft = new_version(user=seller_user, package_id=package.pk)
    draft = screen_package(user=seller_user, package_id=draft.pk)
    monkeypatch.setattr(outside, "_bonds", [])
    outside.tells_bond(lambda package: "it is in LOT-2026-0001")
    with pytest.raises(Refused, match="LOT-2026-0001"):
        withdraw_package(user=second_seller_user, package_id=package.pk, reason="x")
    with pytest.raises(Refused, match="LOT-2026-0001"):
        seal_package(user=second_seller_user, package_id=draft.pk)
    package.refresh_from_db()
    assert package.state == PackageState.SEALED
    assert package.members.filter(is_live=True).count() == 4


def test_an_analyst_withdraws_a_draft_but_not_a_sealed_package(
    seller, make_user, seller_user, second_seller_user
):
    analyst = make_user("analyst@example.com", seller, Role.SELLER_ANALYST)
    sealed = sealed_package(seller_user, second_seller_user, count=3)
    with pytest.raises(NotPermitted):
        withdraw_package(user=analyst, package_id=sealed.pk, reason="x")
    screened = screened_package(seller_user, 3, seed=2)
    ended = withdraw_package(user=analyst, package_id=screened.pk, reason="x")
    assert ended.state == PackageState.WITHDRAWN


def test_a_new_version_replaces_the_old_one_when_it_is_sealed(
    seller, seller_user, second_seller_user
):
    package = sealed_package(seller_user, second_seller_user, count=6)
    tape = Loan.objects.first().tape
    draft = new_version(user=seller_user, package_id=package.pk)
    assert new_version(user=seller_user, package_id=package.pk) == draft
    assert (draft.reference, draft.version, draft.loans) == (f"{package.reference}v2", 2, 6)
    gone = Loan.objects.first()
    Loan.objects.filter(pk=gone.pk).update(status="deceased")
    one_loan(tape, 1004)
    one_loan(tape, 1005)
    shown = screen_package(user=seller_user, package_id=draft.pk).overview["difference"]
    sealed = seal_package(user=second_seller_user, package_id=draft.pk)
    assert sealed.overview["difference"] == shown, "who seals has seen what changes"
    package.refresh_from_db()
    assert package.state == PackageState.REPLACED
    assert not package.members.filter(is_live=True).exists()
    assert versions_of(package) == versions_of(sealed) == [sealed, package]
    found = sealed.overview["difference"]
    assert (found["out"]["loans"], found["taken_in"]["loans"]) == (1, 2)
    for name in ("loans", "claim_minor"):
        moved = found["taken_in"][name] - found["out"][name]
        moved += found["changed"][name] if name != "loans" else 0
        assert found["before"][name] + moved == found["after"][name] == getattr(sealed, name)
    assert types_about(package)[-1] == "package.replaced"
    with pytest.raises(Refused):
        new_version(user=seller_user, package_id=screened_package(seller_user, seed=3).pk)


def test_a_withdrawn_next_version_leaves_its_number_and_room_for_another(
    seller_user, second_seller_user
):
    package = sealed_package(seller_user, second_seller_user, count=6)
    first = new_version(user=seller_user, package_id=package.pk)
    withdraw_package(user=seller_user, package_id=first.pk, reason="Wrong criteria")
    second = new_version(user=seller_user, package_id=package.pk)
    assert (second.reference, second.version) == (f"{package.reference}v3", 3)
    assert new_version(user=seller_user, package_id=package.pk) == second
    with pytest.raises(IntegrityError, match="previous"), transaction.atomic():
        Package.objects.filter(pk=first.pk).update(state=PackageState.DRAFT)
    screen_package(user=seller_user, package_id=second.pk)
    sealed = seal_package(user=second_seller_user, package_id=second.pk)
    assert [each.pk for each in versions_of(package)] == [sealed.pk, first.pk, package.pk]
    package.refresh_from_db()
    assert package.state == PackageState.REPLACED


def test_a_change_starts_the_screen_over_and_no_change_writes_nothing(seller_user, seller):
    package = screened_package(seller_user, 10)
    wanted = {
        "title": package.title,
        "cut_off_date": package.cut_off_date,
        "criteria": package.criteria,
        "transfer_basis": package.transfer_basis,
    }
    same = revise_package(user=seller_user, package_id=package.pk, **wanted)
    assert same.state == PackageState.SCREENED
    where = {"field": "claim", "op": "at_least", "value": 10**15}
    wanted["criteria"] = package.criteria | {"where": where}
    changed = revise_package(user=seller_user, package_id=package.pk, **wanted)
    assert (changed.state, changed.loans, changed.overview) == (PackageState.DRAFT, 0, {})
    assert types_about(package)[-1] == "package.revised"


def test_the_approver_returns_with_a_reason(seller_user, second_seller_user):
    package = screened_package(seller_user, 4)
    returned = return_package(user=second_seller_user, package_id=package.pk, reason="Too old")
    assert (returned.state, returned.screen_results) == (PackageState.DRAFT, [])
    assert Entry.objects.about(package.pk).last().payload.body["reason"] == "Too old"
    with pytest.raises(Refused):
        return_package(user=second_seller_user, package_id=package.pk, reason="Again")


def test_readers_see_a_sealed_package_while_granted(
    seller_user, second_seller_user, buyer, buyer_user, stranger, operator
):
    package = sealed_package(seller_user, second_seller_user, count=3)

    def sees(user):
        return Package.objects.visible_to(user).filter(pk=package.pk).exists()

    assert (sees(buyer_user), sees(stranger), sees(operator)) == (False, False, True)
    for _ in range(2):
        grant_reader(package=package, reader=buyer)
    assert sees(buyer_user)
    revoke_reader(package=package, reader=buyer)
    assert not sees(buyer_user)
    grant_reader(package=package, reader=buyer)
    assert sees(buyer_user)
    assert PackageReader.objects.count() == 1
    with pytest.raises(Refused):
        grant_reader(package=screened_package(seller_user, seed=2), reader=buyer)


def test_the_venue_does_not_see_what_is_not_sealed(seller_user, operator):
    package = screened_package(seller_user, 3)
    assert package not in Package.objects.visible_to(operator)
