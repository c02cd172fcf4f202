"""Positions: criteria are read from the brief, approved before use, and frozen by it."""

import psycopg
import pytest

from services.db import positions as db
from services.db.pool import Database
from services.db.positions import BriefText
from services.errors import BadInput, Conflict, NotFound
from services.positions import Positions
from tests.fixtures.postgres import Team

BRIEF = BriefText(
    "Backend team of six.", "5+ years of Python\nAt least 2 years at current company", "Kafka", "Directors"
)
EDITED = BriefText("Backend team of six.", "5+ years of Python", "", "")


@pytest.fixture
def positions(database: Database) -> Positions:
    return Positions(database)


def test_a_brief_becomes_numbered_criteria(positions: Positions, team: Team) -> None:
    saved = positions.create(team.recruiter, "  Backend   engineer ", BRIEF)
    position = positions.open(team.colleague, saved.position_id)
    assert position.title == "Backend engineer"
    assert [c.id for c in position.version.criteria] == ["must-1", "must-2", "nice-1", "excl-1"]
    assert [limit.months for limit in position.version.constraints] == [24]
    assert not position.version.is_approved


def test_a_brief_without_criteria_is_refused_with_what_to_do(positions: Positions, team: Team) -> None:
    with pytest.raises(BadInput, match="at least one must-have"):
        positions.create(team.recruiter, "Backend engineer", BriefText("A role.", "", "Kafka", ""))
    assert positions.recent(team.recruiter) == []


def test_an_unused_version_changes_in_place_and_needs_approval_again(positions: Positions, team: Team) -> None:
    saved = positions.create(team.recruiter, "Backend engineer", BRIEF, approve=True)
    before = positions.open(team.recruiter, saved.position_id).version
    assert before.is_approved
    again = positions.save(
        team.recruiter, saved.position_id, saved.version_id, before.row.revision, "Backend engineer", EDITED
    )
    after = positions.open(team.recruiter, saved.position_id).version
    assert again.version_id == saved.version_id
    assert (after.is_approved, [c.text for c in after.criteria]) == (False, ["5+ years of Python"])


def test_an_edit_of_a_used_version_makes_a_new_one(positions: Positions, team: Team, database: Database) -> None:
    saved = positions.create(team.recruiter, "Backend engineer", BRIEF, approve=True)
    with database.act_as(team.recruiter) as tx:
        db.freeze_version(tx, saved.version_id)
    used = positions.open(team.recruiter, saved.position_id).version
    positions.save(team.recruiter, saved.position_id, used.row.id, used.row.revision, "Backend engineer", EDITED)
    position = positions.open(team.recruiter, saved.position_id)
    assert [version.number for version in position.history] == [2, 1]
    old = positions.open(team.recruiter, saved.position_id, saved.version_id)
    assert len(old.version.criteria) == 4
    assert old.version.is_frozen and not old.is_latest


def test_the_database_itself_refuses_to_change_a_used_version(
    positions: Positions, team: Team, database: Database
) -> None:
    saved = positions.create(team.recruiter, "Backend engineer", BRIEF, approve=True)
    with database.act_as(team.recruiter) as tx:
        db.freeze_version(tx, saved.version_id)
    for statement in (
        "UPDATE position_versions SET must_text = 'x'",
        "UPDATE criteria SET text = 'x'",
        "DELETE FROM criteria",
    ):
        with pytest.raises(psycopg.errors.CheckViolation), database.act_as(team.recruiter) as tx:
            tx.execute(statement)


def test_two_people_editing_notice_each_other(positions: Positions, team: Team) -> None:
    saved = positions.create(team.recruiter, "Backend engineer", BRIEF)
    seen = positions.open(team.recruiter, saved.position_id).version.row
    positions.save(team.colleague, saved.position_id, seen.id, seen.revision, "Backend engineer", EDITED)
    with pytest.raises(Conflict, match="Ben Recruiter"):
        positions.save(team.recruiter, saved.position_id, seen.id, seen.revision, "Backend engineer", BRIEF)
    with pytest.raises(Conflict):
        positions.approve(team.recruiter, saved.position_id, seen.id, seen.revision)


def test_another_organization_finds_nothing(positions: Positions, team: Team, rivals: Team) -> None:
    saved = positions.create(team.recruiter, "Backend engineer", BRIEF)
    with pytest.raises(NotFound):
        positions.open(rivals.recruiter, saved.position_id)
    with pytest.raises(NotFound):
        positions.save(rivals.recruiter, saved.position_id, saved.version_id, 1, "Ours", EDITED)
    with pytest.raises(NotFound):
        positions.approve(rivals.admin, saved.position_id, saved.version_id, 1)
    with pytest.raises(NotFound):
        positions.archive(rivals.admin, saved.position_id)
    assert positions.recent(rivals.recruiter) == []


def test_a_brief_file_is_read_like_the_boxes(positions: Positions, team: Team) -> None:
    text = "# role\nBackend team\n\n# must\n- 5+ years of Python\n# exclude\n- Directors\n"
    saved = positions.create_from_file(team.recruiter, "Backend engineer", text, approve=True)
    assert [c.id for c in saved.criteria] == ["must-1", "excl-1"]
    assert positions.open(team.recruiter, saved.position_id).version.is_approved


def test_archiving_can_be_undone(positions: Positions, team: Team) -> None:
    saved = positions.create(team.recruiter, "Backend engineer", BRIEF)
    positions.archive(team.recruiter, saved.position_id)
    assert positions.recent(team.recruiter) == []
    assert [row.id for row in positions.recent(team.recruiter, archived=True)] == [saved.position_id]
    positions.archive(team.recruiter, saved.position_id, archived=False)
    assert len(positions.recent(team.recruiter)) == 1


def test_saving_a_used_version_unchanged_makes_no_new_one(positions: Positions, team: Team, database: Database) -> None:
    saved = positions.create(team.recruiter, "Backend engineer", BRIEF, approve=True)
    with database.act_as(team.recruiter) as tx:
        db.freeze_version(tx, saved.version_id)
    used = positions.open(team.recruiter, saved.position_id).version.row
    again = positions.save(team.recruiter, saved.position_id, used.id, used.revision, "Renamed", BRIEF, approve=True)
    position = positions.open(team.recruiter, saved.position_id)
    assert again.version_id == saved.version_id
    assert (position.title, len(position.history), position.version.is_approved) == ("Renamed", 1, True)


def test_saving_and_approving_approves_exactly_that(positions: Positions, team: Team) -> None:
    saved = positions.create(team.recruiter, "Backend engineer", BRIEF)
    seen = positions.open(team.recruiter, saved.position_id).version.row
    positions.save(team.recruiter, saved.position_id, seen.id, seen.revision, "Backend engineer", EDITED, approve=True)
    version = positions.open(team.recruiter, saved.position_id).version
    assert version.is_approved and version.row.approved_by_name == "Ana Recruiter"
    assert [c.text for c in version.criteria] == ["5+ years of Python"]
