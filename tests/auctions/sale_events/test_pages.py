"""Pages of events, and the bid for the whole on the page of the first lot."""

import json
import re
from datetime import timedelta

import pytest

from npa_market.auctions.guard.services import approve_limit, propose_limit, withdraw_limit
from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import EventKind, LotEvent, SaleEvent
from npa_market.auctions.offline import check_protocol, seal
from npa_market.auctions.sale_events.limits import whole_guard
from npa_market.auctions.services import cancel_lot
from npa_market.common.fields import uuid7
from tests.auctions.conftest import END, OPENING
from tests.auctions.sale_events.conftest import ALL, STARTS

pytestmark = pytest.mark.django_db


def text(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def typed(packages, **changes) -> dict[str, str]:
    """The form of an event of these packages, as the seller types it."""
    form = {
        "title": "Consumer loans of three regions",
        "time_zone": "Asia/Shanghai",
        "registration_ends_at": "2026-11-11T09:50",
        "opens_at": "2026-11-11T10:00",
        "ends_at": "2026-11-11T11:00",
        "buyers": "qualified",
    }
    for package, start in zip(packages, STARTS, strict=True):
        row = f"p{package.pk.hex}-"
        form |= {
            f"{row}is_offered": "on",
            f"{row}start_price": f"{start // 100}.00",
            f"{row}reserve": f"{start // 50}.00",
            f"{row}deposit": "100.00",
        }
    return form | changes


def test_the_seller_announces_an_event_on_its_page(as_user, clock, seller_user, packages):
    client = as_user(seller_user)
    page = text(client.get("/lots/events/new/"))
    assert all(package.reference in page for package in packages)
    answer = client.post("/lots/events/new/", typed(packages))
    event = SaleEvent.objects.get()
    assert (answer.status_code, answer.url) == (302, f"/lots/events/{event.pk}/")
    lots = list(event.lots.order_by("event_place"))
    assert [lot.start_price_minor for lot in lots] == list(STARTS)
    assert {(lot.format, lot.opens_at, lot.ends_at, lot.deposit_minor) for lot in lots} == {
        ("sealed", OPENING, END, 10_000)
    }
    assert [lot.whole_start_minor for lot in lots] == [ALL, None, None]
    assert lots[0].announcement.document["sold_together"]["event"] == event.reference
    page = text(client.get(answer.url))
    assert "6,000.00" in page
    assert lots[2].reference in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start_price": "1e9"}, "1,234.56"),
        ({"deposit": ""}, "Deposit: write the amount"),
        ({"deposit": "9999999.00"}, "cannot exceed the start price"),
        ({"reserve": "1.00"}, "A reserve below the start price"),
    ],
)
def test_a_fault_of_one_package_stands_in_its_row(
    as_user, clock, seller_user, packages, change, words
):
    form = typed(packages)
    for name, value in change.items():
        form[f"p{packages[1].pk.hex}-{name}"] = value
    answer = as_user(seller_user).post("/lots/events/new/", form)
    assert answer.status_code == 422
    rows = answer.content.decode().split("<tr>")
    (row,) = [each for each in rows if packages[1].reference in each]
    assert "errorlist" in row
    assert words in row or "amount" in row
    assert not SaleEvent.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time_zone": "Mars/Olympus"}, "IANA list"),
        ({"ends_at": "2026-11-11T09:00"}, "The end must come after the opening"),
        (
            {"time_zone": "America/New_York", "ends_at": "2027-03-14T02:30"},
            "2027-03-14 02:30 does not exist in America/New_York",
        ),
        ({"buyers": "invited"}, "Choose the institutions"),
        ({"title": ""}, "required"),
    ],
)
def test_a_fault_of_the_common_terms_is_told(as_user, clock, seller_user, packages, changes, words):
    answer = as_user(seller_user).post("/lots/events/new/", typed(packages, **changes))
    assert answer.status_code == 422
    assert words in text(answer)
    assert not SaleEvent.objects.exists()


def test_one_package_alone_is_no_event(as_user, clock, seller_user, packages):
    form = typed(packages)
    for package in packages[1:]:
        del form[f"p{package.pk.hex}-is_offered"]
    answer = as_user(seller_user).post("/lots/events/new/", form)
    assert "Choose 2 to 12 packages" in text(answer)


def test_without_packages_the_page_says_what_to_do(as_user, clock, seller_user):
    page = text(as_user(seller_user).get("/lots/events/new/"))
    assert "An event needs two sealed packages" in page
    assert "No event has been announced yet" in text(as_user(seller_user).get("/lots/events/"))


def test_strangers_and_buyers_who_are_not_qualified_see_no_event(
    announced_event, as_user, stranger, unqualified_user
):
    address = f"/lots/events/{announced_event.event.pk}/"
    for user in (stranger, unqualified_user):
        assert as_user(user).get(address).status_code == 404
        assert announced_event.event.reference not in text(as_user(user).get("/lots/events/"))
    for user in (announced_event.bidders[0][1], announced_event.operator):
        assert as_user(user).get(address).status_code == 200
    assert as_user(announced_event.bidders[0][1]).get("/lots/events/new/").status_code == 403


def test_a_buyer_reads_how_to_bid_for_the_whole_and_what_is_missing(make_event, as_user, clock):
    market = make_event()
    for place in (1, 2):
        market.admit(0, place)
    client = as_user(market.bidders[0][1])
    page = text(client.get(f"/lots/events/{market.event.pk}/"))
    assert "A tie goes to the separate bids" in page
    assert page.count("ready") == 2
    assert "Admitted to this lot, Deposit held" in page
    market.admit(0, 3)
    page = text(client.get(f"/lots/events/{market.event.pk}/"))
    assert "You stand well on every lot" in page
    for place in market.keys:
        lot_page = text(client.get(f"/lots/{market.lot(place).pk}/"))
        assert f"Lot {place} of {market.event.reference}" in lot_page
    listed = text(client.get("/lots/", {"event": market.event.reference}))
    assert listed.count(market.event.reference) >= 3


def test_the_page_of_the_first_lot_alone_takes_an_amount_for_the_whole(market, as_user):
    client = as_user(market.bidders[0][1])
    first, second = (client.get(f"/lots/{market.lot(n).pk}/").content.decode() for n in (1, 2))
    assert "data-seal-whole" in first
    assert "data-seal-whole" not in second
    marks = json.loads(re.search(r'id="bid-marks"[^>]*>([^<]+)<', first)[1])
    assert marks["whole"] == {"limit_minor": None, "far_minor": 900_000, "own_minor": None}
    sheet = client.get(f"/lots/{market.lot(1).pk}/sheet.json").json()
    assert sheet["whole"]["start_price_minor"] == ALL
    assert "whole" not in client.get(f"/lots/{market.lot(2).pk}/sheet.json").json()


def typed_twice(*, amount: str = "", whole: str = "") -> dict[str, str]:
    """The form of the weaker mode, each amount in both of its fields."""
    return {
        "server-amount": amount,
        "server-again": amount,
        "server-whole": whole,
        "server-whole_again": whole,
    }


@pytest.mark.parametrize(
    ("amounts", "status", "words"),
    [
        ({"amount": "1200.00", "whole": "6500.00"}, 200, "whole_minor"),
        ({"amount": "", "whole": "6500.00"}, 200, "whole_minor"),
        ({"amount": "1200.00", "whole": ""}, 200, "amount_minor"),
        ({"amount": "", "whole": ""}, 422, "Write an amount for this lot, for the whole, or both"),
        ({"amount": "1200.00", "whole": "1e9"}, 422, "amount"),
        ({"amount": "1200.00", "whole": "-5"}, 422, "amount"),
    ],
)
def test_the_weaker_mode_seals_an_amount_for_the_whole(market, as_user, amounts, status, words):
    form = typed_twice(**amounts)
    client = as_user(market.bidders[0][1])
    address = f"/lots/{market.lot(1).pk}/envelope/seal/"
    answer = client.post(address, {**form, "server-request_id": str(uuid7())})
    assert answer.status_code == status
    assert words in answer.content.decode()
    assert market.lot(1).receipts == (status == 200)


@pytest.mark.parametrize(
    "other", [{"whole_again": ""}, {"whole_again": "6500.01"}, {"again": "12"}, {"whole": ""}]
)
def test_S7_each_amount_is_typed_twice_in_the_weaker_mode(market, as_user, other):
    form = typed_twice(amount="1200.00", whole="6500.00")
    form |= {f"server-{name}": value for name, value in other.items()}
    address = f"/lots/{market.lot(1).pk}/envelope/seal/"
    answer = as_user(market.bidders[0][1]).post(address, {**form, "server-request_id": uuid7()})
    assert (answer.status_code, market.lot(1).receipts) == (422, 0)


def limited(market, place: int, amount_minor: int):
    buyer, user = market.bidders[0]
    return propose_limit(
        user=user, lot_id=market.lot(place).pk, buyer=buyer, amount_minor=amount_minor
    )


def test_a_bid_for_the_whole_is_held_to_the_limits_of_all_lots(market, as_user, make_user):
    buyer, user = market.bidders[0]
    second = make_user("second@example.com", buyer)
    limits = {}
    for place, amount in enumerate((150_000, 250_000, 350_000), 1):
        limits[place] = limited(market, place, amount)
        assert whole_guard(market.lot(1), buyer).limit_minor is None
        approve_limit(
            user=second, lot_id=market.lot(place).pk, buyer=buyer, limit_id=limits[place].pk
        )
    assert whole_guard(market.lot(1), buyer).limit_minor == 750_000
    client = as_user(user)
    address = f"/lots/{market.lot(1).pk}/envelope/seal/"
    for whole, status in (("7500.01", 422), ("7500.00", 200)):
        form = {**typed_twice(whole=whole), "server-request_id": str(uuid7())}
        answer = client.post(address, form)
        assert answer.status_code == status
        assert ("above the limit" in text(answer)) == (status == 422)
    withdraw_limit(user=user, lot_id=market.lot(3).pk, buyer=buyer, limit_id=limits[3].pk)
    assert whole_guard(market.lot(1), buyer).judged(1) == "limit_needed"


def test_after_the_opening_the_page_shows_how_it_was_decided(market, as_user, clock):
    market.bid(1, 2, 250_000)
    market.bid(0, 1, 110_000, 700_003)
    market.bid(1, 1, None, 100)
    clock.now = END
    client = as_user(market.bidders[0][1])
    assert "The deadline has passed" in text(client.get(f"/lots/events/{market.event.pk}/"))
    assert client.get(f"/lots/events/{market.event.pk}/protocol.json").status_code == 404
    market.open()
    page = text(client.get(f"/lots/events/{market.event.pk}/"))
    assert "Sold as a whole at ¥7,000.03 to you" in page
    assert "the separate bids came to ¥3,600.00" in page
    assert "void below start" in page
    other = text(as_user(market.bidders[1][1]).get(f"/lots/events/{market.event.pk}/"))
    label = market.lot(1).registrations.get(buyer=market.bidders[0][0]).label
    assert f"to {label} of {market.lot(1).reference}" in other
    assert market.bidders[0][0].name not in other
    lot_page = text(client.get(f"/lots/{market.lot(2).pk}/"))
    assert "its share of the bid for the whole" in lot_page
    pdf = client.get(f"/lots/events/{market.event.pk}/protocol.pdf")
    assert pdf.content.startswith(b"%PDF")
    lot_pdf = client.get(f"/lots/{market.lot(2).pk}/protocol.pdf")
    assert lot_pdf.content.startswith(b"%PDF")
    raw = client.get(f"/lots/events/{market.event.pk}/protocol.json").content
    document = check_protocol.read(raw)
    assert "at 700003" in check_protocol.check_all(document, None, None, seal)


@pytest.mark.parametrize("outcome", ["no bids", "tie", "cancelled", "below reserve"])
def test_every_other_end_is_said_in_words(make_event, as_user, clock, outcome):
    from tests.auctions.sale_events.conftest import admitted, in_bidding

    reserve = 300_000 if outcome == "below reserve" else None
    market = in_bidding(admitted(make_event(reserves=(reserve, None, None))), clock)
    if outcome == "tie":
        market.bid(0, 1, 600_000, 600_000)
    if outcome == "below reserve":
        market.bid(0, 1, None, 799_999)
    if outcome == "cancelled":
        for lot in market.lots():
            cancel_lot(user=market.operator, lot_id=lot.pk, reason="Data error")
    else:
        clock.now = END
        market.open()
    page = text(as_user(market.bidders[0][1]).get(f"/lots/events/{market.event.pk}/"))
    said = {
        "no bids": "No bid for the whole counted",
        "tie": "a tie goes to them",
        "cancelled": "All were withdrawn or cancelled",
        "below reserve": "The best bid for the whole was below its reserve",
    }
    assert said[outcome] in page


def test_the_control_room_shows_which_lot_keeps_an_event_waiting(market, as_user, clock):
    clock.now = END
    market.open(1, 2)
    market.share(3, Holder.SELLER)
    page = text(as_user(market.operator).get("/lots/control/"))
    assert "Events that await their opening: 1" in page
    place = page.index("Events that await")
    rows = [page.index(market.lot(n).reference, place) for n in (1, 2, 3)]
    assert re.findall(r"\b[12] ", page[rows[2] : rows[2] + 80])[-1].strip() == "1"
    holder = as_user(market.holders[Holder.COMPLIANCE])
    opening = text(holder.get(f"/lots/{market.lot(1).pk}/opening/"))
    assert "by the last share of the last of them" in opening


def test_a_holder_reads_that_the_event_waits_for_other_lots(market, as_user, clock):
    clock.now = END
    market.share(1, Holder.SELLER)
    client = as_user(market.holders[Holder.NOTARY])
    form = {"holder": "notary", "words": market.keys[1].shares[Holder.NOTARY]}
    answer = client.post(f"/lots/{market.lot(1).pk}/opening/", form, follow=True)
    assert "The event waits for the shares of its other lots" in text(answer)
    assert not LotEvent.objects.filter(kind=EventKind.SOLD).exists()
    assert clock.now + timedelta(0) == END
