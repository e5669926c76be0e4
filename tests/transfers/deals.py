"""Deals at each stage, made by the real services from a lot that was sold."""

from dataclasses import dataclass
from datetime import date, timedelta

import pyrage

from npa_market.auctions.models import Lot, LotState
from npa_market.common.clock import database_now
from npa_market.common.ids import next_reference
from npa_market.ledger.services import take_deposit
from npa_market.packages.models import Package
from npa_market.parties.models import Organisation, User
from npa_market.tapes.models import Borrower, Receipt
from npa_market.tapes.vault import BORROWER_PLACES, Place, current_vault
from npa_market.transfers.models import Deal
from npa_market.transfers.package_keys import open_delivery
from npa_market.transfers.services import (
    award_deal,
    confirm_receipt,
    record_payment,
    release_delivery,
    release_delivery_again,
    sign_contract,
    take_delivery,
)
from tests.builders import sealed_package

HAMMER = 317_241_507
DEPOSIT = 50_000_000
NAME, ID_NUMBER, MOBILE = "欧阳丹青", "110101199003077758", "13900001111"


@dataclass(frozen=True)
class Cast:
    """Who takes part in a deal; the identity is the buyer's private age key."""

    seller: Organisation
    buyer: Organisation
    loser: Organisation
    analyst: User
    approver: User
    buyer_user: User
    finance: User
    identity: pyrage.x25519.Identity


def plant_person(package: Package) -> None:
    """Give one borrower of the package values that no page, log or entry may ever show."""
    borrower = Borrower.objects.filter(loans__memberships__package=package).order_by("pk")[0]
    values = {"name": NAME, "id_number": ID_NUMBER, "mobile": MOBILE}
    for field, value in values.items():
        place = Place(BORROWER_PLACES[field], borrower.pk)
        setattr(borrower, f"{field}_sealed", current_vault().seal(value, place))
    borrower.save()


def sold_lot(
    cast: Cast, *, count: int = 12, hammer_minor: int = HAMMER, receipts_minor: int = 0, seed=1
) -> Lot:
    """A lot that the buyer won against a loser, both with a deposit."""
    package = sealed_package(cast.analyst, cast.approver, count=count, seed=seed)
    plant_person(package)
    if receipts_minor:
        add_receipt(package, receipts_minor, loan=0)
    lot = make_lot(cast, package, hammer_minor)
    for number, bidder in enumerate((cast.buyer, cast.loser)):
        take_deposit(
            buyer=bidder,
            lot_id=lot.pk,
            amount_minor=DEPOSIT,
            currency=lot.currency,
            bank_reference=f"{lot.reference}-DEP-{number}",
        )
    return lot


def add_receipt(package: Package, gross_minor: int, *, loan: int = 1) -> None:
    """Cash of one loan, by its place among the tokens, in the month after the cut-off date."""
    Receipt.objects.create(
        loan=package.members.order_by("token")[loan].loan,
        month=date(2026, 7, 1),
        gross_minor=gross_minor,
    )


def make_lot(cast: Cast, package: Package, hammer_minor: int = HAMMER, **fields: object) -> Lot:
    """A lot as bidding left it; `fields` replace what a test needs otherwise."""
    now = database_now()
    is_sold = fields.get("state", LotState.SOLD) == LotState.SOLD
    values: dict[str, object] = {
        "state": LotState.SOLD,
        "bids": 1,
        "leader": cast.buyer,
        "leading_minor": hammer_minor,
        "winner": cast.buyer,
        "hammer_minor": hammer_minor if is_sold else None,
    }
    return Lot.objects.create(
        reference=next_reference("LOT"),
        package=package,
        title="Unsecured consumer loans, 12 accounts",
        currency=package.currency,
        start_price_minor=min(hammer_minor, DEPOSIT),
        step_minor=1_000,
        reserve_minor=123_456_789,
        deposit_minor=DEPOSIT,
        fee_per_100k=100,
        tax_per_100k=6_000,
        announced_at=now - timedelta(days=20),
        registration_ends_at=now - timedelta(days=2),
        opens_at=now - timedelta(days=1),
        first_end_at=now,
        ends_at=now,
        last_end_at=now,
        hard_end_at=now,
        created_by=cast.analyst,
        **(values | fields),
    )


def awarded(cast: Cast, **lot: int) -> Deal:
    return award_deal(lot_id=sold_lot(cast, **lot).pk)


def contracted(cast: Cast, **lot: int) -> Deal:
    deal = awarded(cast, **lot)
    sign_contract(user=cast.approver, deal_id=deal.pk, organisation=cast.seller)
    return sign_contract(user=cast.buyer_user, deal_id=deal.pk, organisation=cast.buyer)


def pay(cast: Cast, deal: Deal, amount_minor: int | None = None, line: str = "PAY-1") -> Deal:
    due = deal.price.balance_minor if amount_minor is None else amount_minor
    return record_payment(user=cast.finance, deal_id=deal.pk, amount_minor=due, bank_reference=line)


def paid(cast: Cast, **lot: int) -> Deal:
    return pay(cast, contracted(cast, **lot))


def released(cast: Cast, **lot: int) -> Deal:
    deal = paid(cast, **lot)
    release_delivery(user=cast.analyst, deal_id=deal.pk)
    release_delivery(user=cast.approver, deal_id=deal.pk)
    return Deal.objects.get(pk=deal.pk)


def set_back(deal: Deal, days: int) -> Deal:
    """As if the file had been released that many days earlier."""
    released_at = deal.delivery.released_at - timedelta(days=days)
    deal.deliveries.in_force().update(released_at=released_at)
    return deal


def ran_out(cast: Cast, **lot: int) -> Deal:
    """A released file whose days are over, not receipted."""
    return set_back(released(cast, **lot), 30)


def released_again(cast: Cast, deal: Deal) -> Deal:
    for user in (cast.analyst, cast.approver):
        release_delivery_again(user=user, deal_id=deal.pk)
    return Deal.objects.get(pk=deal.pk)


def opened_file(cast: Cast, deal: Deal) -> bytes:
    """The buyer takes the file and decrypts it with the private key."""
    delivery = take_delivery(user=cast.buyer_user, deal_id=deal.pk)
    with open_delivery(delivery) as taken:
        return pyrage.decrypt(taken.read(), [cast.identity])


def delivered(cast: Cast, **lot: int) -> Deal:
    deal = released(cast, **lot)
    return confirm_receipt(user=cast.buyer_user, deal_id=deal.pk, sha256=deal.delivery.plain_sha256)
