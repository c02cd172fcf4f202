"""The pieces of the admin page: invitation, users, settings, history."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import card, empty_state, labelled, labelled_cell, page_header
from pages.parts.times import show_when, zone_note
from services.domain.actors import Actor, Role

ROLES = [{"label": role.capitalize(), "value": role.value} for role in Role]
DEEDS = {
    "signed_in": "signed in",
    "signed_out_everywhere": "signed out everywhere",
    "password_changed": "changed the password",
    "password_set": "set the password by a one-time link",
    "share_set": "set the share of",
    "password_link_made": "made a password link for",
    "invited": "invited",
    "user_added": "was added on the command line",
    "role_changed": "changed the role of",
    "deactivated": "deactivated",
    "reactivated": "reactivated",
    "settings_changed": "changed the organization's settings",
    "quota_set": "set a quota of",
    "budget_set": "set the budget of",
}


class MemberView(Protocol):
    """What the table of users shows of one."""

    @property
    def id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def is_invited(self) -> bool: ...
    @property
    def last_seen_at(self) -> datetime | None: ...


class EventView(Protocol):
    """What the history shows of one deed."""

    @property
    def at(self) -> datetime: ...
    @property
    def action(self) -> str: ...
    @property
    def detail(self) -> Mapping[str, Any]: ...
    @property
    def who(self) -> str: ...
    @property
    def whom(self) -> str: ...


def admin_page(
    members: Component, settings: Component, history: Sequence[Component], oldest: int | None, is_end: bool
) -> Component:
    """The whole page at once: parts that came one by one would push each other about."""
    return html.Div(
        [
            dcc.Store(id=ids.ADMIN_CHANGED),
            dcc.Store(id=ids.ADMIN_HISTORY_OLDEST, data=oldest),
            page_header("Admin", "Who works here, what the organization chose, and what was done."),
            card(
                "Users",
                [
                    invite_form(),
                    html.Div(id=ids.ADMIN_LINK),
                    html.Div(members, id=ids.ADMIN_MEMBERS, className="table-wrap mt-3"),
                ],
            ),
            card("Organization", settings),
            card(
                "Quotas and budget",
                html.P(
                    [
                        "What each user and the organization may use in a day and spend in a month is set under ",
                        dcc.Link("Usage", href="/usage"),
                        ", by managers too.",
                    ],
                    className="mb-0",
                ),
            ),
            card(
                "What was done",
                [
                    html.Div(
                        dbc.Table(
                            [
                                html.Thead(html.Tr([html.Th(word) for word in ("When", "Who", "What")])),
                                html.Tbody(list(history), id=ids.ADMIN_HISTORY),
                            ],
                            size="sm",
                            className="table-stacked",
                        ),
                        className="table-wrap",
                    ),
                    html.Button(
                        "Older",
                        id=ids.ADMIN_HISTORY_OLDER,
                        className="btn btn-outline-secondary btn-sm",
                        type="button",
                        hidden=is_end,
                    ),
                ],
            ),
        ]
    )


def not_for_you() -> Component:
    return empty_state("Only admins of the organization work here.", dcc.Link("Go to Home", href="/"))


def invite_form() -> Component:
    return html.Div(
        [
            labelled("Name", dbc.Input(id=ids.ADMIN_INVITE_NAME, maxlength=120, autocomplete="off")),
            labelled("E-mail", dbc.Input(id=ids.ADMIN_INVITE_EMAIL, type="email", maxlength=254, autocomplete="off")),
            labelled("Role", dbc.Select(id=ids.ADMIN_INVITE_ROLE, options=ROLES, value=Role.RECRUITER.value)),
            html.Button("Invite", id=ids.ADMIN_INVITE, type="button", className="btn btn-primary"),
        ],
        className="form-row",
    )


def link_to_hand_over(url: str, name: str, hours: int) -> Component:
    """A one-time link: shown once, copied by a button, kept nowhere."""
    until = f"{hours // 24} days" if hours > 24 else f"{hours} hours"
    return html.Div(
        [
            html.P(
                f"Hand this link to {name}. It works once, for {until}, and is not shown again.",
                className="mb-2",
            ),
            dbc.InputGroup(
                [
                    dbc.Input(id="admin-link-text", value=url, readonly=True),
                    html.Button(
                        "Copy",
                        type="button",
                        className="btn btn-outline-secondary",
                        **{"data-copies": "admin-link-text"},
                    ),
                ]
            ),
        ],
        className="link-to-hand-over",
    )


def member_table(members: Sequence[MemberView], actor: Actor, time_zone: str) -> Component:
    head = html.Thead(html.Tr([html.Th(word) for word in ("Name", "E-mail", "Role", "Last seen", "")]))
    rows = [member_row(member, actor, time_zone) for member in members]
    table = dbc.Table([head, html.Tbody(rows)], size="sm", hover=True, className="table-stacked")
    return html.Div([table, zone_note(time_zone)])


def member_row(member: MemberView, actor: Actor, time_zone: str) -> Component:
    user_id = str(member.id)
    state = None
    if not member.is_active:
        state = html.Span("Deactivated", className="tag tag-bad ms-2")
    elif member.is_invited:
        state = html.Span("Invited", className="tag tag-unsure ms-2")
    elif member.id == actor.user_id:
        state = html.Span("You", className="tag ms-2")
    role = dbc.Select(
        id=ids.admin_role(user_id), options=ROLES, value=member.role, size="sm", disabled=not member.is_active
    )
    named_role = html.Label(
        [html.Span(f"Role of {member.name}", className="visually-hidden"), role], className="d-block"
    )
    seen = show_when(member.last_seen_at, time_zone) or "Never"
    return html.Tr(
        [
            labelled_cell("Name", html.Span([member.name, state])),
            labelled_cell("E-mail", member.email),
            labelled_cell("Role", named_role, style={"minWidth": "8rem"}),
            labelled_cell("Last seen", seen, className="text-nowrap"),
            labelled_cell("", html.Span(member_actions(member, user_id)), className="text-end text-nowrap"),
        ]
    )


def member_actions(member: MemberView, user_id: str) -> Sequence[Component]:
    quiet = "btn btn-outline-secondary btn-sm ms-1"
    if not member.is_active:
        return [html.Button("Reactivate", id=ids.admin_active(user_id, "active"), type="button", className=quiet)]
    return [
        html.Button("Password link", id=ids.admin_password_link(user_id), type="button", className=quiet),
        html.Button("Deactivate", id=ids.admin_active(user_id, "inactive"), type="button", className=quiet),
    ]


def settings_form(
    name: str, time_zone: str, run_cap_usd: str, override_reasons: Sequence[str], time_zones: Sequence[str]
) -> Component:
    return html.Div(
        [
            html.Div(
                [
                    labelled("Name", dbc.Input(id=ids.ADMIN_ORGANIZATION_NAME, value=name, maxlength=120)),
                    labelled(
                        "Time zone",
                        dbc.Select(
                            id=ids.ADMIN_TIME_ZONE,
                            options=[{"label": zone, "value": zone} for zone in time_zones],
                            value=time_zone,
                        ),
                        "Dates and times of the organization are shown in it.",
                    ),
                    labelled(
                        "Cap of a run, in USD",
                        dbc.Input(id=ids.ADMIN_RUN_CAP, value=run_cap_usd, inputmode="decimal"),
                        "Suggested when a run starts; empty for none.",
                    ),
                ],
                className="settings-fields",
            ),
            labelled(
                "Reasons for overriding a verdict",
                dbc.Textarea(id=ids.ADMIN_OVERRIDE_REASONS, value="\n".join(override_reasons), rows=5),
                "One a line, at most 9: on a verdict the keys 1 to 9 choose them.",
            ),
            html.Button("Save", id=ids.ADMIN_SAVE_SETTINGS, type="button", className="btn btn-primary"),
        ]
    )


def history_rows(events: Sequence[EventView], time_zone: str) -> list[Component]:
    return [
        html.Tr(
            [
                labelled_cell("When", show_when(event.at, time_zone), className="text-nowrap"),
                labelled_cell("Who", event.who or "Command line"),
                labelled_cell("What", show_deed(event)),
            ]
        )
        for event in events
    ]


def show_deed(event: EventView) -> str:
    """One deed in words; a kind this page does not know is shown by its own name."""
    deed = DEEDS.get(event.action, event.action.replace("_", " "))
    whom = f" {event.whom}" if event.whom and event.whom != event.who else ""
    if event.action == "role_changed":
        return f"{deed}{whom} from {event.detail.get('from')} to {event.detail.get('to')}"
    if event.action == "invited":
        return f"{deed}{whom} as {event.detail.get('role')}"
    if event.action in ("quota_set", "budget_set"):
        return f"{deed} {event.whom or 'the organization'}: {cap_words(event.detail)}"
    if event.action == "settings_changed":
        return f"{deed}: {', '.join(event.detail.get('changed', [])).replace('_', ' ') or 'nothing'}"
    return f"{deed}{whom}"


def cap_words(detail: Mapping[str, Any]) -> str:
    """What a quota was set to: '500 candidates with crustdata', 'no limit of usd'."""
    cap = "no limit of" if detail.get("cap") is None else detail["cap"]
    provider = f" with {detail['provider']}" if detail.get("provider") else ""
    return f"{cap} {detail.get('meter')}{provider}"
