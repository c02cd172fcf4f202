"""Not found: an address that leads nowhere."""

import dash
from dash import dcc
from dash.development.base_component import Component

from pages.parts.shell import empty_state

dash.register_page(__name__, title="Not found")


def layout(**_query: str) -> Component:
    return empty_state("There is no such page.", dcc.Link("Go to Home", href="/", className="btn btn-primary"))
