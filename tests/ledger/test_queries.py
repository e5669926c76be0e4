"""The books add up, whatever was booked (hypothesis), and show no more than one may see."""

import pytest
from django.db import connection
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from npa_market.common.clock import database_now
from npa_market.common.fields import uuid7
from npa_market.ledger.chart import account
from npa_market.ledger.models import AccountKind, Hold, JournalEntry, Posting
from npa_market.ledger.queries import (
    balance_minor,
    deposit_lines,
    journal_rows,
    open_client_money,
    trial_balance,
    unbalanced_entries,
)
from npa_market.ledger.services import (
    apply_deposit,
    book,
    forfeit_deposit,
    refund_deposit,
    take_deposit,
    unmatch_deposit,
)
from npa_market.ledger.services import (
    reverse as reverse_entry,
)
from npa_market.parties.models import Organisation
from npa_market.parties.roles import OrganisationKind, Role

AMOUNT = st.integers(min_value=1, max_value=10**13)
STEP = st.tuples(
    st.sampled_from(["take", "refund", "apply", "forfeit", "pay", "reverse", "unmatch"]),
    st.integers(0, 2),  # which buyer
    st.integers(0, 1),  # which lot
    AMOUNT,
)


class Books(TestCase):
    """Random histories of deposits, payments and reversals."""

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(STEP, max_size=14))
    def test_L1_L3_L12_after_any_history_the_books_agree(self, history):
        buyers = [
            Organisation.objects.create(
                name=f"Buyer {number}", kind=OrganisationKind.BUYER, created_at=database_now()
            )
            for number in range(3)
        ]
        lots = [uuid7(), uuid7()]
        for number, (act, who, which, amount) in enumerate(history):
            run(act, buyers[who], lots[which], amount, number, buyers)
        assert not unbalanced_entries().exists()
        assert sum(row.balance_minor for row in trial_balance()) == 0
        for line in deposit_lines(Hold.objects.all()):
            assert line.is_consistent
            assert line.held_minor >= 0
        for row in trial_balance():
            assert row.balance_minor == balance_minor(row.account)


def run(act, buyer, lot, amount, number, buyers) -> None:
    """One step; a refusal is an answer too."""
    from npa_market.common.errors import Refused

    try:
        if act == "take":
            take_deposit(
                buyer=buyer,
                lot_id=lot,
                amount_minor=amount,
                currency="CNY",
                bank_reference=f"LINE-{number}",
            )
        elif act == "pay":
            lines = [
                (account(AccountKind.BANK, "CNY"), amount),
                (account(AccountKind.CLEARING, "CNY", buyer), -amount),
            ]
            book(kind="t", text="t", lines=lines, idempotency_key=f"k{number}", lot_id=lot)
        elif act == "reverse":
            if (entry := JournalEntry.objects.order_by("?").first()) is not None:
                reverse_entry(entry_id=entry.pk, reason="test")
        elif act == "forfeit":
            forfeit_deposit(buyer=buyer, lot_id=lot, beneficiary=buyers[0])
        elif act == "unmatch":
            unmatch_deposit(buyer=buyer, lot_id=lot, reason="test")
        else:
            {"refund": refund_deposit, "apply": apply_deposit}[act](buyer=buyer, lot_id=lot)
    except Refused:
        pass


@pytest.fixture
def booked(buyer, other_buyer):
    lot = uuid7()
    for number, bidder in enumerate((buyer, other_buyer)):
        take_deposit(
            buyer=bidder,
            lot_id=lot,
            amount_minor=50_000,
            currency="CNY",
            bank_reference=f"LINE-{number}",
        )
    return lot


def test_L10_the_journal_up_to_an_entry_stays_what_it_was(booked, buyer):
    before = list(journal_rows(lot_id=booked, up_to_seq=2))
    refund_deposit(buyer=buyer, lot_id=booked)
    assert list(journal_rows(lot_id=booked, up_to_seq=2)) == before
    assert len(list(journal_rows(lot_id=booked))) == len(before) + 2


def test_the_journal_of_some_parties_has_no_other_party(booked, buyer):
    rows = list(journal_rows(lot_id=booked, parties=(buyer.pk,)))
    assert {row.party for row in rows} == {"Venue", buyer.name}
    assert [(row.debit_minor, row.credit_minor) for row in rows] == [(50_000, 0), (0, 50_000)]


def test_client_money_of_a_lot_is_open_until_it_went_back(booked, buyer, other_buyer):
    assert len(open_client_money(booked)) == 3
    for bidder in (buyer, other_buyer):
        refund_deposit(buyer=bidder, lot_id=booked)
    assert open_client_money(booked) == []


@pytest.mark.skipif("connection.vendor == 'postgresql'", reason="PostgreSQL refuses such rows")
@pytest.mark.django_db
def test_L1_a_row_written_past_the_services_is_found(booked):
    entry = JournalEntry.objects.first()
    Posting.objects.create(entry=entry, account=account(AccountKind.BANK, "CNY"), amount_minor=1)
    assert list(unbalanced_entries()) == [entry]
    assert connection.vendor == "sqlite"


def test_L3_a_hold_that_the_books_do_not_know_is_found(booked, buyer):
    Hold.objects.filter(buyer=buyer).update(state="refunded", resolved_at=database_now())
    lines = {line.hold.buyer_id: line for line in deposit_lines(Hold.objects.all())}
    assert not lines[buyer.pk].is_consistent


PAGES = ["ledger:journal", "ledger:holds", "ledger:balances"]


@pytest.mark.parametrize("room", PAGES)
def test_a_buyer_sees_own_books_alone(booked, room, as_user, buyer, other_buyer, buyer_user):
    text = as_user(buyer_user).get(reverse(room)).content.decode()
    assert "500.00" in text
    assert other_buyer.name not in text


@pytest.mark.parametrize("room", PAGES)
def test_the_venue_sees_all_books_and_a_stranger_none(
    booked, room, as_user, buyer, other_buyer, operator, stranger
):
    text = as_user(operator).get(reverse(room)).content.decode()
    assert buyer.name in text
    assert other_buyer.name in text
    assert "500.00" not in as_user(stranger).get(reverse(room)).content.decode()


def test_people_without_a_finance_role_do_not_open_the_books(as_user, make_user, buyer):
    analyst = make_user("analyst@buyer.example", buyer, Role.BUYER_ANALYST)
    for page in PAGES:
        assert as_user(analyst).get(reverse(page)).status_code == 403


def test_the_journal_is_exported_with_its_filter(booked, as_user, operator):
    client = as_user(operator)
    answer = client.get(reverse("ledger:journal"), {"lot": str(booked), "export": "csv"})
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0] == "Booked,Entry,Account,Party,Debit,Credit,Currency,Lot,Text"
    assert len(lines) == 1 + 4
    other = client.get(reverse("ledger:journal"), {"lot": str(uuid7()), "export": "csv"})
    assert len(b"".join(other.streaming_content).splitlines()) == 1


def test_the_api_tells_the_same(booked, as_user, buyer, buyer_user, stranger):
    entries = as_user(buyer_user).get("/api/v1/journal-entries/").json()["results"]
    assert [posting["amount_minor"] for posting in entries[0]["postings"]] == [50_000, -50_000]
    assert len(entries) == 1
    deposits = as_user(buyer_user).get("/api/v1/deposits/").json()["results"]
    assert [deposit["buyer"] for deposit in deposits] == [str(buyer.pk)]
    assert as_user(stranger).get("/api/v1/deposits/").json()["results"] == []
