"""Presence: who of a team is here, what runs for it, and that a store which fails hinders nobody."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from services.clock import HeldClock
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.runs import RunState
from services.domain.team import Place, Sighting
from services.presence import MOST_RUNS, REST_SECONDS, Presence
from services.sightings import SightingsUnavailable
from services.sightings.local import LocalSightings
from tests.fixtures.postgres import Team

Superuser = psycopg.Connection[Any]
HOME = Place()


@pytest.fixture
def presence(database: Database, tmp_path: Path) -> Presence:
    return Presence(database, LocalSightings(tmp_path / "presence.sqlite3"), HeldClock())


def names(presence: Presence, actor: Actor, about: Place | None = None) -> list[str]:
    return [person.name for person in presence.team(actor, about).people]


def a_run(superuser: Superuser, actor: Actor, **columns: Any) -> UUID:
    values = {"org_id": actor.org_id, "user_id": actor.user_id, "kind": "screening", "title": "Work", "items": 2_000}
    values |= columns
    marks = ", ".join(["%s"] * len(values))
    row = superuser.execute(
        f"INSERT INTO runs ({', '.join(values)}) VALUES ({marks}) RETURNING id".encode(), list(values.values())
    ).fetchone()
    assert row is not None
    run_id: UUID = row[0]
    return run_id


def a_position(superuser: Superuser, actor: Actor) -> tuple[UUID, UUID]:
    """A position and its only version."""
    row = superuser.execute(
        "WITH made AS (INSERT INTO positions (org_id, title, created_by) VALUES (%s, 'Baker', %s) RETURNING *)"
        " INSERT INTO position_versions (org_id, position_id, number, edited_by)"
        " SELECT org_id, id, 1, created_by FROM made RETURNING position_id, id",
        [actor.org_id, actor.user_id],
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def a_list(superuser: Superuser, actor: Actor) -> UUID:
    row = superuser.execute(
        "INSERT INTO lists (org_id, name, created_by) VALUES (%s, 'L', %s) RETURNING id", [actor.org_id, actor.user_id]
    ).fetchone()
    assert row is not None
    list_id: UUID = row[0]
    return list_id


def test_a_team_sees_who_else_is_here_and_no_other_organization_does(
    presence: Presence, team: Team, rivals: Team
) -> None:
    for actor in (team.recruiter, team.colleague, rivals.recruiter):
        presence.note(actor, HOME)
    presence.note(team.colleague, Place("lists"))
    assert names(presence, team.recruiter) == [team.colleague.name]
    assert presence.team(team.manager).people[1].place == Place("lists")
    assert names(presence, rivals.admin) == [rivals.recruiter.name]


def test_who_signs_out_is_gone_and_who_was_deactivated_is_not_shown(
    presence: Presence, superuser: Superuser, team: Team
) -> None:
    for actor in (team.recruiter, team.colleague, team.manager):
        presence.note(actor, HOME)
    presence.forget(team.recruiter)
    superuser.execute("UPDATE users SET is_active = false WHERE id = %s", [team.colleague.user_id])
    assert names(presence, team.admin) == [team.manager.name]


def test_beside_a_button_stands_who_is_at_the_same_position_or_list(presence: Presence, team: Team) -> None:
    position_id, list_id = uuid4(), uuid4()
    presence.note(team.colleague, Place("screening", position_id, list_id))
    presence.note(team.manager, Place("lists", list_id=list_id))
    presence.note(team.admin, Place("positions", uuid4()))
    assert names(presence, team.recruiter, Place("positions", position_id)) == [team.colleague.name]
    assert names(presence, team.recruiter, Place("candidates", list_id=list_id)) == [
        team.colleague.name,
        team.manager.name,
    ]
    assert names(presence, team.recruiter, Place("positions", uuid4())) == []


def test_what_runs_is_told_from_the_database_for_a_position_for_a_list_and_for_all(
    presence: Presence, superuser: Superuser, team: Team, rivals: Team
) -> None:
    (position_id, version_id), list_id = a_position(superuser, team.recruiter), a_list(superuser, team.recruiter)
    of_position = a_run(superuser, team.recruiter, version_id=version_id, done=400, failed=12)
    of_list = a_run(superuser, team.colleague, list_id=list_id)
    a_run(superuser, team.recruiter, state="succeeded", finished_at="now", version_id=version_id)
    a_run(superuser, rivals.recruiter)
    assert {run.run_id for run in presence.team(team.manager).runs} == {of_position, of_list}
    [mine] = presence.team(team.manager, Place("screening", position_id)).runs
    assert (mine.user_name, mine.state, mine.settled, mine.items) == (
        team.recruiter.name,
        RunState.QUEUED,
        412,
        2_000,
    )
    assert [run.run_id for run in presence.team(team.manager, Place("lists", None, list_id)).runs] == [of_list]
    both = presence.team(team.manager, Place("screening", position_id, list_id)).runs
    assert [run.run_id for run in both] == [of_position, of_list]
    assert presence.team(rivals.manager, Place("screening", position_id, list_id)).runs == ()


def test_no_more_runs_are_told_than_a_card_holds(presence: Presence, superuser: Superuser, team: Team) -> None:
    for _ in range(MOST_RUNS + 1):
        a_run(superuser, team.recruiter)
    assert len(presence.team(team.recruiter).runs) == MOST_RUNS


class BrokenStore:
    """A store that is away, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def note(self, org_id: UUID, user_id: UUID, place: str) -> None:
        self.fail()

    def forget(self, org_id: UUID, user_id: UUID) -> None:
        self.fail()

    def latest(self, org_id: UUID) -> list[Sighting]:
        self.fail()
        return []

    def close(self) -> None:
        pass

    def fail(self) -> None:
        self.asked += 1
        raise SightingsUnavailable("It is away.")


def test_a_store_that_is_away_hinders_nobody_and_is_asked_again_later(
    database: Database, superuser: Superuser, team: Team
) -> None:
    store, clock = BrokenStore(), HeldClock()
    presence = Presence(database, store, clock)
    run_id = a_run(superuser, team.recruiter)
    presence.note(team.recruiter, HOME)
    presence.note(team.recruiter, HOME)
    assert store.asked == 1
    shown = presence.team(team.colleague)
    assert (shown.people, [run.run_id for run in shown.runs], store.asked) == ((), [run_id], 1)
    presence.forget(team.recruiter)
    assert store.asked == 2
    clock.advance(REST_SECONDS)
    assert presence.team(team.colleague).people == () and store.asked == 3
