"""Money in, title over: payments matched to a deal, and ownership moved with the last one (O4)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.money import format_minor
from npa_market.evidence.services import record
from npa_market.ledger.chart import account
from npa_market.ledger.models import AccountKind, JournalEntry
from npa_market.ledger.services import apply_deposit, book
from npa_market.parties.models import User
from npa_market.parties.permissions import require
from npa_market.transfers.models import Deal, DealState, LoanPrice, Ownership, Payment
from npa_market.transfers.queries import balance_due
from npa_market.transfers.services.locking import locked_deal, require_state

BATCH = 5_000


@transaction.atomic
def record_payment(*, user: User, deal_id: UUID, amount_minor: int, bank_reference: str) -> Deal:
    """Match one line of the venue's bank statement to a deal, in full or in part.

    With the last part the deposit is applied and title to every loan moves to the buyer in this
    transaction (O4). The same line again changes nothing. Raises NotPermitted, Refused
    `deal_state`, `payment_conflict` (same line, other amount), `overpayment` or `bank_line_used`,
    InvalidInput `amount_not_positive` or `bank_reference_missing`.
    """
    deal = locked_deal(deal_id)
    require(user, "transfers.record_payment", deal)
    reference = bank_reference.strip()
    if (known := deal.payments.filter(bank_reference=reference).first()) is not None:
        if known.amount_minor != amount_minor:
            raise Refused("payment_conflict", "This bank line was recorded with another amount.")
        return deal
    require_state(deal, DealState.CONTRACTED, "record a payment")
    _check_payment(deal, amount_minor, reference)
    entry = _book_payment(deal, amount_minor, reference, user)
    outstanding = balance_due(deal)
    record(
        type="deal.payment_recorded",
        subject=deal,
        actor=user,
        payload={
            "amount_minor": amount_minor,
            "entry": entry.reference,
            "outstanding_minor": outstanding,
        },
        prev_state=deal.state,
    )
    if outstanding == 0:
        complete_payment(deal, actor=user)
    return deal


def _book_payment(deal: Deal, amount_minor: int, reference: str, user: User) -> JournalEntry:
    entry = book(
        kind="purchase_payment",
        text=f"{deal.reference}: payment of the buyer, bank line {reference}",
        lines=[
            (account(AccountKind.BANK, deal.currency), amount_minor),
            (account(AccountKind.CLEARING, deal.currency, deal.buyer), -amount_minor),
        ],
        idempotency_key=f"payment:{deal.pk}:{reference}",
        lot_id=deal.lot_id,
        bank_reference=reference,
        actor=user,
    )
    Payment.objects.create(
        deal=deal,
        amount_minor=amount_minor,
        bank_reference=reference,
        entry=entry,
        recorded_by=user,
        recorded_at=entry.booked_at,
    )
    return entry


def _check_payment(deal: Deal, amount_minor: int, reference: str) -> None:
    if amount_minor <= 0:
        raise InvalidInput(
            "amount_not_positive", "A payment is an amount above zero.", field="amount"
        )
    if not 0 < len(reference) <= 120:
        raise InvalidInput(
            "bank_reference_missing",
            "Name the line of the bank statement, at most 120 characters.",
            field="bank_reference",
        )
    outstanding = balance_due(deal)
    if amount_minor > outstanding:
        raise Refused(
            "overpayment",
            f"Only {deal.currency} {format_minor(outstanding, deal.currency)} is still due."
            " Record that much and return the rest to the payer.",
            field="amount",
        )


def complete_payment(deal: Deal, *, actor: User | None) -> None:
    """Apply the deposit, return its unused part, move title and state: one transaction (O4).

    For services that hold the deal's lock and know that nothing is due any more.
    """
    if deal.deposit_minor:
        apply_deposit(buyer=deal.buyer, lot_id=deal.lot_id, actor=actor)
    surplus = -deal.price.balance_minor
    if surplus > 0:
        book(
            kind="purchase_surplus",
            text=f"{deal.reference}: deposit above the balance due, back to the buyer",
            lines=[
                (account(AccountKind.CLEARING, deal.currency, deal.buyer), surplus),
                (account(AccountKind.BANK, deal.currency), -surplus),
            ],
            idempotency_key=f"surplus:{deal.pk}",
            lot_id=deal.lot_id,
            actor=actor,
        )
    now = database_now()
    deal.pay(now)
    moved = _move_title(deal, now)
    deal.save()
    record(
        type="deal.paid",
        subject=deal,
        actor=actor,
        payload={
            "gross_minor": deal.price.gross_minor,
            "deposit_minor": deal.deposit_minor,
            "loans": moved,
            "owner": str(deal.buyer_id),
        },
        prev_state=DealState.CONTRACTED,
    )


def _move_title(deal: Deal, moment: datetime) -> int:
    """End the seller's title and begin the buyer's at the same instant (O1); number of loans."""
    keys = list(LoanPrice.objects.filter(deal=deal, exclusion="").values_list("loan_id", flat=True))
    sold = LoanPrice.objects.filter(deal=deal, exclusion="").values("loan")
    ended = Ownership.objects.filter(loan__in=sold, owner=deal.seller, until=None).update(
        until=moment
    )
    if ended != len(keys):
        raise Refused("title_elsewhere", f"A loan of {deal.reference} has another owner.")
    Ownership.objects.bulk_create(
        (Ownership(loan_id=key, owner=deal.buyer, deal=deal, since=moment) for key in keys),
        batch_size=BATCH,
    )
    return ended
