"""Evidence stands only if a program finds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.dates import month_number
from services.domain.evidence import Source, check_evidence
from services.domain.facts import compute_facts
from services.domain.profiles import Profile, Role
from services.domain.screening_text import build_screening_text

PERSON = Profile(
    headline="Backend engineer",
    summary="Ran JavaScript services in C++ and R for Bluefern: payments, ledgers.",
    roles=(Role("Senior Backend Engineer", "Bluefern", "2019-01", "", True, "Moved billing to Kafka."),),
    skills=("Go", "JavaScript", "C++"),
)
FACTS = compute_facts(PERSON, month_number(2025, 9))
SENT = build_screening_text(PERSON, FACTS).text


def source_of(quote):
    [piece] = check_evidence([quote], SENT, FACTS)
    assert piece.stands is (piece.source is not Source.NOWHERE)
    return piece.source


@pytest.mark.parametrize(
    "quote",
    [
        "Moved billing to Kafka.",
        "Kafka",
        "  Kafka ",
        "JavaScript services",
        "Senior Backend Engineer | Bluefern",
        "Skills: Go",
        "Go",
        "C++",
        "Industry experience: 6y 8m",
        "6y 8m",
        "Ran JavaScript services in C++ and R for Bluefern: payments",
        "ervices in C",
        "Backend engineer\nSummary: Ran",
    ],
)
def test_text_that_was_sent_is_evidence(quote):
    assert source_of(quote) is Source.TEXT


@pytest.mark.parametrize("quote", ["fact.industry_experience", "[fact.role_1]", " fact.stability "])
def test_the_id_of_a_computed_fact_is_evidence(quote):
    assert source_of(quote) is Source.FACT


@pytest.mark.parametrize(
    "quote",
    [
        "",
        "   ",
        "\n",
        ".",
        ", ",
        "|",
        "ed",
        "R",
        "Java",
        "Script",
        "C",
        "kafka",
        "Moved  billing",
        "Kafka at Quillmark",
        "Headline",
        "Headline: ",
        "Summary:",
        "Industry experience",
        "Industry experience: ",
        "Role 1 text: ",
        "=== CANDIDATE",
        SENT.split("\n")[0],
        "fact.unicorns",
        "Skills: C++",
        "Skills",
        "fact.",
        "Must-have",
        "GO",
    ],
)
def test_what_is_not_there_or_says_nothing_is_no_evidence(quote):
    assert source_of(quote) is Source.NOWHERE


def test_one_good_quote_does_not_lift_a_bad_one():
    kinds = [piece.source for piece in check_evidence(["Kafka", "Rust"], SENT, FACTS)]
    assert kinds == [Source.TEXT, Source.NOWHERE]


@given(st.text(max_size=30))
def test_accepted_evidence_is_always_a_substring_or_a_fact(quote):
    source = source_of(quote)
    if source is Source.TEXT:
        assert quote.strip() in SENT
    if source is Source.FACT:
        assert quote.strip().strip("[]") in FACTS.ids


@given(st.data())
def test_any_long_slice_of_several_words_stands(data):
    values = [line.split(": ", 1)[1] for line in SENT.split("\n")[1:-1]]
    value = data.draw(st.sampled_from([value for value in values if value.count(" ") >= 3]))
    start = data.draw(st.integers(0, len(value) // 2))
    quote = value[start:]
    if " " in quote.strip() and sum(sign.isalnum() for sign in quote) >= 3:
        assert source_of(quote) is Source.TEXT
