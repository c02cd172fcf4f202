"""The body of a callback's request: held to the shape our own page sends before Dash takes it apart.

Dash trusts its renderer: it indexes what it was sent, and a missing part or a made-up name ends in an
error of ours. Here the boundary can tell whose mistake it is, so it says 400 (docs/security.md, Forged requests).
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from flask import Flask, current_app, request

from services.errors import BadInput

CALLBACK_PATH: Final = "/_dash-update-component"
MALFORMED: Final = "This request is not one that our pages send. Please reload the page."
DEEPEST: Final = 40
# What a browser can count exactly, and so the largest number a page of ours can send.
LARGEST_NUMBER: Final = 2**53
# Dash's own component; its callback for pages takes a browser's word for what an address is.
ADDRESS: Final = "_pages_location"


def register(server: Flask) -> None:
    server.before_request(refuse_malformed)


def refuse_malformed() -> None:
    """Raises BadInput for what no page of ours can have sent to a callback."""
    if request.path != CALLBACK_PATH or request.method != "POST":
        return
    body = read_body()
    if not (isinstance(body, dict) and is_plain(body) and names_a_callback(body, callbacks_of_pages())):
        raise BadInput(MALFORMED)


def read_body() -> object:
    """The JSON that was sent; None for what is none."""
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None


def callbacks_of_pages() -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = current_app.extensions["dash"].callback_map
    return found


def is_plain(value: object, depth: int = 0) -> bool:
    """Whether it is nested sanely and its numbers are such as a browser has."""
    if isinstance(value, dict):
        return depth < DEEPEST and all(is_plain(item, depth + 1) for item in value.values())
    if isinstance(value, list):
        return depth < DEEPEST and all(is_plain(item, depth + 1) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or abs(value) <= LARGEST_NUMBER


def names_a_callback(body: Mapping[str, Any], callbacks: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the body names a callback that runs here, with exactly its inputs, states and outputs."""
    output = body.get("output")
    callback = callbacks.get(output) if isinstance(output, str) else None
    # What runs in the browser only is listed without a function.
    if callback is None or "callback" not in callback:
        return False
    changed = body.get("changedPropIds", [])
    return (
        fit(body.get("inputs", []), callback["inputs"])
        and fit(body.get("state", []), callback["state"])
        and (callback["no_output"] or fit(as_list(body.get("outputs")), outputs_of(callback["output"])))
        and isinstance(changed, list)
        and all(is_declared_prop(prop, callback["inputs"]) for prop in changed)
    )


def fit(found: object, declared: Sequence[Mapping[str, str]]) -> bool:
    return (
        isinstance(found, list)
        and len(found) == len(declared)
        and all(fits(one, wanted) for one, wanted in zip(found, declared, strict=True))
    )


def fits(found: object, declared: Mapping[str, str]) -> bool:
    """Whether this is the declared property; of many components, where the declared id stands for many."""
    if isinstance(found, list):
        return stands_for_many(declared["id"]) and all(is_property(one, declared) for one in found)
    return not stands_for_many(declared["id"]) and is_property(found, declared)


def is_property(found: object, declared: Mapping[str, str]) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("property"), str):
        return False
    # A second writer of a property is told apart by what Dash adds after an @.
    name = found["property"].partition("@")[0]
    return name == declared["property"] and is_id(found.get("id"), declared["id"]) and is_address_part(found)


def is_address_part(found: Mapping[str, Any]) -> bool:
    """Of the browser's address: its path begins with a slash, and every part is text. Else nothing is asked."""
    if found.get("id") != ADDRESS or "value" not in found:
        return True
    value = found["value"]
    if found["property"] == "pathname":
        return isinstance(value, str) and value.startswith("/")
    return value is None or isinstance(value, str)


def is_id(found: object, declared: str) -> bool:
    pattern = pattern_of(declared)
    if pattern is None:
        return found == declared
    return (
        isinstance(found, dict)
        and found.keys() == pattern.keys()
        and all(isinstance(part, str | int | float) for part in found.values())
    )


def is_declared_prop(prop: object, declared: Iterable[Mapping[str, str]]) -> bool:
    """Whether `component.property`, with the component's id as Dash writes it, is one of the inputs."""
    if not isinstance(prop, str):
        return False
    component, _, name = prop.rpartition(".")
    found: object = component
    if component.startswith("{"):
        try:
            found = json.loads(component)
        except (ValueError, RecursionError):
            return False
    return any(name == wanted["property"] and is_id(found, wanted["id"]) for wanted in declared)


def stands_for_many(declared_id: str) -> bool:
    pattern = pattern_of(declared_id)
    return pattern is not None and any(part in (["ALL"], ["ALLSMALLER"]) for part in pattern.values())


def pattern_of(declared_id: str) -> dict[str, Any] | None:
    """The parts of a patterned id; None for a plain one."""
    if not declared_id.startswith("{"):
        return None
    pattern: dict[str, Any] = json.loads(declared_id)
    return pattern


def outputs_of(output: Any) -> list[Mapping[str, str]]:
    """The outputs as the callback was registered with them, each as Dash describes an input."""
    return [one.to_dict() for one in as_list(output)]


def as_list(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    return [] if value is None else [value]
