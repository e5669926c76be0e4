"""Falling, negotiated and sealed lots as bidders meet them, from the first act to the result."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.screenshots import enter
from tests.browser.serving import ROOT, Environment, Served, run, serve_portal


def prepare(environment: Environment) -> None:
    run(environment, "manage.py", "migrate", "--verbosity", "0")
    run(environment, "manage.py", "createcachetable")


@pytest.fixture(scope="module")
def venue(tmp_path_factory, browser_type_launch_args) -> Iterator[Served]:
    with serve_portal(tmp_path_factory.mktemp("formats"), prepare) as served:
        yield served


@pytest.fixture
def person(new_context, venue) -> Callable[[str], Page]:
    """A page of somebody's own browser, who confirms what is asked to be confirmed."""

    def open_session(name: str) -> Page:
        page = new_context(accept_downloads=True).new_page()
        page.on("dialog", lambda dialog: dialog.accept())
        enter(page, venue.url, f"{name}@example.com")
        return page

    return open_session


def make_lot(venue: Served, *arguments: str) -> str:
    """A lot made by a process of its own; its address."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.browser.prepare_formats", *arguments],
        cwd=ROOT,
        env=venue.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return f"{venue.url}/lots/{done.stdout.strip()}/"


def test_a_falling_price_is_accepted_exceeded_in_secret_and_shown_to_others(person, venue):
    address = make_lot(venue, "dutch")
    own, other = person("a-dutch"), person("b-dutch")
    for page in (own, other):
        page.goto(address)
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


def test_an_offer_is_countered_and_accepted_on_two_pages(person, venue):
    address = make_lot(venue, "negotiated")
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


def test_S1_S2_a_bid_sealed_in_the_browser_is_opened_by_two_holders(person, venue, tmp_path: Path):
    address = make_lot(venue, "sealed", "--seconds", "60", "--shares", str(tmp_path))
    bidder, rival = person("a-sealed"), person("b-sealed")
    bidder.goto(address)
    bidder.get_by_label(re.compile("Amount")).first.fill("31724.15")
    bidder.get_by_role("button", name="Seal", exact=True).click()
    with bidder.expect_download():
        bidder.get_by_role("link", name="Save the secret receipt").click()
    bidder.get_by_role("button", name="Hand in the envelope").click()
    expect(bidder.locator("main")).to_contain_text("Your envelope was handed in")
    rival.goto(address)
    expect(rival.locator("main")).to_contain_text("Nobody knows what was handed in")
    holders = {name: person(f"{name}-sealed") for name in ("compliance", "notary")}
    for name, page in holders.items():
        page.goto(f"{address}opening/")
        hand_in = page.get_by_role("button", name="Hand in")
        while not hand_in.is_visible():  # until the deadline has passed
            page.reload()
        page.get_by_label("Words of the share").fill((tmp_path / name).read_text())
        hand_in.click()
    expect(page.locator("main")).to_contain_text("31,724.15")
    rival.reload()
    expect(rival.locator("main")).to_contain_text("Sold")
    expect(rival.locator("main")).to_contain_text("31,724.15")
