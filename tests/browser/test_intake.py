"""From a file on the analyst's disk to a running import: upload, workbench, keys, pictures."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.screenshots import WIDTHS, enter
from tests.browser.serving import ROOT, Served, serve_portal, work_for

ANALYST = "seller.analyst@example.com"
PICTURES = ROOT / "var" / "screenshots"


@pytest.fixture(scope="module")
def live(tmp_path_factory, browser_type_launch_args) -> Iterator[Served]:
    """A portal of its own with a worker, since the import changes it."""
    with serve_portal(tmp_path_factory.mktemp("intake"), eager="0") as served, work_for(served):
        yield served


@pytest.fixture
def analyst(new_context: Callable[..., BrowserContext], live: Served) -> Page:
    page = new_context(viewport={"width": WIDTHS["desk"], "height": 900}).new_page()
    enter(page, live.url, ANALYST)
    return page


def tape_of(folder: Path, rows: int) -> Path:
    path = folder / "foreign-tape.csv"
    lines = (
        f"F-{n},C-{n},{n % 90 + 1}.25,{45000 + n % 300},未起诉,note {'x' * 200}"
        for n in range(rows)
    )
    path.write_text(
        "合同编号,客户号,剩余本金（万元）,核销日期,法诉状态,备注\n" + "\n".join(lines),
        encoding="gb18030",
    )
    return path


def choose(page: Page, live: Served, tape: Path) -> None:
    page.goto(f"{live.url}/tapes/upload/")
    page.locator("input[type=file]").set_input_files(tape)
    page.get_by_label("Currency").select_option("CNY")
    page.get_by_label("Cut-off date").fill("2025-12-31")


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for size, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=PICTURES / f"{name}-{size}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} is {wide} px wider than {width}"
    page.set_viewport_size({"width": WIDTHS["desk"], "height": 900})


def test_a_foreign_file_goes_up_in_chunks_is_mapped_by_keys_and_imported(
    analyst: Page, live: Served, tmp_path: Path
):
    tape = tape_of(tmp_path, 60_000)
    assert tape.stat().st_size > 8 * 1024 * 1024  # More than one chunk.
    lost = []

    def lose_second(route):
        if route.request.headers.get("upload-offset", "0") != "0" and not lost:
            lost.append(True)
            return route.abort()
        return route.continue_()

    analyst.route("**/api/v1/uploads/*/", lose_second)
    choose(analyst, live, tape)
    analyst.get_by_role("button", name="Upload", exact=True).click()
    expect(analyst.locator("h1")).to_contain_text("Map foreign-tape.csv", timeout=60_000)
    assert lost, "no chunk was lost, so none was sent again"
    expect(analyst.locator("#preview")).to_contain_text("12,500.00")
    picture(analyst, "tapes-workbench")

    lines = analyst.locator("tr[data-line]")
    lines.first.focus()
    analyst.keyboard.press("j")
    expect(lines.nth(1)).to_be_focused()
    analyst.keyboard.press("s")
    expect(lines.nth(1).get_by_role("checkbox")).not_to_be_checked()
    expect(analyst.locator("#bench")).to_contain_text("cannot be used yet")
    expect(lines.nth(2)).to_be_focused()
    analyst.keyboard.press("k")
    expect(lines.nth(1)).to_be_focused()
    analyst.keyboard.press("a")
    expect(lines.nth(1).get_by_role("checkbox")).to_be_checked()
    expect(analyst.locator("#preview")).to_contain_text("12,500.00")

    analyst.get_by_label("Save as", exact=True).fill("Foreign cards")
    analyst.get_by_role("button", name="Save and start the import").click()
    expect(analyst.locator("h1")).to_contain_text(re.compile("TAPE-"))
    expect(analyst.locator("main")).to_contain_text("Foreign cards")


def test_an_upload_that_stopped_goes_on_after_a_reload(analyst: Page, live: Served, tmp_path: Path):
    tape = tape_of(tmp_path, 61_000)
    offsets: list[str] = []

    def watch(route):
        offset = route.request.headers.get("upload-offset")
        if offset is not None:
            offsets.append(offset)
        if offset not in (None, "0") and len(offsets) == 2:
            return route.fulfill(
                status=503, json={"detail": "The venue is busy. Nothing was done; try again."}
            )
        return route.continue_()

    analyst.route("**/api/v1/uploads/*/", watch)
    choose(analyst, live, tape)
    analyst.get_by_role("button", name="Upload", exact=True).click()
    expect(analyst.locator("[data-refusal]")).to_contain_text("busy", timeout=30_000)
    choose(analyst, live, tape)  # The page anew, the same file.
    expect(analyst.locator("main")).to_contain_text("choose the same file again")
    picture(analyst, "tapes-upload")
    analyst.get_by_role("button", name="Upload", exact=True).click()
    expect(analyst.locator("h1")).to_contain_text("Map foreign-tape.csv", timeout=60_000)
    assert offsets.count("0") == 1, "the first chunk was sent twice"


def test_an_upload_goes_on_only_with_the_same_date_and_currency(
    analyst: Page, live: Served, tmp_path: Path
):
    tape = tape_of(tmp_path, 5)
    dates: list[str] = []

    def watch(route):
        if route.request.method == "POST":
            dates.append(route.request.post_data_json["cut_off_date"])
        return route.continue_()

    analyst.route("**/api/v1/uploads/", watch)
    busy = {"detail": "The venue is busy. Nothing was done; try again."}
    analyst.route("**/api/v1/uploads/*/", lambda route: route.fulfill(status=503, json=busy))
    for date in ("2025-12-31", "2025-12-31", "2025-11-30"):
        choose(analyst, live, tape)
        analyst.get_by_label("Cut-off date").fill(date)
        analyst.get_by_role("button", name="Upload", exact=True).click()
        expect(analyst.locator("[data-refusal]")).to_contain_text("busy")
    assert dates == ["2025-12-31", "2025-11-30"]


def test_a_field_of_two_columns_is_made_in_a_form_and_the_rows_of_a_rule_are_opened(
    analyst: Page, live: Served, tmp_path: Path
):
    tape = tmp_path / "two-columns.csv"
    rows = [f"T-{n},C-{n},{n}00.00,50.00,2024-01-{n:02d}" for n in range(1, 9)]
    rows[4] = rows[4].replace("2024-01-05", "2024-02-31")
    tape.write_text("\n".join(["合同编号,客户号,放款,已还,核销日期", *rows]), encoding="utf-8")
    choose(analyst, live, tape)
    analyst.get_by_role("button", name="Upload", exact=True).click()
    expect(analyst.locator("h1")).to_contain_text("Map two-columns.csv", timeout=60_000)
    expect(analyst.locator("#bench")).to_contain_text("cannot be used yet")

    analyst.locator("#further_0_field").select_option("principal_minor")
    expect(analyst.locator("#further_0_how")).to_be_visible()
    analyst.locator("#further_0_how").select_option("difference")
    analyst.locator("#further_0_column_0").fill("放款")
    analyst.locator("#further_0_column_1").fill("已还")
    analyst.locator("#further_0_column_1").press("Tab")
    expect(analyst.locator("#preview")).to_contain_text("150.00")
    expect(analyst.locator("#further_1_field")).to_be_visible()
    picture(analyst, "tapes-workbench-further")
    analyst.get_by_role("button", name="Save and start the import").click()

    expect(analyst.locator("h1")).to_contain_text(re.compile("TAPE-"))
    found = analyst.get_by_role("link", name=re.compile("1 row: Charged off on"))
    expect(found).to_be_visible(timeout=60_000)
    found.click()
    expect(analyst.locator("h1")).to_contain_text("1 finding on rows")
    expect(analyst.get_by_role("row", name=re.compile("6 T-5"))).to_contain_text("2024-02-31")
    analyst.get_by_label("Effect").select_option("note")
    analyst.get_by_role("button", name="Filter").click()
    expect(analyst.locator("main")).to_contain_text("No row fits")
    picture(analyst, "tapes-findings")
