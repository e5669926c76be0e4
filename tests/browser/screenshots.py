"""Pictures of every page at desk and phone width, to be looked at: `var/screenshots/`.

    python -m tests.browser.screenshots                 # serves the small world of the tests
    python -m tests.browser.screenshots --only lots     # names that contain "lots"

Each page is taken as the first role that may open it.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.serving import CHROMIUM_FLAGS, PASSWORD, ROOT, chromium, serve_portal

WIDTHS = {"desk": 1280, "phone": 390}
ENTRANCE = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere/"]


@dataclass(frozen=True)
class Shot:
    """A page to take: its address, and the person who opens it (none = a visitor)."""

    path: str
    email: str = ""

    @property
    def name(self) -> str:
        words = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "one", self.path).strip("/")
        return re.sub(r"[^a-z0-9]+", "-", words).strip("-") or "home"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the name of the pages to take")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "screenshots")
    options = parser.parse_args()
    path = chromium()
    if path is None:
        sys.stderr.write("Install the package chromium to take pictures.\n")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serve_portal(Path(folder)) as portal:
        # Before the browser: its event loop and the ORM do not share a thread.
        wanted = [shot for shot in shots(portal.environment) if options.only in shot.name]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
            camera = Camera(browser, portal.url, options.out)
            for shot in wanted:
                camera.take(shot)
            browser.close()
    return 0


def shots(environment: dict[str, str]) -> Iterator[Shot]:
    """Every page of the venue, homes once per role."""
    os.environ.update(environment)
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "npa_market.config.settings")
    django.setup()
    from tests.doors import page_addresses, people_and_rules

    yield from (Shot(path) for path in ENTRANCE)
    yield from (Shot(f"/?as={role}", email) for role, email in people_and_rules())
    yield from (Shot(address, email) for address, email in page_addresses())


@dataclass
class Camera:
    """Takes pages of one portal; each person signs in once."""

    browser: Browser
    url: str
    folder: Path
    sessions: dict[str, Any] = field(default_factory=dict)

    def take(self, shot: Shot) -> None:
        """Both widths of one page; says where a page is wider than the phone."""
        for name, width in WIDTHS.items():
            session = self._session(shot.email) if shot.email else None
            context = self.browser.new_context(
                viewport={"width": width, "height": 900}, storage_state=session
            )
            page = context.new_page()
            page.goto(self.url + shot.path)
            page.wait_for_load_state("load")
            page.wait_for_function(
                "() => !document.querySelector('[data-vega][data-drawn=waiting]')"
            )
            page.screenshot(path=self.folder / f"{shot.name}-{name}.png", full_page=True)
            wide = page.evaluate("document.documentElement.scrollWidth")
            too_wide = f"  wider than {width}: {wide}" if wide > width else ""
            sys.stdout.write(f"{shot.name}-{name}.png{too_wide}\n")
            context.close()

    def _session(self, email: str) -> Any:
        if email not in self.sessions:
            context = self.browser.new_context()
            enter(context.new_page(), self.url, email)
            self.sessions[email] = context.storage_state()
            context.close()
        return self.sessions[email]


def enter(page: Page, url: str, email: str) -> None:
    """Sign in through the page."""
    page.goto(f"{url}/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda at: "/accounts/login" not in at)


if __name__ == "__main__":
    sys.exit(main())
