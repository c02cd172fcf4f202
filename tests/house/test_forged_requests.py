"""Whatever is posted to a callback by hand is the sender's mistake and ends as one: no 5xx, no incident."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from dash import Dash
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.domain.actors import Actor
from tests.fixtures.app import client_of, csrf_headers
from tests.fixtures.postgres import Team

CALLBACKS = "/_dash-update-component"
VALUES: tuple[object, ...] = (None, 5, 2.5, "x", "²", "\0", "\ud800", [], ["x"], {}, {"x": 1}, 10**30)
NO_UUID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def incidents(module_app: Dash, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of the log that tell of an incident; everything else is not even written."""
    lines: list[str] = []

    def keep(record: logging.LogRecord) -> None:
        line = handler.format(record)
        if '"incident"' in line:
            lines.append(line)

    handler = logging.getLogger().handlers[0]
    monkeypatch.setattr(handler, "emit", keep)
    return lines


def server_callbacks(app: Dash) -> list[str]:
    return [output for output, callback in app.callback_map.items() if "callback" in callback]


def some_id(declared: str) -> object:
    """An id that the declared one stands for."""
    if not declared.startswith("{"):
        return declared
    return {key: NO_UUID if isinstance(part, list) else part for key, part in json.loads(declared).items()}


def some_property(declared: dict[str, str], value: object) -> Any:
    one: dict[str, object] = {"id": some_id(declared["id"]), "property": declared["property"], "value": value}
    return [one] if '["ALL"]' in declared["id"] else one


def well_formed(app: Dash, output: str, values: list[object]) -> dict[str, Any]:
    """What Dash's renderer would send, the first input having changed."""
    callback = app.callback_map[output]
    found = [
        some_property(one, value) for one, value in zip([*callback["inputs"], *callback["state"]], values, strict=True)
    ]
    inputs, state = found[: len(callback["inputs"])], found[len(callback["inputs"]) :]
    registered = callback["output"] if isinstance(callback["output"], list | tuple) else [callback["output"]]
    outputs = [] if callback["no_output"] else [some_property(one.to_dict(), None) for one in registered]
    first = inputs[0][0] if isinstance(inputs[0], list) else inputs[0]
    name = (
        first["id"] if isinstance(first["id"], str) else json.dumps(first["id"], sort_keys=True, separators=(",", ":"))
    )
    return {
        "output": output,
        "outputs": outputs if isinstance(callback["output"], list | tuple) else (outputs or [None])[0],
        "inputs": inputs,
        "state": state,
        "changedPropIds": [f"{name}.{first['property']}"],
    }


def likely(declared: dict[str, str]) -> object:
    """A value of about the kind that the property has on our pages."""
    if declared["property"] in ("n_clicks", "n_intervals", "n_submit"):
        return 1
    return {} if declared["property"] == "data" else "x"


def forged_bodies(app: Dash, output: str, *, one_by_one: bool) -> Iterator[dict[str, Any]]:
    """All inputs of one forged value; and each of them in turn, the others being likely ones."""
    callback = app.callback_map[output]
    declared = [*callback["inputs"], *callback["state"]]
    for value in VALUES:
        yield well_formed(app, output, [value] * len(declared))
        for place in range(len(declared) if one_by_one else 0):
            values = [likely(one) for one in declared]
            values[place] = value
            yield well_formed(app, output, values)


def post(client: FlaskClient, body: object) -> TestResponse:
    return client.post(CALLBACKS, data=json.dumps(body), content_type="application/json", headers=csrf_headers(client))


@pytest.mark.parametrize("role", ["recruiter", "manager", "admin"])
def test_a_callback_takes_any_value_for_any_input_without_an_incident(
    module_app: Dash, module_team: Team, role: str, incidents: list[str]
) -> None:
    actor: Actor = getattr(module_team, role)
    client = client_of(module_app, actor)
    broken: dict[str, str] = {}
    for output in server_callbacks(module_app):
        for body in forged_bodies(module_app, output, one_by_one=role == "admin"):
            answer = post(client, body)
            if answer.status_code >= 500 or "incident" in answer.text or incidents:
                cause = json.loads(incidents.pop())["exception"].splitlines()[-3:] if incidents else answer.text[:200]
                broken.setdefault(f"{output} {cause}", json.dumps(body))
    assert not broken, "\n".join(f"{name}: {body}" for name, body in broken.items())


@pytest.mark.parametrize(
    "path",
    [
        "/_dash-component-suites/dash/x",
        "/_dash-component-suites/dash/x.js",
        "/_dash-component-suites/dash/a.v1m1",
        "/_dash-component-suites/nobody/x.js",
        "/_dash-component-suites/dash/%00.js",
        "/_dash-component-suites/dash",
        "/_dash-component-suites/",
        "/assets/%00",
        f"/assets/{'a' * 300}.js",
        "/assets/",
        "/%00",
    ],
)
def test_addresses_of_no_file_are_nobodys_incident(
    module_app: Dash, module_team: Team, path: str, incidents: list[str]
) -> None:
    for client in (client_of(module_app), client_of(module_app, module_team.recruiter)):
        answer = client.get(path, buffered=True)
        assert answer.status_code < 500 and not incidents, answer.text[:300]
        if path.startswith("/_dash-component-suites/dash/"):
            assert answer.status_code == 404
