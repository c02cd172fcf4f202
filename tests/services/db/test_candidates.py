"""Searching in SQL: the same as a slow and obvious search, whole and in blocks, for one organization only."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from services.candidates import stored_filters
from services.db.candidate_rows import profile_from_json
from services.db.candidates import Ask, count_candidates, search_candidates
from services.db.pool import Database, Tx
from services.domain.candidate_view import Filters, SortName, View
from services.domain.candidate_words import WORD_COLUMNS, column_matches
from services.domain.names import fold
from services.domain.queries import Query, parse_query, to_tsquery, to_tsvector
from tests.fixtures.people import COMPANIES, SKILLS, TITLES, make_people
from tests.fixtures.postgres import Team
from tests.services.domain.query_cases import equivalence_cases

PEOPLE = 150
FRESH_SINCE = datetime(2025, 6, 1, tzinfo=UTC)
SORT_COLUMN: dict[SortName, str] = {
    "name": "name_key",
    "title": "title_key",
    "company": "company_key",
    "location": "location_key",
    "added": "created_at",
    "updated": "updated_at",
    "experience": "industry_months",
}


class Crowd:
    """A filled organization beside another one, and its people as the reference sees them.

    No dataclass: hypothesis prints those in full with every finding.
    """

    def __init__(self, database: Database, team: Team, rows: list[dict[str, Any]], list_id: UUID) -> None:
        self.database, self.team, self.rows, self.list_id = database, team, rows, list_id


@pytest.fixture
def crowd(database: Database, superuser: psycopg.Connection, team: Team, rivals: Team) -> Crowd:
    people = make_people(superuser, team, PEOPLE, seed=1)
    make_people(superuser, rivals, PEOPLE, seed=1)
    found = superuser.execute(
        "INSERT INTO lists (org_id, name, created_by) VALUES (%s, 'L', %s) RETURNING id",
        [team.org_id, team.recruiter.user_id],
    ).fetchone()
    assert found is not None
    for person in people[::3]:
        superuser.execute(
            "INSERT INTO list_members (list_id, candidate_id, org_id) VALUES (%s, %s, %s)",
            [found[0], person, team.org_id],
        )
    superuser.execute("ANALYZE candidates")
    with superuser.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "SELECT c.*, p.profile, EXISTS (SELECT FROM list_members m WHERE m.candidate_id = c.id) AS listed"
            " FROM candidates c JOIN candidate_profiles p ON p.candidate_id = c.id WHERE c.org_id = %s",
            [team.org_id],
        ).fetchall()
    return Crowd(database, team, [with_texts(row) for row in rows], found[0])


def with_texts(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the texts that full text search reads."""
    profile = profile_from_json(row["profile"])
    texts = [row[name] for name in ("full_name", "headline", "title", "company", "location")]
    texts += profile.skills
    texts += [text for school in profile.schools for text in (school.name, school.degree, school.field_of_study)]
    texts += [text for role in profile.roles for text in (role.title, role.company)]
    return row | {"texts": texts}


def matches(row: dict[str, Any], view: View, list_id: UUID) -> bool:
    """Whether a person is shown by a view, said as plainly as possible."""
    f = view.filters
    query = parse_query(view.text)
    assert isinstance(query, Query)
    enriched_at = row["enriched_at"]
    freshness = "never" if enriched_at is None else "fresh" if enriched_at >= FRESH_SINCE else "stale"
    months = row["industry_months"]
    wholes = {"name": f.names, "title": f.titles, "company": f.companies, "location": f.locations}
    columns = {"name": "full_name", "title": "title", "company": "company", "location": "location"}
    return (
        query.matches(*row["texts"])
        and all(column_matches(row[columns[column]], getattr(f, column)) for column in WORD_COLUMNS)
        and all(not some or row[f"{name}_key"] in map(fold, some) for name, some in wholes.items())
        and f.has_email in (None, row["email"] != "")
        and (not f.enrichment or row["enrichment"] in f.enrichment)
        and f.freshness in (None, freshness)
        and (not f.sources or row["source"] in f.sources)
        and (f.months_from is None or (months is not None and months >= f.months_from))
        and (f.months_until is None or (months is not None and months <= f.months_until))
        and (f.added_from is None or row["created_at"].date() >= f.added_from)
        and (f.added_until is None or row["created_at"].date() <= f.added_until)
        and (f.list_id is None or (f.list_id == list_id and row["listed"]))
    )


def expected_ids(crowd: Crowd, view: View) -> list[int]:
    column = SORT_COLUMN[view.sort]
    rows = [row for row in crowd.rows if matches(row, view, crowd.list_id)]
    known = [row for row in rows if row[column] not in ("", None)]
    blank = [row for row in rows if row[column] in ("", None)]
    known.sort(key=lambda row: (row[column], row["id"]), reverse=view.descending)
    blank.sort(key=lambda row: row["id"], reverse=view.descending)
    return [row["id"] for row in known + blank]


def filters_of(view: View) -> dict[str, Any]:
    return stored_filters(view, FRESH_SINCE + timedelta(days=183))


def within(tx: Tx) -> Ask:
    """Ask within an open transaction."""
    return lambda statement, parameters: tx.execute(statement, parameters).fetchall()


def all_blocks(tx: Tx, view: View, size: int, always_sorted: int) -> list[int]:
    """Every id of a view, block after block."""
    found: list[int] = []
    while True:
        row = tx.execute(
            "SELECT people, total, total_is_exact FROM search_candidates(%s, %s, %s, %s, %s, %s)",
            [json.dumps(filters_of(view)), view.sort, view.descending, len(found), size, always_sorted],
        ).fetchone()
        assert row is not None
        people, total, is_exact = row
        ids = [int(part) for part in people.split("\x1f")[::12]] if people else []
        found += ids
        if len(ids) < size:
            assert not is_exact or total == len(found)
            return found


words = st.sampled_from(["java", "c++", ".net", "data", "lead", "quill*", '"data analyst"', "zoe", "orbis", "כהן"])
queries = st.recursive(
    words,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} OR {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]} {pair[1]}"),
        inner.map(lambda one: f"NOT ({one})"),
    ),
    max_leaves=4,
)
months = st.none() | st.integers(0, 150)
days = st.none() | st.dates(date(2025, 1, 1), date(2025, 12, 1))
plain_filters = st.builds(
    Filters,
    name=st.sampled_from(["", "", "zo", "qui", "ana"]),
    title=st.sampled_from(["", "", "eng", "data le", "qa", "c++", "net"]),
    company=st.sampled_from(["", "", "", "orb", "data sys"]),
    location=st.sampled_from(["", "", "", "isr"]),
    titles=st.sampled_from([(), (), (), TITLES[:2]]),
    companies=st.sampled_from([(), (), (), ("ORBIS loom",), COMPANIES[:3]]),
    has_email=st.sampled_from([None, None, True, False]),
    enrichment=st.sampled_from([(), (), ("failed",), ("none", "thin")]),
    freshness=st.sampled_from([None, None, "fresh", "stale", "never"]),
    sources=st.sampled_from([(), (), ("csv",), ("csv", "crustdata")]),
    months_from=st.none() | months,
    months_until=st.none() | months,
    added_from=st.none() | days,
    added_until=st.none() | days,
)
views = st.builds(
    View,
    text=st.just("") | queries,
    filters=st.just(Filters()) | plain_filters,
    sort=st.sampled_from(list(SORT_COLUMN)),
    descending=st.booleans(),
)
on_one_crowd = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@on_one_crowd
@given(view=views, listed=st.booleans())
def test_a_search_finds_the_same_people_in_the_same_order_as_a_slow_one(crowd: Crowd, view: View, listed: bool):
    if listed:
        view = replace(view, filters=replace(view.filters, list_id=crowd.list_id))
    expected = expected_ids(crowd, view)
    with crowd.database.act_as(crowd.team.recruiter) as tx:
        found = search_candidates(within(tx), filters_of(view), view.sort, view.descending, 0, 500)
        counted = count_candidates(tx, filters_of(view), 10_000)
        everybody = tx.execute(
            "SELECT id FROM matching_candidates(%s, %s, %s)",
            [json.dumps(filters_of(view)), view.sort, view.descending],
        ).fetchall()
    assert [row.id for row in found.rows] == expected
    assert (counted.total, counted.total_is_exact) == (len(expected), True)
    assert [row[0] for row in everybody] == expected


@on_one_crowd
@given(view=views, size=st.integers(1, 60), always_sorted=st.sampled_from([0, 2000]))
def test_blocks_show_everybody_once_whether_sorted_or_walked(crowd: Crowd, view: View, size: int, always_sorted: int):
    with crowd.database.act_as(crowd.team.recruiter) as tx:
        assert all_blocks(tx, view, size, always_sorted) == expected_ids(crowd, view)


def test_a_jump_far_down_shows_what_scrolling_there_shows(
    database: Database, superuser: psycopg.Connection, team: Team
):
    fill_quickly(superuser, team, 4000)
    view = View(sort="experience", descending=True)
    with database.act_as(team.recruiter) as tx:
        whole = [row[0] for row in tx.execute("SELECT id FROM matching_candidates('{}', 'experience', true)")]
    for first in (3950, 1234, 2600, 3999, 4000, 9000):
        for _ in ("laid", "used"):
            with database.act_as(team.recruiter) as tx:
                found = search_candidates(within(tx), {}, view.sort, view.descending, first, 100)
            assert [row.id for row in found.rows] == whole[first : first + 100]
    assert (found.total, found.total_is_exact) == (4000, True)
    places = superuser.execute("SELECT count(*) FROM search_anchors WHERE org_id = %s", [team.org_id]).fetchone()
    assert places is not None
    assert places[0] >= 39


def fill_quickly(superuser: psycopg.Connection, team: Team, n: int) -> None:
    """Many people who differ in their keys only, a tenth of them without."""
    superuser.execute(
        "INSERT INTO candidates (org_id, profile_url, full_name, name_key, industry_months, words)"
        " SELECT %(org)s, 'https://www.linkedin.com/in/q' || g, 'N ' || g, 'n ' || g,"
        "        CASE WHEN g %% 10 > 0 THEN (g * 7919) %% 97 END,"
        "        (SELECT format('''org:%%s'' ''word%%s'':1 ''common'':2', number, g %% 200)::tsvector"
        "           FROM organizations WHERE id = %(org)s) FROM generate_series(1, %(n)s) g",
        {"org": team.org_id, "n": n},
    )
    superuser.execute("ANALYZE candidates")


def test_a_walk_that_finds_too_little_ends_as_a_complete_search(
    database: Database, superuser: psycopg.Connection, team: Team
):
    fill_quickly(superuser, team, 3000)
    # The statistics still believe that everybody has the word.
    superuser.execute(
        "UPDATE candidates SET words = ts_delete(words, 'common') WHERE industry_months IS DISTINCT FROM 1"
    )
    view = View(text="common")
    with database.act_as(team.recruiter) as tx:
        found = search_candidates(within(tx), filters_of(view), "name", False, 0, 100)
    assert (len(found.rows), found.total, found.total_is_exact) == (28, 28, True)


def test_the_words_of_a_query_are_found_through_the_index_and_not_by_reading_everybody(
    database: Database, superuser: psycopg.Connection, team: Team
):
    fill_quickly(superuser, team, 20_000)
    with as_definer(superuser, team) as tx:
        condition = tx.execute(
            "SELECT everything FROM candidate_condition(%s)", ['{"words": ["\'word7\'"]}']
        ).fetchone()
        assert condition is not None
        plan = plan_of(tx, f"SELECT id FROM candidates c WHERE {condition[0]}")
        assert "candidates_by_words" in plan
        assert "Seq Scan" not in plan
        ordered = plan_of(
            tx, "SELECT id FROM candidates c WHERE org_id = current_org() ORDER BY name_key, id LIMIT 100"
        )
        assert "candidates_by_name" in ordered
    # What the door spares us: under the policy of the app's own role the same index is out of reach.
    with database.act_as(team.recruiter) as tx:
        assert "candidates_by_words" not in plan_of(tx, f"SELECT id FROM candidates c WHERE {condition[0]}")


@contextmanager
def as_definer(superuser: psycopg.Connection, team: Team) -> Iterator[psycopg.Connection]:
    with superuser.transaction():
        superuser.execute("SET LOCAL ROLE sourcingx_definer")
        superuser.execute("SELECT set_config('app.org_id', %s, true)", [str(team.org_id)])
        yield superuser


def plan_of(tx: psycopg.Connection, query: str) -> str:
    return "\n".join(str(row[0]) for row in tx.execute(f"EXPLAIN {query}".encode()).fetchall())


def test_the_stored_search_agrees_with_the_one_in_memory(tx: Tx):
    for case in equivalence_cases():
        query = parse_query(case.query)
        assert isinstance(query, Query)
        tsquery = to_tsquery(query)
        row = tx.execute(
            "SELECT %(q)s::tsquery IS NULL OR (%(v)s::text || ' ''org:1''')::tsvector @@ %(q)s::tsquery",
            {"q": tsquery, "v": to_tsvector(case.fields)},
        ).fetchone()
        assert row == (case.hits,), case


@given(
    text=st.lists(st.sampled_from([*SKILLS, "the", "5+", "Java+Spring", "ג'אווה", "x" * 30, "co-op"]), max_size=8),
    query=queries,
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_generated_texts_and_queries_agree_in_memory_and_in_the_database(tx: Tx, text: list[str], query: str):
    parsed = parse_query(query)
    assert isinstance(parsed, Query)
    fields = [" ".join(text[:4]), " ".join(text[4:])]
    row = tx.execute(
        "SELECT %s::tsvector @@ %s::tsquery", [to_tsvector(fields) + " 'org:1'", to_tsquery(parsed)]
    ).fetchone()
    assert row == (parsed.matches(*fields),)


@pytest.mark.parametrize(
    ("filters", "sort", "first", "size"),
    [
        ({}, "name; DROP TABLE candidates", 0, 100),
        ({}, "id", 0, 100),
        ({}, "words", 0, 100),
        ({"name_key' OR true --": "x"}, "name", 0, 100),
        ({"org_id": "x"}, "name", 0, 100),
        ({}, "name", -1, 100),
        ({}, "name", 0, 0),
        ({}, "name", 0, 501),
        ({"words": ["'a' & ("]}, "name", 0, 100),
        ({"list": "'; DROP TABLE lists; --"}, "name", 0, 100),
        ({"months_from": "0) OR true --"}, "name", 0, 100),
    ],
)
def test_what_is_not_on_the_list_is_an_error_and_no_sql(
    database: Database, team: Team, filters: dict[str, Any], sort: str, first: int, size: int
):
    with pytest.raises(psycopg.Error), database.act_as(team.recruiter) as tx:
        search_candidates(within(tx), filters, sort, False, first, size)


def test_values_are_values_whatever_they_hold(crowd: Crowd):
    nasty = {"sources": ["csv') OR true --", "'"], "companies": ["\\'; SELECT 1"], "titles": ["%s $1 {}"]}
    with crowd.database.act_as(crowd.team.recruiter) as tx:
        for name, values in nasty.items():
            assert search_candidates(within(tx), {name: values}, "name", False, 0, 100).rows == []


def test_a_door_opens_for_the_organization_of_its_transaction_only(crowd: Crowd, rivals: Team):
    doors = ("search_candidates('{}', 'name', false, 0, 500)", "count_candidates('{}', 10)")
    with crowd.database.act_as(rivals.recruiter) as tx:
        theirs = search_candidates(within(tx), {}, "name", False, 0, 500).rows
        assert search_candidates(within(tx), {"list": str(crowd.list_id)}, "name", False, 0, 500).rows == []
        other = "'org:1' | 'org:2' | 'java' | !'java'"
        assert len(search_candidates(within(tx), {"words": [other]}, "name", False, 0, 500).rows) == PEOPLE
        assert tx.execute("SELECT count(*) FROM matching_candidates('{}', 'name', false)").fetchone() == (PEOPLE,)
    assert len(theirs) == PEOPLE
    assert {row.id for row in theirs}.isdisjoint(row["id"] for row in crowd.rows)
    for door in doors:
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="no organization"),
            crowd.database.transaction("sourcingx_app", None, None) as tx,
        ):
            tx.execute(f"SELECT * FROM {door}".encode())


@pytest.mark.parametrize(
    "inner",
    [
        "candidate_condition('{}')",
        "expected_rows('true')",
        "collect_block('true', 'name', false, 0, 10, 10, true)",
        "open_search('\\x00', true)",
    ],
)
def test_what_lies_behind_the_doors_cannot_be_called(database: Database, team: Team, inner: str):
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.act_as(team.admin) as tx:
        tx.execute(f"SELECT {inner}".encode())


def test_anchors_of_one_organization_are_hidden_from_another_and_cannot_be_written(
    database: Database, superuser: psycopg.Connection, team: Team, rivals: Team
):
    fill_quickly(superuser, team, 2500)
    with database.act_as(team.recruiter) as tx:
        search_candidates(within(tx), {}, "name", False, 0, 100)
        assert tx.execute("SELECT count(*) FROM search_anchors").fetchone() == (1,)
    with database.act_as(rivals.recruiter) as tx:
        assert tx.execute("SELECT count(*) FROM search_anchors").fetchone() == (0,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.act_as(team.recruiter) as tx:
        tx.execute("DELETE FROM searches")


def test_a_search_that_begins_anew_forgets_places_of_half_a_minute_ago(
    database: Database, superuser: psycopg.Connection, team: Team
):
    fill_quickly(superuser, team, 2500)
    with database.act_as(team.recruiter) as tx:
        search_candidates(within(tx), {}, "name", False, 0, 100)
        search_candidates(within(tx), {}, "name", False, 2000, 100)
    superuser.execute("UPDATE searches SET made_at = made_at - interval '1 minute'")
    superuser.execute(
        "INSERT INTO candidates (org_id, profile_url, name_key, words) SELECT org_id, 'https://x.example/new', '!',"
        " words FROM candidates LIMIT 1"
    )
    with database.act_as(team.recruiter) as tx:
        first = search_candidates(within(tx), {}, "name", False, 0, 100).rows[0]
        search_candidates(within(tx), {}, "name", False, 2000, 100)
        whole = [row[0] for row in tx.execute("SELECT id FROM matching_candidates('{}', 'name', false)")]
        found = [row.id for row in search_candidates(within(tx), {}, "name", False, 2000, 100).rows]
    assert first.id == whole[0]
    assert found == whole[2000:2100]


def test_a_listing_row_is_a_plain_record(crowd: Crowd):
    rng = random.Random(3)
    with crowd.database.act_as(crowd.team.recruiter) as tx:
        found = rng.choice(search_candidates(within(tx), {}, "name", False, 0, 100).rows)
    stored = next(row for row in crowd.rows if row["id"] == found.id)
    computed = {
        "has_email": stored["email"] != "",
        "added_on": stored["created_at"].astimezone(UTC).date().isoformat(),
        "updated_on": stored["updated_at"].astimezone(UTC).date().isoformat(),
    }
    shown = found._asdict()
    assert shown == {name: stored[name] for name in shown if name not in computed} | computed
