"""The same inputs give the stored run; a run is asked for by few and computed once."""

import hashlib

import numpy as np
import pytest

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.files import read_stored
from npa_market.common.models import Job, JobState
from npa_market.diligence.models import AccessRecord
from npa_market.diligence.services import close_room, revoke_admission
from npa_market.evidence.models import Entry, Payload
from npa_market.packages.sealed import bidder_frame
from npa_market.packages.services import withdraw_package
from npa_market.parties.models import Membership
from npa_market.parties.roles import Role
from npa_market.valuation import door
from npa_market.valuation.models import Valuation, ValuationState
from npa_market.valuation.queries import allocation_of, priced_of, result_of
from npa_market.valuation.services import request_valuation, run_valuation
from npa_market.valuation.tape import read_tape
from tests.builders import screened_package, sealed_package
from tests.valuation.conftest import QUICK


def test_a_run_is_done_with_figures_in_minor_units(sellers_run, package):
    assert sellers_run.state == ValuationState.DONE
    quantiles = [getattr(sellers_run, f"{name}_minor") for name in door.QUANTILES]
    assert quantiles == sorted(quantiles)
    assert 0 < quantiles[0] < sellers_run.price_minor < quantiles[-1] < package.claim_minor
    assert sellers_run.job.state == JobState.DONE
    assert sellers_run.job.done == sellers_run.job.total == 1


def test_the_same_inputs_give_one_row_one_job_and_the_same_bytes(
    sellers_run, ask, seller_user, seller, package
):
    again = ask(seller_user, seller, package)
    assert again.pk == sellers_run.pk
    assert Job.objects.filter(kind="valuation").count() == 1
    before = (sellers_run.result_file_id, sellers_run.allocation_file_id)
    Valuation.objects.filter(pk=again.pk).update(state=ValuationState.QUEUED)
    recomputed = run_valuation(valuation_id=again.pk)
    assert (recomputed.result_file_id, recomputed.allocation_file_id) == before


@pytest.mark.parametrize(
    "change", [{"seed": 8}, {"buyer_irr": 0.21}, {"horizon_months": 25}, {"channel": "in_house"}]
)
def test_a_changed_input_is_another_run(sellers_run, change, ask, seller_user, seller, package):
    other = ask(seller_user, seller, package, **change)
    assert other.pk != sellers_run.pk
    assert other.inputs_sha256 != sellers_run.inputs_sha256
    assert other.result_file_id != sellers_run.result_file_id


def test_two_buyers_find_the_same_bytes_in_runs_of_their_own_and_the_seller_others(
    sellers_run, ask, read_by, buyer_user, buyer, other_buyer_user, other_buyer, package
):
    own = []
    for person, institution in ((buyer_user, buyer), (other_buyer_user, other_buyer)):
        read_by(package, institution)
        own.append(ask(person, institution, package))
    assert own[0].pk != own[1].pk
    assert own[0].inputs_sha256 == own[1].inputs_sha256 != sellers_run.inputs_sha256
    assert own[0].result_file_id == own[1].result_file_id
    assert (own[0].tape, sellers_run.tape) == ("bidder", "sealed")


def test_a_buyers_run_reads_what_the_bidder_tape_shows(ask, read_by, buyer_user, buyer, package):
    read_by(package, buyer)
    used = priced_of(ask(buyer_user, buyer, package)).result.provenance.loans_hash
    shown, sealed = bidder_frame(package)[door.COLUMNS], read_tape(package, "sealed")
    assert not shown.equals(sealed)  # small groups have lost their province
    assert used == door.loans_of(shown, "agency", "CNY")[0].content_hash
    assert used != door.loans_of(sealed, "agency", "CNY")[0].content_hash


def test_the_allocation_names_every_loan_and_adds_up_to_the_price(sellers_run, package):
    values = allocation_of(sellers_run)
    tokens = set(package.members.values_list("token", flat=True))
    assert set(values) == tokens
    assert min(values.values()) >= 0
    total = sum(values.values())
    assert door.to_minor(total, "CNY") == sellers_run.price_minor
    assert np.array_equal(result_of(sellers_run).allocation, list(values.values()))


def test_the_result_file_holds_the_figures_that_the_columns_show(sellers_run):
    result = priced_of(sellers_run).result
    assert door.headline_minor(result) == {
        name: getattr(sellers_run, name) for name in door.headline_minor(result)
    }
    content = read_stored(sellers_run.result_file_id)
    assert hashlib.sha256(content).hexdigest() == sellers_run.result_file_id
    assert (
        result.provenance.terms_hash
        == door.inputs_document("", "sealed", _inputs())["terms_sha256"]
    )


def _inputs():
    return door.inputs_of(calibration_name="", currency="CNY", terms=QUICK)


def test_a_package_in_dollars_takes_the_reference_of_its_currency(
    ask, seller_user, second_seller_user, seller
):
    package = sealed_package(seller_user, second_seller_user, count=20, currency="USD")
    valuation = ask(seller_user, seller, package)
    assert valuation.calibration_name == "us-consumer-reference"
    assert valuation.currency == "USD"
    assert valuation.is_reference_calibration


def test_a_calibration_of_another_currency_is_refused_by_name(seller_user, seller, package):
    with pytest.raises(InvalidInput) as refusal:
        request_valuation(
            user=seller_user,
            organisation=seller,
            package_id=package.pk,
            calibration_name="us-consumer-reference",
            terms=QUICK,
        )
    assert refusal.value.field == "calibration_name"
    assert "CNY" in refusal.value.message


FREE_MONEY = {"up_to": 1e9, "rate": -1, "constant": 0}


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"buyer_irr": -1}, "buyer_irr"),
        ({"buyer_irr": float("nan")}, "buyer_irr"),
        ({"horizon_months": 0}, "horizon_months"),
        ({"horizon_months": 241}, "horizon_months"),
        ({"paths": 1000}, "paths"),
        ({"paths": 128}, "paths"),
        ({"paths": 32_768}, "paths"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"quantiles": [0.1]}, "quantiles"),
        ({"channel": "pigeon"}, "channel"),
        ({"costs": [{"name": "agency", "fee_share": 1.2}]}, "fee_share"),
        ({"costs": [{"name": "agency", "fee_share": 0.2, "work_cost": -1}]}, "work_cost"),
        ({"costs": ["agency"]}, "costs"),
        ({"costs": 5}, "costs"),
        ({"costs": [{"name": "Agency", "fee_share": 0.5}]}, "costs"),
        ({"costs": [{"name": "agency", "fee_share": 0.2, "court_fee": [FREE_MONEY]}]}, "court_fee"),
        ({"buyer_irr": 10**400}, "terms"),
        ({"buyer_irr": "high"}, "terms"),
        ({"discount": 0.1}, "discount"),
    ],
)
def test_bad_terms_name_their_field_and_leave_nothing(terms, field, seller_user, seller, package):
    with pytest.raises(InvalidInput) as refusal:
        request_valuation(
            user=seller_user, organisation=seller, package_id=package.pk, terms={**QUICK, **terms}
        )
    assert refusal.value.field == field
    assert not Valuation.objects.exists()
    assert not Job.objects.exists()


def test_limits_of_terms_from_the_inside(ask, seller_user, seller, package):
    edge = {"horizon_months": 1, "paths": 256, "seed": 0, "buyer_irr": -0.5}
    assert ask(seller_user, seller, package, **edge).state == ValuationState.DONE


def test_a_package_that_is_not_sealed_is_refused(seller_user, seller):
    draft = screened_package(seller_user, count=5)
    with pytest.raises(Refused) as refusal:
        request_valuation(user=seller_user, organisation=seller, package_id=draft.pk, terms=QUICK)
    assert refusal.value.code == "package_not_sealed"


def test_a_withdrawn_package_is_refused(seller_user, seller, package):
    withdraw_package(user=seller_user, package_id=package.pk, reason="terms changed")
    with pytest.raises(Refused) as refusal:
        request_valuation(user=seller_user, organisation=seller, package_id=package.pk, terms=QUICK)
    assert refusal.value.code == "package_not_sealed"


def test_a_package_one_may_not_see_does_not_exist(stranger, stranger_seller, package):
    with pytest.raises(InvalidInput) as refusal:
        request_valuation(
            user=stranger, organisation=stranger_seller, package_id=package.pk, terms=QUICK
        )
    assert refusal.value.code == "package_unknown"


def test_a_buyer_without_admission_or_after_its_end_may_not_run(
    buyer_user, buyer, package, read_by, second_seller_user
):
    def attempt():
        return request_valuation(
            user=buyer_user, organisation=buyer, package_id=package.pk, terms=QUICK
        )

    with pytest.raises(InvalidInput):
        attempt()
    admission = read_by(package, buyer)
    assert attempt().organisation == buyer
    revoke_admission(user=second_seller_user, admission_id=admission.pk, reason="papers lapsed")
    with pytest.raises(InvalidInput):
        attempt()


def test_the_venue_sees_the_package_and_may_not_run(operator, venue, package):
    with pytest.raises(NotPermitted):
        request_valuation(user=operator, organisation=venue, package_id=package.pk, terms=QUICK)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.VALUER, True),
        (Role.SELLER_ANALYST, True),
        (Role.SELLER_APPROVER, False),
        (Role.SELLER_FINANCE, False),
    ],
)
def test_roles_of_the_seller(role, allowed, make_user, seller, package):
    person = make_user("one@example.com", seller, role)
    arguments = {"user": person, "organisation": seller, "package_id": package.pk, "terms": QUICK}
    if allowed:
        assert request_valuation(**arguments).created_by == person
    else:
        with pytest.raises(NotPermitted):
            request_valuation(**arguments)


def test_nobody_runs_in_the_name_of_an_institution_they_do_not_work_for(
    seller_user, buyer, package, read_by
):
    read_by(package, buyer)
    with pytest.raises(NotPermitted):
        request_valuation(user=seller_user, organisation=buyer, package_id=package.pk, terms=QUICK)


def test_evidence_has_hashes_and_seed_and_no_amount(sellers_run):
    entries = list(Entry.objects.about(sellers_run.pk))
    assert [entry.type for entry in entries] == ["valuation.requested", "valuation.done"]
    done = Payload.objects.get(entry=entries[1]).body
    assert done["inputs_sha256"] == sellers_run.inputs_sha256
    assert done["result_sha256"] == sellers_run.result_file_id
    assert done["seed"] == QUICK["seed"]
    for payload in Payload.objects.filter(entry__in=entries):
        assert not [name for name in payload.body if name.endswith("_minor")]


def test_the_reserve_is_in_the_sellers_runs_alone(
    sellers_run, ask, read_by, buyer_user, buyer, package
):
    assert sellers_run.reserve_minor > sellers_run.price_minor  # 10 % against 20 % a year
    read_by(package, buyer)
    assert ask(buyer_user, buyer, package).reserve_minor is None


def test_a_changed_file_fails_in_words_and_can_be_run_again(
    ask, seller_user, seller, package, settings
):
    sha256 = package.content_sha256
    path = settings.MEDIA_ROOT / "sha256" / sha256[:2] / sha256
    kept = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(kept[:-1] + b"x")
    failed = ask(seller_user, seller, package)
    assert failed.state == ValuationState.FAILED
    assert "does not match its hash" in failed.failure
    assert failed.job.state == JobState.FAILED
    assert failed.price_minor is None
    assert failed.result_file_id is None
    with pytest.raises(Refused, match="not finished"):
        result_of(failed)

    path.write_bytes(kept)
    mended = ask(seller_user, seller, package)
    assert mended.pk == failed.pk
    assert mended.state == ValuationState.DONE
    assert mended.failure == ""
    types = [entry.type for entry in Entry.objects.about(mended.pk)]
    assert types == [
        "valuation.requested",
        "valuation.failed",
        "valuation.requested",
        "valuation.done",
    ]


def test_a_run_whose_job_was_lost_is_put_to_work_again(ask, seller_user, seller, package):
    stalled = request_valuation(
        user=seller_user, organisation=seller, package_id=package.pk, terms=QUICK
    )
    Job.objects.filter(pk=stalled.job_id).update(state=JobState.FAILED)
    assert ask(seller_user, seller, package).state == ValuationState.DONE
    assert Job.objects.filter(kind="valuation").count() == 2


def test_a_run_under_way_is_not_queued_twice(seller_user, seller, package):
    arguments = {
        "user": seller_user,
        "organisation": seller,
        "package_id": package.pk,
        "terms": QUICK,
    }
    first = request_valuation(**arguments)
    assert request_valuation(**arguments).job_id == first.job_id
    assert Entry.objects.about(first.pk).count() == 1


def test_a_person_with_two_institutions_runs_for_the_one_that_may_read(
    seller_user, buyer, other_buyer, make_user, package, read_by
):
    person = make_user("two@example.com", buyer, Role.BUYER_ANALYST)
    Membership.objects.create(user=person, organisation=other_buyer, role=Role.BUYER_ANALYST)
    read_by(package, buyer)
    arguments = {"user": person, "package_id": package.pk, "terms": QUICK}
    with pytest.raises(NotPermitted):
        request_valuation(organisation=other_buyer, **arguments)
    assert request_valuation(organisation=buyer, **arguments).organisation == buyer


def test_a_closed_room_ends_new_runs_of_its_buyers(
    ask, read_by, buyer_user, buyer, package, second_seller_user
):
    admission = read_by(package, buyer)
    ask(buyer_user, buyer, package)
    close_room(user=second_seller_user, room_id=admission.room_id)
    with pytest.raises(InvalidInput, match="a closed data room") as refusal:
        ask(buyer_user, buyer, package, seed=8)
    assert refusal.value.code == "package_unknown"


def test_the_rooms_log_names_who_opened_the_tape_and_not_how_often(
    ask, read_by, buyer_user, buyer, package, make_user, sellers_run
):
    read_by(package, buyer)
    for seed in (1, 2, 3):
        ask(buyer_user, buyer, package, seed=seed)
    colleague = make_user("analyst@example.com", buyer, Role.BUYER_ANALYST)
    ask(colleague, buyer, package, seed=3)
    lines = AccessRecord.objects.filter(document="tape-valued").order_by("pk")
    assert [line.user for line in lines] == [buyer_user, colleague]
    assert {line.source_sha256 for line in lines} == {package.content_sha256}
    assert {line.organisation for line in lines} == {buyer}  # the seller's own leave no line


def test_a_buyers_run_leaves_no_entry_in_the_log_of_the_venue(
    ask, read_by, buyer_user, buyer, package
):
    read_by(package, buyer)
    before = Entry.objects.filter(object_type__startswith="valuation.").count()
    private = ask(buyer_user, buyer, package)
    assert private.state == ValuationState.DONE
    assert not Entry.objects.about(private.pk).exists()
    assert Entry.objects.filter(object_type__startswith="valuation.").count() == before
