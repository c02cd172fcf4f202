"""Screening: one position, its people, the price, the run, and the verdicts as they arrive."""

import dash
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids

dash.register_page(__name__, path="/screening", title="Screening")


def layout(**query: str) -> Component:
    return html.Div(
        [
            # What the address asks for: ids and view state, never people.
            dcc.Store(id=ids.SCREENING_VIEW, data=query),
            dcc.Store(id=ids.SCREENING_FORM),
            dcc.Store(id=ids.SCREENING_PRESSED),
            dcc.Store(id=ids.SCREENING_REASONED),
            dcc.Store(id=ids.SCREENING_SEEN),
            dcc.Store(id=ids.SCREENING_CHANGED),
            dcc.Store(id=ids.SCREENING_OPEN, data={"screening_id": query.get("open", "")}),
            dcc.Store(id=ids.SCREENING_DECISION),
            dcc.Store(id=ids.SCREENING_LAST),
            # What the key "u" presses; hidden, because an undo button without a decision would only confuse.
            html.Button("Undo", id=ids.SCREENING_UNDO, hidden=True),
            dcc.Interval(id=ids.SCREENING_TICK, interval=2000, disabled=True),
            html.Div(id=ids.SCREENING_HEAD),
            html.Div(id=ids.SCREENING_ORDER),
            # Shown from the top down, so that nothing is pushed away that somebody looks at already.
            html.Div([html.Div(id=ids.SCREENING_RUN), panes()], id=ids.SCREENING_BODY, hidden=True),
        ],
        className="screening",
        **{"data-triage": "on"},
    )


def panes() -> Component:
    return html.Div(
        [
            html.Div(id=ids.SCREENING_RESULTS, className="results"),
            html.Aside(
                id=ids.SCREENING_CARD,
                className="verdict-pane",
                **{"aria-live": "polite", "aria-label": "Verdict"},
            ),
        ],
        id=ids.SCREENING_PANES,
        className="results-panes",
        hidden=True,
    )
