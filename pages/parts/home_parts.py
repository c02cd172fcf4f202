"""The pieces of Home: three steps for who starts, and what lies on the desk of who works."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.run_panel import runs_table
from pages.parts.shell import card, empty_state
from pages.parts.turns import outage_notice
from services.domain.lists import ListSummary
from services.domain.runs import RunProgress
from services.domain.turns import Outage


@dataclass(frozen=True)
class Step:
    """One of the three things that lead to a first verdict."""

    title: str
    words: str
    action: str
    path: str
    is_done: bool


@dataclass(frozen=True)
class PositionLine:
    """A position as Home lists it."""

    id: UUID
    title: str
    is_approved: bool


def home(
    name: str,
    lists: Sequence[ListSummary],
    positions: Sequence[PositionLine],
    runs: Sequence[RunProgress],
    time_zone: str,
    outages: Sequence[Outage],
    alerts: Sequence[str],
) -> Component:
    steps = steps_to_go(bool(lists), any(position.is_approved for position in positions), bool(runs))
    is_starting = not all(step.is_done for step in steps)
    return html.Div(
        [
            outage_notice(outages, time_zone),
            alerts_of(alerts) if alerts else None,
            next_steps(name, steps) if is_starting else None,
            card(
                "Your latest runs", runs_table(runs, time_zone) if runs else empty_state("You have started no run yet.")
            ),
            card("The team now", html.Div(id=ids.team_now("home"), className="team-card")),
            html.Div([card("Lists", lists_of(lists)), card("Positions", positions_of(positions))], className="blocks"),
        ]
    )


def alerts_of(alerts: Sequence[str]) -> Component:
    """What is used up or nearly so, first of all: work may come to rest because of it."""
    return html.Section(
        [html.H2("Quotas", className="card-title"), *(html.P(words, className="text-unsure mb-1") for words in alerts)],
        className="block",
        role="status",
    )


def steps_to_go(has_lists: bool, has_approved_position: bool, has_runs: bool) -> list[Step]:
    return [
        Step("Bring in candidates", "A CSV file becomes a named list.", "Import a file", "/imports", has_lists),
        Step(
            "Say whom you look for",
            "A brief becomes numbered criteria, which you approve.",
            "Write a position",
            "/positions",
            has_approved_position,
        ),
        Step("Screen the list", "The price is shown before anything starts.", "Screen", "/screening", has_runs),
    ]


def next_steps(name: str, steps: Sequence[Step]) -> Component:
    first = next((step for step in steps if not step.is_done), None)
    return html.Section(
        [
            html.H2(f"Welcome, {name}.", className="card-title"),
            html.Ol([step_card(step, is_next=step is first) for step in steps], className="steps"),
        ],
        className="block",
    )


def step_card(step: Step, is_next: bool) -> Component:
    state = html.Span("Done", className="tag tag-good") if step.is_done else None
    look = "btn btn-primary btn-sm" if is_next else "btn btn-outline-secondary btn-sm"
    return html.Li(
        [
            html.Div([html.Strong(step.title), state], className="d-flex gap-2 align-items-center"),
            html.P(step.words, className="text-secondary mb-2"),
            dcc.Link(step.action, href=step.path, className=look),
        ]
    )


def lists_of(lists: Sequence[ListSummary]) -> Component:
    if not lists:
        return empty_state("No list yet.", dcc.Link("Import a file", href="/imports"))
    return dbc.Table(
        html.Tbody(
            [
                html.Tr(
                    [
                        html.Td(dcc.Link(one.name, href=f"/lists/{one.id}")),
                        html.Td(f"{one.members:,}", className="text-end"),
                    ]
                )
                for one in lists
            ]
        ),
        size="sm",
        class_name="mb-0",
    )


def positions_of(positions: Sequence[PositionLine]) -> Component:
    if not positions:
        return empty_state("No position yet.", dcc.Link("Write one", href="/positions"))
    return dbc.Table(
        html.Tbody(
            [
                html.Tr(
                    [
                        html.Td(dcc.Link(one.title, href=f"/positions/{one.id}")),
                        html.Td(
                            html.Span("Approved", className="tag tag-good")
                            if one.is_approved
                            else html.Span("Needs approval", className="tag tag-unsure"),
                            className="text-end",
                        ),
                    ]
                )
                for one in positions
            ]
        ),
        size="sm",
        class_name="mb-0",
    )
