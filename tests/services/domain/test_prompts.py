"""What a model is told: the same for every candidate of a position, and strict about the answer."""

import pytest

from services.domain.criteria import parse_brief
from services.domain.prompts import (
    answer_schema,
    messages,
    nice_instructions,
    nice_schema,
    prompt_hash,
    screening_instructions,
)

CRITERIA = parse_brief("", "Go\nKafka", "Terraform", "Director")


def test_the_deciding_call_holds_must_haves_and_exclusions_but_no_nice_to_haves():
    told = screening_instructions("Backend, small team", CRITERIA)
    assert "must-1: Go\nmust-2: Kafka" in told
    assert "excl-1: Director" in told
    assert "Backend, small team" in told
    assert "Terraform" not in told


def test_the_second_call_holds_nice_to_haves_alone():
    told = nice_instructions("Backend", CRITERIA)
    assert "nice-1: Terraform" in told
    assert "must-1" not in told
    assert "excl-1" not in told


def test_the_candidate_comes_last_and_alone():
    system, user = messages("Instructions", "Candidate")
    assert system == {"role": "system", "content": "Instructions"}
    assert user == {"role": "user", "content": "Candidate"}


def objects_in(schema):
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects_in(value)


@pytest.mark.parametrize("schema", [answer_schema(CRITERIA), nice_schema(CRITERIA)])
def test_every_object_of_a_schema_is_strict(schema):
    assert schema["type"] == "object"
    objects = list(objects_in(schema))
    assert len(objects) == 3
    for found in objects:
        assert found["additionalProperties"] is False
        assert found["required"] == list(found["properties"])


def test_a_schema_asks_for_every_criterion_of_its_call():
    assert list(answer_schema(CRITERIA)["properties"]["criteria"]["properties"]) == ["must-1", "must-2", "excl-1"]
    assert list(nice_schema(CRITERIA)["properties"]["criteria"]["properties"]) == ["nice-1"]


def test_the_hash_of_a_prompt_changes_with_brief_and_shape_only():
    told, schema = screening_instructions("Backend", CRITERIA), answer_schema(CRITERIA)
    assert prompt_hash(told, schema) == prompt_hash(told, answer_schema(CRITERIA))
    assert prompt_hash(told, schema) != prompt_hash(screening_instructions("Frontend", CRITERIA), schema)
    assert prompt_hash(told, schema) != prompt_hash(told, nice_schema(CRITERIA))
