"""A provider that fails for everybody, or refuses the key: few calls are wasted, work waits, and nobody fails."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from structlog.testing import capture_logs

from ratelimit import Limit, LocalStore, Policy
from services.clock import SystemClock
from services.db.candidate_rows import candidate_row
from services.db.pool import Database
from services.db.positions import BriefText
from services.domain.actors import Actor
from services.domain.dates import month_of
from services.domain.profiles import Profile, Role
from services.domain.runs import RunKind, RunState, StartedRun
from services.limits import LimiterGate
from services.positions import Positions
from services.providers.openai import OpenAIChat
from services.runs.driver import Driver, DriveSettings
from services.runs.flight import SHARED
from services.runs.orders import RunRequest, Runs, TheseCandidates
from services.runs.outcomes import RetryPolicy
from services.runs.wheel import take_wheel
from services.screening_work import ScreeningWork
from services.simulators import Simulators
from tests.faults.rig import until
from tests.fixtures.postgres import Team

OUTAGE_SECONDS = 20.0
PEOPLE = 40
MANY = 120
CLOCK = SystemClock()
MODEL = "gpt-6-luna"
POLICY = Policy(f"openai:{MODEL}", (Limit("requests", 3_000, 60.0), Limit("tokens", 20_000_000, 60.0)))
BRIEF = BriefText("Backend team.", "Python in production", "", "")
TODAY = month_of(datetime.now(UTC).date())


@dataclass
class Floor:
    """One machine: its database, its limiter's store, and simulated providers that are told what to do."""

    database: Database
    superuser: psycopg.Connection[Any]
    team: Team
    simulators: Simulators
    store_path: Path

    @property
    def actor(self) -> Actor:
        return self.team.recruiter

    @property
    def runs(self) -> Runs:
        return Runs(self.database)

    def order(self, people: int = PEOPLE) -> StartedRun:
        saved = Positions(self.database).create(self.actor, f"Engineer {uuid4().hex[:6]}", BRIEF, approve=True)
        request = RunRequest(
            RunKind.SCREENING,
            TheseCandidates([self.person(number) for number in range(people)]),
            "A run",
            version_id=saved.version_id,
            parameters={"extras": False, "as_of_month": int(TODAY)},
        )
        with self.database.act_as(self.actor) as tx:
            return self.runs.open(tx, self.actor, request)

    def person(self, number: int) -> int:
        role = Role("Engineer", f"Orbis {number}", "2016-01", "", True, "Python in production.")
        row = candidate_row(Profile(full_name=f"Person {number}", roles=(role,), skills=("Python",)), 1, TODAY)
        with self.database.act_as(self.actor) as tx:
            found = tx.execute(
                "INSERT INTO candidates (org_id, profile_url, full_name) VALUES (current_org(), %s, %s) RETURNING id",
                [f"https://www.linkedin.com/in/{uuid4()}", f"Person {number}"],
            ).fetchone()
            assert found is not None
            tx.execute(
                "INSERT INTO candidate_profiles (candidate_id, org_id, profile, snapshot_hash)"
                " VALUES (%s, current_org(), %s, %s)",
                [found[0], row.profile, row.snapshot_hash],
            )
        return int(found[0])

    def drive(self, drive_id: UUID) -> RunState:
        """Drive to rest as a process of its own would: with its own gate and its own line to the shared store."""
        wheel = take_wheel(self.database, CLOCK, drive_id, "test")
        assert wheel is not None
        store = LocalStore(self.store_path)
        gate = LimiterGate(store, {"openai": POLICY}, self.database)
        work = ScreeningWork(CLOCK, OpenAIChat("sk-test", self.simulators.openai_url, 2.0), MODEL)
        settings = DriveSettings(400, RetryPolicy(2, {"openai": 1}))

        async def once() -> RunState:
            return await Driver(CLOCK, wheel, work, gate, settings).drive()

        try:
            return asyncio.run(once())
        finally:
            gate.close()
            store.close()

    @contextmanager
    def driven(self, drive_id: UUID) -> Iterator[list[RunState]]:
        """Drive beside the block; how it ended is in the list when the block is left."""
        ended: list[RunState] = []
        thread = threading.Thread(target=lambda: ended.append(self.drive(drive_id)))
        thread.start()
        try:
            yield ended
        finally:
            thread.join(60)

    def calls(self) -> list[dict[str, Any]]:
        return self.simulators.ledger("openai")

    def trouble(self) -> Any:
        store = LocalStore(self.store_path)
        try:
            return store.picture(POLICY).trouble
        finally:
            store.close()

    def results(self, run: StartedRun) -> tuple[int, int]:
        query = "SELECT count(*), count(DISTINCT candidate_id) FROM screenings WHERE run_id = %s"
        return self.superuser.execute(query, [run.run_id]).fetchone() or (0, 0)


@pytest.fixture
def floor(
    database: Database, superuser: psycopg.Connection[Any], team: Team, simulators: Simulators, tmp_path: Path
) -> Iterator[Floor]:
    with capture_logs():
        yield Floor(database, superuser, team, simulators, tmp_path / "limiter.sqlite3")


@pytest.mark.timeout(150)
def test_an_outage_wastes_few_calls_fails_nobody_and_the_run_ends_by_itself(floor: Floor) -> None:
    run = floor.order(MANY)
    floor.simulators.faults({"provider": "openai", "outcome": {"kind": "status", "status": 500}})
    with floor.driven(run.drive_id) as ended:
        trouble = until(floor.trouble)
        began = time.monotonic()
        assert trouble.reason == "It reports faults of its own." and trouble.since_seconds < 5
        until(lambda: time.monotonic() >= began + OUTAGE_SECONDS, OUTAGE_SECONDS + 5)
        wasted = len(floor.calls())
        floor.simulators.faults(clear=True)
        until(lambda: ended, 45)
    progress = floor.runs.progress(floor.actor, run.run_id)
    assert (ended, progress.done, progress.message) == ([RunState.SUCCEEDED], MANY, "")
    assert floor.results(run) == (MANY, MANY)
    assert floor.trouble() is None
    # What was in the air when it opened, and one probe after 2, 4, 8 and 16 seconds less their jitter. Two tries for
    # each person would have been twice MANY, and would have failed them all within seconds.
    assert wasted <= SHARED + 5
    sent = floor.superuser.execute("SELECT count(*) FROM ledger WHERE run_id = %s", [run.run_id]).fetchone()
    assert sent == (len(floor.calls()),)


@pytest.mark.parametrize("steer", ["pause", "stop"])
def test_a_person_can_pause_or_stop_a_run_that_waits_behind_the_breaker(floor: Floor, steer: str) -> None:
    run = floor.order()
    floor.simulators.faults({"provider": "openai", "outcome": {"kind": "status", "status": 500}})
    with floor.driven(run.drive_id) as ended:
        until(lambda: (trouble := floor.trouble()) and trouble.retry_seconds > 3, 30)
        getattr(floor.runs, steer)(floor.actor, run.run_id)
        asked = time.monotonic()
        until(lambda: ended)
        # A beat is read every two seconds; the rest is what a busy machine takes to come to rest.
        assert time.monotonic() - asked < 3.5
    assert ended == [RunState.PAUSED if steer == "pause" else RunState.STOPPED]
    assert floor.runs.progress(floor.actor, run.run_id).left == PEOPLE


def test_what_one_run_learns_of_an_empty_account_no_other_run_finds_out_for_itself(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ratelimit.breaker.REFUSED_OPEN_SECONDS", 6.0)
    first, second = floor.order(), floor.order()
    floor.simulators.faults({"provider": "openai", "outcome": "insufficient_quota"})
    assert floor.drive(first.drive_id) is RunState.PAUSED
    assert "OPENAI_API_KEY" in floor.runs.progress(floor.actor, first.run_id).message
    learned = len(floor.calls())
    with floor.driven(second.drive_id) as ended:
        until(lambda: taken(floor, second))
        until_retry(floor)
        assert len(floor.calls()) == learned, "while it is known, nobody asks again"
        # Somebody has paid: the next look finds that out, and the run goes on by itself.
        floor.simulators.faults(clear=True)
        until(lambda: ended, 30)
    assert ended == [RunState.SUCCEEDED] and floor.results(second) == (PEOPLE, PEOPLE)
    assert len(floor.calls()) == learned + PEOPLE
    again = floor.runs.resume(floor.actor, first.run_id)
    assert floor.drive(again.drive_id) is RunState.SUCCEEDED


def taken(floor: Floor, run: StartedRun) -> bool:
    return floor.runs.progress(floor.actor, run.run_id).state is RunState.RUNNING


def until_retry(floor: Floor, seconds: float = 0.5) -> None:
    """Wait until the breaker is about to let a call try."""

    def is_near() -> bool:
        trouble = floor.trouble()
        return trouble is not None and trouble.retry_seconds < seconds

    until(is_near)
