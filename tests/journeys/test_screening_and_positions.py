"""Screening and Position as they behave in a browser: nothing typed is lost, nothing jumps, nothing is out of reach."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Route, expect

from tests.fixtures.product import ANA, Product
from tests.journeys.walking import PATIENCE_MS, Walker, walkers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
MOST_SHIFT = 0.02
WATCH_SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""
COVERED = """(button) => {
    const box = button.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return !button.contains(top);
}"""


@pytest.fixture
def ana(browser: Browser, product: Product) -> Iterator[Walker]:
    with walkers(browser, product, "screening-and-positions", "ana") as (walker,):
        yield walker


def demo(product: Product, title: str, list_name: str) -> tuple[str, str]:
    """A position and a list of the demo data."""
    position = product.value("SELECT id FROM positions WHERE title = %s", title)
    return str(position), str(product.value("SELECT id FROM lists WHERE name = %s", list_name))


def screens_some(ana: Walker, people: int) -> str:
    """Some people of the demo are screened; the address of the results."""
    position, members = demo(ana.product, "Data engineer", "Meetup guests, spring")
    address = f"/screening?position={position}&list={members}"
    ana.open(address)
    ana.page.get_by_label("At most").fill(str(people))
    expect(ana.page.locator("#screening-quote")).to_contain_text(re.compile(f"^{people} people"))
    ana.page.get_by_role("button", name="Start screening").click()
    ana.notice(f"Screening {people} people")
    expect(ana.page.locator(".run-sentence").first).to_have_text(f"{people} of {people}.", timeout=60_000)
    return address


def title_of(ana: Walker) -> Locator:
    return ana.page.get_by_role("heading", level=1)


def test_a_brief_that_is_typed_and_not_saved_is_never_lost_without_a_question(ana: Walker) -> None:
    page, title = ana.page, f"Data steward {uuid4().hex[:4]}"
    question = page.get_by_role("dialog", name="Leave without saving?")
    must = page.get_by_label("Must-haves")
    ana.sign_in(ANA, path="/positions")
    page.get_by_role("link", name="New position").click()
    page.get_by_label("Title").fill(title)
    must.fill("Keeps promises")
    page.get_by_role("link", name="Home").click()
    expect(question).to_be_visible()
    ana.step("asked")
    page.get_by_role("button", name="Stay here").click()
    expect(question).to_be_hidden()
    expect(must).to_have_value("Keeps promises")
    page.go_back()
    expect(question).to_be_visible()
    page.keyboard.press("Escape")
    assert page.url.endswith("/positions/new")
    expect(must).to_have_value("Keeps promises")
    page.get_by_role("button", name="Save draft").click()
    ana.notice("Draft saved")
    expect(title_of(ana)).to_have_text(title)
    must.fill("Keeps promises\nKeeps secrets")
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(question).to_be_visible()
    page.keyboard.press("Escape")
    assert ana.product.value("SELECT archived_at FROM positions WHERE title = %s", title) is None
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", stay)
    page.reload()
    assert asked == ["beforeunload"]
    expect(must).to_have_value("Keeps promises")
    must.fill("Keeps promises\nKeeps time")
    page.get_by_role("link", name="Home").click()
    page.get_by_role("button", name="Leave without saving").click()
    expect(title_of(ana)).not_to_have_text(title)
    assert "/positions" not in page.url and asked == ["beforeunload"]


def test_who_saved_leaves_without_a_question(ana: Walker) -> None:
    page, asked = ana.page, []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    ana.sign_in(ANA, path="/positions/new")
    page.get_by_label("Title").fill(f"Data keeper {uuid4().hex[:4]}")
    page.get_by_label("Must-haves").fill("Keeps promises")
    expect(page.locator("#position-criteria li")).to_have_count(1)
    page.get_by_role("button", name="Save draft").click()
    ana.notice("Draft saved")
    page.wait_for_url(re.compile("/positions/[0-9a-f-]{36}"))
    expect(page.get_by_label("Must-haves")).to_have_value("Keeps promises")
    page.get_by_label("Must-haves").fill("Keeps promises\nKeeps time")
    expect(page.locator("#position-criteria li")).to_have_count(2)
    page.get_by_role("button", name="Approve criteria").click()
    ana.notice("2 criteria approved")
    expect(page.get_by_role("link", name="Screen people")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Must-haves")).to_have_value("Keeps promises\nKeeps time")
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_label("Must-haves")).to_have_count(0)
    assert asked == []


def test_a_save_keeps_the_very_last_key(ana: Walker) -> None:
    """Pressed while Dash still waits for a pause in the typing."""
    page, title = ana.page, f"Archivist {uuid4().hex[:4]}"
    ana.sign_in(ANA, path="/positions/new")
    page.get_by_label("Title").fill(title)
    page.get_by_label("Must-haves").press_sequentially("Reads old hands", delay=0)
    page.evaluate("document.getElementById('position-save').click()")
    ana.notice("Draft saved")
    page.wait_for_url(re.compile("/positions/[0-9a-f-]{36}"))
    page.reload()
    expect(page.get_by_label("Must-haves")).to_have_value("Reads old hands")


def test_pages_stand_still_while_they_load(ana: Walker) -> None:
    ana.sign_in(ANA)
    results = screens_some(ana, 8)
    page = ana.page
    page.add_init_script(WATCH_SHIFTS)
    position, _list = demo(ana.product, "Data engineer", "Meetup guests, spring")
    shifted = {}
    for path, there in (
        (results, "button.result-row"),
        (f"/positions/{position}", "#position-criteria li"),
        ("/positions/new", "#position-criteria p"),
    ):
        ana.open(path)
        expect(page.locator(there).first).to_be_visible()
        if path == results:
            expect(page.locator("#screening-quote strong")).to_be_visible()
            expect(page.locator(".run-sentence")).to_be_visible()
        page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        shifted[path] = page.evaluate("window.shifted")
    assert max(shifted.values()) < MOST_SHIFT, shifted


def test_results_and_panel_end_with_the_same_numbers(ana: Walker) -> None:
    """Even if the results' own ticking never reaches the server: the panel's end makes them look."""

    def lose_ticks(route: Route) -> None:
        lost = '"changedPropIds":["screening-tick.n_intervals"]' in (route.request.post_data or "")
        route.fulfill(status=204) if lost else route.continue_()

    ana.sign_in(ANA)
    ana.page.route("**/_dash-update-component", lose_ticks)
    before = ana.product.value(
        "SELECT count(*) FROM screenings s JOIN positions p ON p.id = s.position_id WHERE p.title = 'Data engineer'"
    )
    screens_some(ana, 12)
    run_id, done, skipped = ana.product.rows("SELECT id, done, skipped FROM runs ORDER BY created_at DESC LIMIT 1")[0]
    assert done + skipped == 12
    panel = ana.page.locator(f'[data-run-panel="{run_id}"]')
    expect(panel.locator(".run-facts div", has_text="Done")).to_have_text(f"Done{done}")
    expect(ana.page.locator(".result-row .score")).to_have_count(min(50, before + done), timeout=PATIENCE_MS)


def test_undo_reaches_a_decision_made_before_a_reload_and_buttons_are_never_covered(ana: Walker) -> None:
    ana.sign_in(ANA)
    ana.open(screens_some(ana, 8))
    page, card = ana.page, ana.page.locator(".verdict-card")
    page.locator("button.result-row").first.click()
    model = card.locator(".card-head .chip").inner_text()
    other = {"GO": "NO GO", "MAYBE": "GO", "NO GO": "MAYBE"}[model]
    card.get_by_role("button", name=re.compile(f"^{other} .$")).click()
    reasons = card.get_by_role("group", name="Reason").get_by_role("button")
    reasons.first.wait_for()
    page.evaluate("for (const word of 'abc') window.sourcingx.say(word.repeat(90), 'warning', true)")
    for button in [*reasons.all(), *card.locator(".decision button").all()]:
        button.scroll_into_view_if_needed()
        assert not button.evaluate(COVERED), button.inner_text()
    page.evaluate("document.querySelectorAll('.notice .btn-close').forEach((close) => close.click())")
    reasons.first.click()
    ana.notice(f"Decided: {other}")
    expect(card.locator(".card-head .chip")).to_have_text(other)
    page.reload()
    expect(card.locator(".card-head .chip")).to_have_text(other)
    page.keyboard.press("u")
    ana.notice(f"Undone: your {other}")
    expect(card.locator(".card-head .chip")).to_have_text(model)
    expect(card.get_by_role("button", name="Undo")).to_have_count(0)
    page.keyboard.press("u")
    ana.notice("There is nothing to undo")


def test_keys_that_come_before_their_card_are_meant_for_that_person(ana: Walker) -> None:
    """Next and a verdict within a tenth of a second, over and over: each is kept, for the right person and verdict."""
    ana.sign_in(ANA)
    address = screens_some(ana, 10)
    ana.open(address)
    page, card = ana.page, ana.page.locator(".verdict-card")
    rows = page.locator("button.result-row")
    rows.first.wait_for()
    shown = [row.get_attribute("data-opens-screening") for row in rows.all()][:4]
    keys = {"GO": "y", "MAYBE": "m", "NO GO": "n"}
    for number, screening in enumerate(shown):
        # A decision moves its row to the others of that verdict; next is still who stood below it.
        name = page.locator(f'[data-opens-screening="{screening}"] .result-name').inner_text()
        model = ana.product.value("SELECT verdict FROM screenings WHERE id = %s", screening)
        other = {"GO": "NO GO", "MAYBE": "GO", "NO GO": "MAYBE"}[str(model)]
        page.keyboard.press("j")
        page.wait_for_timeout(33 * number)
        page.keyboard.press(keys[other])
        page.keyboard.press("1")
        ana.notice(f"Decided: {other}")
        expect(card.locator("h2")).to_have_text(name)
        decided = ana.product.value(
            "SELECT verdict FROM overrides WHERE screening_id = %s AND undone_at IS NULL ORDER BY id DESC LIMIT 1",
            screening,
        )
        assert decided == other
        page.evaluate("document.querySelectorAll('.notice .btn-close').forEach((close) => close.click())")


def test_what_is_started_is_what_was_priced(ana: Walker) -> None:
    """A number typed and Start pressed at once: the form is priced first, and nobody pays for what was not shown."""
    page = ana.page
    ana.sign_in(ANA)
    position, members = demo(ana.product, "Data engineer", "Backend and platform pool")
    ana.open(f"/screening?position={position}&list={members}")
    most = page.get_by_label("At most")
    most.fill("60")
    expect(page.locator("#screening-quote")).to_contain_text("60 people")
    runs = ana.product.value("SELECT count(*) FROM runs")
    most.select_text()
    most.press_sequentially("7", delay=0)
    page.evaluate("document.getElementById('screening-start').click()")
    ana.notice("The form has just changed")
    assert ana.product.value("SELECT count(*) FROM runs") == runs
    expect(page.locator("#screening-quote")).to_contain_text("7 people")
    page.get_by_role("button", name="Start screening").click()
    ana.notice("Screening 7 people")


def test_a_run_at_its_cap_is_given_a_higher_one(ana: Walker) -> None:
    page = ana.page
    ana.sign_in(ANA)
    position, members = demo(ana.product, "Data engineer", "Referrals and events")
    ana.open(f"/screening?position={position}&list={members}")
    page.get_by_label("At most").fill("20")
    page.get_by_label("Cap in USD").fill("0.016")
    expect(page.locator("#screening-quote")).to_contain_text("20 people")
    # What nobody can read is charged at most: four of them use the cap up, and a fifth would be an outage.
    ana.product.simulators.faults({"provider": "openai", "route": "chat/*", "outcome": "html"})
    page.get_by_role("button", name="Start screening").click()
    ana.notice("Screening 20 people")
    expect(page.locator(".run-sentence").first).to_contain_text("Paused at its cap", timeout=60_000)
    ana.product.simulators.faults(clear=True)
    ana.open(str(page.locator(".run-title").first.get_attribute("href")))
    box, resume = page.get_by_label("New cap in USD"), page.get_by_role("button", name="Resume")
    for typed, words in (("", "has reached its cap"), ("0", "has reached its cap"), ("much", "amount in USD")):
        box.fill(typed)
        resume.click()
        ana.notice(words)
        page.evaluate("document.querySelectorAll('.notice .btn-close').forEach((close) => close.click())")
    box.fill("5")
    resume.click()
    expect(page.locator(".run-sentence").first).to_have_text("20 of 20.", timeout=60_000)


def test_an_address_of_nothing_says_so_in_the_page(ana: Walker) -> None:
    page = ana.page
    ana.sign_in(ANA)
    position, _list = demo(ana.product, "Data engineer", "Meetup guests, spring")
    foreign = str(ana.product.value("SELECT id FROM positions WHERE title = 'Product manager'"))
    alert = page.locator("#screening-order [role=alert]")
    for query, words, way_out in (
        ("position=nonsense", "This position does not exist", "All positions"),
        (f"position={uuid4()}", "This position does not exist", "All positions"),
        (f"position={foreign}", "This position does not exist", "All positions"),
        (f"position={position}&list=nonsense", "This list no longer exists", "All lists"),
        (f"position={position}&list={uuid4()}", "This list no longer exists", "All lists"),
    ):
        ana.open(f"/screening?{query}")
        expect(alert).to_contain_text(words)
        expect(alert.get_by_role("link", name=way_out)).to_be_visible()
        expect(page.locator("#screening-body")).to_be_hidden()
        expect(page.locator("#shell-notices .notice")).to_have_count(0)
    ana.step("address-of-nothing", everywhere=True)
