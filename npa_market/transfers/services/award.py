"""From the hammer to a deal: price per loan, title on record, contract text, losers refunded."""

import hashlib
from uuid import UUID

from django.conf import settings
from django.db import transaction

from npa_market.auctions.models import Lot, LotState
from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.ids import next_reference
from npa_market.diligence.closing import settle_readers
from npa_market.diligence.queries import published_report
from npa_market.evidence.services import record
from npa_market.ledger.models import Hold, HoldState
from npa_market.ledger.services import refund_deposit
from npa_market.packages.models import PackageLoan
from npa_market.transfers.allocation import Basis, LoanShare, allocate_price
from npa_market.transfers.models import Deal, LoanPrice, Ownership
from npa_market.transfers.queries import receipts_since_cut_off
from npa_market.transfers.services.contract import write_contract
from npa_market.transfers.terms import read_terms
from npa_market.valuation.queries import allocation_of

BATCH = 5_000


@transaction.atomic
def award_deal(*, lot_id: UUID) -> Deal:
    """Make the deal of a sold lot, by the system; again: the same deal.

    Allocates the hammer price to the loans (L6), puts the seller's title on record where it is
    not yet, writes the contract text, refunds the deposits of everybody but the winner. Raises
    Refused `lot_not_sold`, or `title_elsewhere` where a loan belongs to somebody else (O1).
    """
    lot = (
        Lot.objects.select_for_update(of=("self",)).select_related("package__seller").get(pk=lot_id)
    )
    known: Deal | None = Deal.objects.filter(lot=lot).first()
    if known is not None:
        return known
    if lot.state != LotState.SOLD:
        raise Refused("lot_not_sold", f"{lot.reference} is not sold.")
    assert lot.winner is not None
    assert lot.hammer_minor is not None
    hold = Hold.objects.filter(lot_id=lot.pk, buyer=lot.winner, state=HoldState.HELD).first()
    basis, rows = _priced_loans(lot)
    deal: Deal = Deal.objects.create(
        reference=next_reference("DEA"),
        lot=lot,
        seller=lot.package.seller,
        buyer=lot.winner,
        currency=lot.currency,
        hammer_minor=lot.hammer_minor,
        deposit_minor=hold.amount_minor if hold else 0,
        receipts_minor=receipts_since_cut_off(
            lot.package, PackageLoan.objects.filter(package=lot.package)
        ),
        terms=read_terms(settings.DEAL_TERMS).as_json(),
        allocation_basis=basis,
        awarded_at=database_now(),
    )
    for row in rows:
        row.deal = deal
    LoanPrice.objects.bulk_create(rows, batch_size=BATCH)
    _put_title_on_record(deal)
    write_contract(deal)
    settle_readers(package=lot.package)
    _record_award(deal, rows)
    release_deposits(lot_id=lot.pk, except_buyer_id=deal.buyer_id)
    return deal


@transaction.atomic
def release_deposits(*, lot_id: UUID, except_buyer_id: UUID | None = None) -> int:
    """Refund every deposit still held for a lot, by the system; how many. Again: none."""
    held = Hold.objects.filter(lot_id=lot_id, state=HoldState.HELD).select_related("buyer")
    if except_buyer_id is not None:
        held = held.exclude(buyer=except_buyer_id)
    holds = list(held.order_by("pk"))
    for hold in holds:
        refund_deposit(buyer=hold.buyer, lot_id=lot_id)
    return len(holds)


def _priced_loans(lot: Lot) -> tuple[Basis, list[LoanPrice]]:
    """A price for each loan of the lot's package, in the order of the tokens (L6)."""
    assert lot.hammer_minor is not None
    members = list(
        PackageLoan.objects.filter(package=lot.package)
        .order_by("token")
        .values_list("loan_id", "token", "loan__claim_minor")
    )
    basis, prices = allocate_price(
        lot.hammer_minor,
        [LoanShare(token, claim_minor) for _, token, claim_minor in members],
        _loan_values(lot),
    )
    return basis, [
        LoanPrice(loan_id=loan_id, token=token, price_minor=price_minor)
        for (loan_id, token, _), price_minor in zip(members, prices, strict=True)
    ]


def _loan_values(lot: Lot) -> dict[str, float] | None:
    """Loan values behind the report that bidders could read when bidding opened, major units."""
    report = published_report(lot.package, before=lot.opens_at)
    return allocation_of(report.valuation) if report is not None else None


def _put_title_on_record(deal: Deal) -> None:
    loans = LoanPrice.objects.filter(deal=deal).values("loan")
    titles = Ownership.objects.filter(loan__in=loans, until=None)
    if titles.exclude(owner=deal.seller).exists():
        raise Refused("title_elsewhere", f"A loan of {deal.lot.reference} has another owner.")
    known = set(titles.values_list("loan_id", flat=True))
    Ownership.objects.bulk_create(
        (
            Ownership(loan_id=row["loan"], owner=deal.seller, since=deal.awarded_at)
            for row in loans
            if row["loan"] not in known
        ),
        batch_size=BATCH,
    )


def _record_award(deal: Deal, rows: list[LoanPrice]) -> None:
    listing = "".join(f"{row.token} {row.price_minor}\n" for row in rows)
    record(
        type="deal.awarded",
        subject=deal,
        actor=None,
        payload={
            "reference": deal.reference,
            "lot": str(deal.lot_id),
            "seller": str(deal.seller_id),
            "buyer": str(deal.buyer_id),
            "hammer_minor": deal.hammer_minor,
            "deposit_minor": deal.deposit_minor,
            "receipts_minor": deal.receipts_minor,
            "currency": deal.currency,
            "loans": len(rows),
            "allocation_basis": str(deal.allocation_basis),
            "allocation_sha256": hashlib.sha256(listing.encode()).hexdigest(),
            "contract_sha256": deal.contract_file_id or "",
            "terms": deal.terms,
        },
    )
