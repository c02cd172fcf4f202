"""The admin page in a browser: invite, refuse the last admin's fall, deactivate."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fixtures.app import RunningApp, sign_in_by_hand
from tests.fixtures.postgres import Team


@pytest.mark.browser
def test_admin_invites_and_deactivates_and_others_are_kept_out(
    running_app: RunningApp, with_passwords: None, team: Team, page: Page, browser: Browser
) -> None:
    sign_in_by_hand(page, running_app.url, team.admin.email, path="/admin")
    page.get_by_label("Name").first.fill("New Person")
    page.get_by_label("E-mail").fill("new@northwind.example")
    page.get_by_role("button", name="Invite").click()
    link = page.locator("#admin-link-text").input_value()
    invited = page.get_by_role("row").filter(has_text="new@northwind.example")
    expect(invited).to_contain_text("Invited")

    newcomer = browser.new_page()
    newcomer.goto(link)
    for label in ("Password", "The same again"):
        newcomer.get_by_label(label).fill("four quite new words")
    newcomer.get_by_role("button", name="Set the password").click()
    newcomer.get_by_label("E-mail").fill("new@northwind.example")
    newcomer.get_by_label("Password").fill("four quite new words")
    newcomer.get_by_role("button", name="Sign in").click()
    newcomer.get_by_text("Welcome, New Person").wait_for()
    assert newcomer.get_by_role("link", name="Admin").count() == 0
    newcomer.goto(f"{running_app.url}/admin")
    newcomer.get_by_text("Only admins").wait_for()

    mine = page.get_by_role("row").filter(has_text=team.admin.email)
    mine.get_by_role("combobox").select_option("recruiter")
    page.get_by_text("needs an active admin").wait_for()
    expect(mine.get_by_role("combobox")).to_have_value("admin")

    invited.get_by_role("button", name="Deactivate").click()
    expect(invited).to_contain_text("Deactivated")
    newcomer.get_by_role("link", name="Go to Home").click()
    newcomer.get_by_text("You have been signed out").wait_for()
    expect(page.get_by_role("row").filter(has_text="deactivated New Person")).to_be_visible()
    expect(page.get_by_text("The settings are saved")).to_have_count(0)
    newcomer.close()
