"""The two acts of the portal that must never fail: a seller's upload, a buyer's bid."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from npa_market.parties.roles import Role
from tests.browser.screenshots import enter
from tests.browser.serving import Served, run, serve_portal, work_for

SIGNATORY, RIVAL = "buyer.signatory@example.com", "rival@example.com"


@pytest.fixture(scope="module")
def live(tmp_path_factory, browser_type_launch_args) -> Iterator[Served]:
    """A portal of its own with a worker, since these tests change its lots and tapes."""
    with serve_portal(tmp_path_factory.mktemp("live"), eager="0") as served, work_for(served):
        yield served


@pytest.fixture
def as_person(context: BrowserContext, new_context, live) -> Callable[[str], Page]:
    """A page of a browser session of one's own."""

    def open_session(email: str) -> Page:
        page = new_context().new_page()
        enter(page, live.url, email)
        return page

    return open_session


def open_lot(page: Page, served: Served) -> None:
    """Go to the lot that is open for bids."""
    page.goto(f"{served.url}/lots/?state=open")
    page.get_by_role("link", name=re.compile("LOT-")).first.click()
    expect(page.locator("[data-connection]")).to_have_text("live")


def place_bid(page: Page) -> str:
    """Bid the lowest possible amount through both steps; the amount shown for review."""
    page.get_by_role("button", name="+1 step", exact=True).click()
    page.get_by_role("button", name="Review bid").click()
    amount = page.locator("#bid-panel .price").inner_text()
    page.get_by_role("button", name="Place this bid").click()
    expect(page.locator("#bid-panel")).to_contain_text("Accepted")
    return amount


def test_a_bid_reaches_the_other_bidders_page_without_reload(as_person, live):
    own, other = as_person(SIGNATORY), as_person(RIVAL)
    open_lot(own, live)
    open_lot(other, live)
    for page in (own, other):
        page.evaluate("window.notReloaded = true")
    amount = place_bid(own)
    expect(own.locator("[data-price]")).to_have_text(amount)
    expect(own.locator("[data-lead=yes]")).to_be_visible()
    expect(other.locator("[data-price]")).to_have_text(amount)
    expect(other.locator("[data-lead=no]")).to_be_visible()
    assert own.evaluate("window.notReloaded")
    assert other.evaluate("window.notReloaded")
    outbid = place_bid(other)
    expect(own.locator("[data-price]")).to_have_text(outbid)
    expect(own.locator("[data-lead=yes]")).to_be_hidden()


def test_without_the_live_feed_the_page_asks_for_news(as_person, live):
    own, other = as_person(SIGNATORY), as_person(RIVAL)
    own.route("**/feed/**", lambda route: route.abort())
    own.goto(f"{live.url}/lots/?state=open")
    own.get_by_role("link", name=re.compile("LOT-")).first.click()
    open_lot(other, live)
    amount = place_bid(other)
    expect(own.locator("[data-price]")).to_have_text(amount, timeout=15_000)


def test_a_bid_below_the_step_is_refused_beside_the_field_and_kept(as_person, live):
    page = as_person(SIGNATORY)
    open_lot(page, live)
    field = page.get_by_label(re.compile("Amount"))
    field.fill("5")
    page.get_by_role("button", name="Review bid").click()
    if page.get_by_role("button", name="Place this bid").is_visible():
        page.get_by_role("button", name="Place this bid").click()
    expect(page.locator("#bid-panel [role=alert]").first).to_be_visible()
    expect(page.get_by_label(re.compile("Amount"))).to_have_value(re.compile("^5"))


def test_a_seller_uploads_a_tape_and_follows_its_import(as_person, live, tmp_path: Path):
    tape = tmp_path / "tape.csv"
    run(
        live.environment,
        *("manage.py", "make_tape", "--loans", "3000", "--seed", "5", "--out", str(tape)),
    )
    page = as_person(f"{Role.SELLER_ANALYST.value.replace('_', '.')}@example.com")
    page.goto(f"{live.url}/tapes/upload/")
    page.locator("input[type=file]").set_input_files(tape)
    page.get_by_label("Mapping").select_option("npa_standard")
    page.get_by_label("Currency").select_option("CNY")
    page.get_by_label("Cut-off date").fill("2025-12-31")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("h1")).to_contain_text("TAPE-")
    expect(
        page.get_by_role("progressbar").or_(page.get_by_text("To confirm")).first
    ).to_be_visible()
    expect(page.locator("h1")).to_contain_text("To confirm", timeout=60_000)
    expect(page.locator("main")).to_contain_text("3,000")
    page.get_by_role("button", name="Confirm and take in").click()
    expect(page.locator("h1")).to_contain_text("Imported")
    expect(page.get_by_role("link", name="Build a package")).to_be_visible()


def test_a_file_that_is_no_tape_is_refused_beside_the_field(as_person, live, tmp_path: Path):
    nothing = tmp_path / "nothing.csv"
    nothing.write_bytes(b"")
    page = as_person(f"{Role.SELLER_ANALYST.value.replace('_', '.')}@example.com")
    page.goto(f"{live.url}/tapes/upload/")
    page.locator("input[type=file]").set_input_files(nothing)
    page.get_by_label("Mapping").select_option("npa_standard")
    page.get_by_label("Currency").select_option("CNY")
    page.get_by_label("Cut-off date").fill("2025-12-31")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("0 bytes").first).to_be_visible()
    expect(page.get_by_label("Cut-off date")).to_have_value("2025-12-31")
