"""Runs: what was started, by oneself or by the team, found again by what it was for and how it stands."""

import dash
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import page_header

dash.register_page(__name__, path="/runs", title="Runs", order=6)


def layout(**query: str) -> Component:
    return html.Div(
        [
            page_header("Runs", "Everything that was started in the background; it goes on when you close the page."),
            dcc.Store(id=ids.RUNS_QUESTION, data=query),
            dcc.Interval(id=ids.RUNS_TICK, interval=5000),
            html.Div(id=ids.RUNS_FILTERS),
            # Shown from the top down, so that nothing is pushed away that somebody looks at already.
            html.Div(id=ids.RUNS_TABLE, hidden=True),
        ]
    )
