"""The Candidates page over HTTP and in a browser: blocks, the address, choosing, keys, and strangers."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from dash import Dash
from playwright.sync_api import Page, expect

from callbacks.candidates import CONTROLS, addition_words, apply_controls, control_values, ordered, whole_number, whom
from pages import ids
from pages.parts.candidate_table import ANY, count_words
from services.candidates import ListAddition
from services.domain.actors import Actor
from services.domain.candidate_view import Filters, View, show_view
from services.domain.profiles import Profile, Role
from services.errors import BadInput
from tests.callbacks.posting import post_callback
from tests.fixtures.app import Caller, RunningApp, client_of, rows_kept_in_stores, sign_in_by_hand
from tests.fixtures.people import insert_person, make_people
from tests.fixtures.postgres import Team

expect.set_options(timeout=15_000)
NASTY = Profile(
    full_name="Aa <img src=x onerror=alert(1)>",
    headline="<script>alert(2)</script>",
    skills=("<b>bold</b>", "C++"),
    roles=(Role(title="Lead", company="Bluefern", start="2020-01", is_current=True),),
)


@pytest.mark.parametrize(
    "view",
    [
        View(),
        View("java", Filters(title="eng", has_email=False, freshness="stale"), sort="added", descending=True),
        View(filters=Filters(enrichment=("none", "failed"), sources=("a", "b"), months_from=25, months_until=60)),
        View(filters=Filters(companies=("Bluefern", "Orbis"))),
    ],
)
def test_controls_filled_from_a_view_ask_for_that_view_and_change_nothing(view: View):
    changed = apply_controls(*control_values(view), show_view(view))
    assert type(changed).__name__ == "NoUpdate"


def test_an_invalid_text_leaves_the_text_before_in_force():
    values = list(control_values(View("java AND", Filters(title="eng"))))
    assert apply_controls(*values, show_view(View("java"))) == "q=java&title=eng"


def test_what_is_said_of_an_invalid_text_follows_the_box_whatever_changed_it(
    local_app: Dash, with_passwords: None, team: Team
):
    local_app._setup_server()
    output, box = f"{ids.CANDIDATES_TEXT_PROBLEM}.children", f"{ids.CANDIDATES_TEXT}.value"
    [writer] = [name for name in local_app.callback_map if ids.CANDIDATES_TEXT_PROBLEM in name]
    assert [f"{one['id']}.{one['property']}" for one in local_app.callback_map[writer]["inputs"]] == [box]
    client = client_of(local_app, team.recruiter)
    said = [post_callback(local_app, client, output, {box: text}, box) for text in ("java AND", "java", "", None)]
    assert "Not applied: A word is missing" in said[0]
    assert not any("Not applied" in words for words in said[1:])


def test_a_control_changes_its_own_part_only():
    before = View("java", Filters(enrichment=("none", "failed"), companies=("Bluefern",)), sort="added")
    values = dict(zip(CONTROLS, control_values(before), strict=True)) | {
        ids.CANDIDATES_ENRICHMENT: ANY,
        ids.CANDIDATES_YEARS_UNTIL: 5,
    }
    changed = apply_controls(*values.values(), show_view(before))
    assert changed == show_view(View("java", Filters(companies=("Bluefern",), months_until=71), sort="added"))


@pytest.mark.parametrize(
    "model",
    [
        [{"colId": "id", "sort": "asc"}],
        [{"colId": "name", "sort": "asc; --"}],
        [{"colId": ["name"], "sort": "asc"}],
        [5],
        "name",
        {"colId": "name"},
    ],
)
def test_a_sort_that_is_not_offered_is_refused(model: object):
    with pytest.raises(BadInput):
        ordered(View(), model)


@pytest.mark.parametrize("value", [None, "0", 1.5, True])
def test_a_row_number_is_a_whole_number(value: object):
    with pytest.raises(BadInput):
        whole_number(value)


def test_the_chosen_are_ids_or_everybody_and_nothing_else():
    assert whom({"ids": ["3", "4"]}, "") == [3, 4]
    assert whom({"all": True}, "q=java") == View("java")
    for people in (["3 OR true"], "3", 3, {"3": 4}):
        with pytest.raises(BadInput):
            whom({"ids": people}, "")


@pytest.mark.parametrize(
    ("added", "already", "unknown", "words"),
    [
        (2, 0, 0, "2 added to “L”."),
        (1, 3, 2, "1 added to “L”. 3 on it already. 2 no longer in your database."),
        (0, 3, 0, "Nobody was added to “L”: everybody was on it already."),
        (0, 3, 1, "Nobody was added to “L”: everybody was on it already. 1 no longer in your database."),
    ],
)
def test_who_was_not_added_is_said(added: int, already: int, unknown: int, words: str):
    assert addition_words(ListAddition(uuid4(), "L", added, already, unknown)) == words


@pytest.mark.parametrize(
    ("total", "is_exact", "words"),
    [
        (0, True, "0 people"),
        (1, True, "1 person"),
        (12_345, True, "12,345 people"),
        (338_211, False, "about 340,000 people"),
        (1_000_029, False, "about 1,000,000 people"),
    ],
)
def test_what_is_not_exact_is_said_with_two_figures(total: int, is_exact: bool, words: str):
    assert count_words(total, is_exact) == words


def ask_for_rows(caller: Caller, request: dict[str, Any], view: str = "") -> Any:
    return caller.callback(
        {
            "output": f"{ids.CANDIDATES_GRID}.getRowsResponse",
            "outputs": {"id": ids.CANDIDATES_GRID, "property": "getRowsResponse"},
            "inputs": [{"id": ids.CANDIDATES_GRID, "property": "getRowsRequest", "value": request}],
            "state": [{"id": ids.CANDIDATES_VIEW, "property": "data", "value": view}],
            "changedPropIds": [f"{ids.CANDIDATES_GRID}.getRowsRequest"],
        }
    )


def test_blocks_echo_their_rows_and_belong_to_the_caller_alone(
    superuser: psycopg.Connection, team: Team, rivals: Team, sign_in: Callable[[Actor], Caller]
):
    ours = set(make_people(superuser, team, 130, seed=1))
    make_people(superuser, rivals, 30, seed=2)
    caller = sign_in(team.recruiter)
    request = {"startRow": 100, "endRow": 200, "sortModel": [{"colId": "added", "sort": "desc"}]}
    answer = ask_for_rows(caller, request).json()["response"][ids.CANDIDATES_GRID]["getRowsResponse"]
    assert (answer["startRow"], answer["endRow"], answer["rowCount"], len(answer["rowData"])) == (100, 200, 130, 30)
    assert {int(row["id"]) for row in answer["rowData"]} <= ours
    theirs = ask_for_rows(sign_in(rivals.recruiter), {"startRow": 0, "endRow": 100}).json()
    rows = theirs["response"][ids.CANDIDATES_GRID]["getRowsResponse"]["rowData"]
    assert len(rows) == 30
    assert ours.isdisjoint(int(row["id"]) for row in rows)
    injected = {"startRow": 0, "endRow": 100, "sortModel": [{"colId": "name_key) --", "sort": "asc"}]}
    assert "rowData" not in ask_for_rows(caller, injected).text
    assert "rowData" not in ask_for_rows(Caller(caller.base, caller.token_cookie), request).text


@pytest.mark.browser
def test_a_recruiter_searches_opens_chooses_and_shares_a_link(
    superuser: psycopg.Connection, team: Team, running_app: RunningApp, with_passwords: None, page: Page
):
    make_people(superuser, team, 230, seed=1)
    nasty = insert_person(superuser, team.org_id, NASTY, "aa")
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: said.append(str(error)))
    sign_in_by_hand(page, running_app.url, team.recruiter.email, path="/candidates")
    count, rows = page.locator(f"#{ids.CANDIDATES_COUNT_LINE}"), page.locator(".ag-center-cols-container .ag-row")
    first = page.locator(".ag-center-cols-container .ag-row[row-index='0'] [col-id=name]")
    expect(count).to_have_text("231 people")
    expect(first).to_have_text(NASTY.full_name)

    page.keyboard.press("/")
    page.keyboard.type("c++ AND")
    expect(page.locator(f"#{ids.CANDIDATES_TEXT_PROBLEM}")).to_contain_text("Not applied")
    page.keyboard.type(" lead")
    expect(page).to_have_url(re.compile(r"\?q=c%2B%2B\+AND\+lead$"))
    expect(count).not_to_have_text("231 people")
    searched = count.inner_text()
    page.locator("header").get_by_role("link", name="Candidates").click()
    expect(count).to_have_text("231 people")
    expect(page.locator(f"#{ids.CANDIDATES_TEXT}")).to_have_value("")
    page.go_back()
    expect(count).to_have_text(searched)
    page.locator(".ag-header-cell[col-id=added]").click()
    expect(page).to_have_url(re.compile("sort=added"))
    page.go_back()
    page.go_back()
    expect(count).to_have_text("231 people")
    page.go_forward()
    expect(count).to_have_text(searched)
    expect(page.locator(f"#{ids.CANDIDATES_TEXT}")).to_have_value("c++ AND lead")

    page.goto(f"{running_app.url}/candidates")
    first.click()
    panel = page.locator(f"#{ids.CANDIDATES_PANEL}")
    expect(panel).to_contain_text("<script>alert(2)</script>")
    expect(panel.get_by_role("link", name="Open profile")).to_have_attribute("href", "https://www.linkedin.com/in/aa")
    expect(page).to_have_url(re.compile(f"person={nasty}$"))
    page.reload()
    expect(panel).to_contain_text("<b>bold</b>")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page).to_have_url(re.compile("/candidates$"))

    expect(rows.nth(3)).to_be_visible()
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    bulk = page.locator(f"#{ids.CANDIDATES_BULK_WORDS}")
    expect(bulk).to_have_text("2 chosen")
    page.evaluate("dash_ag_grid.getApi('candidates-grid').ensureIndexVisible(229)")
    expect(page.locator(".ag-row[row-index='229'] [col-id=name]").first).to_be_visible()
    expect(bulk).to_have_text("2 chosen")
    page.locator(f"#{ids.CANDIDATES_LIST_NAME}").fill("Short")
    page.get_by_role("button", name="Add to list").click()
    expect(page.locator("#shell-notices")).to_contain_text("2 added to “Short”")
    page.get_by_role("button", name="Choose all that match").click()
    expect(bulk).to_have_text("All that match: 231 people")
    assert rows_kept_in_stores(page) == {}
    page.locator(f"#{ids.CANDIDATES_LIST_NAME}").fill("All")
    page.get_by_role("button", name="Add and screen").click()
    page.wait_for_url(re.compile("/screening"))
    members = superuser.execute(
        "SELECT l.name, count(*) FROM lists l JOIN list_members m ON m.list_id = l.id GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert members == [("All", 231), ("Short", 2)]
    assert said == [], json.dumps(said)


@pytest.mark.browser
def test_all_that_match_look_chosen_wherever_they_are_until_one_is_unticked(
    superuser: psycopg.Connection, team: Team, running_app: RunningApp, with_passwords: None, page: Page
):
    make_people(superuser, team, 230, seed=1)
    sign_in_by_hand(page, running_app.url, team.recruiter.email, path="/candidates")
    page.locator(".ag-center-cols-container .ag-row [col-id=name]").first.wait_for()
    bulk = page.locator(f"#{ids.CANDIDATES_BULK_WORDS}")
    shown, ticked = page.locator(".ag-pinned-left-cols-container .ag-row"), page.locator(".ag-checked")
    page.get_by_role("button", name="Choose all that match").click()
    expect(bulk).to_have_text("All that match: 230 people")
    expect(ticked).to_have_count(shown.count())
    page.evaluate("dash_ag_grid.getApi('candidates-grid').ensureIndexVisible(150)")
    expect(page.locator(".ag-row[row-index='150'] .ag-checked")).to_be_visible()
    expect(bulk).to_have_text("All that match: 230 people")

    page.locator(".ag-row[row-index='150'] .ag-checkbox-input").click()
    expect(bulk).to_have_text("199 chosen")
    expect(page.locator("#shell-notices")).to_contain_text("No longer all that match: the 199 ticked so far")
    expect(page.locator(".ag-row[row-index='149'] .ag-checked")).to_be_visible()
    page.locator(f"#{ids.CANDIDATES_LIST_NAME}").fill("Ticked")
    page.get_by_role("button", name="Add to list").click()
    expect(page.locator("#shell-notices")).to_contain_text("199 added to “Ticked”")
    expect(bulk).to_be_hidden()
    expect(ticked).to_have_count(0)
