"""The pages of a lot: who sees what, and how a bid goes through them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from npa_market.auctions.models import BidOutcome, Lot
from npa_market.auctions.services import refuse_registration, register_for_lot
from npa_market.auctions.templatetags.auctions import fine_share
from npa_market.common.money import format_minor
from npa_market.ledger.models import Hold
from npa_market.parties.roles import Role
from tests.auctions.conftest import (
    DEPOSIT,
    END,
    MORNING,
    OPENING,
    RESERVE,
    START,
    STEP,
    sign,
    url,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask_page(market, as_user):
    """Ask a page of the lot as somebody."""

    def ask(user, name="detail", **extra):
        return as_user(user).get(url(name, market.lot.pk), **extra)

    return ask


class TestVisibility:
    def test_another_institutions_lot_is_404_everywhere(
        self, market, as_user, stranger, unqualified_user
    ):
        for user in (stranger, unqualified_user):
            client = as_user(user)
            for name in ("detail", "feed", "state"):
                assert client.get(url(name, market.lot.pk)).status_code == 404, name
            assert market.lot.reference not in client.get(reverse("auctions:list")).content.decode()

    def test_an_unqualified_buyer_reaches_no_form(self, market, as_user, unqualified_user):
        client = as_user(unqualified_user)
        for name in ("bid", "register"):
            assert client.post(url(name, market.lot.pk)).status_code == 404

    def test_nobody_enters_without_signing_in(self, market, client):
        for name in ("detail", "feed", "state", "bid"):
            answer = client.get(url(name, market.lot.pk))
            assert (answer.status_code, "/login/" in answer["Location"]) == (302, True)

    def test_A14_only_the_seller_reads_the_reserve(self, market, ask_page, operator):
        reserve = format_minor(RESERVE, "CNY")
        readers = {
            user.email: reserve in ask_page(user).content.decode()
            for user in (market.seller_user, market.bidders[0][1], market.bidders[1][1], operator)
        }
        assert list(readers.values()) == [True, False, False, False]

    def test_A14_the_reserve_is_absent_from_every_answer_to_buyers(
        self, market, ask_page, as_user, clock
    ):
        market.bid(0, START)
        clock.now = END
        market.advance()
        user = market.bidders[0][1]
        client = as_user(user)
        texts = [ask_page(user, name).content.decode() for name in ("detail", "state", "bid")]
        addresses = (
            reverse("auctions:list"),
            reverse("v1:lot-list"),
            reverse("v1:lot-detail", args=[market.lot.pk]),
            reverse("v1:lot-events", args=[market.lot.pk]),
        )
        texts += [client.get(address).content.decode() for address in addresses]
        for text in texts:
            assert str(RESERVE) not in text
            assert format_minor(RESERVE, "CNY") not in text

    def test_A20_no_name_of_a_bidder_reaches_another(self, market, ask_page, operator):
        market.bid(0, START)
        name = market.bidders[0][0].name
        own, other, seller, venue = (
            ask_page(user).content.decode()
            for user in (market.bidders[0][1], market.bidders[1][1], market.seller_user, operator)
        )
        assert name in own
        assert name not in other
        assert name not in seller
        label = market.lot.registrations.get(buyer=market.bidders[0][0]).label
        for text in (own, other, seller, venue):
            assert label in text

    def test_a_registrations_forms_are_404_to_strangers(self, market, as_user, venue, make_user):
        registration = market.lot.registrations.first()
        clerk = make_user("auditor@example.com", venue, Role.AUDITOR)
        assert as_user(clerk).post(url("admit", registration.pk)).status_code == 403
        assert as_user(market.operator).post(url("admit", uuid4())).status_code == 404


class TestLotPage:
    def test_price_end_and_history(self, market, ask_page, clock):
        market.bid(0, START)
        clock.now = END - timedelta(minutes=1)
        market.bid(1, START + STEP)
        text = ask_page(market.bidders[0][1]).content.decode()
        assert "¥1,920,000.00" in text
        assert fine_share(START + STEP, market.lot.package.claim_minor) in text, "of claim"
        assert "+20,000.00" in text
        assert "another leads" in text
        assert "11:04:00.000" in text, "the new end on the lot's wall clock"

    def test_what_stands_in_the_way(self, announced, as_user, buyer, buyer_user):
        client = as_user(buyer_user)
        address = url("detail", announced.lot.pk)
        assert "Read and sign" in client.get(address).content.decode()
        sign(announced.room, buyer, buyer_user)
        assert "Register for this lot" in client.get(address).content.decode()
        assert client.post(url("register", announced.lot.pk)).status_code == 302
        text = client.get(address).content.decode()
        assert "The operator has not decided yet" in text
        assert announced.lot.reference in text
        assert "¥500,000.00" in text

    def test_a_refused_application_reads_its_reason(
        self, announced, as_user, buyer, buyer_user, operator
    ):
        sign(announced.room, buyer, buyer_user)
        applied = register_for_lot(user=buyer_user, lot_id=announced.lot.pk, buyer=buyer)
        refuse_registration(user=operator, registration_id=applied.pk, reason="Papers expired")
        text = as_user(buyer_user).get(url("detail", announced.lot.pk)).content.decode()
        assert "Refused: Papers expired" in text

    def test_a_registration_that_is_refused_says_why(self, announced, as_user, buyer_user):
        answer = as_user(buyer_user).post(url("register", announced.lot.pk))
        assert answer.status_code == 409
        assert "Sign the NDA" in answer.content.decode()

    def test_the_operator_decides_and_finance_confirms(
        self, announced, as_user, buyer, buyer_user, operator
    ):
        sign(announced.room, buyer, buyer_user)
        applied = register_for_lot(user=buyer_user, lot_id=announced.lot.pk, buyer=buyer)
        client = as_user(operator)
        assert client.post(url("refuse", applied.pk), {"reason": ""}).status_code == 422
        assert client.post(url("admit", applied.pk)).status_code == 302
        assert client.post(url("refuse", applied.pk), {"reason": "x"}).status_code == 422
        assert client.post(url("deposit", applied.pk), {"bank_reference": ""}).status_code == 422
        answer = client.post(url("deposit", applied.pk), {"bank_reference": "BANK-7"})
        assert answer.status_code == 302
        assert Hold.objects.get().amount_minor == DEPOSIT
        applied.refresh_from_db()
        text = client.get(url("detail", announced.lot.pk)).content.decode()
        assert applied.label not in text, "labels beside no name"

    def test_the_operator_cancels_with_a_reason(self, market, as_user, ask_page):
        client = as_user(market.operator)
        address = url("cancel", market.lot.pk)
        assert client.post(address, {"cancel-reason": ""}).status_code == 422
        assert client.post(address, {"cancel-reason": "Court order"}).status_code == 302
        assert "Court order" in ask_page(market.bidders[0][1]).content.decode()
        assert client.post(address, {"cancel-reason": "again"}).status_code == 422

    def test_a_lot_whose_time_has_come_is_settled_by_who_looks(self, market, ask_page, clock):
        market.bid(0, RESERVE)
        clock.now = END
        text = ask_page(market.bidders[1][1]).content.decode()
        label = market.lot.registrations.get(buyer=market.bidders[0][0]).label
        assert f"<b>Sold</b> to {label}" in text
        assert "to you" in ask_page(market.bidders[0][1]).content.decode()

    def test_an_analyst_reads_but_has_no_form(self, market, as_user, make_user):
        buyer = market.bidders[0][0]
        analyst = make_user("analyst@example.com", buyer, Role.BUYER_ANALYST)
        client = as_user(analyst)
        assert "Only a signatory" in client.get(url("detail", market.lot.pk)).content.decode()
        answer = client.post(
            url("bid", market.lot.pk),
            {"amount": "1900000", "request_id": uuid4(), "act": "confirm"},
        )
        assert answer.status_code == 403
        assert not BidOutcome.objects.exists()

    def test_a_person_of_the_venue_cannot_bid(self, market, as_user):
        assert as_user(market.operator).post(url("bid", market.lot.pk)).status_code == 403


class TestState:
    def test_events_after_a_number_with_labels_only(self, market, ask_page):
        market.bid(0, START)
        market.bid(1, START + STEP)
        user = market.bidders[0][1]
        everything = ask_page(user, "state").json()
        assert [event["seq"] for event in everything["events"]] == [1, 2, 3]
        assert everything["now"] == OPENING.isoformat()
        rest = ask_page(user, "state", data={"after": 2}).json()["events"]
        assert [event["seq"] for event in rest] == [3]
        assert set(rest[0]) == {
            "seq",
            "kind",
            "label",
            "amount_minor",
            "amount",
            "decided_at",
            "ends_at",
            "reason",
        }
        assert rest[0]["amount"] == "1,920,000.00"

    @pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30, "٣"])
    def test_an_unreadable_number_counts_as_none(self, market, ask_page, after):
        answer = ask_page(market.bidders[0][1], "state", data={"after": after})
        assert [event["seq"] for event in answer.json()["events"]] == [1]

    def test_without_an_event_loop_the_feed_sends_the_browser_to_ask(self, ask_page, market):
        assert ask_page(market.bidders[0][1], "feed").status_code == 204


class TestListAndAnnouncement:
    FORM = {
        "title": "Consumer loans, South",
        "start_price": "1,900,000.00",
        "step": "20,000",
        "reserve": "2,100,000",
        "deposit": "500,000",
        "time_zone": "Asia/Shanghai",
        "registration_ends_at": "2026-11-11T09:50",
        "opens_at": "2026-11-11T10:00",
        "ends_at": "2026-11-11T11:00",
        "hard_end_at": "2026-11-11T17:00",
        "window": 300,
        "extension": 300,
    }

    def test_announced_on_the_wall_clock_of_the_zone(self, package, seller_user, as_user, clock):
        clock.now = MORNING
        client = as_user(seller_user)
        assert client.get(reverse("auctions:new")).status_code == 200
        answer = client.post(reverse("auctions:new"), {**self.FORM, "package": package.pk})
        lot = Lot.objects.get()
        assert (answer.status_code, answer["Location"]) == (302, url("detail", lot.pk))
        assert (lot.opens_at, lot.first_end_at) == (OPENING, END)
        assert (lot.start_price_minor, lot.reserve_minor) == (START, 210_000_000)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("start_price", "many"),
            ("start_price", "0"),
            ("step", "-1"),
            ("deposit", "9,000,000"),
            ("reserve", "1"),
            ("time_zone", "Mars"),
            ("opens_at", "soon"),
            ("hard_end_at", "2026-11-11T10:30"),
            ("registration_ends_at", "2020-01-01T00:00"),
            ("package", "3f0c7e0e-7d2a-7000-8000-000000000000"),
        ],
    )
    def test_a_wrong_term_is_named_and_nothing_typed_is_lost(
        self, package, seller_user, as_user, clock, field, value
    ):
        clock.now = MORNING
        typed = {**self.FORM, "package": package.pk, field: value}
        answer = as_user(seller_user).post(reverse("auctions:new"), typed)
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
        assert 'value="Consumer loans, South"' in answer.content.decode()
        assert not Lot.objects.exists()

    @pytest.mark.parametrize(
        ("time", "words"),
        [
            ("2027-03-14T02:30", "2027-03-14 02:30 does not exist in America/New_York"),
            ("2027-11-07T01:30", "2027-11-07 01:30 comes twice in America/New_York"),
        ],
    )
    def test_A17_an_end_that_the_clocks_never_or_twice_show_is_refused(
        self, package, seller_user, as_user, clock, time, words
    ):
        clock.now = MORNING
        typed = {**self.FORM, "package": package.pk, "time_zone": "America/New_York"}
        typed |= {"ends_at": time, "hard_end_at": "2027-12-01T10:00"}
        answer = as_user(seller_user).post(reverse("auctions:new"), typed)
        assert answer.status_code == 422
        assert words in answer.context["form"].errors["ends_at"][0]
        assert not Lot.objects.exists()

    def test_list_with_filter_sort_and_export(self, market, as_user):
        client = as_user(market.bidders[0][1])
        address = reverse("auctions:list")
        assert market.lot.reference in client.get(address).content.decode()
        for query, shown in (
            ("?state=open&sort=-ends_at", True),
            ("?state=sold", False),
            ("?title=east", True),
            ("?currency=usd", False),
        ):
            text = client.get(address + query).content.decode()
            assert (market.lot.reference in text) == shown, query
        export = b"".join(client.get(address + "?export=csv").streaming_content).decode()
        assert market.lot.reference in export

    def test_only_an_approver_announces(self, as_user, buyer_user, seller, make_user):
        analyst = make_user("analyst@example.com", seller, Role.SELLER_ANALYST)
        for user in (buyer_user, analyst):
            assert as_user(user).get(reverse("auctions:new")).status_code == 403
