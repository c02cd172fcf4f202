"""Imports: show a file's columns, take the person's corrections, import, and show what became of it."""

from typing import Any
from uuid import uuid4

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component

from callbacks.notices import notify
from callbacks.parsing import parse_id, whole_number
from callbacks.who import actor
from pages import ids
from pages.parts.import_parts import (
    NO_COLUMN,
    REJECTS_A_PAGE,
    column_form,
    column_samples,
    counted,
    limit_hint,
    missing_import,
    not_waiting,
    outcome,
    recent_imports,
)
from services.domain.headers import Target
from services.domain.imports import chosen_mapping
from services.errors import BadInput, NotFound
from services.imports import GONE
from services.wiring import current

LARGEST_ROW = 2**31 - 1


def show_imports(_address: str) -> tuple[Component, Component]:
    services, who = current(), actor()
    recent = recent_imports(services.imports.recent(who), services.usage.time_zone(who))
    return limit_hint(services.imports.upload_limit_bytes), recent


def open_import(wanted: dict[str, str]) -> tuple[Component, bool, Any, list[Component]]:
    """The columns and the form while the file waits, the outcome once it is imported."""
    imports, who = current().imports, actor()
    try:
        import_id = parse_id(wanted.get("import_id"), GONE)
        record = imports.find(who, import_id)
    except NotFound as gone:
        # A notice would pass, and the page stay blank.
        return missing_import(gone.message), True, no_update, []
    time_zone = current().usage.time_zone(who)
    if record.state == "done":
        after = min(whole_number(wanted.get("after")) or 0, LARGEST_ROW)
        rejects = imports.rejects(who, import_id, after, REJECTS_A_PAGE)
        duplicates = imports.possible_duplicates(who, import_id)
        return outcome(record, rejects, duplicates, after, time_zone), True, no_update, []
    if record.state != "uploaded":
        return not_waiting(record), True, no_update, []
    preview = imports.preview(who, import_id)
    names = [html.Option(value=found.name) for found in current().lists.newest(who)]
    return column_form(preview, time_zone), False, preview.suggested_list, names


def show_samples(column: str | None, wanted: dict[str, str]) -> str:
    """Some cells of the column just chosen."""
    preview = current().imports.preview(actor(), parse_id(wanted.get("import_id"), GONE))
    return column_samples(preview, parse_target(ctx.triggered_id["target"]), parse_column(column, len(preview.columns)))


def start_import(clicks: int | None, wanted: dict[str, str], list_name: str | None, columns: list[str | None]) -> Any:
    """The button's arrival with its page is no press."""
    if not clicks:
        return no_update
    imports, who = current().imports, actor()
    import_id = parse_id(wanted.get("import_id"), GONE)
    mapping = imports.preview(who, import_id).mapping
    targets = [parse_target(state["id"]["target"]) for state in ctx.states_list[-1]]
    chosen = {
        target: parse_column(column, len(mapping.headers)) for target, column in zip(targets, columns, strict=True)
    }
    result = imports.run(who, import_id, list_name or "", chosen_mapping(mapping, chosen))
    notify(f"{counted(result.rows, 'row')} read: {result.added:,} added, {result.updated:,} updated.")
    return {**wanted, "changed": str(uuid4())}


def discard_import(clicks: int | None, wanted: dict[str, str]) -> Any:
    """The button's arrival with its page is no press."""
    if not clicks:
        return no_update
    current().imports.discard(actor(), parse_id(wanted.get("import_id"), GONE))
    notify("The upload was discarded.", "info")
    return "/imports"


def parse_target(value: object) -> Target:
    """The field that a choice of columns is for. Raises BadInput."""
    try:
        return Target(value)
    except ValueError:
        raise BadInput("One of the fields chosen does not exist.") from None


def parse_column(value: Any, columns: int) -> int | None:
    """The index behind a choice; None for no column."""
    if value in (None, "", NO_COLUMN):
        return None
    column = whole_number(value)
    if column is None or column >= columns:
        raise BadInput("One of the columns chosen does not exist in this file.")
    return column


def register(app: Dash) -> None:
    app.callback(
        Output(ids.IMPORTS_LIMIT, "children"),
        Output(ids.IMPORTS_RECENT, "children"),
        Input(ids.IMPORTS_DROP, "id"),
    )(show_imports)
    app.callback(
        Output(ids.IMPORT_BODY, "children"),
        Output(ids.IMPORT_FORM, "hidden"),
        Output(ids.IMPORT_LIST, "value"),
        Output(ids.IMPORT_LIST_NAMES, "children"),
        Input(ids.IMPORT_OPEN, "data"),
    )(open_import)
    app.callback(
        Output({"type": "import-samples", "target": MATCH}, "children"),
        Input({"type": "import-column", "target": MATCH}, "value"),
        State(ids.IMPORT_OPEN, "data"),
        prevent_initial_call=True,
    )(show_samples)
    app.callback(
        Output(ids.IMPORT_OPEN, "data"),
        Input(ids.IMPORT_START, "n_clicks"),
        State(ids.IMPORT_OPEN, "data"),
        State(ids.IMPORT_LIST, "value"),
        State({"type": "import-column", "target": ALL}, "value"),
        running=[
            (Output(ids.IMPORT_WORKING, "children"), "Importing… You may leave this page; the import goes on.", ""),
            (Output(ids.IMPORT_WORKING, "className"), "working", ""),
            (Output(ids.IMPORT_BUSY, "className"), "is-busy", ""),
        ],
        prevent_initial_call=True,
    )(start_import)
    app.callback(
        Output(ids.ADDRESS, "pathname", allow_duplicate=True),
        Input(ids.IMPORT_DISCARD, "n_clicks"),
        State(ids.IMPORT_OPEN, "data"),
        prevent_initial_call=True,
    )(discard_import)
