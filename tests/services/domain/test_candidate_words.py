"""What is written into a candidate's vector, and how the words of one column are asked for."""

import pytest

from services.domain.candidate_words import candidate_vector, column_matches, column_queries


def test_a_vector_names_its_organization_and_the_words_of_each_column():
    vector = candidate_vector(7, name="Zoë Quill", title=".NET Lead", company="", location="Eastvale", texts=["Lead"])
    assert vector == (
        "'org:7' 'location:eastvale' 'name:quill' 'name:zoe' 'title:.net' 'title:lead' 'title:net' 'lead':1"
    )


def test_a_person_without_any_word_still_belongs_to_the_organization():
    assert candidate_vector(7, name="", title="", company="", location="", texts=[]) == "'org:7'"


def test_a_typed_word_begins_a_word_and_a_short_one_is_a_word():
    assert column_queries("title", "Sen QA") == ["'title:sen':*", "'title:qa'"]
    assert column_queries("title", " - ") == []


@pytest.mark.parametrize(
    ("text", "typed", "hits"),
    [
        ("Senior Engineer", "eng", True),
        ("Senior Engineer", "eng sen", True),
        ("Senior Engineer", "neer", False),
        ("Senior Engineer", "se", False),
        ("QA Lead", "qa", True),
        ("QAnalyst", "qa", False),
        (".NET Developer", "net", True),
        ("C++ Engineer", "c++", True),
        ("C++ Engineer", "c", False),
        ("Désirée", "desir", True),
        ("", "eng", False),
        ("anything", "", True),
    ],
)
def test_column_words_are_matched_by_their_beginning(text: str, typed: str, hits: bool):
    assert column_matches(text, typed) is hits
