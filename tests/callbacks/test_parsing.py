"""Whatever a browser sends is an id, a number, a text, or words for a person; it is never an accident."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks.parsing import LONGEST_NUMBER, parse_id, parse_number, text_of, whole_number
from services.errors import NotFound

GONE = "This list does not exist any more."
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.uuids(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.uuids())
def test_an_id_is_read_in_either_case(given_id: UUID) -> None:
    assert parse_id(str(given_id), GONE) == given_id
    assert parse_id(str(given_id).upper(), GONE) == given_id


@given(ANYTHING)
def test_anything_that_is_no_id_is_something_that_does_not_exist(sent: object) -> None:
    with pytest.raises(NotFound) as refused:
        parse_id(sent, GONE)
    assert refused.value.message == GONE


@pytest.mark.parametrize("write", [
    lambda text: text.replace("-", ""),
    lambda text: f"{{{text}}}",
    lambda text: f"urn:uuid:{text}",
    lambda text: f" {text}",
    lambda text: f"{text}\n",
    lambda text: text[:-1],
    lambda text: text[:-1] + "١",
])  # fmt: skip
def test_an_id_has_one_way_to_be_written(write: object) -> None:
    assert callable(write)
    with pytest.raises(NotFound):
        parse_id(write(str(uuid4())), GONE)


@given(st.integers(0, 10**LONGEST_NUMBER - 1))
def test_a_whole_number_is_read_as_typed_or_as_sent(number: int) -> None:
    assert whole_number(number) == whole_number(str(number)) == parse_number(str(number), GONE) == number


@pytest.mark.parametrize(
    "sent",
    [
        "",
        " 1",
        "-1",
        -1,
        10**LONGEST_NUMBER,
        "1.0",
        1.0,
        "1_0",
        "²",
        "١",
        "9" * (LONGEST_NUMBER + 1),
        True,
        None,
        [1],
        {"a": 1},
    ],
)
def test_anything_else_is_no_whole_number(sent: object) -> None:
    assert whole_number(sent) is None
    with pytest.raises(NotFound):
        parse_number(sent, GONE)


def test_a_number_of_ten_thousand_digits_is_refused_without_being_written_out() -> None:
    assert whole_number(10**9999) is None


@given(ANYTHING)
def test_only_a_text_is_a_text(sent: object) -> None:
    assert text_of(sent) == (sent if isinstance(sent, str) else "")
