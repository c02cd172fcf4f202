"""One import: how its columns were understood, and then what became of its rows."""

import dash
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids

dash.register_page(__name__, path_template="/imports/<import_id>", title="Import")


def layout(import_id: str = "", after: str = "", **_query: str) -> Component:
    return html.Div(
        [
            dcc.Store(id=ids.IMPORT_OPEN, data={"import_id": import_id, "after": after}),
            html.Div(id=ids.IMPORT_WORKING, role="status", **{"aria-live": "polite"}),
            html.Div(id=ids.IMPORT_BODY),
        ]
    )
