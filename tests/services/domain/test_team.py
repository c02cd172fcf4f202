"""Places: what an address says of where somebody is, and that it is stored and read back as it was."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.team import PAGE_WORDS, Place, place_at, read_place

P, L = UUID(int=7), UUID(int=8)
ids = st.none() | st.uuids()
places = st.builds(Place, st.sampled_from(sorted(PAGE_WORDS)), ids, ids)


@pytest.mark.parametrize(
    ("pathname", "search", "place"),
    [
        ("/", "", Place()),
        ("/screening", f"?position={P}&list={L}&open=3", Place("screening", P, L)),
        ("/candidates", f"?q=python&list={L}", Place("candidates", None, L)),
        (f"/positions/{P}", "?version=x", Place("positions", P)),
        ("/positions/new", "", Place("positions")),
        (f"/lists/{L}", "", Place("lists", None, L)),
        (f"/runs/{P}", "", Place("runs")),
        ("/usage", f"?list={L}", Place("usage")),
        ("/screening", "?position=nonsense", Place("screening")),
        ("/no/such/page", f"?list={L}", Place()),
        ("/screening", "?" + "a=1&" * 5_000, Place("screening")),
    ],
)
def test_an_address_names_its_page_its_position_and_its_list(pathname: str, search: str, place: Place) -> None:
    assert place_at(pathname, search) == place


@given(places)
def test_a_place_is_read_back_as_it_was_written(place: Place) -> None:
    assert read_place(place.as_text()) == place


@given(st.text(max_size=40))
def test_whatever_the_store_holds_is_a_place_or_none(text: str) -> None:
    found = read_place(text)
    assert found is None or found.words


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_a_browser_sends_is_a_place(pathname: str, search: str) -> None:
    assert place_at(pathname, search).words


@given(places, places)
def test_to_share_is_mutual_and_needs_something_to_share(one: Place, other: Place) -> None:
    assert one.shares(other) == other.shares(one)
    assert one.shares(one) == one.is_about_something
