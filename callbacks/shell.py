"""The shell around every page: the theme that follows the person, notices, the menu on small screens."""

from dash import ClientsideFunction, Dash, Input, Output

from callbacks.who import actor
from pages import ids
from services.errors import BadInput
from services.wiring import current


def save_theme(theme: str | None) -> None:
    if theme not in ("light", "dark"):
        raise BadInput("There are two themes, light and dark.")
    current().accounts.save_theme(actor(), theme)


def register(app: Dash) -> None:
    app.clientside_callback(
        ClientsideFunction("shell", "switchTheme"),
        Output(ids.THEME, "data"),
        Input(ids.THEME_TOGGLE, "n_clicks"),
        prevent_initial_call=True,
    )
    app.callback(Input(ids.THEME, "data"), prevent_initial_call=True)(save_theme)
    app.clientside_callback(
        ClientsideFunction("shell", "showNotice"), Output(ids.NOTICES, "data-shown"), Input(ids.NOTICE, "data")
    )
    app.clientside_callback(
        ClientsideFunction("shell", "toggleMenu"),
        Output(ids.MENU, "is_open"),
        Input(ids.MENU_TOGGLE, "n_clicks"),
        Input(ids.ADDRESS, "pathname"),
        prevent_initial_call=True,
    )
