"""Where a run's process starts that somebody gave on the command line."""

import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from commands.driving import Companion
from services.domain.turns import QueueState
from services.installation import Installation
from services.runs.drive_queue import DriveQueue
from services.settings import Settings
from services.wiring import build
from tests.faults.rig import open_run, until
from tests.fixtures.postgres import Team, Urls
from tests.fixtures.redis import RedisServer


@pytest.mark.parametrize("has_own_database", [True, False], ids=["the command's own database", "one for all hosts"])
def test_no_worker_is_asked_to_drive_what_only_this_command_s_database_knows(
    urls: Urls,
    superuser: psycopg.Connection[tuple[object, ...]],
    team: Team,
    empty_redis: RedisServer,
    tmp_path: Path,
    has_own_database: bool,
) -> None:
    given = {"SOURCINGX_HOME": str(tmp_path), "DATABASE_URL": urls.login, "REDIS_URL": empty_redis.url}
    services = build(Settings(_env_file=None, **given))  # type: ignore[call-arg,arg-type]  # pydantic's own parameter, and aliases
    says_so = (sys.executable, "-c", "import sys; print(sys.argv[1])")
    services = replace(services, launcher=replace(services.launcher, command=says_so))
    if has_own_database:
        del given["DATABASE_URL"]
    here = Installation(Settings(_env_file=None, **given))  # type: ignore[call-arg,arg-type]  # as above
    run = open_run(services.database, superuser, team.recruiter, 1)
    companion = Companion(services, team.recruiter, here, run)
    companion.start_drive()
    assert companion.is_admitted
    log, queue = services.launcher.log_path, services.launcher.queue
    assert isinstance(queue, DriveQueue)
    assert queue.state() is (QueueState.OPEN if has_own_database else QueueState.FULL)
    if has_own_database:
        until(lambda: log.exists() and str(run.drive_id) in log.read_text())
    queue.close()
    services.limiter_store.close()
    services.database.close()
