"""Amounts that look like a slip of the hand are asked for once more."""

from uuid import uuid4

import pytest
from django.urls import reverse

from npa_market.auctions.guard.outliers import Yardstick, yardstick_of
from npa_market.auctions.models import BidOutcome
from npa_market.common.files import store_bytes
from npa_market.valuation.models import Valuation
from tests.auctions.conftest import MORNING, START, STEP

pytestmark = pytest.mark.django_db
FAR = START * 3 // 2 + 1


@pytest.mark.parametrize(
    ("amount_minor", "own_minor", "count"),
    [
        (150, None, 0), (151, None, 1), (150, 150, 0), (150, 149, 1), (151, 149, 2),
        (2**53, 149, 0),
    ],
)  # fmt: skip
def test_both_sides_of_each_yardstick(amount_minor, own_minor, count):
    yardstick = Yardstick("CNY", 100, own_minor, is_registered=True)
    assert len(yardstick.warnings(amount_minor)) == count


@pytest.mark.parametrize(("percent", "count"), [(150, 1), (200, 0)])
def test_the_factor_is_a_setting(settings, percent, count):
    settings.BID_FAR_ABOVE_PRICE_PERCENT = percent
    assert len(Yardstick("CNY", 100, None, is_registered=True).warnings(160)) == count


def value(market, organisation, user, q95_minor) -> Valuation:
    content = store_bytes(str(q95_minor).encode())
    return Valuation.objects.create(
        package=market.lot.package,
        organisation=organisation,
        created_by=user,
        created_at=MORNING,
        calibration_name="reference",
        calibration_sha256="ab" * 32,
        is_reference_calibration=True,
        terms={"buyer_irr": 0.2, "paths": 256},
        basis="claim",
        engine_version="1",
        inputs_sha256=uuid4().hex * 2,
        state="done",
        currency="CNY",
        q95_minor=q95_minor,
        price_minor=q95_minor,
        result_file=content,
        allocation_file=content,
    )


class TestOwnValue:
    def test_the_newest_run_of_the_buyers_own_house_counts(self, market, seller, seller_user):
        (buyer, user), (rival, rival_user) = market.bidders
        value(market, seller, seller_user, 5)
        value(market, rival, rival_user, 7)
        assert yardstick_of(market.lot.pk, buyer).own_minor is None
        value(market, buyer, user, 11)
        value(market, buyer, user, START)
        assert yardstick_of(market.lot.pk, buyer).own_minor == START
        assert yardstick_of(market.lot.pk, rival).own_minor == 7

    def test_the_last_price_is_the_leaders(self, market):
        market.bid(1, START + STEP)
        assert yardstick_of(market.lot.pk, market.bidders[0][0]).price_minor == START + STEP


class TestPages:
    @pytest.fixture
    def desk(self, market, as_user):
        client = as_user(market.bidders[0][1])
        return lambda **data: client.post(reverse("auctions:bid", args=[market.lot.pk]), data)

    def test_an_outlier_is_typed_once_more_before_it_is_placed(self, desk, market):
        shown = desk(amount="2850000.01", act="review").content.decode()
        assert 'name="confirm_amount"' in shown
        assert "1.5 times the last price of ¥1,900,000.00" in shown
        number = uuid4()
        for again in ("", "2850000", "abc", "1" * 41):
            answer = desk(
                amount="2,850,000.01", request_id=number, act="confirm", confirm_amount=again
            )
            assert answer.status_code == 422, again
        assert not BidOutcome.objects.exists()
        answer = desk(
            amount="2,850,000.01", request_id=number, act="confirm", confirm_amount="2850000.01"
        )
        assert answer.status_code == 302
        assert market.advance().leading_minor == FAR

    def test_step_buttons_go_the_same_way(self, desk):
        assert 'name="confirm_amount"' not in desk(steps=5).content.decode()
        assert 'name="confirm_amount"' in desk(steps=60).content.decode()

    def test_above_the_own_valuation(self, desk, market):
        value(market, *market.bidders[0], START + 1)
        assert 'name="confirm_amount"' not in desk(amount="1900000").content.decode()
        text = desk(amount="1920000").content.decode()
        assert "Your own valuation has 95 % of its outcomes below ¥1,900,000.01" in text


class TestApi:
    @pytest.fixture
    def bid(self, market, as_user):
        def post(**body):
            address = reverse("v1:lot-bids", args=[market.lot.pk])
            body = {"request_id": str(uuid4()), **body}
            client = as_user(market.bidders[0][1])
            return client.post(address, body, content_type="application/json")

        return post

    def test_an_outlier_repeats_its_amount(self, bid):
        for wrong in ({}, {"confirm_amount_minor": FAR - 1}, {"confirm_amount_minor": None}):
            answer = bid(amount_minor=FAR, **wrong)
            assert (answer.status_code, answer.json()["code"]) == (409, "confirm_outlier")
        assert not BidOutcome.objects.exists()
        assert bid(amount_minor=FAR, confirm_amount_minor=FAR).status_code == 201

    def test_an_ordinary_amount_needs_none(self, bid):
        assert bid(amount_minor=FAR - 1).status_code == 201

    def test_A3_a_resend_gets_its_answer_though_it_is_an_outlier_by_now(self, bid, market):
        number = str(uuid4())
        first = bid(amount_minor=START + STEP, request_id=number)
        value(market, *market.bidders[0], START)
        again = bid(amount_minor=START + STEP, request_id=number)
        assert (again.status_code, again.json()) == (201, first.json())
