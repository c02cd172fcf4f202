"""The world is the same for the same seed, and every address leads back to its person."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.simulators.world import (
    SPACE,
    World,
    code_of,
    current_title,
    find,
    imported_row,
    index_of,
    outline,
    person,
)

seeds = st.integers(0, 10_000)


@given(seeds, st.integers(0, SPACE - 1))
def test_a_code_leads_back_to_its_index(seed, index):
    assert index_of(seed, code_of(seed, index)) == index
    assert 0 <= code_of(seed, index) < SPACE


@given(seeds, st.integers(0, 99_999))
def test_slug_old_vanity_and_opaque_id_find_the_person(seed, index):
    world, who = World(seed, 100_000), person(seed, index)
    assert find(world, who["slug"]) == index
    assert find(world, who["slug"].upper()) == index
    for alias in who["aliases"]:
        assert find(world, alias) == index
    assert find(world, who["aliases"][1].lower()) is None
    assert find(World(seed, index), who["slug"]) is None


@given(st.text(max_size=40))
def test_a_stranger_is_found_by_no_text(text):
    assert find(World(1, 1000), text) is None


@given(seeds, st.integers(0, 99_999))
def test_the_cheap_outline_agrees_with_the_full_person(seed, index):
    who, whole = outline(seed, index), person(seed, index)
    assert whole == person(seed, index)
    assert whole["slug"] == who.slug
    assert whole["title"] == current_title(who)
    current = [job for job in whole["jobs"] if job["end"] is None]
    assert bool(current) == ("no_current" not in who.messes)
    if current:
        assert current[0]["title"] == whole["title"]
    for job in whole["jobs"]:
        if job["start"] and job["end"]:
            assert job["start"] <= job["end"]


def test_every_kind_of_mess_and_quirk_lives_among_a_few_thousand_people():
    people = [outline(1, index) for index in range(4000)]
    messes = Counter(mess for who in people for mess in who.messes)
    quirks = Counter(who.quirk for who in people)
    assert min(messes.values()) >= 10 and len(messes) == 8
    assert len(quirks) == 9 and quirks[""] > 3000


def test_people_are_spread_and_slugs_never_repeat():
    slugs = {outline(3, index).slug for index in range(5000)}
    assert len(slugs) == 5000


def test_another_seed_is_another_world():
    assert outline(1, 0).slug != outline(2, 0).slug


def test_a_share_of_the_rows_repeats_earlier_people_under_other_addresses():
    rows = [imported_row(1, index, 0.2) for index in range(500)]
    repeated = [row for index, row in enumerate(rows) if row["index"] != index]
    assert 60 < len(repeated) < 140
    assert all(
        find(World(1, 500), row["linkedin_url"].split("/in/")[1].split("?")[0].strip("/")) == row["index"]
        for row in rows
    )
    assert all(row["index"] == index for index, row in enumerate(imported_row(1, i, 0.0) for i in range(50)))
