"""The installation's status: what it tells, to whom, from how few looks, and by which indexes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ratelimit import Lane, Limit, Limiter, MemoryStore, Policy, no_past
from ratelimit.breaker import LEAST_ALL_FAILED
from services.clock import HeldClock
from services.db import housekeeping as deeds
from services.db import runs
from services.db import status as db
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.runs import RunKind
from services.domain.status import LATENCY_BOUNDS_MS, Deed, InstallationStatus, Light, ProviderStatus
from services.errors import NotAllowed
from services.housekeeping import Housekeeping
from services.limits import StoreWatch
from services.runs.orders import RunRequest, Runs, StartedRun, TheseCandidates
from services.runs.process import machine
from services.status import LOOK_LASTS_SECONDS, MOST_CALLS, TIMES_ITS_COST, Status, pids_here
from services.turns import Turns
from tests.faults.rig import make_candidates, open_run
from tests.fixtures.postgres import Team

Superuser = psycopg.Connection[Any]
POLICIES = {
    "openai": Policy("openai:m", (Limit("requests", 12, 60.0),)),
    "phantombuster": Policy("phantombuster", (), concurrency=2),
}
MODES = {"openai": "simulated", "phantombuster": "live", "sheets": "not connected"}
MANY = 30_000
ONE = {"requests": 1}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def limiter(store: MemoryStore) -> Iterator[Limiter]:
    opened = Limiter(store, POLICIES["openai"], history=no_past)
    yield opened
    opened.close()


@pytest.fixture
def status(database: Database, store: MemoryStore, tmp_path: Path) -> Status:
    clock = HeldClock()
    return Status(
        database,
        clock,
        tmp_path,
        MODES,
        Turns(store, POLICIES, {RunKind.SCREENING: "openai"}, clock),
        StoreWatch(store, POLICIES["openai"]),
        None,
        Housekeeping(database, clock, tmp_path, tmp_path),
        most_processes=8,
        server_pid=lambda: None,
    )


def provider(status: Status, name: str) -> ProviderStatus:
    return next(one for one in status.look().providers if one.provider == name)


def book(
    superuser: Superuser, team: Team, outcome: str, code: str, milliseconds: int, ago: str = "1 minute", calls: int = 1
) -> None:
    superuser.execute("SET session_replication_role = replica")
    superuser.execute(
        "INSERT INTO ledger (org_id, user_id, intent_id, provider, operation, status, error_code, duration_ms, at,"
        " tokens_in, tokens_cached) SELECT %s, %s, gen_random_uuid(), 'openai', 'screen', %s, %s, %s,"
        " now() - %s::interval, 100, 25 FROM generate_series(1, %s)",
        [team.org_id, team.recruiter.user_id, outcome, code, milliseconds, ago, calls],
    )
    superuser.execute("RESET session_replication_role")


def order(database: Database, superuser: Superuser, actor: Actor, runs_wanted: int = 1) -> list[StartedRun]:
    people = make_candidates(superuser, actor.org_id, 1)
    with database.act_as(actor) as tx:
        request = RunRequest(RunKind.SCREENING, TheseCandidates(people), "Work")
        return [Runs(database).open(tx, actor, request) for _ in range(runs_wanted)]


# Who may know what


def test_an_operator_sees_the_whole_queue_and_an_admin_only_the_own_organizations(
    status: Status, superuser: Superuser, team: Team, rivals: Team
) -> None:
    order(status.database, superuser, team.recruiter)
    order(status.database, superuser, rivals.recruiter, 2)
    operator = replace(team.recruiter, is_operator=True)
    seen = {who: status.report(actor) for who, actor in (("operator", operator), ("admin", team.admin))}
    assert (seen["operator"].queue.runs("queued"), seen["operator"].is_whole_queue) == (3, True)
    assert (seen["admin"].queue.runs("queued"), seen["admin"].is_whole_queue) == (1, False)
    assert (seen["admin"].queue.oldest_wait_seconds or 0) > 0


@pytest.mark.parametrize("who", ["recruiter", "colleague", "manager"])
def test_nobody_else_is_told(status: Status, team: Team, who: str) -> None:
    actor: Actor = getattr(team, who)
    with pytest.raises(NotAllowed):
        status.report(actor)


def test_no_name_and_no_id_of_anybody_is_in_it(
    status: Status, superuser: Superuser, team: Team, rivals: Team, limiter: Limiter
) -> None:
    open_run(status.database, superuser, rivals.recruiter, 1)
    limiter.acquire_blocking(Lane(str(rivals.org_id), str(rivals.recruiter.user_id)), ONE).done()
    told = repr(status.report(team.admin))
    for private in (rivals.org_id, rivals.recruiter.user_id, rivals.recruiter.name, rivals.recruiter.email):
        assert str(private) not in told


def test_the_engine_alone_may_look_at_all_organizations(database: Database, team: Team) -> None:
    for door in ("live_runs_by_state()", "recent_calls('1 s', 1, '{1}')", "sweeper_standing()", "count_live_drives()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.act_as(team.admin) as tx:
            tx.execute(f"SELECT * FROM {door}")


# What is told


def test_calls_of_the_last_quarter_of_an_hour_are_told_with_their_failures_and_times(
    status: Status, superuser: Superuser, team: Team
) -> None:
    book(superuser, team, "charged", "", 700, calls=6)
    book(superuser, team, "failed", "http_500", 90, calls=3)
    book(superuser, team, "unknown", "", 60_000)
    book(superuser, team, "failed", "http_500", 90, ago="16 minutes", calls=50)
    recent = provider(status, "openai").recent
    assert (recent.calls, recent.failed, recent.unknown) == (10, 3, 1)
    assert recent.failures == {"http_500": 3, "unknown": 1}
    assert recent.failed_share == 0.4 and recent.cached_share == 0.25
    assert 500 <= (recent.median_ms or 0) <= 1000 and 30_000 < (recent.slow_ms or 0) <= 60_000
    assert provider(status, "openai").light is Light.LOOK
    assert provider(status, "phantombuster").recent.calls == 0


def test_the_limits_in_use_and_those_who_wait_are_told(status: Status, limiter: Limiter) -> None:
    limiter.acquire_blocking(Lane("org", "user"), ONE).done()
    told = provider(status, "openai")
    assert [(limit.name, limit.used, limit.allowed, limit.window_seconds) for limit in told.limits] == [
        ("requests", 1, 12, 60.0)
    ]
    assert told.light is Light.WORKS
    other = provider(status, "phantombuster")
    assert (other.open_calls, other.most_open_calls, other.limits) == (0, 2, ())
    assert provider(status, "sheets").light is Light.OFF


def test_a_provider_that_fails_is_told_with_since_when_and_why(status: Status, limiter: Limiter) -> None:
    permit = limiter.acquire_blocking(Lane("org", "user"), ONE)
    for _ in range(LEAST_ALL_FAILED):
        permit.failed("The provider answered with an error.")
    permit.done()
    told = provider(status, "openai")
    assert told.light is Light.FAILS and told.outage is not None
    assert told.outage.reason == "The provider answered with an error." and told.outage.retry_at > told.outage.since


def test_what_the_sweeper_did_is_counted_under_its_fence_only(status: Status) -> None:
    with status.database.as_engine() as tx:
        fence = runs.take_sweep(tx, "this host:1", 60)
        assert fence == 1
        for _ in range(2):
            deeds.note_deeds(tx, fence, [Deed("runs started", 2), Deed("cleared uploads", 1, 500)])
        deeds.note_deeds(tx, fence + 1, [Deed("runs started", 100)])
        deeds.note_round(tx, fence, "logs: No space left on device.")
        deeds.note_round(tx, fence + 1, "of somebody who does not lead")
    seen = status.look()
    assert seen.deeds == (Deed("cleared uploads", 2, 1000), Deed("runs started", 4))
    assert seen.sweeper is not None and seen.sweeper.leads
    assert (seen.sweeper.holder, seen.sweeper.trouble) == ("this host:1", "logs: No space left on device.")
    assert seen.sweeper.light is Light.LOOK


def test_a_leader_is_told_since_it_took_over_and_a_dead_one_is_seen(status: Status, superuser: Superuser) -> None:
    def lead(holder: str) -> None:
        with status.database.as_engine() as tx:
            runs.take_sweep(tx, holder, 60)

    lead("one")
    first = status.look().sweeper
    lead("one")
    again = status.look().sweeper
    assert first is not None and again is not None and first.led_since == again.led_since
    assert first.swept_at is not None and again.swept_at is not None and first.swept_at < again.swept_at
    superuser.execute("UPDATE sweeper_lease SET lease_until = now() - interval '1 s'")
    gone = status.look().sweeper
    assert gone is not None and (gone.leads, gone.light) == (False, Light.FAILS)
    lead("two")
    successor = status.look().sweeper
    assert successor is not None and successor.led_since is not None and first.led_since is not None
    assert successor.holder == "two" and successor.led_since > first.led_since


def test_a_run_that_was_driven_before_is_resumed_not_started(status: Status, superuser: Superuser, team: Team) -> None:
    new, old = order(status.database, superuser, team.recruiter, 2)
    superuser.execute("UPDATE runs SET fence = 3 WHERE id = %s", [old.run_id])
    with status.database.as_engine() as tx:
        assert deeds.resumed_among(tx, [new.drive_id, old.drive_id]) == 1


def test_a_database_and_a_store_that_are_away_are_said_and_nothing_is_raised(status: Status) -> None:
    gone = Database("postgresql://nobody@127.0.0.1:9/nothing", wait_seconds=0.05)
    status.database = gone
    seen = status.look()
    gone.close()
    assert (seen.database.answers, seen.database.light) == (False, Light.FAILS)
    assert seen.sweeper is None and seen.limiter.answers
    assert seen.memory is not None and seen.disks


def test_one_look_serves_everybody_for_five_seconds(status: Status, team: Team) -> None:
    assert isinstance(status.clock, HeldClock)
    first = status.report(team.admin).installation
    status.clock.advance(LOOK_LASTS_SECONDS - 0.1)
    assert status.report(team.admin).installation is first
    status.clock.advance(0.2)
    assert status.report(team.admin).installation is not first


def test_a_look_that_takes_long_lasts_long(status: Status, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, look = status.clock, status.look

    def slowly() -> InstallationStatus:
        clock.sleep(2.0)
        return look()

    monkeypatch.setattr(status, "look", slowly)
    first = status.report(team.admin).installation
    clock.sleep(TIMES_ITS_COST * 2.0 - 0.1)
    assert status.report(team.admin).installation is first
    clock.sleep(0.2)
    assert status.report(team.admin).installation is not first


def test_only_the_processes_of_this_machine_are_looked_for() -> None:
    assert pids_here((f"{machine()}:12", "elsewhere/boot/1:13", "nobody", f"{machine()}:x")) == [12]


# By which indexes


def test_the_looks_cost_what_is_alive_and_recent_not_what_ever_was(
    status: Status, superuser: Superuser, team: Team
) -> None:
    """Among many old calls and finished runs: an index of what is recent, and one of what is not over."""
    superuser.execute("SET session_replication_role = replica")
    superuser.execute(
        "INSERT INTO ledger (org_id, user_id, intent_id, provider, operation, status, at) SELECT %s, %s,"
        " gen_random_uuid(), 'openai', 'screen', 'charged', now() - n * interval '1 minute'"
        " FROM generate_series(1, %s) n",
        [team.org_id, team.recruiter.user_id, MANY],
    )
    superuser.execute(
        "INSERT INTO runs (org_id, user_id, kind, state, finished_at) SELECT %s, %s, 'screening', 'succeeded', now()"
        " FROM generate_series(1, %s)",
        [team.org_id, team.recruiter.user_id, MANY // 3],
    )
    superuser.execute("RESET session_replication_role")
    superuser.execute("ANALYZE ledger, runs")
    make_candidates(superuser, team.org_id, 1)
    with status.database.as_engine() as tx:
        assert sum(one.calls for one in db.recent_calls(tx, 900, MOST_CALLS, LATENCY_BOUNDS_MS)) == 14
        assert sum(one.calls for one in db.recent_calls(tx, 900, 5, LATENCY_BOUNDS_MS)) == 5
    assert "ledger_by_moment" in plan_of(superuser, "recent_calls")
    assert "runs_alive" in plan_of(superuser, "live_runs_by_state")


def plan_of(superuser: Superuser, function: str) -> str:
    """How PostgreSQL goes about the body of a function, its arguments filled in."""
    row = superuser.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [function]).fetchone()
    assert row is not None
    filled = {"span;": "interval '15 minutes';", " span ": " interval '15 minutes' ", "LIMIT most": "LIMIT 100000"}
    body = str(row[0]).replace("bounds", "ARRAY[1, 2]")
    for word, value in filled.items():
        body = body.replace(word, value)
    return "\n".join(str(line[0]) for line in superuser.execute(b"EXPLAIN " + body.encode()))
