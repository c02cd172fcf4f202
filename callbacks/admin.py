"""Admin: users, settings and history of the organization; services.admin checks the role each time."""

import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from dash import ALL, Dash, Input, Output, Patch, State, ctx, no_update, set_props
from dash.development.base_component import Component
from flask import request

from callbacks.notices import notify, on_error
from callbacks.parsing import parse_id
from callbacks.who import actor
from pages import ids
from pages.parts.admin import (
    admin_page,
    history_rows,
    link_to_hand_over,
    member_table,
    not_for_you,
    settings_form,
)
from services.admin import AUDIT_PAGE, NEWEST, NewLink, OrganizationSettings, parse_settings, time_zones
from services.domain.actors import Role
from services.errors import BadInput
from services.wiring import current


def show_page(_page: str | None) -> Component:
    if not actor().may_administer:
        return not_for_you()
    return admin_page(show_members(None), show_settings(), *page_of_history(NEWEST))


def show_members(_changed: int | None) -> Component:
    services, me = current(), actor()
    return member_table(services.admin.members(me), me, services.usage.time_zone(me))


def invite(
    _clicks: int | None, name: str | None, email: str | None, role: str | None, changed: int | None
) -> tuple[Component, int, str, str]:
    link = current().admin.invite(actor(), email or "", name or "", parse_role(role))
    return show_link(link, name or ""), (changed or 0) + 1, "", ""


def make_link(_clicks: Sequence[int | None], changed: int | None) -> tuple[Any, Any]:
    if not was_pressed():
        return no_update, no_update
    member_id = parse_user(ctx.triggered_id)
    link = current().admin.renew_link(actor(), member_id)
    return show_link(link, "its user"), (changed or 0) + 1


def set_role(_roles: Sequence[str | None], changed: int | None) -> Any:
    if not was_pressed():
        return no_update
    role = parse_role(ctx.triggered[0]["value"])
    # A row that was just drawn reports its role as if it had been chosen.
    if not current().admin.set_role(actor(), parse_user(ctx.triggered_id), role):
        return no_update
    notify("The role is changed.")
    return (changed or 0) + 1


def set_active(_clicks: Sequence[int | None], changed: int | None) -> Any:
    if not was_pressed():
        return no_update
    member_id = parse_user(ctx.triggered_id)
    if ctx.triggered_id["make"] == "active":
        current().admin.reactivate(actor(), member_id)
        notify("The account is active again. A password link lets its owner back in if the password is lost.")
    else:
        current().admin.deactivate(actor(), member_id)
        notify("The account is deactivated and signed out everywhere.")
    return (changed or 0) + 1


def show_settings() -> Component:
    settings = current().admin.settings(actor())
    cap = "" if settings.run_cap_usd is None else str(settings.run_cap_usd)
    return settings_form(settings.name, settings.time_zone, cap, settings.override_reasons, time_zones())


def save_settings(
    clicks: int | None,
    name: str | None,
    time_zone: str | None,
    cap: str | None,
    reasons: str | None,
    changed: int | None,
) -> Any:
    if not clicks:
        return no_update
    settings: OrganizationSettings = parse_settings(name or "", time_zone or "", str(cap or ""), reasons or "")
    current().admin.change_settings(actor(), settings)
    notify("The settings are saved.")
    return (changed or 0) + 1


def show_history(_changed: int | None) -> tuple[list[Component], int | None, bool]:
    return page_of_history(NEWEST)


def show_older(_clicks: int | None, oldest: int | None) -> tuple[Any, int | None, bool]:
    older, last, is_end = page_of_history(oldest or NEWEST)
    rows = Patch()
    rows.extend(older)
    return rows, last, is_end


def page_of_history(before: int) -> tuple[list[Component], int | None, bool]:
    """One page: its rows, the id to go on from, and whether it was the last."""
    services, me = current(), actor()
    events = services.admin.history(me, before)
    return (
        history_rows(events, services.usage.time_zone(me)),
        events[-1].id if events else None,
        len(events) < AUDIT_PAGE,
    )


def show_link(link: NewLink, name: str) -> Component:
    return link_to_hand_over(f"{request.host_url}{link.purpose}/{link.secret}", name, link.hours)


def draw_as_it_is(error: Exception) -> None:
    """Say what went wrong and draw the users anew: a choice that was refused must not stay on the screen."""
    on_error(error)
    set_props(ids.ADMIN_CHANGED, {"data": secrets.randbelow(2**31)})


def was_pressed() -> bool:
    """Buttons that were just drawn also trigger what listens to them; only a click has a value."""
    return bool(ctx.triggered_id) and ctx.triggered[0]["value"] is not None


def parse_user(triggered_id: Any) -> UUID:
    return parse_id(triggered_id["user"], "This user does not exist.")


def parse_role(text: Any) -> Role:
    if text not in set(Role):
        raise BadInput("Please choose a role from the list.", field="role")
    return Role(text)


def register(app: Dash) -> None:
    changed = Output(ids.ADMIN_CHANGED, "data", allow_duplicate=True)
    app.callback(Output(ids.ADMIN_PAGE, "children"), Input(ids.ADMIN_PAGE, "id"))(show_page)
    app.callback(Output(ids.ADMIN_MEMBERS, "children"), Input(ids.ADMIN_CHANGED, "data"), prevent_initial_call=True)(
        show_members
    )
    app.callback(
        Output(ids.ADMIN_LINK, "children", allow_duplicate=True),
        changed,
        Output(ids.ADMIN_INVITE_NAME, "value"),
        Output(ids.ADMIN_INVITE_EMAIL, "value"),
        Input(ids.ADMIN_INVITE, "n_clicks"),
        State(ids.ADMIN_INVITE_NAME, "value"),
        State(ids.ADMIN_INVITE_EMAIL, "value"),
        State(ids.ADMIN_INVITE_ROLE, "value"),
        State(ids.ADMIN_CHANGED, "data"),
        prevent_initial_call=True,
    )(invite)
    app.callback(
        Output(ids.ADMIN_LINK, "children", allow_duplicate=True),
        changed,
        Input({"type": "admin-password-link", "user": ALL}, "n_clicks"),
        State(ids.ADMIN_CHANGED, "data"),
        prevent_initial_call=True,
    )(make_link)
    app.callback(
        changed,
        Input({"type": "admin-role", "user": ALL}, "value"),
        State(ids.ADMIN_CHANGED, "data"),
        prevent_initial_call=True,
        on_error=draw_as_it_is,
    )(set_role)
    app.callback(
        changed,
        Input({"type": "admin-active", "user": ALL, "make": ALL}, "n_clicks"),
        State(ids.ADMIN_CHANGED, "data"),
        prevent_initial_call=True,
    )(set_active)
    app.callback(
        changed,
        Input(ids.ADMIN_SAVE_SETTINGS, "n_clicks"),
        State(ids.ADMIN_ORGANIZATION_NAME, "value"),
        State(ids.ADMIN_TIME_ZONE, "value"),
        State(ids.ADMIN_RUN_CAP, "value"),
        State(ids.ADMIN_OVERRIDE_REASONS, "value"),
        State(ids.ADMIN_CHANGED, "data"),
        prevent_initial_call=True,
    )(save_settings)
    history = (
        Output(ids.ADMIN_HISTORY, "children"),
        Output(ids.ADMIN_HISTORY_OLDEST, "data"),
        Output(ids.ADMIN_HISTORY_OLDER, "hidden"),
    )
    app.callback(*history, Input(ids.ADMIN_CHANGED, "data"), prevent_initial_call=True)(show_history)
    app.callback(
        *(Output(out.component_id, out.component_property, allow_duplicate=True) for out in history),
        Input(ids.ADMIN_HISTORY_OLDER, "n_clicks"),
        State(ids.ADMIN_HISTORY_OLDEST, "data"),
        prevent_initial_call=True,
    )(show_older)
