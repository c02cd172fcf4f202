"""Home: fills in what this person can do next."""

from dash import Dash, Input, Output, dcc
from dash.development.base_component import Component

from callbacks.who import person
from pages import ids
from pages.parts.shell import empty_state


def show_next(_pathname: str | None) -> Component:
    return empty_state(
        f"Welcome, {person().actor.name}. Bring in your first candidates.",
        dcc.Link("Import a list", href="/imports", className="btn btn-primary"),
    )


def register(app: Dash) -> None:
    app.callback(Output(ids.HOME_NEXT, "children"), Input(ids.ADDRESS, "pathname"))(show_next)
