"""Merging: nothing known is lost, and saying the same twice is saying it once."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.domain.merging import IMPORT, Held, updated, with_gaps_filled
from services.domain.profiles import Profile, Role, School

TEXT = st.sampled_from(["", "a", "b"])
ROLES = st.lists(st.builds(Role, title=TEXT, company=TEXT, start=st.sampled_from(["", "2020-01"])), max_size=2).map(
    tuple
)
PROFILES = st.builds(
    Profile,
    full_name=TEXT,
    first_name=TEXT,
    headline=TEXT,
    title=TEXT,
    connections=st.sampled_from([None, 0, 5]),
    roles=ROLES,
    schools=st.lists(st.builds(School, name=st.sampled_from(["T", "t", "H"]), degree=TEXT), max_size=2).map(tuple),
    skills=st.lists(st.sampled_from(["Go", "go", "C++"]), max_size=2, unique=True).map(tuple),
)
SOURCES = st.sampled_from([IMPORT, "crustdata"])
HELD = st.builds(
    lambda profile, source: Held(profile, {}) if source == IMPORT else Held.all_by(profile, source), PROFILES, SOURCES
)


@given(HELD, PROFILES, SOURCES)
def test_saying_the_same_twice_changes_nothing_more(held: Held, incoming: Profile, source: str) -> None:
    once = updated(held, incoming, source)
    assert updated(once, incoming, source) == once


@given(HELD, SOURCES)
def test_silence_changes_nothing(held: Held, source: str) -> None:
    assert updated(held, Profile(), source) == held


@given(PROFILES, PROFILES)
def test_a_file_changes_nothing_a_provider_said(profile: Profile, incoming: Profile) -> None:
    after = updated(Held.all_by(profile, "crustdata"), incoming, IMPORT).profile
    for field in ("full_name", "headline", "title", "connections", "roles", "schools", "skills"):
        said = getattr(profile, field)
        assert said in ("", (), None) or getattr(after, field) == said


@given(HELD, PROFILES, SOURCES)
def test_nothing_known_becomes_unknown(held: Held, incoming: Profile, source: str) -> None:
    after = updated(held, incoming, source).profile
    for field in ("full_name", "headline", "title", "connections", "roles", "schools", "skills"):
        assert getattr(held.profile, field) in ("", (), None) or getattr(after, field) not in ("", (), None)


@given(PROFILES, PROFILES)
def test_the_first_row_of_a_file_speaks_before_the_second(first: Profile, second: Profile) -> None:
    both = with_gaps_filled(first, second)
    assert both.headline == (first.headline or second.headline)
    assert both.skills[: len(first.skills)] == first.skills


def test_one_undated_job_does_not_wipe_out_a_history() -> None:
    history = (Role("Lead", "Bluefern", "2024-01"), Role("Developer", "Quillmark", "2020-01", "2023-12"))
    held = Held(Profile(roles=history), {})
    assert updated(held, Profile(roles=(Role("CTO", "Bluefern", is_current=True),)), IMPORT).profile.roles == history
    assert with_gaps_filled(Profile(roles=(Role("CTO"),)), Profile(roles=history)).roles == history


def test_names_change_together() -> None:
    held = Held(Profile(full_name="Mira Oban", first_name="Mira", last_name="Oban"), {})
    after = updated(held, Profile(full_name="Mira Oban-Levi", first_name="Mira", last_name="Oban-Levi"), IMPORT)
    assert after.profile == replace(held.profile, full_name="Mira Oban-Levi", last_name="Oban-Levi")


def test_a_provider_leaves_its_name_on_what_it_said() -> None:
    held = Held(Profile(headline="Old", title="Cook"), {})
    assert updated(held, Profile(headline="New"), "crustdata") == Held(
        Profile(headline="New", title="Cook"), {"headline": "crustdata"}
    )
