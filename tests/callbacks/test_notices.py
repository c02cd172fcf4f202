"""What a failed callback says, over the real dispatch of Dash."""

import psycopg
import pytest
from dash import Dash, Input, Output
from flask.testing import FlaskClient

from callbacks.notices import notify
from pages import ids
from services.errors import BadInput, Busy
from tests.fixtures.app import client_of, csrf_headers
from tests.fixtures.postgres import Team


@pytest.fixture
def raising(local_app: Dash, with_passwords: None, team: Team):
    """Call a callback that raises what it is told to; returns Flask's answer."""
    client = client_of(local_app, team.recruiter)

    def call(error: Exception | None, trigger: str = "button.n_clicks"):
        name = f"out{len(local_app.callback_map)}"

        def work(_value: object) -> str:
            if error is not None:
                raise error
            notify("It is done.")
            return "fine"

        component, _, prop = trigger.rpartition(".")
        local_app.callback(Output(name, "children"), Input(component, prop))(work)
        return post(client, f"{name}.children", name, trigger)

    return call


def post(client: FlaskClient, output: str, name: str, trigger: str):
    component, _, prop = trigger.rpartition(".")
    body = {
        "output": output,
        "outputs": {"id": name, "property": "children"},
        "inputs": [{"id": component, "property": prop, "value": "/" if prop == "pathname" else 1}],
        "changedPropIds": [trigger],
    }
    return client.post("/_dash-update-component", json=body, headers=csrf_headers(client))


def notice_in(answer) -> dict[str, str]:
    return answer.json["sideUpdate"][ids.NOTICE]["data"]


def test_known_error_is_said_in_its_own_words(raising) -> None:
    answer = raising(BadInput("The file is empty."))
    assert answer.status_code == 200
    assert (notice_in(answer)["words"], notice_in(answer)["tone"]) == ("The file is empty.", "danger")
    assert "response" not in answer.json or not answer.json["response"]


@pytest.mark.parametrize("error", [RuntimeError("a secret detail"), psycopg.DataError("a secret detail")])
def test_unknown_error_is_said_as_a_number(raising, error: Exception) -> None:
    answer = raising(error)
    assert answer.status_code == 200 and "a secret detail" not in answer.text
    assert "incident" in notice_in(answer)["words"]


@pytest.mark.parametrize("trigger", ["_pages_location.pathname", "clock.n_intervals", "grid.getRowsRequest"])
def test_what_only_reads_is_told_to_ask_again(raising, trigger: str) -> None:
    answer = raising(Busy("The database is reconnecting."), trigger)
    assert answer.status_code == 503 and answer.headers["Retry-After"]


def test_what_was_pressed_is_never_repeated_but_said(raising) -> None:
    answer = raising(Busy("The database is reconnecting."))
    assert answer.status_code == 200 and "reconnecting" in notice_in(answer)["words"]


def test_good_news_travels_beside_the_result(raising) -> None:
    answer = raising(None)
    assert notice_in(answer)["words"] == "It is done."
    assert "fine" in answer.text
