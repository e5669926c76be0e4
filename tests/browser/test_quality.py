"""Every kind of page: accessible, reachable by keyboard, at rest while live data arrives."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from npa_market.parties.roles import Role
from tests.browser.serving import Served, run

SERIOUS = {"serious", "critical"}
SHIFT = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) sum += entry.value;
  }).observe({type: 'layout-shift', buffered: true});
  setTimeout(() => done(sum), %d);
})"""


def serious_findings(page: Page) -> list[str]:
    """What axe-core holds to be serious on the page, one line per rule with the first place."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {rule['nodes'][0]['html'][:160]}"
        for rule in found
        if rule["impact"] in SERIOUS
    ]


@pytest.fixture
def messages(page: Page) -> list[str]:
    """What the browser complained of: script faults and breaches of the security policy."""
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/accounts/password/reset/", "/accounts/signup/"]
)
def test_entrance_has_no_serious_finding(page: Page, served: Served, messages, path, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(served.url + path)
    assert serious_findings(page) == []
    assert messages == []


PAGES = [
    *["/", "/organisations/", "/organisations/tokens/", "/evidence/", "/accounts/2fa/"],
    *["/packages/", "/data-rooms/", "/lots/", "/deals/", "/statements/", "/ledger/"],
]


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_have_no_serious_finding_and_fit_the_width(sign_in, served, messages, width):
    page: Page = sign_in(Role.OPERATOR)
    page.set_viewport_size({"width": width, "height": 800})
    wrong = []
    for path in PAGES:
        page.goto(served.url + path)
        wrong += [f"{path}: {finding}" for finding in serious_findings(page)]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wrong.append(f"{path} is wider than {width}")
    assert wrong == []
    assert messages == []


def test_the_api_can_be_read_and_tried_under_the_security_policy(sign_in, served, messages):
    page: Page = sign_in(Role.OPERATOR)
    page.goto(f"{served.url}/api/docs/")
    expect(page.get_by_role("link", name="/api/v1/admissions/").first).to_be_visible()
    assert messages == []


def test_charts_are_drawn_under_the_security_policy_and_keep_their_place(sign_in, served, messages):
    page: Page = sign_in(Role.VALUER)
    page.goto(f"{served.url}/valuations/")
    page.locator("tbody a").first.click()
    expect(page.locator("[data-vega][data-drawn=yes] svg").first).to_be_visible()
    assert page.evaluate(SHIFT % 800) < 0.05
    assert messages == []


def test_the_keyboard_reaches_the_content_and_shows_where_it_is(sign_in):
    page: Page = sign_in(Role.OPERATOR)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    seen = 0
    while seen < 50:
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break  # past the last one
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", page.evaluate("document.activeElement.outerHTML")
        seen += 1
    assert seen >= 2  # the need by name, and its button


def test_the_menu_opens_and_closes_by_keyboard(sign_in):
    page: Page = sign_in(Role.OPERATOR)
    summary = page.locator("details.menu > summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="Sign out").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("button", name="Sign out").is_visible()
    assert summary.evaluate("node => node === document.activeElement")


ADVANCE = """
from npa_market.common.models import Job
from npa_market.common.clock import database_now
Job.objects.filter(kind="tape_import").update({changes})
"""


def test_progress_moves_nothing_on_the_page(sign_in, served: Served, messages):
    page: Page = sign_in(Role.SELLER_ANALYST)
    page.goto(f"{served.url}/")
    bar = page.get_by_role("progressbar")
    assert bar.get_attribute("aria-valuenow") == "42"
    run(served.environment, "manage.py", "shell", "-c", ADVANCE.format(changes="done=77_000"))
    expect(bar).to_have_attribute("aria-valuenow", "77")
    assert page.evaluate(SHIFT % 1200) == 0
    over = "state='done', done=100_000, ended_at=database_now()"
    with page.expect_navigation():  # the page is loaded anew to show the result
        run(served.environment, "manage.py", "shell", "-c", ADVANCE.format(changes=over))
    assert page.get_by_role("progressbar").count() == 0
    assert messages == []
