"""Both sides sign one text; loans may leave before, not after."""

import pytest

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.evidence.models import Entry
from npa_market.transfers.models import Deal, DealState, Signature
from npa_market.transfers.services import award_deal, exclude_loans, sign_contract
from tests.transfers.deals import DEPOSIT, add_receipt, awarded, contracted, sold_lot


def acts(deal: Deal) -> list[str]:
    return list(Entry.objects.about(deal.pk).values_list("type", flat=True))


@pytest.mark.parametrize("first", ["seller", "buyer"])
def test_the_second_signature_concludes_the_contract_whoever_is_first(cast, first):
    deal = awarded(cast)
    sides = [(cast.approver, cast.seller), (cast.buyer_user, cast.buyer)]
    for user, side in sides if first == "seller" else sides[::-1]:
        assert deal.state == DealState.AWARDED
        deal = sign_contract(user=user, deal_id=deal.pk, organisation=side)
    assert (deal.state, deal.contracted_at is not None) == (DealState.CONTRACTED, True)
    hashes = set(Signature.objects.values_list("document_sha256", flat=True))
    assert hashes == {deal.contract_file_id}
    assert acts(deal)[-3:] == ["deal.signed", "deal.signed", "deal.contracted"]


def test_signing_twice_is_signing_once(cast):
    deal = awarded(cast)
    for _ in range(2):
        sign_contract(user=cast.approver, deal_id=deal.pk, organisation=cast.seller)
    assert Signature.objects.count() == 1
    assert Deal.objects.get().state == DealState.AWARDED
    assert acts(deal).count("deal.signed") == 1


def test_nobody_signs_for_the_other_side_or_for_a_third(cast):
    deal = awarded(cast)
    with pytest.raises(NotPermitted):
        sign_contract(user=cast.approver, deal_id=deal.pk, organisation=cast.buyer)
    with pytest.raises(NotPermitted):
        sign_contract(user=cast.finance, deal_id=deal.pk, organisation=cast.seller)
    with pytest.raises(Refused) as refused:
        sign_contract(user=cast.buyer_user, deal_id=deal.pk, organisation=cast.loser)
    assert refused.value.code == "not_a_party"


def test_another_text_than_the_one_in_force_is_not_signed(cast):
    deal = awarded(cast)
    read = deal.contract_file_id
    token = deal.loan_prices.first().token
    exclude_loans(user=cast.approver, deal_id=deal.pk, tokens=[token], reason="PAID")
    with pytest.raises(Refused) as refused:
        sign_contract(
            user=cast.buyer_user, deal_id=deal.pk, organisation=cast.buyer, document_sha256=read
        )
    assert refused.value.code == "contract_changed"
    assert not Signature.objects.exists()


def test_an_excluded_loan_takes_its_price_with_it_once(cast):
    deal = awarded(cast)
    row = deal.loan_prices.first()
    for _ in range(2):
        deal = exclude_loans(
            user=cast.approver, deal_id=deal.pk, tokens=[row.token], reason="DECEASED"
        )
    assert deal.excluded_minor == row.price_minor
    assert deal.price.balance_minor == deal.hammer_minor - row.price_minor - DEPOSIT
    assert acts(deal).count("deal.loans_excluded") == 1


def test_an_excluded_loan_keeps_its_receipts_with_the_seller(cast):
    deal = awarded(cast, receipts_minor=5_000_000)
    paid_before, other = deal.loan_prices.order_by("token")[:2]
    deal = exclude_loans(
        user=cast.approver, deal_id=deal.pk, tokens=[other.token], reason="DECEASED"
    )
    assert (deal.receipts_minor, deal.price.receipts_credited_minor) == (5_000_000, 4_500_000)
    deal = exclude_loans(
        user=cast.approver, deal_id=deal.pk, tokens=[paid_before.token], reason="PAID"
    )
    assert (deal.receipts_minor, deal.price.receipts_credited_minor) == (0, 0)
    out = paid_before.price_minor + other.price_minor
    assert deal.price.balance_minor == deal.hammer_minor - out - DEPOSIT
    entry = Entry.objects.about(deal.pk).filter(type="deal.loans_excluded").last()
    assert entry.payload.body["receipts_minor"] == 0


def test_an_exclusion_may_leave_loans_whose_receipts_were_taken_back(cast):
    lot = sold_lot(cast, receipts_minor=-50_000)
    add_receipt(lot.package, 80_000)
    deal = award_deal(lot_id=lot.pk)
    assert deal.receipts_minor == 30_000
    row = deal.loan_prices.order_by("token")[1]
    deal = exclude_loans(user=cast.approver, deal_id=deal.pk, tokens=[row.token], reason="PAID")
    assert deal.receipts_minor == 0
    assert deal.price.balance_minor == deal.hammer_minor - row.price_minor - DEPOSIT


@pytest.mark.parametrize(
    ("tokens", "reason", "code"),
    [
        (["0" * 32], "PAID", "loan_not_in_deal"),
        ([], "PAID", "loan_not_in_deal"),
        (None, "BORED", "reason_unknown"),
    ],
)
def test_an_exclusion_names_loans_of_the_deal_and_a_listed_reason(cast, tokens, reason, code):
    deal = awarded(cast)
    tokens = [deal.loan_prices.first().token] if tokens is None else tokens
    with pytest.raises(InvalidInput) as refused:
        exclude_loans(user=cast.approver, deal_id=deal.pk, tokens=tokens, reason=reason)
    assert refused.value.code == code


def test_no_loan_leaves_a_text_that_one_side_signed(cast):
    deal = awarded(cast)
    sign_contract(user=cast.buyer_user, deal_id=deal.pk, organisation=cast.buyer)
    token = deal.loan_prices.first().token
    with pytest.raises(Refused) as refused:
        exclude_loans(user=cast.approver, deal_id=deal.pk, tokens=[token], reason="PAID")
    assert refused.value.code == "contract_signed"


def test_a_deal_without_loans_is_cancelled_instead(cast):
    deal = awarded(cast)
    tokens = list(deal.loan_prices.values_list("token", flat=True))
    with pytest.raises(Refused) as refused:
        exclude_loans(user=cast.approver, deal_id=deal.pk, tokens=tokens, reason="PAID")
    assert refused.value.code == "nothing_left"
    assert Deal.objects.get().excluded_minor == 0


def test_receipts_that_pay_the_balance_move_title_with_the_second_signature(cast):
    deal = contracted(cast, hammer_minor=DEPOSIT, receipts_minor=1_000_000)
    assert deal.price.balance_minor == -900_000
    assert deal.state == DealState.PAID
