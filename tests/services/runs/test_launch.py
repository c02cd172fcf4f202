"""The processes of drives: what their starter learns of their end, and what it does about it."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.clock import SystemClock
from services.db import runs
from services.db.pool import Database
from services.db.runs import StartBounds
from services.runs.launch import Launcher
from services.runs.wheel import take_wheel
from tests.faults.rig import expire_lease, new_drive, open_run, until
from tests.fixtures.postgres import Team, Urls

Superuser = psycopg.Connection[Any]
CLOCK = SystemClock()
TAKES_THE_WHEEL = """
import signal, sys
from uuid import UUID
from services.clock import SystemClock
from services.db import runs
from services.db.pool import Database
from services.runs.wheel import take_wheel
assert take_wheel(Database(sys.argv[1]), SystemClock(), UUID(sys.argv[2]), "test") is not None
signal.pause()
"""


def launcher(database: Database, tmp_path: Path, *command: str) -> Launcher:
    return Launcher(database, tmp_path / "log" / "drives.log", 8, StartBounds(8, 8), (sys.executable, "-c", *command))


def needs_a_driver(superuser: Superuser, run_id: UUID) -> bool:
    found = superuser.execute("SELECT count(*) FROM runs_without_driver WHERE run_id = %s", [run_id]).fetchone()
    assert found is not None
    return bool(found[0])


def process_of(superuser: Superuser, drive_id: UUID) -> bool:
    found = superuser.execute("SELECT taken_at IS NOT NULL FROM drives WHERE id = %s", [drive_id]).fetchone()
    assert found is not None
    return bool(found[0])


def kill_children(signal_number: int) -> None:
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            if TAKES_THE_WHEEL.strip().splitlines()[0] in Path(f"/proc/{child}/cmdline").read_text():
                os.kill(int(child), signal_number)


def test_the_run_of_a_killed_process_is_free_long_before_its_lease_passes(
    database: Database, superuser: Superuser, urls: Urls, team: Team, tmp_path: Path
) -> None:
    run = open_run(database, superuser, team.recruiter, 1)
    launcher(database, tmp_path, TAKES_THE_WHEEL, urls.login).start_process(run.drive_id)
    until(lambda: process_of(superuser, run.drive_id))
    superuser.execute("UPDATE runs SET lease_until = clock_timestamp() + interval '1 hour' WHERE id = %s", [run.run_id])
    assert not needs_a_driver(superuser, run.run_id)
    kill_children(signal.SIGKILL)
    until(lambda: needs_a_driver(superuser, run.run_id))


def test_a_process_that_is_killed_before_it_drives_is_replaced_at_once(
    database: Database, superuser: Superuser, team: Team, tmp_path: Path
) -> None:
    run = open_run(database, superuser, team.recruiter, 1)
    assert launcher(database, tmp_path, "import os; os.kill(os.getpid(), 9)").start_drive(run.drive_id)
    until(lambda: needs_a_driver(superuser, run.run_id), seconds=8)


def test_a_process_that_fails_by_itself_is_not_replaced_at_once(
    database: Database, superuser: Superuser, team: Team, tmp_path: Path
) -> None:
    run = open_run(database, superuser, team.recruiter, 1)
    starter = launcher(database, tmp_path, "raise SystemExit(3)")
    assert starter.start_drive(run.drive_id)
    until(lambda: not any(thread.name.startswith("reaper") for thread in threading.enumerate()))
    assert not needs_a_driver(superuser, run.run_id)


@pytest.mark.parametrize("is_gone", [True, False], ids=["its lease passed", "it let go"])
def test_a_late_death_takes_nothing_from_a_successor(
    database: Database, superuser: Superuser, team: Team, is_gone: bool
) -> None:
    run = open_run(database, superuser, team.recruiter, 1)
    assert take_wheel(database, CLOCK, run.drive_id, "first") is not None
    expire_lease(superuser, run.run_id)
    if not is_gone:
        superuser.execute("UPDATE drives SET ended_at = clock_timestamp() WHERE id = %s", [run.drive_id])
    successor = new_drive(superuser, run.run_id)
    assert take_wheel(database, CLOCK, successor, "second") is not None
    with database.as_engine() as tx:
        assert not runs.note_dead_drive(tx, run.drive_id)
    assert not needs_a_driver(superuser, run.run_id)
