"""A browser, a served portal, and people who can sign in to it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from npa_market.parties.roles import Role
from tests.browser.screenshots import enter as enter_portal
from tests.browser.serving import (
    CHROMIUM_FLAGS,
    ROOT,
    Environment,
    Served,
    chromium,
    run,
    serve_portal,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here drives a browser: without one it skips at home and fails in CI."""
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    path = chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no browser: CI installs the package chromium before the tests")
        pytest.skip("install the package chromium to run the browser tests")
    return {"executable_path": path, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def served(tmp_path_factory, browser_type_launch_args) -> Iterator[Served]:
    """The served portal; the browser is looked for first, since serving takes seconds."""
    with serve_portal(tmp_path_factory.mktemp("portal")) as running:
        yield running


@pytest.fixture
def sign_in(page: Page, served: Served) -> Callable[[Role | str], Page]:
    """Sign in through the page, as a role of the world or by e-mail."""

    def enter(who: Role | str) -> Page:
        email = f"{who.value.replace('_', '.')}@example.com" if isinstance(who, Role) else who
        enter_portal(page, served.url, email)
        return page

    return enter


def _prepare_tables(environment: Environment) -> None:
    run(environment, "manage.py", "migrate", "--verbosity", "0")
    run(environment, "manage.py", "createcachetable")


def _printed(venue: Served, program: str, *arguments: str) -> str:
    """What a program of `tests.browser` printed, run on the served portal's database."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.browser.{program}", *arguments],
        cwd=ROOT,
        env=venue.environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="session")
def venue(tmp_path_factory, browser_type_launch_args) -> Iterator[Served]:
    """A served portal without the small world: each lot of `make_lot` brings its own people."""
    with serve_portal(tmp_path_factory.mktemp("formats"), _prepare_tables) as running:
        yield running


@pytest.fixture(scope="session")
def make_lot(venue: Served) -> Callable[..., str]:
    """Make a lot in a process of its own (arguments of `prepare_formats`); gives its address."""

    def make(*arguments: str) -> str:
        return f"{venue.url}/lots/{_printed(venue, 'prepare_formats', *arguments).strip()}/"

    return make


@pytest.fixture
def make_event(venue: Served) -> Callable[..., dict[str, list[str]]]:
    """Make an event (arguments of `prepare_event`); gives addresses, its own and the lots'."""

    def make(*arguments: str) -> dict[str, list[str]]:
        keys = json.loads(_printed(venue, "prepare_event", *arguments))
        return {
            "event": [f"{venue.url}/lots/events/{keys['event']}/"],
            "lots": [f"{venue.url}/lots/{key}/" for key in keys["lots"]],
        }

    return make


@pytest.fixture
def person(new_context, venue: Served) -> Callable[[str], Page]:
    """A page of somebody's own browser, who confirms what is asked to be confirmed."""

    def open_session(name: str) -> Page:
        page: Page = new_context(accept_downloads=True).new_page()
        page.on("dialog", lambda dialog: dialog.accept())
        enter_portal(page, venue.url, f"{name}@example.com")
        return page

    return open_session
