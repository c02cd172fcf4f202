"""Every page by keyboard, with visible focus, readable colours in both themes, named inputs and no sideways scroll."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fixtures.product import ADI, Product
from tests.journeys.walking import NARROW, WIDE, Walker, walkers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PLACES = {
    "h": "/",
    "c": "/candidates",
    "l": "/lists",
    "i": "/imports",
    "p": "/positions",
    "s": "/screening",
    "r": "/runs",
    "u": "/usage",
    "a": "/admin",
}
FURTHER = ("/positions/new", "/account", "/no/such/page")
AA = 4.5
# Text colour, then what it stands on; each pair is used for words somewhere.
PAIRS = (
    ("--bs-body-color", "--bs-body-bg"),
    ("--bs-body-color", "--surface"),
    ("--bs-body-color", "--surface-quiet"),
    ("--bs-secondary-color", "--bs-body-bg"),
    ("--bs-secondary-color", "--surface"),
    ("--bs-secondary-color", "--surface-quiet"),
    ("--bs-link-color", "--bs-body-bg"),
    ("--bs-link-color", "--surface"),
    ("--on-accent", "--accent"),
    ("--on-accent", "--accent-strong"),
    ("--good", "--good-quiet"),
    ("--unsure", "--unsure-quiet"),
    ("--bad", "--bad-quiet"),
    ("--info", "--info-quiet"),
    ("--good", "--surface"),
    ("--unsure", "--surface"),
    ("--bad", "--surface"),
)
# Inputs that people can reach and that nothing names to those who do not see the page.
UNNAMED = """() => [...document.querySelectorAll("input, select, textarea, button, summary, a[href]")]
    .filter((field) => field.type !== "hidden" && field.checkVisibility({ visibilityProperty: true }))
    .filter((field) => {
        const by = (field.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id));
        const named = [...(field.labels || []), ...by].some((label) => label && label.textContent.trim());
        const words = field.tagName === "INPUT" || field.tagName === "SELECT" || field.tagName === "TEXTAREA"
            ? "" : field.textContent.trim();
        return !named && !words && !field.getAttribute("aria-label") && !field.title;
    })
    .map((field) => field.outerHTML.slice(0, 200))"""
FOCUSED = """async () => {
    const at = document.activeElement;
    await Promise.all(at.getAnimations().map((animation) => animation.finished.catch(() => null)));
    const style = getComputedStyle(at);
    const box = at.getBoundingClientRect();
    return {
        what: at.outerHTML.slice(0, 160),
        isBody: at === document.body,
        isShown: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none"
            || at.matches(":focus-within:not(:focus)")  // a part of the browser's own, with the browser's own ring
            || at.matches(".ag-cell, .ag-header-cell, .ag-tab-guard, .ag-checkbox-input, main, [tabindex='-1']"),
        hasSize: box.width > 0 && box.height > 0 || at.matches(".ag-tab-guard"),
    };
}"""


@pytest.fixture
def adi(browser: Browser, product: Product) -> Iterator[Walker]:
    with walkers(browser, product, "accessibility", "adi") as (walker,):
        walker.sign_in(ADI)
        yield walker


def test_every_page_is_reached_by_keys_and_has_one_heading_and_named_fields(adi: Walker) -> None:
    page = adi.page
    for key, path in PLACES.items():
        page.locator("body").press("g")
        page.keyboard.press(key)
        page.wait_for_url(re.compile(f"{re.escape(path)}$"))
        adi.settled()
        looks_right(adi, path)
        page.locator("#main").focus()
    for path in FURTHER:
        adi.open(path)
        looks_right(adi, path)


def looks_right(adi: Walker, path: str) -> None:
    expect(adi.page.locator("h1")).to_have_count(1)
    adi.page.wait_for_load_state("networkidle")
    assert adi.page.evaluate(UNNAMED) == [], path
    adi.page.set_viewport_size(NARROW)
    width = adi.page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"], f"{path} is {width} px wide"
    adi.page.set_viewport_size(WIDE)


@pytest.mark.parametrize("path", ["/candidates", "/positions/new", "/usage", "/admin"])
def test_focus_is_seen_wherever_the_tab_key_leads(adi: Walker, path: str) -> None:
    adi.open(path)
    adi.page.wait_for_load_state("networkidle")
    seen = set()
    for _ in range(40):
        adi.page.keyboard.press("Tab")
        focused = adi.page.evaluate(FOCUSED)
        if focused["isBody"]:
            break
        assert focused["isShown"], f"focus cannot be seen on {focused['what']}"
        assert focused["hasSize"], f"focus is on what has no size: {focused['what']}"
        seen.add(focused["what"])
    assert len(seen) > 8


def test_the_first_tab_skips_to_the_content(adi: Walker) -> None:
    adi.open("/lists")
    adi.page.keyboard.press("Tab")
    expect(adi.page.get_by_role("link", name="Skip to content")).to_be_focused()
    adi.page.keyboard.press("Enter")
    expect(adi.page.locator("#main")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_what_they_stand_on(adi: Walker, theme: str) -> None:
    adi.page.evaluate("theme => window.sourcingx.setTheme(theme)", theme)
    poor = {
        f"{words} on {ground}": round(ratio, 2)
        for words, ground in PAIRS
        if (ratio := contrast(colour(adi.page, words), colour(adi.page, ground))) < AA
    }
    assert poor == {}


def colour(page: Page, variable: str) -> tuple[int, int, int]:
    """The red, green and blue of a CSS variable, as the browser computes them."""
    text: str = page.evaluate(
        """(name) => {
            const probe = document.body.appendChild(document.createElement("span"));
            probe.style.color = `var(${name})`;
            const found = getComputedStyle(probe).color;
            probe.remove();
            return found;
        }""",
        variable,
    )
    red, green, blue = map(int, re.findall(r"\d+", text)[:3])
    return red, green, blue


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """The ratio of WCAG 2: from 1 for the same colour to 21 for black on white."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(rgb: tuple[int, int, int]) -> float:
    linear = [
        value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in (c / 255 for c in rgb)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_measure_of_contrast_is_the_known_one() -> None:
    assert round(contrast((0, 0, 0), (255, 255, 255)), 1) == 21.0
    assert round(contrast((118, 118, 118), (255, 255, 255)), 2) == 4.54
