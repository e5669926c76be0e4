"""From the hammer to the deal."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from django.apps import apps
from django.db import transaction
from django.db.models import Sum

from npa_market.auctions.models import LotState
from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.files import read_stored, store_bytes
from npa_market.common.outbox import deliver_pending, publish
from npa_market.diligence.models import Report, RoomDocument
from npa_market.diligence.services import close_room, open_room, record_access, sign_nda
from npa_market.evidence.models import Entry, Payload
from npa_market.ledger.models import Hold, JournalEntry
from npa_market.packages.models import Package, PackageReader
from npa_market.transfers.models import Deal, DealState, LoanPrice, Ownership
from npa_market.transfers.services import DepositFate, award_deal, cancel_deal
from npa_market.valuation.door import allocation_bytes
from npa_market.valuation.services import request_valuation
from tests.builders import sealed_package
from tests.transfers.deals import DEPOSIT, HAMMER, add_receipt, awarded, make_lot, sold_lot


def test_an_award_prices_each_loan_and_refunds_the_loser(cast):
    deal = awarded(cast, receipts_minor=8_345_027)
    assert (deal.state, deal.hammer_minor, deal.deposit_minor) == ("awarded", HAMMER, DEPOSIT)
    assert deal.receipts_minor == 8_345_027
    assert deal.loan_prices.aggregate(total=Sum("price_minor"))["total"] == HAMMER
    holds = dict(Hold.objects.values_list("buyer__name", "state"))
    assert holds == {cast.buyer.name: "held", cast.loser.name: "refunded"}


def test_receipts_up_to_the_cut_off_date_stay_with_the_seller(cast):
    assert awarded(cast).receipts_minor == 0


@pytest.mark.parametrize(("received", "counted"), [(0, 0), (49_999, 0), (50_000, 0), (50_001, 1)])
def test_receipts_taken_back_cost_the_buyer_nothing(cast, received, counted):
    lot = sold_lot(cast, receipts_minor=-50_000)
    add_receipt(lot.package, received)
    deal = award_deal(lot_id=lot.pk)
    assert deal.receipts_minor == counted
    assert deal.price.balance_minor == HAMMER - DEPOSIT - counted
    assert set(Hold.objects.values_list("state", flat=True)) == {"held", "refunded"}


def test_O1_the_seller_owns_each_loan_at_the_award(cast):
    deal = awarded(cast)
    titles = Ownership.objects.filter(loan__in=deal.loan_prices.values("loan"), until=None)
    assert titles.count() == deal.loan_prices.count() == 12
    assert {title.owner for title in titles} == {cast.seller}


def test_an_award_twice_is_one_award(cast):
    lot = sold_lot(cast)
    first = award_deal(lot_id=lot.pk)
    counts = [model.objects.count() for model in (Deal, LoanPrice, Entry, JournalEntry)]
    assert award_deal(lot_id=lot.pk).pk == first.pk
    assert counts == [model.objects.count() for model in (Deal, LoanPrice, Entry, JournalEntry)]


@pytest.mark.parametrize("closed", ["before the award", "after the award"])
def test_the_winner_alone_reads_in_a_closed_room_until_the_deal_is_cancelled(
    closed, cast, other_buyer_user
):
    lot = sold_lot(cast)
    room = open_room(user=cast.approver, package_id=lot.package_id)
    people = {cast.buyer: cast.buyer_user, cast.loser: other_buyer_user}
    for bidder, user in people.items():
        sign_nda(user=user, room_id=room.pk, buyer=bidder)

    def readers() -> set:
        sees = Package.objects.visible_to
        found = {bidder for bidder, user in people.items() if sees(user).exists()}
        for bidder, user in people.items():
            if bidder in found:
                record_access(user=user, room_id=room.pk, document=RoomDocument.TAPE_CSV)
            else:
                with pytest.raises(NotPermitted):
                    record_access(user=user, room_id=room.pk, document=RoomDocument.TAPE_CSV)
        return found

    if closed == "before the award":
        close_room(user=cast.approver, room_id=room.pk)
        assert readers() == set()
    deal = award_deal(lot_id=lot.pk)
    close_room(user=cast.approver, room_id=room.pk)
    assert readers() == {cast.buyer}
    PackageReader.objects.update(revoked_at=None)  # As rooms were closed once.
    migration = import_module("npa_market.transfers.migrations.0004_readers_of_closed_rooms")
    migration.revoke_readers(apps, None)
    assert readers() == {cast.buyer}
    cancel_deal(user=cast.finance, deal_id=deal.pk, reason="No funds", deposit=DepositFate.REFUND)
    assert readers() == set()
    PackageReader.objects.update(revoked_at=None)
    migration.revoke_readers(apps, None)
    assert readers() == set()


@pytest.fixture
def run_for(cast, django_capture_on_commit_callbacks):
    """The seller's run on a package that values each loan at its claim, but one at nothing."""

    def run(package, worthless):
        with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            valuation = request_valuation(
                user=cast.analyst,
                organisation=cast.seller,
                package_id=package.pk,
                terms={"paths": 256, "horizon_months": 12, "seed": worthless},
            )
        valuation.refresh_from_db()
        members = package.members.order_by("token").values_list("token", "loan__claim_minor")
        tokens, values = zip(*members, strict=True)
        values = np.array([float(claim) for claim in values])
        values[worthless] = 0.0
        content = allocation_bytes(tokens, SimpleNamespace(allocation=values))
        valuation.allocation_file = store_bytes(content)
        valuation.save()
        return valuation

    return run


def publish_run(cast, valuation, made_at):
    return Report.objects.create(
        package=valuation.package,
        valuation=valuation,
        file=store_bytes(b"report"),
        pages=8,
        created_by=cast.analyst,
        created_at=made_at,
    )


def free_loans(deal):
    rows = deal.loan_prices.order_by("token").values_list("price_minor", flat=True)
    return [number for number, price in enumerate(rows) if price == 0]


def test_prices_follow_the_report_that_bidders_could_read(cast, run_for):
    lot = sold_lot(cast)
    room = open_room(user=cast.approver, package_id=lot.package_id)
    room.opened_at = lot.announced_at
    room.save()
    publish_run(cast, run_for(lot.package, 1), lot.announced_at)
    publish_run(cast, run_for(lot.package, 2), lot.opens_at)
    publish_run(cast, run_for(lot.package, 3), lot.opens_at + timedelta(seconds=1))
    run_for(lot.package, 4)
    deal = award_deal(lot_id=lot.pk)
    assert deal.allocation_basis == "valuation"
    assert free_loans(deal) == [2]


def test_a_run_that_no_report_shows_decides_no_price(cast, run_for):
    lot = sold_lot(cast)
    run_for(lot.package, 1)
    deal = award_deal(lot_id=lot.pk)
    assert deal.allocation_basis == "claim"
    assert free_loans(deal) == []


@pytest.mark.parametrize("state", [LotState.UNSOLD, LotState.CANCELLED, LotState.OPEN])
def test_a_lot_that_is_not_sold_makes_no_deal(cast, state):
    package = sealed_package(cast.analyst, cast.approver, count=3)
    lot = make_lot(cast, package, state=state, winner=None)
    with pytest.raises(Refused) as refused:
        award_deal(lot_id=lot.pk)
    assert refused.value.code == "lot_not_sold"


def test_the_end_of_a_lot_awards_it_once_however_often_it_is_told(cast):
    lot = sold_lot(cast)
    for _ in range(3):
        publish("lot.ended", {"lot_id": str(lot.pk), "result": "sold"})
    assert deliver_pending() == 3
    assert Deal.objects.get().lot == lot


@pytest.mark.parametrize("state", [LotState.UNSOLD, LotState.CANCELLED])
def test_a_lot_without_a_winner_gives_every_deposit_back(cast, state):
    lot = sold_lot(cast)
    lot.state, lot.winner, lot.hammer_minor = state, None, None
    lot.save()
    publish("lot.ended", {"lot_id": str(lot.pk), "result": state})
    assert deliver_pending() == 1
    assert set(Hold.objects.values_list("state", flat=True)) == {"refunded"}
    assert not Deal.objects.exists()


def test_O1_a_loan_of_somebody_else_is_not_awarded(cast):
    lot = sold_lot(cast)
    loan = lot.package.members.first().loan
    Ownership.objects.create(loan=loan, owner=cast.loser, since=lot.announced_at)
    with pytest.raises(Refused) as refused:
        award_deal(lot_id=lot.pk)
    assert refused.value.code == "title_elsewhere"
    assert not Deal.objects.exists()


def test_the_contract_text_is_the_same_bytes_for_the_same_deal(cast):
    from npa_market.transfers.contract_pdf import draw_contract
    from npa_market.transfers.contract_text import contract_facts

    deal = awarded(cast)
    assert draw_contract(contract_facts(deal)) == read_stored(deal.contract_file_id)


def test_the_reserve_appears_in_no_entry_and_not_in_the_contract(cast):
    from io import BytesIO

    from pypdf import PdfReader

    deal = awarded(cast)
    reader = PdfReader(BytesIO(read_stored(deal.contract_file_id)))
    text = "".join(page.extract_text() for page in reader.pages)
    assert deal.lot.package.merkle_root in text.replace("\n", "")
    assert "1,234,567.89" not in text
    assert not [row for row in Payload.objects.all() if "123456789" in str(row.body)]


def test_the_state_of_a_new_deal_is_in_the_log(cast):
    deal = awarded(cast)
    assert deal.state == DealState.AWARDED
    assert Entry.objects.about(deal.pk).values_list("type", flat=True)[0] == "deal.awarded"
