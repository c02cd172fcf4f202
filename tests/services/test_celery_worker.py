"""A worker: what it accepts, how it stays with its job processes, how it ends; and a whole run through real parts."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery.exceptions import Reject

from services import celery_worker
from services.celery_worker import PATIENCE_SECONDS, Workplace
from services.clock import HeldClock, SystemClock
from services.db import runs
from services.db.pool import Database
from services.db.positions import BriefText
from services.db.runs import StartBounds
from services.domain.runs import RunState
from services.runs.launch import JobProcess, Launcher
from services.screening import ScreeningOrder
from services.settings import Settings
from services.simulators import Simulators
from services.wiring import build
from tests.faults.rig import ROOT, ended_at_last, open_run, until
from tests.fixtures.people import make_people
from tests.fixtures.postgres import Team, Urls
from tests.fixtures.redis import RedisServer

Superuser = psycopg.Connection[Any]
Make = Callable[[str], Workplace]
BOUNDS = StartBounds(4, 4)
SAYS_SO = "import signal, sys; print(sys.argv[1], flush=True); "
HEARS = SAYS_SO + "signal.pause()"
IS_DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SAYS_SO + "signal.pause()"
PEOPLE = 20


@pytest.fixture
def make(database: Database, tmp_path: Path) -> Iterator[Make]:
    """A workplace whose job processes run this program; whatever they leave is ended with the test."""
    made: list[Workplace] = []

    def workplace(program: str) -> Workplace:
        launcher = Launcher(database, tmp_path / "drives.log", 4, BOUNDS, (sys.executable, "-c", program))
        made.append(Workplace(launcher, SystemClock()))
        return made[-1]

    yield workplace
    for one in made:
        for job in one.jobs:
            job.process.kill()


@pytest.fixture
def drive_id(database: Database, superuser: Superuser, team: Team) -> str:
    """A drive that was admitted and is in the worker's hand."""
    run = open_run(database, superuser, team.recruiter, 1)
    with database.as_engine() as tx:
        assert runs.admit_drive(tx, run.drive_id, 4, BOUNDS)
    return str(run.drive_id)


def driving(workplace: Workplace, drive_id: str) -> tuple[threading.Thread, JobProcess]:
    """The task at work in a thread, as in the worker's pool, and its process when that is up."""
    task = threading.Thread(target=workplace.drive, args=(drive_id,))
    task.start()
    log = workplace.launcher.log_path
    until(lambda: log.exists() and drive_id in log.read_text())
    [job] = workplace.jobs
    return task, job


def test_the_task_stays_until_the_process_of_its_drive_has_ended(make: Make, drive_id: str) -> None:
    workplace = make(HEARS)
    task, job = driving(workplace, drive_id)
    assert task.is_alive()
    job.process.kill()
    task.join(10)
    assert not task.is_alive() and not workplace.jobs


def test_a_worker_that_ends_tells_its_processes_and_starts_no_more(
    make: Make, drive_id: str, database: Database, superuser: Superuser, team: Team
) -> None:
    workplace = make(HEARS)
    task, job = driving(workplace, drive_id)
    workplace.is_ending.set()
    workplace.end()
    task.join(10)
    assert not task.is_alive() and job.process.returncode == -15
    superuser.execute("UPDATE drives SET ended_at = NULL")
    with pytest.raises(Reject) as refused:
        workplace.drive(drive_id)
    assert refused.value.requeue, "another worker takes it"
    assert not workplace.jobs


def test_a_worker_ends_within_its_bound_and_leaves_a_process_that_still_waits_for_an_answer(
    make: Make, drive_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celery_worker, "DRAIN_SECONDS", 0.3)
    workplace = make(IS_DEAF)
    task, job = driving(workplace, drive_id)
    workplace.is_ending.set()
    workplace.end()
    task.join(10)
    assert not task.is_alive() and job.process.poll() is None
    job.process.kill()
    job.process.wait(10)


def test_a_drive_about_which_nobody_can_be_asked_is_left_to_the_sweeper(make: Make, drive_id: str) -> None:
    clock = HeldClock()
    gone = Database("postgresql://nobody@127.0.0.1:9/nothing", wait_seconds=0.01)
    workplace = make(HEARS)
    workplace = replace(workplace, launcher=replace(workplace.launcher, database=gone), clock=clock)
    workplace.drive(drive_id)
    gone.close()
    assert not workplace.jobs and clock.steady() > PATIENCE_SECONDS


def environment_of(urls: Urls, home: Path, **settings: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "SOURCINGX_HOME": str(home),
        "DATABASE_URL": urls.login,
        "DATABASE_OWNER_URL": urls.owner,
        "SIMULATE": "1",
        **settings,
    }


def start(module: str, environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=environment, stdout=output, stderr=output)


def test_a_worker_without_redis_says_what_is_missing(urls: Urls, tmp_path: Path) -> None:
    worker = start("services.celery_worker", environment_of(urls, tmp_path), tmp_path / "worker.log")
    with ended_at_last(worker):
        assert worker.wait(60) == 1
    assert "REDIS_URL" in (tmp_path / "worker.log").read_text()


def test_a_run_is_screened_through_the_sweeper_redis_and_a_worker(
    urls: Urls, superuser: Superuser, team: Team, empty_redis: RedisServer, simulators: Simulators, tmp_path: Path
) -> None:
    simulators.faults(switches={"openai": {"keys": "any"}})
    told = {"REDIS_URL": empty_redis.url, "OPENAI_BASE_URL": simulators.openai_url}
    environment = environment_of(urls, tmp_path / "home", **told)
    services = build(Settings(_env_file=None, **environment))  # type: ignore[call-arg,arg-type]  # pydantic's own parameter, and aliases
    actor = team.recruiter
    position = services.positions.create(actor, "Engineer", BriefText("Builds.", "Python", "", ""), approve=True)
    chosen = services.lists.create(actor, "People")
    services.lists.add(actor, chosen.id, make_people(superuser, team, PEOPLE))
    order = ScreeningOrder(position_id=position.position_id, list_id=chosen.id, extras=False)
    run_id = services.screening.start(actor, order).run_id

    with ExitStack() as parts:
        for module in ("services.sweeper", "services.celery_worker"):
            process = start(module, environment, tmp_path / f"{module}.log")
            parts.enter_context(ended_at_last(process))
            parts.callback(process.wait, 30)
            parts.callback(process.terminate)
        until(lambda: services.runs.progress(actor, run_id).state.is_final, 60)
    progress = services.runs.progress(actor, run_id)
    assert progress.state is RunState.SUCCEEDED and progress.done + progress.skipped == PEOPLE
    charged = {call["attempt_id"] for call in simulators.ledger("openai") if call["charged"]}
    ours = superuser.execute("SELECT intent_id::text FROM ledger WHERE status = 'charged'").fetchall()
    assert charged and charged == {row[0] for row in ours}
    finished = superuser.execute("SELECT count(*) FROM drives WHERE outcome = 'finished'").fetchone()
    assert finished == (1,)
    services.database.close()
