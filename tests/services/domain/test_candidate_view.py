"""The address of the Candidates page says a view exactly, and is read tolerantly."""

from datetime import date
from urllib.parse import urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.candidate_view import (
    ENRICHMENTS,
    FRESHNESSES,
    LONGEST_WORDS,
    MOST_VALUES,
    SORTS,
    VERDICTS,
    Filters,
    View,
    read_view,
    show_view,
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
values = st.lists(texts.filter(bool), max_size=3, unique=True).map(tuple)


def chosen_from(allowed: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of the allowed, in their own order."""
    return st.sets(st.sampled_from(allowed)).map(lambda some: tuple(v for v in allowed if v in some))


@st.composite
def filters(draw: st.DrawFn) -> Filters:
    position_id = draw(st.none() | st.uuids())
    return Filters(
        **{name: draw(texts) for name in ("name", "title", "company", "location")},
        **{name: draw(values) for name in ("names", "titles", "companies", "locations", "sources")},
        has_email=draw(st.none() | st.booleans()),
        enrichment=draw(chosen_from(ENRICHMENTS)),
        freshness=draw(st.none() | st.sampled_from(FRESHNESSES)),
        months_from=draw(st.none() | st.integers(0, 1200)),
        months_until=draw(st.none() | st.integers(0, 1200)),
        added_from=draw(st.none() | st.dates()),
        added_until=draw(st.none() | st.dates()),
        list_id=draw(st.none() | st.uuids()),
        position_id=position_id,
        verdicts=draw(chosen_from(VERDICTS)) if position_id else (),
    )


views = st.builds(
    View,
    text=texts,
    filters=filters(),
    sort=st.sampled_from(SORTS),
    descending=st.booleans(),
    person=st.none() | st.integers(1, 2**63 - 1),
    row=st.integers(0, 1_000_000),
)


@given(views)
def test_an_address_says_the_view_exactly(view: View):
    read = read_view("?" + show_view(view))
    assert read.view == view
    assert read.notices == ()


@given(st.text(max_size=80) | st.lists(st.tuples(texts, texts)).map(urlencode))
def test_any_address_is_read_without_raising_and_what_was_read_is_stable(text: str):
    view = read_view(text).view
    assert read_view(show_view(view)).view == view


def test_the_plain_page_has_a_plain_address():
    assert show_view(View()) == ""
    assert View().asks_for_everybody
    assert not View(filters=Filters(has_email=False)).asks_for_everybody


@pytest.mark.parametrize(
    "bad",
    [
        "sort=id;drop",
        "person=-1",
        "person=12x",
        "row=1e9",
        "months_from=٣",
        "added_from=2026-02-30",
        "list=nobody",
        "enrichment=gone",
        "fresh=maybe",
        "email=perhaps",
        "verdict=GO",
    ],
)
def test_what_cannot_be_used_is_left_out_and_said(bad: str):
    read = read_view(f"q=java&{bad}")
    assert read.view == View(text="java")
    assert len(read.notices) == 1
    assert read.notices[0].endswith(".")


def test_too_long_and_too_many_values_are_cut_and_said():
    read = read_view(urlencode([("title", "x" * 999), *(("is_company", f"c{n}") for n in range(99))]))
    assert len(read.view.filters.title) == LONGEST_WORDS
    assert len(read.view.filters.companies) == MOST_VALUES
    assert len(read.notices) == 2
    assert len(read_view("&".join(f"a{n}=1" for n in range(600))).notices) == 1


def test_a_link_written_by_hand_is_understood():
    list_id = UUID(int=7)
    read = read_view(f"list={list_id}&q=c%2B%2B&sort=-added&added_from=2026-01-05&utm_source=mail")
    assert read.view == View(
        "c++", Filters(list_id=list_id, added_from=date(2026, 1, 5)), sort="added", descending=True
    )
    assert read.notices == ()
