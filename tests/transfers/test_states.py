"""T1: a deal moves along the drawn edges alone."""

from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django_fsm import ConcurrentTransition, TransitionNotAllowed

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.evidence.models import Entry
from npa_market.ledger.models import Hold
from npa_market.ledger.queries import open_client_money
from npa_market.transfers.models import Deal, DealState
from npa_market.transfers.services import (
    DepositFate,
    cancel_deal,
    close_deal,
    confirm_receipt,
    exclude_loans,
    record_payment,
    release_delivery,
    release_delivery_again,
    sign_contract,
)
from tests.transfers.deals import awarded, contracted, delivered, paid, pay

DRAWN = {
    ("awarded", "contract"): "contracted",
    ("contracted", "pay"): "paid",
    ("paid", "deliver"): "delivered",
    ("delivered", "close"): "closed",
    ("awarded", "cancel"): "cancelled",
    ("contracted", "cancel"): "cancelled",
}
COMMANDS = sorted({command for _, command in DRAWN})


@pytest.mark.parametrize("state", DealState.values)
@pytest.mark.parametrize("command", COMMANDS)
def test_T1_each_pair_of_state_and_command(state, command):
    deal = Deal(state=state)
    arguments = {"now": database_now} | ({"reason": "x"} if command == "cancel" else {})
    if (target := DRAWN.get((state, command))) is not None:
        getattr(deal, command)(**arguments)
        assert deal.state == target
    else:
        with pytest.raises(TransitionNotAllowed):
            getattr(deal, command)(**arguments)
        assert deal.state == state


def at(cast, state: str) -> Deal:
    """A deal brought to a state by the services, without a receipt of the file."""
    if state == "cancelled":
        deal = awarded(cast)
        return cancel(cast, deal)
    deal = {"awarded": awarded, "contracted": contracted, "paid": paid, "delivered": delivered}[
        state
    ](cast)
    return Deal.objects.get(pk=deal.pk)


def cancel(cast, deal: Deal, deposit=DepositFate.REFUND) -> Deal:
    return cancel_deal(
        user=cast.finance, deal_id=deal.pk, reason="The seller withdrew", deposit=deposit
    )


SERVICES = {
    "sign": lambda cast, deal: sign_contract(
        user=cast.approver, deal_id=deal.pk, organisation=cast.seller
    ),
    "exclude": lambda cast, deal: exclude_loans(
        user=cast.approver, deal_id=deal.pk, reason="PAID",
        tokens=[deal.loan_prices.order_by("-token")[0].token],
    ),
    "pay": lambda cast, deal: record_payment(
        user=cast.finance, deal_id=deal.pk, amount_minor=1, bank_reference="NEW-LINE"
    ),
    "release": lambda cast, deal: release_delivery(user=cast.analyst, deal_id=deal.pk),
    "release_again": lambda cast, deal: release_delivery_again(
        user=cast.analyst, deal_id=deal.pk
    ),
    "receipt": lambda cast, deal: confirm_receipt(
        user=cast.buyer_user, deal_id=deal.pk, sha256="0" * 64
    ),
    "close": lambda cast, deal: close_deal(deal_id=deal.pk, actor=cast.finance),
    "cancel": cancel,
}  # fmt: skip
ALLOWED = {
    ("awarded", "sign"), ("awarded", "exclude"), ("awarded", "cancel"), ("contracted", "pay"),
    ("contracted", "cancel"), ("paid", "release"),
    # Done before, so the same answer again:
    ("contracted", "sign"), ("paid", "sign"), ("delivered", "sign"), ("delivered", "release"),
    ("cancelled", "cancel"),
}  # fmt: skip


class _UndoError(Exception):
    """Takes back what an allowed service did, so that the next one meets the same deal."""


@pytest.mark.parametrize("state", ["awarded", "contracted", "paid", "delivered", "cancelled"])
def test_T1_each_service_in_each_state(cast, state):
    deal = at(cast, state)
    entries = Entry.objects.count()
    done = set()
    for act, service in SERVICES.items():
        try:
            with transaction.atomic():
                service(cast, deal)
                done.add((state, act))
                raise _UndoError
        except (_UndoError, Refused):
            assert Deal.objects.get(pk=deal.pk).state == state
            assert Entry.objects.count() == entries
    assert done == {pair for pair in ALLOWED if pair[0] == state}


def test_a_state_is_never_assigned_or_updated_past_the_transitions(cast):
    deal = awarded(cast)
    with pytest.raises(AttributeError):
        deal.state = DealState.PAID
    with pytest.raises(IntegrityError), transaction.atomic():
        Deal.objects.filter(pk=deal.pk).update(state="lost")
    with pytest.raises(IntegrityError), transaction.atomic():
        Deal.objects.filter(pk=deal.pk).update(state="paid")
    root = Path(__file__).parents[2] / "npa_market"
    guilty = [
        path.name
        for app in ("transfers", "settlement", "portal")
        for path in (root / app).rglob("*.py")
        if "Deal" in (text := path.read_text()) and "update(state" in text
    ]
    assert guilty == []


def test_of_two_transitions_from_one_state_the_second_fails(cast):
    deal = awarded(cast)
    one, other = (Deal.objects.get(pk=deal.pk) for _ in range(2))
    one.contract(database_now())
    one.save()
    other.cancel(database_now(), "too late")
    with pytest.raises(ConcurrentTransition):
        other.save()


def test_a_cancelled_deal_gives_back_parts_and_deposit(cast):
    deal = pay(cast, contracted(cast), 1_000, "PART-1")
    deal = cancel(cast, deal)
    assert Hold.objects.get(buyer=cast.buyer).state == "refunded"
    assert open_client_money(deal.lot_id) == []
    assert deal.cancel_reason == "The seller withdrew"


def test_a_forfeited_deposit_goes_to_the_seller_and_the_books_are_even(cast):
    deal = cancel(cast, contracted(cast), DepositFate.FORFEIT)
    assert Hold.objects.get(buyer=cast.buyer).state == "forfeited"
    assert open_client_money(deal.lot_id) == []


def test_a_deal_is_cancelled_with_a_reason_by_the_operator(cast):
    deal = awarded(cast)
    with pytest.raises(InvalidInput):
        cancel_deal(user=cast.finance, deal_id=deal.pk, reason="  ", deposit=DepositFate.REFUND)
    with pytest.raises(NotPermitted):
        cancel_deal(user=cast.approver, deal_id=deal.pk, reason="no", deposit=DepositFate.REFUND)


def test_a_deal_does_not_close_while_client_money_is_open(cast):
    deal = delivered(cast)
    with pytest.raises(Refused) as refused:
        close_deal(deal_id=deal.pk, actor=None)
    assert refused.value.code == "client_money_open"


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite takes no row locks")
@pytest.mark.django_db
def test_a_service_locks_the_deal_row(cast, django_assert_max_num_queries):
    deal = awarded(cast)
    with django_assert_max_num_queries(500) as queries, transaction.atomic():
        sign_contract(user=cast.approver, deal_id=deal.pk, organisation=cast.seller)
    assert any(
        'FROM "transfers_deal"' in query["sql"] and "FOR UPDATE" in query["sql"]
        for query in queries
    )
    assert connection.vendor == "postgresql"
