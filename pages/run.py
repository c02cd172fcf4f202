"""Run: one run from its start to its receipt, with everybody in it and why somebody brought no result."""

import dash
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import page_header

dash.register_page(__name__, path_template="/runs/<run_id>", title="Run")


def layout(run_id: str = "", **query: str) -> Component:
    return html.Div(
        [
            page_header("Run"),
            dcc.Store(id=ids.RUN_QUESTION, data={**query, "run_id": run_id}),
            html.Div(id=ids.RUN_BODY),
        ]
    )
