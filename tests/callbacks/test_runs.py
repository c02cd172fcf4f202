"""The run pages over HTTP: another's, missing and malformed runs look alike, and forged values are no incident."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from dash import Dash
from requests import Response

from services.db.pool import Database
from services.domain.actors import Actor
from tests.callbacks.posting import post_callback
from tests.faults.rig import open_run
from tests.fixtures.app import Caller, client_of
from tests.fixtures.postgres import Team

SignIn = Callable[[Actor], Caller]
ODD = ["²", "١٢", "-1", "1e3", "9" * 40, "", None, 7, True, ["1"], {"a": "b"}]


def ask_page(caller: Caller, question: Any) -> Response:
    return caller.callback(
        {
            "output": "run-body.children",
            "outputs": {"id": "run-body", "property": "children"},
            "inputs": [{"id": "run-question", "property": "data", "value": question}],
            "changedPropIds": ["run-question.data"],
        }
    )


def ask_usage(caller: Caller, question: Any) -> Any:
    parts = [{"id": "usage-report", "property": "children"}, {"id": "usage-csv", "property": "href"}]
    return caller.callback(
        {
            "output": "..usage-report.children...usage-csv.href..",
            "outputs": parts,
            "inputs": [{"id": "usage-question", "property": "data", "value": question}],
            "changedPropIds": ["usage-question.data"],
        }
    )


def shown(answer: Response) -> str:
    """What the page would show, without the escapes of the wire."""
    return json.dumps(answer.json())


def test_run_and_usage_pages_answer_strangers_and_forgers_in_words(
    sign_in: SignIn, database: Database, superuser: psycopg.Connection[Any], team: Team, rivals: Team
) -> None:
    """One start of the server serves several sentences: it is the slow part."""
    mine = open_run(database, superuser, team.recruiter, 3).run_id
    theirs = open_run(database, superuser, rivals.recruiter, 3).run_id
    superuser.execute('UPDATE organizations SET settings = \'{"time_zone": "Asia/Jerusalem"}\'')
    caller = sign_in(team.recruiter)

    whole = ask_page(caller, {"run_id": str(mine)})
    assert whole.status_code == 200 and "History" in shown(whole)
    assert shown(whole).count("Asia/Jerusalem") == 1, "the zone is named once"

    nobodys = (str(theirs), str(uuid4()), "nonsense", "", f"{{{mine}}}")
    gone = {shown(ask_page(caller, {"run_id": run_id})) for run_id in nobodys}
    assert len(gone) == 1, "nobody can tell another's run from none"
    [words] = gone
    assert "This run does not exist." in words and '"/runs"' in words
    assert not any(word in words for word in ("History", "Receipt", "People"))

    for odd in ODD:
        for answer in (
            ask_page(caller, {"run_id": str(mine), "after": odd, "state": ""}),
            ask_page(caller, {"run_id": str(mine), "state": odd}),
            ask_page(caller, {"run_id": odd}),
            ask_page(caller, odd),
            ask_usage(caller, {"page": odd}),
            ask_usage(caller, {"from": odd, "until": odd}),
            ask_usage(caller, {"user": odd, "provider": odd, "run": odd}),
            ask_usage(caller, odd),
        ):
            assert answer.status_code < 500 and "incident" not in answer.text, (odd, answer.text[:500])
    assert ask_usage(caller, {"provider": "open\0ai"}).status_code < 500
    assert "incident" not in ask_usage(caller, {"provider": "open\0ai"}).text


QUESTION = "runs-question.data"


@pytest.mark.usefixtures("with_passwords")
def test_the_runs_page_shows_what_its_address_asks_for_and_turns_its_pages(
    local_app: Dash, superuser: psycopg.Connection[Any], team: Team, rivals: Team
) -> None:
    for actor, title in ((team.recruiter, "Baker"), (team.colleague, "Cook"), (rivals.recruiter, "Spy")):
        superuser.execute(
            "INSERT INTO runs (org_id, user_id, kind, title, items, created_at)"
            " SELECT %s, %s, 'screening', %s || n, 1, now() - make_interval(mins => n) FROM generate_series(1, 60) n",
            [actor.org_id, actor.user_id, title],
        )
    client, manager = client_of(local_app, team.recruiter), client_of(local_app, team.manager)

    def table(asker: Any, asked: Any) -> str:
        return post_callback(local_app, asker, "runs-table.children", {QUESTION: asked}, QUESTION)

    first = table(client, {})
    assert "Baker1:" in first and "Baker50:" in first and "Baker51:" not in first and "Cook" not in first
    last_shown = superuser.execute("SELECT id FROM runs WHERE title = 'Baker50'").fetchone()
    assert last_shown is not None and f'"/runs?before={last_shown[0]}"' in first and '"Newest"' not in first
    second = table(client, {"before": str(last_shown[0])})
    assert "Baker51:" in second and "Baker60:" in second and "Baker50:" not in second
    assert '"Older"' not in second and '"Newest"' in second

    assert "Cook" not in table(client, {"whose": "team"}), "whose is asked of who may see it"
    team_page = table(manager, {"whose": "team", "person": str(team.colleague.user_id), "state": "open"})
    assert "Cook1:" in team_page and "Baker" not in team_page and "Spy" not in team_page
    assert "No run is like that." in table(manager, {"whose": "team", "state": "failed"})
    assert "No runs yet." in table(manager, {})

    for name in ("state", "kind", "person", "position", "before"):
        for odd in ("nonsense", "²", "", "9" * 40):
            answer = table(manager, {"whose": "team", name: odd})
            assert "incident" not in answer, (name, odd)
    assert "in a way we do not know" in table(manager, {"state": "nonsense"})


@pytest.mark.usefixtures("with_passwords")
def test_only_who_sees_the_teams_runs_chooses_whose(
    local_app: Dash, superuser: psycopg.Connection[Any], team: Team
) -> None:
    superuser.execute(
        "INSERT INTO runs (org_id, user_id, kind) VALUES (%s, %s, 'screening')", [team.org_id, team.colleague.user_id]
    )
    filters = {
        actor.name: post_callback(
            local_app, client_of(local_app, actor), "runs-filters.children", {QUESTION: {"whose": "team"}}, QUESTION
        )
        for actor in (team.recruiter, team.manager)
    }
    assert team.colleague.name in filters[team.manager.name]
    assert team.colleague.name not in filters[team.recruiter.name]


@pytest.mark.usefixtures("with_passwords")
def test_a_changed_filter_is_the_address_of_its_first_page(local_app: Dash, team: Team) -> None:
    client = client_of(local_app, team.manager)

    def change(asked: dict[str, str], **chosen: str) -> str:
        values = {f"runs-{name}.value": chosen.get(name, "any") for name in ("state", "kind", "person", "position")}
        name = next(
            output
            for output in local_app.callback_map
            if "_pages_location.search@" in output and "runs" in str(local_app.callback_map[output]["inputs"])
        )
        return post_callback(local_app, client, name, values | {QUESTION: asked}, "runs-state.value")

    assert '"?whose=team&state=failed"' in change({"whose": "team", "before": str(uuid4())}, state="failed")
    assert '"?whose=team"' in change({"whose": "team", "state": "failed"})
    assert change({"whose": "team", "state": "failed", "before": str(uuid4())}, state="failed") == ""


@pytest.mark.usefixtures("with_passwords")
def test_a_colleague_asks_to_be_told_of_a_run_and_its_owner_need_not(
    local_app: Dash, superuser: psycopg.Connection[Any], team: Team, rivals: Team
) -> None:
    row = superuser.execute(
        "INSERT INTO runs (org_id, user_id, kind) VALUES (%s, %s, 'screening') RETURNING id",
        [team.org_id, team.recruiter.user_id],
    ).fetchone()
    assert row is not None
    asked = {"run_id": str(row[0])}
    body = {
        actor.email: post_callback(
            local_app,
            client_of(local_app, actor),
            "run-body.children",
            {"run-question.data": asked},
            "run-question.data",
        )
        for actor in (team.recruiter, team.colleague)
    }
    assert "Tell me when it ends" in body[team.colleague.email]
    assert "run-follow" not in body[team.recruiter.email]
    name = next(output for output in local_app.callback_map if output.startswith("run-ways.children@"))
    values = {"run-question.data": asked, "run-follow.n_clicks": 1}
    pressed = [
        post_callback(local_app, client_of(local_app, team.colleague), name, values, "run-follow.n_clicks")
        for _ in range(2)
    ]
    assert "Tell me no more" in pressed[0] and "Tell me when it ends" in pressed[1]
    foreign = post_callback(local_app, client_of(local_app, rivals.recruiter), name, values, "run-follow.n_clicks")
    assert "does not exist" in foreign
