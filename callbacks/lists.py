"""Lists: show them, make, rename, copy, archive and restore one."""

from typing import Any
from uuid import uuid4

from dash import Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from callbacks.notices import notify
from callbacks.parsing import parse_id, whole_number
from callbacks.who import actor
from pages import ids
from pages.parts.list_parts import lists_address, lists_table, missing_list, one_list
from services.errors import NotFound
from services.lists import GONE
from services.wiring import current


def show_lists(shown: dict[str, str]) -> Component:
    is_archive, text = shown.get("archived") == "1", shown.get("q", "")
    services, who = current(), actor()
    page = services.lists.page(who, whole_number(shown.get("page")) or 1, text, archived=is_archive)
    return lists_table(page.lists, shown, page.number, page.pages, services.usage.time_zone(who))


def find_lists(text: str | None, shown: dict[str, str]) -> str:
    """The address of the lists whose names hold what was typed."""
    if (text or "").strip() == shown.get("q", ""):
        raise PreventUpdate
    return lists_address(shown, q=(text or "").strip(), page="").removeprefix("/lists")


def create_list(clicks: int | None, submits: int | None, name: str | None) -> Any:
    """The button's arrival with its page is no press."""
    if not (clicks or submits):
        return no_update
    made = current().lists.create(actor(), name or "")
    notify(f"The list “{made.name}” was created.")
    return f"/lists/{made.id}"


def open_list(wanted: dict[str, str]) -> Component:
    services, who = current(), actor()
    try:
        found = services.lists.find(who, parse_id(wanted.get("list_id"), GONE))
    except NotFound as gone:
        # A notice would pass, and the page stay blank.
        return missing_list(gone.message)
    return one_list(found, services.usage.time_zone(who))


def change_list(
    _rename: int | None,
    _archive: int | None,
    _restore: int | None,
    wanted: dict[str, str],
    name: str | None,
) -> Any:
    """Do what the button pressed says, then show the list anew; the buttons' arrival is no press."""
    if not ctx.triggered or not ctx.triggered[0]["value"]:
        return no_update
    lists, who, list_id = current().lists, actor(), parse_id(wanted.get("list_id"), GONE)
    if ctx.triggered_id == ids.LIST_RENAME:
        notify(f"The list is now called “{lists.rename(who, list_id, name or '').name}”.")
    elif ctx.triggered_id == ids.LIST_ARCHIVE:
        notify(f"“{lists.archive(who, list_id).name}” was archived. Restore undoes it.", "info")
    else:
        notify(f"“{lists.restore(who, list_id).name}” was restored.")
    return {**wanted, "changed": str(uuid4())}


def copy_list(clicks: int | None, wanted: dict[str, str], name: str | None) -> Any:
    if not clicks:
        return no_update
    made = current().lists.copy(actor(), parse_id(wanted.get("list_id"), GONE), name or "")
    notify(f"“{made.name}” holds the same candidates.")
    return f"/lists/{made.id}"


def register(app: Dash) -> None:
    app.callback(Output(ids.LISTS_TABLE, "children"), Input(ids.LISTS_SHOWN, "data"))(show_lists)
    app.callback(
        Output(ids.ADDRESS, "search", allow_duplicate=True),
        Input(ids.LISTS_TEXT, "value"),
        State(ids.LISTS_SHOWN, "data"),
        prevent_initial_call=True,
    )(find_lists)
    app.callback(
        Output(ids.ADDRESS, "pathname", allow_duplicate=True),
        Input(ids.LISTS_CREATE, "n_clicks"),
        Input(ids.LISTS_NAME, "n_submit"),
        State(ids.LISTS_NAME, "value"),
        prevent_initial_call=True,
    )(create_list)
    app.callback(Output(ids.LIST_BODY, "children"), Input(ids.LIST_OPEN, "data"))(open_list)
    app.callback(
        Output(ids.LIST_OPEN, "data"),
        Input(ids.LIST_RENAME, "n_clicks"),
        Input(ids.LIST_ARCHIVE, "n_clicks"),
        Input(ids.LIST_RESTORE, "n_clicks"),
        State(ids.LIST_OPEN, "data"),
        State(ids.LIST_NAME, "value"),
        prevent_initial_call=True,
    )(change_list)
    app.callback(
        Output(ids.ADDRESS, "pathname", allow_duplicate=True),
        Input(ids.LIST_COPY, "n_clicks"),
        State(ids.LIST_OPEN, "data"),
        State(ids.LIST_NAME, "value"),
        prevent_initial_call=True,
    )(copy_list)
