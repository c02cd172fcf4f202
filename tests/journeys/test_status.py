"""The status page in a browser: an admin watches it, a killed sweeper shows in it, a recruiter is kept out."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.fixtures.app import wait_until
from tests.fixtures.product import ADI, ANA, Product
from tests.journeys.walking import walkers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def test_an_admin_watches_how_the_service_is_doing(browser: Browser, product: Product) -> None:
    with walkers(browser, product, "status", "admin", "recruiter") as (admin, recruiter):
        admin.sign_in(ADI)
        page = admin.page
        page.locator(".person-menu summary").click()
        page.get_by_role("link", name="Status of the service").click()
        openai = page.get_by_role("row").filter(has_text="OpenAI")
        expect(openai).to_contain_text(re.compile(r"of 9,000 requests a minute"))
        expect(page.get_by_text("leads", exact=False).first).to_be_visible()
        for part in ("Web", "Database", "Sweeper", "Simulators", "Supervisor"):
            expect(page.get_by_role("cell", name=part, exact=True)).to_have_count(1)
        admin.step("seen", everywhere=True)

        before = page.locator(".as-of").inner_text()
        expect(page.locator(".as-of")).not_to_have_text(before, timeout=15_000)

        led = product.value("SELECT holder FROM sweeper_lease")
        product.part("sweeper").kill()
        wait_until(lambda: product.value("SELECT holder FROM sweeper_lease") != led, 30)
        expect(page.locator("main")).to_contain_text(product.value("SELECT holder FROM sweeper_lease"), timeout=15_000)
        admin.step("another sweeper leads", picture=False)

        recruiter.sign_in(ANA, "/status")
        expect(recruiter.page.get_by_text("for its operators and the admins")).to_be_visible()
        expect(recruiter.page.get_by_text("Status of the service")).to_have_count(0)
        recruiter.step("kept out", picture=False)
