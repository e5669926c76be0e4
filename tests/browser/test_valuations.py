"""The scenario editor follows what is typed; two runs of the list are laid side by side."""

import re

import pytest
from playwright.sync_api import Page, expect

from npa_market.parties.roles import Role


@pytest.fixture
def editor(sign_in, served) -> Page:
    """The scenarios of the newest run, as its valuer."""
    page = sign_in(Role.VALUER)
    page.goto(f"{served.url}/valuations/")
    page.locator("table tbody a").first.click()
    page.get_by_role("link", name="Open the scenarios").click()
    expect(page.locator("[data-live-price]")).to_be_visible()
    return page


def test_the_price_follows_an_assumption_and_a_scenario_is_saved_and_brought_back(editor: Page):
    page = editor
    page.evaluate("window.notReloaded = true")
    before = page.locator("[data-live-price]").inner_text()
    page.get_by_label("Buyer's IRR, % a year").fill("40")
    expect(page.locator("[data-live-gap]")).to_have_text(re.compile(r"^-.* against the run$"))
    assert page.locator("[data-live-price]").inner_text() != before
    expect(page.locator("#live [data-vega=live-fan][data-drawn=yes] svg")).to_be_visible()
    assert page.evaluate("window.notReloaded")
    price = page.locator("[data-live-price]").inner_text()
    page.get_by_label("Name of the scenario").fill("Dear money")
    page.get_by_role("button", name="Save as scenario").click()
    expect(page.get_by_role("link", name="Dear money").first).to_have_attribute(
        "aria-current", "page"
    )
    expect(page.locator("[data-live-price]")).to_have_text(price)
    page.get_by_role("button", name="Delete").click()
    tabs = page.get_by_role("navigation", name="Scenarios")
    expect(tabs.get_by_role("link", name="Dear money")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(tabs.get_by_role("link", name="Dear money")).to_be_visible()


def test_a_wrong_assumption_is_named_and_the_rest_is_kept(editor: Page):
    page = editor
    page.get_by_label("Horizon, months").fill("0")
    expect(page.locator("#live")).to_contain_text("No figures for these assumptions")
    page.get_by_label("Horizon, months").fill("24")
    expect(page.locator("#live")).to_contain_text("24 months")


def test_a_scenario_is_run_in_full_and_compared_with_its_run(editor: Page, served):
    page = editor
    page.get_by_label("Level of payments, %").fill("80")
    expect(page.locator("[data-live-gap]")).to_contain_text("against the run")
    page.get_by_role("button", name="Run in full").click()
    expect(page.locator("h1")).to_contain_text("Valuation of")
    page.goto(f"{served.url}/valuations/?sort=-created_at")
    boxes = page.get_by_role("checkbox", name=re.compile("Compare"))
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.get_by_role("button", name="Compare the two ticked runs").click()
    expect(page.locator("h1")).to_have_text("Two runs side by side")
    expect(page.locator("[data-vega=path][data-drawn=yes] svg")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Level of payments")
