"""Admin: the organization's users, its settings, and what was done."""

import dash
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.admin import invite_form
from pages.parts.shell import card, page_header

dash.register_page(__name__, path="/admin", title="Admin")


def layout(**_query: str) -> Component:
    return html.Div(
        [
            dcc.Store(id=ids.ADMIN_CHANGED),
            dcc.Store(id=ids.ADMIN_HISTORY_OLDEST),
            page_header("Admin", "Who works here, what the organization chose, and what was done."),
            card(
                "Users",
                [
                    invite_form(),
                    html.Div(id=ids.ADMIN_LINK),
                    html.Div(id=ids.ADMIN_MEMBERS, className="table-wrap mt-3"),
                ],
            ),
            card("Organization", html.Div(id=ids.ADMIN_SETTINGS)),
            card(
                "What was done",
                [
                    html.Div(
                        dbc.Table(
                            [
                                html.Thead(html.Tr([html.Th(word) for word in ("When", "Who", "What")])),
                                html.Tbody(id=ids.ADMIN_HISTORY),
                            ],
                            size="sm",
                        ),
                        className="table-wrap",
                    ),
                    html.Button(
                        "Older", id=ids.ADMIN_HISTORY_OLDER, className="btn btn-outline-secondary btn-sm", type="button"
                    ),
                ],
            ),
        ]
    )
