"""Imports: bring a file of people, and see what earlier files brought."""

import dash
from dash import html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import page_header

dash.register_page(__name__, path="/imports", title="Imports", order=3)


def layout(**_query: str) -> Component:
    return html.Div(
        [
            page_header("Imports", "Bring people from a CSV file: any export whose rows hold LinkedIn addresses."),
            html.Div(
                [
                    html.P("Drop a CSV file here, or"),
                    html.Button("Choose a file…", id=ids.IMPORTS_CHOOSE, className="btn btn-primary", type="button"),
                    html.P(id=ids.IMPORTS_LIMIT, className="text-secondary"),
                    html.Progress(
                        id=ids.IMPORTS_UPLOAD_PROGRESS, max="100", hidden=True, **{"aria-label": "Upload progress"}
                    ),
                    html.P(
                        id=ids.IMPORTS_UPLOAD_STATUS,
                        className="upload-status",
                        role="status",
                        **{"aria-live": "polite"},
                    ),
                ],
                id=ids.IMPORTS_DROP,
                className="drop-zone",
            ),
            html.Div(id=ids.IMPORTS_RECENT),
        ]
    )
