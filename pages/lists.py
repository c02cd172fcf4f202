"""Lists: the named sets of candidates that the team works through."""

import dash
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import labelled, page_header
from services.domain.lists import LONGEST_NAME

dash.register_page(__name__, path="/lists", title="Lists", order=2)


def layout(archived: str = "", q: str = "", page: str = "", **_query: str) -> Component:
    is_archive = archived == "1"
    shown = {"archived": "1" if is_archive else "", "q": q.strip(), "page": page}
    return html.Div(
        [
            page_header(
                "Archived lists" if is_archive else "Lists",
                "Everybody in your organization sees these lists.",
                [
                    dcc.Link(
                        "Back to lists" if is_archive else "Archived",
                        href="/lists" if is_archive else "/lists?archived=1",
                        className="btn btn-quiet",
                    ),
                    dcc.Link("Import a file", href="/imports", className="btn btn-secondary"),
                ],
            ),
            dcc.Store(id=ids.LISTS_SHOWN, data=shown),
            None if is_archive else new_list_form(),
            name_search(q),
            html.Div(id=ids.LISTS_TABLE),
        ]
    )


def name_search(text: str) -> Component:
    box = dbc.Input(
        id=ids.LISTS_TEXT,
        type="search",
        value=text,
        # With Enter: the page is drawn anew for its new address, and would take the box away from who still types.
        debounce=True,
        autofocus=bool(text),
        placeholder="Part of a name, then Enter",
    )
    return html.Div(labelled("Find a list", box), className="list-search", **{"data-search": "on"})


def new_list_form() -> Component:
    return html.Section(
        html.Div(
            [
                labelled(
                    "New list",
                    dbc.Input(id=ids.LISTS_NAME, maxLength=LONGEST_NAME, placeholder="Backend, Haifa, spring"),
                ),
                html.Button("Create", id=ids.LISTS_CREATE, className="btn btn-primary", type="button"),
            ],
            className="form-row",
        ),
        className="block",
    )
