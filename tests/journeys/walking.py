"""Walking the product as a person: after each step the page is looked at, and so is what it keeps."""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect

from tests.fixtures.app import sign_in_by_hand
from tests.fixtures.product import Product

PICTURES = Path(__file__).resolve().parents[2] / "test-output" / "journeys"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
ALL_PICTURES = os.environ.get("ALL_PICTURES") == "1"
PATIENCE_MS = 20_000
LONGEST_WORD = 400
LONGEST_STORE = 2_000
# What a Store never holds: an address of a person's, of a profile, or a sentence about either.
PERSONAL = re.compile(r"@[\w-]+\.|linkedin\.com/in/\w|full_name|profile_url", re.IGNORECASE)

STORES = """() => {
    const found = {};
    const walk = (node) => {
        if (!node || typeof node !== "object") return;
        if (Array.isArray(node)) return node.forEach(walk);
        if (node.type === "Store" && node.props) found[JSON.stringify(node.props.id)] = node.props.data ?? null;
        Object.values(node.props || node).forEach(walk);
    };
    walk(window.dash_stores[0].getState().layout);
    for (const [where, storage] of [["local", localStorage], ["session", sessionStorage]])
        for (const [key, text] of Object.entries(storage)) {
            try { found[`${where} ${key}`] = JSON.parse(text); } catch { found[`${where} ${key}`] = text; }
        }
    return found;
}"""


@dataclass
class Walker:
    """One person in a browser of their own, and what went wrong in it."""

    name: str
    page: Page
    product: Product
    journey: str
    troubles: list[str] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.watch(self.page)

    def watch(self, page: Page) -> None:
        page.on("console", self.note_console)
        page.on("pageerror", lambda error: self.troubles.append(f"page error: {error}"))
        page.on("response", self.note_response)

    def note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.append(f"console: {message.text} ({message.location.get('url', '')})")

    def note_response(self, response: Response) -> None:
        if response.status >= 500 and response.status != 503:
            self.troubles.append(f"{response.status} from {response.url}")

    def sign_in(self, email: str, path: str = "/") -> None:
        sign_in_by_hand(self.page, self.product.url, email, self.product.password, path)
        self.settled()

    def open(self, path: str) -> None:
        self.page.goto(f"{self.product.url}{path}")
        self.settled()

    def settled(self) -> None:
        """The page has drawn itself and asks for nothing at the moment."""
        self.page.locator("#_pages_content > *").first.wait_for(state="attached")
        self.page.wait_for_function("document.title !== 'Updating...' && !document.querySelector('.is-busy')")

    def new_tab(self) -> None:
        """Close the tab and come back in another one."""
        context = self.page.context
        self.page.close()
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.watch(self.page)

    def step(self, name: str, *, picture: bool = True, everywhere: bool = False) -> None:
        """What must hold after every step: small Stores, a silent console; and a picture for people."""
        self.steps += 1
        self.settled()
        assert not too_much_in_stores(self.page), too_much_in_stores(self.page)
        assert not self.troubles, "\n".join(self.troubles)
        if picture:
            self.picture(f"{self.steps:02}-{self.name}-{name}", everywhere)

    def picture(self, name: str, everywhere: bool) -> None:
        folder = PICTURES / self.journey
        folder.mkdir(parents=True, exist_ok=True)
        if not everywhere:
            self.page.screenshot(path=folder / f"{name}.png", animations="disabled")
            return
        before = self.page.evaluate("window.sourcingx.theme()")
        for words, size, themes in (("1280", WIDE, ("light", "dark")), ("390", NARROW, ("dark", "light"))):
            self.page.set_viewport_size(size)
            # A picture is half a second of a core: each size and each theme once, unless all four are asked for.
            for theme in themes if ALL_PICTURES else themes[:1]:
                self.page.evaluate("theme => window.sourcingx.setTheme(theme)", theme)
                self.page.screenshot(path=folder / f"{name}-{words}-{theme}.png", animations="disabled")
            width = self.page.evaluate("document.documentElement.scrollWidth")
            assert width <= size["width"], f"{name}: {width} px wide in a window of {words}"
        self.page.set_viewport_size(WIDE)
        self.page.evaluate("theme => window.sourcingx.setTheme(theme)", before)

    @contextmanager
    def expecting(self, *words: str) -> Iterator[None]:
        """What the browser says about a refusal that this very step provokes is no trouble; all else still is."""
        known = len(self.troubles)
        yield
        self.page.evaluate("1")
        mine = self.troubles[known:]
        self.troubles[known:] = [trouble for trouble in mine if not any(word in trouble for word in words)]

    def notice(self, words: str | re.Pattern[str]) -> None:
        """A notice says so; then it is closed."""
        shown = self.page.locator("#shell-notices .notice").filter(has_text=words)
        expect(shown.first).to_be_visible(timeout=PATIENCE_MS)
        shown.first.get_by_label("Close").click()

    def choose_file(self, path: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name="Choose a file…").click()
        chooser.value.set_files(path)

    def download(self, link: Callable[[Page], Any]) -> str:
        with self.page.expect_download() as download:
            link(self.page)
        return Path(download.value.path()).read_text(encoding="utf-8")


def too_much_in_stores(page: Page) -> dict[str, str]:
    """The Stores and the browser's storages that hold more than ids and small view state, with what they hold."""
    stores: dict[str, Any] = page.evaluate(STORES)
    return {key: json.dumps(value)[:500] for key, value in stores.items() if not is_small(value)}


def is_small(value: Any) -> bool:
    """Ids and view state: scalars, lists of scalars, and one level of names for them."""
    text = json.dumps(value)
    if len(text) > LONGEST_STORE or PERSONAL.search(text):
        return False
    named: Sequence[Any] = list(value.values()) if isinstance(value, dict) else [value]
    return all(is_plain(part) or (isinstance(part, list) and all(map(is_plain, part))) for part in named)


def is_plain(value: Any) -> bool:
    return (
        value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str) and len(value) <= LONGEST_WORD)
    )


@contextmanager
def walkers(browser: Browser, product: Product, journey: str, *names: str) -> Iterator[list[Walker]]:
    """People at once: each has cookies, cache and storage of their own."""
    contexts: list[BrowserContext] = []
    people = []
    for name in names:
        context = browser.new_context(viewport=WIDE, accept_downloads=True, base_url=product.url)
        contexts.append(context)
        people.append(Walker(name, context.new_page(), product, journey))
    yield people
    for context in contexts:
        context.close()
