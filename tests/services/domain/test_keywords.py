"""Keywords in titles: they hit as themselves, never inside another word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.keywords import Keywords, keyword_hit


@pytest.mark.parametrize(
    ("title", "keyword"),
    [
        ("IT Manager", "it"),
        ("C++ Engineer", "c++"),
        ("Engineer (C++)", "C++"),
        ("Head  of\tData", "head of"),
        ("VP, R&D", "r&d"),
        ("UI/UX Designer", "ui"),
        ("מנהל מוצר", "מוצר"),
        ("Gérant", "gerant"),
        ("C++ Engineer", "c"),
    ],
)
def test_a_keyword_hits_where_it_stands_alone(title: str, keyword: str):
    assert keyword_hit(title, keyword)


@pytest.mark.parametrize(
    ("title", "keyword"),
    [
        ("Digital Lead", "it"),
        ("requirements engineer", "ui"),
        ("Director", "cto"),
        ("Doctor", "cto"),
        ("Ahead of time", "head of"),
        ("Head office", "head of"),
        ("Headof", "head of"),
        ("vp_sales", "vp"),
        ("C++17", "c++"),
        ("", "it"),
        ("IT Manager", ""),
        ("IT Manager", "  "),
    ],
)
def test_it_does_not_hit_digital_nor_ui_requirements(title: str, keyword: str):
    assert not keyword_hit(title, keyword)


def test_the_first_keyword_that_hits_is_the_reason_shown():
    keywords = Keywords.of(["cto", " ", "VP ", "head of"])
    assert keywords.keywords == ("cto", "VP", "head of")
    assert keywords.first_hit("Head of Sales, VP") == "VP"
    assert keywords.first_hit("Engineer") is None
    assert not Keywords.of([]).hit("Engineer")


alphabet = "ab+_ 1&"


def reference_hit(title: str, keyword: str) -> bool:
    def touches(character: str) -> bool:
        return character.isalnum() or character == "_"

    wanted = " ".join(keyword.split())
    squeezed = title
    while "  " in squeezed:
        squeezed = squeezed.replace("  ", " ")
    for start in range(len(squeezed)):
        end = start + len(wanted)
        if squeezed[start:end] == wanted:
            before, after = squeezed[:start][-1:], squeezed[end:][:1]
            if not touches(before) and not touches(after):
                return bool(wanted)
    return False


@given(st.text(alphabet, max_size=14), st.text(alphabet, max_size=4))
def test_hits_agree_with_a_walk_over_the_characters(title: str, keyword: str):
    assert keyword_hit(title, keyword) == reference_hit(title, keyword)


@given(st.text(max_size=20), st.lists(st.text(max_size=4), max_size=4))
def test_a_set_hits_exactly_when_one_of_its_keywords_does(title: str, keywords: list[str]):
    together = Keywords.of(keywords)
    assert together.hit(title) == any(keyword_hit(title, keyword) for keyword in keywords)
    assert together.hit(title) == (together.first_hit(title) is not None)
