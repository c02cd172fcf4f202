"""Giving and steering runs: one form one run, whose run it is, and what an ended one allows."""

import threading
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.runs import ItemState, RunKind, RunState, StartedRun
from services.errors import AppError, BadInput, Conflict, NotAllowed, NotFound, OutOfBudget
from services.runs.orders import MembersOf, RunRequest, Runs, TheseCandidates
from tests.faults.rig import make_candidates
from tests.fixtures.postgres import Team

Superuser = psycopg.Connection[Any]


@pytest.fixture
def runs(database: Database) -> Runs:
    return Runs(database)


def start(runs: Runs, actor: Actor, candidate_ids: list[int], **more: Any) -> StartedRun:
    with runs.database.act_as(actor) as tx:
        return runs.open(tx, actor, RunRequest(RunKind.SCREENING, TheseCandidates(candidate_ids), "Work", **more))


def end(superuser: Superuser, run_id: UUID, states: list[str]) -> None:
    """Bring a run to its end by hand, its items in these states."""
    superuser.execute("UPDATE runs SET state = 'running' WHERE id = %s", [run_id])
    for position, state in enumerate(states, 1):
        for step in ("claimed", "sent", state):
            superuser.execute(
                "UPDATE run_items SET state = %s WHERE run_id = %s AND position = %s", [step, run_id, position]
            )
    superuser.execute(
        "UPDATE runs SET state = 'succeeded', finished_at = now(), failed = %s WHERE id = %s",
        [states.count("failed"), run_id],
    )


def test_people_are_taken_in_order_once_each_and_only_ones_own(
    runs: Runs, superuser: Superuser, team: Team, rivals: Team
) -> None:
    mine = make_candidates(superuser, team.org_id, 3)
    foreign = make_candidates(superuser, rivals.org_id, 1)
    run = start(runs, team.recruiter, [mine[2], mine[0], foreign[0], mine[2]])
    items = runs.items(team.recruiter, run.run_id)
    assert [item.candidate_id for item in items] == [mine[2], mine[0]] and run.items == 2


def test_a_list_is_taken_whole(runs: Runs, superuser: Superuser, team: Team) -> None:
    people = make_candidates(superuser, team.org_id, 4)
    list_id = uuid4()
    superuser.execute(
        "INSERT INTO lists (id, org_id, name, created_by) VALUES (%s, %s, 'L', %s)",
        [list_id, team.org_id, team.recruiter.user_id],
    )
    for person in reversed(people):
        superuser.execute(
            "INSERT INTO list_members (list_id, candidate_id, org_id) VALUES (%s, %s, %s)",
            [list_id, person, team.org_id],
        )
    with runs.database.act_as(team.recruiter) as tx:
        run = runs.open(tx, team.recruiter, RunRequest(RunKind.SCREENING, MembersOf(list_id), "Work"))
    assert [item.candidate_id for item in runs.items(team.recruiter, run.run_id)] == people[::-1]


def test_nobody_to_work_on_starts_nothing(runs: Runs, team: Team) -> None:
    with pytest.raises(BadInput):
        start(runs, team.recruiter, [])
    assert runs.recent(team.recruiter) == []


def test_an_estimate_over_the_cap_starts_nothing(runs: Runs, superuser: Superuser, team: Team) -> None:
    people = make_candidates(superuser, team.org_id, 1)
    with pytest.raises(OutOfBudget):
        start(runs, team.recruiter, people, estimate_usd=Decimal("2"), cap_usd=Decimal("1.99"))
    assert runs.recent(team.recruiter) == []


def test_twenty_clicks_on_one_form_start_one_run(runs: Runs, superuser: Superuser, team: Team) -> None:
    people = make_candidates(superuser, team.org_id, 5)
    token = uuid4()
    started: list[StartedRun] = []

    def click() -> None:
        started.append(start(runs, team.recruiter, people, start_token=token))

    clicks = [threading.Thread(target=click) for _ in range(20)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()
    assert len(started) == 20 and len({(run.run_id, run.drive_id, run.items) for run in started}) == 1
    assert [run.is_new for run in started].count(True) == 1
    assert len(runs.recent(team.recruiter)) == 1


def test_somebody_elses_form_starts_nothing(runs: Runs, superuser: Superuser, team: Team) -> None:
    people = make_candidates(superuser, team.org_id, 1)
    token = uuid4()
    start(runs, team.recruiter, people, start_token=token)
    with pytest.raises(Conflict):
        start(runs, team.colleague, people, start_token=token)


def test_a_colleague_sees_a_run_and_a_manager_may_stop_it(runs: Runs, superuser: Superuser, team: Team) -> None:
    run = start(runs, team.recruiter, make_candidates(superuser, team.org_id, 2))
    assert runs.progress(team.colleague, run.run_id).left == 2
    for steer in (runs.stop, runs.pause, runs.resume, runs.retry_failed):
        with pytest.raises(NotAllowed):
            steer(team.colleague, run.run_id)
    assert runs.stop(team.manager, run.run_id).state is RunState.STOPPED
    assert runs.stop(team.manager, run.run_id).state is RunState.STOPPED


def test_another_organization_finds_nothing(runs: Runs, superuser: Superuser, team: Team, rivals: Team) -> None:
    run = start(runs, team.recruiter, make_candidates(superuser, team.org_id, 2))
    asked = (
        runs.progress,
        runs.items,
        runs.events,
        runs.receipt,
        runs.stop,
        runs.pause,
        runs.resume,
        runs.retry_failed,
    )
    for ask in asked:
        with pytest.raises(NotFound):
            ask(rivals.admin, run.run_id)
    with pytest.raises(NotFound):
        runs.drive(rivals.admin, run.drive_id)
    assert runs.recent(rivals.admin, team=True) == []
    assert runs.progress(team.recruiter, run.run_id).state is RunState.QUEUED


def test_recent_runs_are_ones_own_unless_one_may_see_the_teams(runs: Runs, superuser: Superuser, team: Team) -> None:
    start(runs, team.recruiter, make_candidates(superuser, team.org_id, 1))
    assert len(runs.recent(team.manager, team=True)) == 1
    assert runs.recent(team.manager) == [] and runs.recent(team.colleague, team=True) == []


def test_retry_makes_one_new_run_of_what_brought_no_result(runs: Runs, superuser: Superuser, team: Team) -> None:
    people = make_candidates(superuser, team.org_id, 4)
    run = start(runs, team.recruiter, people)
    with pytest.raises(Conflict):
        runs.retry_failed(team.recruiter, run.run_id)
    end(superuser, run.run_id, ["done", "failed", "refused", "unknown"])
    token = uuid4()
    again = runs.retry_failed(team.recruiter, run.run_id, token)
    assert runs.retry_failed(team.recruiter, run.run_id, token).run_id == again.run_id
    assert [item.candidate_id for item in runs.items(team.recruiter, again.run_id)] == people[1:]
    assert runs.progress(team.recruiter, again.run_id).retry_of == run.run_id
    assert runs.progress(team.recruiter, run.run_id).failed == 1


def test_a_retry_is_priced_by_its_share_and_held_to_the_cap(runs: Runs, superuser: Superuser, team: Team) -> None:
    run = start(runs, team.recruiter, make_candidates(superuser, team.org_id, 4))
    end(superuser, run.run_id, ["done", "failed", "failed", "done"])
    superuser.execute("UPDATE runs SET estimate_usd = 0.40, estimate_calls = 8, cap_usd = 0.10")
    assert runs.progress(team.recruiter, run.run_id).retry_estimate == (Decimal("0.20"), 4)
    with pytest.raises(OutOfBudget):
        runs.retry_failed(team.recruiter, run.run_id)
    superuser.execute("UPDATE runs SET cap_usd = NULL")
    again = runs.progress(team.recruiter, runs.retry_failed(team.recruiter, run.run_id).run_id)
    assert (again.estimate_usd, again.estimate_calls) == (Decimal("0.20"), 4)


def test_a_run_that_reached_its_cap_goes_on_with_a_higher_one_only(
    runs: Runs, superuser: Superuser, team: Team
) -> None:
    run = start(runs, team.recruiter, make_candidates(superuser, team.org_id, 4))
    superuser.execute(
        "UPDATE runs SET state = 'paused', pause_reason = 'budget', cap_usd = 0.10, cost_usd = 0.08, unknown_usd = 0.03"
    )
    for cap in (None, Decimal("0.10"), Decimal("0.11")):
        with pytest.raises(OutOfBudget, match=r"above \$0\.11"):
            runs.resume(team.recruiter, run.run_id, cap)
    runs.resume(team.recruiter, run.run_id, Decimal("0.20"))
    progress = runs.progress(team.recruiter, run.run_id)
    assert (progress.state, progress.cap_usd) == (RunState.QUEUED, Decimal("0.20"))


def test_items_come_in_pages_and_by_state(runs: Runs, superuser: Superuser, team: Team) -> None:
    run = start(runs, team.recruiter, make_candidates(superuser, team.org_id, 60))
    first = runs.items(team.recruiter, run.run_id)
    second = runs.items(team.recruiter, run.run_id, after=first[-1].position)
    assert [item.position for item in first + second] == list(range(1, 61))
    assert runs.items(team.recruiter, run.run_id, [ItemState.DONE]) == []


def test_a_queued_run_says_how_many_start_before_it(runs: Runs, superuser: Superuser, team: Team, rivals: Team) -> None:
    start(runs, rivals.recruiter, make_candidates(superuser, rivals.org_id, 1))
    run = start(runs, team.recruiter, make_candidates(superuser, team.org_id, 1))
    progress = runs.progress(team.recruiter, run.run_id)
    assert (progress.queue_place, progress.waits_for) == (1, "")


def test_the_place_of_another_organizations_run_is_told_to_nobody(
    runs: Runs, superuser: Superuser, team: Team, rivals: Team
) -> None:
    """The function sees all runs, so its own look at the organization is all there is between it and the asker."""
    theirs = start(runs, rivals.recruiter, make_candidates(superuser, rivals.org_id, 1))
    asked = "SELECT place FROM queue_place(%s, 2, 6)"
    for actor, told in ((team.admin, []), (rivals.recruiter, [(0,)])):
        with runs.database.act_as(actor) as tx:
            assert tx.execute(asked, [theirs.run_id]).fetchall() == told


def test_a_run_beyond_its_users_bound_says_that_it_waits_for_another_of_them(
    runs: Runs, superuser: Superuser, team: Team
) -> None:
    people = make_candidates(superuser, team.org_id, 1)
    mine = [start(runs, team.recruiter, people) for _ in range(3)]
    colleagues = start(runs, team.colleague, people)
    seen = [runs.progress(team.recruiter, run.run_id) for run in (*mine, colleagues)]
    assert [(run.queue_place, run.waits_for) for run in seen] == [(0, ""), (2, ""), (None, "user"), (1, "")]


def test_what_was_done_is_told_in_the_history(runs: Runs, superuser: Superuser, team: Team) -> None:
    run = start(runs, team.recruiter, make_candidates(superuser, team.org_id, 1))
    runs.pause(team.recruiter, run.run_id)
    runs.resume(team.recruiter, run.run_id)
    runs.stop(team.manager, run.run_id)
    events = runs.events(team.recruiter, run.run_id)
    assert [event.event for event in events] == ["queued", "paused", "queued", "stopped"]
    assert events[-1].user_name == team.manager.name


@pytest.mark.parametrize(("reason", "told"), [("provider", [RunKind.SCREENING]), ("user", []), ("quota", [])])
def test_whoever_resumes_a_run_that_its_provider_paused_says_that_it_was_mended(
    database: Database, superuser: Superuser, team: Team, reason: str, told: list[RunKind]
) -> None:
    heard: list[RunKind] = []
    runs = Runs(database, tell_mended=heard.append)
    run = start(runs, team.recruiter, make_candidates(superuser, team.org_id, 1))
    superuser.execute("UPDATE runs SET state = 'paused', pause_reason = %s WHERE id = %s", [reason, run.run_id])
    with pytest.raises(NotFound):
        runs.resume(team.recruiter, uuid4())
    runs.resume(team.recruiter, run.run_id)
    assert heard == told


def test_an_ended_run_can_be_neither_paused_nor_resumed(runs: Runs, superuser: Superuser, team: Team) -> None:
    run = start(runs, team.recruiter, make_candidates(superuser, team.org_id, 1))
    end(superuser, run.run_id, ["done"])
    for steer in (runs.pause, runs.resume):
        with pytest.raises(AppError):
            steer(team.recruiter, run.run_id)


def test_a_run_is_called_by_where_its_people_came_from_also_when_the_list_is_renamed_or_it_is_tried_again(
    runs: Runs, superuser: Superuser, team: Team
) -> None:
    people = make_candidates(superuser, team.org_id, 2)
    list_id = uuid4()
    superuser.execute(
        "INSERT INTO lists (id, org_id, name, created_by) VALUES (%s, %s, 'June import', %s)",
        [list_id, team.org_id, team.recruiter.user_id],
    )
    by_hand = start(runs, team.recruiter, people)
    from_list = start(runs, team.recruiter, people, list_id=list_id)

    def name_of(run_id: UUID) -> str:
        return runs.progress(team.recruiter, run_id).name

    assert name_of(by_hand.run_id) == "Work: 2 people chosen by hand"
    assert name_of(from_list.run_id) == "Work: 2 people from “June import”"
    superuser.execute("UPDATE lists SET name = 'June' WHERE id = %s", [list_id])
    end(superuser, from_list.run_id, ["done", "failed"])
    again = runs.retry_failed(team.recruiter, from_list.run_id)
    assert name_of(again.run_id) == "Work: 1 person from “June”, again"
    assert {run.name for run in runs.recent(team.recruiter)} == {
        "Work: 2 people chosen by hand",
        "Work: 2 people from “June”",
        "Work: 1 person from “June”, again",
    }
