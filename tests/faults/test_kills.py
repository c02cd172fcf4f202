"""A driver dies at every step of a call, freezes, or meets another; what it leaves is put right."""

import random
import signal
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from services.db.pool import Database
from services.runs.checkpoints import Step
from tests.faults.check import check_run
from tests.faults.rig import (
    RESULTS,
    Errand,
    Shop,
    ended_at_last,
    expire_lease,
    new_drive,
    open_run,
    start_driver,
)
from tests.fixtures.postgres import Team, Urls
from tests.intensity import IS_TORTURE, SEEDS

Superuser = psycopg.Connection[Any]


@pytest.fixture
def shop(superuser: Superuser) -> Iterator[Shop]:
    superuser.execute(RESULTS)
    opened = Shop()
    yield opened
    opened.close()


def state_of(superuser: Superuser, run_id: object) -> str:
    row = superuser.execute("SELECT state FROM runs WHERE id = %s", [run_id]).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("step", list(Step))
def test_a_driver_killed_at_any_step_leaves_one_result_and_one_charge_each(
    step: Step, seed: int, database: Database, superuser: Superuser, team: Team, urls: Urls, shop: Shop
) -> None:
    nth = random.Random(f"kill {step} {seed}").randint(1, 3 if IS_TORTURE else 2)
    run = open_run(database, superuser, team.recruiter, 60)
    errand = Errand(urls.login, {"url": shop.url}, kill_at=f"{step}:{nth}")
    first = start_driver(errand, run.drive_id)
    with ended_at_last(first):
        assert first.wait(20) == -signal.SIGKILL
    expire_lease(superuser, run.run_id)
    second = start_driver(Errand(urls.login, {"url": shop.url}), new_drive(superuser, run.run_id))
    with ended_at_last(second):
        assert second.wait(30) == 0
    assert state_of(superuser, run.run_id) == "succeeded"
    assert not check_run(superuser, run.run_id, shop.arrivals).complaints
    charged_twice = len(shop.charged) - 60
    unknown = superuser.execute("SELECT count(*) FROM ledger WHERE status = 'unknown'").fetchone()
    assert unknown is not None and charged_twice <= unknown[0] <= errand.most_in_flight
