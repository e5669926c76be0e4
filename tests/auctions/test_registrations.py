"""Who may bid: application, decision, label, deposit."""

from datetime import timedelta
from uuid import uuid4

import pytest

from npa_market.auctions.labels import next_label
from npa_market.auctions.models import Registration
from npa_market.auctions.services import (
    admit_registration,
    cancel_lot,
    confirm_deposit,
    refuse_registration,
    register_for_lot,
)
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.evidence.models import Entry
from npa_market.ledger.models import Hold
from npa_market.parties.models import Membership, QualificationState
from npa_market.parties.roles import Role
from tests.auctions.conftest import DEPOSIT, MORNING, OPENING, sign

pytestmark = pytest.mark.django_db


@pytest.fixture
def apply(announced, buyer, buyer_user):
    def act(organisation=buyer, user=buyer_user) -> Registration:
        return register_for_lot(user=user, lot_id=announced.lot.pk, buyer=organisation)

    return act


def code_of(act) -> str:
    with pytest.raises(Refused) as refusal:
        act()
    return refusal.value.code


class TestApplication:
    def test_an_application_and_again(self, apply, announced, buyer, buyer_user):
        sign(announced.room, buyer, buyer_user)
        first = apply()
        assert (first.state, first.label, first.applied_at) == ("applied_for", "", MORNING)
        assert apply().pk == first.pk
        assert [entry.type for entry in Entry.objects.about(first.pk)] == ["registration.applied"]

    def test_nda_first(self, apply, announced, buyer, buyer_user):
        assert code_of(apply) == "nda_missing"
        admission = sign(announced.room, buyer, buyer_user)
        admission.revoked_at, admission.revoked_by = MORNING, announced.operator
        admission.revoke_reason = "Passed files on"
        admission.save()
        assert code_of(apply) == "nda_missing"

    @pytest.mark.parametrize("before_end", [timedelta(microseconds=1), timedelta(0)])
    def test_registration_ends_exactly(
        self, apply, announced, buyer, buyer_user, clock, before_end
    ):
        sign(announced.room, buyer, buyer_user)
        clock.now = announced.lot.registration_ends_at - before_end
        if before_end:
            assert apply().state == "applied_for"
        else:
            assert code_of(apply) == "registration_closed"

    def test_a_cancelled_lot_takes_nobody(self, apply, announced):
        cancel_lot(user=announced.operator, lot_id=announced.lot.pk, reason="Data error")
        assert code_of(apply) == "registration_closed"

    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            (QualificationState.APPLIED, "not_qualified"),
            (QualificationState.REFUSED, "not_qualified"),
            (QualificationState.SUSPENDED, "suspended"),
        ],
    )
    def test_A15_only_the_qualified_apply(self, apply, buyer, state, expected):
        buyer.qualification = state
        buyer.save()
        assert code_of(apply) == expected

    def test_A15_nobody_related_to_the_seller(self, apply, buyer, seller_user):
        Membership.objects.create(user=seller_user, organisation=buyer, role=Role.BUYER_FINANCE)
        assert code_of(apply) == "related_to_seller"

    def test_only_a_signatory_applies(self, apply, buyer, make_user, other_buyer_user):
        analyst = make_user("analyst@example.com", buyer, Role.BUYER_ANALYST)
        for user in (analyst, other_buyer_user):
            with pytest.raises(NotPermitted):
                apply(buyer, user)


class TestDecision:
    @pytest.fixture
    def registration(self, apply, announced, buyer, buyer_user) -> Registration:
        sign(announced.room, buyer, buyer_user)
        return apply()

    def test_admitted_under_a_label(self, registration, operator):
        admitted = admit_registration(user=operator, registration_id=registration.pk)
        assert (admitted.state, admitted.decided_by) == ("admitted", operator)
        assert admitted.label.startswith("Bidder ")
        again = admit_registration(user=operator, registration_id=registration.pk)
        assert again.label == admitted.label
        last = Entry.objects.about(registration.pk).last()
        assert (last.type, last.prev_state) == ("registration.admitted", "applied_for")
        assert admitted.label not in str(last.payload.body), "the log links no name to a label"

    def test_refused_with_a_reason(self, registration, operator):
        for reason in ("", " ", "x" * 501):
            with pytest.raises(InvalidInput) as refusal:
                refuse_registration(user=operator, registration_id=registration.pk, reason=reason)
            assert refusal.value.field == "reason"
        refused = refuse_registration(
            user=operator, registration_id=registration.pk, reason="Papers incomplete"
        )
        assert (refused.state, refused.reason, refused.label) == (
            "refused",
            "Papers incomplete",
            "",
        )

    def test_a_decision_stands(self, registration, operator):
        admit_registration(user=operator, registration_id=registration.pk)
        act = {"user": operator, "registration_id": registration.pk}
        assert code_of(lambda: refuse_registration(**act, reason="x")) == "already_decided"

    def test_only_the_operator_decides(self, registration, buyer_user, seller_user):
        for user in (buyer_user, seller_user):
            with pytest.raises(NotPermitted):
                admit_registration(user=user, registration_id=registration.pk)
            with pytest.raises(NotPermitted):
                refuse_registration(user=user, registration_id=registration.pk, reason="x")

    def test_qualification_is_looked_at_again(self, registration, operator, buyer):
        buyer.qualification = QualificationState.SUSPENDED
        buyer.save()
        act = {"user": operator, "registration_id": registration.pk}
        assert code_of(lambda: admit_registration(**act)) == "not_qualified"

    def test_nothing_is_decided_on_an_ended_lot(self, registration, announced, operator):
        cancel_lot(user=operator, lot_id=announced.lot.pk, reason="Data error")
        act = {"user": operator, "registration_id": registration.pk}
        assert code_of(lambda: admit_registration(**act)) == "lot_over"

    def test_an_unknown_registration(self, announced, operator):
        act = {"user": operator, "registration_id": uuid4()}
        assert code_of(lambda: admit_registration(**act)) == "unknown_registration"

    def test_who_sees_a_registration(
        self, registration, buyer_user, other_buyer_user, seller_user, operator, stranger
    ):
        """The seller does not learn who applied (A20)."""
        sees = {
            user.email: Registration.objects.visible_to(user).exists()
            for user in (buyer_user, operator, other_buyer_user, seller_user, stranger)
        }
        assert list(sees.values()) == [True, True, False, False, False]


class TestDeposit:
    @pytest.fixture
    def registration(self, announced, buyer, buyer_user) -> Registration:
        return announced.admit(buyer, buyer_user, with_deposit=False)

    def confirm(self, user, registration, line="BANK-1"):
        return confirm_deposit(user=user, registration_id=registration.pk, bank_reference=line)

    def test_held_in_full_once(self, registration, operator, buyer):
        hold = self.confirm(operator, registration)
        assert (hold.buyer, hold.amount_minor, hold.currency, hold.state) == (
            buyer,
            DEPOSIT,
            "CNY",
            "held",
        )
        assert self.confirm(operator, registration).pk == hold.pk
        assert Hold.objects.count() == 1

    def test_a_bank_line_is_named(self, registration, operator):
        for line in ("", "  ", "x" * 81):
            with pytest.raises(InvalidInput) as refusal:
                self.confirm(operator, registration, line)
            assert refusal.value.field == "bank_reference"

    def test_only_venue_finance(self, registration, venue, make_user, buyer_user, seller_user):
        clerk = make_user("clerk@example.com", venue, Role.OPERATOR)
        for user in (clerk, buyer_user, seller_user):
            with pytest.raises(NotPermitted):
                self.confirm(user, registration)

    def test_not_for_a_refused_applicant(self, announced, other_buyer, other_buyer_user, operator):
        sign(announced.room, other_buyer, other_buyer_user)
        applied = register_for_lot(
            user=other_buyer_user, lot_id=announced.lot.pk, buyer=other_buyer
        )
        refuse_registration(user=operator, registration_id=applied.pk, reason="x")
        assert code_of(lambda: self.confirm(operator, applied)) == "registration_refused"

    def test_not_after_the_end(self, announced, registration, operator, clock):
        clock.now = OPENING
        cancel_lot(user=operator, lot_id=announced.lot.pk, reason="Data error")
        assert code_of(lambda: self.confirm(operator, registration)) == "lot_over"


class TestLabels:
    def test_A20_labels_differ_within_a_lot(self):
        taken: set[str] = set()
        for _ in range(200):
            label = next_label(taken)
            assert label not in taken
            taken.add(label)

    def test_A20_the_first_admitted_is_not_always_the_same_letter(self):
        assert len({next_label(set()) for _ in range(200)}) > 10

    def test_A20_every_letter_can_be_drawn_and_more_bidders_get_more(self):
        pool: list[str] = []

        def first(free):
            pool[:] = free
            return free[0]

        assert (next_label(set(), first), len(pool)) == ("Bidder A", 26)
        taken = {f"Bidder {chr(65 + i)}" for i in range(26)}
        assert (next_label(taken, first), len(pool)) == ("Bidder AA", 28)
