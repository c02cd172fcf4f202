"""Stored rows: profiles survive the way into the database and back, and facts are computed once."""

import json

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.db.candidate_rows import candidate_row, canonical_json, profile_from_json
from services.db.pool import Tx
from services.domain.dates import month_number
from services.domain.profiles import Profile, Role, School

AS_OF = month_number(2025, 9)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
PROFILES = st.builds(
    Profile,
    full_name=TEXT,
    summary=TEXT,
    connections=st.none() | st.integers(0, 9000),
    roles=st.lists(
        st.builds(Role, title=TEXT, is_current=st.booleans(), company_industries=st.just(("x",))), max_size=2
    ).map(tuple),
    schools=st.lists(st.builds(School, name=TEXT, start_year=st.integers(0, 2030)), max_size=2).map(tuple),
    skills=st.lists(TEXT, max_size=2).map(tuple),
)


@given(PROFILES)
def test_a_profile_comes_back_from_its_json(profile: Profile) -> None:
    assert profile_from_json(json.loads(canonical_json(profile))) == profile


def test_keys_of_a_newer_release_are_passed_over() -> None:
    assert profile_from_json({"full_name": "A", "aura": "blue", "roles": [{"title": "B", "mood": 1}]}) == Profile(
        full_name="A", roles=(Role("B"),)
    )


def test_the_hash_tells_profiles_apart_and_equal_ones_together() -> None:
    one, same, other = (
        candidate_row(Profile(full_name=name), 1, AS_OF).snapshot_hash for name in ("Mira", "Mira", "Mirah")
    )
    assert one == same != other


def test_facts_are_starts_so_that_tenures_grow_by_themselves() -> None:
    roles = (
        Role("Lead", "Bluefern", "2024-03", is_current=True),
        Role("Developer", "Bluefern Ltd", "2022-03", "2024-03"),
        Role("Soldier", "IDF", "2015-01", "2018-01"),
    )
    row = candidate_row(Profile(roles=roles), 1, AS_OF)
    assert (row.title, row.company) == ("Lead", "Bluefern")
    assert (row.role_start, AS_OF - (row.company_start or 0), row.industry_months) == (month_number(2024, 3), 42, 42)


def test_unknown_durations_are_unknown() -> None:
    row = candidate_row(Profile(roles=(Role("Lead", "Bluefern", is_current=True),)), 1, AS_OF)
    assert (row.role_start, row.company_start, row.industry_months) == (None, None, None)


def test_a_headline_gives_title_and_company_only_where_nothing_else_does() -> None:
    headline = Profile(headline="Builder at Bluefern")
    assert (candidate_row(headline, 1, AS_OF).title, candidate_row(headline, 1, AS_OF).company) == (
        "Builder",
        "Bluefern",
    )
    titled = Profile(headline="Builder at Bluefern", title="Cook")
    assert (candidate_row(titled, 1, AS_OF).title, candidate_row(titled, 1, AS_OF).company) == ("Cook", "")


def test_words_and_profile_are_taken_by_postgres_whatever_they_hold(tx: Tx) -> None:
    profile = Profile(full_name="Mi\0ra \ud800 'O\\ban' 🦊", skills=("C++", ".NET", "a:b"), summary="שלום\n\\u0000")
    row = candidate_row(profile, 7, AS_OF)
    found = tx.execute(
        "SELECT %s::tsvector @@ '''org:7'' & ''c++'' & !''org:70'''::tsquery, %s::jsonb ->> 'full_name'",
        [row.words, row.profile],
    ).fetchone()
    assert found == (True, "Mira  'O\\ban' 🦊")
    assert row.full_name == "Mira 'O\\ban' 🦊"


@given(st.builds(Profile, full_name=TEXT, title=TEXT, company=TEXT, location=TEXT, headline=TEXT))
def test_what_a_listing_shows_is_one_line_without_separators(profile: Profile) -> None:
    row = candidate_row(profile, 1, AS_OF)
    for text in (row.full_name, row.title, row.company, row.location):
        assert not {*"\x1c\x1d\x1e\x1f\n\r\t"} & {*text}


def test_the_table_refuses_a_separator_in_what_a_listing_shows(tx: Tx) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="no_separator"):
        tx.execute(
            "INSERT INTO candidates (org_id, profile_url, title) SELECT id, 'https://x.example/1', E'a\\x1fb'"
            " FROM organizations LIMIT 1"
        )
