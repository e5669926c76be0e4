"""The main job, step by step; each step finds its earlier result, so a second run adds nothing."""

import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pyrage

from npa_market.auctions.core import LotTerms
from npa_market.auctions.models import Lot, LotState, RegistrationState
from npa_market.auctions.services import (
    admit_registration,
    announce_lot,
    confirm_deposit,
    register_for_lot,
)
from npa_market.common.clock import database_now
from npa_market.common.files import CHUNK
from npa_market.common.outbox import deliver_pending
from npa_market.diligence.models import Admission, DataRoom, Report
from npa_market.diligence.services import make_report, open_room, sign_nda
from npa_market.packages.models import Package, PackageState
from npa_market.packages.services import draft_package, screen_package, seal_package
from npa_market.portal.demo.bidding import Bidder, bid_out
from npa_market.portal.demo.cast import Cast
from npa_market.portal.demo.worker import wait_for
from npa_market.settlement.models import Statement
from npa_market.settlement.services import agree_statement, make_statement
from npa_market.tapes.confirming import confirm_import, result_sha256
from npa_market.tapes.models import Tape, TapeState
from npa_market.tapes.services import upload_tape
from npa_market.transfers.models import Deal, DealState
from npa_market.transfers.package_keys import open_delivery
from npa_market.transfers.queries import balance_due
from npa_market.transfers.services import (
    confirm_receipt,
    record_payment,
    release_delivery,
    sign_contract,
    take_delivery,
)
from npa_market.valuation.models import Valuation, ValuationState
from npa_market.valuation.services import request_valuation

Say = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """Where the story plays: the cast, the running worker, and how to speak."""

    cast: Cast
    worker: subprocess.Popen[bytes]
    say: Say


@dataclass(frozen=True)
class TapeOrder:
    """Which file to take in, and how to read it."""

    path: Path
    mapping: str
    currency: str
    cut_off_date: date


def take_in_tape(stage: Stage, order: TapeOrder) -> Tape:
    """Upload by the seller's analyst; the worker imports."""
    with order.path.open("rb") as handle:
        tape = upload_tape(
            user=stage.cast.user("analyst@seller.example"),
            seller=stage.cast.seller,
            chunks=iter(lambda: handle.read(CHUNK), b""),
            file_name=order.path.name,
            mapping=order.mapping,
            currency=order.currency,
            cut_off_date=order.cut_off_date,
        )
    if tape.job is not None and tape.state != TapeState.IMPORTED:
        wait_for(tape.job, stage.worker, stage.say)
    tape.refresh_from_db()
    if tape.state == TapeState.TO_CONFIRM:
        tape = confirm_import(
            user=stage.cast.user("analyst@seller.example"),
            tape_id=tape.pk,
            result_sha256_seen=result_sha256(tape),
        )
    return tape


def build_package(stage: Stage, tape: Tape, title: str, criteria: dict[str, object]) -> Package:
    """Draft and screen by the analyst, seal by the approver: maker is not checker."""
    analyst = stage.cast.user("analyst@seller.example")
    package = Package.objects.filter(seller=stage.cast.seller, title=title).first()
    if package is None:
        package = draft_package(
            user=analyst,
            seller=stage.cast.seller,
            title=title,
            currency=tape.currency,
            cut_off_date=tape.cut_off_date,
            criteria=criteria,
            transfer_basis="Assignment clause of the loan contract (demonstration)",
        )
    if package.state == PackageState.DRAFT:
        package = screen_package(user=analyst, package_id=package.pk)
    if package.state != PackageState.SEALED:
        package = seal_package(
            user=stage.cast.user("approver@seller.example"), package_id=package.pk
        )
    return package


def value_package(stage: Stage, package: Package, calibration: str) -> Valuation:
    """The seller's valuer asks, the worker computes."""
    valuation = request_valuation(
        user=stage.cast.user("valuer@seller.example"),
        organisation=stage.cast.seller,
        package_id=package.pk,
        calibration_name=calibration,
        terms={"paths": 4096, "seed": 20261111},
    )
    if valuation.state != ValuationState.DONE and valuation.job is not None:
        wait_for(valuation.job, stage.worker, stage.say)
    valuation.refresh_from_db()
    return valuation


def disclose(stage: Stage, package: Package, valuation: Valuation) -> tuple[Report, DataRoom]:
    """Report, open data room, and a signed NDA of each buyer."""
    approver = stage.cast.user("approver@seller.example")
    report = make_report(user=approver, package_id=package.pk, valuation_id=valuation.pk)
    room = open_room(user=approver, package_id=package.pk)
    for buyer in stage.cast.buyers:
        if not Admission.objects.filter(room=room, buyer=buyer, revoked_at=None).exists():
            sign_nda(user=stage.cast.at_buyer(buyer, "signatory"), room_id=room.pk, buyer=buyer)
    return report, room


def compressed_terms(valuation: Valuation, seconds_to_open: float) -> LotTerms:
    """Terms from the valuation: start at 60 % of the price, steps of 2 %, deposit of 10 %.

    The timetable is compressed to seconds for the demonstration; a real announcement gives ten
    working days.
    """
    price = valuation.price_minor or 0
    opens_at = database_now() + timedelta(seconds=seconds_to_open)
    start = rounded(price * 60 // 100)
    return LotTerms(
        start_price_minor=start,
        step_minor=rounded(price * 2 // 100),
        deposit_minor=rounded(start // 10),
        reserve_minor=max(start, rounded(price * 75 // 100)),
        registration_ends_at=opens_at,
        opens_at=opens_at,
        ends_at=opens_at + timedelta(seconds=6),
        hard_end_at=opens_at + timedelta(seconds=90),
        window_seconds=2,
        extension_seconds=2,
    )


def showcase_terms(valuation: Valuation) -> LotTerms:
    """The same money terms for a lot that stays open for two days after a few seconds."""
    now = database_now()
    quick = compressed_terms(valuation, seconds_to_open=8)
    end = now + timedelta(days=2)
    return replace(
        quick,
        ends_at=end,
        hard_end_at=end + timedelta(hours=6),
        window_seconds=300,
        extension_seconds=300,
    )


def rounded(amount_minor: int) -> int:
    """Two leading digits, at least one minor unit: how people state prices and steps."""
    scale = int("1" + "0" * max(0, len(str(amount_minor)) - 2))
    return max(1, amount_minor // scale * scale)


def offer(stage: Stage, package: Package, terms: LotTerms, title: str) -> Lot:
    """Announce, register every buyer, admit, confirm the deposits. A lot that lives is kept."""
    lot = Lot.objects.filter(package=package, title=title).exclude(state=LotState.CANCELLED).first()
    if lot is None:
        lot = announce_lot(
            user=stage.cast.user("approver@seller.example"),
            package_id=package.pk,
            title=title,
            terms=terms,
        )
    for number, buyer in enumerate(stage.cast.buyers, start=1):
        if lot.registrations.filter(buyer=buyer).exists():
            continue
        signatory = stage.cast.at_buyer(buyer, "signatory")
        registration = register_for_lot(user=signatory, lot_id=lot.pk, buyer=buyer)
        if registration.state == RegistrationState.APPLIED:
            operator = stage.cast.user("operator@venue.example")
            admit_registration(user=operator, registration_id=registration.pk)
        confirm_deposit(
            user=stage.cast.user("finance@venue.example"),
            registration_id=registration.pk,
            bank_reference=f"{lot.reference}-DEPOSIT-{number}",
        )
    return lot


def auction(stage: Stage, lot: Lot, valuation: Valuation) -> Lot:
    """Three buyers bid up to 88, 97 and 106 % of the value; the last bid falls in the window."""
    price = valuation.price_minor or 0
    bidders = [
        Bidder(buyer, stage.cast.at_buyer(buyer, "signatory"), price * percent // 100)
        for buyer, percent in zip(stage.cast.buyers, (88, 106, 97), strict=True)
    ]
    return bid_out(lot, bidders, stage.say)


def transfer(stage: Stage, lot: Lot) -> Deal:
    """Award, both signatures, payment with title, release by two people, receipt."""
    cast = stage.cast
    deliver_pending()  # The end of the lot is a message; its handler makes the deal.
    deal: Deal = Deal.objects.get(lot=lot)
    buyer = cast.buyer(deal.buyer_id)
    approver, signatory = cast.user("approver@seller.example"), cast.at_buyer(buyer, "signatory")
    if deal.state == DealState.AWARDED:
        sign_contract(user=approver, deal_id=deal.pk, organisation=cast.seller)
        deal = sign_contract(user=signatory, deal_id=deal.pk, organisation=buyer)
    if deal.state == DealState.CONTRACTED:
        deal = record_payment(
            user=cast.user("finance@venue.example"),
            deal_id=deal.pk,
            amount_minor=balance_due(deal),
            bank_reference=f"{deal.reference}-BALANCE",
        )
    if deal.state == DealState.PAID:
        release_delivery(user=approver, deal_id=deal.pk)
        release_delivery(user=cast.user("approver2@seller.example"), deal_id=deal.pk)
        delivery = take_delivery(user=signatory, deal_id=deal.pk)
        with open_delivery(delivery) as taken:
            received = pyrage.decrypt(taken.read(), [cast.identity(buyer)])
        deal = confirm_receipt(
            user=signatory, deal_id=deal.pk, sha256=hashlib.sha256(received).hexdigest()
        )
    return deal


def settle(stage: Stage, deal: Deal) -> Statement:
    """The statement, agreed by both finance desks: the seller is paid out, the deal closes."""
    cast = stage.cast
    statement = make_statement(user=cast.user("finance@venue.example"), deal_id=deal.pk)
    buyer = cast.buyer(deal.buyer_id)
    if deal.state != DealState.CLOSED:
        agree_statement(user=cast.user("finance@seller.example"), statement_id=statement.pk)
        agree_statement(user=cast.at_buyer(buyer, "finance"), statement_id=statement.pk)
    statement.refresh_from_db()
    return statement
