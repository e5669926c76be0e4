"""The venue decides on papers: which decision may follow which, and what each must say."""

from datetime import date, timedelta

import pytest

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.evidence.models import Entry, Payload
from npa_market.parties.models import Organisation
from npa_market.parties.models import QualificationState as State
from npa_market.parties.qualification import Decision, check_decision
from npa_market.parties.roles import Role
from npa_market.parties.services import decide_qualification

TODAY = date(2026, 3, 1)
TOMORROW = TODAY + timedelta(days=1)
REASON = "Licence ends in May."


@pytest.mark.parametrize(
    ("before", "decision", "code"),
    [
        (State.APPLIED, Decision(State.QUALIFIED, until=TOMORROW), None),
        (State.APPLIED, Decision(State.QUALIFIED, until=TODAY), "until_not_in_future"),
        (State.APPLIED, Decision(State.QUALIFIED), "until_not_in_future"),
        (State.APPLIED, Decision(State.REFUSED, REASON), None),
        (State.APPLIED, Decision(State.REFUSED, "  "), "reason_missing"),
        (State.APPLIED, Decision(State.SUSPENDED, REASON), "decision_out_of_order"),
        (State.QUALIFIED, Decision(State.QUALIFIED, until=TOMORROW), None),
        (State.QUALIFIED, Decision(State.SUSPENDED, REASON), None),
        (State.QUALIFIED, Decision(State.REFUSED, REASON), "decision_out_of_order"),
        (State.SUSPENDED, Decision(State.QUALIFIED, until=TOMORROW), None),
        (State.SUSPENDED, Decision(State.REFUSED, REASON), None),
        (State.REFUSED, Decision(State.QUALIFIED, until=TOMORROW), None),
        (State.REFUSED, Decision(State.SUSPENDED, REASON), "decision_out_of_order"),
        (State.SUSPENDED, Decision(State.APPLIED, REASON), "decision_out_of_order"),
    ],
)
def test_decisions_follow_one_another_in_order(before, decision, code):
    if code is None:
        check_decision(before, decision, TODAY)
        return
    with pytest.raises(Refused) as refusal:
        check_decision(before, decision, TODAY)
    assert refusal.value.code == code


@pytest.fixture
def in_a_year() -> date:
    return database_now().date() + timedelta(days=365)


@pytest.mark.django_db
def test_a_decision_is_kept_with_its_evidence(unqualified_buyer, operator, in_a_year):
    decided = decide_qualification(
        user=operator,
        organisation_id=unqualified_buyer.pk,
        state=State.QUALIFIED,
        until=in_a_year,
    )
    assert (decided.qualification, decided.qualified_until) == (State.QUALIFIED, in_a_year)
    entry = Entry.objects.about(unqualified_buyer.pk).get()
    assert (entry.type, entry.prev_state) == ("institution.qualified", "applied_for")
    assert Payload.objects.get(entry=entry).body == {"reason": "", "until": in_a_year.isoformat()}


@pytest.mark.django_db
def test_the_same_decision_again_changes_nothing(buyer, operator):
    order = {"user": operator, "organisation_id": buyer.pk, "state": State.SUSPENDED}
    decide_qualification(**order, reason=REASON)
    decide_qualification(**order, reason=f" {REASON} ")
    assert Entry.objects.about(buyer.pk).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.COMPLIANCE, Role.VENUE_FINANCE, Role.AUDITOR])
def test_only_the_operator_decides(unqualified_buyer, venue, make_user, in_a_year, role):
    colleague = make_user("colleague@example.com", venue, role)
    with pytest.raises(NotPermitted):
        decide_qualification(
            user=colleague,
            organisation_id=unqualified_buyer.pk,
            state=State.QUALIFIED,
            until=in_a_year,
        )
    assert Organisation.objects.get(pk=unqualified_buyer.pk).qualification == State.APPLIED
    assert not Entry.objects.exists()


@pytest.mark.django_db
def test_an_institution_does_not_qualify_itself(unqualified_buyer, unqualified_user, in_a_year):
    with pytest.raises(NotPermitted):
        decide_qualification(
            user=unqualified_user,
            organisation_id=unqualified_buyer.pk,
            state=State.QUALIFIED,
            until=in_a_year,
        )


@pytest.mark.django_db
def test_the_page_shows_what_is_missing_beside_the_field(unqualified_buyer, operator, as_user):
    address = f"/organisations/{unqualified_buyer.pk}/qualification/"
    answer = as_user(operator).post(address, {"state": "refused", "reason": ""})
    assert answer.status_code == 422
    assert answer.context["decision"].errors["reason"] == [
        "Say why: the institution reads this reason."
    ]
    assert Organisation.objects.get(pk=unqualified_buyer.pk).qualification == State.APPLIED


@pytest.mark.django_db
def test_the_page_keeps_what_was_typed(unqualified_buyer, operator, as_user):
    address = f"/organisations/{unqualified_buyer.pk}/qualification/"
    answer = as_user(operator).post(
        address, {"state": "qualified", "until": "2020-01-01", "reason": "Sent by post"}
    )
    assert answer.status_code == 422
    assert "Sent by post" in answer.content.decode()
    assert 'value="2020-01-01"' in answer.content.decode()


@pytest.mark.django_db
def test_refused_institutions_read_the_reason(unqualified_buyer, operator, as_user):
    as_user(operator).post(
        f"/organisations/{unqualified_buyer.pk}/qualification/",
        {"state": "refused", "reason": REASON},
    )
    page = as_user(operator).get(f"/organisations/{unqualified_buyer.pk}/").content.decode()
    assert REASON in page
    assert "Institution refused" in page  # its history


@pytest.mark.django_db
def test_a_decision_that_cannot_be_read_is_refused(buyer, operator):
    with pytest.raises(ValueError):
        decide_qualification(user=operator, organisation_id=buyer.pk, state="perhaps")
    with pytest.raises(InvalidInput):
        decide_qualification(user=operator, organisation_id=buyer.pk, state=State.SUSPENDED)
