"""Booking, reversal and deposits: the laws L1 to L5 and L11 of the books."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.fields import uuid7
from npa_market.evidence.models import Entry
from npa_market.ledger.chart import account
from npa_market.ledger.models import AccountKind, Hold, HoldState, JournalEntry, Posting
from npa_market.ledger.services import (
    Unbalanced,
    apply_deposit,
    book,
    forfeit_deposit,
    refund_deposit,
    reverse,
    take_deposit,
    unmatch_deposit,
)

LOT = uuid7()


@pytest.fixture
def bank(db):
    return account(AccountKind.BANK, "CNY")


@pytest.fixture
def deposits(buyer):
    return account(AccountKind.DEPOSITS, "CNY", buyer)


def take(buyer, amount_minor=50_000, bank_reference="LINE-1"):
    return take_deposit(
        buyer=buyer,
        lot_id=LOT,
        amount_minor=amount_minor,
        currency="CNY",
        bank_reference=bank_reference,
    )


def balance(of) -> int:
    return sum(of.postings.values_list("amount_minor", flat=True))


def test_L1_an_entry_that_does_not_sum_to_zero_is_not_booked(bank, deposits):
    with pytest.raises(Unbalanced, match="sums to zero"):
        book(kind="t", text="t", lines=[(bank, 100), (deposits, -99)], idempotency_key="k")
    assert not JournalEntry.objects.exists()


def test_L1_currencies_do_not_net_each_other(bank, buyer):
    dollars = account(AccountKind.DEPOSITS, "USD", buyer)
    with pytest.raises(Unbalanced, match="per currency"):
        book(kind="t", text="t", lines=[(bank, 100), (dollars, -100)], idempotency_key="k")


@pytest.mark.parametrize("amount", [0, 1.0, "1"])
def test_amounts_are_integer_minor_units_other_than_zero(bank, deposits, amount):
    with pytest.raises(Unbalanced, match="integer minor units"):
        book(kind="t", text="t", lines=[(bank, amount), (deposits, 1)], idempotency_key="k")


def test_an_entry_has_lines(db):
    with pytest.raises(Unbalanced):
        book(kind="t", text="t", lines=[], idempotency_key="k")


def test_a_party_account_needs_a_party_and_a_venue_account_has_none(buyer):
    with pytest.raises(ValueError, match="need a"):
        account(AccountKind.DEPOSITS, "CNY")
    with pytest.raises(ValueError, match="have no"):
        account(AccountKind.BANK, "CNY", buyer)


def test_the_same_key_gives_the_first_entry_and_no_second(bank, deposits):
    lines = [(bank, 100), (deposits, -100)]
    first = book(kind="t", text="t", lines=lines, idempotency_key="k")
    again = book(kind="t", text="t", lines=lines[::-1], idempotency_key="k")
    assert (again.pk, Posting.objects.count()) == (first.pk, 2)


def test_the_same_key_with_another_amount_is_refused(bank, deposits):
    book(kind="t", text="t", lines=[(bank, 100), (deposits, -100)], idempotency_key="k")
    with pytest.raises(Refused) as refused:
        book(kind="t", text="t", lines=[(bank, 101), (deposits, -101)], idempotency_key="k")
    assert refused.value.code == "booking_conflict"


def test_entries_are_numbered_without_gaps_also_after_a_refusal(bank, deposits):
    for key in ("a", "b", "a", "c"):
        book(kind="t", text="t", lines=[(bank, 1), (deposits, -1)], idempotency_key=key)
    assert list(JournalEntry.objects.values_list("seq", flat=True)) == [1, 2, 3]
    references = list(JournalEntry.objects.values_list("reference", flat=True))
    assert [reference[-4:] for reference in references] == ["0001", "0002", "0003"]


@pytest.mark.parametrize("table", ["ledger_posting", "ledger_journalentry"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_L2_the_database_refuses_to_change_what_is_booked(bank, deposits, table, verb):
    book(kind="t", text="t", lines=[(bank, 1), (deposits, -1)], idempotency_key="k")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(verb.format(table))


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL alone checks at commit")
@pytest.mark.django_db
def test_L1_the_database_itself_refuses_a_lone_posting(bank, deposits):
    entry = book(kind="t", text="t", lines=[(bank, 1), (deposits, -1)], idempotency_key="k")
    with pytest.raises(IntegrityError, match="sum to zero"), transaction.atomic():
        Posting.objects.create(entry=entry, account=bank, amount_minor=5)
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_L2_a_reversal_mirrors_its_entry_once(bank, deposits):
    entry = book(kind="t", text="t", lines=[(bank, 70), (deposits, -70)], idempotency_key="k")
    first = reverse(entry_id=entry.pk, reason="typing mistake")
    again = reverse(entry_id=entry.pk, reason="typing mistake")
    assert (first.pk, first.reverses_id) == (again.pk, entry.pk)
    assert (balance(bank), balance(deposits)) == (0, 0)


def test_L2_a_reversal_is_not_reversed_and_a_deposit_is_not_reversible(bank, deposits, buyer):
    entry = book(kind="t", text="t", lines=[(bank, 70), (deposits, -70)], idempotency_key="k")
    reversal = reverse(entry_id=entry.pk, reason="typing mistake")
    with pytest.raises(Refused, match="corrected by a new entry"):
        reverse(entry_id=reversal.pk, reason="again")
    take(buyer)
    with pytest.raises(Refused, match="refunded, applied or forfeited"):
        reverse(entry_id=JournalEntry.objects.get(kind="deposit_taken").pk, reason="no")


def test_a_deposit_is_held_and_evidenced(buyer, bank, deposits):
    hold = take(buyer)
    assert (hold.state, hold.amount_minor) == (HoldState.HELD, 50_000)
    assert (balance(bank), balance(deposits)) == (50_000, -50_000)
    assert [entry.type for entry in Entry.objects.about(hold.pk)] == ["deposit.taken"]


def test_L3_a_deposit_taken_twice_counts_once(buyer, bank):
    assert take(buyer).pk == take(buyer).pk
    assert balance(bank) == 50_000


@pytest.mark.parametrize(
    "change", [{"amount_minor": 50_001}, {"bank_reference": "LINE-2"}], ids=["amount", "bank line"]
)
def test_L3_another_deposit_of_the_same_buyer_and_lot_is_refused(buyer, change):
    take(buyer)
    with pytest.raises(Refused) as refused:
        take(buyer, **change)
    assert refused.value.code == "booking_conflict"


def test_L11_one_bank_line_pays_one_deposit(buyer, other_buyer):
    take(buyer)
    with pytest.raises(Refused) as refused:
        take(other_buyer)
    assert (refused.value.code, refused.value.field) == ("bank_line_used", "bank_reference")
    assert not Hold.objects.filter(buyer=other_buyer).exists()


@pytest.mark.parametrize("amount", [0, -1])
def test_a_deposit_is_positive(buyer, amount):
    with pytest.raises(InvalidInput):
        take(buyer, amount_minor=amount)


def resolve(name, buyer, seller):
    act = {"refunded": refund_deposit, "applied": apply_deposit, "forfeited": forfeit_deposit}[name]
    extra = {"beneficiary": seller} if name == "forfeited" else {}
    return act(buyer=buyer, lot_id=LOT, **extra)


CREDITED = {
    "refunded": AccountKind.BANK,
    "applied": AccountKind.CLEARING,
    "forfeited": AccountKind.PAYABLE,
}


@pytest.mark.parametrize("name", sorted(CREDITED))
def test_L4_a_hold_resolves_once_and_the_same_act_again_changes_nothing(
    buyer, seller, deposits, name
):
    take(buyer)
    first = resolve(name, buyer, seller)
    entries = JournalEntry.objects.count()
    again = resolve(name, buyer, seller)
    assert (first.state, again.resolved_at) == (name, first.resolved_at)
    assert (JournalEntry.objects.count(), balance(deposits)) == (entries, 0)
    credited = Posting.objects.get(entry__kind=f"deposit_{name}", amount_minor__lt=0)
    party = {"refunded": None, "applied": buyer, "forfeited": seller}[name]
    assert (credited.account.kind, credited.account.organisation) == (CREDITED[name], party)


@pytest.mark.parametrize(
    ("first", "second"),
    [(one, other) for one in sorted(CREDITED) for other in sorted(CREDITED) if one != other],
)
def test_L4_a_resolved_hold_takes_no_other_end(buyer, seller, bank, first, second):
    take(buyer)
    resolve(first, buyer, seller)
    before = balance(bank)
    with pytest.raises(Refused) as refused:
        resolve(second, buyer, seller)
    assert (refused.value.code, balance(bank)) == ("deposit_resolved", before)


def test_L5_no_refund_without_a_deposit(buyer, seller):
    for name in CREDITED:
        with pytest.raises(Refused, match="no deposit"):
            resolve(name, buyer, seller)


def unmatch(buyer):
    return unmatch_deposit(buyer=buyer, lot_id=LOT, reason="belongs to another lot")


def test_L2_a_match_taken_back_is_reversed_once_and_evidenced(buyer, bank, deposits):
    take(buyer)
    hold = unmatch(buyer)
    assert unmatch(buyer).pk == hold.pk
    assert (hold.state, hold.resolved_at is not None) == (HoldState.UNMATCHED, True)
    assert (balance(bank), balance(deposits)) == (0, 0)
    reversal = JournalEntry.objects.get(kind="deposit_unmatched")
    assert reversal.reverses == JournalEntry.objects.get(kind="deposit_taken")
    assert "another lot" not in reversal.text, "the buyer reads the journal"
    last = Entry.objects.about(hold.pk).last()
    assert (last.type, last.payload.body["reason"]) == (
        "deposit.unmatched",
        "belongs to another lot",
    )


def test_L11_a_freed_bank_line_is_matched_again_and_then_no_more(buyer, other_buyer, seller):
    take(buyer)
    unmatch(buyer)
    hold = take(other_buyer)
    assert (hold.state, take(other_buyer).pk) == (HoldState.HELD, hold.pk)
    with pytest.raises(Refused) as refused:
        take(buyer)
    assert refused.value.code == "bank_line_used"


def test_L11_the_database_takes_a_line_once_for_each_reversal(buyer, other_buyer):
    take(buyer)
    unmatch(buyer)
    take(other_buyer)
    again = JournalEntry.objects.get(line_freed_by__isnull=False)
    for freed_by in (None, again.line_freed_by):
        with pytest.raises(IntegrityError), transaction.atomic():
            JournalEntry.objects.create(
                seq=99,
                reference="JE-99",
                kind="t",
                bank_reference="LINE-1",
                line_freed_by=freed_by,
                booked_at=again.booked_at,
                idempotency_key="k",
            )


def test_L3_the_right_deposit_follows_a_wrong_match(buyer, bank):
    wrong = take(buyer)
    unmatch(buyer)
    right = take(buyer, amount_minor=60_000, bank_reference="LINE-2")
    assert (right.pk != wrong.pk, take(buyer, 60_000, "LINE-2").pk) == (True, right.pk)
    assert refund_deposit(buyer=buyer, lot_id=LOT).pk == right.pk
    assert balance(bank) == 0
    with pytest.raises(Refused) as refused:
        unmatch(buyer)
    assert refused.value.code == "deposit_resolved"


def test_L4_nothing_is_resolved_after_a_match_taken_back(buyer, seller):
    take(buyer)
    unmatch(buyer)
    for name in ("refunded", "applied", "forfeited"):
        with pytest.raises(Refused) as refused:
            resolve(name, buyer, seller)
        assert refused.value.code == "no_deposit"


def test_there_must_be_a_match_to_take_back(buyer):
    with pytest.raises(Refused) as refused:
        unmatch(buyer)
    assert refused.value.code == "no_deposit"
