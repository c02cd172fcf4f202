"""The queue to the workers: what it takes, what it says of itself, and what becomes of a start that it refuses."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from services.clock import HeldClock
from services.db import runs
from services.db.pool import Database
from services.db.runs import StartBounds
from services.domain.actors import Actor
from services.domain.runs import RunKind, StartedRun
from services.domain.turns import QueueState
from services.runs.drive_queue import LOOK_LASTS_SECONDS, DriveQueue
from services.runs.launch import Launcher
from services.runs.orders import RunRequest, Runs, TheseCandidates
from services.runs.wheel import take_wheel
from services.sweeper import Sweeper
from tests.faults.rig import new_drive, open_run
from tests.fixtures.postgres import Team
from tests.fixtures.redis import RedisServer

Superuser = psycopg.Connection[Any]
WIDE = StartBounds(8, 8)
CLOCK = HeldClock()


@pytest.fixture
def queue(empty_redis: RedisServer) -> Iterator[DriveQueue]:
    opened = DriveQueue(empty_redis.url, HeldClock())
    yield opened
    opened.close()


@pytest.fixture
def launcher(database: Database, queue: DriveQueue, tmp_path: Path) -> Launcher:
    return Launcher(database, tmp_path / "drives.log", 2, WIDE, queue=queue)


@pytest.fixture
def refusing_redis(empty_redis: RedisServer) -> Iterator[RedisServer]:
    """A server that answers and takes nothing: one that is full, or a copy that others write to."""
    with empty_redis.client() as client:
        client.config_set("min-replicas-to-write", 1)
        yield empty_redis
        client.config_set("min-replicas-to-write", 0)


def run_of(superuser: Superuser, run: StartedRun) -> tuple[Any, ...]:
    row = superuser.execute(
        "SELECT r.starts, d.started_at IS NULL FROM runs r JOIN drives d ON d.run_id = r.id WHERE r.id = %s",
        [run.run_id],
    ).fetchone()
    assert row is not None
    return row


def test_the_queue_is_open_until_a_drive_waits_in_it(queue: DriveQueue, empty_redis: RedisServer) -> None:
    assert queue.state() is QueueState.OPEN
    queue.send(uuid4())
    assert queue.state() is QueueState.FULL
    empty_redis.kill()
    try:
        assert queue.state() is QueueState.AWAY
    finally:
        empty_redis.start()
    assert queue.state() is QueueState.OPEN


def test_many_who_watch_cost_one_look_in_two_seconds(empty_redis: RedisServer) -> None:
    clock = HeldClock()
    queue = DriveQueue(empty_redis.url, clock)
    assert queue.look() is QueueState.OPEN
    queue.send(uuid4())
    clock.advance(LOOK_LASTS_SECONDS - 0.1)
    assert queue.look() is QueueState.OPEN
    clock.advance(0.2)
    assert queue.look() is QueueState.FULL
    queue.close()


def test_a_start_that_the_queue_does_not_take_is_none_however_often_it_is_tried(
    launcher: Launcher, superuser: Superuser, team: Team, refusing_redis: RedisServer
) -> None:
    run = open_run(launcher.database, superuser, team.recruiter, 1)
    assert not launcher.start_drive(run.drive_id)
    sweeper = Sweeper(launcher.database, CLOCK, launcher, "one")
    assert [sweeper.sweep() for _ in range(3)] == [[], [], []]
    assert run_of(superuser, run) == (0, True), "or the run would be given up after ten"


def test_a_start_while_redis_is_away_leaves_the_run_in_the_queue(
    launcher: Launcher, superuser: Superuser, team: Team, empty_redis: RedisServer
) -> None:
    run = open_run(launcher.database, superuser, team.recruiter, 1)
    sweeper = Sweeper(launcher.database, CLOCK, launcher, "one")
    empty_redis.kill()
    try:
        assert not launcher.start_drive(run.drive_id)
        assert sweeper.sweep() == []
        assert run_of(superuser, run) == (0, True)
    finally:
        empty_redis.start()
    assert sweeper.sweep() == [run.drive_id]


def test_nothing_more_is_admitted_while_a_drive_waits_that_no_worker_has_taken(
    launcher: Launcher, superuser: Superuser, team: Team, empty_redis: RedisServer
) -> None:
    first = open_run(launcher.database, superuser, team.recruiter, 1)
    second = open_again(launcher.database, superuser, team.recruiter)
    sweeper = Sweeper(launcher.database, CLOCK, launcher, "one")
    assert launcher.start_drive(first.drive_id)
    assert not launcher.start_drive(second.drive_id)
    let_admission_run_out(superuser, first.drive_id)
    assert sweeper.sweep() == []
    assert run_of(superuser, first) == (1, False) and run_of(superuser, second) == (0, True)
    empty_redis.wipe()
    assert len(sweeper.sweep()) == 2, "a message that is lost is sent again"


@pytest.fixture
def sent(launcher: Launcher, superuser: Superuser, team: Team) -> StartedRun:
    """A run whose drive was admitted, and is in a worker's hand."""
    run = open_run(launcher.database, superuser, team.recruiter, 1)
    assert launcher.start_drive(run.drive_id)
    return run


def let_admission_run_out(superuser: Superuser, drive_id: UUID) -> None:
    superuser.execute("UPDATE drives SET started_at = started_at - interval '11 s' WHERE id = %s", [drive_id])


def is_starting(superuser: Superuser, drive_id: UUID) -> bool:
    return superuser.execute("SELECT 1 FROM live_drives WHERE drive_id = %s", [drive_id]).fetchone() is not None


def test_an_admitted_drive_is_accepted_and_its_time_begins_anew(
    launcher: Launcher, superuser: Superuser, sent: StartedRun
) -> None:
    superuser.execute("UPDATE drives SET started_at = started_at - interval '9.5 s'")
    assert launcher.accept(sent.drive_id)
    superuser.execute("UPDATE drives SET started_at = started_at - interval '9.5 s'")
    assert is_starting(superuser, sent.drive_id)


def test_a_late_drive_is_accepted_only_if_it_is_its_run_s_turn(
    launcher: Launcher, superuser: Superuser, team: Team, sent: StartedRun
) -> None:
    let_admission_run_out(superuser, sent.drive_id)
    assert not replace(launcher, most_processes=0).accept(sent.drive_id), "there is no room"
    busy = open_again(launcher.database, superuser, team.recruiter)
    assert take_wheel(launcher.database, CLOCK, busy.drive_id, "test") is not None
    one_each = replace(launcher, most_processes=8, bounds=StartBounds(1, 8))
    assert not one_each.accept(sent.drive_id), "another run of its user goes on"
    assert not is_starting(superuser, sent.drive_id)
    assert launcher.accept(sent.drive_id)
    assert is_starting(superuser, sent.drive_id)


def open_again(database: Database, superuser: Superuser, actor: Actor) -> StartedRun:
    people = [row[0] for row in superuser.execute("SELECT id FROM candidates").fetchall()]
    with database.act_as(actor) as tx:
        return Runs(database).open(tx, actor, RunRequest(RunKind.SCREENING, TheseCandidates(people), "Another"))


def test_a_drive_that_is_driven_replaced_or_stopped_is_not_wanted_any_more(
    launcher: Launcher, superuser: Superuser, team: Team, sent: StartedRun
) -> None:
    assert not launcher.accept(uuid4())
    never_admitted = new_drive(superuser, sent.run_id)
    assert not launcher.accept(never_admitted)
    superuser.execute("UPDATE drives SET ended_at = now() WHERE id = %s", [sent.drive_id])
    assert not launcher.accept(sent.drive_id), "a successor replaced it"
    superuser.execute("UPDATE drives SET ended_at = NULL WHERE id = %s", [sent.drive_id])
    Runs(launcher.database).stop(team.recruiter, sent.run_id)
    assert not launcher.accept(sent.drive_id), "the run was stopped"


def test_a_drive_is_accepted_once_more_only_until_somebody_has_its_wheel(launcher: Launcher, sent: StartedRun) -> None:
    assert launcher.accept(sent.drive_id)
    assert take_wheel(launcher.database, CLOCK, sent.drive_id, "test") is not None
    assert not launcher.accept(sent.drive_id)
    with launcher.database.as_engine() as tx:
        runs.take_back_start(tx, sent.drive_id)
    assert not launcher.accept(sent.drive_id), "what was taken cannot be taken back"


def test_the_engine_alone_may_accept_and_take_back(database: Database, team: Team) -> None:
    for door in (f"accept_drive('{uuid4()}', 1, 1, 1)", f"take_back_start('{uuid4()}')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.act_as(team.admin) as tx:
            tx.execute(f"SELECT {door}")
