"""The cast of a deal."""

import pyrage
import pytest

from tests.transfers.deals import Cast


@pytest.fixture
def cast(seller, buyer, other_buyer, seller_user, second_seller_user, buyer_user, operator) -> Cast:
    identity = pyrage.x25519.Identity.generate()
    buyer.delivery_public_key = str(identity.to_public())
    buyer.save()
    return Cast(
        seller=seller,
        buyer=buyer,
        loser=other_buyer,
        analyst=seller_user,
        approver=second_seller_user,
        buyer_user=buyer_user,
        finance=operator,
        identity=identity,
    )
