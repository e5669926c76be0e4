"""Texts that people and machines send in place of an amount: named refusals, no half effect."""

import base64
import json
import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest

from npa_market.auctions import services
from npa_market.auctions.core import Format, Refusal
from npa_market.auctions.forms import BidForm
from npa_market.auctions.guard.models import BidLimit
from npa_market.auctions.models import BidOutcome
from npa_market.auctions.wording import _WORDS
from tests.auctions.conftest import START, STEP

STRINGS = Path("../shared/vectors/naughty-strings/blns.json")
LOT = SimpleNamespace(currency="CNY", floor_minor=START, step_minor=1)


def read(text: str) -> tuple[int | None, str]:
    """(minor units, code of the error) of what was typed into the bid form."""
    form = BidForm({"amount": text}, lot=LOT)
    form.is_valid()
    errors = form.errors.as_data().get("amount", [])
    return form.cleaned_data.get("amount_minor"), errors[0].code if errors else ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,900,000.00", (190_000_000, "")),
        ("１，９００，０００．００", (190_000_000, "")),
        (" 1900000 ", (190_000_000, "")),
        ("1e9", (None, "amount_unreadable")),
        ("1,000.005", (None, "amount_too_fine")),
        ("100000000000000000000", (None, "amount_too_large")),
        ("19,00000", (None, "amount_unreadable")),
        ("¥1,900,000", (None, "amount_unreadable")),
        ("1900000 USD", (None, "amount_unreadable")),
        ("1.900.000,00", (None, "amount_unreadable")),
        ("∞", (None, "amount_unreadable")),
        ("½", (None, "amount_unreadable")),
        ("1\u0000", (None, "null_characters_not_allowed")),
    ],
)
def test_amounts_as_they_are_typed(text, expected):
    assert read(text) == expected


def test_an_empty_amount_is_asked_for():
    for text in ("", "   "):
        assert read(text)[0] is None
        assert "amount" in BidForm({"amount": text}, lot=LOT).errors


@pytest.mark.skipif(not STRINGS.exists(), reason="the naughty strings are not beside the project")
def test_no_naughty_string_is_an_amount_that_it_does_not_say():
    plain = 0
    for text in json.loads(STRINGS.read_text(encoding="utf-8")):
        amount_minor, code = read(text)
        if amount_minor is None:
            assert code or not text.strip()
        else:
            plain += 1
            digits = "".join(each for each in text if each.isdigit())
            assert str(abs(amount_minor)).startswith(str(int(digits)))
    assert plain < 20


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount_minor": "1e9"}, 422, None),
        ({"amount_minor": 1.5}, 422, None),
        ({"amount_minor": None}, 422, None),
        ({"amount_minor": 2**62 + 1}, 422, None),
        ({"amount_minor": -1}, 409, "below_start"),
        ({"amount_minor": 2**53}, 409, "amount_too_large"),
        ({"amount_minor": START, "currency": "USD"}, 422, "wrong_currency"),
        ({"amount_minor": START, "currency": "CNY"}, 201, None),
    ],
)
def test_amounts_as_machines_send_them(market, as_user, body, status, code):
    client = as_user(market.bidders[0][1])
    answer = client.post(
        f"/api/v1/lots/{market.lot.pk}/bids/",
        {"request_id": str(uuid4()), **body},
        content_type="application/json",
    )
    assert answer.status_code == status, answer.content
    if code:
        assert answer.json()["code"] == code
    assert BidOutcome.objects.count() == (status in {201, 409})
    assert market.lot.events.filter(kind="bid_accepted").count() == (status == 201)


# What is no amount for any form or address, whatever the format of the lot.
NO_AMOUNTS = ["", "1e9", "1,000.005", "1" + "0" * 20, "1900000 USD", "½", "9" * 41, "1\u0000"]


@pytest.mark.django_db
class TestOtherFormats:
    """Amounts of sealed rounds, offers and limits are read by the same rule as bids."""

    @pytest.fixture
    def in_round(self, offered):
        market = offered(Format.DUTCH)
        buyer, user = market.bidders[1]
        services.accept_price(
            user=user, lot_id=market.lot.pk, buyer=buyer, amount_minor=START, request_id=uuid4()
        )
        return market

    @pytest.mark.parametrize("text", NO_AMOUNTS)
    def test_no_amount_is_a_bid_of_a_round(self, in_round, as_user, text):
        client = as_user(in_round.bidders[0][1])
        form = {"amount": text, "request_id": uuid4()}
        answer = client.post(f"/lots/{in_round.lot.pk}/round-bid/", form)
        assert (answer.status_code, BidOutcome.objects.count()) == (422, 1)
        assert 'aria-invalid="true"' in answer.content.decode()

    @pytest.mark.parametrize("text", [*NO_AMOUNTS, "-5", "0"])
    def test_no_amount_is_an_offer(self, offered, as_user, text):
        market = offered(Format.NEGOTIATED)
        client = as_user(market.bidders[0][1])
        form = {"amount": text, "valid_hours": 1, "request_id": uuid4()}
        answer = client.post(f"/lots/{market.lot.pk}/offer/", form)
        assert answer.status_code == 422
        assert not market.lot.events.filter(kind="offer_made").exists()
        form = {"limit-amount": text}
        assert client.post(f"/lots/{market.lot.pk}/limit/propose/", form).status_code == 422
        assert not BidLimit.objects.exists()

    def test_A3_a_used_number_does_not_stop_what_is_typed_next(self, in_round, as_user):
        """The form comes back with another number, so pressing again is a request of its own."""
        client, address = as_user(in_round.bidders[0][1]), f"/lots/{in_round.lot.pk}/round-bid/"
        form = {"amount": "1900000.01", "request_id": str(uuid4())}
        client.post(address, form)
        answer = client.post(address, form | {"amount": "1900000.02"})
        assert answer.status_code == 422
        assert form["request_id"] not in answer.content.decode()
        assert "already used" in answer.content.decode()
        (found,) = re.findall(r'name="request_id" value="([0-9a-f-]+)"', answer.content.decode())
        assert (
            client.post(address, {"amount": "1900000.02", "request_id": found}).status_code == 302
        )

    def test_full_width_digits_are_digits_everywhere(self, in_round, as_user):
        client = as_user(in_round.bidders[0][1])
        form = {"amount": "１，９００，０００．０１", "request_id": uuid4()}
        client.post(f"/lots/{in_round.lot.pk}/round-bid/", form)
        assert BidOutcome.objects.get(request_id=form["request_id"]).amount_minor == START + 1

    @pytest.mark.parametrize("path", ["accept-price", "offers", "bids"])
    def test_machines_are_told_of_the_wrong_currency_and_of_what_is_no_number(
        self, offered, as_user, path
    ):
        market = offered(Format.NEGOTIATED if path == "offers" else Format.DUTCH)
        client = as_user(market.bidders[0][1])

        def ask(**body):
            body = {"request_id": str(uuid4()), "valid_seconds": 3600, **body}
            address = f"/api/v1/lots/{market.lot.pk}/{path}/"
            return client.post(address, body, content_type="application/json")

        assert ask(amount_minor=START, currency="USD").json()["code"] == "wrong_currency"
        for amount in (*NO_AMOUNTS, "1900000.00", 1.5, 10**20, None, True, [START], {}):
            answer = ask(amount_minor=amount)
            assert answer.status_code == 422, amount
            assert "amount_minor" in [error["field"] for error in answer.json()["errors"]], amount
        assert not BidOutcome.objects.exists()

    @pytest.mark.skipif(not STRINGS.exists(), reason="the naughty strings are not beside it")
    def test_naughty_strings_are_answered_by_page_and_api(self, in_round, as_user):
        client = as_user(in_round.bidders[0][1])
        address = f"/api/v1/lots/{in_round.lot.pk}/bids/"
        for text in json.loads(STRINGS.read_text(encoding="utf-8"))[::12]:
            body = {"request_id": str(uuid4()), "amount_minor": text}
            asked = client.post(address, body, content_type="application/json")
            form = {"amount": text, "request_id": uuid4()}
            typed = client.post(f"/lots/{in_round.lot.pk}/round-bid/", form)
            # Some of them are plain numbers: too small, or large enough to be asked for again.
            assert {asked.status_code, typed.status_code} <= {409, 422}, text
            if "<" in text:
                assert text not in typed.content.decode(), text


@pytest.mark.django_db
class TestNumbersOfRequests:
    """A number stands for one request of a buyer, whatever the format and the door."""

    def test_A3_a_double_click_and_another_payload_on_the_pages(self, offered, as_user):
        market = offered(Format.NEGOTIATED)
        client, address = as_user(market.bidders[0][1]), f"/lots/{market.lot.pk}/"
        offer = {"amount": "1,900,000.00", "valid_hours": 1, "request_id": uuid4()}
        for _ in range(2):
            assert client.post(f"{address}offer/", offer).status_code == 302
        assert market.lot.events.filter(kind="offer_made").count() == 1
        other = client.post(f"{address}offer/", {**offer, "amount": "1,900,001.00"})
        assert other.status_code == 422
        assert "already used" in other.content.decode()
        answer = {"offer": 2, "answer": "withdraw", "request_id": offer["request_id"]}
        assert "already used" in client.post(f"{address}answer/", answer).content.decode()
        assert market.lot.events.filter(kind="offer_made").count() == 1

    def test_A3_another_payload_through_the_api(self, offered, as_user):
        market = offered(Format.NEGOTIATED)
        client = as_user(market.bidders[0][1])

        def ask(**body):
            body = {"request_id": number, "amount_minor": START, "valid_seconds": 3600, **body}
            address = f"/api/v1/lots/{market.lot.pk}/offers/"
            return client.post(address, body, content_type="application/json")

        number = str(uuid4())
        first, again = ask(), ask()
        assert (first.status_code, again.json()) == (201, first.json())
        for change in ({"amount_minor": START + 1}, {"valid_seconds": 3601}):
            reused = ask(**change)
            assert (reused.status_code, reused.json()["code"]) == (409, "request_reused")

    def test_a_price_that_a_tick_overtook_is_taken_at_the_lower_one(self, offered, as_user, clock):
        market = offered(Format.DUTCH, tick_seconds=60)
        client, address = as_user(market.bidders[0][1]), f"/lots/{market.lot.pk}/accept-price/"
        clock.now += timedelta(seconds=60)
        early = {"amount_minor": START - 2 * STEP, "request_id": uuid4()}
        assert "has not fallen" in client.post(address, early).content.decode()
        stale = {"amount_minor": START, "request_id": uuid4()}
        assert client.post(address, stale).status_code == 302
        assert market.lot.events.get(kind="price_accepted").amount_minor == START - STEP

    @pytest.mark.parametrize("kind", [Format.DUTCH, Format.NEGOTIATED, Format.SEALED])
    def test_a_closed_or_a_foreign_lot_takes_nothing(self, offered, as_user, clock, stranger, kind):
        market = offered(kind)
        paths = {
            Format.DUTCH: ["accept-price", "round-bid"],
            Format.NEGOTIATED: ["offer", "answer"],
            Format.SEALED: ["envelope", "envelope/seal", "envelope/withdraw"],
        }[kind]
        api = {
            Format.DUTCH: ["accept-price", "bids"],
            Format.NEGOTIATED: ["offers", "offers/answer"],
            Format.SEALED: ["envelopes", "envelopes/withdraw"],
        }[kind]
        form = {
            "request_id": str(uuid4()),
            "amount": "1,900,001.00",
            "amount_minor": START,
            "valid_hours": 1,
            "valid_seconds": 3600,
            "offer": 1,
            "answer": "accept",
            "envelope": base64.b64encode(bytes(560)).decode(),
        }
        clock.now = market.lot.hard_end_at + timedelta(days=1)
        while not market.lot.is_over and market.lot.state != "opening":
            market.advance()

        def statuses(user):
            client = as_user(user)
            pages = [client.post(f"/lots/{market.lot.pk}/{path}/", form) for path in paths]
            asked = [
                client.post(
                    f"/api/v1/lots/{market.lot.pk}/{path}/",
                    {**form, "request_id": str(uuid4())},
                    content_type="application/json",
                )
                for path in api
            ]
            return {each.status_code for each in pages}, {each.status_code for each in asked}

        pages, asked = statuses(market.bidders[0][1])
        assert pages <= {409, 422}
        assert asked == {409}
        assert statuses(stranger) in [({403}, {403}), ({404}, {404}), ({403}, {404})]
        assert not BidOutcome.objects.filter(refusal="").exists()


def test_every_refusal_has_words_that_name_no_reserve():
    assert set(_WORDS) == set(Refusal)
    assert not [words for words in _WORDS.values() if "reserve" in words.lower()]
