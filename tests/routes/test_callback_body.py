"""Only bodies that our own pages send reach a callback; the rest is the sender's mistake."""

import json

import pytest
from dash import Dash
from flask.testing import FlaskClient

from pages import ids
from routes.callback_body import LARGEST_NUMBER, is_plain
from tests.fixtures.app import client_of, csrf_headers
from tests.fixtures.postgres import Team

SHOW_LISTS = {
    "output": f"{ids.LISTS_TABLE}.children",
    "outputs": {"id": ids.LISTS_TABLE, "property": "children"},
    "inputs": [{"id": ids.LISTS_SHOWN, "property": "data", "value": {}}],
    "changedPropIds": [f"{ids.LISTS_SHOWN}.data"],
}


@pytest.fixture(scope="module")
def client(module_app: Dash, module_team: Team) -> FlaskClient:
    return client_of(module_app, module_team.admin)


def status_of(client: FlaskClient, text: str) -> int:
    answer = client.post(
        "/_dash-update-component", data=text, content_type="application/json", headers=csrf_headers(client)
    )
    assert "incident" not in answer.text
    return answer.status_code


def test_what_a_page_sends_is_answered(client: FlaskClient) -> None:
    assert status_of(client, json.dumps(SHOW_LISTS)) == 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '"x"',
        "5",
        "null",
        "{",
        '{"output": ',
        "[" * 100_000,
        '{"a":' * 100_000,
        "\xff",
        '{"output": NaN}',
    ],
)
def test_what_is_no_callback_at_all_is_refused(client: FlaskClient, text: str) -> None:
    assert status_of(client, text) == 400


@pytest.mark.parametrize(
    "change",
    [
        {"output": "no-such.children"},
        {"output": None},
        {"output": ["x"]},
        # This one runs in the browser.
        {"output": f"{ids.NOTICES}.data-shown"},
        {"outputs": []},
        {"outputs": None},
        {"outputs": {"id": ids.LISTS_TABLE, "property": "hidden"}},
        {"outputs": [SHOW_LISTS["outputs"], SHOW_LISTS["outputs"]]},
        {"inputs": []},
        {"inputs": {}},
        {"inputs": "x"},
        {"inputs": [5]},
        {"inputs": [[{"id": ids.LISTS_SHOWN, "property": "data", "value": {}}]]},
        {"inputs": [{"id": "another", "property": "data", "value": {}}]},
        {"inputs": [{"id": {"x": 1}, "property": "data", "value": {}}]},
        {"inputs": [{"id": ids.LISTS_SHOWN, "property": "data", "value": 10**30}]},
        {"inputs": [{"id": ids.LISTS_SHOWN, "property": "data", "value": float("inf")}]},
        {"state": [{"id": "extra", "property": "data"}]},
        {"changedPropIds": 5},
        {"changedPropIds": [5]},
        {"changedPropIds": ["{broken.data"]},
        {"changedPropIds": ["elsewhere.data"]},
    ],
)
def test_a_callback_with_other_parts_than_it_has_is_refused(client: FlaskClient, change: dict[str, object]) -> None:
    assert status_of(client, json.dumps({**SHOW_LISTS, **change})) == 400


@pytest.mark.parametrize("path", [None, 5, "x", "", []])
def test_an_address_is_a_path(client: FlaskClient, path: object) -> None:
    body = {
        "output": ".._pages_content.children..._pages_store.data..",
        "outputs": [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
        "inputs": [
            {"id": ids.ADDRESS, "property": "pathname", "value": path},
            {"id": ids.ADDRESS, "property": "search", "value": ""},
        ],
        "changedPropIds": [f"{ids.ADDRESS}.pathname"],
    }
    assert status_of(client, json.dumps(body)) == 400
    body["inputs"][0]["value"] = "/lists"
    assert status_of(client, json.dumps(body)) == 200


def test_numbers_and_nesting_have_the_bounds_of_a_browser() -> None:
    assert is_plain({"a": [LARGEST_NUMBER, -LARGEST_NUMBER, 1.5, None, "x", True]})
    assert not is_plain([LARGEST_NUMBER + 1])
    assert not is_plain(float("nan"))
    nested: object = 1
    for _ in range(60):
        nested = [nested]
    assert not is_plain(nested)
