"""The sweeper: which drives it starts, in which order, how many, and who may sweep."""

import sys
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.clock import HeldClock, SystemClock
from services.db import runs as db
from services.db.pool import Database
from services.db.runs import StartBounds
from services.domain.actors import Actor
from services.domain.runs import RunKind, RunState
from services.errors import Busy
from services.housekeeping import Cleared
from services.runs.launch import Launcher
from services.runs.orders import RunRequest, Runs, TheseCandidates
from services.runs.process import machine
from services.runs.wheel import take_wheel
from services.sweeper import DRIVERS_FIRST_SECONDS, FREED, MOST_STARTS, RESUMED, STARTED, WOKEN, Sweeper
from tests.faults.rig import at_once, expire_lease, make_candidates, open_run, until
from tests.fixtures.postgres import Team, Urls

Superuser = psycopg.Connection[Any]
BOUNDS = StartBounds(per_user=2, per_organization=4)


@pytest.fixture
def launcher(database: Database, tmp_path: Path) -> Launcher:
    """Starts processes that write their drive's id and end."""
    return Launcher(
        database,
        tmp_path / "log" / "drives.log",
        most_processes=4,
        bounds=BOUNDS,
        command=(sys.executable, "-c", "import sys; print(sys.argv[1])"),
    )


DEAD = 2**22 - 1  # above what a test machine gives out


def sweeper_of(launcher: Launcher, holder: str = "one") -> Sweeper:
    return Sweeper(launcher.database, HeldClock(), launcher, holder)


def run_of(superuser: Superuser, drive_id: UUID) -> UUID:
    row = superuser.execute("SELECT run_id FROM drives WHERE id = %s", [drive_id]).fetchone()
    assert row is not None and isinstance(row[0], UUID)
    return row[0]


def test_a_queued_run_is_started_once_though_swept_and_clicked(
    launcher: Launcher, superuser: Superuser, team: Team
) -> None:
    run = open_run(launcher.database, superuser, team.recruiter, 1)
    assert sweeper_of(launcher).sweep() == [run.drive_id]
    assert sweeper_of(launcher).sweep() == []
    assert not launcher.start_drive(run.drive_id)
    until(lambda: launcher.log_path.read_text().split() == [str(run.drive_id)])


def test_a_click_starts_a_process_and_the_sweeper_leaves_it_alone(
    launcher: Launcher, superuser: Superuser, team: Team
) -> None:
    run = open_run(launcher.database, superuser, team.recruiter, 1)
    assert launcher.start_drive(run.drive_id)
    assert sweeper_of(launcher).sweep() == []


def test_one_person_cannot_take_all_the_places(
    launcher: Launcher, superuser: Superuser, team: Team, rivals: Team
) -> None:
    people = make_candidates(superuser, team.org_id, 1)
    greedy = [start(launcher.database, team.recruiter, people) for _ in range(6)]
    modest = start(launcher.database, team.colleague, people)
    others = open_run(launcher.database, superuser, rivals.recruiter, 1)
    started = [run_of(superuser, drive) for drive in sweeper_of(launcher).sweep()]
    assert len(started) == 4
    assert started.count(modest) == 1 and started.count(others.run_id) == 1
    assert started[:1] == greedy[:1] and others.run_id == started[1]


def start(database: Database, actor: Any, people: list[int]) -> UUID:
    with database.act_as(actor) as tx:
        request = RunRequest(RunKind.SCREENING, TheseCandidates(people), "Work")
        return Runs(database).open(tx, actor, request).run_id


def test_a_click_beyond_the_bound_waits_in_the_queue(launcher: Launcher, superuser: Superuser, team: Team) -> None:
    people = make_candidates(superuser, team.org_id, 1)
    for _ in range(3):
        start(launcher.database, team.recruiter, people)
    drives = [row[0] for row in superuser.execute("SELECT id FROM drives ORDER BY created_at").fetchall()]
    assert [launcher.start_drive(drive) for drive in drives] == [True, True, False]


def test_a_stalled_run_gets_a_new_drive_before_queued_ones(
    launcher: Launcher, superuser: Superuser, team: Team
) -> None:
    stalled = open_run(launcher.database, superuser, team.recruiter, 1)
    wheel = take_wheel(launcher.database, SystemClock(), stalled.drive_id, "dead")
    assert wheel is not None
    assert sweeper_of(launcher).sweep() == []
    people = [row[0] for row in superuser.execute("SELECT id FROM candidates").fetchall()]
    start(launcher.database, team.recruiter, people)
    expire_lease(superuser, stalled.run_id)
    (first, *_rest) = sweeper_of(launcher).sweep()
    assert first != stalled.drive_id and run_of(superuser, first) == stalled.run_id


def test_a_drive_is_taken_once_and_a_live_lease_turns_the_second_away(
    database: Database, superuser: Superuser, team: Team
) -> None:
    run = open_run(database, superuser, team.recruiter, 1)
    assert take_wheel(database, SystemClock(), run.drive_id, "first") is not None
    assert take_wheel(database, SystemClock(), run.drive_id, "redelivered") is None
    again = superuser.execute(
        "INSERT INTO drives (org_id, run_id, started_by) VALUES (%s, %s, 'sweeper') RETURNING id",
        [team.org_id, run.run_id],
    ).fetchone()
    assert again is not None and take_wheel(database, SystemClock(), again[0], "second") is None
    expire_lease(superuser, run.run_id)
    assert take_wheel(database, SystemClock(), again[0], "turned away stays away") is None


def test_one_sweeper_leads_until_its_lease_ends(launcher: Launcher, superuser: Superuser, team: Team) -> None:
    open_run(launcher.database, superuser, team.recruiter, 1)
    with launcher.database.as_engine() as tx:
        assert db.take_sweep(tx, "other", 60) == 1
    assert sweeper_of(launcher).sweep() == []
    superuser.execute("UPDATE sweeper_lease SET lease_until = now() - interval '1 s'")
    assert len(sweeper_of(launcher).sweep()) == 1
    with launcher.database.as_engine() as tx:
        assert db.take_sweep(tx, "other", 60) is None


def test_of_sweepers_at_one_instant_one_leads_and_each_run_gets_one_drive(
    launcher: Launcher, superuser: Superuser, team: Team, rivals: Team, urls: Urls
) -> None:
    """With the lease free, and also without a lease at all: then the database's own lock keeps them apart."""
    others = [Database(urls.login, max_connections=1) for _ in range(3)]
    sweepers = [
        sweeper_of(replace(launcher, database=database), f"sweeper {number}")
        for number, database in enumerate([launcher.database, *others])
    ]
    for team_of in (team, rivals):
        open_run(launcher.database, superuser, team_of.recruiter, 1)
    led = at_once([sweeper.sweep for sweeper in sweepers])
    assert sorted(map(len, led)) == [0, 0, 0, 2]
    fences = at_once([partial(lead, sweeper) for sweeper in sweepers])
    assert [fence for fence in fences if fence is not None] == [1], "the leader leads on, under the same fence"
    superuser.execute("UPDATE drives SET ended_at = now(), outcome = 'died'")
    decided = at_once([partial(next_drives, sweeper) for sweeper in sweepers])
    assert sorted(map(len, decided)) == [0, 0, 0, 2]
    for database in others:
        database.close()


def test_after_an_outage_a_driver_that_lived_through_it_beats_before_anybody_takes_its_run(
    launcher: Launcher, superuser: Superuser, team: Team
) -> None:
    run = open_run(launcher.database, superuser, team.recruiter, 1)
    wheel = take_wheel(launcher.database, SystemClock(), run.drive_id, "lives")
    assert wheel is not None
    expire_lease(superuser, run.run_id)
    clock, gone = HeldClock(), Database("postgresql://nobody@127.0.0.1:9/nothing", wait_seconds=0.2)
    sweeper = Sweeper(gone, clock, launcher, "one")
    with pytest.raises(Busy):
        sweeper.sweep()
    gone.close()
    sweeper.database = launcher.database
    assert sweeper.sweep() == []
    clock.advance(DRIVERS_FIRST_SECONDS - 0.1)
    assert sweeper.sweep() == [], "patient, though the lease has run out"
    assert wheel.beat(1.0).state is RunState.RUNNING
    clock.advance(0.2)
    assert sweeper.sweep() == [], "the driver lives"
    expire_lease(superuser, run.run_id)
    assert len(sweeper.sweep()) == 1


def lead(sweeper: Sweeper) -> int | None:
    with sweeper.database.as_engine() as tx:
        return db.take_sweep(tx, sweeper.holder, 60)


def next_drives(sweeper: Sweeper) -> list[UUID]:
    with sweeper.database.as_engine() as tx:
        return db.next_drives(tx, 4, BOUNDS, MOST_STARTS)


def test_a_run_whose_processes_never_get_anywhere_is_given_up_and_booked(
    launcher: Launcher, superuser: Superuser, team: Team
) -> None:
    run = open_run(launcher.database, superuser, team.recruiter, 1)
    wheel = take_wheel(launcher.database, SystemClock(), run.drive_id, "dies")
    assert wheel is not None
    superuser.execute("UPDATE runs SET starts = %s WHERE id = %s", [MOST_STARTS, run.run_id])
    superuser.execute("UPDATE run_items SET state = 'claimed', fence = 1 WHERE run_id = %s", [run.run_id])
    superuser.execute("UPDATE run_items SET state = 'sent' WHERE run_id = %s", [run.run_id])
    superuser.execute(
        "INSERT INTO intents (org_id, user_id, run_id, item_id, fence, provider, operation, state, reserved_usd)"
        " SELECT org_id, %s, run_id, id, 1, 'openai', 'screen', 'sent', 0.5 FROM run_items WHERE run_id = %s",
        [team.recruiter.user_id, run.run_id],
    )
    expire_lease(superuser, run.run_id)
    assert sweeper_of(launcher).sweep() == []
    progress = Runs(launcher.database).progress(team.recruiter, run.run_id)
    assert progress.state is RunState.FAILED and progress.message
    assert (progress.unknown, float(progress.unknown_usd)) == (1, 0.5)
    assert superuser.execute("SELECT status, cost_usd FROM ledger").fetchall() == [("unknown", 0)]


def test_the_engine_alone_may_open_these_doors(database: Database, team: Team) -> None:
    for door in ("next_drives(1, 1, 1, 1)", "take_sweep('x', '1 s')", "recent_sends('openai', 60)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.act_as(team.admin) as tx:
            tx.execute(f"SELECT {door}")


@pytest.mark.parametrize(
    ("place", "number", "is_freed"), [("", DEAD, True), ("", 1, False), ("elsewhere/", DEAD, False)]
)
def test_a_process_of_this_machine_that_is_gone_is_seen_before_its_lease_passes(
    launcher: Launcher, superuser: Superuser, team: Team, place: str, number: int, is_freed: bool
) -> None:
    run = open_run(launcher.database, superuser, team.recruiter, 1)
    assert take_wheel(launcher.database, HeldClock(), run.drive_id, f"{place}{machine()}:{number}") is not None
    started = sweeper_of(launcher).sweep()
    assert bool(started) is is_freed


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), st.integers(0, 4)),
        st.tuples(st.just("end"), st.integers(0, 3)),
        st.tuples(st.just("sweep"), st.just(0)),
    ),
    min_size=5,
    max_size=25,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_place_a_run_tells_is_the_order_in_which_runs_start(
    launcher: Launcher, superuser: Superuser, team: Team, rivals: Team, steps: list[tuple[str, int]]
) -> None:
    database = launcher.database
    superuser.execute("TRUNCATE runs, candidates CASCADE")
    people = (team.recruiter, team.colleague, team.manager, rivals.recruiter, rivals.colleague)
    candidates = {org: make_candidates(superuser, org, 1) for org in (team.org_id, rivals.org_id)}
    told = Runs(database, BOUNDS)
    waiting: dict[UUID, Actor] = {}
    live: dict[UUID, Actor] = {}

    def standing() -> dict[UUID, tuple[int | None, str]]:
        seen = {run: told.progress(actor, run) for run, actor in waiting.items()}
        return {run: (one.queue_place, one.waits_for) for run, one in seen.items()}

    def sweep() -> None:
        """Whoever was told a place within the room starts, in that order; all others come nearer by as many."""
        before, room = standing(), 4 - len(live)
        places = sorted(place for place, _ in before.values() if place is not None)
        assert places == list(range(len(places)))
        with database.as_engine() as tx:
            started = [run_of(superuser, drive) for drive in db.next_drives(tx, 4, BOUNDS, MOST_STARTS)]
        by_place = sorted((place, run) for run, (place, _) in before.items() if place is not None)
        assert started == [run for _, run in by_place[:room]]
        for run in started:
            live[run] = waiting.pop(run)
        after = standing()
        assert {run: now for run, (now, _) in after.items()} == {
            run: None if before[run][0] is None else (before[run][0] or 0) - len(started) for run in after
        }
        for actor in people:
            assert sum(one.user_id == actor.user_id for one in live.values()) <= 2

    def end(run: UUID) -> None:
        del live[run]
        superuser.execute("UPDATE drives SET ended_at = now(), taken_at = now() WHERE run_id = %s", [run])
        superuser.execute("UPDATE runs SET state = 'stopped', finished_at = now() WHERE id = %s", [run])

    for step, which in steps:
        if step == "order":
            actor = people[which]
            waiting[start(database, actor, candidates[actor.org_id])] = actor
        elif step == "sweep":
            sweep()
        elif live:
            end(sorted(live)[which % len(live)])
    # Nobody is left waiting for ever: as drives end, one after the other, everybody comes to place 0 and starts.
    for _ in range(2 * len(waiting) + 2):
        sweep()
        if live:
            end(min(live))
    assert waiting == {}


def test_a_click_does_not_pass_those_who_wait_longer(launcher: Launcher, superuser: Superuser, team: Team) -> None:
    one_place = replace(launcher, most_processes=1)
    people = make_candidates(superuser, team.org_id, 1)
    first = start(launcher.database, team.recruiter, people)
    second = start(launcher.database, team.colleague, people)
    row = superuser.execute("SELECT id FROM drives WHERE run_id = %s", [second]).fetchone()
    assert row is not None and not one_place.start_drive(row[0])
    assert [run_of(superuser, drive) for drive in sweeper_of(one_place).sweep()] == [first]


def test_one_organization_cannot_take_all_the_places(launcher: Launcher, superuser: Superuser, team: Team) -> None:
    bounded = replace(launcher, bounds=StartBounds(per_user=2, per_organization=3))
    people = make_candidates(superuser, team.org_id, 1)
    for actor in (team.recruiter, team.recruiter, team.colleague, team.colleague):
        start(launcher.database, actor, people)
    assert len(sweeper_of(bounded).sweep()) == 3
    told = Runs(launcher.database, bounded.bounds)
    states = [told.progress(team.recruiter, run.run_id) for run in told.recent(team.manager, team=True)]
    assert sorted(run.waits_for for run in states if run.state is RunState.QUEUED)[-1:] == ["organization"]


@dataclass
class Chores:
    """Pieces of housekeeping that note when they were done; `more` says how often the second stops at its bound."""

    done: list[str] = field(default_factory=list)
    more: int = 0
    trouble: str = ""

    def first(self) -> Cleared:
        self.done.append("first")
        return Cleared("uploads", 2, 100)

    def second(self) -> Cleared:
        self.done.append("second")
        self.more -= 1
        return Cleared("drafts", trouble=self.trouble, is_more=self.more >= 0)


def test_the_leader_does_one_chore_after_each_sweep_and_begins_a_round_at_its_start_and_then_by_the_clock(
    launcher: Launcher, superuser: Superuser, team: Team
) -> None:
    chores = Chores(more=1)
    sweeper = replace(sweeper_of(launcher), chores=(chores.first, chores.second), round_seconds=300)
    seen = []
    for _ in range(5):
        sweeper.sweep()
        seen.append(list(chores.done))
    assert seen[:3] == [["first"], ["first", "second"], ["first", "second", "second"]]
    assert seen[3:] == [seen[2]] * 2, "the round is over, and the next one is not due"
    assert isinstance(sweeper.clock, HeldClock)
    sweeper.clock.advance(301)
    sweeper.sweep()
    assert chores.done[3:] == ["first"]
    rows = superuser.execute("SELECT deed, times, bytes FROM sweeper_deeds").fetchall()
    assert rows == [("cleared uploads", 4, 200)]


def test_a_chore_comes_after_the_runs_and_never_keeps_one_waiting(
    launcher: Launcher, superuser: Superuser, team: Team
) -> None:
    chores = Chores()
    sweeper = replace(sweeper_of(launcher), chores=(chores.first, chores.second))
    people = make_candidates(superuser, team.org_id, 1)
    for _ in range(2):
        run = start(launcher.database, team.recruiter, people)
        assert [run_of(superuser, drive) for drive in sweeper.sweep()] == [run]
        superuser.execute("UPDATE drives SET ended_at = now()")
        superuser.execute("UPDATE runs SET state = 'stopped', finished_at = now()")
    assert chores.done == ["first", "second"]


def test_who_does_not_lead_keeps_no_house(launcher: Launcher) -> None:
    with launcher.database.as_engine() as tx:
        db.take_sweep(tx, "other", 60)
    chores = Chores()
    replace(sweeper_of(launcher), chores=(chores.first,)).sweep()
    assert chores.done == []


def test_what_a_round_could_not_do_is_told_until_a_round_can(launcher: Launcher, superuser: Superuser) -> None:
    chores = Chores(trouble="A file cannot be deleted: Permission denied.")
    sweeper = replace(sweeper_of(launcher), chores=(chores.first, chores.second), round_seconds=1)

    def told() -> tuple[Any, ...]:
        for _ in range(2):
            sweeper.sweep()
        sweeper.clock.sleep(2)
        row = superuser.execute("SELECT trouble, cleared_at IS NOT NULL FROM sweeper_lease").fetchone()
        assert row is not None
        return row

    assert told() == ("drafts: A file cannot be deleted: Permission denied.", True)
    chores.trouble = ""
    assert told() == ("", True)


def test_starts_resumptions_freed_deaths_and_woken_runs_are_counted(
    launcher: Launcher, superuser: Superuser, team: Team, rivals: Team
) -> None:
    dead = open_run(launcher.database, superuser, team.colleague, 1)
    people = [row[0] for row in superuser.execute("SELECT id FROM candidates").fetchall()]
    start(launcher.database, team.recruiter, people)
    assert take_wheel(launcher.database, SystemClock(), dead.drive_id, f"{machine()}:{DEAD}") is not None
    slept = open_run(launcher.database, superuser, rivals.recruiter, 1)
    superuser.execute(
        "UPDATE runs SET state = 'paused', pause_reason = 'quota', resets_at = now() - interval '1 s' WHERE id = %s",
        [slept.run_id],
    )
    assert len(sweeper_of(launcher).sweep()) == 3
    rows = superuser.execute("SELECT deed, times FROM sweeper_deeds").fetchall()
    assert dict(rows) == {STARTED: 2, RESUMED: 1, FREED: 1, WOKEN: 1}
    assert sweeper_of(launcher).sweep() == []
    assert superuser.execute("SELECT sum(times) FROM sweeper_deeds").fetchone() == (5,), (
        "a sweep without news adds none"
    )
