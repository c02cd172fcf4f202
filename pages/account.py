"""Account: what a person can see and change about themselves."""

import dash
from dash import html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import card, page_header

dash.register_page(__name__, path="/account", title="Account")


def layout(**_query: str) -> Component:
    return html.Div(
        [
            page_header("Account"),
            html.Div([card("You", html.Div(id=ids.ACCOUNT_FACTS)), html.Div(id=ids.ACCOUNT_FORMS)], className="blocks"),
        ]
    )
