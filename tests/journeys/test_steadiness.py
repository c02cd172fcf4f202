"""Pages that stand still while they fill, notices that cover no button, addresses of nothing, tables on a phone."""

from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fixtures.app import sign_in_by_hand
from tests.fixtures.product import ADI, SOL, Product

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
MOST_SHIFT = 0.02
WINDOWS = ({"width": 1280, "height": 800}, {"width": 390, "height": 844})
PAGES = {
    "/candidates": ".ag-center-cols-container .ag-row [col-id=name]",
    "/candidates?title=eng&company=b&location=h": "#candidates-chips button",
    "/imports": "#imports-recent > *",
    "/lists": "#lists-table > *",
    "/admin": "#admin-history tr",
    "/account": "#account-forms form",
    "/status": "#status-report .facts",
}
# Slow answers show what fast ones hide: a part that is drawn before what belongs above it.
OBSERVE = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            if (!entry.hadRecentInput) window.shifts.push([entry.value, entry.sources.map((one) =>
                one.node && (one.node.id || one.node.className || one.node.nodeName))]);
        }
    }).observe({ type: "layout-shift", buffered: true });
"""
OVERLAPS = """() => {
    const notices = document.getElementById("shell-notices").getBoundingClientRect();
    return [...document.querySelectorAll("main button, main a.btn")].filter((button) => {
        const box = button.getBoundingClientRect();
        return box.width && box.left < notices.right && notices.left < box.right
            && box.top < notices.bottom && notices.top < box.bottom;
    }).map((button) => button.textContent);
}"""


@pytest.mark.parametrize("window", WINDOWS, ids=["wide", "narrow"])
def test_pages_stand_still_while_they_fill(browser: Browser, product: Product, window: dict[str, int]) -> None:
    context = browser.new_context(viewport=window)
    page = context.new_page()
    sign_in_by_hand(page, product.url, ADI, product.password)
    context.add_init_script(OBSERVE)
    found = {}
    for path, filled in PAGES.items():
        page.goto(f"{product.url}{path}")
        page.locator(filled).first.wait_for()
        page.wait_for_load_state("networkidle")
        shifts = page.evaluate("window.shifts")
        if sum(value for value, _ in shifts) >= MOST_SHIFT:
            found[path] = shifts
    context.close()
    assert found == {}


def say(page: Page, words: str, tone: str = "success") -> None:
    page.evaluate("([words, tone]) => void sourcingx.say(words, tone)", [words, tone])


@pytest.mark.parametrize("window", WINDOWS, ids=["wide", "narrow"])
def test_a_notice_covers_no_button_and_waits_for_who_reads_it(
    browser: Browser, product: Product, window: dict[str, int]
) -> None:
    context = browser.new_context(viewport=window)
    page = context.new_page()
    sign_in_by_hand(page, product.url, ADI, product.password)
    for path in ("/candidates", "/lists", "/imports", "/admin"):
        page.goto(f"{product.url}{path}")
        page.locator(PAGES[path]).first.wait_for()
        say(page, "2 added to “A list with a rather long name”.")
        assert page.evaluate(OVERLAPS) == [], path
    notices = page.locator("#shell-notices")
    expect(notices).to_have_attribute("aria-live", "polite")
    if window["width"] < 500:
        box = notices.bounding_box()
        assert box is not None and box["width"] > 0.9 * window["width"] and box["y"] < 20
    page.clock.install()
    page.reload()
    page.locator(PAGES["/admin"]).first.wait_for()
    say(page, "Read me.")
    notices.get_by_text("Read me.").hover()
    page.clock.run_for(60_000)
    expect(notices).to_contain_text("Read me.")
    page.mouse.move(window["width"] / 2, window["height"] - 5)
    notices.get_by_role("button", name="Close").focus()
    page.clock.run_for(60_000)
    expect(notices).to_contain_text("Read me.")
    page.keyboard.press("Escape")
    expect(notices).to_have_text("")
    say(page, "Passing.")
    page.clock.run_for(8_000)
    expect(notices).to_have_text("")
    for number in range(5):
        say(page, f"News {number}.")
    expect(notices.locator(".notice")).to_have_count(3)
    context.close()


def test_an_address_of_nothing_says_so_and_shows_the_way_on(browser: Browser, product: Product) -> None:
    context = browser.new_context()
    page = context.new_page()
    foreign = product.value(
        "SELECT l.id FROM lists l JOIN users u ON u.org_id = l.org_id WHERE u.email = %s LIMIT 1", ADI
    )
    sign_in_by_hand(page, product.url, SOL, product.password)
    for path, words, way in (
        (f"/imports/{uuid4()}", "import", "All imports"),
        ("/imports/nonsense", "import", "All imports"),
        (f"/lists/{uuid4()}", "This list no longer exists.", "All lists"),
        (f"/lists/{foreign}", "This list no longer exists.", "All lists"),
        ("/lists/nonsense", "This list no longer exists.", "All lists"),
    ):
        page.goto(f"{product.url}{path}")
        expect(page.locator(".empty-state")).to_contain_text(words)
        expect(page.get_by_role("link", name=way)).to_be_visible()
        expect(page.get_by_role("button", name="Import", exact=True)).to_be_hidden()
    context.close()


def test_on_a_phone_every_column_of_the_users_is_read_without_scrolling_sideways(
    browser: Browser, product: Product
) -> None:
    context = browser.new_context(viewport=WINDOWS[1])
    page = context.new_page()
    sign_in_by_hand(page, product.url, ADI, product.password, path="/admin")
    page.locator(PAGES["/admin"]).first.wait_for()
    outside = page.evaluate(
        """() => [...document.querySelectorAll(".table-stacked td > *, .table-stacked button")].filter(
            (one) => one.getBoundingClientRect().right > innerWidth || one.scrollWidth > one.clientWidth + 1
        ).map((one) => one.textContent)"""
    )
    assert outside == []
    labels = (
        page.locator("#admin-members tr")
        .nth(1)
        .locator("td")
        .evaluate_all("(cells) => cells.map((cell) => getComputedStyle(cell, '::before').content)")
    )
    assert labels[:4] == ['"Name"', '"E-mail"', '"Role"', '"Last seen"']
    context.close()
