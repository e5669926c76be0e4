"""A package in a lot stays where it is; a lot that ended without a sale sets it free."""

import pytest

from npa_market.auctions.services import cancel_lot
from npa_market.common.errors import Refused
from npa_market.packages.models import PackageState
from npa_market.packages.services import new_version, withdraw_package
from tests.builders import announced_lot

pytestmark = pytest.mark.django_db


def test_a_package_in_a_lot_can_be_neither_withdrawn_nor_replaced(
    seller_user, second_seller_user, operator
):
    lot = announced_lot(seller_user, second_seller_user)
    with pytest.raises(Refused, match=lot.reference) as refusal:
        withdraw_package(user=seller_user, package_id=lot.package_id, reason="Changed plans")
    assert refusal.value.code == "package_bound"
    with pytest.raises(Refused, match=lot.reference):
        new_version(user=seller_user, package_id=lot.package_id)
    cancel_lot(user=operator, lot_id=lot.pk, reason="The seller asked")
    package = withdraw_package(user=seller_user, package_id=lot.package_id, reason="Changed plans")
    assert package.state == PackageState.WITHDRAWN
