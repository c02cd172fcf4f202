"""Runs: what was started lately, by oneself or by the team, and how far it is."""

import dash
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import page_header

dash.register_page(__name__, path="/runs", title="Runs", order=6)


def layout(**query: str) -> Component:
    return html.Div(
        [
            page_header(
                "Runs",
                "Everything that was started in the background; it goes on when you close the page.",
                [
                    dcc.Link("Mine", href="/runs", className="btn btn-outline-secondary"),
                    dcc.Link("The team's", href="/runs?whose=team", className="btn btn-outline-secondary"),
                ],
            ),
            dcc.Store(id=ids.RUNS_QUESTION, data=query),
            dcc.Interval(id=ids.RUNS_TICK, interval=5000),
            html.Div(id=ids.RUNS_TABLE),
        ]
    )
