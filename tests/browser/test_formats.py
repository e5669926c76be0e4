"""Falling and negotiated lots as bidders meet them, from the first act to the result."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator

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
