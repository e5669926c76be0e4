"""The pages of a lot: who sees what, and how a bid goes through them."""

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.urls import reverse

from npa_market.auctions.models import BidOutcome, Lot, LotState
from npa_market.auctions.services import refuse_registration, register_for_lot
from npa_market.auctions.templatetags.auctions import fine_share
from npa_market.auctions.terms import Format
from npa_market.common.errors import Busy
from npa_market.common.money import format_minor
from npa_market.diligence.models import Admission
from npa_market.ledger.models import Hold, HoldState
from npa_market.parties.models import Membership, QualificationState
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
)

pytestmark = pytest.mark.django_db


def url(name: str, key) -> str:
    return reverse(f"auctions:{name}", args=[key])


@pytest.fixture
def ask_page(market, as_user):
    """Ask a page of the lot as somebody."""

    def ask(user, name="detail", **extra):
        return as_user(user).get(url(name, market.lot.pk), **extra)

    return ask


@pytest.fixture
def desk(market, as_user):
    """The first bidder's browser: post to the bid form as the page would."""
    client = as_user(market.bidders[0][1])

    def post(**data):
        return client.post(url("bid", market.lot.pk), data)

    post.client = client
    return post


def review(desk, amount: str) -> dict[str, str]:
    """Review a bid and read the confirmation form."""
    answer = desk(amount=amount, act="review")
    assert answer.status_code == 200, answer.content.decode()
    text = answer.content.decode()
    found = re.findall(r'<input type="hidden" name="(amount|request_id)" value="([^"]+)"', text)
    return dict(found)


def confirm(desk, amount_minor: int, request_id=None):
    """What the confirmation form sends."""
    return desk(
        amount=format_minor(amount_minor, "CNY"), request_id=request_id or uuid4(), act="confirm"
    )


class TestBidding:
    def test_amount_review_confirm(self, desk, market):
        form = review(desk, "1,900,000.00")
        assert UUID(form["request_id"]).version == 7
        assert not BidOutcome.objects.exists(), "a review decides nothing"
        answer = desk(**form, act="confirm")
        assert answer.status_code == 302
        assert market.advance().leading_minor == START
        text = desk.client.get(answer["Location"]).content.decode()
        assert "Accepted. Your bid of ¥1,900,000.00 took the lead." in text
        assert '<span class="tag good">you</span>' in text

    def test_A3_a_double_click_is_one_bid(self, desk, market):
        form = review(desk, "1900000")
        answers = [desk(**form, act="confirm").status_code for _ in range(3)]
        assert answers == [302, 302, 302]
        assert market.lot.events.filter(kind="bid_accepted").count() == 1

    def test_A3_a_review_changed_behind_its_number_is_refused(self, desk):
        form = review(desk, "1900000")
        desk(**form, act="confirm")
        answer = desk(**{**form, "amount": "2,000,000.00"}, act="confirm")
        assert answer.status_code == 409
        assert "already used for another bid" in answer.content.decode()

    @pytest.mark.parametrize(("steps", "expected"), [(1, START), (2, START + STEP)])
    def test_step_buttons_work_without_script(self, desk, steps, expected):
        text = desk(steps=steps).content.decode()
        assert f'value="{format_minor(expected, "CNY")}"' in text

    def test_A8_step_buttons_and_the_live_page_walk_the_table_of_steps(self, offered, as_user):
        market = offered(Format.ASCENDING, higher_steps=((START + STEP, 10 * STEP),))
        client, address = as_user(market.bidders[1][1]), f"/lots/{market.lot.pk}/"
        text = client.post(f"{address}bid/", {"steps": 3}).content.decode()
        assert f'value="{format_minor(START + 11 * STEP, "CNY")}"' in text
        market.bid(0, START + STEP)
        text = client.post(f"{address}bid/", {"steps": 2}).content.decode()
        assert f'value="{format_minor(START + 21 * STEP, "CNY")}"' in text
        page = client.get(address).content.decode()
        assert f'"higher_steps": [[{START + STEP}, {10 * STEP}]]' in page

    def test_A10_a_bid_that_a_maximum_beat_is_not_told_that_it_leads(self, offered, as_user):
        market = offered(Format.ASCENDING, allows_proxy=True)
        market.bid(0, START + 10 * STEP)
        leader, rival = (as_user(user) for _, user in market.bidders)

        def told(client, amount_minor):
            form = {"amount": format_minor(amount_minor, "CNY"), "request_id": uuid4()}
            return client.post(
                f"/lots/{market.lot.pk}/bid/",
                {**form, "act": "confirm"},
                headers={"HX-Request": "true"},
            ).content.decode()

        beaten = told(rival, START + 5 * STEP)
        assert "beaten at once" in beaten
        assert "took the lead" not in beaten
        assert "Your maximum is now" in told(leader, START + 12 * STEP)
        assert "took the lead" in told(rival, START + 20 * STEP)

    def test_A10_a_leader_reviews_a_maximum_raised_by_less_than_a_step(self, offered, as_user):
        market = offered(Format.ASCENDING, allows_proxy=True)
        market.bid(0, START)
        leader, rival = (as_user(user) for _, user in market.bidders)
        form = {"amount": format_minor(START + 1, "CNY"), "act": "review"}
        address = f"/lots/{market.lot.pk}/bid/"
        assert leader.post(address, form).status_code == 200
        assert rival.post(address, form).status_code == 422
        form["amount"] = format_minor(START, "CNY")
        assert "at least as high" in leader.post(address, form).content.decode()

    def test_change_brings_the_amount_back(self, desk):
        form = review(desk, "2,000,000")
        text = desk(**form, act="change").content.decode()
        assert 'value="2,000,000.00"' in text
        assert not BidOutcome.objects.exists()

    @pytest.mark.parametrize(
        ("typed", "message"),
        [
            ("", "Write the amount"),
            ("abc", "plain number"),
            ("-5", "below the start price"),
            ("1e9", "plain number"),
            ("1,000.005", "2 decimal places"),
            ("12,34", "plain number"),
            ("1" + "0" * 20, "too large"),
            ("<script>", "plain number"),
            ("1" * 41, "at most 40"),
        ],
    )
    def test_an_amount_that_is_none_is_answered_beside_the_field(self, desk, typed, message):
        answer = desk(amount=typed, act="review")
        text = answer.content.decode()
        assert answer.status_code == 422
        assert message in text
        assert "<script>alert" not in text
        assert 'aria-invalid="true"' in text
        assert not BidOutcome.objects.exists()

    def test_full_width_digits_are_digits(self, desk):
        assert review(desk, "1，900，000")["amount"] == "1,900,000.00"

    def test_a_bid_below_the_lead_is_told_at_the_review(self, desk, market):
        market.bid(1, START)
        answer = desk(amount="1,900,000", act="review")
        assert answer.status_code == 422
        assert "¥1,920,000.00" in answer.content.decode()

    def test_the_panel_alone_for_htmx(self, desk, market):
        client = desk.client
        address = url("bid", market.lot.pk)
        headers = {"HX-Request": "true"}
        answer = client.post(address, {"amount": "1900000", "act": "review"}, headers=headers)
        text = answer.content.decode()
        assert "<html" not in text
        assert 'id="bid-panel"' in text
        request_id = re.search(r'name="request_id" value="([^"]+)"', text).group(1)
        done = client.post(
            address,
            {"amount": "1,900,000.00", "act": "confirm", "request_id": request_id},
            headers=headers,
        )
        assert done.status_code == 200
        assert "Accepted." in done.content.decode()

    def test_busy_keeps_the_review_and_its_number(self, desk, market, monkeypatch):
        from npa_market.auctions import services

        form = review(desk, "1900000")
        with monkeypatch.context() as patch:

            def busy(**arguments):
                raise Busy

            patch.setattr(services, "place_bid", busy)
            answer = desk(**form, act="confirm")
        assert (answer.status_code, answer["Retry-After"]) == (503, "1")
        assert form["request_id"] in answer.content.decode()
        assert desk(**form, act="confirm").status_code == 302

    def test_a_get_changes_nothing(self, desk, market):
        assert desk.client.get(url("bid", market.lot.pk)).status_code == 200
        assert desk.client.get(url("register", market.lot.pk)).status_code == 405


class TestRefusals:
    """Every refusal by name, through the page and through the API."""

    CASES = (
        "closed",
        "not_open",
        "late",
        "not_qualified",
        "not_admitted",
        "no_deposit",
        "related_to_seller",
        "suspended",
        "below_start",
        "below_step",
        "amount_too_large",
    )

    def arrange(self, name, market, clock) -> int:
        """Make the next bid of the first bidder fail by this name; the amount to bid."""
        buyer = market.bidders[0][0]
        if name == "closed":
            clock.now = END
            market.advance()
        elif name == "not_open":
            Lot.objects.filter(pk=market.lot.pk).update(
                state=LotState.ANNOUNCED, last_decided_at=None
            )
            clock.now = OPENING - timedelta(minutes=1)
        elif name == "not_qualified":
            buyer.qualified_until = (OPENING - timedelta(days=1)).date()
            buyer.save()
        elif name == "suspended":
            buyer.qualification = QualificationState.SUSPENDED
            buyer.save()
        elif name == "not_admitted":
            Admission.objects.filter(buyer=buyer).update(
                revoked_at=OPENING, revoked_by=market.operator, revoke_reason="Leak"
            )
        elif name == "no_deposit":
            Hold.objects.filter(buyer=buyer).update(state=HoldState.REFUNDED, resolved_at=OPENING)
        elif name == "related_to_seller":
            Membership.objects.create(
                user=market.seller_user, organisation=buyer, role=Role.BUYER_ANALYST
            )
        elif name == "below_step":
            market.bid(1, START)
            return START + STEP - 1
        return {"below_start": START - 1, "amount_too_large": 2**53}.get(name, START)

    def arrange_late(self, monkeypatch, clock):
        """The clock passes the end between the look at the lot and the decision."""
        from npa_market.auctions.services import bidding

        monkeypatch.setattr(bidding, "database_now", lambda: END)

    @pytest.mark.parametrize("name", CASES)
    def test_through_the_page(self, desk, market, clock, monkeypatch, name):
        amount_minor = self.arrange(name, market, clock)
        if name == "late":
            self.arrange_late(monkeypatch, clock)
        answer = confirm(desk, amount_minor)
        outcome = BidOutcome.objects.get(buyer=market.bidders[0][0])
        assert (answer.status_code, outcome.refusal) == (409, name)
        text = answer.content.decode().replace("&#x27;", "'")
        assert outcome.message in text
        assert str(RESERVE) not in text

    @pytest.mark.parametrize("name", CASES)
    def test_through_the_api(self, as_user, market, clock, monkeypatch, name):
        amount_minor = self.arrange(name, market, clock)
        if name == "late":
            self.arrange_late(monkeypatch, clock)
        client = as_user(market.bidders[0][1])
        request_id = str(uuid4())
        address = reverse("v1:lot-bids", args=[market.lot.pk])
        body = {"request_id": request_id, "amount_minor": amount_minor}
        first = client.post(address, body, content_type="application/json")
        assert first.status_code == 409
        assert first["Content-Type"].startswith("application/problem+json")
        document = first.json()
        assert (document["code"], document["status"]) == (name, 409)
        assert document["outcome"]["request_id"] == request_id
        again = client.post(address, body, content_type="application/json")
        assert again.json() == document


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
