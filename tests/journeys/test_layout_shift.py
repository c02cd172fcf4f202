"""Nothing that somebody reads jumps away while a page fills itself, nor while a run is watched."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.fixtures.product import ANA, Product
from tests.journeys.walking import NARROW, WIDE, Walker, walkers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
MOST_SHIFT = 0.02
# What no gesture of a person has caused, as the browser itself measures it.
WATCH_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
SETTLED = {"/": "#home-next > *", "/runs": "#runs-table > *", "/usage": "#usage-report .main-svg"}


@pytest.fixture
def ana(browser: Browser, product: Product) -> Iterator[Walker]:
    """A recruiter who has had 30 people screened."""
    product.command(
        *("screen", "--user", ANA, "--list", "Backend and platform pool", "--position", "Backend engineer, payments"),
        *("--most", "30", "--everybody", "--wait"),
    )
    with walkers(browser, product, "layout-shift", "ana") as [walker]:
        walker.page.add_init_script(WATCH_SHIFTS)
        walker.sign_in(ANA)
        yield walker


def test_pages_about_runs_and_usage_fill_without_jumping(ana: Walker, product: Product) -> None:
    run_id = product.value("SELECT id FROM runs ORDER BY created_at DESC LIMIT 1")
    places = {**SETTLED, f"/runs/{run_id}": "#run-items table"}
    for size in (WIDE, NARROW):
        ana.page.set_viewport_size(size)
        for path, sign in places.items():
            ana.open(path)
            expect(ana.page.locator(sign).first).to_be_visible()
            ana.page.wait_for_load_state("networkidle")
            assert ana.page.evaluate("window.shifted") < MOST_SHIFT, (path, size)
            assert ana.page.evaluate("document.documentElement.scrollWidth") <= size["width"], path


def test_a_run_that_is_watched_to_its_end_moves_nothing_below_it(ana: Walker, product: Product) -> None:
    started = product.command(
        *("screen", "--user", ANA, "--list", "Backend and platform pool", "--position", "Backend engineer, payments"),
        *("--most", "200", "--everybody"),
    )
    ana.open(f"/runs/{started['run_id']}")
    expect(ana.page.locator("#run-items table")).to_be_visible()
    expect(ana.page.locator(".run-panel .chip").first).to_have_text("Finished", timeout=60_000)
    assert ana.page.evaluate("window.shifted") < MOST_SHIFT
