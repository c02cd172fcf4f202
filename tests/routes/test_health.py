"""Health, readiness, metrics, files and what an unforeseen error shows."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import requests
from dash import Dash
from prometheus_client.parser import text_string_to_metric_families

from services.wiring import current
from tests.faults.rig import open_run
from tests.fixtures.app import RunningApp, client_of
from tests.fixtures.postgres import Team
from tests.fixtures.redis import RedisServer

LOCAL = {"REMOTE_ADDR": "127.0.0.1"}


def test_up_is_not_ready(local_app: Dash, superuser: psycopg.Connection[tuple[object, ...]]) -> None:
    client = client_of(local_app)
    assert client.get("/readyz").json == {"status": "ready", "missing": []}
    current().database.close()
    object.__setattr__(current().database, "url", "postgresql://nobody@127.0.0.1:1/none")
    object.__setattr__(current().database, "wait_seconds", 0.2)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["missing"]) == (503, ["database"])
    assert client.get("/healthz").status_code == 200


def test_a_limiter_whose_store_cannot_be_opened_is_not_ready(local_app: Dash) -> None:
    client = client_of(local_app)
    path = current().settings.home_path / "limiter.sqlite3"
    assert client.get("/readyz").status_code == 200
    for beside in path.parent.glob(f"{path.name}*"):
        beside.unlink()
    path.mkdir()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["missing"]) == (503, ["limiter"])
    path.rmdir()
    assert client.get("/readyz").status_code == 200


@pytest.fixture
def several_hosts(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """The installation counts its limits in Redis, which is there again when the test has ended."""
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    yield redis_server
    if not redis_server.answers():
        redis_server.start()


def test_a_limiter_whose_redis_is_away_is_not_ready(several_hosts: RedisServer, local_app: Dash) -> None:
    client = client_of(local_app)
    assert client.get("/readyz").status_code == 200
    several_hosts.kill()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["missing"]) == (503, ["limiter"])
    several_hosts.start()
    assert client.get("/readyz").status_code == 200


def test_while_the_database_is_away_requests_are_told_to_come_back(
    local_app: Dash, with_passwords: None, team: Team
) -> None:
    client = client_of(local_app, team.recruiter)
    current().database.close()
    object.__setattr__(current().database, "url", "postgresql://nobody@127.0.0.1:1/none")
    object.__setattr__(current().database, "wait_seconds", 0.2)
    answer = client.get("/_dash-layout")
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
    assert "reconnecting" in answer.json["error"]
    page = client.get("/")
    assert page.status_code == 503 and "reconnecting" in page.text


def test_an_address_too_long_is_said_on_a_page_of_ours(running_app: RunningApp) -> None:
    page = requests.get(f"{running_app.url}/candidates?q={'a' * 7_600}", timeout=10)
    assert page.status_code == 414 and "too long" in page.text and "shell.css" in page.text
    assert requests.get(f"{running_app.url}/login?next=/{'a' * 6_000}", timeout=10).status_code == 200


def test_metrics_are_for_this_machine_only(local_app: Dash) -> None:
    client = client_of(local_app)
    answer = client.get("/metrics", environ_base=LOCAL)
    assert answer.status_code == 200 and "sourcingx_requests_total" in answer.text
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.9"}).status_code == 403
    forwarded = client.get("/metrics", environ_base=LOCAL, headers={"X-Forwarded-For": "192.0.2.9"})
    assert forwarded.status_code == 403, "behind a proxy on this machine everybody seems local"


def test_metrics_open_with_the_token(local_app: Dash) -> None:
    local_app.server.config["METRICS_TOKEN"] = "let me in"
    client = client_of(local_app)
    elsewhere = {"REMOTE_ADDR": "192.0.2.9"}
    for word, status in [("let me in", 200), ("let me out", 403), ("", 403)]:
        answer = client.get("/metrics", environ_base=elsewhere, headers={"Authorization": f"Bearer {word}"})
        assert answer.status_code == status


def test_metrics_tell_of_the_installation_and_of_nobody_in_it(
    local_app: Dash, superuser: psycopg.Connection[Any], team: Team
) -> None:
    run = open_run(current().database, superuser, team.recruiter, 1)
    superuser.execute("SET session_replication_role = replica")
    superuser.execute(
        "INSERT INTO ledger (org_id, user_id, run_id, intent_id, provider, operation, status, error_code, duration_ms)"
        " VALUES (%s, %s, %s, gen_random_uuid(), 'openai', 'screen', 'failed', 'http_500', 700)",
        [team.org_id, team.recruiter.user_id, run.run_id],
    )
    superuser.execute("RESET session_replication_role")
    text = client_of(local_app).get("/metrics", environ_base=LOCAL).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    told = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert told["sourcingx_runs", "queued"] == 1 and told["sourcingx_runs", "running"] == 0
    assert told["sourcingx_limit_allowed", "openai", "requests"] == 5_000
    assert told["sourcingx_limit_used", "openai", "requests"] == 0
    assert told["sourcingx_breaker_open", "salesql"] == 0
    assert told["sourcingx_recent_failures", "http_500", "openai"] == 1
    assert told["sourcingx_recent_call_seconds_bucket", "0.5", "openai"] == 0
    assert told["sourcingx_recent_call_seconds_bucket", "1.0", "openai"] == 1
    assert told["sourcingx_recent_call_seconds_gcount", "openai"] == 1
    assert told["sourcingx_database_up",] == 1 and told["sourcingx_limiter_up",] == 1
    assert told["sourcingx_temporary_bytes", "uploads"] == 0 and told["sourcingx_sweeper_leads",] == 0
    for private in (team.org_id, team.recruiter.user_id, team.recruiter.email, team.recruiter.name, run.run_id):
        assert str(private) not in text


def test_metrics_are_told_while_the_database_is_away(local_app: Dash) -> None:
    current().database.close()
    object.__setattr__(current().database, "url", "postgresql://nobody@127.0.0.1:1/none")
    object.__setattr__(current().database, "wait_seconds", 0.2)
    text = client_of(local_app).get("/metrics", environ_base=LOCAL).text
    assert "sourcingx_database_up 0.0" in text and "sourcingx_limiter_up 1.0" in text
    assert "sourcingx_runs{" not in text, "nothing is known of them, and 0 would be a lie"


@pytest.mark.parametrize(("encoding", "expected"), [("br, gzip", "br"), ("gzip", "gzip"), ("", None)])
def test_files_come_compressed_and_for_ever(local_app: Dash, encoding: str, expected: str | None) -> None:
    client = client_of(local_app)
    answer = client.get("/assets/shell.css?m=1", headers={"Accept-Encoding": encoding}, buffered=True)
    assert answer.headers.get("Content-Encoding") == expected
    assert "immutable" in answer.headers["Cache-Control"]
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert "immutable" not in client.get("/assets/shell.css", buffered=True).headers["Cache-Control"]


def test_file_that_was_kept_is_not_sent_again(local_app: Dash) -> None:
    client = client_of(local_app)
    tag = client.get("/assets/shell.js", buffered=True).headers["ETag"]
    again = client.get("/assets/shell.js", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../app.py?m=1",
        "/assets/%2e%2e/app.py?m=1",
        "/_dash-component-suites/dash/../../../etc/passwd",
        "/_dash-component-suites/services/settings.v1m1.py",
        "/_dash-component-suites/dash/dash.v1m1.py",
    ],
)
def test_nothing_but_files_of_the_browser_is_sent(local_app: Dash, path: str) -> None:
    answer = client_of(local_app).get(path)
    assert answer.status_code != 200 or "import" not in answer.text


def test_unforeseen_error_shows_a_number_and_logs_the_rest(
    local_app: Dash,
    with_passwords: None,
    team: Team,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = logging.getLogger().handlers[0]
    lines: list[str] = []
    monkeypatch.setattr(handler, "emit", lambda record: lines.append(handler.format(record)))
    client = client_of(local_app, team.recruiter)

    def fail(*_args: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(type(current().accounts), "sign_out", fail)
    from tests.fixtures.app import csrf_headers

    answer = client.post("/logout", headers={**csrf_headers(client), "Accept": "text/html"})
    assert answer.status_code == 500 and "a secret detail" not in answer.text
    incident = next(json.loads(line) for line in lines if '"incident"' in line)
    assert incident["incident"] in answer.text and "a secret detail" in incident["exception"]


def test_log_has_ids_and_routes_but_no_addresses_or_names(
    local_app: Dash, with_passwords: None, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = logging.getLogger().handlers[0]
    lines: list[str] = []
    monkeypatch.setattr(handler, "emit", lambda record: lines.append(handler.format(record)))
    client = client_of(local_app, team.recruiter)
    client.get("/candidates?q=Somebody")
    client.get("/invite/a-one-time-secret")
    text = "\n".join(lines)
    assert str(team.recruiter.user_id) in text and '"route": "sign_in.login"' in text
    for private in (team.recruiter.email, team.recruiter.name, "Somebody", "a-one-time-secret", PASSWORD_WORD):
        assert private not in text


PASSWORD_WORD = "battery"
