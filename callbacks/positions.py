"""Positions: read the brief while it is typed, save it, approve it."""

from typing import Any
from uuid import uuid4

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from callbacks.notices import notify
from callbacks.parsing import parse_id, whole_number
from callbacks.who import actor
from pages import ids
from pages.parts.position_parts import (
    criteria_hint,
    criteria_list,
    criteria_problem,
    missing_position,
    position_head,
    positions_table,
    versions_list,
)
from services.domain.constraints import read_constraints
from services.errors import BadInput, NotFound
from services.positions import GONE, BriefText
from services.wiring import current

Wanted = dict[str, str]


def show_positions(shown: dict[str, Any]) -> Component:
    is_archive = bool(shown.get("archived"))
    services, who = current(), actor()
    return positions_table(services.positions.recent(who, is_archive), is_archive, services.usage.time_zone(who))


def open_position(wanted: Wanted, saved: str | None) -> tuple[Any, ...]:
    """Fill the form from the position in the address; a new one starts empty, a saved one keeps what it holds."""
    if wanted.get("position_id") == "new":
        # The form is empty already, and whoever types quickly must not lose a word to this answer.
        return None, position_head("", None, None, True), *(no_update,) * 7, "–", False
    version = wanted.get("version_id")
    services, who = current(), actor()
    try:
        position = services.positions.open(
            who,
            parse_id(wanted.get("position_id"), GONE),
            parse_id(version, GONE) if version and not saved else None,
        )
    except NotFound as gone:
        # A toast would pass, and an empty form would look like one to fill in.
        return None, missing_position(gone.message), *(no_update,) * 7, None, True
    row = position.version.row
    boxes = (row.role_text, row.must_text, row.nice_text, row.exclude_text)
    return (
        {"version_id": str(row.id), "revision": row.revision} if position.is_latest else None,
        position_head(position.title, position.position_id, row, position.is_latest),
        *((no_update,) * 7 if saved else (position.title, *boxes, *read_brief(*boxes))),
        versions_list(position.position_id, position.history, row.id, services.usage.time_zone(who)),
        False,
    )


def read_brief(*boxes: str | None) -> tuple[Component, bool]:
    """The criteria of what is typed so far, and whether they could be approved."""
    brief = brief_text(boxes)
    if not (brief.must or brief.nice or brief.exclude).strip():
        return criteria_hint(), True
    try:
        criteria = current().positions.read(brief)
    except BadInput as problem:
        return criteria_problem(problem.message), True
    return criteria_list(criteria, read_constraints(criteria)), False


def save_position(
    save: int | None,
    approve: int | None,
    wanted: Wanted,
    seen: dict[str, Any] | None,
    title: str | None,
    *boxes: str | None,
) -> tuple[Any, Any]:
    """Save what the form holds and, if asked, approve exactly that; the address then names the position."""
    if not (save or approve):
        raise PreventUpdate
    positions, who = current().positions, actor()
    approves = ctx.triggered_id == ids.POSITION_APPROVE
    brief = brief_text(boxes)
    if wanted.get("position_id") == "new":
        saved = positions.create(who, title or "", brief, approve=approves)
    else:
        if seen is None:
            raise BadInput("This is an older version and stays as it is. Open the latest version to edit it.")
        position_id = parse_id(wanted.get("position_id"), GONE)
        version_id, revision = parse_id(seen.get("version_id"), GONE), whole_number(seen.get("revision"))
        saved = positions.save(who, position_id, version_id, revision or 0, title or "", brief, approves)
    count = len(saved.criteria)
    notify(f"{count} criteria approved. You can screen people now." if approves else "Draft saved.")
    if wanted.get("position_id") == "new":
        return f"/positions/{saved.position_id}", no_update
    return no_update, str(uuid4())


def archive_position(clicks: int | None, wanted: Wanted) -> str:
    if not clicks:
        raise PreventUpdate
    current().positions.archive(actor(), parse_id(wanted.get("position_id"), GONE))
    notify("Position archived. You find it under Archived, where it can be restored.", "info")
    return "/positions"


def restore_position(clicks: int | None, wanted: Wanted) -> str:
    if not clicks:
        raise PreventUpdate
    current().positions.archive(actor(), parse_id(wanted.get("position_id"), GONE), archived=False)
    notify("Position restored.")
    return "/positions"


def brief_text(boxes: tuple[str | None, ...]) -> BriefText:
    role, must, nice, exclude = ((text or "") for text in boxes)
    return BriefText(role, must, nice, exclude)


def register(app: Dash) -> None:
    boxes = [ids.POSITION_ROLE, ids.POSITION_MUST, ids.POSITION_NICE, ids.POSITION_EXCLUDE]
    app.callback(Output(ids.POSITIONS_TABLE, "children"), Input(ids.POSITIONS_SHOWN, "data"))(show_positions)
    app.callback(
        Output(ids.POSITION_SEEN, "data"),
        Output(ids.POSITION_HEAD, "children"),
        Output(ids.POSITION_TITLE, "value"),
        *(Output(box, "value") for box in boxes),
        Output(ids.POSITION_CRITERIA, "children", allow_duplicate=True),
        Output(ids.POSITION_APPROVE, "disabled", allow_duplicate=True),
        Output(ids.POSITION_HISTORY, "children"),
        Output(ids.POSITION_BODY, "hidden"),
        Input(ids.POSITION_OPEN, "data"),
        Input(ids.POSITION_SAVED, "data"),
        # Because of the criteria, which typing changes too; it still comes first.
        prevent_initial_call="initial_duplicate",
    )(open_position)
    app.clientside_callback(
        ClientsideFunction("unsaved", "noteSaved"),
        Output(ids.POSITION_FORM, "data-saved"),
        Input(ids.POSITION_HISTORY, "children"),
        State(ids.POSITION_SAVED, "data"),
        State(ids.POSITION_OPEN, "data"),
        State(ids.POSITION_TITLE, "value"),
        *(State(box, "value") for box in boxes),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("unsaved", "noteSent"),
        Output(ids.POSITION_FORM, "data-sent"),
        Input(ids.POSITION_SAVE, "n_clicks"),
        Input(ids.POSITION_APPROVE, "n_clicks"),
        State(ids.POSITION_TITLE, "value"),
        *(State(box, "value") for box in boxes),
        prevent_initial_call=True,
    )
    app.callback(
        Output(ids.POSITION_CRITERIA, "children"),
        Output(ids.POSITION_APPROVE, "disabled"),
        *(Input(box, "value") for box in boxes),
        prevent_initial_call=True,
    )(read_brief)
    app.callback(
        Output(ids.ADDRESS, "pathname", allow_duplicate=True),
        Output(ids.POSITION_SAVED, "data"),
        Input(ids.POSITION_SAVE, "n_clicks"),
        Input(ids.POSITION_APPROVE, "n_clicks"),
        State(ids.POSITION_OPEN, "data"),
        State(ids.POSITION_SEEN, "data"),
        State(ids.POSITION_TITLE, "value"),
        *(State(box, "value") for box in boxes),
        prevent_initial_call=True,
    )(save_position)
    app.callback(
        Output(ids.ADDRESS, "pathname", allow_duplicate=True),
        Input(ids.POSITION_ARCHIVE, "n_clicks"),
        State(ids.POSITION_OPEN, "data"),
        prevent_initial_call=True,
    )(archive_position)
    app.callback(
        Output(ids.ADDRESS, "pathname", allow_duplicate=True),
        Input(ids.POSITION_RESTORE, "n_clicks"),
        State(ids.POSITION_OPEN, "data"),
        prevent_initial_call=True,
    )(restore_position)
