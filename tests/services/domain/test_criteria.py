"""The brief: four boxes or a file in, numbered criteria out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.criteria import (
    LONGEST_CRITERION,
    MOST_CRITERIA_A_BOX,
    Brief,
    Kind,
    deciding,
    of_kind,
    parse_brief,
    parse_brief_file,
    show_brief_file,
)
from services.errors import BadInput


def test_each_line_is_one_criterion_numbered_within_its_box():
    criteria = parse_brief("Backend", "Go or Rust\n5+ years", "Kafka", "Currently a director\nConsulting only")
    assert [(c.id, c.kind, c.text) for c in criteria] == [
        ("must-1", Kind.MUST, "Go or Rust"),
        ("must-2", Kind.MUST, "5+ years"),
        ("nice-1", Kind.NICE, "Kafka"),
        ("excl-1", Kind.EXCLUDE, "Currently a director"),
        ("excl-2", Kind.EXCLUDE, "Consulting only"),
    ]
    assert [c.id for c in deciding(criteria)] == ["must-1", "must-2", "excl-1", "excl-2"]


@pytest.mark.parametrize(
    "line",
    [
        "- Go",
        "* Go",
        "• Go",
        "•Go",
        "-Go",
        "1. Go",
        "12) Go",
        "(3) Go",
        "a) Go",
        "[ ] Go",
        "- [x] Go",
        "  –  Go  ",
        "\u200b- Go",
        "- 1. Go",
    ],
)
def test_bullets_and_numbering_are_stripped(line):
    assert [c.text for c in parse_brief("", line, "", "")] == ["Go"]


@pytest.mark.parametrize("line", ["5+ years of Go", "1.5 years at a bank", ".NET", "C++", "3 years", "2 of: Go, C#"])
def test_numbers_that_belong_to_the_criterion_stay(line):
    assert [c.text for c in parse_brief("", line, "", "")] == [line]


def test_blank_lines_and_rules_are_dropped():
    assert len(parse_brief("", "\n \n---\nGo\n•\n\n", "", "")) == 1


def test_repeats_are_merged_and_said_so():
    [first, second] = parse_brief("", "Go\nKafka\n go ", "", "")
    assert (first.id, first.text, second.id) == ("must-1", "Go", "must-2")
    assert "more than once" in first.note
    assert second.note == ""


def test_a_nice_to_have_that_is_also_a_must_have_is_kept_as_a_must_have():
    criteria = parse_brief("", "Go", "Go\nKafka", "")
    assert [c.id for c in criteria] == ["must-1", "nice-1"]
    assert "nice-to-have" in criteria[0].note


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        (("Backend", "", "", ""), "nothing to decide by"),
        (("", "", "Kafka", ""), "nothing to decide by"),
        (("", "\n - \n", "", ""), "nothing to decide by"),
        (("", "x" * (LONGEST_CRITERION + 1), "", ""), "Must-have 1 has 301 characters"),
        (("", "\n".join(f"Skill {n}" for n in range(MOST_CRITERIA_A_BOX + 1)), "", ""), "21 must-haves"),
        (("r" * 4_001, "Go", "", ""), "The role text has 4,001 characters"),
        (("", "Director", "", "director"), "both a must-have and an exclusion"),
    ],
)
def test_a_brief_that_cannot_be_used_is_refused_with_words(boxes, words):
    with pytest.raises(BadInput, match=words):
        parse_brief(*boxes)


FILE = """\
# role
Senior backend engineer.
Small team.

# must
- Go or Rust
- At least 5 years

# nice
# exclude
- Currently a director
"""


def test_a_brief_file_is_read_by_its_sections():
    brief = parse_brief_file(FILE)
    assert brief.role == "Senior backend engineer.\nSmall team."
    assert [c.id for c in brief.criteria] == ["must-1", "must-2", "excl-1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Go\n# must\nGo", "Line 1 stands before any section"),
        ("# must\nGo\n# skills\nKafka", "Line 3: “# skills” is no section"),
        ("# must\nGo\n# must\nKafka", "Line 3: the section “# must” is there twice"),
        ("# role\nBackend\n# must\n\n", "nothing to decide by"),
        ("", "nothing to decide by"),
    ],
)
def test_a_brief_file_that_cannot_be_used_is_refused_with_its_line(text, words):
    with pytest.raises(BadInput, match=words):
        parse_brief_file(text)


@pytest.mark.parametrize("header", ["# must", "#must", "# MUST", "## must", "# must:", "\ufeff# must"])
def test_section_headers_may_be_spelled_loosely(header):
    assert [c.text for c in parse_brief_file(f"{header}\nC# and #1 in sales").criteria] == ["C# and #1 in sales"]


LINES = st.lists(st.text(st.characters(codec="utf-8"), max_size=40), max_size=6).map("\n".join)


@given(LINES, LINES, LINES, LINES)
def test_any_boxes_give_criteria_or_words(role, must, nice, exclude):
    try:
        criteria = parse_brief(role, must, nice, exclude)
    except BadInput as refused:
        assert refused.message
        return
    assert deciding(criteria)
    assert len({criterion.id for criterion in criteria}) == len(criteria)
    for kind in Kind:
        texts = [criterion.text for criterion in of_kind(criteria, kind)]
        assert len(set(texts)) == len(texts)
        assert all(text == text.strip() and "\n" not in text for text in texts)


@given(LINES, LINES, LINES, LINES)
def test_a_shown_file_reads_back_as_the_same_brief(role, must, nice, exclude):
    try:
        brief = Brief("", parse_brief(role, must, nice, exclude))
    except BadInput:
        return
    again = parse_brief_file(show_brief_file(brief))
    assert [(c.id, c.text) for c in again.criteria] == [(c.id, c.text) for c in brief.criteria]
    assert parse_brief_file(show_brief_file(again)) == again


@pytest.mark.parametrize("role", ["# heading in prose", "#hashtag", "Line one\n\n# two"])
def test_prose_that_looks_like_a_section_survives_a_file(role):
    brief = Brief(role, parse_brief(role, "Go", "", ""))
    assert parse_brief_file(show_brief_file(brief)) == brief
