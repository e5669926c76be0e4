"""All lots of an event are opened together, by shares or reveals, and decided as a whole."""

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from npa_market.auctions import bundle
from npa_market.auctions.ceremony.services import reveal_bid, settle_overdue_reveals
from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import EventKind, Lot, LotEvent, LotState
from npa_market.auctions.offline import check_protocol, seal
from npa_market.auctions.protocol import protocol_bytes
from npa_market.auctions.replay import replay
from npa_market.auctions.rows import folded, state_of
from npa_market.auctions.sale_events import opening
from npa_market.auctions.sale_events.opening import open_event_when_ready, open_ready_events
from npa_market.auctions.sale_events.protocol import event_protocol, event_protocol_bytes
from npa_market.auctions.services import (
    cancel_lot,
    resume_lot,
    suspend_lot,
    withdraw_envelope,
    withdraw_lot,
)
from npa_market.common.errors import Refused
from npa_market.common.fields import uuid7
from npa_market.common.models import OutboxMessage
from npa_market.evidence.models import Entry
from npa_market.ledger.models import Hold
from npa_market.parties.models import Organisation, QualificationState
from tests.auctions.conftest import END, OPENING
from tests.auctions.sale_events.conftest import ALL, STARTS, admitted, in_bidding

pytestmark = pytest.mark.django_db
SEPARATE = (120_000, 210_000, 330_000)


def separate_bids(market) -> None:
    """The other bidder's, one for each lot."""
    for place, amount in enumerate(SEPARATE, 1):
        market.bid(1, place, amount)


def checked(market, **known) -> str:
    """The verdict of the stand-alone check; lots are checked and replayed as well."""
    for lot in market.lots():
        again = replay(lot)
        assert again.is_same, again.difference
        assert folded(lot).phase == state_of(lot).phase == lot.state
        check_protocol.check(check_protocol.read(protocol_bytes(lot)))
    document = check_protocol.read(event_protocol_bytes(market.event))
    reserves = [lot.reserve_minor for lot in market.lots()]
    check_protocol.check_all(document, document["chain_sha256"], reserves, seal)
    return check_protocol.check_all(document, None, None, seal)


def test_A12_A14_A19_the_whole_wins_above_the_separate_bids(market, clock):
    separate_bids(market)
    whole = sum(SEPARATE) + 1
    market.bid(0, 1, None, whole)
    clock.now = END
    market.open()
    buyer, _ = market.bidders[0]
    shares = [110_000, 220_000, 330_001]
    assert market.results() == [(LotState.SOLD, buyer.pk, share) for share in shares]
    sold = LotEvent.objects.filter(kind=EventKind.SOLD)
    assert {(row.whole_minor, row.reason) for row in sold} == {(whole, market.event.reference)}
    assert market.event.outcome == bundle.Outcome.WHOLE
    verdict = checked(market)
    assert f"at {whole}, separately {sum(SEPARATE)}; 4 envelopes" in verdict
    ended = OutboxMessage.objects.filter(topic="lot.ended")
    assert {message.body["lot_id"] for message in ended} == {str(lot.pk) for lot in market.lots()}


def test_A14_a_tie_goes_to_the_separate_bids(market, clock):
    separate_bids(market)
    market.bid(0, 1, 119_999, sum(SEPARATE))
    clock.now = END
    market.open()
    other, _ = market.bidders[1]
    assert market.results() == [(LotState.SOLD, other.pk, amount) for amount in SEPARATE]
    assert market.event.outcome == bundle.Outcome.WHOLE_NOT_ABOVE
    assert "whole not above" in checked(market)


def test_lots_without_envelopes_are_taken_by_the_whole(market, clock):
    market.bid(0, 1, None, ALL)
    clock.now = END
    market.advance()
    assert [lot.state for lot in market.lots()] == [LotState.OPENING] * 3
    market.open()
    assert [price for _, _, price in market.results()] == list(STARTS)
    checked(market)


def test_nobody_bid_and_all_lots_end_unsold_after_their_shares(market, clock):
    clock.now = END
    market.open(1, 2)
    assert {lot.state for lot in market.lots()} == {LotState.OPENING}
    market.open(3)
    assert {lot.state for lot in market.lots()} == {LotState.UNSOLD}
    assert market.event.outcome == bundle.Outcome.NO_WHOLE_BID
    assert "no whole bid" in checked(market)


def test_S1_S2_nothing_is_opened_before_the_last_share_of_the_last_lot(market, clock):
    separate_bids(market)
    market.bid(0, 1, None, 10 * ALL)
    clock.now = END
    market.open(1, 2)
    market.share(3, Holder.COMPLIANCE)
    assert {lot.state for lot in market.lots()} == {LotState.OPENING}
    assert not LotEvent.objects.filter(kind__in=["envelope_opened", "whole_opened"]).exists()
    assert {lot.key.private_key for lot in market.lots()} == {""}
    assert not Entry.objects.filter(type="event.decided").exists()
    market.share(3, Holder.SELLER)
    assert {lot.state for lot in market.lots()} == {LotState.SOLD}
    for place, lot in enumerate(market.lots(), 1):
        assert seal.public_key_of(bytes.fromhex(lot.key.private_key)).hex() == lot.key.public_key
        assert not lot.key.shares.exclude(words_sealed="").exists(), place


def test_S2_a_failure_in_one_lot_leaves_all_unopened(market, clock, monkeypatch):
    separate_bids(market)
    clock.now = END
    market.open(1, 2)
    market.share(3, Holder.SELLER)
    real = opening.note_opened

    def failing(lot, way, user):
        if lot.event_place == 3:
            raise OSError("the disk is full")
        real(lot, way, user)

    monkeypatch.setattr(opening, "note_opened", failing)
    with pytest.raises(OSError, match="disk is full"):
        market.share(3, Holder.NOTARY)
    assert {each.state for each in market.lots()} == {LotState.OPENING}
    assert {each.key.private_key for each in market.lots()} == {""}
    assert market.lot(3).key.shares.count() == 1
    monkeypatch.undo()


def test_A13_opening_again_changes_nothing(market, clock):
    separate_bids(market)
    clock.now = END
    market.open()
    before = market.results(), LotEvent.objects.count()
    assert not open_event_when_ready(event_id=market.event.pk, actor=None)
    assert open_ready_events() == 0
    assert (market.results(), LotEvent.objects.count()) == before
    with pytest.raises(Refused, match="It was opened"):
        market.share(1, Holder.COMPLIANCE)


@pytest.mark.parametrize("who", ["buyer without deposit", "not admitted", "late deposit"])
def test_A15_a_bidder_without_standing_on_every_lot_does_not_buy_the_whole(make_event, clock, who):
    market = make_event()
    for place in market.keys:
        market.admit(1, place)
    market.admit(0, 1)
    market.admit(0, 2)
    if who != "not admitted":
        market.admit(0, 3, with_deposit=False)
    in_bidding(market, clock)
    separate_bids(market)
    market.bid(0, 1, 150_000, 10 * ALL)
    clock.now = END
    if who == "late deposit":
        market.deposit(0, 3)
    market.open()
    void = LotEvent.objects.get(kind=EventKind.WHOLE_VOID)
    assert void.reason == ("not_admitted" if who == "not admitted" else "no_deposit")
    buyer, other = market.bidders[0][0].pk, market.bidders[1][0].pk
    assert [winner for _, winner, _ in market.results()] == [buyer, other, other]
    checked(market)


def test_A15_a_suspended_bidder_does_not_buy_the_whole(market, clock):
    market.bid(0, 1, None, ALL)
    buyer, _ = market.bidders[0]
    Organisation.objects.filter(pk=buyer.pk).update(qualification=QualificationState.SUSPENDED)
    clock.now = END
    market.open()
    assert LotEvent.objects.get(kind=EventKind.WHOLE_VOID).reason == "suspended"
    assert {lot.state for lot in market.lots()} == {LotState.UNSOLD}
    checked(market)


@pytest.mark.parametrize("way", ["withdrawn by the seller", "cancelled", "cancelled at the end"])
def test_where_one_lot_ends_early_the_rest_is_sold_separately(announced_event, clock, way):
    market = announced_event
    if way == "withdrawn by the seller":
        withdraw_lot(user=market.seller_user, lot_id=market.lot(2).pk, reason="Data error")
    in_bidding(market, clock)
    market.bid(0, 1, 130_000, 10 * ALL)
    market.bid(1, 3, 330_000)
    if way == "cancelled":
        cancel_lot(user=market.operator, lot_id=market.lot(2).pk, reason="Data error")
    clock.now = END
    market.open(1, 3)
    if way == "cancelled at the end":
        assert {lot.state for lot in market.lots()} == {LotState.OPENING}
        cancel_lot(user=market.operator, lot_id=market.lot(2).pk, reason="Data error")
        assert open_ready_events() == 1
        market.event.refresh_from_db()
    assert [(state, price) for state, _, price in market.results()] == [
        (LotState.SOLD, 130_000), (LotState.CANCELLED, None), (LotState.SOLD, 330_000),
    ]  # fmt: skip
    assert LotEvent.objects.get(kind=EventKind.WHOLE_VOID).reason == "package_ended"
    assert market.event.outcome == bundle.Outcome.NO_WHOLE_BID
    checked(market)


def test_where_the_first_lot_ends_early_no_bid_for_the_whole_is_opened(market, clock):
    separate_bids(market)
    market.bid(0, 1, None, 10 * ALL)
    cancel_lot(user=market.operator, lot_id=market.lot(1).pk, reason="Data error")
    clock.now = END
    market.open(2, 3)
    assert [state for state, _, _ in market.results()] == ["cancelled", "sold", "sold"]
    assert not LotEvent.objects.filter(kind__startswith="whole").exists()
    checked(market)


def test_all_lots_cancelled_is_an_event_without_a_decision(market):
    for lot in market.lots():
        cancel_lot(user=market.operator, lot_id=lot.pk, reason="Data error")
    assert open_ready_events() == 0
    market.event.refresh_from_db()
    assert market.event.outcome == ""
    assert "no whole bid" in checked(market)


def test_A18_a_suspended_lot_moves_its_own_end_and_the_event_waits(market, clock):
    separate_bids(market)
    clock.now = END - timedelta(minutes=5)
    suspend_lot(user=market.operator, lot_id=market.lot(2).pk, reason="Data room is down")
    clock.now = END + timedelta(minutes=1)
    market.advance()
    with pytest.raises(Refused, match=market.lot(2).reference) as refused:
        market.share(1, Holder.SELLER)
    assert refused.value.code == "event_not_at_opening"
    assert {lot.state for lot in market.lots()} == {LotState.OPENING, LotState.SUSPENDED}
    resume_lot(user=market.operator, lot_id=market.lot(2).pk)
    assert market.bid(0, 2, 250_000).refusal == ""
    clock.now = market.lot(2).ends_at
    market.open()
    assert [price for _, _, price in market.results()] == [120_000, 250_000, 330_000]
    checked(market)


def test_S3_the_last_envelope_counts_and_a_withdrawn_one_bids_for_no_whole(market, clock):
    market.bid(0, 1, None, 10 * ALL)
    market.bid(0, 1, 140_000)
    market.bid(1, 1, None, 20 * ALL)
    buyer, user = market.bidders[1]
    withdraw_envelope(user=user, lot_id=market.lot(1).pk, buyer=buyer, request_id=uuid7())
    clock.now = END
    market.open()
    assert not LotEvent.objects.filter(kind__startswith="whole").exists()
    assert market.results()[0][2] == 140_000
    checked(market)


def test_S6_S8_a_bid_for_the_whole_in_another_lot_is_void(market, clock):
    """A forged envelope in the second lot; the tools refuse to make one."""
    sheet = market.sheet(0, 2)
    with pytest.raises(seal.Refused, match="only the first lot"):
        seal.sealed(210_000, sheet, whole_minor=10 * ALL)
    envelope, _ = seal.sealed(210_000, {**sheet, "whole": {"event": "x"}}, whole_minor=10 * ALL)
    market.hand_in(0, 2, envelope)
    clock.now = END
    market.open()
    void = LotEvent.objects.get(kind=EventKind.ENVELOPE_VOID)
    assert (void.lot.event_place, void.reason) == (2, "undecryptable")
    checked(market)


def test_S5_S7_an_envelope_has_one_length_whatever_it_bids_for(market):
    sheet = market.sheet(0, 1)
    bids = [(1, None), (None, 1), (2**53 - 1, 2**53 - 1), (120_000, 10 * ALL)]
    lengths = {len(seal.sealed(amount, sheet, whole_minor=whole)[0]) for amount, whole in bids}
    assert lengths == {560}


def reveal(market, who: int, place: int) -> None:
    buyer, user = market.bidders[who]
    receipt = {"ephemeral_private_key": market.ephemerals[who, place].hex()}
    reveal_bid(user=user, lot_id=market.lot(place).pk, buyer=buyer, receipt=receipt)


def test_absent_holders_bidders_reveal_and_an_event_opens_with_the_last_of_them(market, clock):
    separate_bids(market)
    market.bid(0, 1, 110_000, 10 * ALL)
    clock.now = END
    market.open(2)
    clock.now = END + timedelta(hours=24)
    reveal(market, 0, 1)
    reveal(market, 1, 1)
    assert market.lot(1).state == LotState.OPENING
    reveal(market, 1, 3)
    market.event.refresh_from_db()
    assert {price for _, _, price in market.results()} == {1_000_000, 2_000_000, 3_000_000}
    assert [bool(lot.key.private_key) for lot in market.lots()] == [False, True, False]
    assert "4 envelopes opened again" in checked(market)


def test_a_reveal_that_never_comes_voids_its_envelope_a_day_later(market, clock):
    market.bid(0, 1, 110_000, 10 * ALL)
    market.bid(1, 1, 120_000)
    clock.now = END + timedelta(hours=24)
    reveal(market, 1, 1)
    clock.now = END + timedelta(hours=48) - timedelta(seconds=1)
    market.advance()
    assert (open_ready_events(), settle_overdue_reveals()) == (0, 0)
    clock.now = END + timedelta(hours=48)
    assert (settle_overdue_reveals(), open_ready_events()) == (0, 1)
    assert [state for state, _, _ in market.results()] == ["sold", "unsold", "unsold"]
    checked(market)


def test_A14_the_reserve_of_the_whole_is_the_sum_and_shows_nowhere(make_event, clock):
    market = in_bidding(admitted(make_event(reserves=(150_000, 250_000, 399_999))), clock)
    separate_bids(market)
    market.bid(0, 1, None, 799_998)
    clock.now = END
    market.open()
    assert market.event.outcome == bundle.Outcome.WHOLE_BELOW_RESERVE
    assert {state for state, _, _ in market.results()} == {"unsold"}
    assert "whole below reserve" in checked(market)
    told = json.dumps(event_protocol(market.event))
    assert not any(minor in told for minor in ("150000", "250000", "399999", "799999"))
    entry = Entry.objects.get(type="event.decided")
    assert "799999" not in json.dumps(entry.payload.body)


# --- what the database holds by itself -----------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "changes", "name"),
    [
        (2, {"format": "ascending"}, "event_lots_are_sealed"),
        (2, {"sale_event": None}, "event_lots_are_sealed"),
        (3, {"event_place": 13}, "event_lots_are_sealed"),
        (3, {"event_place": 2}, "event_place_once"),
        (2, {"whole_start_minor": 900_000}, "event_first_lot_takes_bids_for_the_whole"),
        (1, {"whole_start_minor": None}, "event_first_lot_takes_bids_for_the_whole"),
        (1, {"whole_start_minor": 100_000}, "event_first_lot_takes_bids_for_the_whole"),
    ],
)
def test_the_database_refuses_an_event_that_no_rule_makes(announced_event, place, changes, name):
    lot = announced_event.lot(place)
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        Lot.objects.filter(pk=lot.pk).update(**changes)
    assert name in str(refused.value) or "sale_event_id" in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "changes", "name"),
    [
        ("sold", {"whole_minor": 100, "reason": "EVT-1"}, "sold_in_whole_names_event_and_price"),
        ("sold", {"whole_minor": 200_000}, "sold_in_whole_names_event_and_price"),
        ("bid_accepted", {"whole_minor": 200_000, "reason": "EVT-1"}, "sold_in_whole_names"),
        ("whole_void", {}, "A1_bid_and_sale_have_an_amount"),
    ],
)
def test_the_database_refuses_a_sale_that_no_rule_makes(announced_event, kind, changes, name):
    buyer, _ = announced_event.bidders[0]
    row = LotEvent(
        lot=announced_event.lot(1), seq=1, kind=kind, decided_at=OPENING, bidder=buyer,
        amount_minor=100_000, **changes,
    )  # fmt: skip
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        row.save(force_insert=True)


def test_A13_A15_deposits_held_in_time_count_however_late_the_opening_is(market, clock):
    market.bid(0, 1, None, ALL)
    hold = Hold.objects.get(buyer=market.bidders[0][0], lot_id=market.lot(3).pk)
    assert hold.taken_at < END
    clock.now = END + timedelta(hours=23)
    market.open()
    assert market.event.outcome == bundle.Outcome.WHOLE
