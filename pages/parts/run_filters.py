"""The filters of the runs page: they stand in its address, and so does the page that is shown."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode
from uuid import UUID

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.run_panel import STATE_WORDS, runs_table
from pages.parts.shell import empty_state
from services.domain.runs import KIND_NAMES, RunProgress

NOTHING = "any"
NOT_ENDED = "open"
FILTERS = ("state", "kind", "person", "position")


def runs_address(query: Mapping[str, str], **changes: str) -> str:
    """The address of the runs with some of its parts changed; an empty one is left out."""
    wanted = {name: value for name, value in {**query, **changes}.items() if value}
    return f"/runs?{urlencode(wanted)}" if wanted else "/runs"


def filter_bar(
    query: Mapping[str, str],
    people: Sequence[tuple[UUID, str]],
    positions: Mapping[str, str],
    *,
    sees_team: bool,
) -> Component:
    """`people` and `positions` are what can be chosen; only who sees the team's runs chooses whose."""
    is_team = query.get("whose") == "team"
    whose = [
        dcc.Link(
            words,
            href=runs_address(query, whose=value, person="", before=""),
            className="segment" + (" segment-on" if is_team == (value == "team") else ""),
        )
        for words, value in (("Mine", ""), ("The team's", "team"))
    ]
    states = {NOT_ENDED: "Not ended", **{state.value: words for state, words in STATE_WORDS.items()}}
    kinds = {kind.value: words for kind, words in KIND_NAMES.items()}
    return html.Div(
        [
            html.Div(
                [html.Div("Whose", className="form-label"), html.Div(whose, className="segments")],
                className="filter",
                hidden=not sees_team,
            ),
            choice("State", ids.RUNS_STATE, states, query.get("state", "")),
            choice("Kind", ids.RUNS_KIND, kinds, query.get("kind", "")),
            choice(
                "Person",
                ids.RUNS_PERSON,
                {str(key): name for key, name in people},
                query.get("person", ""),
                hidden=not (sees_team and is_team),
            ),
            choice("Position", ids.RUNS_POSITION, positions, query.get("position", "")),
        ],
        className="filter-bar",
    )


def choice(label: str, field_id: str, options: Mapping[str, str], value: str, *, hidden: bool = False) -> Component:
    """The choices, with one more for what the address names and nobody can choose."""
    offered = options if not value or value in options else {**options, value: "Not available"}
    choices = [
        {"value": NOTHING, "label": "Any"},
        *({"value": key, "label": words} for key, words in offered.items()),
    ]
    field = dbc.Select(id=field_id, options=choices, value=value or NOTHING)
    return html.Div(
        [html.Label(label, htmlFor=field_id, className="form-label"), field], className="filter", hidden=hidden
    )


def runs_page(runs: Sequence[RunProgress], query: Mapping[str, str], time_zone: str, *, is_last: bool) -> Component:
    """One page of runs and the ways to the others; what is older stands behind the last one shown."""
    is_narrowed = any(query.get(name) for name in FILTERS)
    newest = dcc.Link("Newest", href=runs_address(query, before=""), className="btn btn-secondary btn-sm")
    if not runs and (is_narrowed or query.get("before")):
        return empty_state(
            "No run is like that.", dcc.Link("All runs", href=runs_address({}), className="btn btn-secondary")
        )
    older = (
        None
        if is_last
        else dcc.Link(
            "Older", href=runs_address(query, before=str(runs[-1].run_id)), className="btn btn-secondary btn-sm"
        )
    )
    ways = [newest if query.get("before") else None, older]
    pager = html.Nav(ways, className="pager", **{"aria-label": "Pages"}) if any(ways) else None
    return html.Div([runs_table(runs, time_zone), pager])
