"""The two acts of the portal that must never fail: a seller's upload, a buyer's bid."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
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


def review_lowest(page: Page) -> None:
    page.get_by_role("button", name="+1 step", exact=True).click()
    page.get_by_role("button", name="Review bid").click()
    expect(page.get_by_role("button", name="Place this bid")).to_be_visible()


def place_bid(page: Page) -> str:
    """Bid the lowest possible amount through both steps; the amount shown for review."""
    review_lowest(page)
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


def test_of_two_tabs_with_one_price_the_second_is_told_the_new_floor(as_person, live):
    first = as_person(SIGNATORY)
    open_lot(first, live)
    second = first.context.new_page()
    open_lot(second, live)
    before = int(first.locator("[data-bids]").inner_text())
    for page in (first, second):
        review_lowest(page)
    first.get_by_role("button", name="Place this bid").click()
    expect(first.locator("#bid-panel")).to_contain_text("Accepted")
    second.get_by_role("button", name="Place this bid").click()
    expect(second.locator("#bid-panel [role=alert]").first).to_contain_text("Lowest possible")
    floor = second.locator("[data-floor]").inner_text()
    expect(second.locator("#bid-panel [role=alert]").first).to_contain_text(floor)
    expect(second.locator("[data-bids]")).to_have_text(str(before + 1))


def test_a_double_click_is_one_bid(as_person, live):
    page = as_person(SIGNATORY)
    open_lot(page, live)
    before = int(page.locator("[data-bids]").inner_text())
    review_lowest(page)
    page.get_by_role("button", name="Place this bid").dblclick()
    expect(page.locator("#bid-panel")).to_contain_text("Accepted")
    page.reload()
    expect(page.locator("[data-bids]")).to_have_text(str(before + 1))


def test_a_price_gone_stale_under_review_shows_and_is_refused_with_the_new_floor(as_person, live):
    own, rival = as_person(SIGNATORY), as_person(RIVAL)
    open_lot(own, live)
    open_lot(rival, live)
    review_lowest(own)
    amount = place_bid(rival)
    expect(own.locator("[data-price]")).to_have_text(amount)
    own.get_by_role("button", name="Place this bid").click()
    alert = own.locator("#bid-panel [role=alert]").first
    expect(alert).to_contain_text(own.locator("[data-floor]").inner_text())
    expect(rival.locator("[data-lead=yes]")).to_be_visible()


def seconds_left(page: Page) -> int:
    days, hours, minutes, seconds = map(
        int, re.split("[ d:]+", page.locator("[data-clock]").inner_text())
    )
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


@pytest.mark.parametrize(("hours", "words"), [(1, "ahead"), (-1, "behind")])
def test_a_browser_an_hour_off_counts_down_by_the_venues_clock(as_person, live, hours, words):
    page = as_person(SIGNATORY)
    open_lot(page, live)
    page.add_init_script(f"const real = Date.now; Date.now = () => real() + {hours * 3_600_000};")
    page.reload()
    expect(page.locator("[data-offset]")).to_contain_text(words)
    expect(page.locator("[data-offset]")).to_contain_text("the venue's counts")
    expect(page.locator("[data-clock]")).to_have_text(re.compile("^[0-9]+ d "))
    ends_at = datetime.fromisoformat(
        page.evaluate("JSON.parse(document.getElementById('lot-live').textContent).ends_at")
    )
    assert abs((ends_at - datetime.now(UTC)).total_seconds() - seconds_left(page)) < 5


def test_sound_is_off_until_it_is_chosen_and_then_breaks_nothing(as_person, live):
    own, rival = as_person(SIGNATORY), as_person(RIVAL)
    faults: list[str] = []
    own.on("pageerror", lambda fault: faults.append(str(fault)))
    open_lot(own, live)
    open_lot(rival, live)
    place_bid(own)
    sound = own.get_by_role("checkbox", name=re.compile("^Sound"))
    expect(sound).not_to_be_checked()
    sound.check()
    amount = place_bid(rival)  # Outbid: the tone is played now.
    expect(own.locator("[data-price]")).to_have_text(amount)
    sound.uncheck()
    assert faults == []


def test_an_amount_far_above_the_price_is_typed_once_more(as_person, live):
    page = as_person(SIGNATORY)
    open_lot(page, live)
    price = page.locator("[data-price]").inner_text().lstrip("¥").replace(",", "")
    far = f"{int(price.split('.')[0]) * 2}.00"
    page.get_by_label(re.compile("^Amount")).fill(far)
    page.get_by_role("button", name="Review bid").click()
    expect(page.locator("#bid-panel")).to_contain_text("times the last price")
    again = page.get_by_label(re.compile("^Amount again"))
    again.fill(far[:-4])
    page.get_by_role("button", name="Place this bid").click()
    expect(page.locator("#confirm-error")).to_contain_text("as it stands above")
    again.fill(far)
    page.get_by_role("button", name="Place this bid").click()
    expect(page.locator("#bid-panel")).to_contain_text("Accepted")


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
