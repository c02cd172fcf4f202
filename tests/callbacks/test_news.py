"""The shell's one request over the real dispatch of Dash: who is here, what is unseen, and what it tells once."""

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from dash import Dash

from pages import ids
from services.domain.actors import Actor
from tests.callbacks.posting import CALLBACKS
from tests.fixtures.app import client_of, csrf_headers
from tests.fixtures.postgres import Team

Superuser = psycopg.Connection[Any]
POSITION = "7c4ae2a6-64b1-4a3c-9d0e-53d2a1f7b001"
SCREENING = ("/screening", f"?position={POSITION}")

pytestmark = pytest.mark.usefixtures("with_passwords")


class Page:
    """A page of one person, open in a browser."""

    def __init__(self, app: Dash, actor: Actor) -> None:
        self.app, self.client = app, client_of(app, actor)
        self.told: Any = None

    def look(self, address: tuple[str, str] = ("/", ""), spots: tuple[str, ...] = ("home",), **runs: str) -> Any:
        """What the shell's request brings to a page with these places and with panels of these runs."""
        name = next(output for output in self.app.callback_map if output.startswith(f"..{ids.BELL_COUNT}.children..."))
        panels = [{"type": "run-state", "run": run.replace("_", "-").lstrip("r")} for run in runs]
        return self.post(
            {
                "output": name,
                "outputs": [
                    {"id": ids.BELL_COUNT, "property": "children"},
                    {"id": ids.NEWS_TOLD, "property": "data"},
                    [{"id": ids.team_now(spot), "property": "children"} for spot in spots],
                ],
                "inputs": [{"id": ids.TICK, "property": "n_intervals", "value": 1}],
                "state": [
                    {"id": ids.ADDRESS, "property": "pathname", "value": address[0]},
                    {"id": ids.ADDRESS, "property": "search", "value": address[1]},
                    {"id": ids.NEWS_TOLD, "property": "data", "value": self.told},
                    [
                        {"id": panel, "property": "data", "value": state}
                        for panel, state in zip(panels, runs.values(), strict=True)
                    ],
                ],
                "changedPropIds": [f"{ids.TICK}.n_intervals"],
            }
        )

    def bell(self, pressed: str, shown: int | None = None) -> Any:
        name = next(output for output in self.app.callback_map if output.startswith(f"..{ids.BELL_LIST}.children..."))
        parts = [part.rpartition(".") for part in name.strip(".").split("...")]
        return self.post(
            {
                "output": name,
                "outputs": [{"id": part[0], "property": part[2].partition("@")[0]} for part in parts],
                "inputs": [{"id": one, "property": "n_clicks", "value": 1} for one in (ids.BELL, ids.BELL_READ)],
                "state": [{"id": ids.BELL_SHOWN, "property": "data", "value": shown}],
                "changedPropIds": [f"{pressed}.n_clicks"],
            }
        )

    def post(self, body: dict[str, Any]) -> Any:
        answer = self.client.post(CALLBACKS, json=body, headers=csrf_headers(self.client))
        assert answer.status_code == 200, answer.text
        return answer.json

    def unread(self, answer: Any) -> str:
        return words(answer["response"][ids.BELL_COUNT]["children"])

    def remember(self, answer: Any) -> None:
        self.told = answer["response"][ids.NEWS_TOLD]["data"]


def words(component: Any) -> str:
    """All the text of what a callback answered."""
    if isinstance(component, list):
        return "".join(map(words, component))
    if isinstance(component, dict):
        return words(component.get("props", {}).get("children"))
    return component or ""


def team_words(answer: Any) -> str:
    return "".join(words(part["children"]) for name, part in answer["response"].items() if "team-now" in name)


def a_run(superuser: Superuser, actor: Actor, state: str = "running") -> UUID:
    row = superuser.execute(
        "INSERT INTO runs (org_id, user_id, kind, title, items, done, state)"
        " VALUES (%s, %s, 'screening', 'Baker', 2000, 412, %s) RETURNING id",
        [actor.org_id, actor.user_id, state],
    ).fetchone()
    assert row is not None
    run_id: UUID = row[0]
    return run_id


def ends(superuser: Superuser, run_id: UUID, state: str = "succeeded") -> None:
    superuser.execute("UPDATE runs SET state = %s, finished_at = now() WHERE id = %s", [state, run_id])


def test_home_tells_who_is_here_and_what_runs_until_they_sign_out(
    local_app: Dash, team: Team, rivals: Team, superuser: Superuser
) -> None:
    ana, ben, rival = (Page(local_app, actor) for actor in (team.recruiter, team.colleague, rivals.recruiter))
    a_run(superuser, team.recruiter)
    assert "Nobody else is online." in team_words(ben.look())
    ana.look(SCREENING, ())
    rival.look()
    told = team_words(ben.look())
    assert "Baker: Screening by Ana Recruiter, 412 of 2,000" in told
    assert "Online: Ana Recruiter (Screening)." in told
    assert "Harbour" not in told and "Nothing runs" in team_words(rival.look())
    assert "by you" in team_words(ana.look())
    ana.client.post("/logout", data={"csrf_token": csrf_headers(ana.client)["X-CSRFToken"]})
    assert "Nobody else is online." in team_words(ben.look())


def test_a_position_tells_who_else_is_at_it_and_other_pages_tell_nothing(
    local_app: Dash, team: Team, superuser: Superuser
) -> None:
    ana, ben = Page(local_app, team.recruiter), Page(local_app, team.colleague)
    a_run(superuser, team.recruiter)
    ana.look((f"/positions/{POSITION}", ""), ("position",))
    assert team_words(ben.look(SCREENING, ("screening",))) == "Also here: Ana Recruiter."
    assert team_words(ben.look(("/screening", ""), ("screening",))) == ""
    assert ben.look(("/usage", ""), ())["response"][ids.BELL_COUNT] == {"children": []}


def test_what_ends_elsewhere_is_told_once_and_counted_until_it_is_read(
    local_app: Dash, team: Team, superuser: Superuser
) -> None:
    ana = Page(local_app, team.recruiter)
    first, second, third = (a_run(superuser, team.recruiter) for _ in range(3))
    ends(superuser, first)
    arrival = ana.look()
    assert ana.unread(arrival) == "1 unread" and "sideUpdate" not in arrival
    ana.remember(arrival)
    ends(superuser, second, "failed")
    look = ana.look()
    notice = look["sideUpdate"][ids.NOTICE]["data"]
    assert (notice["words"], notice["tone"]) == ("Failed: Baker: 2,000 people chosen by hand.", "danger")
    assert notice["href"] == f"/runs/{second}"
    ana.remember(look)
    assert "sideUpdate" not in ana.look()
    shown = ana.bell(ids.BELL)
    assert json.dumps(shown["response"]).count(f"/runs/{second}") == 1
    ends(superuser, third)
    read = ana.bell(ids.BELL_READ, shown["response"][ids.BELL_SHOWN]["data"])
    assert ana.unread(read) == "1 unread", "what came after the list was shown is not read"


def test_an_end_that_the_page_shows_is_no_news(local_app: Dash, team: Team, superuser: Superuser) -> None:
    ana = Page(local_app, team.recruiter)
    run_id = a_run(superuser, team.recruiter)
    ana.remember(ana.look())
    ends(superuser, run_id)
    watched = ana.look(("/screening", ""), (), **{f"r{run_id}".replace("-", "_"): "succeeded"})
    assert ana.unread(watched) == "" and "sideUpdate" not in watched


@pytest.mark.parametrize("odd", ["nonsense", "", "succeeded"])
def test_forged_panels_are_passed_over(local_app: Dash, team: Team, odd: str) -> None:
    ana = Page(local_app, team.recruiter)
    answer = ana.look(("/nowhere", ""), (), **{"nonsense": odd, f"r{uuid4()}".replace("-", "_"): odd})
    assert ana.unread(answer) == ""
