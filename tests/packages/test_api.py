"""The API of packages: the same services, problems by name."""

import hashlib
import json

import pytest

from npa_market.common.files import store_bytes
from npa_market.packages.exports import make_export
from npa_market.packages.models import Package, PackageState
from npa_market.packages.proofs import proofs_of
from npa_market.packages.schema import UNSALTED_VERSION
from npa_market.packages.sealed import manifest_of
from npa_market.packages.services import grant_reader
from tests.builders import loans_on_tape, screened_package, sealed_package

LIST = "/api/v1/packages/"


@pytest.fixture
def sealed(seller_user, second_seller_user):
    return sealed_package(seller_user, second_seller_user, count=9)


def address(package, act=""):
    return f"{LIST}{package.pk}/{act}"


def test_from_draft_to_proof(
    api, seller, seller_user, second_seller_user, django_capture_on_commit_callbacks
):
    loans_on_tape(seller, seller_user, 9)
    maker, checker = api(seller_user), api(second_seller_user)
    wanted = {
        "title": "East",
        "currency": "CNY",
        "cut_off_date": "2026-06-30",
        "criteria": {"where": {"field": "claim", "op": "at_least", "value": 1}},
        "transfer_basis": "Clause 9",
    }
    made = maker.post(LIST, wanted)
    assert (made.status_code, made.data["loans"]) == (201, 9)
    assert maker.post(LIST, wanted).data["id"] == made.data["id"]
    package = Package.objects.get()
    assert maker.post(address(package, "screen/")).data["state"] == "screened"
    with django_capture_on_commit_callbacks(execute=True):
        shown = checker.get(address(package)).data["seen_sha256"]
        assert checker.post(address(package, "seal/")).status_code == 422
        changed = checker.post(address(package, "seal/"), {"seen": "0" * 64})
        assert (changed.status_code, changed.data["code"]) == (409, "package_changed")
        answer = checker.post(address(package, "seal/"), {"seen": shown})
    assert answer.status_code == 202
    sealed = maker.get(address(package)).data
    assert (sealed["state"], len(sealed["content_sha256"])) == ("sealed", 64)
    tables = maker.get(address(package, "stratifications/")).data
    assert len(tables) == 21
    assert {table["total"]["claim_minor"] for table in tables} == {sealed["claim_minor"]}
    token = package.members.get(position=3).token
    proof = maker.get(address(package, "proof/"), {"token": token}).data
    assert (proof["index"], proof["root"]) == (3, sealed["merkle_root"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"criteria": {"where": {"field": "x"}}}, "criteria_wrong"),
        ({"currency": "USD"}, "no_tape"),
        ({"title": ""}, "invalid"),
        ({"criteria": []}, "invalid"),
    ],
)
def test_wrong_drafts_are_problems_by_name(api, seller, seller_user, changes, code):
    loans_on_tape(seller, seller_user, 2)
    wanted = {"title": "East", "currency": "CNY", "cut_off_date": "2026-06-30", **changes}
    answer = api(seller_user).post(LIST, wanted)
    assert (answer.status_code, answer.data["code"]) == (422, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_four_eyes_is_a_conflict(api, seller_user):
    package = screened_package(seller_user, 3)
    shown = api(seller_user).get(address(package)).data["seen_sha256"]
    answer = api(seller_user).post(address(package, "seal/"), {"seen": shown})
    assert (answer.status_code, answer.data["code"]) == (409, "four_eyes")


def test_strangers_find_nothing_and_readers_no_criteria(
    api, sealed, stranger, buyer, buyer_user, seller_user
):
    assert api(stranger).get(address(sealed)).status_code == 404
    assert api(stranger).get(address(sealed, "proof/")).status_code == 404
    assert api(stranger).get(LIST).data["results"] == []
    grant_reader(package=sealed, reader=buyer)
    shown = api(buyer_user).get(address(sealed)).data
    assert (shown["criteria"], shown["sentence"]) == (None, "All loans of the chosen tapes.")
    assert api(seller_user).get(address(sealed)).data["criteria"] == sealed.criteria
    assert api(buyer_user).post(address(sealed, "withdraw/"), {"reason": "x"}).status_code == 403


def test_returning_withdrawing_and_versions(api, sealed, seller_user, second_seller_user):
    maker, checker = api(seller_user), api(second_seller_user)
    screened = screened_package(seller_user, 3, seed=2)
    returned = checker.post(address(screened, "return/"), {"reason": "Dates"})
    assert returned.data["state"] == "draft"
    begun = maker.post(address(sealed, "version/"))
    assert (begun.status_code, str(begun.data["previous"])) == (201, str(sealed.pk))
    ended = checker.post(address(sealed, "withdraw/"), {"reason": "Kept"})
    assert ended.data["state"] == PackageState.WITHDRAWN


def test_a_bidder_proves_a_loan_where_the_leaf_tells_nothing_of_the_row(
    api, sealed, buyer, buyer_user
):
    """Without salts its tape's missing values could be guessed from the hash."""
    grant_reader(package=sealed, reader=buyer)
    asked = address(sealed, "proof/"), {"token": sealed.members.first().token}
    answer = api(buyer_user).get(*asked)
    assert answer.status_code == 200, answer.data
    assert answer.data["root"] == sealed.merkle_root
    manifest = manifest_of(sealed) | {"schema": UNSALTED_VERSION}
    Package.objects.update(manifest_file=store_bytes(json.dumps(manifest).encode()))
    assert api(buyer_user).get(*asked).status_code == 403
    assert api(sealed.sealed_by).get(*asked).status_code == 200
    assert proofs_of(Package.objects.get(), []) is None


@pytest.mark.parametrize(
    "where",
    [[], "", 0, False, {"field": "product", "op": "in", "value": ["\0"]}],
)
def test_what_is_no_filter_is_refused_and_not_taken_for_all_loans(api, seller, seller_user, where):
    loans_on_tape(seller, seller_user, 2)
    wanted = {"title": "East", "currency": "CNY", "cut_off_date": "2026-06-30"}
    body = json.dumps(wanted | {"criteria": {"where": where}})
    answer = api(seller_user).post(LIST, body, content_type="application/json")
    assert (answer.status_code, answer.data["code"]) == (422, "criteria_wrong")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"criteria": {"disclose": ["sold"]}}, "rule_not_disclosable"),
        ({"criteria": {"disclose": ["?"]}}, "rule_not_disclosable"),
        ({"cut_off_date": "0001-01-01"}, "cut_off_too_early"),
    ],
)
@pytest.mark.parametrize("door", ["package-picks/", "package-picks/try/", "package-splits/try/"])
def test_what_no_pool_can_be_is_told(api, seller, seller_user, door, changes, code):
    loans_on_tape(seller, seller_user, 2)
    wanted = {**PICK, "title": "East", "parts": 2, **changes}
    answer = api(seller_user).post(f"/api/v1/{door}", wanted, format="json")
    assert (answer.status_code, answer.data["code"]) == (422, code)


def test_criteria_that_disclose_what_must_be_excluded_are_not_saved(api, seller_user):
    asked = {"name": "x", "currency": "CNY", "document": {"disclose": ["sold"]}}
    answer = api(seller_user).post("/api/v1/saved-criteria/", asked, format="json")
    assert (answer.status_code, answer.data["code"]) == (422, "rule_not_disclosable")


def test_a_proof_needs_a_token_of_the_package(api, sealed, seller_user):
    answer = api(seller_user).get(address(sealed, "proof/"))
    assert (answer.status_code, answer.data["code"]) == (409, "loan_not_in_package")


PICK = {
    "currency": "CNY",
    "cut_off_date": "2026-06-30",
    "measure": "loans",
    "amount": 10,
    "maximise": "claim",
    "limits": [{"dimension": "province", "share": 0.9}],
    "keeps_borrowers_whole": False,
}
V1 = "/api/v1/"


def test_criteria_are_kept_read_and_deleted(api, seller, seller_user, stranger):
    loans_on_tape(seller, seller_user, 2)
    maker = api(seller_user)
    wanted = {
        "name": "Large",
        "currency": "CNY",
        "document": {"where": {"field": "claim", "op": "at_least", "value": 100}},
    }
    made = maker.post(f"{V1}saved-criteria/", wanted, format="json")
    assert made.status_code == 201, made.data
    place = f"{V1}saved-criteria/{made.data['id']}/"
    assert "claim" in maker.get(place).data["sentence"].lower()
    assert api(stranger).get(place).status_code == 404
    assert api(stranger).delete(place).status_code == 404
    assert maker.delete(place).status_code == 204
    assert maker.get(place).status_code == 404


def test_a_pick_is_tried_and_kept(api, seller, seller_user):
    loans_on_tape(seller, seller_user, 60)
    maker = api(seller_user)
    tried = maker.post(f"{V1}package-picks/try/", PICK, format="json")
    assert (tried.status_code, tried.data["conflict"]) == (200, ""), tried.data
    assert not Package.objects.exists()
    made = maker.post(f"{V1}package-picks/", PICK | {"title": "Ten"}, format="json")
    assert made.status_code == 201, made.data
    assert made.data["loans"] == tried.data["outcome"]["loans"] <= 10
    wrong = maker.post(f"{V1}package-picks/try/", PICK | {"measure": "weight"}, format="json")
    assert (wrong.status_code, wrong.data["code"]) == (422, "invalid")


def test_a_split_is_tried_and_kept(api, seller, seller_user):
    loans_on_tape(seller, seller_user, 40)
    maker = api(seller_user)
    asked = {"currency": "CNY", "cut_off_date": "2026-06-30", "parts": 2}
    tried = maker.post(f"{V1}package-splits/try/", asked, format="json")
    assert sum(row["loans"] for row in tried.data["rows"]) == 40
    made = maker.post(f"{V1}package-splits/", asked | {"title": "Half"}, format="json")
    assert made.status_code == 201, made.data
    assert [each["loans"] for each in made.data] == [row["loans"] for row in tried.data["rows"]]


def test_an_export_is_asked_for_and_fetched(
    api, sealed, seller_user, stranger, django_capture_on_commit_callbacks
):
    maker, asked = api(seller_user), {"package": str(sealed.pk), "form": "parquet"}
    assert api(stranger).post(f"{V1}package-exports/", asked).status_code == 404
    with django_capture_on_commit_callbacks():
        waiting = maker.post(f"{V1}package-exports/", asked)
    assert waiting.status_code == 202, waiting.data
    place = f"{V1}package-exports/{waiting.data['id']}/"
    answer = maker.get(f"{place}file/")
    assert (answer.status_code, answer.data["code"]) == (409, "export_not_made")
    make_export(export_id=waiting.data["id"], progress=lambda done, total: None)
    content = b"".join(maker.get(f"{place}file/").streaming_content)
    assert hashlib.sha256(content).hexdigest() == sealed.content_sha256
    assert api(stranger).get(place).status_code == 404
