"""Strict mode refuses what the API refuses, and says where."""

import pytest

from services.simulators.openai.schemas import SchemaReader, SchemaRefused, check_response_format, resolve


def strict(schema, name="Fit"):
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}


def obj(properties, **more):
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": list(properties),
        **more,
    }


def nested(levels):
    schema = obj({"leaf": {"type": "string"}})
    for _ in range(levels - 1):
        schema = obj({"inner": schema})
    return schema


def test_what_pydantic_sends_is_accepted():
    note = {"title": "Note", "anyOf": [{"type": "string"}, {"type": "null"}]}
    tags = {"type": "array", "items": {"$ref": "#/$defs/Tag"}}
    schema = obj({"note": note, "tags": tags}, title="Fit", **{"$defs": {"Tag": obj({"name": {"type": "string"}})}})
    check_response_format(strict(schema))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({**obj({"a": {"type": "string"}}), "additionalProperties": True}, "additionalProperties"),
        ({"type": "object", "properties": {}, "required": []}, "additionalProperties"),
        ({**obj({"a": {"type": "string"}, "b": {"type": "string"}}), "required": ["a"]}, "required.*'b'"),
        ({**obj({"a": {"type": "string"}}), "required": ["a", "ghost"]}, "required"),
        (obj({"a": {"type": "object", "properties": {}, "required": []}}), "properties/a"),
        (obj({"a": {"type": "array", "items": {"type": "object", "properties": {}}}}), "items"),
        ({"anyOf": [obj({"a": {"type": "string"}})]}, "anyOf"),
        ({"type": "array", "items": {"type": "string"}}, "object"),
        (obj({"a": {"title": "no type"}}), "type"),
        (obj({"a": {"$ref": "#/$defs/Gone"}}), "Gone"),
        (obj({"a": {"oneOf": [{"type": "string"}]}}), "oneOf"),
        (nested(11), "11 levels of nesting exceeds limit of 10"),
        (obj({f"p{n}": {"type": "string"} for n in range(5001)}), "5001 properties"),
        (obj({f"e{n}": {"enum": [f"{n} {k}" for k in range(201)]} for n in range(5)}), "1005 enum values"),
        (obj({"a": {"enum": [f"{n:070}" for n in range(251)]}}), "15000 characters"),
        (obj({"a" * 60_000: {"type": "string"}, "b" * 60_001: {"type": "string"}}), "120001 characters"),
    ],
)
def test_a_schema_that_breaks_a_rule_is_refused_with_the_rule(schema, words):
    with pytest.raises(SchemaRefused, match=words):
        check_response_format(strict(schema))


def test_ten_levels_pass_and_a_loose_schema_is_not_checked():
    check_response_format(strict(nested(10)))
    loose = strict({"type": "object"})
    loose["json_schema"]["strict"] = False
    check_response_format(loose)


@pytest.mark.parametrize("name", ["", "with space", "x" * 65, None])
def test_a_schema_needs_a_proper_name(name):
    with pytest.raises(SchemaRefused, match="name"):
        check_response_format(strict(obj({}), name))


def test_a_reader_sees_through_references_and_alternatives():
    part = {"anyOf": [{"$ref": "#/$defs/S"}, {"type": "null"}]}
    root = obj({"a": part}, **{"$defs": {"S": {"type": "string", "enum": ["x", "y"]}}})
    reader = SchemaReader(root)
    assert reader.values_of(part) == ("x", "y")
    assert reader.allows_null(part) and not reader.allows_null({"$ref": "#/$defs/S"})
    assert resolve({"$ref": "#"}, root) is root
