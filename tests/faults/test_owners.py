"""Who drives: a frozen driver, a poisonous item, a told driver, and a checker that can see what is wrong."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from services.db.pool import Database
from services.domain.runs import RunState
from services.runs.orders import Runs
from tests.faults.check import check_run
from tests.faults.rig import (
    RESULTS,
    Behaviour,
    Errand,
    Shop,
    ended_at_last,
    expire_lease,
    new_drive,
    open_run,
    start_driver,
    until,
)
from tests.fixtures.postgres import Team, Urls

Superuser = psycopg.Connection[Any]


@pytest.fixture
def shop(superuser: Superuser) -> Iterator[Shop]:
    superuser.execute(RESULTS)
    opened = Shop()
    yield opened
    opened.close()


def test_a_driver_frozen_past_its_lease_sends_and_writes_nothing_more(
    database: Database, superuser: Superuser, team: Team, urls: Urls, shop: Shop
) -> None:
    shop.choose = lambda _number, _item: Behaviour(seconds=0.05)
    run = open_run(database, superuser, team.recruiter, 150)
    errand = Errand(urls.login, {"url": shop.url})
    frozen = start_driver(errand, run.drive_id)
    with ended_at_last(frozen):
        until(lambda: len(shop.arrivals) >= 20)
        os.kill(frozen.pid, signal.SIGSTOP)
        expire_lease(superuser, run.run_id)
        second = start_driver(errand, new_drive(superuser, run.run_id))
        with ended_at_last(second):
            until(lambda: len(shop.arrivals) >= 60)
            os.kill(frozen.pid, signal.SIGCONT)
            assert frozen.wait(15) == 0
            assert second.wait(30) == 0
    assert Runs(database).progress(team.recruiter, run.run_id).state is RunState.SUCCEEDED
    # A call between its last check and its bytes when the freeze came is outside the promise; one more is not.
    assert not check_run(superuser, run.run_id, shop.arrivals).complaints


def test_an_item_that_kills_its_process_twice_is_a_dead_letter_and_the_run_goes_on(
    database: Database, superuser: Superuser, team: Team, urls: Urls, shop: Shop
) -> None:
    run = open_run(database, superuser, team.recruiter, 25)
    errand = Errand(urls.login, {"url": shop.url, "dies_preparing": 12})
    drive_id = run.drive_id
    for _ in range(3):
        process = start_driver(errand, drive_id)
        with ended_at_last(process):
            if process.wait(30) == 0:
                break
        expire_lease(superuser, run.run_id)
        drive_id = new_drive(superuser, run.run_id)
    progress = Runs(database).progress(team.recruiter, run.run_id)
    assert (progress.state, progress.done, progress.failed) == (RunState.SUCCEEDED, 24, 1)
    reasons = superuser.execute("SELECT position, reason_code FROM run_items WHERE state = 'failed'").fetchall()
    assert reasons == [(12, "dead_letter")]
    assert not check_run(superuser, run.run_id, shop.arrivals).complaints


def test_a_driver_told_to_end_lets_its_calls_come_back_and_hands_over_without_unknowns(
    database: Database, superuser: Superuser, team: Team, urls: Urls, shop: Shop
) -> None:
    shop.choose = lambda _number, _item: Behaviour(seconds=0.2)
    run = open_run(database, superuser, team.recruiter, 60)
    errand = Errand(urls.login, {"url": shop.url})
    first = start_driver(errand, run.drive_id)
    with ended_at_last(first):
        until(lambda: len(shop.arrivals) >= 10)
        first.terminate()
        assert first.wait(10) == 0
    second = start_driver(errand, new_drive(superuser, run.run_id))
    with ended_at_last(second):
        assert second.wait(30) == 0
    assert superuser.execute("SELECT count(*) FROM ledger WHERE status = 'unknown'").fetchone() == (0,)
    assert len(shop.charged) == 60
    assert not check_run(superuser, run.run_id, shop.arrivals).complaints


def run_to_the_end(database: Database, superuser: Superuser, team: Team, urls: Urls, shop: Shop) -> Any:
    run = open_run(database, superuser, team.recruiter, 10)
    process = start_driver(Errand(urls.login, {"url": shop.url}), run.drive_id)
    with ended_at_last(process):
        assert process.wait(30) == 0
    assert not check_run(superuser, run.run_id, shop.arrivals).complaints
    return run.run_id


BREAKAGES = {
    "I1": "DELETE FROM answers WHERE item_id = (SELECT min(item_id) FROM answers)",
    "I2": "DELETE FROM ledger WHERE id = (SELECT min(id) FROM ledger)",
    "I6": "UPDATE intents SET fence = fence + 7 WHERE id = (SELECT id FROM intents LIMIT 1)",
    "I7": "UPDATE runs SET lease_until = now()",
}


def test_the_checker_sees_each_kind_of_breakage(
    database: Database, superuser: Superuser, team: Team, urls: Urls, shop: Shop
) -> None:
    run_id = run_to_the_end(database, superuser, team, urls, shop)
    for invariant, breakage in BREAKAGES.items():
        with superuser.transaction(force_rollback=True):
            superuser.execute(breakage)
            complaints = check_run(superuser, run_id, shop.arrivals).complaints
        assert any(complaint.startswith(invariant) for complaint in complaints), invariant
    repeated = [*shop.arrivals, shop.arrivals[0]]
    assert any("charged 2 times" in complaint for complaint in check_run(superuser, run_id, repeated).complaints)


def test_the_checker_sees_a_driver_that_forgets_what_its_predecessor_sent(
    database: Database, superuser: Superuser, team: Team, urls: Urls, shop: Shop
) -> None:
    """A build without the settlement of lost calls: the successor repeats them, and nothing says so."""
    shop.choose = lambda _number, _item: Behaviour(seconds=0.1)
    run = open_run(database, superuser, team.recruiter, 20)
    first = start_driver(Errand(urls.login, {"url": shop.url}, kill_at="answered:3"), run.drive_id)
    with ended_at_last(first):
        assert first.wait(20) == -signal.SIGKILL
    expire_lease(superuser, run.run_id)
    superuser.execute("UPDATE intents SET state = 'withdrawn' WHERE state IN ('planned', 'sent')")
    superuser.execute("UPDATE run_items SET state = 'waiting' WHERE state IN ('claimed', 'sent')")
    second = start_driver(Errand(urls.login, {"url": shop.url}), new_drive(superuser, run.run_id))
    with ended_at_last(second):
        assert second.wait(30) == 0
    complaints = check_run(superuser, run.run_id, shop.arrivals).complaints
    assert any(complaint.startswith("I2") for complaint in complaints)
