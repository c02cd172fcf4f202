"""Status: shows how the installation is doing to those who may know."""

from typing import Any

from dash import Dash, Input, Output, no_update

from callbacks.who import actor
from pages import ids
from pages.parts.status_parts import not_for_you, status_page
from services.status import NOT_FOR_YOU
from services.wiring import current


def show_status(_looks: int | None) -> tuple[Any, Any]:
    """The page, and whether to stop asking."""
    services, me = current(), actor()
    if not me.may_see_status:
        return not_for_you(NOT_FOR_YOU), True
    return status_page(services.status.report(me), services.usage.time_zone(me)), no_update


def register(app: Dash) -> None:
    app.callback(
        Output(ids.STATUS_REPORT, "children"),
        Output(ids.STATUS_TICK, "disabled"),
        Input(ids.STATUS_TICK, "n_intervals"),
    )(show_status)
