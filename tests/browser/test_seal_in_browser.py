"""The page's sealing against the offline tool: the same envelope, made by WebCrypto."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from playwright.sync_api import expect

from npa_market.auctions.offline import seal

pytestmark = pytest.mark.browser

SCRIPT = Path(seal.__file__).parents[1] / "static" / "auctions" / "seal.js"
KEY = X25519PrivateKey.generate()
SHEET = {
    "lot": "0198a5f0-0000-7000-8000-000000000001",
    "reference": "LOT-2026-0001",
    "bidder": "Bidder K",
    "terms_sha256": "ab" * 32,
    "currency": "CNY",
    "decimals": 2,
    "public_key": KEY.public_key().public_bytes_raw().hex(),
}
PAGE = f"""<!doctype html><title>Seal</title>
<script type="application/json" id="bid-sheet">{json.dumps(SHEET)}</script>
<form data-seal-form><label>Amount <input data-seal-amount></label>
<button type="button" data-seal disabled>Seal</button>
<a data-receipt hidden>Save the receipt</a><input type="hidden" name="envelope" data-envelope>
<button data-hand-in disabled>Hand in</button><p data-seal-words role="status"></p></form>
<script src="/seal.js"></script>"""


@pytest.fixture
def sealing_page(page):
    """The form alone, served from a secure origin."""
    return opened_page(page, PAGE)


def opened_page(page, html):
    page.route(
        "http://localhost:1/**",
        lambda route: (
            route.fulfill(body=SCRIPT.read_text(), content_type="text/javascript")
            if route.request.url.endswith(".js")
            else route.fulfill(body=html, content_type="text/html")
        ),
    )
    page.goto("http://localhost:1/")
    return page


def test_S1_S5_what_the_browser_seals_the_key_holders_open(sealing_page):
    page = sealing_page
    page.get_by_label("Amount").fill("3172415.07")
    page.get_by_role("button", name="Seal").click()
    link = page.get_by_role("link", name="Save the receipt")
    link.wait_for()
    assert page.get_by_role("button", name="Hand in").is_disabled()
    with page.expect_download() as download:
        link.click()
    assert page.get_by_role("button", name="Hand in").is_enabled()
    receipt = json.loads(Path(download.value.path()).read_text())
    envelope = base64.b64decode(page.locator("[data-envelope]").input_value())
    assert seal.opened(envelope, SHEET, KEY.private_bytes_raw()) == 317_241_507
    ephemeral = bytes.fromhex(receipt["ephemeral_private_key"])
    assert seal.revealed(envelope, SHEET, ephemeral) == receipt["amount_minor"] == 317_241_507
    assert page.get_by_label("Amount").input_value() == ""


@pytest.mark.parametrize("text", ["3,172,415.07", " 3172415.07 ", "３，１７２，４１５．０７"])
def test_an_amount_is_read_as_on_every_other_form(sealing_page, text):
    assert sealing_page.evaluate("(text) => npaSeal.minorUnits(text, 2) === 317241507n", text)


@pytest.mark.parametrize(
    "text", ["1e9", "1,00.00", "-1", "①", "0", "1.005", "1,000.005", "9" * 20, "1 USD", ""]
)
def test_a_text_that_is_no_amount_is_not_sealed(sealing_page, text):
    page = sealing_page
    page.get_by_label("Amount").fill(text)
    page.get_by_role("button", name="Seal").click()
    page.get_by_text("for example 3,172,415.07").wait_for()
    assert page.locator("[data-envelope]").input_value() == ""
    assert page.get_by_role("button", name="Hand in").is_disabled()


def test_changing_the_amount_takes_the_envelope_back(sealing_page):
    page = sealing_page
    page.get_by_label("Amount").fill("100")
    page.get_by_role("button", name="Seal").click()
    page.get_by_role("link", name="Save the receipt").wait_for()
    page.get_by_label("Amount").fill("200")
    assert page.locator("[data-envelope]").input_value() == ""


def test_an_amount_beyond_the_buyers_own_marks_is_asked_for_once_more(page):
    marks = {"limit_minor": 50_000, "far_minor": 30_000, "own_minor": None}
    tag = f'<script type="application/json" id="bid-marks">{json.dumps(marks)}</script>'
    page = opened_page(page, PAGE.replace("<form", f"{tag}<form"))
    amount, seal_it = page.get_by_label("Amount"), page.get_by_role("button", name="Seal")
    link, words = page.get_by_role("link", name="Save the receipt"), page.get_by_role("status")
    amount.fill("500.01")
    seal_it.click()
    expect(words).to_contain_text("above the limit")
    for text in ("400.00", "401.00", "401.00"):  # another amount than before is asked for anew
        expect(link).to_be_hidden()
        amount.fill(text)
        seal_it.click()
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.click()
    assert json.loads(Path(download.value.path()).read_text())["amount_minor"] == 40_100


def test_a_key_that_does_not_seal_is_said_and_nothing_is_handed_in(page):
    page = opened_page(page, PAGE.replace(SHEET["public_key"], "00" * 31))
    page.get_by_label("Amount").fill("100")
    page.get_by_role("button", name="Seal").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing was sealed")
    assert page.get_by_role("button", name="Hand in").is_disabled()
    expect(page.get_by_role("button", name="Seal")).to_be_enabled()
