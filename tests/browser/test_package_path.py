"""From criteria to an export: the way of a package through two people's browsers."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.screenshots import enter
from tests.browser.serving import Environment, Served, run, serve_portal


def prepare(environment: Environment) -> None:
    run(environment, "manage.py", "migrate", "--verbosity", "0")
    run(environment, "manage.py", "createcachetable")
    run(environment, "-m", "tests.browser.prepare_packages")


@pytest.fixture(scope="module")
def shop(tmp_path_factory, browser_type_launch_args) -> Iterator[Served]:
    with serve_portal(tmp_path_factory.mktemp("packages"), prepare) as served:
        yield served


def settle(page: Page) -> None:
    """Wait until htmx has taken in what it fetched: new parts answer only then."""
    under_way = ".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added"
    expect(page.locator(under_way)).to_have_count(0)


def counted(page: Page) -> int:
    heading = page.locator("#totals h2").inner_text()
    return int(re.sub(r"\D", "", heading))


def test_build_count_screen_seal_and_export(new_context, shop):
    maker, checker = new_context().new_page(), new_context().new_page()
    enter(maker, shop.url, "maker@example.com")
    maker.goto(f"{shop.url}/packages/new/")
    expect(maker.locator("#totals h2")).to_contain_text("3,000 loans")
    maker.get_by_label("Title").fill("Cash, large")
    maker.get_by_label("Legal basis of the transfer").fill("Clause 9")
    maker.get_by_role("button", name="Add a condition").click()
    expect(maker.get_by_label("Field of condition 2")).to_be_visible()
    settle(maker)
    maker.get_by_label("Field of condition 2").select_option("claim")
    maker.get_by_label("Claim from").fill("20,000")
    expect(maker.locator("#totals")).to_contain_text("at least 20,000.00 CNY")
    large = counted(maker)
    assert 0 < large < 3_000
    settle(maker)
    maker.get_by_role("button", name="Add a group").click()
    expect(maker.get_by_label("Field of condition 4")).to_be_visible()
    settle(maker)
    maker.get_by_label("Field of condition 4").select_option("product")
    expect(maker.get_by_label("Values of product")).to_be_visible()
    settle(maker)
    maker.get_by_label("Values of product").select_option(["Cash loan"])
    expect(maker.locator("#totals")).to_contain_text("the product is Cash loan")
    assert 0 < counted(maker) < large
    expect(maker.get_by_label("Title")).to_have_value("Cash, large")
    maker.get_by_role("button", name="Keep as draft").last.click()
    expect(maker.locator("h1")).to_contain_text("Draft")
    maker.get_by_role("button", name="Run the screen").click()
    expect(maker.locator("h1")).to_contain_text("Screened")
    address = maker.url
    enter(checker, shop.url, "checker@example.com")
    checker.goto(address)
    checker.on("dialog", lambda dialog: dialog.accept())
    checker.get_by_role("button", name="Seal the package").click()
    expect(checker.locator("h1")).to_contain_text("Sealed")
    checker.get_by_role("link", name="All tables and charts").click()
    expect(checker.locator("#heat")).to_be_visible()
    checker.locator("#product").get_by_role("link", name="Cash loan").click()
    expect(checker.locator("h1")).to_contain_text(re.compile("loans? of PKG-"))
    checker.goto(address)
    exports = checker.locator("#exports")
    exports.locator(".export", has_text="EBA").get_by_role("button", name="Make").click()
    with checker.expect_download() as loaded:
        exports.locator(".export", has_text="EBA").get_by_role("link", name="Download").click()
    assert loaded.value.suggested_filename.endswith(".zip")
    maker.goto(address)
    maker.get_by_role("button", name="Begin a new version").click()
    maker.get_by_label("Claim from").fill("30,000")
    expect(maker.locator("#totals")).to_contain_text("at least 30,000.00 CNY")
    settle(maker)
    maker.get_by_role("button", name="Keep the change").last.click()
    expect(maker.locator("h1")).to_contain_text("Draft")
    maker.get_by_role("button", name="Run the screen").click()
    expect(maker.locator("h1")).to_contain_text("Screened")
    versions = maker.locator(".card", has=maker.get_by_role("heading", name="Versions"))
    expect(versions.get_by_role("link", name="v1")).to_be_visible()
    fewer = versions.get_by_role("row", name="Left out").locator("td").first
    assert int(fewer.inner_text().replace(",", "")) > 0
    versions.get_by_role("link", name="v1").click()
    expect(maker.locator("h1")).to_contain_text("Sealed")
