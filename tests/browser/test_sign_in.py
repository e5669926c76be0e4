"""People come in and go out, with a second factor where they chose one."""

import re

from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from playwright.sync_api import Page, expect

from npa_market.parties.roles import Role
from tests.browser.serving import PASSWORD, Served


def code_for(secret: str) -> str:
    """What the person's authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


def test_sign_in_shows_the_institution_and_sign_out_ends_it(sign_in, served: Served):
    page: Page = sign_in(Role.OPERATOR)
    expect(page.get_by_role("heading", level=1)).to_have_text("The Venue")
    page.locator("summary", has_text="The Venue").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{served.url}/organisations/")
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/organisations/"))


def test_a_wrong_password_is_told_above_the_form_and_the_address_is_kept(page, served: Served):
    page.goto(f"{served.url}/accounts/login/")
    page.get_by_label("Email").fill("operator@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not correct")
    expect(page.get_by_label("Email")).to_have_value("operator@example.com")
    expect(page.get_by_role("alert")).to_be_focused()


def test_a_second_factor_is_optional_and_then_asked_for(sign_in, served: Served):
    page: Page = sign_in(Role.COMPLIANCE)
    page.goto(f"{served.url}/accounts/2fa/totp/activate/")
    if page.url.endswith("/reauthenticate/") or "reauthenticate" in page.url:
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    secret = page.locator("#authenticator_secret").input_value()
    page.get_by_label("Authenticator code").fill(code_for(secret))
    page.get_by_role("button", name="Activate").click()
    page.goto(f"{served.url}/accounts/2fa/")
    expect(page.locator("main")).to_contain_text(
        "Authentication using an authenticator app is active"
    )
    page.goto(f"{served.url}/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    page.goto(f"{served.url}/accounts/login/")
    page.get_by_label("Email").fill("compliance@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/accounts/2fa/authenticate/"))


def test_pages_work_without_javascript(browser, served: Served):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.url}/accounts/login/")
    page.get_by_label("Email").fill("operator@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Institutions").click()
    page.get_by_label("Name contains").fill("harbour")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("row")).to_have_count(2)  # the head and one institution
    page.get_by_role("link", name="Harbour Asset Management").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Harbour Asset Management")
    context.close()
