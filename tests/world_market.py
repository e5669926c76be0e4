"""The deal and the open lot of the tests' world, made through the real services in their order."""

from datetime import timedelta
from functools import partial
from time import sleep
from typing import Any

from npa_market.auctions.models import Lot, SaleEvent, TermsTemplate
from npa_market.auctions.sale_events.services import Offered, Timetable, announce_event
from npa_market.auctions.services import (
    admit_registration,
    advance_lot,
    announce_lot,
    confirm_deposit,
    place_bid,
    register_for_lot,
    save_terms,
    withdraw_lot,
)
from npa_market.auctions.terms import LotTerms
from npa_market.common.clock import database_now
from npa_market.common.fields import uuid7
from npa_market.diligence.models import DataRoom, Report
from npa_market.diligence.services import make_report, open_room, sign_nda
from npa_market.ledger.models import Hold, JournalEntry
from npa_market.packages.exports import ask_for_export
from npa_market.packages.models import Package, PackageExport, SavedCriteria
from npa_market.packages.services import save_criteria
from npa_market.parties.models import Organisation, User
from npa_market.parties.roles import Role
from npa_market.settlement.services import make_statement
from npa_market.transfers.models import Deal
from npa_market.transfers.queries import balance_due
from npa_market.transfers.services import (
    award_deal,
    confirm_receipt,
    record_payment,
    release_delivery,
    sign_contract,
)
from npa_market.valuation.fits import fit_to_package, run_fit
from npa_market.valuation.models import Fit, Scenario, Valuation
from npa_market.valuation.scenarios import save_scenario
from npa_market.valuation.services import request_valuation, run_valuation
from tests.builders import screened_package, sealed_package

START, STEP = 2_000_000, 100_000
Desks = dict[Role, User]
Bidder = tuple[Organisation, User]


def value(package: Package, desks: Desks) -> Valuation:
    """The seller's valuation of the package, few paths."""
    asked = request_valuation(
        user=desks[Role.VALUER],
        organisation=package.seller,
        package_id=package.pk,
        calibration_name="cn-consumer-reference",
        terms={"paths": 1024, "seed": 7},
    )
    valuation = run_valuation(valuation_id=asked.pk)
    save_scenario(
        user=desks[Role.VALUER],
        valuation_id=valuation.pk,
        name="A tenth fewer payments",
        terms={**valuation.terms, "level": 0.9},
    )
    return valuation


def calibrate(package: Package, desks: Desks) -> Fit:
    """A calibration fitted to the receipts of the package."""
    asked = fit_to_package(
        user=desks[Role.VALUER],
        organisation=package.seller,
        title=f"Receipts of {package.reference}",
        package_id=package.pk,
    )
    return run_fit(fit_id=asked.pk)


def disclose(
    package: Package, valuation: Valuation, desks: Desks, bidders: list[Bidder]
) -> tuple[Report, DataRoom]:
    """Report, data room, and the NDA of each bidder."""
    approver = desks[Role.SELLER_APPROVER]
    report = make_report(user=approver, package_id=package.pk, valuation_id=valuation.pk)
    room = open_room(user=approver, package_id=package.pk)
    for buyer, signatory in bidders:
        sign_nda(user=signatory, room_id=room.pk, buyer=buyer)
    return report, room


def offer(package: Package, desks: Desks, bidders: list[Bidder], length: timedelta) -> Lot:
    """An announced lot that opens within a second, its bidders admitted and deposited."""
    opens_at = database_now() + timedelta(seconds=1)
    terms = LotTerms(
        start_price_minor=START,
        step_minor=STEP,
        deposit_minor=START // 10,
        reserve_minor=START,
        registration_ends_at=opens_at,
        opens_at=opens_at,
        ends_at=opens_at + length,
        hard_end_at=opens_at + length + timedelta(hours=1),
        window_seconds=1,
        extension_seconds=1,
    )
    lot = announce_lot(
        user=desks[Role.SELLER_APPROVER], package_id=package.pk, title=package.title, terms=terms
    )
    for number, (buyer, signatory) in enumerate(bidders):
        applied = register_for_lot(user=signatory, lot_id=lot.pk, buyer=buyer)
        admit_registration(user=desks[Role.OPERATOR], registration_id=applied.pk)
        confirm_deposit(
            user=desks[Role.VENUE_FINANCE],
            registration_id=applied.pk,
            bank_reference=f"{lot.reference}-{number}",
        )
    _wait_until(lot.opens_at)
    return advance_lot(lot_id=lot.pk)


def bid(lot: Lot, bidders: list[Bidder], rounds: int) -> Lot:
    """The bidders in turn, each a step above the other."""
    for turn in range(rounds):
        buyer, signatory = bidders[turn % len(bidders)]
        lot.refresh_from_db()
        outcome = place_bid(
            user=signatory,
            lot_id=lot.pk,
            buyer=buyer,
            amount_minor=lot.floor_minor,
            request_id=uuid7(),
        )
        if outcome.refusal:
            raise RuntimeError(f"the world's bid was refused: {outcome.message}")
    lot.refresh_from_db()
    return lot


def sell(package: Package, desks: Desks, bidders: list[Bidder]) -> Lot:
    """A short lot to its end; the first bidder wins."""
    lot = bid(offer(package, desks, bidders, timedelta(seconds=2)), bidders, rounds=3)
    _wait_until(lot.ends_at)
    return advance_lot(lot_id=lot.pk)


def transfer(lot: Lot, desks: Desks, signatory: User) -> Deal:
    """Contract, payment, delivery with receipt."""
    deal = award_deal(lot_id=lot.pk)
    sign = partial(sign_contract, deal_id=deal.pk)
    sign(user=desks[Role.SELLER_APPROVER], organisation=deal.seller)
    deal = sign(user=signatory, organisation=deal.buyer)
    record_payment(
        user=desks[Role.VENUE_FINANCE],
        deal_id=deal.pk,
        amount_minor=balance_due(deal),
        bank_reference=f"{deal.reference}-BALANCE",
    )
    release_delivery(user=desks[Role.SELLER_ANALYST], deal_id=deal.pk)
    delivery = release_delivery(user=desks[Role.SELLER_APPROVER], deal_id=deal.pk)
    return confirm_receipt(user=signatory, deal_id=deal.pk, sha256=delivery.plain_sha256)


def make_market(desks: Desks, bidders: list[Bidder]) -> None:
    """A sold package with its deal at the statement, an open lot, and a package to release."""
    analyst, approver = desks[Role.SELLER_ANALYST], desks[Role.SELLER_APPROVER]
    package = sealed_package(analyst, approver, count=80, seed=1)
    disclose(package, value(package, desks), desks, bidders)
    calibrate(package, desks)
    save_criteria(
        user=desks[Role.SELLER_ANALYST],
        seller=package.seller,
        name="Above a thousand",
        currency=package.currency,
        document={"where": {"field": "claim", "op": "at_least", "value": 100_000}},
    )
    ask_for_export(user=desks[Role.SELLER_ANALYST], package_id=package.pk, form="csv")
    deal = transfer(sell(package, desks, bidders), desks, bidders[0][1])
    make_statement(user=desks[Role.VENUE_FINANCE], deal_id=deal.pk)
    second = sealed_package(analyst, approver, count=50, seed=2)
    disclose(second, value(second, desks), desks, bidders)
    bid(offer(second, desks, bidders, timedelta(days=2)), bidders, rounds=2)
    save_terms(
        user=approver, seller=package.seller, name="Usual", currency=package.currency, document={}
    )
    screened_package(analyst, count=30, seed=3)
    together([sealed_package(analyst, approver, count=30, seed=seed) for seed in (4, 5)], approver)


def together(packages: list[Package], approver: User) -> SaleEvent:
    """An event of these packages, withdrawn by its seller: its protocol can be read."""
    opens_at = database_now() + timedelta(hours=1)
    event = announce_event(
        user=approver,
        title="Two regions",
        offered=[
            Offered(package_id=each.pk, start_price_minor=START, deposit_minor=START // 10)
            for each in packages
        ],
        timetable=Timetable(
            registration_ends_at=opens_at, opens_at=opens_at, ends_at=opens_at + timedelta(hours=1)
        ),
    )
    for lot in event.lots.all():
        withdraw_lot(user=approver, lot_id=lot.pk, reason="Data error")
    return event


def market_objects() -> dict[str, Any]:
    """Keys of what belongs to the one deal, by URL keyword."""
    deal = Deal.objects.earliest("pk")
    package = deal.lot.package
    return {
        "loan_id": package.members.earliest("pk").loan_id,
        "tape_id": package.members.earliest("pk").loan.tape_id,
        "package_id": package.pk,
        "criteria_id": SavedCriteria.objects.get(seller=package.seller).pk,
        "export_id": PackageExport.objects.filter(package=package).earliest("pk").pk,
        "valuation_id": Valuation.objects.filter(package=package).earliest("pk").pk,
        "fit_id": Fit.objects.filter(package=package).earliest("pk").pk,
        "scenario_id": Scenario.objects.filter(valuation__package=package).earliest("pk").pk,
        "report_id": Report.objects.filter(package=package).earliest("pk").pk,
        "room_id": package.data_room.pk,
        "lot_id": deal.lot_id,
        "event_id": SaleEvent.objects.earliest("pk").pk,
        "notice_id": deal.lot.announcement.pk,
        "admission_id": package.data_room.admissions.get(buyer=deal.buyer).pk,
        "request_id": deal.lot.outcomes.filter(buyer=deal.buyer).earliest("pk").request_id,
        "hold_id": Hold.objects.get(lot_id=deal.lot_id, buyer=deal.buyer).pk,
        "entry_id": JournalEntry.objects.filter(lot_id=deal.lot_id).earliest("pk").pk,
        "template_id": TermsTemplate.objects.earliest("pk").pk,
        "registration_id": deal.lot.registrations.get(buyer=deal.buyer).pk,
        "deal_id": deal.pk,
        "statement_id": deal.statement.pk,
    }


def _wait_until(moment: object) -> None:
    while database_now() < moment:
        sleep(0.02)
