"""Statements: made from the books, agreed by both sides, settled by paying the seller out."""

from uuid import UUID

from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.files import store_bytes
from npa_market.common.ids import next_reference
from npa_market.evidence.services import record
from npa_market.ledger.chart import account
from npa_market.ledger.models import AccountKind
from npa_market.ledger.queries import balance_minor, last_entry
from npa_market.ledger.services import Line, book
from npa_market.parties.models import User
from npa_market.parties.permissions import may, require
from npa_market.settlement.exports import journal_file, workbook_file
from npa_market.settlement.lines import StatementLines, check_totals, statement_lines
from npa_market.settlement.models import Agreement, Statement
from npa_market.transfers.models import Deal, DealState
from npa_market.transfers.services import close_deal
from npa_market.transfers.services.locking import locked_deal, require_state

FIGURES = (
    "hammer", "excluded", "adjusted", "receipts", "receipts_cost", "receipts_direct", "deposit",
    "balance", "fee", "tax", "seller_net",
)  # fmt: skip


@transaction.atomic
def make_statement(*, user: User, deal_id: UUID) -> Statement:
    """Draw up the settlement statement of a delivered deal with its files; again: the same one.

    Raises NotPermitted, Refused `deal_state` or `books_differ` where the purchase money in the
    books is not what the statement says.
    """
    deal = locked_deal(deal_id)
    require(user, "settlement.make_statement", deal)
    known = Statement.objects.filter(deal=deal).first()
    if known is not None:
        return known
    require_state(deal, DealState.DELIVERED, "make the statement")
    lines = statement_lines(deal.money_terms)
    check_totals(lines)
    _require_books(deal, lines)
    cut_off = last_entry()
    assert cut_off is not None, "a paid deal has entries"
    statement = Statement.objects.create(
        reference=next_reference("STA"),
        deal=deal,
        currency=deal.currency,
        ledger_cut_off=cut_off.pk,
        ledger_seq=cut_off.seq,
        made_by=user,
        created_at=database_now(),
        **{f"{key}_minor": lines[key] for key in FIGURES},
    )
    statement.workbook = store_bytes(workbook_file(statement))
    statement.journal = store_bytes(journal_file(deal, statement.ledger_seq))
    statement.save()
    record(
        type="statement.made",
        subject=statement,
        actor=user,
        payload={
            "reference": statement.reference,
            "deal": str(deal.pk),
            "ledger_seq": statement.ledger_seq,
            "workbook_sha256": statement.workbook_id,
            "journal_sha256": statement.journal_id,
            **{f"{key}_minor": lines[key] for key in FIGURES},
        },
    )
    return statement


def _require_books(deal: Deal, lines: StatementLines) -> None:
    clearing = account(AccountKind.CLEARING, deal.currency, deal.buyer)
    if balance_minor(clearing, deal.lot_id) != -lines["gross"]:
        raise Refused(
            "books_differ",
            "The purchase money in the books is not the deposit and balance of the statement.",
        )


@transaction.atomic
def agree_statement(
    *, user: User, statement_id: UUID, workbook_sha256: str | None = None
) -> Statement:
    """Agree for the side whose finance the user is; with the second word the deal is settled.

    Settled means: fee and tax booked, seller paid out, client money of the lot at zero, closing
    journal kept, deal closed, in this transaction. `workbook_sha256` is the file that the user
    saw, where the door knows it. A side that agreed already changes nothing. Raises NotPermitted,
    Refused `workbook_changed`, `deal_state` or `client_money_open`.
    """
    deal_id = Statement.objects.values_list("deal", flat=True).get(pk=statement_id)
    deal = locked_deal(deal_id)
    statement = Statement.objects.select_for_update().get(pk=statement_id)
    is_seller = may(user, "settlement.agree_as_seller", statement)
    if not is_seller:
        require(user, "settlement.agree_as_buyer", statement)
    side = deal.seller if is_seller else deal.buyer
    if statement.agreements.filter(organisation=side).exists():
        return statement
    if workbook_sha256 is not None and workbook_sha256 != statement.workbook_id:
        raise Refused("workbook_changed", "This is not the workbook in force. Read it again.")
    before = statement.state.value
    Agreement.objects.create(
        statement=statement,
        organisation=side,
        agreed_by=user,
        agreed_at=database_now(),
        workbook_sha256=statement.workbook_id or "",
    )
    record(
        type="statement.agreed",
        subject=statement,
        actor=user,
        payload={
            "side": "seller" if is_seller else "buyer",
            "workbook_sha256": statement.workbook_id or "",
        },
        prev_state=before,
    )
    if statement.agreements.count() == 2:
        _settle(statement, deal, user)
    return statement


def _settle(statement: Statement, deal: Deal, actor: User) -> None:
    _pay_out(statement, deal, actor)
    closing = last_entry()
    assert closing is not None, "a paid deal has entries"
    statement.settled_at = database_now()
    statement.closing_seq = closing.seq
    statement.closing_journal = store_bytes(journal_file(deal, closing.seq))
    statement.save()
    record(
        type="statement.settled",
        subject=statement,
        actor=actor,
        payload={
            "seller_net_minor": statement.seller_net_minor,
            "closing_seq": closing.seq,
            "closing_journal_sha256": statement.closing_journal.sha256,
        },
    )
    close_deal(deal_id=deal.pk, actor=actor)


def _pay_out(statement: Statement, deal: Deal, actor: User) -> None:
    """Split the purchase money into seller's net, fee and tax; pay both out of client money."""
    currency, net = statement.currency, statement.seller_net_minor
    fee, tax = statement.fee_minor, statement.tax_minor
    bank = account(AccountKind.BANK, currency)
    payable = account(AccountKind.PAYABLE, currency, deal.seller)
    bookings: list[tuple[str, str, list[Line]]] = [
        (
            "settlement",
            "purchase money to the seller, fee and tax",
            [
                (account(AccountKind.CLEARING, currency, deal.buyer), net + fee + tax),
                (payable, -net),
                (account(AccountKind.FEES, currency), -fee),
                (account(AccountKind.TAX, currency), -tax),
            ],
        ),
        ("seller_paid_out", "net price paid to the seller", [(payable, net), (bank, -net)]),
        (
            "fee_withdrawn",
            "fee and tax from client money to the venue's own account",
            [(account(AccountKind.OWN_BANK, currency), fee + tax), (bank, -fee - tax)],
        ),
    ]
    for kind, text, lines in bookings:
        if amounts := [line for line in lines if line[1]]:
            book(
                kind=kind,
                text=f"{deal.reference}: {text}",
                lines=amounts,
                idempotency_key=f"{kind}:{deal.pk}",
                lot_id=deal.lot_id,
                actor=actor,
            )
