"""Texts that people and machines send in place of an amount: named refusals, no half effect."""

import json
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest

from npa_market.auctions.core import Refusal
from npa_market.auctions.forms import BidForm
from npa_market.auctions.models import BidOutcome
from npa_market.auctions.wording import _WORDS
from tests.auctions.conftest import START

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


def test_every_refusal_has_words_that_name_no_reserve():
    assert set(_WORDS) == set(Refusal)
    assert not [words for words in _WORDS.values() if "reserve" in words.lower()]
