"""Account: fills in who one is; what changes the session is posted to routes.account."""

from dash import Dash, Input, Output
from dash.development.base_component import Component
from flask_wtf.csrf import generate_csrf

from callbacks.who import person
from pages import ids
from pages.parts.account_forms import account_facts, account_forms
from services.wiring import current


def show_account(_pathname: str | None) -> tuple[Component, Component]:
    one = person()
    sessions = current().accounts.open_sessions(one.actor)
    return account_facts(one.actor, one.org_name, sessions), account_forms(generate_csrf())


def register(app: Dash) -> None:
    app.callback(
        Output(ids.ACCOUNT_FACTS, "children"),
        Output(ids.ACCOUNT_FORMS, "children"),
        Input(ids.ADDRESS, "pathname"),
    )(show_account)
