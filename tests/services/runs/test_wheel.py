"""Who may drive, asked at the same instant by processes that know nothing of each other."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from services.clock import SystemClock
from services.db.pool import Database
from services.runs.wheel import Wheel, WheelLost, take_wheel
from tests.faults.rig import at_once, expire_lease, new_drive, open_run
from tests.fixtures.postgres import Team, Urls

Superuser = psycopg.Connection[Any]
ROUNDS = 8
RIVALS = 4


@pytest.fixture
def processes(urls: Urls) -> Iterator[list[Database]]:
    """As many databases as there would be processes, each with a connection of its own that is open already."""
    opened = [Database(urls.login, max_connections=1) for _ in range(RIVALS)]
    for database in opened:
        with database.as_engine() as tx:
            tx.execute("SELECT 1")
    yield opened
    for database in opened:
        database.close()


def rival(database: Database, drive_id: Any) -> Callable[[], Wheel | None]:
    return lambda: take_wheel(database, SystemClock(), drive_id, "rival")


@pytest.mark.parametrize("is_redelivered", [False, True], ids=["drives of their own", "one drive, delivered often"])
def test_of_processes_that_want_a_run_at_one_instant_exactly_one_drives(
    is_redelivered: bool, processes: list[Database], superuser: Superuser, team: Team
) -> None:
    run = open_run(processes[0], superuser, team.recruiter, 1)
    before: Wheel | None = None
    for fence in range(1, ROUNDS + 1):
        one = new_drive(superuser, run.run_id)
        drives = [one if is_redelivered else new_drive(superuser, run.run_id) for _ in processes]
        wheels = at_once([rival(database, drive) for database, drive in zip(processes, drives, strict=True)])
        [wheel] = [wheel for wheel in wheels if wheel is not None]
        assert wheel.run.fence == fence, "each taking has a fence of its own"
        if before is not None:
            with pytest.raises(WheelLost):
                before.beat(0.0)
        before = wheel
        expire_lease(superuser, run.run_id)


def test_a_late_beat_and_a_successor_at_one_instant_leave_one_driver(
    processes: list[Database], superuser: Superuser, team: Team
) -> None:
    """Either the beat came first and the successor is turned away, or the successor did and the beat is refused."""

    def beats(wheel: Wheel) -> bool:
        try:
            wheel.beat(1.0)
        except WheelLost:
            return False
        return True

    run = open_run(processes[0], superuser, team.recruiter, 1)
    holder = take_wheel(processes[0], SystemClock(), run.drive_id, "holder")
    for _ in range(ROUNDS):
        assert holder is not None
        expire_lease(superuser, run.run_id)
        owner, drive_id = holder, new_drive(superuser, run.run_id)
        kept, taken = at_once([lambda owner=owner: beats(owner), rival(processes[1], drive_id)])
        assert kept is (taken is None)
        holder = holder if kept else taken


def test_each_beat_says_how_many_runs_of_the_same_kind_are_driven_now(
    database: Database, superuser: Superuser, team: Team, rivals: Team
) -> None:
    first = take_wheel(database, SystemClock(), open_run(database, superuser, team.recruiter, 1).drive_id, "one")
    assert first is not None and first.beat(0.0).live_runs == 1
    later = open_run(database, superuser, rivals.recruiter, 1)
    second = take_wheel(database, SystemClock(), later.drive_id, "two")
    assert second is not None
    assert (first.beat(0.0).live_runs, second.beat(0.0).live_runs) == (2, 2)
    superuser.execute("UPDATE runs SET kind = 'emails' WHERE id = %s", [later.run_id])
    assert first.beat(0.0).live_runs == 1
    superuser.execute("UPDATE runs SET kind = 'screening' WHERE id = %s", [later.run_id])
    expire_lease(superuser, later.run_id)
    assert first.beat(0.0).live_runs == 1
