"""A sold loan is in no further package: title decides, not the old membership."""

import pytest

from npa_market.common.clock import database_now
from npa_market.packages.models import PackageLoan
from npa_market.packages.outside import sold_loans
from npa_market.packages.screening import screen_loans
from npa_market.transfers.models import Ownership
from tests.builders import screened_package

pytestmark = pytest.mark.django_db


def test_T4_a_loan_that_somebody_else_owns_is_screened_out(
    seller, buyer, seller_user, second_seller_user
):
    package = screened_package(seller_user, count=12)
    loans = list(package.seller.tapes.get().loans.all())
    now = database_now()
    Ownership.objects.create(loan=loans[0], owner=buyer, since=now)
    Ownership.objects.create(loan=loans[1], owner=seller, since=now)
    assert not PackageLoan.objects.exists()
    assert sold_loans(seller) == {loans[0].pk}
    before, after = package.loans, screen_loans(package).sums()["loans"]
    assert before - after == 1
