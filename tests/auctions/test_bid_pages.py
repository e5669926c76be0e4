"""The bid form: amount, review, confirmation, and every refusal by name."""

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.urls import reverse

from npa_market.auctions.models import BidOutcome, Lot, LotState
from npa_market.auctions.services import suspend_lot
from npa_market.auctions.terms import Format
from npa_market.common.errors import Busy
from npa_market.common.money import format_minor
from npa_market.diligence.models import Admission
from npa_market.ledger.models import Hold, HoldState
from npa_market.parties.models import Membership, QualificationState
from npa_market.parties.roles import Role
from tests.auctions.conftest import (
    END,
    OPENING,
    RESERVE,
    START,
    STEP,
    url,
)

pytestmark = pytest.mark.django_db


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

    def test_enter_reviews_what_was_typed_without_script(self, desk, market):
        page = desk.client.get(url("detail", market.lot.pk)).content.decode()
        form = page[page.index("data-bid-form") :]
        # Enter in a field sends the form's first submit button along.
        first = re.search(r'<button[^>]* name="(\w+)" value="(\w+)"', form)
        text = desk(**{"amount": "2,500,000.00", first[1]: first[2]}).content.decode()
        assert 'name="amount" value="2,500,000.00"' in text

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

    def test_the_focus_goes_to_one_place_of_each_answer(self, desk, market):
        focused = re.compile(
            r'<(\w+)[^>]*\bname="(\w+)"[^>]*\bautofocus|class="(note \w+)"[^>]*autofocus'
        )

        def places(answer) -> list[str]:
            return ["".join(found[1:]) for found in focused.findall(answer.content.decode())]

        assert places(desk.client.get(url("bid", market.lot.pk))) == []
        assert places(desk(amount="1", act="review")) == ["amount"]
        form = review(desk, "1900000")
        assert places(desk(**form, act="change")) == ["amount"]
        headers = {"HX-Request": "true"}
        typed = {**form, "act": "confirm"}
        address = url("bid", market.lot.pk)
        accepted = desk.client.post(address, typed, headers=headers)
        assert places(accepted) == ["note good"]
        suspend_lot(user=market.operator, lot_id=market.lot.pk, reason="Line down")
        assert places(confirm(desk, START + 9 * STEP)) == ["note bad"]

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
