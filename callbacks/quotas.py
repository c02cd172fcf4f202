"""Quotas: shows one's own, or for managers and admins everybody's, and sets one; services.quotas checks the role."""

from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.development.base_component import Component

from callbacks.notices import notify
from callbacks.parsing import parse_id, text_of
from callbacks.who import actor
from pages import ids
from pages.parts.quota_parts import quota_card
from services.quotas import NOBODY, parse_quota_cap, parse_what
from services.wiring import current


def show_quotas(_page: str | None) -> Component:
    quotas, me = current().quotas, actor()
    report = quotas.all(me) if me.may_see_team_usage else quotas.mine(me)
    people = list({quota.holder: quota.whose for quota in report.quotas}.items())
    return quota_card(
        report.quotas, report.time_zone, reader=me.user_id, people=people if me.may_see_team_usage else None
    )


def set_quota(clicks: int | None, holder: str | None, what: str | None, cap: str | None) -> Any:
    if not clicks:
        return no_update
    chosen = parse_what(text_of(what))
    limit = parse_quota_cap(text_of(cap), chosen)
    if current().quotas.set_cap(actor(), parse_id(holder, NOBODY), chosen, limit):
        notify("There is no limit here any more." if limit is None else "The limit is set. It holds from now on.")
    else:
        notify("This limit stood so already.", "info")
    return show_quotas(None)


def register(app: Dash) -> None:
    app.callback(Output(ids.QUOTAS, "children"), Input(ids.QUOTAS, "id"))(show_quotas)
    app.callback(
        Output(ids.QUOTAS, "children", allow_duplicate=True),
        Input(ids.QUOTA_SAVE, "n_clicks"),
        State(ids.QUOTA_HOLDER, "value"),
        State(ids.QUOTA_WHAT, "value"),
        State(ids.QUOTA_CAP, "value"),
        prevent_initial_call=True,
    )(set_quota)
