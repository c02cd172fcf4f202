"""Strict JSON schemas as the API takes them: what is refused, and the plain parts of writing an instance."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MAX_LEVELS = 10
MAX_PROPERTIES = 5_000
MAX_ENUM_VALUES = 1_000
MAX_CHARACTERS = 120_000
LONG_ENUM = 250
LONG_ENUM_CHARACTERS = 15_000

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COMBINED = ("anyOf", "oneOf", "allOf")
_REFUSED_IN_STRICT = ("oneOf", "allOf", "not", "if", "then", "else", "patternProperties", "dependentRequired")

Schema = Mapping[str, Any]


class SchemaRefused(ValueError):
    """The schema breaks a rule of strict mode; the message is what the API would say."""


def check_response_format(value: Any) -> None:
    """Refuse a `response_format` of type `json_schema` that the API would refuse; raises SchemaRefused."""
    wrapped = value.get("json_schema")
    if not isinstance(wrapped, Mapping):
        raise SchemaRefused("Missing required parameter: 'response_format.json_schema'.")
    name = wrapped.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SchemaRefused("Invalid 'response_format.json_schema.name': expected letters, digits, '_' and '-'.")
    schema = wrapped.get("schema")
    if not isinstance(schema, Mapping):
        raise SchemaRefused("Missing required parameter: 'response_format.json_schema.schema'.")
    if wrapped.get("strict"):
        _check_strict(name, schema)


def _check_strict(name: str, schema: Schema) -> None:
    def refuse(path: str, why: str) -> SchemaRefused:
        where = f"In context=({path})" if path else "In context=()"
        return SchemaRefused(f"Invalid schema for response_format '{name}': {where}, {why}.")

    if schema.get("type") != "object" or "anyOf" in schema:
        raise refuse("", "schema must be a JSON Schema of 'type: \"object\"' and not 'anyOf'")
    properties = enum_values = characters = 0
    for path, level, part in _parts(schema):
        if level > MAX_LEVELS:
            raise refuse(path, f"{level} levels of nesting exceeds limit of {MAX_LEVELS}")
        for word in _REFUSED_IN_STRICT:
            if word in part:
                raise refuse(path, f"'{word}' is not permitted")
        reference = part.get("$ref")
        if reference is not None and resolve(part, schema) is part:
            raise refuse(path, f"reference '{reference}' is not to a definition in this schema")
        if not any(key in part for key in ("type", "enum", "const", "$ref", *_COMBINED)):
            raise refuse(path, "schema must have a 'type' key")
        if _is_object(part):
            names = list(part.get("properties", {}))
            if part.get("additionalProperties") is not False:
                raise refuse(path, "'additionalProperties' is required to be supplied and to be false")
            if set(part.get("required", ())) != set(names):
                missing = next((n for n in names if n not in part.get("required", ())), "")
                raise refuse(
                    path,
                    "'required' is required to be supplied and to be an array including every key in "
                    f"properties. Missing or extra '{missing}'",
                )
            properties += len(names)
            characters += sum(len(n) for n in names)
        values = part.get("enum", ())
        written = sum(len(str(v)) for v in values)
        if len(values) > LONG_ENUM and written > LONG_ENUM_CHARACTERS:
            raise refuse(path, f"an enum of {len(values)} values exceeds {LONG_ENUM_CHARACTERS} characters")
        enum_values += len(values)
        characters += written + len(str(part.get("const", "")))
    if properties > MAX_PROPERTIES:
        raise refuse("", f"{properties} properties exceeds limit of {MAX_PROPERTIES}")
    if enum_values > MAX_ENUM_VALUES:
        raise refuse("", f"{enum_values} enum values exceeds limit of {MAX_ENUM_VALUES}")
    if characters > MAX_CHARACTERS:
        raise refuse("", f"{characters} characters of names and values exceeds limit of {MAX_CHARACTERS}")


def _is_object(part: Schema) -> bool:
    kind = part.get("type")
    return kind == "object" or (isinstance(kind, Sequence) and "object" in kind and not isinstance(kind, str))


def _parts(schema: Schema) -> Iterator[tuple[str, int, Schema]]:
    """Every subschema with its path and how many objects deep it lies; definitions count from their own root."""
    pending: list[tuple[str, int, Schema]] = [("", 1, schema)]
    while pending:
        path, level, part = pending.pop()
        yield path, level, part
        if level > MAX_LEVELS:
            continue
        for key in ("$defs", "definitions"):
            pending += [(f"{path}/{key}/{n}", 1, sub) for n, sub in part.get(key, {}).items()]
        for name, sub in part.get("properties", {}).items():
            deeper = level + 1 if _is_object(sub) or "items" in sub else level
            pending.append((f"{path}/properties/{name}", deeper, sub))
        if isinstance(part.get("items"), Mapping):
            pending.append((f"{path}/items", level + _is_object(part["items"]), part["items"]))
        for key in _COMBINED:
            pending += [(f"{path}/{key}/{n}", level, sub) for n, sub in enumerate(part.get(key, ()))]


def resolve(part: Schema, root: Schema) -> Schema:
    """The schema behind a `$ref` into the same document; the part itself when there is none to follow."""
    for _ in range(MAX_LEVELS):
        reference = part.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            return part
        target: Any = root
        for step in filter(None, reference.lstrip("#").split("/")):
            name = step.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            return part
        part = target
    return part


class SchemaReader:
    """Answers questions about the parts of one schema, each worked out once.

    Parts are remembered by identity, so a reader belongs to one decoded schema, which it keeps alive.
    """

    def __init__(self, root: Schema) -> None:
        self.root = root
        self._options: dict[int, tuple[Schema, list[Schema]]] = {}
        self._values: dict[int, tuple[Schema, tuple[Any, ...]]] = {}

    def options(self, part: Schema) -> list[Schema]:
        """The alternatives of a part: the branches of `anyOf`, the types of a type list, or itself."""
        known = self._options.get(id(part))
        if known is None:
            known = self._options[id(part)] = (part, self._find_options(part))
        return known[1]

    def _find_options(self, part: Schema) -> list[Schema]:
        resolved = resolve(part, self.root)
        for key in ("anyOf", "oneOf"):
            if key in resolved:
                return [option for branch in resolved[key] for option in self.options(branch)]
        kinds = resolved.get("type")
        return [{**resolved, "type": kind} for kind in kinds] if isinstance(kinds, list) else [resolved]

    def values_of(self, part: Schema) -> tuple[Any, ...]:
        """The closed set of values of a part (`enum`, `const`, over all alternatives); empty when open."""
        known = self._values.get(id(part))
        if known is None:
            found: list[Any] = []
            for option in self.options(part):
                if "const" in option:
                    found.append(option["const"])
                found += option.get("enum", ())
            known = self._values[id(part)] = (part, tuple(found))
        return known[1]

    def allows_null(self, part: Schema) -> bool:
        """Whether null is a valid instance."""
        return any(o.get("type") == "null" or None in o.get("enum", ()) for o in self.options(part))
