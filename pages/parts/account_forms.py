"""Forms of the account page: plain posts, because their answers change the session's cookie."""

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from pages.parts.shell import card, csrf_field, labelled
from services.domain.actors import Actor


def account_facts(actor: Actor, org_name: str, open_sessions: int) -> Component:
    browsers = "this browser only" if open_sessions <= 1 else f"{open_sessions} browsers"
    facts = [
        ("Name", actor.name),
        ("E-mail", actor.email),
        ("Organization", org_name),
        ("Role", "operator and " + actor.role if actor.is_operator else actor.role),
        ("Signed in", browsers),
    ]
    return html.Dl([part for name, value in facts for part in (html.Dt(name), html.Dd(value))], className="facts")


def account_forms(csrf_token: str) -> Component:
    return html.Div([password_form(csrf_token), sign_out_everywhere_form(csrf_token)])


def password_form(csrf_token: str) -> Component:
    return card(
        "Password",
        html.Form(
            [
                csrf_field(csrf_token),
                labelled("Current password", password_input("current", "current-password")),
                labelled(
                    "New password",
                    password_input("password", "new-password"),
                    "At least 12 characters. Three or four words do well.",
                ),
                labelled("The same again", password_input("again", "new-password")),
                html.Button("Change the password", type="submit", className="btn btn-primary"),
                dbc.FormText("Other browsers are signed out.", className="ms-2"),
            ],
            action="/account/password",
            method="post",
        ),
    )


def password_input(name: str, purpose: str) -> Component:
    return dbc.Input(
        id=f"account-{name}", name=name, type="password", autocomplete=purpose, required=True, maxlength=256
    )


def sign_out_everywhere_form(csrf_token: str) -> Component:
    return card(
        "Signed in somewhere else?",
        html.Form(
            [
                csrf_field(csrf_token),
                html.P("Ends your session in every browser and tab, this one included."),
                html.Button("Sign out everywhere", type="submit", className="btn btn-outline-secondary"),
            ],
            action="/account/sign-out-everywhere",
            method="post",
        ),
    )
