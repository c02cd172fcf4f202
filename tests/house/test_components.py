"""Components: every id that a callback names is a constant, and a Store holds ids and small view state only."""

import ast
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dash
import pytest
from dash import Dash, dcc
from dash.development.base_component import Component

from pages import ids

LONGEST_TEXT = 200


def fixed_ids() -> list[str]:
    return [value for name, value in vars(ids).items() if name.isupper() and isinstance(value, str)]


def patterned_types() -> set[str]:
    """The `type` of every id that a function of pages/ids.py makes."""
    types = set()
    for node in ast.walk(ast.parse(Path(inspect.getfile(ids)).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            types |= {
                value.value
                for key, value in pairs
                if isinstance(key, ast.Constant) and key.value == "type" and isinstance(value, ast.Constant)
            }
    return types


def ids_in_callbacks(app: Dash) -> set[str]:
    app._setup_server()
    named = set()
    for output, callback in app.callback_map.items():
        named |= {one["id"] for one in [*callback["inputs"], *callback["state"]]}
        # A callback without outputs has a bare hash here.
        named |= {part.rpartition(".")[0] for part in output.strip(".").split("...") if "." in part}
    return named


def test_every_id_in_a_callback_is_a_constant_of_pages_ids(local_app: Dash) -> None:
    known, types = set(fixed_ids()), patterned_types()
    assert len(known) > 30 and types
    unknown = set()
    for one in ids_in_callbacks(local_app):
        if one.startswith("{"):
            if json.loads(one).get("type") not in types:
                unknown.add(one)
        elif one not in known and not one.startswith("_pages_"):
            unknown.add(one)
    assert unknown == set()


def test_no_two_components_share_an_id() -> None:
    values = fixed_ids()
    assert sorted({value for value in values if values.count(value) > 1}) == []


def components(node: object) -> Iterator[Component]:
    if isinstance(node, list | tuple):
        for child in node:
            yield from components(child)
    elif isinstance(node, Component):
        yield node
        yield from components(getattr(node, "children", None))


def page_layout(page: dict[str, object]) -> Component:
    """The page's layout as its address would call it: every part of a path some id, no query."""
    layout = page["layout"]
    if not callable(layout):
        assert isinstance(layout, Component | list | tuple)
        return layout
    needed = [
        name
        for name, parameter in inspect.signature(layout).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    return layout(**{name: str(uuid4()) for name in needed})


def is_small(value: object) -> bool:
    """A scalar, or a flat record or list of scalars: an id, a choice, a place in a table."""
    if isinstance(value, dict):
        return len(value) <= 20 and all(is_scalar(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return len(value) <= 20 and all(is_scalar(inner) for inner in value)
    return is_scalar(value)


def is_scalar(value: object) -> bool:
    return (
        value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str) and len(value) <= LONGEST_TEXT)
    )


def test_stores_begin_with_ids_and_small_view_state_only(local_app: Dash) -> None:
    with local_app.server.test_request_context("/"):
        pages = [page_layout(page) for page in dash.page_registry.values()]
        shell = local_app._layout_value()
    stores = [one for one in components([shell, *pages]) if isinstance(one, dcc.Store)]
    assert len(stores) >= 10
    assert [one.id for one in stores if not is_small(getattr(one, "data", None))] == []
    assert [one.id for one in stores if getattr(one, "storage_type", "memory") == "local"] == []


@pytest.mark.parametrize("value", [[{"name": "A Person"}], {"rows": [1, 2]}, "x" * 201, {"person": {"name": "A"}}])
def test_rows_are_not_small_view_state(value: object) -> None:
    assert not is_small(value)
