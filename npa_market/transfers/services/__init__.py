"""Every change of a deal: award, contract, payment and title, delivery, cancellation."""

from npa_market.transfers.services.award import award_deal, release_deposits
from npa_market.transfers.services.cancellation import DepositFate, cancel_deal
from npa_market.transfers.services.closing import close_deal
from npa_market.transfers.services.contract import exclude_loans, sign_contract
from npa_market.transfers.services.delivery import confirm_receipt, take_delivery
from npa_market.transfers.services.erasing import erase_package_copies
from npa_market.transfers.services.payment import record_payment
from npa_market.transfers.services.releasing import release_delivery, release_delivery_again

__all__ = [
    "DepositFate",
    "award_deal",
    "cancel_deal",
    "close_deal",
    "confirm_receipt",
    "erase_package_copies",
    "exclude_loans",
    "record_payment",
    "release_delivery",
    "release_delivery_again",
    "release_deposits",
    "sign_contract",
    "take_delivery",
]
