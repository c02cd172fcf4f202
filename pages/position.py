"""Position: the brief in four boxes, the criteria that come of it, and their approval."""

import dash
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.position_parts import criteria_hint
from pages.parts.team_now import team_place

dash.register_page(__name__, path_template="/positions/<position_id>", title="Position")

TYPING_PAUSE_MS = 350
BOXES = (
    (ids.POSITION_ROLE, "Role and context", "What the job is about. It calibrates; it is no criterion.", 5),
    (ids.POSITION_MUST, "Must-haves", "One a line. All are required.", 7),
    (ids.POSITION_NICE, "Nice-to-haves", "One a line. They give tags and never change a verdict.", 4),
    (ids.POSITION_EXCLUDE, "Exclusions", "One a line. Any that applies rules a person out.", 4),
)
# A press on a button that saves means what stands in these boxes at that moment (assets/shell.js).
SENDS = {"data-sends": " ".join((ids.POSITION_TITLE, *(box[0] for box in BOXES)))}
EXAMPLES = {
    ids.POSITION_ROLE: "Backend engineer in a payments team of six. Product company, hybrid.",
    ids.POSITION_MUST: "5+ years of backend work\nPython or Go in production\nAt least 1 year at current company",
    ids.POSITION_NICE: "Kafka\nPayments or banking domain",
    ids.POSITION_EXCLUDE: "Works at a consulting or outsourcing company\nHead of, director or VP",
}


def layout(position_id: str = "new", version: str = "", **_query: str) -> Component:
    return html.Div(
        [
            dcc.Store(id=ids.POSITION_OPEN, data={"position_id": position_id, "version_id": version}),
            # The version and revision this form was filled from: saving names them.
            dcc.Store(id=ids.POSITION_SEEN),
            dcc.Store(id=ids.POSITION_SAVED),
            html.Div(id=ids.POSITION_HEAD, className="page-header position-head"),
            team_place("position"),
            # Shown when it is filled: nobody types into what is about to change, and nothing moves.
            html.Div(
                [brief_form(), criteria_column()],
                id=ids.POSITION_BODY,
                className="two-columns",
                hidden=position_id != "new",
            ),
            leave_dialog(),
        ],
        id=ids.POSITION_FORM,
    )


def leave_dialog() -> Component:
    """Asked before typed text is lost; assets/unsaved.js opens it."""
    return html.Dialog(
        [
            html.H2("Leave without saving?", className="h5"),
            html.P("What you typed into this brief is not saved yet."),
            html.Form(
                [
                    html.Button("Stay here", className="btn btn-primary", type="submit"),
                    html.Button(
                        "Leave without saving",
                        id=ids.POSITION_LEAVE_ANYWAY,
                        className="btn btn-secondary",
                        type="button",
                    ),
                ],
                method="dialog",
                className="form-actions",
            ),
        ],
        id=ids.POSITION_LEAVE,
        className="dialog",
        **{"aria-label": "Leave without saving?"},
    )


def brief_form() -> Component:
    return html.Section(
        [
            html.Label("Title", htmlFor=ids.POSITION_TITLE, className="form-label"),
            dbc.Input(id=ids.POSITION_TITLE, maxlength=200, placeholder="Backend engineer, payments"),
            *(part for box in BOXES for part in text_box(*box)),
        ],
        className="block",
    )


def text_box(component_id: str, label: str, hint: str, rows: int) -> tuple[Component, ...]:
    return (
        html.Label(
            [label, html.Span(hint, className="form-text d-block mt-0 mb-1")],
            htmlFor=component_id,
            className="form-label mt-3 mb-0 d-block",
        ),
        dbc.Textarea(id=component_id, rows=rows, placeholder=EXAMPLES[component_id], debounce=TYPING_PAUSE_MS),
    )


def criteria_column() -> Component:
    return html.Div(
        [
            html.Section(
                [
                    html.H2("Criteria", className="card-title"),
                    html.Div(criteria_hint(), id=ids.POSITION_CRITERIA, **{"aria-live": "polite"}),
                    html.Div(
                        [
                            html.Button("Save draft", id=ids.POSITION_SAVE, className="btn btn-secondary", **SENDS),
                            html.Button(
                                "Approve criteria",
                                id=ids.POSITION_APPROVE,
                                className="btn btn-primary",
                                disabled=True,
                                **SENDS,
                            ),
                        ],
                        className="form-actions",
                    ),
                ],
                className="block",
            ),
            html.Section(
                [html.H2("Versions", className="card-title"), html.Div(id=ids.POSITION_HISTORY)], className="block"
            ),
        ],
        className="sticky-column",
    )
