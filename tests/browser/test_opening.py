"""The page of an opening follows its lots by itself and leaves alone what a holder does on it."""

from playwright.sync_api import Page, expect

from tests.browser.test_sealed_lot import UNTIL_OPENING
from tests.browser.test_whole_in_browser import fits, picture

WORDS, LONG = "Words of the share", 60_000


def hand_in(page: Page, address: str, words: str) -> None:
    page.goto(f"{address}opening/")
    page.get_by_label(WORDS).fill(words)
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("status")).to_be_visible()


def test_the_form_comes_with_the_last_deadline_and_goes_with_the_opening(
    person, make_event, tmp_path
):
    made = make_event(
        "--seconds", "20", "--apart", "12", "--name", "apart", "--shares", str(tmp_path)
    )
    first, second = made["lots"]
    seller, notary, compliance = (
        person(f"{name}-apart") for name in ("seller", "notary", "compliance")
    )
    seller.goto(f"{first}opening/")
    main, words = seller.locator("main"), seller.get_by_label(WORDS)
    expect(main).to_contain_text("Still before it", timeout=LONG)
    expect(words).to_have_count(0)
    picture(seller, "waiting")
    assert fits(seller)
    notary.evaluate(UNTIL_OPENING, f"{second}state/")
    expect(words).to_be_visible(timeout=LONG)
    expect(main).not_to_contain_text("Still before it")

    words.fill("words as far as they were typed")
    hand_in(notary, first, (tmp_path / "1-notary").read_text())
    expect(main).to_contain_text("1 of 2 shares handed in")
    seller.get_by_text("The signed note").click()
    expect(main).to_contain_text("No envelope was in force at the deadline")
    picture(seller, "one-share")
    assert fits(seller)
    hand_in(compliance, first, (tmp_path / "1-compliance").read_text())
    expect(main).to_contain_text("2 of 2 shares handed in")
    expect(words).to_have_value("words as far as they were typed")
    expect(seller.locator("pre")).to_be_visible()

    for name, page in (("notary", notary), ("compliance", compliance)):
        hand_in(page, second, (tmp_path / f"2-{name}").read_text())
    expect(main).to_contain_text("Private, published")
    expect(words).to_have_count(0)
    picture(seller, "opened")
    assert fits(seller)
