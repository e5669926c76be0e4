"""A deal that ends before title moved: money goes back, the deposit where the terms say."""

from enum import StrEnum
from uuid import UUID

from django.db import transaction

from npa_market.auctions.services import release_sold_lot
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.diligence.closing import settle_readers
from npa_market.evidence.services import record
from npa_market.ledger.chart import account
from npa_market.ledger.models import AccountKind
from npa_market.ledger.services import book, forfeit_deposit, refund_deposit
from npa_market.parties.models import User
from npa_market.parties.permissions import require
from npa_market.transfers.models import Deal, DealState
from npa_market.transfers.queries import paid_minor
from npa_market.transfers.services.locking import locked_deal


class DepositFate(StrEnum):
    """What becomes of the winner's deposit."""

    REFUND = "refund"
    FORFEIT = "forfeit"


@transaction.atomic
def cancel_deal(*, user: User, deal_id: UUID, reason: str, deposit: DepositFate) -> Deal:
    """End a deal before title moved; parts paid go back, the deposit is refunded or forfeited.

    A forfeited deposit is paid out to the seller, and the lot's package is the seller's to offer
    again. Cancelled already: nothing changes. Raises NotPermitted, Refused `deal_state`,
    InvalidInput `reason_missing`.
    """
    deal = locked_deal(deal_id)
    require(user, "transfers.cancel_deal", deal)
    if deal.state == DealState.CANCELLED:
        return deal
    if deal.state not in {DealState.AWARDED, DealState.CONTRACTED}:
        raise Refused("deal_state", "Title has moved; what follows is a putback, loan by loan.")
    if not reason.strip():
        raise InvalidInput("reason_missing", "Say why the deal ends.", field="reason")
    before = deal.state
    _return_payments(deal, user)
    if deal.deposit_minor and deposit == DepositFate.REFUND:
        refund_deposit(buyer=deal.buyer, lot_id=deal.lot_id, actor=user)
    elif deal.deposit_minor:
        forfeit_deposit(buyer=deal.buyer, lot_id=deal.lot_id, beneficiary=deal.seller, actor=user)
        _pay_out_forfeit(deal, user)
    deal.cancel(database_now(), reason.strip()[:500])
    deal.save()
    settle_readers(package=deal.lot.package)
    record(
        type="deal.cancelled",
        subject=deal,
        actor=user,
        payload={"reason": deal.cancel_reason, "deposit": str(deposit)},
        prev_state=before,
    )
    release_sold_lot(user=user, lot_id=deal.lot_id)
    return deal


def _return_payments(deal: Deal, user: User) -> None:
    if paid := paid_minor(deal):
        book(
            kind="purchase_returned",
            text=f"{deal.reference}: cancelled, payments back to the buyer",
            lines=[
                (account(AccountKind.CLEARING, deal.currency, deal.buyer), paid),
                (account(AccountKind.BANK, deal.currency), -paid),
            ],
            idempotency_key=f"returned:{deal.pk}",
            lot_id=deal.lot_id,
            actor=user,
        )


def _pay_out_forfeit(deal: Deal, user: User) -> None:
    book(
        kind="forfeit_paid_out",
        text=f"{deal.reference}: forfeited deposit paid to the seller",
        lines=[
            (account(AccountKind.PAYABLE, deal.currency, deal.seller), deal.deposit_minor),
            (account(AccountKind.BANK, deal.currency), -deal.deposit_minor),
        ],
        idempotency_key=f"forfeit_paid_out:{deal.pk}",
        lot_id=deal.lot_id,
        actor=user,
    )
