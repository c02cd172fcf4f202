"""Not found: an address that leads nowhere."""

import dash
from dash import dcc, html
from dash.development.base_component import Component

from pages.parts.shell import empty_state, page_header

dash.register_page(__name__, title="Not found")


def layout(**_query: str) -> Component:
    way_home = dcc.Link("Go to Home", href="/", className="btn btn-primary")
    return html.Div([page_header("Not found"), empty_state("There is no such page.", way_home)])
