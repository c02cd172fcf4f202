"""Candidates: rows for the grid, the view behind the address, the open person, and what is done to the chosen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component

from callbacks.notices import notify
from callbacks.parsing import text_of
from callbacks.who import actor
from pages import ids
from pages.parts.candidate_panel import payload_text, person_panel
from pages.parts.candidate_table import ANY, SORTED_COLUMNS, candidate_row, chips, count_words, nobody
from services.candidates import Chosen, ListAddition
from services.domain.actors import Role
from services.domain.candidate_view import Filters, View, read_view, show_view
from services.domain.dates import month_of
from services.domain.queries import InvalidQuery, parse_query
from services.errors import BadInput
from services.wiring import current

CONTROLS = (
    ids.CANDIDATES_TEXT,
    ids.CANDIDATES_NAME,
    ids.CANDIDATES_TITLE,
    ids.CANDIDATES_COMPANY,
    ids.CANDIDATES_LOCATION,
    ids.CANDIDATES_HAS_EMAIL,
    ids.CANDIDATES_ENRICHMENT,
    ids.CANDIDATES_FRESHNESS,
    ids.CANDIDATES_SOURCE,
    ids.CANDIDATES_LIST,
    ids.CANDIDATES_YEARS_FROM,
    ids.CANDIDATES_YEARS_UNTIL,
    ids.CANDIDATES_ADDED_FROM,
    ids.CANDIDATES_ADDED_UNTIL,
)


def show_block(request: dict[str, Any] | None, view_text: str | None) -> Any:
    """One block of rows; the order is the grid's own, which knows of a click before the address does."""
    if request is None or view_text is None:
        return no_update
    view = ordered(read_view(view_text).view, request.get("sortModel"))
    start, end = whole_number(request.get("startRow")), whole_number(request.get("endRow"))
    services = current()
    block = services.candidates.block(actor(), view, start, end)
    as_of = month_of(services.clock.now().date())
    shown_to = start + len(block.rows)
    ends_here = block.total_is_exact or shown_to < end
    return {
        "rowData": [candidate_row(row, as_of) for row in block.rows],
        "rowCount": min(block.total, shown_to) if ends_here and shown_to < end else max(block.total, shown_to),
        "startRow": start,
        "endRow": end,
    }


def ordered(view: View, sort_model: object) -> View:
    """The view in the order of the grid's first sorted column. Raises BadInput for a column without an order."""
    if not sort_model:
        return view
    first_sorted = sort_model[0] if isinstance(sort_model, list) else None
    order = first_sorted if isinstance(first_sorted, dict) else {}
    column, direction = order.get("colId"), order.get("sort")
    if not isinstance(column, str) or column not in SORTED_COLUMNS or direction not in ("asc", "desc"):
        raise BadInput("The table cannot be sorted by this column.")
    return replace(view, sort=SORTED_COLUMNS[column], descending=direction == "desc")


def whole_number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput("This part of the table cannot be shown; reload the page.")
    return value


def restore(search: str | None, came_back: dict[str, str] | None) -> tuple[Any, ...]:
    """Fill the page from the address: on loading it, on going back, and when a filter is taken away."""
    has_come_back = came_back and ctx.triggered_id == ids.CANDIDATES_CAME_BACK
    wanted = came_back.get("search", "") if came_back and has_come_back else search or ""
    read = read_view(wanted)
    for notice in read.notices:
        notify(notice, "warning")
    view = read.view
    applied = replace(view, text="" if text_problem(view.text) else view.text, person=None, row=0)
    person = str(view.person) if view.person is not None else None
    return show_view(applied), person, *control_values(view)


def control_values(view: View) -> tuple[Any, ...]:
    """What the controls show for a view, in the order of CONTROLS."""
    f = view.filters
    return (
        view.text,
        f.name,
        f.title,
        f.company,
        f.location,
        ANY if f.has_email is None else "yes" if f.has_email else "no",
        first(f.enrichment) or ANY,
        f.freshness or ANY,
        first(f.sources) or ANY,
        str(f.list_id or ANY),
        None if f.months_from is None else f.months_from // 12,
        None if f.months_until is None else f.months_until // 12,
        str(f.added_from or ""),
        str(f.added_until or ""),
    )


def first(values: Sequence[str]) -> str:
    return values[0] if values else ""


def apply_controls(*arguments: str | float | None) -> Any:
    """The view that the controls ask for now; where the text is invalid the one before it stays in force."""
    *values, view_text = arguments
    before = read_view(text_of(view_text)).view
    read = read_view(urlencode(control_pairs(dict(zip(CONTROLS, values, strict=True)), before)))
    for notice in read.notices:
        notify(notice, "warning")
    wanted = read.view
    text = before.text if text_problem(wanted.text) else wanted.text
    after = replace(before, text=text, filters=wanted.filters)
    return no_update if after == before else show_view(after)


def show_text_problem(text: str | None) -> str:
    """Why the text that stands in the box now is not applied; nothing if it is."""
    return text_problem(text or "")


def control_pairs(values: dict[str, Any], before: View) -> list[tuple[str, str]]:
    """The controls as parameters of an address, with what of the view before has no control."""
    kept = Filters(
        names=before.filters.names,
        titles=before.filters.titles,
        companies=before.filters.companies,
        locations=before.filters.locations,
        position_id=before.filters.position_id,
        verdicts=before.filters.verdicts,
    )
    years_from = parse_years(values[ids.CANDIDATES_YEARS_FROM])
    years_until = parse_years(values[ids.CANDIDATES_YEARS_UNTIL])
    single = {
        "q": values[ids.CANDIDATES_TEXT],
        "name": values[ids.CANDIDATES_NAME],
        "title": values[ids.CANDIDATES_TITLE],
        "company": values[ids.CANDIDATES_COMPANY],
        "location": values[ids.CANDIDATES_LOCATION],
        "email": values[ids.CANDIDATES_HAS_EMAIL],
        "fresh": values[ids.CANDIDATES_FRESHNESS],
        "list": values[ids.CANDIDATES_LIST],
        "months_from": kept_months(years_from, before.filters.months_from, 0),
        "months_until": kept_months(years_until, before.filters.months_until, 11),
        "added_from": values[ids.CANDIDATES_ADDED_FROM],
        "added_until": values[ids.CANDIDATES_ADDED_UNTIL],
    }
    pairs = [(name, str(value)) for name, value in single.items() if value not in (None, "", ANY)]
    pairs += [("enrichment", value) for value in kept_set(values[ids.CANDIDATES_ENRICHMENT], before.filters.enrichment)]
    pairs += [("source", value) for value in kept_set(values[ids.CANDIDATES_SOURCE], before.filters.sources)]
    return pairs + parse_qsl(show_view(View(filters=kept)))


def kept_set(chosen: str | None, before: Sequence[str]) -> Sequence[str]:
    """A link may ask for several values where the control shows the first: they stay until it is changed."""
    if not chosen or chosen == ANY:
        return ()
    return before if first(before) == chosen else (chosen,)


def parse_years(value: object) -> float | None:
    """The years on a control; nothing for an empty one. Raises BadInput."""
    if value in (None, ""):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput("Experience is a number of years.")
    return value


def kept_months(years: float | None, before: int | None, rest: int) -> int | None:
    """The months that years on a control mean; a link's finer bound stays while its years do."""
    if years is None:
        return None
    return before if before is not None and before // 12 == int(years) else int(years) * 12 + rest


def text_problem(text: str) -> str:
    query = parse_query(text)
    if isinstance(query, InvalidQuery):
        return f"Not applied: {query.message}"
    return ""


def describe(view_text: str | None, _refresh: int | None, _came_back: object) -> tuple[Any, ...]:
    """How many match, what is asked for, and what to do if nobody does."""
    if view_text is None:
        return (no_update,) * 6
    view, who, candidates = read_view(view_text).view, actor(), current().candidates
    found = candidates.count(who, view)
    by_text = None
    if found.total == 0 and view.text and view.filters != Filters():
        text_only = candidates.count(who, View(text=view.text))
        by_text = count_words(text_only.total, text_only.total_is_exact) if text_only.total else None
    names = {str(entry.id): entry.name for entry in candidates.choices(who).lists} if view.filters.list_id else {}
    return (
        count_words(found.total, found.total_is_exact),
        {"total": found.total, "exact": found.total_is_exact},
        chips(view, names),
        nobody(view, by_text) if found.total == 0 else None,
        found.total > 0,
        "/exports/candidates.csv?" + urlencode({"view": view_text}),
    )


def offer_choices(_filters: str) -> tuple[Any, ...]:
    """The lists and sources to choose from."""
    choices = current().candidates.choices(actor())
    anything = {"label": "Any", "value": ANY}
    return (
        [anything, *({"label": entry.name, "value": str(entry.id)} for entry in choices.lists)],
        [anything, *({"label": source, "value": source} for source in choices.sources)],
        [html.Option(value=entry.name) for entry in choices.lists],
    )


def take_away(clicks: list[int | None], _clear: int | None, view_text: str | None) -> Any:
    """The view without one part, or without any; the page is filled from it as from an address."""
    if ctx.triggered_id == ids.CANDIDATES_CLEAR:
        return {"search": ""}
    if not any(clicks) or not isinstance(ctx.triggered_id, dict):
        return no_update
    gone = tuple(str(ctx.triggered_id["part"]).split("=", 1))
    pairs = [pair for pair in parse_qsl(view_text or "") if pair != gone]
    if gone[0] == "position":
        pairs = [pair for pair in pairs if pair[0] != "verdict"]
    return {"search": urlencode(pairs)}


def open_person(person: str | None) -> tuple[Any, bool]:
    if person is None:
        return no_update, True
    services, who = current(), actor()
    found = services.candidates.person(who, candidate_id(person))
    may_delete = who.role in (Role.MANAGER, Role.ADMIN)
    return person_panel(found, may_delete, services.usage.time_zone(who)), False


def show_payload(clicks: int | None, person: str | None) -> Component | Any:
    if not clicks or person is None:
        return no_update
    services, who = current(), actor()
    return payload_text(services.candidates.payload(who, candidate_id(person)), services.usage.time_zone(who))


def delete_person(
    clicks: int | None, sure: list[str] | None, person: str | None, view_text: str | None
) -> tuple[Any, Any]:
    if not clicks or person is None:
        return no_update, no_update
    if not sure:
        raise BadInput("Tick “I am sure” first: a deleted person cannot be brought back.")
    current().candidates.delete(actor(), candidate_id(person))
    notify("The person was deleted for good.")
    return None, {"search": view_text or "", "without": person}


def candidate_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadInput("This link names nobody.")
    return int(text)


def put_on_list(
    _add: int | None, _screen: int | None, chosen: dict[str, Any] | None, name: str | None, view_text: str | None
) -> tuple[Any, ...]:
    """Add the chosen to a list; on the way to a screening, go on with that list."""
    if not ctx.triggered_id or not ctx.triggered[0]["value"]:
        return (no_update,) * 6
    added = current().candidates.put_on_list(actor(), name or "", whom(chosen or {}, view_text or ""))
    notify(addition_words(added))
    goes_on = ctx.triggered_id == ids.CANDIDATES_ADD_AND_SCREEN
    href = f"/screening?list={added.list_id}" if goes_on else no_update
    return href, "", None, *offer_choices("")


def addition_words(added: ListAddition) -> str:
    """How many came onto the list, and why the others did not."""
    if not added.added:
        words = f"Nobody was added to “{added.list_name}”: everybody was on it already."
    else:
        words = f"{added.added:,} added to “{added.list_name}”."
        words += f" {added.already:,} on it already." if added.already else ""
    return words + (f" {added.unknown:,} no longer in your database." if added.unknown else "")


def whom(chosen: dict[str, Any], view_text: str) -> Chosen:
    if chosen.get("all"):
        return read_view(view_text).view
    people = chosen.get("ids") or []
    if not isinstance(people, list):
        raise BadInput("This choice names nobody.")
    return [candidate_id(str(person)) for person in people]


def register(app: Dash) -> None:
    app.callback(
        Output(ids.CANDIDATES_GRID, "getRowsResponse"),
        Input(ids.CANDIDATES_GRID, "getRowsRequest"),
        State(ids.CANDIDATES_VIEW, "data"),
        prevent_initial_call=True,
    )(show_block)
    app.callback(
        Output(ids.CANDIDATES_VIEW, "data"),
        Output(ids.CANDIDATES_PERSON, "data"),
        *(Output(control, "value") for control in CONTROLS),
        Input(ids.ADDRESS, "search"),
        Input(ids.CANDIDATES_CAME_BACK, "data"),
    )(restore)
    app.callback(
        Output(ids.CANDIDATES_VIEW, "data", allow_duplicate=True),
        *(Input(control, "value") for control in CONTROLS),
        State(ids.CANDIDATES_VIEW, "data"),
        prevent_initial_call=True,
    )(apply_controls)
    # By the box alone: whatever fills, mends or clears it, the sentence is about what stands there.
    app.callback(
        Output(ids.CANDIDATES_TEXT_PROBLEM, "children"),
        Input(ids.CANDIDATES_TEXT, "value"),
        prevent_initial_call=True,
    )(show_text_problem)
    app.callback(
        Output(ids.CANDIDATES_COUNT_LINE, "children"),
        Output(ids.CANDIDATES_COUNT, "data"),
        Output(ids.CANDIDATES_CHIPS, "children"),
        Output(ids.CANDIDATES_EMPTY, "children"),
        Output(ids.CANDIDATES_EMPTY, "hidden"),
        Output(ids.CANDIDATES_EXPORT, "href"),
        Input(ids.CANDIDATES_VIEW, "data"),
        Input(ids.CANDIDATES_REFRESH, "n_clicks"),
        Input(ids.CANDIDATES_CAME_BACK, "data"),
    )(describe)
    app.callback(
        Output(ids.CANDIDATES_LIST, "options"),
        Output(ids.CANDIDATES_SOURCE, "options"),
        Output(ids.CANDIDATES_LIST_NAMES, "children"),
        Input(ids.CANDIDATES_FILTERS, "id"),
    )(offer_choices)
    app.callback(
        Output(ids.CANDIDATES_CAME_BACK, "data"),
        Input(ids.candidates_chip(ALL), "n_clicks"),
        Input(ids.CANDIDATES_CLEAR, "n_clicks"),
        State(ids.CANDIDATES_VIEW, "data"),
        prevent_initial_call=True,
    )(take_away)
    app.callback(
        Output(ids.CANDIDATES_PANEL_BODY, "children"),
        Output(ids.CANDIDATES_PANEL, "hidden"),
        Input(ids.CANDIDATES_PERSON, "data"),
    )(open_person)
    app.callback(
        Output(ids.CANDIDATES_PAYLOAD, "children"),
        Input(ids.CANDIDATES_PAYLOAD_SHOW, "n_clicks"),
        State(ids.CANDIDATES_PERSON, "data"),
        prevent_initial_call=True,
    )(show_payload)
    app.callback(
        Output(ids.CANDIDATES_PERSON, "data", allow_duplicate=True),
        Output(ids.CANDIDATES_CAME_BACK, "data", allow_duplicate=True),
        Input(ids.CANDIDATES_DELETE, "n_clicks"),
        State(ids.CANDIDATES_DELETE_SURE, "value"),
        State(ids.CANDIDATES_PERSON, "data"),
        State(ids.CANDIDATES_VIEW, "data"),
        prevent_initial_call=True,
    )(delete_person)
    app.callback(
        Output(ids.ADDRESS, "href", allow_duplicate=True),
        Output(ids.CANDIDATES_LIST_NAME, "value"),
        Output(ids.CANDIDATES_CHOSEN, "data", allow_duplicate=True),
        Output(ids.CANDIDATES_LIST, "options", allow_duplicate=True),
        Output(ids.CANDIDATES_SOURCE, "options", allow_duplicate=True),
        Output(ids.CANDIDATES_LIST_NAMES, "children", allow_duplicate=True),
        Input(ids.CANDIDATES_ADD, "n_clicks"),
        Input(ids.CANDIDATES_ADD_AND_SCREEN, "n_clicks"),
        State(ids.CANDIDATES_CHOSEN, "data"),
        State(ids.CANDIDATES_LIST_NAME, "value"),
        State(ids.CANDIDATES_VIEW, "data"),
        prevent_initial_call=True,
    )(put_on_list)
    register_in_browser(app)


def register_in_browser(app: Dash) -> None:
    """What needs no server (assets/candidates.js)."""
    grid, chosen, person = ids.CANDIDATES_GRID, ids.CANDIDATES_CHOSEN, ids.CANDIDATES_PERSON
    app.clientside_callback(
        ClientsideFunction("candidates", "watchRequest"),
        Output(grid, "id"),
        Input(grid, "getRowsRequest"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("candidates", "showView"),
        Output(grid, "className"),
        Input(ids.CANDIDATES_VIEW, "data"),
        Input(ids.CANDIDATES_REFRESH, "n_clicks"),
        Input(ids.CANDIDATES_CAME_BACK, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("candidates", "showCount"),
        Output(ids.CANDIDATES_CHOOSE_ALL, "hidden"),
        Input(ids.CANDIDATES_COUNT, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("candidates", "choose"),
        Output(chosen, "data"),
        Input(grid, "selectedRows"),
        Input(ids.CANDIDATES_CHOOSE_ALL, "n_clicks"),
        Input(ids.CANDIDATES_CHOOSE_NONE, "n_clicks"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("candidates", "showChosen"),
        Output(ids.CANDIDATES_BULK_WORDS, "children"),
        Output(ids.CANDIDATES_BULK, "hidden"),
        Input(chosen, "data"),
        Input(ids.CANDIDATES_COUNT_LINE, "children"),
    )
    app.clientside_callback(
        ClientsideFunction("candidates", "openClicked"),
        Output(person, "data", allow_duplicate=True),
        Input(grid, "cellClicked"),
        Input(ids.CANDIDATES_PANEL_CLOSE, "n_clicks"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("candidates", "showPerson"),
        Output(ids.CANDIDATES_PANEL, "title"),
        Input(person, "data"),
    )
