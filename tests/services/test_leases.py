"""Leases on real PostgreSQL: one holder at a time, fences that only rise, late comers refused."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.clock import HeldClock, SystemClock
from services.db.pool import Database
from services.errors import NotFound
from services.leases import STILL_AFTER_SECONDS, KeptLease, Lease, LeaseHeld, LeaseLost, Leases
from tests.faults.rig import at_once, until
from tests.fixtures.postgres import Team

Superuser = psycopg.Connection[Any]
AGENT = "Search agent 17"


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database, HeldClock())


def run_out(superuser: Superuser) -> None:
    superuser.execute(
        "UPDATE leases SET lease_until = clock_timestamp() - interval '1 ms' WHERE lease_until IS NOT NULL"
    )


def is_good(leases: Leases, team: Team, lease: Lease) -> bool:
    try:
        with leases.database.act_as(team.recruiter) as tx:
            leases.require(tx, lease)
    except LeaseLost:
        return False
    return True


def test_whoever_comes_second_is_told_who_holds_it_and_for_how_long(
    leases: Leases, superuser: Superuser, team: Team, rivals: Team
) -> None:
    leases.take(team.recruiter, AGENT)
    superuser.execute("UPDATE leases SET taken_at = taken_at - interval '150 s'")
    with pytest.raises(LeaseHeld, match=r"^Search agent 17 is in use by Ana Recruiter, for 2 minutes\.$") as refused:
        leases.take(team.colleague, AGENT)
    assert refused.value.holder_name == "Ana Recruiter" and 150 <= refused.value.held_seconds < 180
    with pytest.raises(LeaseHeld, match="in use by another organization") as refused:
        leases.take(rivals.recruiter, AGENT)
    assert "Ana" not in str(refused.value) + refused.value.holder_name
    leases.take(rivals.recruiter, "Search agent 18")


def test_a_living_lease_cannot_be_taken_not_even_by_its_holder(leases: Leases, team: Team) -> None:
    leases.take(team.recruiter, AGENT)
    with pytest.raises(LeaseHeld):
        leases.take(team.recruiter, AGENT)


def test_another_organization_can_neither_renew_nor_release_nor_use_a_lease(
    leases: Leases, team: Team, rivals: Team
) -> None:
    lease = leases.take(team.recruiter, AGENT)
    assert not leases.release(rivals.recruiter, lease)
    with pytest.raises(LeaseLost):
        leases.renew(rivals.recruiter, lease)
    with pytest.raises(LeaseLost), leases.database.act_as(rivals.recruiter) as tx:
        leases.require(tx, lease)
    assert is_good(leases, team, lease)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), leases.database.act_as(rivals.recruiter) as tx:
        tx.execute("SELECT * FROM leases")


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "renew", "release", "run out", "end"]), st.integers(0, 3), st.integers(0, 9)),
    max_size=25,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_one_fence_counts_at_most_and_the_newest_only(
    leases: Leases, superuser: Superuser, team: Team, steps: list[tuple[str, int, int]]
) -> None:
    people = (team.recruiter, team.colleague, team.manager, team.admin)
    superuser.execute("DELETE FROM leases")
    given_out: list[Lease] = []
    newest: Lease | None = None
    lives, is_held = False, False
    for step, who, which in steps:
        old = given_out[which % len(given_out)] if given_out else Lease(AGENT, 1)
        is_newest = old == newest and is_held
        if step == "take" and lives:
            with pytest.raises(LeaseHeld):
                leases.take(people[who], AGENT)
        elif step == "take":
            taken = leases.take(people[who], AGENT)
            assert all(taken.fence > lease.fence for lease in given_out)
            given_out.append(taken)
            newest, lives, is_held = taken, True, True
        elif step == "renew" and is_newest:
            leases.renew(people[who], old)
            lives = True
        elif step == "renew":
            with pytest.raises(LeaseLost):
                leases.renew(people[who], old)
        elif step == "release":
            assert leases.release(people[who], old) == is_newest
            if is_newest:
                lives = is_held = False
        elif step == "run out":
            run_out(superuser)
            lives = False
        elif living := leases.living():
            assert leases.end(living[0].lease_id) == AGENT
            lives = is_held = False
        assert [lease for lease in given_out if is_good(leases, team, lease)] == ([newest] if lives else [])
        assert len(leases.living()) == int(lives)


def test_of_eight_who_ask_at_the_same_moment_one_gets_it_each_time(
    leases: Leases, superuser: Superuser, team: Team
) -> None:
    people = (team.recruiter, team.colleague, team.manager, team.admin)
    fences: list[int] = []
    for turn in range(5):
        barrier = threading.Barrier(8)

        def ask(number: int, barrier: threading.Barrier = barrier) -> int | None:
            barrier.wait()
            try:
                return leases.take(people[number % 4], AGENT).fence
            except LeaseHeld:
                return None

        given_out = [fence for fence in at_once([lambda n=n: ask(n) for n in range(8)]) if fence is not None]
        assert len(given_out) == 1, f"turn {turn}"
        fences += given_out
        run_out(superuser)
    assert fences == sorted(set(fences))


def test_nobody_takes_a_thing_in_the_middle_of_a_write_under_its_lease(
    leases: Leases, superuser: Superuser, team: Team
) -> None:
    lease = leases.take(team.recruiter, AGENT)
    successor: list[Lease] = []
    taker = threading.Thread(target=lambda: successor.append(leases.take(team.colleague, AGENT)))
    superuser.execute("UPDATE leases SET lease_until = clock_timestamp() + interval '300 ms'")
    with leases.database.act_as(team.recruiter) as tx:
        leases.require(tx, lease)
        until(lambda: leases.living() == [])
        taker.start()
        until(lambda: is_waiting_for_a_lock(superuser))
        assert successor == []
    taker.join(10)
    assert [one.fence > lease.fence for one in successor] == [True]


def is_waiting_for_a_lock(superuser: Superuser) -> bool:
    row = superuser.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    ).fetchone()
    return bool(row and row[0])


@pytest.fixture
def kept(database: Database, team: Team) -> Iterator[tuple[Leases, KeptLease, HeldClock]]:
    """A lease that is renewed every 20 ms; the holder's own clock stands still."""
    clock = HeldClock()
    keeping = Leases(database, clock, lease_seconds=30, renewed_every_seconds=0.02)
    with ExitStack() as block:
        yield keeping, block.enter_context(keeping.keep(team.recruiter, AGENT)), clock


def test_a_holder_at_work_renews_and_lets_go_at_the_end(database: Database, superuser: Superuser, team: Team) -> None:
    keeping = Leases(database, SystemClock(), lease_seconds=30, renewed_every_seconds=0.02)
    with keeping.keep(team.recruiter, AGENT) as kept:
        first = superuser.execute("SELECT lease_until FROM leases").fetchone()
        until(lambda: superuser.execute("SELECT lease_until FROM leases").fetchone() > first)  # type: ignore[operator]  # rows
        assert kept.is_fresh()
    assert keeping.living() == []
    keeping.take(team.colleague, AGENT)


def test_a_holder_whose_lease_was_ended_knows_it_and_leaves_the_successor_alone(
    kept: tuple[Leases, KeptLease, HeldClock], team: Team
) -> None:
    leases, mine, _ = kept
    leases.end(leases.living()[0].lease_id)
    until(lambda: mine.is_lost)
    assert not mine.is_fresh()
    leases.take(team.colleague, AGENT)
    assert not leases.release(team.recruiter, mine.lease)
    assert [one.user_name for one in leases.living()] == ["Ben Recruiter"]


def test_a_holder_that_could_not_renew_for_long_holds_still(team: Team, leases: Leases) -> None:
    clock = HeldClock()
    mine = KeptLease(leases.take(team.recruiter, AGENT), clock, clock.steady())
    clock.advance(STILL_AFTER_SECONDS - 0.1)
    assert mine.is_fresh()
    clock.advance(0.2)
    assert not mine.is_fresh()


def test_ending_what_nobody_holds_is_refused(leases: Leases) -> None:
    with pytest.raises(NotFound):
        leases.end(1)
