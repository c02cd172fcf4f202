"""Candidates as a service: blocks, one person in full, lists filled inside the database, erasing."""

from datetime import UTC, date, datetime
from uuid import uuid4

import psycopg
import pytest

from services.candidates import MOST_CHOSEN, Candidates, stored_filters
from services.clock import HeldClock
from services.db.pool import Database
from services.domain.candidate_view import Filters, View
from services.domain.profiles import Profile, Role
from services.errors import BadInput, Conflict, NotAllowed, NotFound
from tests.fixtures.people import insert_person, make_people
from tests.fixtures.postgres import Team

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CAREER = Profile(
    full_name="Mira Quill",
    headline="Lead at Bluefern",
    location="Eastvale",
    skills=("Python", "C++"),
    roles=(
        Role(title="Lead", company="Bluefern", start="2023-10", is_current=True),
        Role(title="Engineer", company="Orbis Loom", start="2020-01", end="2023-03"),
    ),
)


@pytest.fixture
def candidates(database: Database) -> Candidates:
    return Candidates(database, HeldClock(NOW))


def test_an_invalid_query_is_said_and_never_applied(candidates: Candidates, team: Team):
    view = View(text="java AND")
    for ask in (lambda: candidates.block(team.recruiter, view, 0, 100), lambda: candidates.count(team.recruiter, view)):
        with pytest.raises(BadInput, match=r"A word is missing after “AND”.*at character 6.*not applied"):
            ask()


@pytest.mark.parametrize(("start", "end"), [(-1, 10), (10, 10), (10, 5), (0, 501)])
def test_an_impossible_block_is_refused(candidates: Candidates, team: Team, start: int, end: int):
    with pytest.raises(BadInput):
        candidates.block(team.recruiter, View(), start, end)


def test_an_added_range_holds_both_of_its_days():
    view = View(filters=Filters(added_from=date(2026, 1, 1), added_until=date(2026, 1, 31)))
    assert stored_filters(view, NOW) == {
        "added_from": "2026-01-01T00:00:00+00:00",
        "added_before": "2026-02-01T00:00:00+00:00",
    }


def test_all_blocks_of_a_view_ask_for_the_same_thing_during_a_day():
    view = View(filters=Filters(freshness="fresh"))
    assert stored_filters(view, NOW) == stored_filters(view, NOW.replace(hour=23))


def test_a_person_is_shown_with_computed_durations(candidates: Candidates, superuser: psycopg.Connection, team: Team):
    person_id = insert_person(superuser, team.org_id, CAREER, "mira-quill")
    person = candidates.person(team.recruiter, person_id)
    assert (person.title, person.company, person.profile.skills) == ("Lead", "Bluefern", ("Python", "C++"))
    assert [(timed.job.company, timed.months, timed.is_current) for timed in person.history] == [
        ("Bluefern", 27, True),
        ("Orbis Loom", 38, False),
    ]
    assert person.profile_url == "https://www.linkedin.com/in/mira-quill"
    assert not person.has_payload


def test_a_stored_address_that_is_no_profile_becomes_no_link(
    candidates: Candidates, superuser: psycopg.Connection, team: Team
):
    person_id = insert_person(superuser, team.org_id, CAREER, "x")
    superuser.execute("UPDATE candidates SET profile_url = 'javascript:alert(1)' WHERE id = %s", [person_id])
    assert candidates.person(team.recruiter, person_id).profile_url == ""


def test_the_raw_payload_comes_only_when_asked_for(candidates: Candidates, superuser: psycopg.Connection, team: Team):
    person_id = insert_person(superuser, team.org_id, CAREER, "mira-quill")
    with pytest.raises(NotFound):
        candidates.payload(team.recruiter, person_id)
    for text in ("old", "new"):
        superuser.execute(
            "INSERT INTO candidate_payloads (org_id, candidate_id, source, payload) VALUES (%s, %s, 'crustdata', %s)",
            [team.org_id, person_id, f'{{"said": "{text}"}}'],
        )
    assert candidates.person(team.recruiter, person_id).has_payload
    assert '"new"' in candidates.payload(team.recruiter, person_id).text


def test_nothing_of_a_person_is_shown_to_another_organization(
    candidates: Candidates, superuser: psycopg.Connection, team: Team, rivals: Team
):
    person_id = insert_person(superuser, team.org_id, CAREER, "mira-quill")
    list_id = candidates.put_on_list(team.recruiter, "Ours", [person_id]).list_id
    view = View(filters=Filters(list_id=list_id))
    assert candidates.block(rivals.admin, View(), 0, 100).rows == []
    assert candidates.count(rivals.admin, view).total == 0
    for ask in (
        lambda: candidates.person(rivals.admin, person_id),
        lambda: candidates.payload(rivals.admin, person_id),
        lambda: candidates.delete(rivals.admin, person_id),
        lambda: candidates.add_matching_to_list(rivals.admin, View(), list_id),
        lambda: candidates.put_on_list(rivals.admin, "Theirs", [person_id]),
    ):
        with pytest.raises(NotFound):
            ask()
    assert candidates.choices(rivals.admin).lists == []
    assert candidates.choices(rivals.admin).sources == []
    assert candidates.count(team.recruiter, view).total == 1


def test_everybody_who_matches_goes_on_a_list_once_and_in_the_order_shown(
    candidates: Candidates, superuser: psycopg.Connection, team: Team
):
    make_people(superuser, team, 120, seed=4)
    view = View(text="data OR java", sort="title", descending=True)
    shown = [row.id for row in candidates.block(team.recruiter, view, 0, 500).rows]
    first = candidates.put_on_list(team.recruiter, "Found", view)
    again = candidates.put_on_list(team.colleague, "found", view)
    rest = candidates.add_matching_to_list(team.recruiter, View(), first.list_id)
    members = [
        row[0]
        for row in superuser.execute(
            "SELECT candidate_id FROM list_members WHERE list_id = %s ORDER BY position", [first.list_id]
        ).fetchall()
    ]
    assert 0 < len(shown) < 120
    assert (first.added, again.added, rest) == (len(shown), 0, 120 - len(shown))
    assert again.list_id == first.list_id
    assert members[: len(shown)] == shown


@pytest.mark.parametrize(
    ("name", "chosen"), [("", [1]), ("L", []), ("L", range(MOST_CHOSEN + 1)), ("L", View("a AND"))]
)
def test_what_cannot_be_put_on_a_list_is_refused_and_makes_no_list(
    candidates: Candidates, team: Team, name: str, chosen: list[int] | View
):
    with pytest.raises(BadInput):
        candidates.put_on_list(team.recruiter, name, chosen)
    assert candidates.choices(team.recruiter).lists == []


def test_nobody_makes_no_list_and_the_others_are_told_apart(
    candidates: Candidates, superuser: psycopg.Connection, team: Team
):
    first, second = make_people(superuser, team, 2, seed=9)
    gone = max(first, second) + 1000
    for chosen in ([gone, gone + 1], View(text="nobodyiscalledthis")):
        with pytest.raises(NotFound, match="Nobody"):
            candidates.put_on_list(team.recruiter, "New", chosen)
        assert candidates.choices(team.recruiter).lists == []
    candidates.put_on_list(team.recruiter, "New", [first])
    some = candidates.put_on_list(team.recruiter, "New", [first, second, second, gone])
    assert (some.added, some.already, some.unknown) == (1, 1, 1)
    with pytest.raises(NotFound):
        candidates.put_on_list(team.recruiter, "New", [gone])


def test_a_list_that_is_gone_takes_nobody(candidates: Candidates, team: Team):
    with pytest.raises(NotFound):
        candidates.add_matching_to_list(team.recruiter, View(), uuid4())


def screened(superuser: psycopg.Connection, team: Team, person_id: int, item_state: str) -> None:
    """A run with one item, and a verdict on the person."""
    superuser.execute(
        """
        WITH p AS (INSERT INTO positions (org_id, title, created_by) VALUES (%(org)s, 'P', %(user)s) RETURNING id),
        v AS (INSERT INTO position_versions (org_id, position_id, number, edited_by) SELECT %(org)s, id, 1, %(user)s
                FROM p RETURNING id, position_id),
        r AS (INSERT INTO runs (org_id, user_id, kind, title) VALUES (%(org)s, %(user)s, 'screening', 'P on L')
              RETURNING id),
        i AS (INSERT INTO run_items (org_id, run_id, candidate_id, position, state)
              SELECT %(org)s, id, %(person)s, 1, %(state)s FROM r RETURNING id, run_id),
        t AS (INSERT INTO screening_texts (org_id, sha256, text) VALUES (%(org)s, '\\x01', 'about the person'))
        INSERT INTO screenings (org_id, run_id, item_id, candidate_id, position_id, version_id, verdict, score,
               outcomes, snapshot_hash, text_sha256, prompt_version, prompt_hash, model, raw_answer, asked_by)
        SELECT %(org)s, i.run_id, i.id, %(person)s, v.position_id, v.id, 'GO', 8, '{}', '\\x', '\\x01', '1', '\\x',
               'm', '', %(user)s FROM i, v
        """,
        {"org": team.org_id, "user": team.recruiter.user_id, "person": person_id, "state": item_state},
    )


def test_a_deleted_person_leaves_nothing_but_the_count(
    candidates: Candidates, superuser: psycopg.Connection, team: Team
):
    person_id = insert_person(superuser, team.org_id, CAREER, "mira-quill")
    candidates.put_on_list(team.recruiter, "L", [person_id])
    screened(superuser, team, person_id, "done")
    superuser.execute(
        "INSERT INTO screening_extras (screening_id, org_id, met, asked, tags, outcomes, raw_answer, prompt_hash)"
        " SELECT id, org_id, 1, 1, '{Kafka}', '[]', '', '\\x' FROM screenings;"
        'UPDATE run_items SET carried = \'{"text": "what was sent about the person"}\''
    )
    assert [found.verdict for found in candidates.person(team.manager, person_id).screenings] == ["GO"]
    candidates.delete(team.manager, person_id)
    with pytest.raises(NotFound):
        candidates.person(team.manager, person_id)
    for table in (
        "candidates",
        "candidate_profiles",
        "list_members",
        "screenings",
        "screening_texts",
        "screening_extras",
    ):
        assert superuser.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,), table
    assert superuser.execute("SELECT candidate_id, state, carried FROM run_items").fetchall() == [(None, "done", None)]
    assert superuser.execute("SELECT action, object FROM audit_events").fetchall() == [
        ("candidate erased", str(person_id))
    ]


def test_a_person_in_a_live_run_stays_and_the_run_is_named(
    candidates: Candidates, superuser: psycopg.Connection, team: Team
):
    person_id = insert_person(superuser, team.org_id, CAREER, "mira-quill")
    screened(superuser, team, person_id, "waiting")
    with pytest.raises(Conflict, match="P on L"):
        candidates.delete(team.admin, person_id)
    assert candidates.person(team.admin, person_id).screenings


def test_a_recruiter_cannot_delete_a_person(candidates: Candidates, superuser: psycopg.Connection, team: Team):
    person_id = insert_person(superuser, team.org_id, CAREER, "mira-quill")
    with pytest.raises(NotAllowed):
        candidates.delete(team.recruiter, person_id)
    assert candidates.person(team.recruiter, person_id).name == "Mira Quill"


def test_people_are_found_by_the_verdict_that_counts(candidates: Candidates, superuser: psycopg.Connection, team: Team):
    person_id = insert_person(superuser, team.org_id, CAREER, "mira-quill")
    insert_person(superuser, team.org_id, CAREER, "not-screened")
    screened(superuser, team, person_id, "done")
    position = superuser.execute("SELECT id FROM positions").fetchone()
    assert position is not None

    def found(verdict: str) -> list[int]:
        view = View(filters=Filters(position_id=position[0], verdicts=(verdict,)))
        return [row.id for row in candidates.block(team.recruiter, view, 0, 100).rows]

    assert (found("GO"), found("NO GO")) == ([person_id], [])
    superuser.execute(
        "INSERT INTO overrides (org_id, screening_id, verdict, reason, user_id)"
        " SELECT org_id, id, 'NO GO', 'knows them', asked_by FROM screenings"
    )
    assert (found("GO"), found("NO GO")) == ([], [person_id])
