"""Quotas as people see them: what is left of each, and for managers and admins the form that sets one."""

from collections.abc import Sequence
from uuid import UUID

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import Content, card, labelled, stacked_table
from pages.parts.times import show_when, zone_note
from services.domain.quotas import BUDGET, PROVIDER_NAMES, QUOTAS, Quota, What, amount_of

ORGANIZATION = "The organization"


def quota_card(
    quotas: Sequence[Quota], time_zone: str, *, reader: UUID, people: Sequence[tuple[UUID, str]] | None
) -> Component:
    """The quotas that have a limit; with `people` (the organization first) the form that sets the quotas of each."""
    return card(
        "Quotas and budgets",
        [
            html.Div(quota_table(quotas, time_zone, reader), id=ids.QUOTA_TABLE),
            quota_form(people) if people is not None else None,
        ],
    )


def quota_table(quotas: Sequence[Quota], time_zone: str, reader: UUID) -> Component:
    capped = [quota for quota in quotas if quota.cap is not None]
    if not capped:
        return html.P("Nothing here has a limit.", className="text-secondary")
    columns = ("Whose", "Of what", "Limit", "Used", "Left", "Begins anew")
    rows = [quota_cells(quota, time_zone, reader) for quota in capped]
    return html.Div([stacked_table(columns, rows, kind="table-sm"), zone_note(time_zone)])


def quota_cells(quota: Quota, time_zone: str, reader: UUID) -> list[Content]:
    meter = quota.what.meter
    whose = "You" if quota.holder == reader else quota.whose or ORGANIZATION
    near = html.Span("Nearly used up", className="tag tag-unsure ms-2") if quota.is_near and quota.left else None
    spent = html.Span("Used up", className="tag tag-bad ms-2") if quota.cap and not quota.left else None
    return [
        html.Span(whose),
        what_words(quota.what),
        amount_of(meter, quota.cap) if quota.cap is not None else "none",
        amount_of(meter, quota.used),
        html.Span([amount_of(meter, quota.left) if quota.left is not None else "", near, spent]),
        show_when(quota.resets_at, time_zone),
    ]


def what_words(what: What) -> str:
    if what == BUDGET:
        return "Money a month"
    return f"{PROVIDER_NAMES[what.provider]} {what.meter.value} a day"


def quota_form(people: Sequence[tuple[UUID, str]]) -> Component:
    return html.Div(
        [
            labelled(
                "Whose",
                dbc.Select(
                    id=ids.QUOTA_HOLDER,
                    options=[{"value": str(holder), "label": name or ORGANIZATION} for holder, name in people],
                    value=str(people[0][0]),
                ),
            ),
            labelled(
                "Of what",
                dbc.Select(
                    id=ids.QUOTA_WHAT,
                    options=[{"value": f"{what.provider}:{what.meter}", "label": what_words(what)} for what in QUOTAS],
                    value=f"{BUDGET.provider}:{BUDGET.meter}",
                ),
            ),
            labelled(
                "Limit",
                # No decimal keyboard on a phone: it could not type the word.
                dbc.Input(id=ids.QUOTA_CAP, placeholder="a number, or none", maxlength=20, autocomplete="off"),
            ),
            html.Button("Set limit", id=ids.QUOTA_SAVE, type="button", className="btn btn-primary"),
        ],
        className="form-row",
    )
