"""The background callback over HTTP, on one machine and on several hosts: it starts a process, and only for a drive
of one's own organization.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from dash import CeleryManager, Dash, DiskcacheManager

from callbacks.background import MachineManager
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.runs import RunState
from services.runs.drive_queue import KEY_PREFIX, DriveQueue
from services.runs.orders import Runs
from services.wiring import current
from tests.callbacks.posting import post_callback
from tests.faults.rig import ROOT, ended_at_last, open_run, until
from tests.fixtures.app import Caller, RunningApp, app_in_process, client_of, start_app
from tests.fixtures.postgres import Team, Urls
from tests.fixtures.redis import RedisServer

SignIn = Callable[[Actor], Caller]


@pytest.fixture(params=["one machine", "several hosts"])
def running_app(request: pytest.FixtureRequest, urls: Urls, tmp_path: Path) -> Iterator[RunningApp]:
    """The web server with either manager; on several hosts with a worker beside it."""
    hosts = request.param == "several hosts"
    settings = {"REDIS_URL": request.getfixturevalue("empty_redis").url} if hosts else {}
    with start_app(urls, tmp_path / "home", tmp_path / "gunicorn.log", **settings) as app:
        if not hosts:
            yield app
            return
        with worker_beside(app):
            yield app


@contextmanager
def worker_beside(app: RunningApp) -> Iterator[None]:
    with (app.home / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "services.celery_worker"], cwd=ROOT, env=app.environment, stdout=log, stderr=log
        )
    with ended_at_last(worker):
        yield
        worker.terminate()
        assert worker.wait(20) == 0


def start_body(drive_id: UUID) -> dict[str, Any]:
    return {
        "output": "runs-driven.data",
        "outputs": {"id": "runs-driven", "property": "data"},
        "inputs": [{"id": "runs-drive", "property": "data", "value": str(drive_id)}],
        "changedPropIds": ["runs-drive.data"],
    }


def watch_body(run_id: UUID) -> dict[str, Any]:
    shown = (("run-view", "children"), ("run-seen", "data"), ("run-state", "data"), ("run-tick", "disabled"))
    outputs = [{"id": {"type": kind, "run": str(run_id)}, "property": prop} for kind, prop in shown]
    names = [f'{{"run":["MATCH"],"type":"{kind}"}}.{prop}' for kind, prop in shown]
    tick = {"id": {"type": "run-tick", "run": str(run_id)}, "property": "n_intervals", "value": 1}
    states = [
        {"id": {"type": kind, "run": str(run_id)}, "property": "data", "value": None}
        for kind in ("run-seen", "run-state")
    ]
    return {
        "output": f"..{'...'.join(names)}..",
        "outputs": outputs,
        "inputs": [tick],
        "state": states,
        "changedPropIds": [f'{{"run":"{run_id}","type":"run-tick"}}.n_intervals'],
    }


def test_a_drive_is_driven_by_a_process_of_its_own_and_only_for_its_organization(
    sign_in: SignIn, database: Database, superuser: psycopg.Connection[Any], team: Team, rivals: Team
) -> None:
    run = open_run(database, superuser, team.recruiter, 3)
    runs = Runs(database)

    stranger = sign_in(rivals.recruiter)
    refused = stranger.callback(start_body(run.drive_id))
    assert "cacheKey" not in refused.text
    assert runs.progress(team.recruiter, run.run_id).state is RunState.QUEUED
    seen = stranger.callback(watch_body(run.run_id))
    assert team.recruiter.name not in seen.text and "does not exist" in seen.text

    caller = sign_in(team.recruiter)
    answer = caller.callback(start_body(run.drive_id))
    assert answer.status_code == 200 and {"cacheKey", "job"} <= set(answer.json())
    # A run without a position cannot be prepared; that it says so shows that a process drove it.
    until(lambda: runs.progress(team.recruiter, run.run_id).state.is_final, 30)
    assert [item.reason_code for item in runs.items(team.recruiter, run.run_id)] == ["not_prepared"] * 3
    drives = superuser.execute("SELECT process, outcome FROM drives").fetchall()
    assert len(drives) == 1 and drives[0][0] and drives[0][1] == "finished"
    watched = caller.callback(watch_body(run.run_id))
    assert watched.status_code == 200 and team.recruiter.name in watched.text and "failed" in watched.text


@pytest.fixture
def hosts_app(
    urls: Urls, tmp_path: Path, with_passwords: None, empty_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dash]:
    """The application of several hosts inside the test's own process, and no worker."""
    monkeypatch.setenv("REDIS_URL", empty_redis.url)
    with app_in_process(urls, tmp_path / "home") as app:
        yield app
        queue = current().launcher.queue
        assert isinstance(queue, DriveQueue)
        queue.close()


def test_who_starts_a_run_while_redis_is_away_is_told_and_the_message_holds_nothing_of_theirs(
    hosts_app: Dash, database: Database, superuser: psycopg.Connection[Any], team: Team, empty_redis: RedisServer
) -> None:
    run = open_run(database, superuser, team.recruiter, 1)
    client = client_of(hosts_app, team.recruiter)

    def start() -> str:
        values = {"runs-drive.data": str(run.drive_id)}
        return post_callback(hosts_app, client, "runs-driven.data", values, "runs-drive.data")

    def watched() -> str:
        answer = client.post(
            "/_dash-update-component",
            json=watch_body(run.run_id),
            headers={"X-CSRFToken": client.get_cookie("csrf_8050").value},  # type: ignore[union-attr]  # signed in
        )
        return answer.text

    empty_redis.kill()
    try:
        assert "cacheKey" in start()
        assert "Nothing can be started just now" in watched()
    finally:
        empty_redis.start()
    assert Runs(database).progress(team.recruiter, run.run_id).state is RunState.QUEUED

    start()
    until(lambda: "No worker is free just now" in watched(), 5)
    with empty_redis.client() as inside:
        kept = {key: inside.lrange(key, 0, -1) for key in inside.keys(f"{KEY_PREFIX}*") if inside.type(key) == b"list"}
    [[message]] = kept.values()
    session = client.get_cookie("session_8050")
    assert session is not None
    for secret in (session.value, team.recruiter.email, str(team.recruiter.user_id), str(team.org_id), str(run.run_id)):
        assert secret.encode() not in message


def test_neither_manager_kills_a_job_or_has_one_of_dash_s_own(hosts_app: Dash, tmp_path: Path) -> None:
    hosts, machine = hosts_app._background_manager, MachineManager(tmp_path / "background")
    assert isinstance(hosts, CeleryManager) and isinstance(machine, DiskcacheManager)
    with subprocess.Popen(["sleep", "60"]) as bystander:
        for manager in (hosts, machine):
            assert {job.__name__ for job in manager.func_registry.values()} == {"drive_in_background"}
            manager.terminate_job(str(bystander.pid))
            assert manager.terminate_unhealthy_job(str(bystander.pid)) is False
        assert bystander.poll() is None
        bystander.kill()
    assert [name for name in hosts.handle.tasks if not name.startswith("celery.")] == []


def test_a_cache_that_cannot_be_read_is_made_anew_when_the_web_server_starts(tmp_path: Path) -> None:
    folder = tmp_path / "background"
    MachineManager(folder).handle.close()
    for path in folder.glob("cache.db*"):
        path.write_bytes(b"This is no database. " * 500)
    manager = MachineManager(folder)
    manager.handle.set("key", "value")
    assert manager.handle.get("key") == "value"
    manager.handle.close()
    assert folder.stat().st_mode & 0o777 == 0o700
