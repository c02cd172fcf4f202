"""Several hosts: whatever happens to a worker, its job processes or Redis, each run ends by itself and is paid once."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest

from services.db.pool import Database
from services.runs.celery_app import make_celery
from tests.faults.fleet import Fleet, zombies_of
from tests.faults.rig import RESULTS, Behaviour, Shop
from tests.faults.rig import until as until_within
from tests.fixtures.postgres import Urls
from tests.fixtures.redis import RedisServer

until = partial(until_within, seconds=40.0)
IDS = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
LONG = 80
"""So many people that something can be done to a run in its middle."""


@pytest.fixture(scope="module")
def fleet(module_urls: Urls, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One installation for all these tests, since a worker takes two seconds to start; each makes runs of its own."""
    redis_server.wipe()
    database = Database(module_urls.login)
    with psycopg.connect(module_urls.superuser, autocommit=True) as superuser:
        superuser.execute(RESULTS)
        made = Fleet(module_urls, database, superuser, redis_server, Shop(), tmp_path_factory.mktemp("fleet"))
        yield made
        made.close()
    database.close()


@pytest.fixture(autouse=True)
def usual_pace(fleet: Fleet) -> None:
    fleet.shop.choose = lambda _number, _item: Behaviour(seconds=0.05)


def test_while_no_worker_lives_one_message_waits_with_one_drive_s_id_and_is_driven_late(fleet: Fleet) -> None:
    run = fleet.start(10)
    second = fleet.open_run(10)
    assert not fleet.launcher.start_drive(second.drive_id), "it would only wait behind the first, out of turn"
    fleet.admission_runs_out(run)
    assert fleet.sweep() == []
    assert fleet.waiting() == 1 and fleet.outcomes(run) == fleet.outcomes(second) == [""]
    assert fleet.value("SELECT max(starts) FROM runs") == 1, "to wait for a worker is not to get nowhere"

    [message] = fleet.messages()
    assert json.loads(b64decode(message["body"]))[:2] == [[str(run.drive_id)], {}]
    assert message["content-type"] == "application/json"
    delivery = {message["properties"][name] for name in ("delivery_tag", "reply_to")}
    assert set(IDS.findall(json.dumps(message))) - delivery == {str(run.drive_id)}
    assert not {"cookies", "Cookie", "args", "context"} & set(message["headers"])

    fleet.worker()
    fleet.ends_well(run, second)
    assert fleet.outcomes(run) == fleet.outcomes(second) == ["finished"]


def test_the_worker_that_waited_for_it_tells_of_a_killed_job_process_on_any_host(fleet: Fleet) -> None:
    worker = fleet.worker()
    run = fleet.start(LONG)
    until(lambda: fleet.done(run) > 20)
    [job] = fleet.job_processes()
    fleet.move_to_another_host(run)
    job.kill()
    fleet.ends_well(run)
    assert fleet.outcomes(run) == ["lost", "finished"]
    assert zombies_of(worker) == []


def test_redis_may_end_and_come_back_empty_in_the_middle_of_a_run(fleet: Fleet) -> None:
    worker = fleet.worker()
    run, next_run = fleet.start(LONG), fleet.open_run(10)
    until(lambda: fleet.done(run) > 20)
    fleet.redis.kill()
    assert not fleet.launcher.start_drive(next_run.drive_id)
    assert fleet.sweep() == []
    until(lambda: worker.text().count("worker.queue.away") >= 3)
    fleet.redis.start()
    fleet.ends_well(run, next_run)
    assert fleet.outcomes(run) == fleet.outcomes(next_run) == ["finished"]


def test_a_flushed_redis_loses_messages_and_no_run(fleet: Fleet) -> None:
    fleet.worker()
    running = [fleet.start(LONG) for _ in range(fleet.places)]
    until(lambda: all(fleet.done(run) for run in running))
    lost = fleet.start(10)
    assert fleet.waiting() == 1, "the worker takes no more than it has places"
    fleet.redis.wipe()
    fleet.admission_runs_out(lost)
    fleet.ends_well(*running, lost)
    assert fleet.value("SELECT outcome FROM drives WHERE id = %s", lost.drive_id) == "never began"
    assert fleet.outcomes(lost) == ["finished"]
    assert [fleet.outcomes(run) for run in running] == [["finished"]] * fleet.places


def test_nobody_can_end_a_run_through_redis(fleet: Fleet) -> None:
    fleet.worker()
    run = fleet.start(LONG)
    until(lambda: fleet.done(run))
    celery = make_celery(fleet.redis.url)
    celery.control.revoke(str(run.drive_id), terminate=True, signal="SIGKILL")
    assert celery.control.ping(timeout=0.5) == [], "no worker listens"
    celery.close()
    fleet.ends_well(run)
    assert fleet.outcomes(run) == ["finished"]


@pytest.mark.parametrize("is_away", [False, True], ids=["", "while Redis is away"])
def test_a_worker_told_to_end_hands_over_without_an_unknown_call(fleet: Fleet, is_away: bool) -> None:
    worker = fleet.worker()
    fleet.shop.choose = lambda _number, _item: Behaviour(seconds=0.5)
    run = fleet.start(30)
    until(lambda: fleet.done(run) > 4)
    if is_away:
        fleet.redis.kill()
        until(lambda: "worker.queue.away" in worker.text())
    assert worker.end() == 0
    assert fleet.job_processes() == []
    if is_away:
        fleet.redis.start()
    fleet.worker(visibility_seconds=1.0)
    fleet.ends_well(run)
    assert fleet.outcomes(run) == ["drained", "finished"]
    assert fleet.unknown(run) == 0


def test_a_message_that_is_handed_out_again_while_its_run_is_driven_comes_to_nothing(fleet: Fleet) -> None:
    worker = fleet.worker(visibility_seconds=1.0)
    run = fleet.start(LONG)
    until(lambda: f'"{run.drive_id}", "event": "run.drive.unwanted"' in worker.text())
    assert fleet.done(run) < LONG
    assert len(fleet.job_processes()) == 1
    fleet.ends_well(run)
    assert fleet.outcomes(run) == ["finished"]


def test_a_killed_worker_takes_no_run_with_it_and_a_lost_host_is_replaced(fleet: Fleet) -> None:
    worker = fleet.worker()
    outlives, dies = fleet.start(LONG), fleet.start(LONG)
    until(lambda: fleet.done(outlives) and fleet.done(dies))
    worker.kill()
    [job] = [job for job in fleet.job_processes() if str(dies.drive_id) in job.cmdline()]
    job.kill()
    fleet.worker()
    fleet.ends_well(outlives, dies)
    assert fleet.outcomes(outlives) == ["finished"], "its process went on without the worker"
    assert fleet.outcomes(dies) == ["lost", "finished"]
