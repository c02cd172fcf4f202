"""One import: how its columns were understood, and then what became of its rows."""

import dash
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import card, labelled
from services.domain.lists import LONGEST_NAME

dash.register_page(__name__, path_template="/imports/<import_id>", title="Import")


def layout(import_id: str = "", after: str = "", **_query: str) -> Component:
    return html.Div(
        [
            dcc.Store(id=ids.IMPORT_OPEN, data={"import_id": import_id, "after": after}),
            html.Div(id=ids.IMPORT_WORKING, role="status", **{"aria-live": "polite"}),
            html.Div(
                [
                    html.Div(id=ids.IMPORT_BODY),
                    # Here from the start and only shown later: what a button starts must not start by its arrival.
                    html.Div(start_form(), id=ids.IMPORT_FORM, hidden=True),
                ],
                id=ids.IMPORT_BUSY,
            ),
        ]
    )


def start_form() -> Component:
    return card(
        "List",
        html.Div(
            [
                labelled(
                    "People go to the list",
                    dbc.Input(id=ids.IMPORT_LIST, maxLength=LONGEST_NAME, list=ids.IMPORT_LIST_NAMES),
                    "A new name makes a new list; the name of an existing one adds to it.",
                ),
                html.Datalist(id=ids.IMPORT_LIST_NAMES),
                html.Button("Discard", id=ids.IMPORT_DISCARD, className="btn btn-outline-secondary", type="button"),
                html.Button("Import", id=ids.IMPORT_START, className="btn btn-primary", type="button"),
            ],
            className="form-row",
        ),
    )
