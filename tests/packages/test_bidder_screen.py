"""What others than the seller see of the screen: no figure of fewer than five borrowers."""

import json

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from npa_market.evidence.models import Payload
from npa_market.packages.bidder_screen import excluded_by_all, findings_for_others
from npa_market.packages.sealed import manifest_of
from npa_market.packages.services import grant_reader, screen_package, seal_package
from tests.builders import one_loan

FIGURES = ("hits", "borrowers", "excluded", "principal_minor", "claim_minor")


def finding(hits, borrowers, excluded, treatment="exclude"):
    figures = (hits, borrowers, excluded, 71_003 * hits, 90_659 * hits)
    return {
        "rule": "x",
        "title": "X",
        "treatment": treatment,
        **dict(zip(FIGURES, figures, strict=True)),
    }


def for_others(*results, borrowers=1_000):
    return findings_for_others(results, borrowers)


@pytest.mark.parametrize("treatment", ["exclude", "disclose"])
@pytest.mark.parametrize(("borrowers", "is_shown"), [(0, True), (1, False), (4, False), (5, True)])
def test_k5_a_finding_of_one_to_four_borrowers_stands_without_figures(
    borrowers, is_shown, treatment
):
    exact = finding(
        9 * borrowers, borrowers, 0 if treatment == "disclose" else 9 * borrowers, treatment
    )
    (shown,) = for_others(exact)
    assert (shown == exact) == is_shown
    if not is_shown:
        assert shown["reach"] == "few"
        assert [shown[name] for name in FIGURES] == [None] * 5


@pytest.mark.parametrize(("borrowers", "reach"), [(95, ""), (96, "most"), (99, "most"), (100, "")])
def test_k5_the_rest_of_the_package_is_no_small_cell_either(borrowers, reach):
    (shown,) = for_others(finding(borrowers, borrowers, 0, "disclose"), borrowers=100)
    assert shown.get("reach", "") == reach
    (out,) = for_others(finding(borrowers, borrowers, borrowers), borrowers=100)
    assert "reach" not in out, "who is taken out is no part of the package"


@pytest.mark.parametrize(
    ("hits", "borrowers", "excluded", "is_shown"),
    [
        (20, 20, 20, True),
        (20, 20, 0, True),
        (20, 20, 19, False),  # one was taken out before
        (20, 20, 15, True),
        (20, 20, 4, False),
        (90, 10, 81, False),  # nine loans may be of one borrower
        (200, 6, 99, False),
    ],
)
def test_k5_loans_of_an_earlier_rule_leave_no_small_part(hits, borrowers, excluded, is_shown):
    (shown,) = for_others(finding(hits, borrowers, excluded))
    assert shown["hits"] == hits
    assert shown["excluded"] == (excluded if is_shown else None)


def test_k5_no_sum_gives_away_what_is_left_out():
    exact = [finding(30, 30, 30), finding(3, 3, 3), finding(0, 0, 0)]
    assert excluded_by_all(exact) == 33
    assert excluded_by_all(for_others(*exact)) is None
    assert excluded_by_all(for_others(exact[0], exact[2])) == 30


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.booleans()),
        max_size=6,
    ),
    st.integers(0, 40),
)
def test_done_again_the_findings_stay_as_they_are(drawn, borrowers):
    results = [
        finding(max(hits, people), people if hits else 0, 0 if stays else min(hits, out),
                "disclose" if stays else "exclude")
        for hits, people, out, stays in drawn
    ]  # fmt: skip
    once = findings_for_others(results, borrowers)
    assert findings_for_others(once, borrowers) == once


def money(minor):
    return f"{minor // 100:,}.{minor % 100:02d}"


@pytest.fixture
def sealed(draft, tape, seller_user, second_seller_user):
    """Three bankrupt borrowers and six dead ones were taken out."""
    for number in range(3):
        one_loan(tape, 1_000 + number, status="bankrupt")
    for number in range(6):
        one_loan(tape, 2_000 + number, status="deceased")
    package = screen_package(user=seller_user, package_id=draft().pk)
    return seal_package(user=second_seller_user, package_id=package.pk)


def test_k5_buyers_and_the_venue_read_no_small_finding_and_the_seller_reads_all(
    sealed, seller_user, buyer, buyer_user, operator, as_user, api
):
    grant_reader(package=sealed, reader=buyer)
    exact = {result["rule"]: result for result in sealed.screen_results}
    assert (exact["bankrupt"]["borrowers"], exact["deceased"]["borrowers"]) == (3, 6)
    few, many = (money(exact[rule]["claim_minor"]) for rule in ("bankrupt", "deceased"))
    address = reverse("packages:detail", args=[sealed.pk])
    for person, is_exact in ((seller_user, True), (buyer_user, False), (operator, False)):
        page = as_user(person).get(address).content.decode()
        assert many in page
        assert (few in page, "fewer than 5</td>" in page) == (is_exact, not is_exact)
        told = api(person).get(f"/api/v1/packages/{sealed.pk}/").json()["screen_results"]
        result = next(each for each in told if each["rule"] == "bankrupt")
        assert result["claim_minor"] == (exact["bankrupt"]["claim_minor"] if is_exact else None)
        assert result.get("reach") == (None if is_exact else "few")


def test_k5_the_manifest_and_the_log_hold_no_small_finding(sealed):
    claim = next(each for each in sealed.screen_results if each["rule"] == "bankrupt")[
        "claim_minor"
    ]
    assert claim
    bodies = [payload.body for payload in Payload.objects.all()]
    assert any("screen" in body for body in bodies)
    assert str(claim) not in json.dumps([manifest_of(sealed)["screen"], *bodies])
