"""Lists drawn: the table of all, and one list with what can be done to it."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import card, empty_state, labelled, page_header, pager, stacked_table
from pages.parts.team_now import team_place
from pages.parts.times import day_words
from services.domain.lists import LONGEST_NAME, ListSummary


def lists_address(shown: Mapping[str, str], **changes: str) -> str:
    """The address of the lists with some of its parts changed; an empty one is left out."""
    wanted = {name: value for name, value in {**shown, **changes}.items() if value}
    return f"/lists?{urlencode(wanted)}" if wanted else "/lists"


def lists_table(
    lists: Sequence[ListSummary], shown: Mapping[str, str], page: int, pages: int, time_zone: str
) -> Component:
    """One page of lists; `shown` is what the address asks for."""
    if not lists and shown.get("q"):
        return empty_state(
            "No list has a name like that.",
            dcc.Link("All lists", href=lists_address(shown, q="", page=""), className="btn btn-secondary"),
        )
    if not lists and shown.get("archived"):
        return empty_state("No list was archived.")
    if not lists:
        return empty_state(
            "There is no list yet. Import a file, choose candidates in the grid, or create an empty list above.",
            dcc.Link("Import a file", href="/imports", className="btn btn-primary"),
        )
    table = stacked_table(
        ("List", "Candidates", "Made by", "On"),
        [
            (
                dcc.Link(found.name, href=f"/lists/{found.id}"),
                dcc.Link(f"{found.members:,}", href=f"/candidates?list={found.id}"),
                found.created_by_name,
                html.Span(day_words(found.created_at, time_zone), className="text-nowrap"),
            )
            for found in lists
        ],
    )
    return html.Div(
        [
            table,
            pager(page, pages, lambda number: lists_address(shown, page=str(number))),
        ],
        className="block",
    )


def one_list(found: ListSummary, time_zone: str) -> Component:
    """Everything is there in both states, one half hidden: a callback needs all the controls that it listens to."""
    is_archived = found.archived_at is not None
    day = day_words(found.created_at, time_zone)
    restore = html.Button(
        "Restore", id=ids.LIST_RESTORE, className="btn btn-primary", type="button", hidden=not is_archived
    )
    return html.Div(
        [
            page_header(
                found.name,
                f"{people(found.members)}. Made by {found.created_by_name} on {day}.",
                [restore] if is_archived else [*actions(found), restore],
            ),
            team_place("list"),
            html.Div(
                "This list is archived. Its members are kept.",
                className="callout",
                role="status",
                hidden=not is_archived,
            ),
            html.Div(
                [rename_form(found), archive_form()], className="" if is_archived else "blocks", hidden=is_archived
            ),
        ]
    )


def missing_list(words: str) -> Component:
    return html.Div(
        [page_header("List"), empty_state(words, dcc.Link("All lists", href="/lists", className="btn btn-primary"))]
    )


def people(count: int) -> str:
    return "1 candidate" if count == 1 else f"{count:,} candidates"


def actions(found: ListSummary) -> list[Component]:
    return [
        html.A("Export CSV", href=f"/exports/candidates.csv?list={found.id}", className="btn btn-quiet"),
        dcc.Link("Screen", href=f"/screening?list={found.id}", className="btn btn-secondary"),
        dcc.Link("See candidates", href=f"/candidates?list={found.id}", className="btn btn-primary"),
    ]


def rename_form(found: ListSummary) -> Component:
    return card(
        "Name",
        html.Div(
            [
                labelled(
                    "Name of this list or of its copy",
                    dbc.Input(id=ids.LIST_NAME, value=found.name, maxLength=LONGEST_NAME),
                ),
                html.Button("Rename", id=ids.LIST_RENAME, className="btn btn-secondary", type="button"),
                html.Button("Copy under this name", id=ids.LIST_COPY, className="btn btn-secondary", type="button"),
            ],
            className="form-row",
        ),
    )


def archive_form() -> Component:
    return card(
        "Archive",
        [
            html.P("An archived list keeps its members, frees its name, and can be restored."),
            html.Button("Archive", id=ids.LIST_ARCHIVE, className="btn btn-outline-secondary", type="button"),
        ],
    )
