"""Every address and every callback refuses a stranger; a new one cannot be forgotten."""

import re
from uuid import uuid4

import pytest
from dash import Dash

from routes.guard import OPEN_ENDPOINTS
from tests.fixtures.app import PASSWORD, client_of, csrf_headers
from tests.fixtures.postgres import Team

PARAMETER = re.compile(r"<(?:(?P<kind>[a-z]+)(?:\([^)]*\))?:)?[a-z_]+>")


def address_of(rule: str) -> str:
    """Some address that the rule matches."""

    def some(match: re.Match[str]) -> str:
        kind = match["kind"] or "string"
        return {"int": "1", "uuid": str(uuid4()), "any": "invite"}.get(kind, "something")

    return PARAMETER.sub(some, rule)


def test_every_address_refuses_a_stranger_unless_it_is_listed(module_app: Dash) -> None:
    client = client_of(module_app)
    seen = set()
    for rule in module_app.server.url_map.iter_rules():
        if rule.endpoint in OPEN_ENDPOINTS:
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}):
            answer = client.open(address_of(rule.rule), method=method, json={} if method != "GET" else None)
            is_refused = answer.status_code == 401 or (
                answer.status_code == 302 and answer.location.startswith("/login?next=")
            )
            assert is_refused, f"{method} {rule.rule} answered {answer.status_code}"
            seen.add(rule.rule)
    assert {"/", "/_dash-layout", "/_dash-dependencies", "/_reload-hash", "/_dash-update-component"} <= seen


def test_what_is_listed_as_open_exists(module_app: Dash) -> None:
    endpoints = {rule.endpoint for rule in module_app.server.url_map.iter_rules()}
    assert endpoints >= OPEN_ENDPOINTS


@pytest.mark.parametrize("path", ["/_dash-layout", "/_dash-dependencies", "/_reload-hash"])
def test_machine_addresses_answer_401_in_json_and_never_redirect(module_app: Dash, path: str) -> None:
    answer = client_of(module_app).get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 401 and "signed out" in answer.json["error"]


def test_every_callback_refuses_a_stranger(module_app: Dash) -> None:
    client = client_of(module_app)
    assert len(module_app.callback_map) > 5
    for output in module_app.callback_map:
        answer = client.post("/_dash-update-component", json=callback_body(module_app, output))
        assert answer.status_code == 401, output


def callback_body(app: Dash, output: str) -> dict[str, object]:
    callback = app.callback_map[output]
    return {
        "output": output,
        "outputs": [],
        "inputs": [{**one, "value": None} for one in callback["inputs"]],
        "state": [{**one, "value": None} for one in callback["state"]],
        "changedPropIds": [],
    }


def test_every_callback_refuses_what_is_not_from_our_pages(module_app: Dash, module_team: Team) -> None:
    client = client_of(module_app, module_team.admin)
    good = csrf_headers(client)
    for output in module_app.callback_map:
        body = callback_body(module_app, output)
        for headers, status in [
            ({}, 400),
            ({"X-CSRFToken": "made up"}, 400),
            ({**good, "Origin": "https://elsewhere.example"}, 403),
            ({**good, "Origin": "null"}, 403),
            ({**good, "Sec-Fetch-Site": "cross-site"}, 403),
            ({**good, "Sec-Fetch-Site": "same-site"}, 403),
        ]:
            answer = client.post("/_dash-update-component", json=body, headers=headers)
            assert answer.status_code == status, (output, headers)
        plain = client.post("/_dash-update-component", data="{}", content_type="text/plain", headers=good)
        assert plain.status_code == 415


def test_every_page_says_what_may_run(module_app: Dash, module_team: Team) -> None:
    stranger, admin = client_of(module_app), client_of(module_app, module_team.admin)
    answers = [
        stranger.get("/login"),
        stranger.get("/"),
        stranger.get("/invite/something"),
        stranger.get("/_dash-layout"),
        stranger.post("/login", data={}),
        admin.get("/"),
        admin.get("/admin"),
        admin.get("/no/such/page"),
        admin.get("/logout"),
    ]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        scripts = next((part for part in policy.split("; ") if part.startswith("script-src")), "")
        assert "unsafe" not in scripts and "http" not in scripts and "*" not in scripts
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert answer.mimetype != "text/html" or ("base-uri 'none'" in policy and scripts)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"


def test_whole_pages_name_no_foreign_host(module_app: Dash, module_team: Team) -> None:
    html = client_of(module_app, module_team.admin).get("/").text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', html)
    assert re.findall(r'src="/_dash-component-suites/', html)


def test_component_ids_of_callbacks_are_named_in_one_place(module_app: Dash) -> None:
    from pages import ids

    named = {value for name, value in vars(ids).items() if name.isupper() and isinstance(value, str)}
    for callback in module_app._callback_list:
        for part in [*callback["inputs"], *callback["state"]]:
            plain = part["id"]
            if not plain.startswith("{") and not plain.startswith("_pages"):
                assert plain in named, f"{plain} is not in pages/ids.py"


def test_password_is_not_in_any_cookie_or_page(module_app: Dash, module_team: Team) -> None:
    client = client_of(module_app, module_team.admin)
    assert PASSWORD not in client.get("/").text + client.get("/_dash-layout").text
