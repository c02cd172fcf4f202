"""Usage: who used what, what it cost, and what failed."""

import dash
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import page_header

dash.register_page(__name__, path="/usage", title="Usage", order=7)


def layout(**query: str) -> Component:
    return html.Div(
        [
            page_header(
                "Usage",
                "Who used which provider, what was charged for it, and what perhaps was charged besides.",
                [html.A("Download CSV", id=ids.USAGE_CSV, className="btn btn-secondary", href="/exports/usage.csv")],
            ),
            # What the address asks for; the callback reads it and answers.
            dcc.Store(id=ids.USAGE_QUESTION, data=query),
            html.Div(id=ids.USAGE_REPORT, **{"aria-live": "polite"}),
            html.Div(id=ids.QUOTAS),
        ]
    )
