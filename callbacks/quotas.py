"""Quotas: shows one's own, or for managers and admins everybody's, and sets one; services.quotas checks the role."""

from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.development.base_component import Component

from callbacks.notices import notify
from callbacks.parsing import parse_id, text_of
from callbacks.who import actor
from pages import ids
from pages.parts.quota_parts import ORGANIZATION, quota_card, quota_table, what_words
from services.domain.quotas import amount_of
from services.quotas import NOBODY, parse_quota_cap, parse_what
from services.wiring import current

FORMER = "A former user"


def show_quotas(_page: str | None) -> Component:
    quotas, me = current().quotas, actor()
    report = quotas.all(me) if me.may_see_team_usage else quotas.mine(me)
    people = list({quota.holder: quota.whose for quota in report.quotas}.items())
    return quota_card(
        report.quotas, report.time_zone, reader=me.user_id, people=people if me.may_see_team_usage else None
    )


def set_quota(clicks: int | None, holder: str | None, what: str | None, cap: str | None) -> Any:
    """Set one limit, say of whom and of what, and show all anew; the form stays as it was filled in."""
    if not clicks:
        return no_update
    quotas, me, whose = current().quotas, actor(), parse_id(holder, NOBODY)
    chosen = parse_what(text_of(what))
    limit = parse_quota_cap(text_of(cap), chosen)
    is_new = quotas.set_cap(me, whose, chosen, limit)
    report = quotas.all(me)
    name = next((quota.whose or ORGANIZATION for quota in report.quotas if quota.holder == whose), FORMER)
    now = "no limit" if limit is None else f"at most {amount_of(chosen.meter, limit)}"
    if is_new:
        notify(f"{name}, {what_words(chosen)}: {now} from now on.")
    else:
        notify(f"{name}, {what_words(chosen)}: {now}, as before.", "info")
    return quota_table(report.quotas, report.time_zone, me.user_id)


def register(app: Dash) -> None:
    app.callback(Output(ids.QUOTAS, "children"), Input(ids.QUOTAS, "id"))(show_quotas)
    app.callback(
        Output(ids.QUOTA_TABLE, "children"),
        Input(ids.QUOTA_SAVE, "n_clicks"),
        State(ids.QUOTA_HOLDER, "value"),
        State(ids.QUOTA_WHAT, "value"),
        State(ids.QUOTA_CAP, "value"),
        prevent_initial_call=True,
    )(set_quota)
