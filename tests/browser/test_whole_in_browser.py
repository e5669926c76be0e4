"""A bid for the whole of an event: sealed in the browser, opened by the holders, checked alone."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from npa_market.auctions.offline import check_protocol, seal
from tests.browser.test_seal_in_browser import KEY, PAGE, SHEET, opened_page
from tests.browser.test_sealed_lot import UNTIL_OPENING, saved

pytestmark = pytest.mark.browser
WHOLE = {**SHEET, "whole": {"event": "EVT-1", "lots": ["LOT-1", "LOT-2"], "start_price_minor": 9}}
FORM = PAGE.replace(json.dumps(SHEET), json.dumps(WHOLE)).replace(
    '<button type="button" data-seal',
    '<label>For the whole <input data-seal-whole></label><button type="button" data-seal',
)


def sealed_bid(page) -> tuple[seal.Bid, dict]:
    """What the envelope on the page holds, and the receipt that belongs to it."""
    receipt = json.loads(saved(page, page.get_by_role("link", name="Save the receipt")).read_text())
    envelope = seal.envelope_from(page.locator("[data-envelope]").input_value())
    ephemeral = bytes.fromhex(receipt["ephemeral_private_key"])
    assert len(envelope) == 560
    assert seal.revealed_bid(envelope, WHOLE, ephemeral) == seal.opened_bid(
        envelope, WHOLE, KEY.private_bytes_raw()
    )
    return seal.opened_bid(envelope, WHOLE, KEY.private_bytes_raw()), receipt


@pytest.mark.parametrize(
    ("amount", "whole", "bid"),
    [
        ("500.00", "900.00", (50_000, 90_000)),
        ("", "900.00", (None, 90_000)),
        ("500.00", "", (50_000, None)),
    ],
)
def test_S5_the_browser_seals_an_amount_for_the_lot_for_the_whole_or_both(page, amount, whole, bid):
    opened_page(page, FORM)
    page.get_by_label("Amount").fill(amount)
    page.get_by_label("For the whole").fill(whole)
    page.get_by_role("button", name="Seal").click()
    found, receipt = sealed_bid(page)
    assert found == bid
    assert (receipt.get("amount_minor"), receipt.get("whole_minor")) == bid
    assert page.get_by_label("For the whole").input_value() == ""


def test_a_text_that_is_no_amount_for_the_whole_is_not_sealed(page):
    opened_page(page, FORM)
    page.get_by_label("Amount").fill("500")
    page.get_by_label("For the whole").fill("1e9")
    page.get_by_role("button", name="Seal").click()
    expect(page.get_by_role("status")).to_contain_text("The amount for the whole: digits")
    assert page.locator("[data-envelope]").input_value() == ""


def test_an_unusual_amount_for_the_whole_is_typed_twice_and_is_not_lost_on_the_way(page):
    marks = {
        "limit_minor": None, "far_minor": 10_000_000, "own_minor": None,
        "whole": {"limit_minor": 200_000, "far_minor": 90_000, "own_minor": None},
    }  # fmt: skip
    tag = f'<script type="application/json" id="bid-marks">{json.dumps(marks)}</script>'
    opened_page(page, FORM.replace("<form", f"{tag}<form"))
    words, press = page.get_by_role("status"), page.get_by_role("button", name="Seal").click
    page.get_by_label("Amount").fill("500.00")
    whole = page.get_by_label("For the whole")
    whole.fill("2000.01")
    press()
    expect(words).to_contain_text("above the limit that your institution approved for the lots")
    whole.fill("1900.00")
    press()
    expect(words).to_contain_text("far above the sum of the start prices")
    press()  # Left empty, it would be sealed without the whole.
    expect(words).to_contain_text("Type the amount for the whole once more")
    assert page.locator("[data-envelope]").input_value() == ""
    whole.fill("1900.00")
    press()
    found, _ = sealed_bid(page)
    assert found == (50_000, 190_000)


def hand_in(page, address: str, amount: str, whole: str = "") -> None:
    page.goto(address)
    page.locator("#seal-amount").fill(amount)
    if whole:
        page.locator("#seal-whole").fill(whole)
    page.get_by_role("button", name="Seal", exact=True).click()
    saved(page, page.get_by_role("link", name="Save the secret receipt"))
    page.get_by_role("button", name="Hand in the envelope").click()
    expect(page.locator("main")).to_contain_text("Your envelope was handed in")


def picture(page, name: str) -> None:
    """Both widths, where somebody wants to look at them (`EVENT_PICTURES=folder`)."""
    folder = os.environ.get("EVENT_PICTURES")
    for width in (1280, 390) if folder else ():
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})


def fits(page) -> bool:
    """Nothing is wider than a phone's screen but what scrolls by itself."""
    page.set_viewport_size({"width": 390, "height": 844})
    is_narrow = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.set_viewport_size({"width": 1280, "height": 900})
    return bool(is_narrow)


def test_S2_an_event_is_sold_as_a_whole_on_its_real_pages(person, make_event, tmp_path):
    made = make_event("--seconds", "75", "--shares", str(tmp_path))
    (event,), (first, second) = made["event"], made["lots"]
    bidder, rival = person("a-event"), person("b-event")
    bidder.goto(event)
    expect(bidder.locator("main")).to_contain_text("A tie goes to the separate bids")
    expect(bidder.locator("main")).to_contain_text("You stand well on every lot")
    assert fits(bidder)
    picture(bidder, "event-bidding")
    bidder.goto(first)
    picture(bidder, "first-lot")
    hand_in(bidder, first, "", whole="61000.05")
    hand_in(rival, first, "25000")
    hand_in(rival, second, "36000.04")
    rival.goto(event)
    expect(rival.locator("main")).to_contain_text("Nobody knows what was handed in")

    holders = {name: person(f"{name}-event") for name in ("compliance", "notary")}
    holders["notary"].evaluate(UNTIL_OPENING, f"{second}state/")
    for place, address in enumerate((first, second), 1):
        for name, page in holders.items():
            page.goto(f"{address}opening/")
            page.get_by_label("Words of the share").fill((tmp_path / f"{place}-{name}").read_text())
            page.get_by_role("button", name="Hand in").click()
        if place == 1:
            told = holders["notary"].get_by_role("status")
            expect(told).to_contain_text("The event waits for the shares of its other lots")
            operator = person("operator-event")
            operator.goto(re.sub(r"/lots/.*", "/lots/control/", event))
            expect(operator.locator("main")).to_contain_text("Events that await their opening: 1")
            picture(operator, "control")
    bidder.goto(event)
    expect(bidder.locator("main")).to_contain_text(
        re.compile(r"Sold as a whole at .61,000\.05 to you")
    )
    picture(bidder, "event-ended")
    assert fits(bidder)
    bidder.goto(second)
    expect(bidder.locator("main")).to_contain_text("its share of the bid for the whole")
    picture(bidder, "second-lot-ended")

    bidder.goto(event)
    file = tmp_path / "protocol.json"
    shutil.copy(saved(bidder, bidder.get_by_role("link", name="JSON")), file)
    for program in (check_protocol, seal):
        shutil.copy(program.__file__, tmp_path)
    check = [sys.executable, "-I", str(tmp_path / "check_protocol.py"), str(file)]
    done = subprocess.run(check, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "at 6100005, separately 6100004; 3 envelopes opened again" in done.stdout
    file.write_text(file.read_text().replace("6100005", "6100006"))
    assert subprocess.run(check, check=False, cwd=tmp_path).returncode == 1


def test_the_seller_announces_an_event_and_reads_a_fault_beside_its_package(
    person, make_event, tmp_path
):
    (event,) = make_event("--name", "new", "--shares", str(tmp_path))["event"]
    seller = person("seller-new")
    seller.goto(re.sub(r"/lots/.*", "/lots/events/", event))
    seller.get_by_role("link", name="Announce an event").click()
    picture(seller, "event-new")
    assert fits(seller)
    for box in seller.get_by_role("checkbox", name=re.compile("^Offer ")).all():
        box.check()
    for label, amounts in {
        "Start price of": ("20000", "30000"),
        "Deposit of": ("2000", "40000"),
    }.items():
        fields = seller.get_by_label(re.compile(f"^{label}"))
        for field, amount in zip(fields.all(), amounts, strict=True):
            field.fill(amount)
    seller.get_by_label("Title").fill("Two more regions")
    for label, moment in {
        "Registration ends": "2030-03-01T09:00",
        "Bidding opens": "2030-03-02T09:00",
        "Deadline of the envelopes": "2030-03-02T11:00",
    }.items():
        seller.get_by_label(label).fill(moment)
    seller.get_by_role("button", name="Announce").click()
    row = seller.get_by_role("row").filter(has_text="South")
    expect(row).to_contain_text("cannot exceed the start price")
    picture(seller, "event-new-refused")
    row.get_by_label(re.compile("^Deposit of")).fill("3000")
    seller.get_by_role("button", name="Announce").click()
    expect(seller.get_by_role("status")).to_contain_text("is announced")
    expect(seller.get_by_role("row", name=re.compile("^Sum"))).to_contain_text("50,000.00")
    seller.goto(re.sub(r"/lots/.*", "/lots/events/", event))
    expect(seller.get_by_role("row").filter(has_text="Two more regions")).to_be_visible()
    picture(seller, "event-list")
    seller.goto(re.sub(r"/lots/.*", "/lots/", event))
    picture(seller, "lot-list")


def test_the_form_of_a_lot_shows_the_terms_of_the_chosen_format_alone(person, make_event, tmp_path):
    (event,) = make_event("--name", "form", "--shares", str(tmp_path))["event"]
    seller = person("seller-form")
    seller.goto(re.sub(r"/lots/.*", "/lots/new/", event))
    table, lowest = seller.get_by_label("Step table"), seller.get_by_label("Lowest price")
    invited = seller.get_by_label("Invited institutions")
    expect(table).to_be_visible()
    expect(lowest).to_be_hidden()
    expect(invited).to_be_hidden()
    seller.get_by_label("Format").select_option("dutch")
    expect(lowest).to_be_visible()
    expect(table).to_be_hidden()
    seller.get_by_label("Who may buy").select_option("invited")
    expect(invited).to_be_visible()
    picture(seller, "lot-new-dutch")
    assert fits(seller)
