"""Run: one run from its start to its receipt, with everybody in it and why somebody brought no result."""

import dash
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.run_panel import run_panel
from pages.parts.shell import card, page_header

dash.register_page(__name__, path_template="/runs/<run_id>", title="Run")


def layout(run_id: str = "", **query: str) -> Component:
    return html.Div(
        [
            page_header("Run", "", [dcc.Link("All runs", href="/runs", className="btn btn-outline-secondary")]),
            dcc.Store(id=ids.RUN_QUESTION, data={**query, "run_id": run_id}),
            run_panel(run_id),
            card("People", html.Div(id=ids.RUN_ITEMS)),
            card("Receipt", html.Div(id=ids.RUN_RECEIPT)),
            card("History", html.Div(id=ids.RUN_EVENTS)),
        ]
    )
