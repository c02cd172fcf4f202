"""Signing in and out over HTTP: cookies, renewal, and where one goes next."""

import psycopg
import pytest
from dash import Dash
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from routes.guard import local_path
from services.wiring import current
from tests.fixtures.app import FORM_TOKEN, PASSWORD, client_of, csrf_headers
from tests.fixtures.postgres import Team

SESSION = "session_8050"


def cookies_set_by(answer: TestResponse) -> dict[str, str]:
    return {line.partition("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}


def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    local_app: Dash, with_passwords: None, team: Team
) -> None:
    client = client_of(local_app)
    token = FORM_TOKEN.search(client.get("/login").text)
    assert token
    form = {"csrf_token": token[1], "email": team.recruiter.email, "password": PASSWORD}
    cookie = cookies_set_by(client.post("/login", data=form))[SESSION]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    assert "Expires" not in cookie and "Max-Age" not in cookie, "it ends with the browser"


def test_what_was_planted_before_sign_in_does_not_survive_it(local_app: Dash, with_passwords: None, team: Team) -> None:
    client = client_of(local_app)
    with client.session_transaction() as planted:
        planted["planted"] = "by somebody else"
        planted["csrf_token"] = "known to somebody else"
    token = FORM_TOKEN.search(client.get("/login").text)
    assert token
    form = {"csrf_token": token[1], "email": team.recruiter.email, "password": PASSWORD}
    assert client.post("/login", data=form).status_code == 303
    client.get("/")
    with client.session_transaction() as renewed:
        assert "planted" not in renewed and renewed["csrf_token"] != "known to somebody else"


def test_cookie_copied_before_sign_out_is_worth_nothing_after(
    local_app: Dash, with_passwords: None, team: Team
) -> None:
    client, thief = client_of(local_app, team.recruiter), client_of(local_app)
    stolen = client.get_cookie(SESSION)
    assert stolen
    thief.set_cookie(SESSION, stolen.value)
    assert thief.get("/_dash-layout").status_code == 200
    assert client.post("/logout", headers=csrf_headers(client)).status_code == 303
    assert thief.get("/_dash-layout").status_code == 401


def test_sign_in_form_without_its_token_is_refused(local_app: Dash, with_passwords: None, team: Team) -> None:
    form = {"email": team.recruiter.email, "password": PASSWORD}
    assert client_of(local_app).post("/login", data=form).status_code == 400


def test_wrong_password_says_so_and_keeps_the_address_typed(local_app: Dash, with_passwords: None, team: Team) -> None:
    client = client_of(local_app)
    token = FORM_TOKEN.search(client.get("/login").text)
    assert token
    form = {"csrf_token": token[1], "email": '"><script>', "password": "wrong"}
    answer = client.post("/login", data=form)
    assert answer.status_code == 400 and "do not belong together" in answer.text
    assert "<script>" not in answer.text.replace("<script src", "")


def test_address_is_throttled_whatever_the_account(local_app: Dash, with_passwords: None, team: Team) -> None:
    client = client_of(local_app)
    token = FORM_TOKEN.search(client.get("/login").text)
    assert token
    allowed = current().accounts.door.failures_allowed  # type: ignore[attr-defined]  # our own door
    statuses = [
        client.post(
            "/login", data={"csrf_token": token[1], "email": f"p{n}@northwind.example", "password": "wrong"}
        ).status_code
        for n in range(allowed + 1)
    ]
    assert statuses == [400] * allowed + [429]


def test_after_signing_in_one_is_where_one_wanted_to_be(local_app: Dash, with_passwords: None, team: Team) -> None:
    client = client_of(local_app)
    first = client.get("/candidates?q=python")
    assert first.status_code == 302
    page = client.get(first.location)
    token = FORM_TOKEN.search(page.text)
    assert token and 'value="/candidates?q=python"' in page.text
    form = {
        "csrf_token": token[1],
        "email": team.recruiter.email,
        "password": PASSWORD,
        "next": "/candidates?q=python",
    }
    assert client.post("/login", data=form).location == "/candidates?q=python"


@given(st.text(max_size=60) | st.text(alphabet="/\\@:.eh\tx%", max_size=12).map(lambda text: "/" + text))
@example("https://elsewhere.example")
@example("//elsewhere.example")
@example("/\\elsewhere.example")
@example("/\t/elsewhere.example")
@example("javascript:alert(1)")
def test_wherever_one_is_sent_it_is_here(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/") and not path.startswith(("//", "/\\"))
    assert "\\" not in path and "\t" not in path and "\n" not in path


def test_person_invited_sets_a_password_and_signs_in(local_app: Dash, with_passwords: None, team: Team) -> None:
    from services.domain.actors import Role

    link = current().admin.invite(team.admin, "new@northwind.example", "New Person", Role.RECRUITER)
    client = client_of(local_app)
    page = client.get(f"/invite/{link.secret}")
    assert "New Person" in page.text and page.headers["Referrer-Policy"] == "same-origin"
    token = FORM_TOKEN.search(page.text)
    assert token
    form = {"csrf_token": token[1], "password": "four quite new words", "again": "four quite other words"}
    assert client.post(f"/invite/{link.secret}", data=form).status_code == 400
    form["again"] = form["password"]
    assert client.post(f"/invite/{link.secret}", data=form).location == "/login?notice=password-set"
    assert client.get(f"/invite/{link.secret}").status_code == 404
    current().accounts.sign_in("new@northwind.example", "four quite new words", "192.0.2.1")


def test_polls_do_not_keep_a_session_alive_but_people_do(
    local_app: Dash, with_passwords: None, team: Team, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    client = client_of(local_app, team.recruiter)
    long_ago = "UPDATE sessions SET active_at = now() - interval '1 hour'"
    rested = "SELECT active_at < now() - interval '59 minutes' FROM sessions"
    superuser.execute(long_ago)
    poll = {"output": "x.children", "outputs": [], "inputs": [], "changedPropIds": ["clock.n_intervals"]}
    client.post("/_dash-update-component", json=poll, headers=csrf_headers(client))
    client.get("/_dash-layout", headers={"X-Background": "1"})
    assert superuser.execute(rested).fetchone() == (True,)
    client.get("/_dash-layout")
    assert superuser.execute(rested).fetchone() == (False,)


@pytest.mark.parametrize(("new", "again", "status"), [("short", "short", 400), ("a b c d e f g", "other", 400)])
def test_password_form_says_what_is_wrong(
    local_app: Dash, with_passwords: None, team: Team, new: str, again: str, status: int
) -> None:
    client = client_of(local_app, team.recruiter)
    form = {"current": PASSWORD, "password": new, "again": again}
    answer = client.post("/account/password", data=form, headers=csrf_headers(client))
    assert answer.status_code == status and "not changed" in answer.text


def test_password_changed_here_keeps_this_browser_and_ends_the_others(
    local_app: Dash, with_passwords: None, team: Team
) -> None:
    here, there = client_of(local_app, team.recruiter), client_of(local_app, team.recruiter)
    form = {"current": PASSWORD, "password": "four quite new words", "again": "four quite new words"}
    assert here.post("/account/password", data=form, headers=csrf_headers(here)).status_code == 200
    assert here.get("/_dash-layout").status_code == 200
    assert there.get("/_dash-layout").status_code == 401


def test_signed_out_everywhere_means_this_browser_too(local_app: Dash, with_passwords: None, team: Team) -> None:
    here, there = client_of(local_app, team.recruiter), client_of(local_app, team.recruiter)
    answer = here.post("/account/sign-out-everywhere", headers=csrf_headers(here))
    assert answer.location == "/login?notice=signed-out-everywhere"
    assert [client.get("/_dash-layout").status_code for client in (here, there)] == [401, 401]
