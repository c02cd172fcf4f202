"""The main job from the sign-in to the receipt, by a recruiter, beside a colleague and before a manager's eyes."""

import csv
import html
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.fixtures.app import wait_until
from tests.fixtures.product import ANA, BEN, MIA, Product
from tests.journeys.accounts_of import charges_agree, ledger_of_run
from tests.journeys.walking import PATIENCE_MS, Walker, walkers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
LIST = f"Autumn leads {uuid4().hex[:4]}"
POSITION = f"Backend engineer, ledgers {uuid4().hex[:4]}"
TWO, MANY = f"Two of them {uuid4().hex[:4]}", f"All engineers {uuid4().hex[:4]}"
EXPORT_START = ["first_name", "last_name", "name", "email", "all_emails", "linkedin_url"]
REASON_KEY = "1"
LARGE = 120
UNREAD = """
SELECT count(*) FROM run_news n JOIN users u ON u.id = n.user_id
 WHERE u.email = %s AND n.event IS NOT NULL AND n.seen_at IS NULL
"""


def messy_file(product: Product, folder: Path) -> Path:
    """Thirty people of the simulated world under headers nobody would guess, with rows that cannot be used."""
    path = folder / f"{LIST}.csv"
    people = product.simulators.people(5_000, 30)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow([" LinkedIn  Page?", "Given", "FAMILY NAME", "Job Title", "company name", "", "E-Mail"])
        for person in people:
            names = [person["first_name"], person["last_name"], person["title"], person["company"]]
            writer.writerow([person["linkedin_url"], *names, "x", person["email"]])
        writer.writerow(["https://www.linkedin.com/company/quillmark", "Not", "Anybody", "", "", "", ""])
        writer.writerow(["", "Nobody", "Known", "Engineer", "", "", ""])
        writer.writerow([people[0]["linkedin_url"].upper(), "", "", "", "", "", ""])
    return path


def test_a_file_becomes_verdicts_and_a_receipt(browser: Browser, product: Product, tmp_path: Path) -> None:
    with walkers(browser, product, "main-job", "ana", "ben", "mia") as (ana, ben, mia):
        ana.sign_in(ANA)
        ana.step("home", everywhere=True)
        ben.sign_in(BEN)
        list_id = brings_a_file(ana, messy_file(product, tmp_path))
        finds_a_person(ana, ben, list_id)
        large_list = puts_many_on_a_list(ana)
        position_id = writes_a_position(ana)
        run_id = screens(ana, position_id, list_id)
        watches_and_leaves(ana, ben, product, position_id, large_list)
        reads_the_evidence(ana, position_id, large_list)
        decides_by_keyboard(ana, ben, position_id, list_id)
        takes_the_results_away(ana, position_id, list_id)
        sees_what_it_cost(mia, product, run_id)


def brings_a_file(ana: Walker, path: Path) -> str:
    page = ana.page
    ana.open("/imports")
    ana.step("imports", everywhere=True)
    ana.choose_file(path)
    expect(page.get_by_role("heading", name=path.name)).to_be_visible()
    address = page.get_by_label("Profile address", exact=True)
    if address.input_value() == "none":
        address.select_option(label="LinkedIn  Page?")
    first = page.get_by_label("First name", exact=True)
    first.select_option(label="Given")
    page.get_by_label("Last name", exact=True).select_option(label="FAMILY NAME")
    people = ana.product.simulators.people(5_000, 1)
    expect(page.locator('[id*="first_name"].column-samples')).to_contain_text(people[0]["first_name"])
    ana.step("columns", everywhere=True)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("link", name="See candidates")).to_be_visible()
    ana.step("outcome", everywhere=True)
    shown = [re.sub(r"\D.*", "", text, flags=re.S) for text in page.locator(".count-card dd").all_inner_texts()]
    rows, added, updated, merged, rejected = map(int, shown)
    assert rows == 33 and rejected == 2 and rows == added + updated + merged + rejected
    kept = ana.download(lambda page: page.get_by_role("link", name="Download all as CSV").click())
    assert kept.startswith("\ufeff") and len(list(csv.reader(io.StringIO(kept)))) == 3
    page.get_by_role("link", name="See candidates").click()
    expect(page.locator("#candidates-count-line")).to_have_text("30 people")
    ana.step("list-in-candidates", everywhere=True)
    return parse_qs(urlsplit(page.url).query)["list"][0]


def finds_a_person(ana: Walker, ben: Walker, list_id: str) -> None:
    """What the address says is what a reload, a step back and a colleague see."""
    page = ana.page
    ana.open("/candidates")
    box = page.get_by_label("Search the whole profile")
    expect(page.locator("#candidates-count-line")).to_have_text(re.compile("people"))
    everybody = page.locator("#candidates-count-line").inner_text()
    box.fill("(engineer OR developer) AND")
    expect(page.get_by_role("alert").filter(has_text="Not applied")).to_be_visible()
    expect(page.locator("#candidates-count-line")).to_have_text(everybody)
    ana.step("search-that-cannot-be-read")
    box.fill("(engineer OR developer) AND python -freelance")
    expect(page.locator("#candidates-count-line")).not_to_have_text(everybody)
    page.wait_for_url(re.compile("q="))
    page.locator(".ag-header-cell-label", has_text="Company").click()
    page.wait_for_url(re.compile("sort=company"))
    first_row = page.locator('.ag-center-cols-container .ag-row[row-index="0"]')
    expect(first_row).not_to_have_class(re.compile("ag-row-loading"))
    companies = [
        text.casefold() for text in page.locator('.ag-center-cols-container [col-id="company"]').all_inner_texts()
    ]
    ana.step("sorted")
    assert len(companies) > 3
    name = first_row.locator('[col-id="name"]')
    name.click()
    panel = page.locator("#candidates-panel")
    expect(panel).to_be_visible()
    page.wait_for_url(re.compile("person="))
    who, count = panel.locator(".panel-name").inner_text(), page.locator("#candidates-count-line").inner_text()
    ana.step("person", everywhere=True)
    address = page.url
    page.reload()
    for walker in (ana, ben):
        if walker is ben:
            ben.page.goto(address)
        expect(walker.page.locator("#candidates-panel .panel-name")).to_have_text(who)
        expect(walker.page.locator("#candidates-count-line")).to_have_text(count)
        expect(walker.page.get_by_label("Search the whole profile")).to_have_value(re.compile("^.engineer OR"))
        expect(walker.page.locator('.ag-center-cols-container .ag-row[row-index="0"] [col-id="name"]')).to_have_text(
            who
        )
    ben.step("same-link")
    page.get_by_label("Close", exact=True).click()
    expect(panel).to_be_hidden()
    page.go_back()
    expect(panel).to_be_visible()
    expect(panel.locator(".panel-name")).to_have_text(who)
    ana.step("back", picture=False)


def puts_many_on_a_list(ana: Walker) -> str:
    """Two chosen rows, then all that match."""
    page = ana.page
    ana.open("/candidates?q=engineer")
    expect(page.locator('.ag-center-cols-container .ag-row[row-index="1"] [col-id="name"]')).not_to_be_empty()
    for row in (0, 1):
        page.locator(f'.ag-row[row-index="{row}"] .ag-selection-checkbox input').click()
    expect(page.locator("#candidates-bulk-words")).to_have_text("2 chosen")
    page.get_by_placeholder("A list, or a new name").fill(TWO)
    ana.step("two-chosen")
    page.get_by_role("button", name="Add to list").click()
    ana.notice(f"2 added to “{TWO}”")
    page.get_by_role("button", name="Choose all that match").click()
    expect(page.locator("#candidates-bulk-words")).to_contain_text("All that match")
    count = int(re.sub(r"\D", "", page.locator("#candidates-count-line").inner_text()))
    page.get_by_placeholder("A list, or a new name").fill(MANY)
    page.get_by_role("button", name="Add to list").click()
    ana.notice(f"{count:,} added to “{MANY}”")
    ana.step("all-added", picture=False)
    ana.open("/lists")
    page.get_by_role("link", name=MANY).click()
    expect(page.get_by_text(f"{count:,} candidates")).to_be_visible()
    ana.step("list", everywhere=True)
    return page.url.rsplit("/", 1)[1]


def writes_a_position(ana: Walker) -> str:
    page = ana.page
    ana.open("/positions")
    ana.step("positions", everywhere=True)
    page.get_by_role("link", name="New position").first.click()
    page.get_by_label("Title").fill(POSITION)
    page.get_by_label("Role and context").fill("Owns the bookkeeping of a payments product.")
    page.get_by_label("Must-haves").fill("2+ years of software development\nWorked with databases")
    page.get_by_label("Nice-to-haves").fill("Kubernetes")
    page.get_by_label("Exclusions").fill("Currently a director")
    expect(page.locator("#position-criteria li")).to_have_count(4)
    ana.step("criteria")
    page.get_by_role("button", name="Save draft").click()
    ana.notice("Draft saved")
    page.wait_for_url(re.compile("/positions/[0-9a-f-]{36}"))
    expect(page.get_by_role("button", name="Approve criteria")).to_be_enabled()
    page.get_by_label("Must-haves").fill("2+ years of software development\nWorked with databases\nPython or Java")
    expect(page.locator("#position-criteria li")).to_have_count(5)
    page.get_by_role("button", name="Approve criteria").click()
    ana.notice("5 criteria approved")
    expect(page.get_by_role("link", name="Screen people")).to_be_visible()
    ana.step("approved", everywhere=True)
    return page.url.rsplit("/", 1)[1]


def screens(ana: Walker, position_id: str, list_id: str) -> UUID:
    """The price comes first, then the run with its progress and results."""
    page, product = ana.page, ana.product
    before = len(product.simulators.ledger("openai"))
    ana.open(f"/screening?position={position_id}&list={list_id}")
    expect(page.locator("#screening-quote")).to_contain_text(
        re.compile(r"30 people · at most 60 calls · (about|under) \$")
    )
    ana.step("price")
    assert len(product.simulators.ledger("openai")) == before, "a price costs nothing"
    page.get_by_role("button", name="Start screening").dblclick()
    ana.notice("Screening 30 people")
    expect(page.locator(".run-panel .chip").first).to_have_text("Finished", timeout=60_000)
    runs = product.rows("SELECT id, done, done + skipped FROM runs WHERE list_id = %s", list_id)
    assert len(runs) == 1, "a double click starts one run"
    run_id, done, settled = runs[0]
    assert settled == 30 and done > 20, "who has no history at all is skipped with that reason"
    expect(page.locator(".result-row")).to_have_count(30)
    expect(page.locator(".result-row .score")).to_have_count(done)
    ana.step("screened", everywhere=True)
    found: UUID = run_id
    return found


def watches_and_leaves(ana: Walker, ben: Walker, product: Product, position_id: str, list_id: str) -> None:
    """Results come while the run goes on; it goes on when nobody looks, and is there for who comes back.

    A colleague at the same position sees who screens; whoever left finds the end under the bell.
    """
    product.simulators.faults(
        latency=[{"provider": "openai", "distribution": {"kind": "uniform", "low": 1.0, "high": 2.0}}]
    )
    news_before = product.value(UNREAD, ANA)
    ana.open(f"/screening?position={position_id}&list={list_id}")
    page = ana.page
    page.get_by_label("At most").fill(str(LARGE))
    expect(page.locator("#screening-quote")).to_contain_text(f"{LARGE} people")
    page.get_by_role("button", name="Start screening").click()
    ana.notice(f"Screening {LARGE} people")
    panel = page.locator(".run-panel")
    expect(panel.locator(".chip").first).to_have_text("Running", timeout=PATIENCE_MS)
    expect(panel.get_by_text("Per minute", exact=True)).to_be_visible()
    wait_until(lambda: done_of(product, list_id)[1] > 0, 40)
    expect(page.locator(".result-row .score").first).to_be_visible()
    state, _done = done_of(product, list_id)
    ana.step("running")
    ben.open(f"/positions/{position_id}")
    others = ben.page.locator(".team-line")
    expect(others.get_by_role("link", name="Screening by Ana Demo, ")).to_contain_text(f" of {LARGE}")
    expect(others).to_contain_text("Also here: Ana Demo.")
    ben.step("colleague-sees-who-screens", everywhere=True)
    ana.new_tab()
    wait_until(lambda: done_of(product, list_id)[0] == "succeeded", 60)
    assert state == "running"
    product.simulators.faults(latency=[{"provider": "openai", "distribution": 0.05}])
    ana.open("/runs")
    unread = ana.page.locator("#shell-bell-count")
    expect(unread).to_have_text(f"{news_before + 1} unread")
    ana.page.get_by_label("Position").select_option(label=POSITION)
    ana.page.wait_for_url(re.compile(f"position={position_id}"))
    expect(ana.page.locator(".runs-table tbody tr")).to_have_count(2)
    ana.page.get_by_label("State").select_option(label="Not ended")
    expect(ana.page.get_by_text("No run is like that.")).to_be_visible()
    ana.page.go_back()
    expect(ana.page.locator(".runs-table tbody tr")).to_have_count(2)
    ana.step("runs", everywhere=True)
    ana.page.locator("body").press("g")
    ana.page.keyboard.press("n")
    news = ana.page.get_by_role("dialog", name="News of your runs")
    expect(news.locator("li").first).to_contain_text(re.compile(f"Finished.*New.*{POSITION}", re.S))
    ana.step("bell", everywhere=True)
    news.get_by_role("link", name=re.compile(POSITION)).first.click()
    expect(news).to_be_hidden()
    expect(ana.page.locator(".run-panel .chip").first).to_have_text("Finished")
    expect(ana.page.locator(".run-sentence")).to_have_text(f"{LARGE} of {LARGE}.")
    expect(ana.page.locator("#run-receipt tfoot")).to_contain_text("Sum")
    expect(unread).to_have_text(f"{news_before} unread" if news_before else "")
    ana.step("run", everywhere=True)
    ana.page.get_by_role("link", name="Results of these people").click()
    expect(ana.page.get_by_text("Only the people of one run are shown.")).to_be_visible()
    expect(ana.page.get_by_role("link", name=f"All {LARGE}")).to_be_visible()


def done_of(product: Product, list_id: str) -> tuple[str, int]:
    """State and finished people of the newest run over a list."""
    state, done = product.rows(
        "SELECT state, done FROM runs WHERE list_id = %s ORDER BY created_at DESC LIMIT 1", list_id
    )[0]
    return state, done


def reads_the_evidence(ana: Walker, position_id: str, list_id: str) -> None:
    """What the card quotes stands in what was sent, which names nobody."""
    page = ana.page
    ana.open(f"/screening?position={position_id}&list={list_id}")
    quotes = 0
    for row in range(5):
        page.locator("button.result-row").nth(row).click()
        page.wait_for_url(re.compile("open="))
        name = page.locator("button.result-row").nth(row).locator(".result-name").inner_text()
        card = page.locator(".verdict-card")
        expect(card.locator("h2").first).to_have_text(name)
        sent = html.unescape(card.locator(".sent-text").first.text_content() or "")
        json.loads(card.locator(".sent-text").nth(1).text_content() or "")
        for part in name.split():
            assert len(part) < 4 or not re.search(rf"\b{re.escape(part)}\b", sent), "a name was sent"
        for quote in card.locator(".evidence:not(.evidence-missing)").all_text_contents():
            quotes += 1
            assert quote in sent
    assert quotes > 0
    ana.step("verdict", everywhere=True)


def decides_by_keyboard(ana: Walker, ben: Walker, position_id: str, list_id: str) -> None:
    """Next, previous, agree, decide otherwise with a reason, undo; the colleague sees it beside the model's word."""
    page = ana.page
    ana.open(f"/screening?position={position_id}&list={list_id}")
    rows, card = page.locator("button.result-row"), page.locator(".verdict-card")
    expect(rows.first).to_be_visible()
    names = page.locator("button.result-row .result-name").all_inner_texts()
    page.keyboard.press("j")
    expect(card.locator("h2").first).to_have_text(names[0])
    page.keyboard.press("j")
    expect(card.locator("h2").first).to_have_text(names[1])
    page.keyboard.press("k")
    expect(card.locator("h2").first).to_have_text(names[0])
    model = card.locator(".card-head .chip").inner_text()
    other = {"GO": ("n", "NO GO"), "MAYBE": ("y", "GO"), "NO GO": ("m", "MAYBE")}[model]
    page.keyboard.press({"GO": "y", "MAYBE": "m", "NO GO": "n"}[model])
    ana.notice(f"Confirmed: {model}")
    page.keyboard.press("u")
    ana.notice("Undone")
    page.keyboard.press(other[0])
    expect(page.get_by_role("group", name="Reason")).to_be_visible()
    ana.step("reason")
    page.keyboard.press(REASON_KEY)
    ana.notice(f"Decided: {other[1]}")
    expect(card.locator(".card-head .chip")).to_have_text(other[1])
    ana.step("decided", picture=False)
    screening_id = parse_qs(urlsplit(page.url).query)["open"][0]
    ben.open(f"/screening?position={position_id}&list={list_id}&open={screening_id}")
    theirs = ben.page.locator(".verdict-card")
    expect(theirs.locator(".card-head .chip")).to_have_text(other[1])
    expect(theirs).to_contain_text(f"The model said {model}")
    expect(theirs).to_contain_text(f"Ana Demo decided {other[1]}")
    ben.step("colleague-sees-the-decision")


def takes_the_results_away(ana: Walker, position_id: str, list_id: str) -> None:
    ana.open(f"/screening?position={position_id}&list={list_id}")
    text = ana.download(lambda page: page.get_by_role("link", name="Export CSV").click())
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len(rows) == 30
    assert list(rows[0])[: len(EXPORT_START)] == EXPORT_START and {"verdict", "score", "model_verdict"} <= set(rows[0])
    assert {row["verdict"] for row in rows if row["standing"] != "skipped"} <= {"GO", "MAYBE", "NO GO"}
    assert not any(row["verdict"] or row["score"] for row in rows if row["standing"] == "skipped")
    decided = [row for row in rows if row["override_by"] == "Ana Demo"]
    assert len(decided) == 1 and decided[0]["verdict"] != decided[0]["model_verdict"] and decided[0]["override_reason"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values() if cell)
    ana.step("exported", picture=False)


def sees_what_it_cost(mia: Walker, product: Product, run_id: UUID) -> None:
    """The page, its file and our ledger are one figure, and the provider's ledger has the same calls."""
    mia.sign_in(MIA, path="/usage")
    page = mia.page
    expect(page.locator(".figure-card").first).to_be_visible()
    mia.step("usage", everywhere=True)
    calls, failed, unknown, tokens, cost, perhaps = product.rows(
        "SELECT count(*), count(*) FILTER (WHERE status = 'failed'), count(*) FILTER (WHERE status = 'unknown'),"
        " sum(tokens_in + tokens_out), sum(cost_usd),"
        " coalesce(sum((detail ->> 'at_most_usd')::numeric) FILTER (WHERE status = 'unknown'), 0)"
        " FROM ledger l JOIN users u ON u.id = l.user_id"
        " WHERE l.provider = 'openai' AND u.email LIKE '%harborline.example'"
    )[0]
    page.get_by_label("Provider").select_option(label="OpenAI")
    page.wait_for_url(re.compile("provider=openai"))
    foot = page.locator("#usage-report tfoot td")
    for place, figure in enumerate((calls, failed, unknown)):
        expect(foot.nth(place)).to_have_text(f"{figure:,}")
    expect(foot.nth(4)).to_have_text(f"{tokens:,}")
    for place, amount in ((-2, cost), (-1, perhaps)):
        assert Decimal(foot.nth(place).inner_text().replace(",", "")) == amount
        cells = page.locator(f"#usage-report tbody td:nth-last-child({-place})").all_inner_texts()
        assert len({len(text.partition(".")[2]) for text in cells}) == 1, "as many decimals in every row"
        assert sum(Decimal(text.replace(",", "")) for text in cells) == amount
    text = mia.download(lambda page: page.get_by_role("link", name="Download CSV").click())
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    money = next(column for column in rows[0] if "usd" in column.lower() or "cost" in column.lower())
    assert sum(Decimal(row[money]) for row in rows) == cost
    mia.step("usage-of-openai", picture=False)
    assert charges_agree(product) == []
    assert len(ledger_of_run(product, run_id)) >= 25
