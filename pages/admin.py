"""Admin: the organization's users, its settings, and what was done."""

import dash
from dash import html
from dash.development.base_component import Component

from pages import ids

dash.register_page(__name__, path="/admin", title="Admin")


def layout(**_query: str) -> Component:
    return html.Div(id=ids.ADMIN_PAGE)
