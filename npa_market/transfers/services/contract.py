"""The contract: its text by hash, loans taken out before it, and the signatures of both sides."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.files import store_bytes
from npa_market.evidence.services import record
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require
from npa_market.transfers.contract_text import contract_facts
from npa_market.transfers.models import Deal, DealState, LoanPrice, Signature
from npa_market.transfers.queries import receipts_since_cut_off
from npa_market.transfers.services.locking import locked_deal, require_state
from npa_market.transfers.services.payment import complete_payment
from npa_market.transfers.terms import PUTBACK_REASONS

REASONS = frozenset(code for code, _, _ in PUTBACK_REASONS)


def write_contract(deal: Deal) -> None:
    """Draw up the contract of a deal as it stands and keep it by its hash."""
    from npa_market.transfers.contract_pdf import draw_contract

    deal.contract_file = store_bytes(draw_contract(contract_facts(deal)))
    deal.save()


@transaction.atomic
def exclude_loans(*, user: User, deal_id: UUID, tokens: Collection[str], reason: str) -> Deal:
    """Take loans out before the contract is signed; their allocated price is not owed.

    They stay with the seller, and so do their receipts since the cut-off date. Loans already out
    are passed over. Raises NotPermitted, Refused `deal_state` or `contract_signed`, InvalidInput
    `reason_unknown` or `loan_not_in_deal`.
    """
    deal = locked_deal(deal_id)
    require(user, "transfers.exclude_loans", deal)
    require_state(deal, DealState.AWARDED, "exclude loans")
    if deal.signatures.exists():
        raise Refused("contract_signed", "One side has signed this text; it does not change.")
    if reason not in REASONS:
        raise InvalidInput("reason_unknown", "Choose one of the listed reasons.", field="reason")
    rows = list(LoanPrice.objects.filter(deal=deal, token__in=set(tokens)))
    if not rows or len(rows) != len(set(tokens)):
        raise InvalidInput(
            "loan_not_in_deal", "A token on the list is not a loan of this deal.", field="tokens"
        )
    fresh = [row for row in rows if not row.exclusion]
    if not fresh:
        return deal
    for row in fresh:
        row.exclusion = reason
    LoanPrice.objects.bulk_update(fresh, ["exclusion"])
    before = deal.contract_file_id or ""
    deal.excluded_minor = (
        deal.loan_prices.exclude(exclusion="").aggregate(total=Sum("price_minor"))["total"] or 0
    )
    sold = deal.loan_prices.filter(exclusion="")
    deal.receipts_minor = receipts_since_cut_off(deal.lot.package, sold)
    if not sold.exists() or not _bears_its_fee(deal):
        raise Refused("nothing_left", "The rest of the deal would be empty; cancel it instead.")
    write_contract(deal)
    record(
        type="deal.loans_excluded",
        subject=deal,
        actor=user,
        payload={
            "reason": reason,
            "tokens": sorted(row.token for row in fresh),
            "excluded_minor": deal.excluded_minor,
            "receipts_minor": deal.receipts_minor,
            "contract_sha256": deal.contract_file_id or "",
            "replaces_sha256": before,
        },
        prev_state=deal.state,
    )
    return deal


def _bears_its_fee(deal: Deal) -> bool:
    try:
        return deal.price.adjusted_minor > 0
    except ValueError:
        return False


@transaction.atomic
def sign_contract(
    *, user: User, deal_id: UUID, organisation: Organisation, document_sha256: str | None = None
) -> Deal:
    """Sign for one side; with the second signature the deal is contracted.

    `document_sha256` is the text that the signatory saw, where the door knows it; another text
    than the one in force is refused (`contract_changed`). A side that signed already changes
    nothing. Raises NotPermitted, Refused `not_a_party` or `deal_state`.
    """
    deal = locked_deal(deal_id)
    side = {deal.seller_id: "seller", deal.buyer_id: "buyer"}.get(organisation.pk)
    if side is None:
        raise Refused("not_a_party", "This institution is not a party of the deal.")
    require(user, f"transfers.sign_as_{side}", deal)
    if deal.signatures.filter(organisation=organisation).exists():
        return deal
    require_state(deal, DealState.AWARDED, "sign")
    text = deal.contract_file_id
    assert text, "a deal has its contract text from the award"
    if document_sha256 is not None and document_sha256 != text:
        raise Refused(
            "contract_changed", "The contract text has changed. Read it again, then sign."
        )
    now = database_now()
    Signature.objects.create(
        deal=deal,
        organisation=organisation,
        signed_by=user,
        signed_at=now,
        document_sha256=text,
    )
    record(
        type="deal.signed",
        subject=deal,
        actor=user,
        payload={"side": side, "document_sha256": text},
        prev_state=deal.state,
    )
    if deal.signatures.count() == 2:
        _conclude(deal, text)
    return deal


def _conclude(deal: Deal, text: str) -> None:
    deal.contract(database_now())
    deal.save()
    record(
        type="deal.contracted",
        subject=deal,
        actor=None,
        payload={"document_sha256": text, "balance_minor": deal.price.balance_minor},
        prev_state=DealState.AWARDED,
    )
    if deal.price.balance_minor <= 0:  # Receipts since the cut-off date have paid it already.
        complete_payment(deal, actor=None)
