"""Status: how the installation is doing, for its operators and for admins."""

import dash
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import page_header

dash.register_page(__name__, path="/status", title="Status")


def layout(**_query: str) -> Component:
    return html.Div(
        [
            page_header("Status", "How the service is doing. It looks again every five seconds while you look at it."),
            dcc.Interval(id=ids.STATUS_TICK, interval=5000),
            html.Div(id=ids.STATUS_REPORT),
        ]
    )
