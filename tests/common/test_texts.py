"""Texts that can be kept, reasons, and the number of a row after which a page begins."""

import json

import pytest

from npa_market.common.errors import InvalidInput
from npa_market.common.keyset import row_after
from npa_market.common.texts import can_be_kept, checked_reason


@pytest.mark.parametrize(
    ("text", "expected"), [("张三 😀\n", True), ("", True), ("a\x00", False), ("\ud83d", False)]
)
def test_nul_and_half_a_surrogate_pair_are_not_kept(text, expected):
    assert can_be_kept(text) is expected


def test_a_reason_is_returned_without_blanks_around_it():
    assert checked_reason("  Wrong data ", most=10, words="Say why.") == "Wrong data"


@pytest.mark.parametrize("reason", ["", "  ", "short", "x" * 11, "with a \x00"])
def test_a_reason_outside_its_limits_is_refused_in_the_words_of_the_act(reason):
    with pytest.raises(InvalidInput, match=r"Say why\.") as caught:
        checked_reason(reason, least=6, most=10, words="Say why.")
    assert (caught.value.code, caught.value.field) == ("reason_needed", "reason")


@pytest.mark.parametrize("text", ["", "-1", "x", "１２", "1" * 5_000, "1 "])
def test_what_is_no_row_number_begins_at_the_first_row(text):
    assert row_after(text, -1) == -1


def test_a_row_number_is_taken():
    assert row_after("0417", -1) == 417


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["measure", "maximise", "title"])
def test_half_a_surrogate_pair_in_a_request_is_told_and_not_quoted(as_user, seller_user, field):
    """A choice that quotes what it does not know could not be written into the answer."""
    body = json.dumps({field: "\ud800"})
    client = as_user(seller_user)
    answer = client.post("/api/v1/package-picks/", body, content_type="application/json")
    assert answer.status_code == 400
    assert "surrogate" in answer.json()["detail"]
