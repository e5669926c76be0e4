"""Falling and negotiated lots as bidders meet them, from the first act to the result."""

import re

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("hours", [1, -1])
def test_a_falling_price_follows_the_venues_clock_where_the_browsers_is_off(
    person, make_lot, hours
):
    falling = make_lot("dutch", "--people", f"hour{hours}")
    page = person(f"a-hour{hours}")
    page.add_init_script(f"const real = Date.now; Date.now = () => real() + {hours * 3_600_000};")
    page.goto(falling)
    expect(page.locator("[data-connection]")).to_have_text("live")
    expect(page.locator("[data-until]")).to_have_text(re.compile("^00:|^01:00:00"))
    expect(page.locator("#lot-board .price")).to_contain_text("20,000.00")
    assert page.locator("#lot-panel [name=amount_minor]").input_value() == "2000000"


def test_a_falling_price_is_accepted_exceeded_in_secret_and_shown_to_others(person, make_lot):
    falling = make_lot("dutch")
    own, other = person("a-dutch"), person("b-dutch")
    for page in (own, other):
        page.goto(falling)
        expect(page.locator("[data-connection]")).to_have_text("live")
    expect(own.locator("#lot-board .price")).to_contain_text("20,000.00")
    own.get_by_role("button", name="Accept this price").click()
    expect(own.locator("main")).to_contain_text("You accepted the price")
    expect(own.get_by_role("button", name="Place bid")).to_have_count(0)
    expect(other.locator("#lot-board")).to_contain_text("Price accepted")
    other.get_by_label(re.compile("Amount")).fill("20,000.00")
    other.get_by_role("button", name="Place bid").click()
    expect(other.get_by_role("alert").first).to_contain_text("must exceed")
    other.get_by_label(re.compile("Amount")).fill("20,500.00")
    other.get_by_role("button", name="Place bid").click()
    expect(other.locator("main")).to_contain_text("Your bid was received")
    own.reload()
    expect(own.locator("main")).not_to_contain_text("20,500.00")


def test_an_offer_is_countered_and_accepted_on_two_pages(person, make_lot):
    address = make_lot("negotiated")
    buyer, seller = person("a-negotiated"), person("seller-negotiated")
    buyer.goto(address)
    buyer.get_by_label(re.compile("Amount")).fill("15,000.00")
    buyer.get_by_role("button", name="Make an offer").click()
    expect(buyer.locator("main")).to_contain_text("Your offer stands")
    seller.goto(address)
    expect(seller.get_by_role("button", name="Accept ")).to_contain_text("15,000.00")
    seller.get_by_label(re.compile("Amount")).fill("18,000.00")
    seller.get_by_role("button", name="Make a counter-offer").click()
    expect(seller.locator("main")).to_contain_text("Your offer stands")
    accept = buyer.get_by_role("button", name=re.compile(r"Accept .*18,000\.00"))
    expect(accept).to_be_visible(timeout=15_000)
    accept.click()
    expect(buyer.locator("#lot-note")).to_contain_text("18,000.00")
    seller.reload()
    expect(seller.locator("#lot-note")).to_contain_text("18,000.00")
