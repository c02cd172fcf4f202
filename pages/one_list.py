"""One list: how many it holds, where to work on it, and what it is called."""

import dash
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids

dash.register_page(__name__, path_template="/lists/<list_id>", title="List")


def layout(list_id: str = "", **_query: str) -> Component:
    return html.Div([dcc.Store(id=ids.LIST_OPEN, data={"list_id": list_id}), html.Div(id=ids.LIST_BODY)])
