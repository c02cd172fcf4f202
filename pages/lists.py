"""Lists: the named sets of candidates that the team works through."""

import dash
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import labelled, page_header
from services.domain.lists import LONGEST_NAME

dash.register_page(__name__, path="/lists", title="Lists", order=2)


def layout(archived: str = "", **_query: str) -> Component:
    is_archive = archived == "1"
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
            dcc.Store(id=ids.LISTS_SHOWN, data={"archived": is_archive}),
            None if is_archive else new_list_form(),
            html.Div(id=ids.LISTS_TABLE),
        ]
    )


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
