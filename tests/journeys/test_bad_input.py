"""What people bring that cannot work: each gets a clear sentence, nothing is half-done, and the way on works."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.fixtures.app import wait_until
from tests.fixtures.product import ANA, Product
from tests.journeys.accounts_of import charges_agree
from tests.journeys.walking import Walker, walkers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
HEADER = "linkedin_url,first_name,last_name\n"
REFUSED_FILES = {
    "people.xlsx": (b"PK\x03\x04" + bytes(200), "This file is an Excel workbook or a ZIP archive, not a CSV file"),
    "photo.csv": (b"\x89PNG\r\n\x1a\n" + bytes(200), "not a CSV file"),
    "empty.csv": (b"", "This file is empty."),
    "heading-only.csv": (HEADER.encode(), "This file has column names but no rows below them."),
    "latin.csv": (
        f"{HEADER}https://www.linkedin.com/in/zoe-quill,Zo\xeb,Quill\n".encode("latin-1"),
        "not UTF-8 text: line 2",
    ),
    "null.csv": (b"linkedin\x00_url,name\nx,y\n", "its first row holds NUL bytes"),
}
BRIEF = {"Must-haves": "1+ years of work\nWorked with customers", "Exclusions": "Currently a president"}


def test_files_that_hold_no_people_are_refused_with_words(browser: Browser, product: Product, tmp_path: Path) -> None:
    with walkers(browser, product, "bad-files", "ana") as (ana,):
        ana.sign_in(ANA, path="/imports")
        before = counts(product)
        for name, (content, words) in REFUSED_FILES.items():
            path = tmp_path / name
            path.write_bytes(content)
            with ana.expecting("400 (BAD REQUEST)"):
                ana.choose_file(path)
                expect(ana.page.locator("#imports-upload-status")).to_contain_text(words)
            ana.step(name.partition(".")[0])
        assert counts(product) == before


def test_rows_that_cannot_be_used_are_told_apart_from_those_that_can(
    browser: Browser, product: Product, tmp_path: Path
) -> None:
    unusable, mixed = tmp_path / "companies.csv", tmp_path / "mixed rows.csv"
    unusable.write_text(f"{HEADER}https://www.linkedin.com/company/quillmark,Not,Anybody\n,No,Address\n")
    good = f"https://www.linkedin.com/in/zoe-quill-{uuid4().hex[:9]}"
    mixed.write_text(f'{HEADER}{good},Zoe,Quill\n{good}-2,"{"long " * 600_000}",Cell\n{good}-3,Nul\0byte,Row\n')
    with walkers(browser, product, "bad-rows", "ana") as (ana,):
        ana.sign_in(ANA, path="/imports")
        before = counts(product)
        ana.choose_file(unusable)
        expect(ana.page.get_by_role("heading", name=unusable.name)).to_be_visible()
        ana.page.get_by_role("button", name="Import", exact=True).click()
        expect(ana.page.locator("#shell-notices")).to_contain_text(
            "None of the 2 rows can be used, so nothing was imported."
        )
        ana.step("nobody-usable")
        assert counts(product) == before
        ana.open("/imports")
        ana.choose_file(mixed)
        expect(ana.page.get_by_role("heading", name=mixed.name)).to_be_visible()
        ana.page.get_by_role("button", name="Import", exact=True).click()
        expect(ana.page.get_by_role("link", name="See candidates")).to_be_visible()
        table = ana.page.locator("#main table")
        expect(table).to_contain_text("This cell is longer than 100,000 characters")
        expect(table).to_contain_text("This cell holds a NUL byte")
        ana.step("some-usable", everywhere=True)
        people, lists = counts(product)
        assert (people, lists) == (before[0] + 1, before[1] + 1), "what was good is kept"


def test_a_brief_without_criteria_cannot_be_approved(browser: Browser, product: Product) -> None:
    with walkers(browser, product, "bad-brief", "ana") as (ana,):
        ana.sign_in(ANA, path="/positions/new")
        page = ana.page
        expect(page.get_by_role("button", name="Approve criteria")).to_be_disabled()
        page.get_by_label("Title").fill("Somebody nice")
        page.get_by_label("Nice-to-haves").fill("Plays chess")
        expect(page.locator("#position-criteria .problem")).to_contain_text("This brief has nothing to decide by")
        expect(page.get_by_role("button", name="Approve criteria")).to_be_disabled()
        ana.step("nothing-to-decide-by")
        page.get_by_role("button", name="Save draft").click()
        expect(page.locator("#shell-notices")).to_contain_text("This brief has nothing to decide by")
        assert product.value("SELECT count(*) FROM positions WHERE title = 'Somebody nice'") == 0
        page.get_by_label("Must-haves").fill("Keeps promises")
        page.get_by_role("button", name="Approve criteria").click()
        ana.notice("2 criteria approved")
        ana.step("mended", picture=False)


def test_a_model_that_answers_prose_makes_failed_people_and_the_retry_works(browser: Browser, product: Product) -> None:
    with walkers(browser, product, "prose", "ana") as (ana,):
        product.simulators.faults({"provider": "openai", "route": "chat/*", "times": 3, "outcome": "prose"})
        page = starts_a_screening(ana, "Prose", 8)
        expect(page.locator(".run-panel .chip").first).to_have_text(re.compile("Finished|Failed"), timeout=60_000)
        failed = page.locator(".result-row", has_text="Failed")
        expect(failed).to_have_count(3)
        assert "Waiting" not in failed.first.inner_text() and failed.first.locator(".result-why").inner_text()
        assert page.locator(".result-row", has_text="Failed").locator(".score").count() == 0, "a failure is no verdict"
        ana.step("failed-people", everywhere=True)
        page.get_by_role("button", name="Retry").click()
        ana.notice("Trying 3 again")
        page.wait_for_url(re.compile("/runs/"))
        expect(page.locator(".run-sentence")).to_have_text("3 of 3.", timeout=60_000)
        expect(page.locator(".run-panel .chip").first).to_have_text("Finished")
        ana.step("retried")
        page.go_back()
        expect(page.locator(".result-row .score")).to_have_count(8)
        assert charges_agree(product) == []


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("expired_key", "key"),
        ("insufficient_quota", "credit"),
    ],
)
def test_a_run_rests_while_the_account_is_refused_and_goes_on_afterwards(
    browser: Browser, product: Product, trouble: str, words: str
) -> None:
    """A refused account is nobody's failure: the run pauses, says why, and its people wait."""
    with walkers(browser, product, trouble, "ana") as (ana,):
        if trouble == "expired_key":
            product.simulators.faults(switches={"openai": {"keys": "expired"}})
        else:
            product.simulators.faults({"provider": "openai", "route": "chat/*", "outcome": trouble})
        page = starts_a_screening(ana, trouble.replace("_", " ").capitalize(), 8)
        panel = page.locator(".run-panel")
        expect(panel.locator(".chip").first).to_have_text("Paused", timeout=60_000)
        expect(panel.locator(".run-trouble")).to_contain_text(re.compile(words, re.IGNORECASE))
        expect(page.locator(".result-row", has_text="Failed")).to_have_count(0)
        ana.step("paused")
        product.simulators.faults(clear=True, switches={"openai": {"keys": "any"}})
        panel.get_by_role("button", name="Resume").click()
        expect(panel.locator(".chip").first).to_have_text("Finished", timeout=60_000)
        expect(page.locator(".result-row .score")).to_have_count(8)
        ana.step("resumed")
        assert charges_agree(product) == []


def starts_a_screening(ana: Walker, title: str, people: int):
    """A new position, and some people of a list screened against it."""
    page = ana.page
    ana.sign_in(ANA, path="/positions/new")
    page.get_by_label("Title").fill(title)
    for label, text in BRIEF.items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Approve criteria").click()
    page.get_by_role("link", name="Screen people").click()
    meetup = page.locator("#screening-list option", has_text="Meetup guests").first
    page.locator("#screening-list").select_option(value=meetup.get_attribute("value"))
    page.get_by_label("At most").fill(str(people))
    expect(page.locator("#screening-quote")).to_contain_text(f"{people} people")
    page.get_by_role("button", name="Start screening").click()
    wait_until(lambda: product_runs(ana.product, title) == 1, 20)
    return page


def product_runs(product: Product, title: str) -> int:
    count: int = product.value("SELECT count(*) FROM runs WHERE title = %s", title)
    return count


def counts(product: Product) -> tuple[int, int]:
    """How many people and lists there are in all organizations."""
    people, lists = product.rows("SELECT (SELECT count(*) FROM candidates), (SELECT count(*) FROM lists)")[0]
    return people, lists
