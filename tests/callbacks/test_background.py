"""The background callback over HTTP: it starts a process, and only for a drive of one's own organization."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg

from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.runs import RunState
from services.runs.orders import Runs
from tests.faults.rig import open_run, until
from tests.fixtures.app import Caller
from tests.fixtures.postgres import Team

SignIn = Callable[[Actor], Caller]


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
