"""The live page of an ascending lot: its bid panel under the keyboard, and a suspension."""

from itertools import count
from urllib.parse import urljoin, urlparse

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_quality import serious_findings

_lots = count(1)


@pytest.fixture
def bidding(person, make_lot) -> Page:
    """The page of an open ascending lot in a bidder's browser."""
    people = f"panel{next(_lots)}"
    address = make_lot("ascending", "--people", people)
    page: Page = person(f"a-{people}")
    page.goto(address)
    expect(page.locator("[data-connection]")).to_have_text("live")
    return page


def test_enter_reviews_what_was_typed(bidding):
    assert serious_findings(bidding) == []
    field = bidding.locator("#bid-panel [name=amount]")
    field.fill("23,456.78")
    field.press("Enter")
    expect(bidding.get_by_role("heading", name="Review your bid")).to_be_visible()
    expect(bidding.locator("#bid-panel .price")).to_contain_text("23,456.78")


def test_the_focus_goes_to_the_fault_and_to_the_answer(bidding):
    field = bidding.locator("#bid-panel [name=amount]")
    field.fill("1")
    bidding.get_by_role("button", name="Review bid").click()
    expect(bidding.locator("#bid-panel [role=alert]").first).to_contain_text("Lowest possible")
    expect(field).to_be_focused()
    field.fill("20,000.00")
    bidding.keyboard.press("Enter")
    expect(bidding.get_by_role("button", name="Place this bid")).to_be_focused()
    bidding.get_by_role("button", name="Change").click()
    expect(field).to_be_focused()
    bidding.keyboard.press("Enter")
    bidding.get_by_role("button", name="Place this bid").click()
    expect(bidding.locator("#bid-panel .note.good")).to_be_focused()


def test_A18_a_suspension_shows_its_reason_at_once_and_goes_with_the_resumption(person, make_lot):
    address = make_lot("ascending", "--people", "stopped")
    bidder, operator = person("a-stopped"), person("operator-stopped")
    bidder.goto(address)
    expect(bidder.locator("[data-connection]")).to_have_text("live")
    expect(bidder.locator("[data-suspension]")).to_be_hidden()
    operator.goto(urljoin(address, "/lots/control/"))
    row = operator.locator("tr", has=operator.locator(f'a[href="{urlparse(address).path}"]'))
    row.get_by_placeholder("Reason").first.fill("Line down")
    row.get_by_role("button", name="Suspend").click()
    expect(bidder.locator("[data-suspension]")).to_contain_text("Line down. No time passes")
    expect(bidder.locator("[data-clock]").first).to_have_text("paused")
    row.get_by_role("button", name="Resume").click()
    expect(bidder.locator("[data-suspension]")).to_be_hidden()
    expect(bidder.get_by_role("button", name="Review bid").last).to_be_visible()
