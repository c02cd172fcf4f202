"""A recruiter brings a file in a real browser, corrects a column, and reads what became of each row."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.app import RunningApp, sign_in_by_hand
from tests.fixtures.files import csv_text
from tests.fixtures.postgres import Team

pytestmark = pytest.mark.browser
SCREENSHOTS = os.environ.get("SCREENSHOTS")

FILE = csv_text(
    [
        {"Profile": "linkedin.com/in/noa-tal", "Who": "Noa Tal", "Email": "noa@tal.example", "Title": "Engineer"},
        {"Profile": "linkedin.com/in/dan-levi", "Who": "Dan Levi", "Email": "not one", "Title": "Baker"},
        {"Profile": "linkedin.com/in/DAN-LEVI/", "Who": "Dan L", "Email": "", "Title": ""},
        {"Profile": "https://example.com/x", "Who": "=Nobody()", "Email": "", "Title": ""},
    ]
)


def picture(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=f"{SCREENSHOTS}/{name}.png", full_page=True)


def test_a_file_becomes_a_list_of_candidates(
    running_app: RunningApp, with_passwords: None, page: Page, team: Team, tmp_path: Path
) -> None:
    path = tmp_path / "Spring people.csv"
    path.write_text(FILE)
    sign_in_by_hand(page, running_app.url, team.recruiter.email, path="/imports")
    expect(page.get_by_text("up to 20 MB")).to_be_visible()
    picture(page, "imports-empty")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file…").press("Enter")
    chooser.value.set_files(path)

    expect(page.get_by_role("heading", name="Spring people.csv")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("No column with LinkedIn addresses was recognised")
    page.get_by_label("Profile address", exact=True).select_option(label="Profile")
    expect(page.get_by_text("linkedin.com/in/noa-tal · linkedin.com/in/dan-levi")).to_be_visible()
    page.get_by_label("Full name").select_option(label="Who")
    expect(page.locator(".notice")).to_have_count(0)
    picture(page, "import-columns")
    expect(page.get_by_label("People go to the list")).to_have_value("Spring people")
    page.get_by_role("button", name="Import", exact=True).click()

    expect(page.get_by_role("link", name="See candidates")).to_be_visible()
    cards = [re.sub(r"\D.*", "", text, flags=re.S) for text in page.locator(".count-card dd").all_inner_texts()]
    assert cards == ["4", "2", "0", "1", "1"]
    expect(page.locator("#main table")).to_contain_text("This is not the address of a person's public LinkedIn profile")
    expect(page.get_by_text("1 row, the first is row 3")).to_be_visible()
    picture(page, "import-outcome")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all as CSV").click()
    rejected = Path(download.value.path()).read_text(encoding="utf-8")
    assert rejected.startswith("\ufeff") and "5,Profile," in rejected

    page.get_by_role("link", name="The list").click()
    expect(page.get_by_role("heading", name="Spring people", exact=True)).to_be_visible()
    expect(page.get_by_text("2 candidates")).to_be_visible()
    picture(page, "list")
    page.get_by_label("Name of this list or of its copy").fill("Summer people")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="Summer people", exact=True)).to_be_visible()
    page.get_by_role("button", name="Archive").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("button", name="Archive")).to_be_visible()
    page.goto(f"{running_app.url}/lists")
    expect(page.get_by_role("link", name="Summer people")).to_be_visible()
    picture(page, "lists")

    page.goto(f"{running_app.url}/imports")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file…").click()
    chooser.value.set_files(path)
    expect(page.get_by_text("This very file was imported before, by Ana Recruiter")).to_be_visible()
    picture(page, "import-again")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("heading", name="Imports", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Spring people.csv")).to_have_count(1)
    picture(page, "imports")


def test_a_workbook_is_refused_with_words(
    running_app: RunningApp, with_passwords: None, page: Page, team: Team, tmp_path: Path
) -> None:
    path = tmp_path / "people.xlsx"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    sign_in_by_hand(page, running_app.url, team.recruiter.email, path="/imports")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file…").click()
    chooser.value.set_files(path)
    expect(page.get_by_text("This file is an Excel workbook or a ZIP archive, not a CSV file")).to_be_visible()
