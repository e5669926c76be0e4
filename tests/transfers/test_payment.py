"""Payment in full moves title, in the same transaction, once."""

import pytest

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.ledger.models import Hold, JournalEntry, Posting
from npa_market.ledger.queries import trial_balance, unbalanced_entries
from npa_market.transfers.models import Deal, DealState, Ownership, Payment
from npa_market.transfers.services import exclude_loans, record_payment, sign_contract
from tests.transfers.deals import DEPOSIT, HAMMER, awarded, contracted, paid, pay


def owners(deal: Deal) -> set[str]:
    return set(
        Ownership.objects.filter(loan__in=deal.loan_prices.values("loan"), until=None).values_list(
            "owner__name", flat=True
        )
    )


def test_O4_full_payment_applies_the_deposit_and_moves_title(cast):
    deal = contracted(cast)
    assert owners(deal) == {cast.seller.name}
    deal = pay(cast, deal)
    assert deal.state == DealState.PAID
    assert owners(deal) == {cast.buyer.name}
    assert Hold.objects.get(buyer=cast.buyer).state == "applied"
    balances = {
        row.account.kind: row.balance_minor
        for row in trial_balance(lot_id=deal.lot_id)
        if row.balance_minor
    }
    assert balances == {"bank": HAMMER, "clearing": -HAMMER}
    assert not unbalanced_entries().exists()


def test_O1_the_title_ends_when_the_next_begins(cast):
    deal = paid(cast)
    for price in deal.loan_prices.all():
        old, new = Ownership.objects.filter(loan=price.loan).order_by("since", "id")
        assert (old.until, new.since, new.until) == (deal.paid_at, deal.paid_at, None)


def test_parts_leave_title_where_it_is_until_the_last(cast):
    deal = contracted(cast)
    due = deal.price.balance_minor
    deal = pay(cast, deal, due - 1, "PART-1")
    assert (deal.state, owners(deal)) == (DealState.CONTRACTED, {cast.seller.name})
    assert Hold.objects.get(buyer=cast.buyer).state == "held"
    deal = pay(cast, deal, 1, "PART-2")
    assert (deal.state, owners(deal)) == (DealState.PAID, {cast.buyer.name})


def test_an_excluded_loan_stays_with_the_seller(cast):
    deal = awarded(cast)
    out = deal.loan_prices.first()
    exclude_loans(user=cast.approver, deal_id=deal.pk, tokens=[out.token], reason="PAID")
    sign_contract(user=cast.approver, deal_id=deal.pk, organisation=cast.seller)
    deal = sign_contract(user=cast.buyer_user, deal_id=deal.pk, organisation=cast.buyer)
    pay(cast, deal)
    assert Ownership.objects.get(loan=out.loan, until=None).owner == cast.seller
    assert Ownership.objects.filter(owner=cast.buyer, until=None).count() == 11


def test_the_same_bank_line_again_changes_nothing_also_after_title_moved(cast):
    deal = paid(cast)
    counts = [model.objects.count() for model in (Payment, JournalEntry, Ownership)]
    assert pay(cast, deal).state == DealState.PAID
    assert counts == [model.objects.count() for model in (Payment, JournalEntry, Ownership)]


@pytest.mark.parametrize(
    ("amount", "line", "code"),
    [
        (HAMMER - DEPOSIT + 1, "PAY-1", "overpayment"),
        (0, "PAY-1", "amount_not_positive"),
        (-5, "PAY-1", "amount_not_positive"),
        (100, "  ", "bank_reference_missing"),
        (100, "x" * 121, "bank_reference_missing"),
    ],
)
def test_a_payment_that_does_not_fit_is_refused_and_leaves_nothing(cast, amount, line, code):
    deal = contracted(cast)
    before = Posting.objects.count()
    with pytest.raises(Refused) as refused:
        pay(cast, deal, amount, line)
    assert refused.value.code == code
    assert (Posting.objects.count(), Payment.objects.count()) == (before, 0)


def test_a_bank_line_with_another_amount_is_refused(cast):
    deal = contracted(cast)
    pay(cast, deal, 100, "PART-1")
    with pytest.raises(Refused) as refused:
        pay(cast, deal, 200, "PART-1")
    assert refused.value.code == "payment_conflict"


def test_L11_the_bank_line_of_a_deposit_pays_no_price(cast):
    deal = contracted(cast)
    with pytest.raises(Refused) as refused:
        pay(cast, deal, 100, f"{deal.lot.reference}-DEP-0")
    assert refused.value.code == "bank_line_used"


def test_a_second_full_payment_is_refused(cast):
    deal = paid(cast)
    with pytest.raises(Refused) as refused:
        pay(cast, deal, line="PAY-2")
    assert refused.value.code == "deal_state"


def test_venue_finance_alone_records_payments(cast):
    deal = contracted(cast)
    for user in (cast.buyer_user, cast.approver):
        with pytest.raises(NotPermitted):
            record_payment(user=user, deal_id=deal.pk, amount_minor=1, bank_reference="X")


def test_receipts_since_the_cut_off_date_lower_the_balance(cast):
    deal = contracted(cast, receipts_minor=8_345_027)
    assert deal.price.balance_minor == HAMMER - (8_345_027 - 834_503) - DEPOSIT


def test_a_deposit_above_the_balance_goes_back_to_the_buyer(cast):
    deal = contracted(cast, hammer_minor=DEPOSIT, receipts_minor=1_000_000)
    clearing = [
        row.balance_minor
        for row in trial_balance(lot_id=deal.lot_id)
        if row.account.kind == "clearing"
    ]
    assert clearing == [-(DEPOSIT - 900_000)]
    assert JournalEntry.objects.filter(kind="purchase_surplus").count() == 1


def test_amount_errors_are_input_errors(cast):
    with pytest.raises(InvalidInput):
        pay(cast, contracted(cast), 0)
