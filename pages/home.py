"""Home: what to do next, and what this person worked on lately."""

import dash
from dash import html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import page_header

dash.register_page(__name__, path="/", title="Home", order=0)


def layout(**_query: str) -> Component:
    return html.Div([page_header("Home", "What to do next."), html.Div(id=ids.HOME_NEXT)])
