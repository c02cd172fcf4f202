"""Positions as people see them: the table, the head of one position, its criteria and its versions."""

from collections.abc import Sequence
from uuid import UUID

from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import empty_state, stacked_table
from pages.parts.times import day_words
from services.domain.constraints import Constraint
from services.domain.criteria import Criterion, Kind
from services.domain.positions import PositionRow, VersionRow, VersionSummary

BOX_TITLES = {Kind.MUST: "Must-haves", Kind.EXCLUDE: "Exclusions", Kind.NICE: "Nice-to-haves"}


def status_chip(version: PositionRow | VersionRow | VersionSummary) -> Component:
    if version.frozen_at:
        return html.Span("In use", className="chip chip-good", title="Frozen: an edit makes a new version")
    if version.approved_at:
        return html.Span("Approved", className="chip chip-info", title="Ready to screen with")
    return html.Span("Draft", className="chip", title="Approve its criteria before screening")


def positions_table(rows: Sequence[PositionRow], is_archive: bool, time_zone: str) -> Component:
    if not rows:
        return empty_state(
            "Nothing is archived."
            if is_archive
            else "No position yet. Write what you hire for; its lines become the criteria people are screened against.",
            None if is_archive else dcc.Link("New position", href="/positions/new", className="btn btn-primary"),
        )
    return stacked_table(
        ("Position", "Status", "Version", "Criteria", "Last run", "By"),
        [
            (
                dcc.Link(row.title, href=f"/positions/{row.id}"),
                status_chip(row),
                str(row.number),
                str(row.criteria),
                day_words(row.last_run_at, time_zone) if row.last_run_at else "–",
                row.created_by_name,
            )
            for row in rows
        ],
        kind="table-hover",
    )


def position_head(title: str, position_id: UUID | None, version: VersionRow | None, is_latest: bool) -> list[Component]:
    if version is None or position_id is None:
        status: list[Component | str] = ["Write the brief; approve the criteria before you screen."]
        actions = archive_buttons(shown="")
    else:
        is_archived = version.archived_at is not None
        status = [status_chip(version), f" Version {version.number}{', archived' if is_archived else ''}"]
        if not is_latest:
            status += [" · ", dcc.Link("Go to the latest version", href=f"/positions/{position_id}")]
        actions = archive_buttons(shown=ids.POSITION_RESTORE if is_archived else ids.POSITION_ARCHIVE)
        if version.approved_at and not is_archived:
            actions.append(
                dcc.Link("Screen people", href=f"/screening?position={position_id}", className="btn btn-primary")
            )
    return [
        html.Div([html.H1(title or "New position"), html.P(status, className="lead-line")]),
        html.Div(actions, className="page-actions"),
    ]


def archive_buttons(shown: str) -> list[Component]:
    """Both are on every form, so that their callbacks always have their inputs; at most one can be seen."""
    words = {ids.POSITION_ARCHIVE: "Archive", ids.POSITION_RESTORE: "Restore"}
    return [
        html.Button(label, id=button, className="btn btn-quiet", type="button", hidden=button != shown)
        for button, label in words.items()
    ]


def missing_position(words: str) -> list[Component]:
    way_out = dcc.Link("All positions", href="/positions", className="btn btn-primary")
    return [
        html.Div([html.H1("No such position"), html.P(words, className="lead-line")]),
        html.Div([*archive_buttons(shown=""), way_out], className="page-actions"),
    ]


def criteria_list(criteria: Sequence[Criterion], constraints: Sequence[Constraint]) -> Component:
    limits: dict[str, list[str]] = {}
    for constraint in constraints:
        limits.setdefault(constraint.criterion_id, []).append(constraint.sentence)
    blocks: list[Component] = []
    for kind, title in BOX_TITLES.items():
        members = [criterion for criterion in criteria if criterion.kind is kind]
        if members:
            blocks.append(html.H3(f"{title} ({len(members)})", className="h6 mt-2"))
            blocks.append(html.Ol([criterion_item(c, limits.get(c.id, [])) for c in members], className="criteria"))
    return html.Div(blocks)


def criterion_item(criterion: Criterion, limits: Sequence[str]) -> Component:
    return html.Li(
        [
            html.Span(criterion.text, dir="auto"),
            *(html.Div(f"Computed from the dates: {limit}", className="criterion-note") for limit in limits),
            html.Div(criterion.note, className="criterion-note") if criterion.note else None,
        ]
    )


def criteria_problem(message: str) -> Component:
    return html.Div(message, className="problem", role="status")


def criteria_hint() -> Component:
    return html.P("Each line of the boxes becomes a criterion and shows up here.", className="text-secondary")


def versions_list(position_id: UUID, history: Sequence[VersionSummary], shown: UUID, time_zone: str) -> Component:
    return html.Ul(
        [
            html.Li(
                [
                    html.Strong(f"Version {version.number}")
                    if version.id == shown
                    else dcc.Link(f"Version {version.number}", href=f"/positions/{position_id}?version={version.id}"),
                    " ",
                    status_chip(version),
                    html.Span(
                        f" {version.edited_by_name}, {day_words(version.created_at, time_zone)}",
                        className="text-secondary",
                    ),
                ]
            )
            for version in history
        ],
        className="plain-list",
    )
