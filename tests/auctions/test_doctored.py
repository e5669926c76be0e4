"""Files that agree with themselves and tell another story: each false word is named."""

import copy
import json
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from npa_market.auctions import services
from npa_market.auctions.models import Lot
from npa_market.auctions.offline import check_protocol as checker
from npa_market.auctions.protocol import chained_anew, protocol
from npa_market.auctions.terms import Format
from tests.auctions.conftest import END, OPENING, RESERVE, START, STEP

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def told(market) -> dict:
    """The true protocol, which holds."""
    document = protocol(Lot.objects.get(pk=market.lot.pk))
    checker.check(document)
    return document


def broken(document: dict, words: str) -> None:
    with pytest.raises(checker.Broken, match=words):
        checker.check(chained_anew(document))


def ended(document: dict, kind: str, at: datetime, **fields) -> dict:
    """The same with another last event, and the result that goes with it."""
    made = copy.deepcopy(document)
    nothing = {"bidder": "", "amount_minor": None, "reason": "", "party": ""}
    last = made["events"][-1]
    last.update({**nothing, "kind": kind, "at": text(at), **fields})
    made["result"] = {
        "state": kind,
        "winner": last["bidder"],
        "hammer_minor": last["amount_minor"],
        "reason": last["reason"],
    }
    return made


@pytest.fixture
def sold(market, clock) -> dict:
    """An ascending lot: two bids, one refused for its price, one too late."""
    market.bid(0, START)
    market.bid(1, START)
    clock.now = END - 20 * MINUTE
    market.bid(1, RESERVE + STEP)
    clock.now = END + MINUTE
    market.bid(0, RESERVE + 9 * STEP)
    market.advance()
    return told(market)


def test_A13_a_lot_that_had_ended_was_not_cancelled(sold):
    broken(ended(sold, "cancelled", END + timedelta(hours=5), reason="x"), "A13: cancelled after")


def test_A13_a_falling_lot_that_had_ended_was_not_cancelled(offered, clock):
    market = offered(Format.DUTCH)
    clock.now = END + MINUTE
    market.advance()
    broken(ended(told(market), "cancelled", END + MINUTE, reason="x"), "A13: cancelled after")


def test_A18_a_lot_that_had_ended_was_not_suspended_for_a_late_bid(sold):
    document, at = copy.deepcopy(sold), END + timedelta(hours=3)
    last = document["events"].pop()
    nothing = dict.fromkeys(last, None) | {"bidder": "", "reason": "", "party": ""}
    made = [
        {"kind": "suspended", "at": text(at), "since": text(at), "reason": "x"},
        {"kind": "resumed", "at": text(at), "ends_at": text(at + 10 * MINUTE)},
        {"kind": "bid_accepted", "at": text(at), "bidder": "Bidder Z", "amount_minor": 10**12},
    ]
    document["events"] += [nothing | each for each in made] + [last]
    for number, event in enumerate(document["events"], 1):
        event["seq"] = number
    late = ended(document, "sold", at + 10 * MINUTE, bidder="Bidder Z", amount_minor=10**12)
    broken(late, "A18: suspended after the end")


def test_A18_a_suspension_does_not_reach_back_beyond_what_was_decided(market, clock, operator):
    clock.now = END - 10 * MINUTE
    market.bid(0, RESERVE)
    services.suspend_lot(user=operator, lot_id=market.lot.pk, reason="Line down")
    clock.now += MINUTE
    services.resume_lot(user=operator, lot_id=market.lot.pk)
    clock.now = END + timedelta(hours=1)
    market.advance()
    document = told(market)
    stopped = next(each for each in document["events"] if each["kind"] == "suspended")
    stopped["since"] = text(OPENING)
    broken(document, "A18: suspended from before something that was decided")
    stopped["since"] = text(END - 10 * MINUTE - timedelta(seconds=1))
    broken(document, "A18: suspended from before something that was decided")


def test_A14_a_negotiated_lot_is_sold_to_the_one_in_talks(offered, clock, seller_user):
    market = offered(Format.NEGOTIATED)
    buyer, user = market.bidders[0]
    services.make_offer(
        user=user, lot_id=market.lot.pk, organisation=buyer, amount_minor=START, valid_seconds=3600,
        request_id=uuid4(),
    )  # fmt: skip
    offer = market.lot.events.get(kind="offer_made")
    services.answer_offer(
        user=seller_user,
        lot_id=market.lot.pk,
        organisation=market.lot.package.seller,
        offer=offer.seq,
        answer="accept",
        request_id=uuid4(),
    )
    true = told(market)
    at = datetime.fromisoformat(true["events"][-1]["at"])
    broken(ended(true, "sold", at, bidder="Z99", amount_minor=START), "A14: sold to another")


def test_A5_a_bid_in_time_was_not_late(sold):
    """The winning bid among the refusals, and the one before it sold."""
    document = copy.deepcopy(sold)
    won = document["events"].pop(2)
    for number, event in enumerate(document["events"], 1):
        event["seq"] = number
    before = document["events"][1]
    at = datetime.fromisoformat(document["events"][-1]["at"])
    document = ended(document, "unsold", at, reason="reserve_not_met", seq=len(document["events"]))
    checker.check(chained_anew(document))
    assert before["amount_minor"] < RESERVE
    refusal = {name: won[name] for name in ("at", "bidder", "amount_minor")}
    for word in ("late", "closed", "not_open", "lot_suspended", "below_start", "below_step",
                 "amount_too_large"):  # fmt: skip
        document["refusals"] = [*sold["refusals"], {**refusal, "refusal": word}]
        broken(document, f"A5: refusal 3 .{word}.")


def test_A4_A8_true_refusals_hold_at_the_very_moment_of_an_event(market, clock):
    """What time ended and what a bid outbid at the same moment, whichever came first."""
    market.bid(0, START)
    market.bid(1, START)
    clock.now = END
    market.bid(1, RESERVE)
    market.advance()
    market.bid(1, RESERVE)
    document = told(market)
    assert [each["refusal"] for each in document["refusals"]] == ["below_step", "late", "closed"]


@pytest.mark.parametrize("decimals", ["x", None, -1, 10**8, True])
def test_a_number_of_decimals_that_no_currency_has_cannot_be_told(sold, decimals):
    raw = json.dumps({**sold, "decimals": decimals}).encode()
    with pytest.raises(checker.Unreadable, match="decimals"):
        checker.read(raw)
