"""The database path of a bid: outcome, events, lot, evidence, outbox in one transaction."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from npa_market.auctions.core import PlaceBid, fold
from npa_market.auctions.core import announced as announced_state
from npa_market.auctions.locking import UnknownLot
from npa_market.auctions.models import BidOutcome, Lot, LotEvent, LotState
from npa_market.auctions.queries import outcome_of
from npa_market.auctions.rows import event_of, state_of, terms_of
from npa_market.auctions.services import (
    advance_due_lots,
    advance_lot,
    announce_lot,
    cancel_lot,
    place_bid,
)
from npa_market.auctions.services.bidding import BidderRequest, decide_requests
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.models import OutboxMessage
from npa_market.evidence.models import Entry, Payload
from npa_market.packages.models import Package
from npa_market.parties.roles import Role
from tests.auctions.conftest import END, MORNING, OPENING, RESERVE, START, STEP, terms

pytestmark = pytest.mark.django_db
TICK = timedelta(microseconds=1)


def kinds(lot) -> list[tuple[int, str]]:
    return list(lot.events.order_by("seq").values_list("seq", "kind"))


def ended() -> list[dict]:
    return list(OutboxMessage.objects.filter(topic="lot.ended").values_list("body", flat=True))


def test_A1_A2_an_accepted_bid_stands_everywhere_at_once(market):
    outcome = market.bid(0, START)
    lot = market.advance()
    assert (outcome.refusal, outcome.event.seq, outcome.amount_minor) == ("", 2, START)
    assert kinds(lot) == [(1, "opened"), (2, "bid_accepted")]
    assert (lot.leader, lot.leading_minor, lot.bids, lot.last_seq) == (
        market.bidders[0][0],
        START,
        1,
        2,
    )
    entry = Entry.objects.about(lot.pk).last()
    assert (entry.type, entry.sealed_actor.user) == ("lot.bid_accepted", market.bidders[0][1])
    assert entry.payload.body["amount_minor"] == START
    assert entry.payload.body["bidder"] == lot.registrations.get(buyer=lot.leader).label


def test_A3_the_same_request_again_gets_its_first_outcome(market):
    request_id = uuid4()
    first = market.bid(0, START, request_id)
    market.bid(1, START + STEP)
    again = market.bid(0, START, request_id)
    assert again.pk == first.pk
    assert market.lot.events.filter(kind="bid_accepted").count() == 2
    assert outcome_of(buyer=market.bidders[0][0], request_id=request_id).pk == first.pk
    assert outcome_of(buyer=market.bidders[1][0], request_id=request_id) is None


def test_A3_a_refusal_is_kept_as_well_even_when_the_bid_would_pass_later(market, clock):
    request_id = uuid4()
    clock.now = OPENING - TICK
    market.lot.state = LotState.ANNOUNCED
    Lot.objects.filter(pk=market.lot.pk).update(last_decided_at=None)
    refused = market.bid(0, START, request_id)
    clock.now = OPENING + TICK
    assert market.bid(0, START, request_id).pk == refused.pk
    assert refused.refusal == "not_open"


def test_A3_a_reused_request_number_is_refused_with_its_name(market):
    request_id = uuid4()
    market.bid(0, START, request_id)
    with pytest.raises(Refused) as refusal:
        market.bid(0, START + STEP, request_id)
    assert (refusal.value.code, refusal.value.status) == ("request_reused", 409)
    assert market.bid(1, START + STEP, request_id).refusal == "", "another bidder's own number"


def test_A3_a_resend_among_new_requests_keeps_their_one_transaction(market):
    """Each number is looked up before it is decided: the unique constraint is the last line."""

    def request(who, amount_minor, number):
        buyer, user = market.bidders[who]
        return BidderRequest(
            user=user,
            lot_id=market.lot.pk,
            buyer=buyer,
            request_id=number,
            payload={"lot": str(market.lot.pk), "amount_minor": str(amount_minor)},
            command=lambda bidder, standing: PlaceBid(bidder, amount_minor, standing),
            amount_minor=amount_minor,
        )

    known, new = uuid4(), uuid4()
    first = market.bid(0, START, known)
    asked = [request(0, START, known), *[request(1, START + STEP, new)] * 2]
    again, fresh, twin = decide_requests(market.lot.pk, asked)
    assert (again.pk, twin.pk, fresh.refusal) == (first.pk, fresh.pk, "")
    assert market.lot.events.filter(kind="bid_accepted").count() == 2


def test_A3_the_database_itself_refuses_a_second_outcome(market):
    first = market.bid(0, START - 1)
    copy = BidOutcome.objects.get(pk=first.pk)
    copy.pk = uuid4()
    with pytest.raises(IntegrityError), transaction.atomic():
        copy.save(force_insert=True)


@pytest.mark.parametrize(
    ("before_end", "refusal"), [(TICK, ""), (timedelta(0), "late"), (-TICK, "late")]
)
def test_A4_A5_the_end_is_exact(market, clock, before_end, refusal):
    clock.now = END - before_end
    assert market.bid(0, START).refusal == refusal


def test_A6_A7_a_bid_near_the_end_moves_it_and_a_refused_one_does_not(market, clock):
    clock.now = END - timedelta(minutes=1)
    assert market.bid(0, START - 1).refusal == "below_start"
    assert market.advance().ends_at == END
    market.bid(0, START)
    lot = market.advance()
    assert lot.ends_at == END + timedelta(minutes=4)
    assert kinds(lot) == [(1, "opened"), (2, "bid_accepted"), (3, "end_extended")]
    clock.now = END
    assert lot.first_end_at == END
    assert market.bid(1, START + STEP).refusal == "", "the end in force counts"


def test_A8_A9_amounts_against_the_lead(market):
    assert market.bid(0, START).refusal == ""
    assert market.bid(1, START).refusal == "below_step"
    below = market.bid(1, START + STEP - 1)
    assert below.refusal == "below_step"
    assert "¥1,920,000.00" in below.message
    assert market.bid(0, START + STEP).refusal == "", "a leader may raise"


def test_an_amount_beyond_the_columns_is_no_bid(market):
    for amount_minor in (2**62 + 1, -(2**62) - 1):
        with pytest.raises(InvalidInput):
            market.bid(0, amount_minor)
    assert market.bid(0, 2**62).refusal == "amount_too_large"
    assert market.bid(0, 0).refusal == "below_start"
    assert BidOutcome.objects.count() == 2


def test_an_unknown_lot_has_no_outcome(market):
    market.lot.pk = uuid4()
    with pytest.raises(UnknownLot) as refusal:
        market.bid(0, START)
    assert refusal.value.status == 404
    with pytest.raises(UnknownLot):
        advance_lot(lot_id=uuid4())


def test_bids_open_a_lot_that_no_sweeper_opened(announced, clock, buyer, buyer_user):
    announced.admit(buyer, buyer_user)
    clock.now = OPENING
    assert announced.bid(0, START).event.seq == 2
    assert kinds(announced.lot) == [(1, "opened"), (2, "bid_accepted")]


@pytest.mark.parametrize(
    ("best_minor", "result", "kind", "reason"),
    [
        (None, "unsold", "unsold", "no_bids"),
        (RESERVE - 1, "unsold", "unsold", "reserve_not_met"),
        (RESERVE, "sold", "sold", ""),
    ],
)
def test_A14_result_at_the_end(market, clock, best_minor, result, kind, reason):
    if best_minor:
        assert market.bid(0, best_minor).refusal == ""
    clock.now = END - TICK
    assert advance_due_lots() == 0
    clock.now = END
    assert advance_due_lots() == 1
    lot = market.advance()
    last = lot.events.last()
    assert (lot.state, last.kind, last.reason) == (result, kind, reason)
    assert ended() == [{"lot_id": str(lot.pk), "result": result}]
    if result == "sold":
        assert (lot.winner, lot.hammer_minor) == (market.bidders[0][0], best_minor)
    else:
        assert (lot.winner, lot.hammer_minor) == (None, None)


def test_A12_a_lot_ends_once_however_often_it_is_asked(market, clock):
    clock.now = END
    for _ in range(3):
        market.advance()
        advance_due_lots()
    assert market.lot.events.filter(kind="unsold").count() == 1
    assert len(ended()) == 1
    assert market.bid(0, START).refusal == "closed"


def test_A12_the_database_itself_refuses_a_second_terminal_event(market, clock):
    clock.now = END
    lot = market.advance()
    with pytest.raises(IntegrityError), transaction.atomic():
        LotEvent.objects.create(
            lot=lot, seq=lot.last_seq + 1, kind="cancelled", decided_at=END, reason="twice"
        )


def test_A13_a_close_days_later_has_the_same_result(market, clock):
    market.bid(0, RESERVE)
    clock.now = END + timedelta(days=3)
    assert market.bid(1, RESERVE + STEP).refusal == "late"
    lot = market.advance()
    assert (lot.state, lot.hammer_minor) == ("sold", RESERVE)


def test_A16_events_and_outcomes_are_never_changed_or_deleted(market):
    outcome = market.bid(0, START)
    for rows in (
        LotEvent.objects.filter(pk=outcome.event_id),
        BidOutcome.objects.filter(pk=outcome.pk),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            rows.update(amount_minor=1)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            rows._raw_delete(using="default")


def test_A17_a_clock_set_back_changes_no_order(market, clock):
    clock.now = OPENING + timedelta(minutes=30)
    market.bid(0, START)
    clock.now = OPENING + timedelta(minutes=10)
    second = market.bid(1, START + STEP)
    assert second.decided_at == OPENING + timedelta(minutes=30)


def test_A17_late_stays_late_when_the_clock_is_set_back(market, clock):
    clock.now = END
    assert market.bid(0, START).refusal == "late"
    clock.now = END - timedelta(minutes=1)
    assert market.bid(0, START).refusal == "late"


def test_A19_the_row_of_a_lot_is_the_fold_of_its_events(market, clock):
    market.bid(0, START)
    clock.now = END - timedelta(minutes=1)
    market.bid(1, RESERVE)
    clock.now = END + timedelta(hours=1)
    lot = market.advance()
    replayed = fold(announced_state(terms_of(lot)), [event_of(row) for row in lot.events.all()])
    assert replayed == state_of(lot)


def test_cancelled_by_the_operator_with_a_reason(market):
    market.bid(0, START)
    for reason in ("", "  ", "x" * 301):
        with pytest.raises(InvalidInput) as refusal:
            cancel_lot(user=market.operator, lot_id=market.lot.pk, reason=reason)
        assert refusal.value.field == "reason"
    with pytest.raises(NotPermitted):
        cancel_lot(user=market.seller_user, lot_id=market.lot.pk, reason="changed our mind")
    lot = cancel_lot(user=market.operator, lot_id=market.lot.pk, reason="Court order")
    assert (lot.state, lot.events.last().reason) == ("cancelled", "Court order")
    assert ended() == [{"lot_id": str(lot.pk), "result": "cancelled"}]
    assert market.bid(0, START + STEP).refusal == "closed"


def test_A13_no_cancellation_after_the_end(market, clock):
    market.bid(0, RESERVE)
    clock.now = END
    with pytest.raises(Refused, match="result stands"):
        cancel_lot(user=market.operator, lot_id=market.lot.pk, reason="too late")
    assert market.advance().state == "sold"


def test_A14_the_reserve_stands_in_no_log(market, clock):
    market.bid(0, START)
    clock.now = END
    market.advance()
    assert Payload.objects.filter(entry__object_id=str(market.lot.pk)).count() == 4
    for text in [
        *(str(payload.body) for payload in Payload.objects.all()),
        *Entry.objects.values_list("canonical", flat=True),
        *(str(message.body) for message in OutboxMessage.objects.all()),
        *BidOutcome.objects.values_list("message", flat=True),
    ]:
        assert str(RESERVE) not in text


class TestAnnouncement:
    @pytest.fixture(autouse=True)
    def _morning(self, clock):
        clock.now = MORNING

    def test_terms_are_kept_as_announced(self, announced, settings):
        lot = announced.lot
        assert terms_of(lot) == terms()
        assert (lot.state, lot.currency, lot.ends_at) == ("announced", "CNY", END)
        assert (lot.fee_per_100k, lot.tax_per_100k) == (
            settings.VENUE_FEE_PER_100K,
            settings.VENUE_TAX_PER_100K,
        )

    def test_a_package_is_in_one_live_lot(self, announced, package):
        with pytest.raises(Refused) as refusal:
            announce_lot(
                user=announced.seller_user, package_id=package.pk, title="Again", terms=terms()
            )
        assert refusal.value.code == "package_taken"
        cancel_lot(user=announced.operator, lot_id=announced.lot.pk, reason="New terms")
        again = announce_lot(
            user=announced.seller_user, package_id=package.pk, title="Again", terms=terms()
        )
        assert again.reference != announced.lot.reference

    def test_O2_the_database_itself_refuses_two_live_lots(self, announced):
        copy = Lot.objects.get(pk=announced.lot.pk)
        copy.pk, copy.reference = uuid4(), "LOT-X"
        with pytest.raises(IntegrityError, match=r"O2|auctions_lot.package_id"):
            copy.save(force_insert=True)

    @pytest.mark.parametrize("state", ["draft", "screened", "withdrawn"])
    def test_only_a_sealed_package(self, package, seller_user, state):
        Package.objects.filter(pk=package.pk).update(state=state, end_reason="Another version")
        with pytest.raises(Refused) as refusal:
            announce_lot(user=seller_user, package_id=package.pk, title="x", terms=terms())
        assert refusal.value.code == "package_not_sealed"

    def test_only_the_sellers_approver(self, package, seller, make_user, stranger, operator):
        analyst = make_user("analyst@example.com", seller, Role.SELLER_ANALYST)
        for user in (analyst, stranger, operator):
            with pytest.raises(NotPermitted):
                announce_lot(user=user, package_id=package.pk, title="x", terms=terms())

    def test_unsound_terms_name_their_field_and_nothing_is_written(self, package, seller_user):
        unsound = terms(registration_ends_at=MORNING)
        with pytest.raises(InvalidInput) as refusal:
            announce_lot(user=seller_user, package_id=package.pk, title="x", terms=unsound)
        assert refusal.value.field == "registration_ends_at"
        assert not Lot.objects.exists()

    def test_a_title_is_needed(self, package, seller_user):
        for title in (" ", "x" * 201):
            with pytest.raises(InvalidInput) as refusal:
                announce_lot(user=seller_user, package_id=package.pk, title=title, terms=terms())
            assert refusal.value.field == "title"

    def test_an_unknown_package(self, seller_user):
        with pytest.raises(Refused) as refusal:
            announce_lot(user=seller_user, package_id=uuid4(), title="x", terms=terms())
        assert refusal.value.code == "unknown_package"


def test_a_bid_takes_few_statements(market, django_assert_max_num_queries):
    """Fixed cost per bid: the lock is held no longer than this."""
    buyer, user = market.bidders[0]
    assert user.active_memberships
    most = 16 if connection.vendor == "sqlite" else 18
    with django_assert_max_num_queries(most):
        outcome = place_bid(
            user=user, lot_id=market.lot.pk, buyer=buyer, amount_minor=START, request_id=uuid4()
        )
    assert outcome.refusal == ""
