"""A statement is made from the books, agreed twice, and leaves client money at zero."""

import csv
import io
from decimal import Decimal

import pytest
from python_calamine import CalamineWorkbook

from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.files import read_stored
from npa_market.evidence.models import Entry
from npa_market.ledger.models import JournalEntry, Posting
from npa_market.ledger.queries import open_client_money, trial_balance, unbalanced_entries
from npa_market.parties.models import Membership
from npa_market.parties.roles import Role
from npa_market.settlement.exports import journal_file, workbook_file
from npa_market.settlement.models import Agreement, Statement
from npa_market.settlement.services import agree_statement, make_statement
from npa_market.transfers.models import Deal, DealState
from tests.transfers.deals import HAMMER, delivered, paid, sold_lot


def made(cast) -> Statement:
    deal = delivered(cast, receipts_minor=8_345_027)
    return make_statement(user=cast.finance, deal_id=deal.pk)


def settled(cast) -> Statement:
    statement = made(cast)
    agree_statement(user=cast.analyst, statement_id=statement.pk)
    return agree_statement(user=cast.buyer_user, statement_id=statement.pk)


def test_a_statement_says_what_the_deal_says(cast):
    statement = made(cast)
    price = statement.deal.price
    assert statement.hammer_minor == statement.adjusted_minor == HAMMER
    assert statement.receipts_minor - statement.receipts_cost_minor == 8_345_027 - 834_503
    assert statement.balance_minor == price.balance_minor
    assert statement.seller_net_minor == price.gross_minor - statement.fee_minor - (
        statement.tax_minor
    )


def test_a_statement_made_twice_is_one(cast):
    first = made(cast)
    assert make_statement(user=cast.buyer_user, deal_id=first.deal_id).pk == first.pk
    assert Entry.objects.about(first.pk).count() == 1


def test_no_statement_before_the_file_is_receipted(cast):
    deal = paid(cast)
    with pytest.raises(Refused) as refused:
        make_statement(user=cast.finance, deal_id=deal.pk)
    assert refused.value.code == "deal_state"


def test_L10_exporting_again_gives_the_same_bytes_also_after_later_bookings(cast):
    statement = settled(cast)
    sold_lot(cast, seed=2, count=3)  # books two more deposits
    fresh = Statement.objects.get(pk=statement.pk)
    assert workbook_file(fresh) == read_stored(fresh.workbook_id)
    assert journal_file(fresh.deal, fresh.ledger_seq) == read_stored(fresh.journal_id)
    assert journal_file(fresh.deal, fresh.closing_seq) == read_stored(fresh.closing_journal_id)


def journal_of(sha256: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read_stored(sha256).decode())))


def amount(text: str) -> int:
    return int(Decimal(text or 0) * 100)


def test_the_journal_balances_and_is_the_ledger_of_the_parties(cast):
    statement = settled(cast)
    rows = journal_of(statement.closing_journal_id)
    assert sum(amount(row["debit"]) - amount(row["credit"]) for row in rows) == 0
    parties = (cast.seller.pk, cast.buyer.pk)
    booked = trial_balance(lot_id=statement.deal.lot_id, parties=parties)
    for balance in booked:
        name = balance.account.organisation.name if balance.account.organisation else "Venue"
        mine = [
            row
            for row in rows
            if (row["account"], row["party"]) == (balance.account.get_kind_display(), name)
        ]
        assert sum(amount(row["debit"]) for row in mine) == balance.debit_minor
        assert sum(amount(row["credit"]) for row in mine) == balance.credit_minor


def test_A20_the_other_bidders_are_in_no_file_of_the_deal(cast):
    statement = settled(cast)
    for sha256 in (statement.journal_id, statement.closing_journal_id):
        assert cast.loser.name not in read_stored(sha256).decode()
    book = CalamineWorkbook.from_filelike(io.BytesIO(read_stored(statement.workbook_id)))
    cells = str([book.get_sheet_by_name(name).to_python() for name in book.sheet_names])
    assert cast.loser.name not in cells
    assert cast.buyer.name in cells


def test_the_workbook_reconciles_with_statement_and_books(cast):
    statement = made(cast)
    book = CalamineWorkbook.from_filelike(io.BytesIO(read_stored(statement.workbook_id)))
    lines = {row[0]: row[2] for row in book.get_sheet_by_name("Statement").to_python()[1:]}
    assert round(lines["Net to the seller"] * 100) == statement.seller_net_minor
    allocation = book.get_sheet_by_name("Allocation").to_python()[1:]
    assert sum(round(row[1] * 100) for row in allocation) == HAMMER
    journal = book.get_sheet_by_name("Journal").to_python()[1:]
    assert sum(round((row[5] or 0) * 100) for row in journal) == sum(
        round((row[6] or 0) * 100) for row in journal
    )
    payments = book.get_sheet_by_name("Payments").to_python()[1:]
    assert [round(row[3] * 100) for row in payments] == [statement.balance_minor]


def test_two_words_settle_the_deal_and_leave_client_money_at_zero(cast):
    statement = settled(cast)
    deal = Deal.objects.get()
    assert deal.state == DealState.CLOSED
    assert open_client_money(deal.lot_id) == []
    assert not unbalanced_entries().exists()
    totals = {row.account.kind: row.balance_minor for row in trial_balance(lot_id=deal.lot_id)}
    assert totals["fees"] == -statement.fee_minor
    assert totals["tax"] == -statement.tax_minor
    assert totals["own_bank"] == statement.fee_minor + statement.tax_minor
    paid_out = Posting.objects.get(entry__kind="seller_paid_out", amount_minor__gt=0)
    assert paid_out.amount_minor == statement.seller_net_minor


def test_one_word_settles_nothing(cast):
    statement = made(cast)
    before = JournalEntry.objects.count()
    for _ in range(2):
        agree_statement(user=cast.analyst, statement_id=statement.pk)
    assert (Agreement.objects.count(), JournalEntry.objects.count()) == (1, before)
    assert Deal.objects.get().state == DealState.DELIVERED


def test_agreeing_after_the_settlement_changes_nothing(cast):
    statement = settled(cast)
    before = (JournalEntry.objects.count(), Entry.objects.count())
    for user in (cast.analyst, cast.buyer_user):
        agree_statement(user=user, statement_id=statement.pk)
    assert before == (JournalEntry.objects.count(), Entry.objects.count())


def test_finance_of_the_two_sides_alone_agrees(cast, stranger, other_buyer_user):
    statement = made(cast)
    for user in (cast.finance, stranger, other_buyer_user):
        with pytest.raises(NotPermitted):
            agree_statement(user=user, statement_id=statement.pk)


def test_a_seller_without_the_finance_role_does_not_agree(cast, make_user):
    statement = made(cast)
    approver = make_user("approver@seller.example", cast.seller, Role.SELLER_APPROVER)
    assert Membership.objects.filter(user=approver).count() == 1
    with pytest.raises(NotPermitted):
        agree_statement(user=approver, statement_id=statement.pk)


def test_another_workbook_than_the_one_in_force_is_not_agreed(cast):
    statement = made(cast)
    with pytest.raises(Refused) as refused:
        agree_statement(user=cast.analyst, statement_id=statement.pk, workbook_sha256="0" * 64)
    assert refused.value.code == "workbook_changed"


def test_a_stranger_makes_no_statement(cast, stranger):
    deal = delivered(cast)
    with pytest.raises(NotPermitted):
        make_statement(user=stranger, deal_id=deal.pk)


def test_statement_and_agreements_are_in_the_log(cast):
    statement = settled(cast)
    types = list(Entry.objects.about(statement.pk).values_list("type", flat=True))
    assert types == [
        "statement.made",
        "statement.agreed",
        "statement.agreed",
        "statement.settled",
    ]
    assert "deal.closed" in Entry.objects.about(statement.deal_id).values_list("type", flat=True)
