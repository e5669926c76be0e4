"""A sealed lot on its real pages, from a bid sealed in the browser to a protocol that holds."""

import json
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from npa_market.auctions.offline import check_protocol
from npa_market.common.signing import is_signed

SHARE_TAKEN = {"compliance": "One more holder opens the lot", "notary": "is opened"}
# Looks at the lot, which settles what is due, until it waits for its holders.
UNTIL_OPENING = """async (address) => {
  for (const began = Date.now(); Date.now() - began < 120_000;) {
    const lot = await (await fetch(address)).json();
    if (lot.state === "opening") return;
    await new Promise((next) => setTimeout(next, 250));
  }
  throw new Error("the deadline did not come");
}"""


def saved(page: Page, link: Locator) -> Path:
    """The file that a link gives."""
    with page.expect_download() as download:
        link.click()
    return Path(download.value.path())


def hand_in(page: Page, address: str, amount: str) -> dict[str, object]:
    """Seal an amount in the browser and hand it in; the secret receipt."""
    page.goto(address)
    page.get_by_label(re.compile("^Amount")).first.fill(amount)
    page.get_by_role("button", name="Seal", exact=True).click()
    secret = saved(page, page.get_by_role("link", name="Save the secret receipt"))
    page.get_by_role("button", name="Hand in the envelope").click()
    expect(page.locator("main")).to_contain_text("Your envelope was handed in")
    return dict(json.loads(secret.read_text()))


def test_S1_S2_a_bid_sealed_in_the_browser_is_opened_by_two_holders(person, make_lot, tmp_path):
    address = make_lot("sealed", "--seconds", "75", "--shares", str(tmp_path))
    bidder, rival = person("a-sealed"), person("b-sealed")
    secret = hand_in(bidder, address, "27315.07")
    note = json.loads(saved(bidder, bidder.get_by_role("link", name="Signed receipt")).read_text())
    assert is_signed(note, note["public_key"])
    assert note["document"]["envelope_sha256"] == secret["envelope_sha256"]
    hand_in(rival, address, "25000")
    expect(rival.locator("main")).to_contain_text("Nobody knows what was handed in")
    expect(rival.locator("main")).not_to_contain_text("27,315.07")
    expect(rival.locator("[data-until]")).to_have_text(re.compile(r"^00:0[01]:\d\d$"))
    expect(rival.locator("[data-connection]")).to_have_text("live")

    compliance, notary = person("compliance-sealed"), person("notary-sealed")
    notary.evaluate(UNTIL_OPENING, f"{address}state/")
    for name, page in {"compliance": compliance, "notary": notary}.items():
        page.goto(f"{address}opening/")
        expect(page.locator("main")).not_to_contain_text("27,315.07")
        page.get_by_label("Words of the share").fill((tmp_path / name).read_text())
        page.get_by_role("button", name="Hand in").click()
        expect(page.get_by_role("status")).to_contain_text(SHARE_TAKEN[name])
    expect(notary.get_by_role("row").filter(has_text="27,315.07")).to_be_visible()
    expect(notary.get_by_role("row").filter(has_text="25,000.00")).to_be_visible()
    # The pages that were open before follow by themselves, and what was handed over stays on them.
    expect(compliance.get_by_role("row").filter(has_text="27,315.07")).to_be_visible()
    expect(rival.locator("main")).to_contain_text("Your envelope was handed in")
    expect(rival.locator("main")).to_contain_text(re.compile(r"Sold at .27,315\.07"))
    file = saved(rival, rival.get_by_role("link", name="JSON"))
    document = json.loads(file.read_text())
    assert document["result"]["hammer_minor"] == 2_731_507
    assert {row["sha256"] for row in document["receipts"]} >= {secret["envelope_sha256"]}
    check = [sys.executable, check_protocol.__file__, str(file)]
    assert subprocess.run(check, check=False).returncode == 0
    file.write_text(file.read_text().replace("2731507", "2731508"))
    assert subprocess.run(check, check=False).returncode == 1
