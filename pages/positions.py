"""Positions: every brief of the organization, newest first."""

import dash
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import page_header

dash.register_page(__name__, path="/positions", title="Positions", order=4)


def layout(archived: str = "", **_query: str) -> Component:
    is_archive = archived == "1"
    return html.Div(
        [
            page_header(
                "Archived positions" if is_archive else "Positions",
                "What you hire for: a brief, and the criteria that people are screened against.",
                [
                    dcc.Link(
                        "Back to positions" if is_archive else "Archived",
                        href="/positions" if is_archive else "/positions?archived=1",
                        className="btn btn-quiet",
                    ),
                    dcc.Link("New position", href="/positions/new", className="btn btn-primary"),
                ],
            ),
            dcc.Store(id=ids.POSITIONS_SHOWN, data={"archived": is_archive}),
            html.Div(id=ids.POSITIONS_TABLE),
        ]
    )
