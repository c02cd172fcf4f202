"""The status page in a browser: an admin finds it, and watches figures that renew themselves."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.fixtures.product import ADI, Product
from tests.journeys.walking import walkers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def test_an_admin_watches_how_the_service_is_doing(browser: Browser, product: Product) -> None:
    with walkers(browser, product, "status", "admin") as (admin,):
        admin.sign_in(ADI)
        page = admin.page
        page.locator(".person-menu summary").click()
        page.get_by_role("link", name="Status of the service").click()
        openai = page.get_by_role("row").filter(has_text="OpenAI")
        expect(openai).to_contain_text(re.compile(r"of 9,000 requests a minute"))
        leader = product.value("SELECT holder FROM sweeper_lease")
        expect(page.locator("main")).to_contain_text(f"{leader} leads")
        for part in ("Web", "Database", "Sweeper", "Simulators", "Supervisor"):
            expect(page.get_by_role("cell", name=part, exact=True)).to_have_count(1)
        admin.step("seen", everywhere=True)
        before = page.locator(".as-of").inner_text()
        expect(page.locator(".as-of")).not_to_have_text(before, timeout=15_000)
        admin.step("renewed", picture=False)
