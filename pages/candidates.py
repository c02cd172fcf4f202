"""Candidates: everybody in the organization's database, searched, sorted, chosen, one of them open beside."""

import dash
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.candidate_table import ANY, ENRICHMENT_WORDS, FRESHNESS_WORDS, candidate_grid
from pages.parts.shell import page_header
from pages.parts.team_now import team_place
from services.domain.candidate_view import ENRICHMENTS, FRESHNESSES, LONGEST_QUERY, LONGEST_WORDS, read_view

dash.register_page(__name__, path="/candidates", title="Candidates", order=1)

TYPING_PAUSE_SECONDS = 0.35


def layout(sort: str = "", **_query: str) -> Component:
    # Only the order is needed to draw the empty grid; callbacks read the rest of the address.
    view = read_view(f"sort={sort}").view
    return html.Div(
        [
            page_header(
                "Candidates",
                actions=[
                    html.A(
                        "Export",
                        id=ids.CANDIDATES_EXPORT,
                        href="/exports/candidates.csv?view=",
                        className="btn btn-quiet",
                    ),
                    html.Button("Refresh", id=ids.CANDIDATES_REFRESH, className="btn btn-quiet", type="button"),
                    dcc.Link("Import people", href="/imports", className="btn btn-primary"),
                ],
            ),
            dcc.Store(id=ids.CANDIDATES_VIEW),
            dcc.Store(id=ids.CANDIDATES_CAME_BACK),
            dcc.Store(id=ids.CANDIDATES_CHOSEN),
            dcc.Store(id=ids.CANDIDATES_COUNT),
            dcc.Store(id=ids.CANDIDATES_PERSON),
            search_box(),
            filters(),
            html.Div(
                [
                    html.Span("", id=ids.CANDIDATES_COUNT_LINE, className="count-line", role="status"),
                    html.Button(
                        "Choose all that match", id=ids.CANDIDATES_CHOOSE_ALL, className="btn btn-quiet", type="button"
                    ),
                    html.Div(id=ids.CANDIDATES_CHIPS, className="chips"),
                    team_place("candidates"),
                ],
                className="table-head",
            ),
            bulk_bar(),
            html.Div([candidate_grid(view), html.Div(id=ids.CANDIDATES_EMPTY, hidden=True)], className="table-place"),
            panel(),
        ],
        className="candidates",
    )


def search_box() -> Component:
    return html.Div(
        [
            html.Label("Search the whole profile", htmlFor=ids.CANDIDATES_TEXT, className="visually-hidden"),
            dbc.Input(
                id=ids.CANDIDATES_TEXT,
                type="search",
                className="search-box",
                placeholder='Search whole profiles: python AND (django OR flask) -junior "team lead" engin*',
                debounce=TYPING_PAUSE_SECONDS,
                maxlength=LONGEST_QUERY + 1,
                autocomplete="off",
            ),
            html.Div(id=ids.CANDIDATES_TEXT_PROBLEM, className="text-problem", role="alert"),
        ],
        className="search-line",
    )


def filters() -> Component:
    return html.Details(
        [
            html.Summary("Filters", className="btn btn-quiet"),
            html.Div(
                [
                    text_filter("Name", ids.CANDIDATES_NAME, "begins a word"),
                    text_filter("Title", ids.CANDIDATES_TITLE, "begins a word"),
                    text_filter("Company", ids.CANDIDATES_COMPANY, "begins a word"),
                    text_filter("Location", ids.CANDIDATES_LOCATION, "begins a word"),
                    choice_filter("E-mail", ids.CANDIDATES_HAS_EMAIL, {"yes": "Known", "no": "Not known"}),
                    choice_filter(
                        "Profile", ids.CANDIDATES_ENRICHMENT, {name: ENRICHMENT_WORDS[name] for name in ENRICHMENTS}
                    ),
                    choice_filter(
                        "Freshness", ids.CANDIDATES_FRESHNESS, {name: FRESHNESS_WORDS[name] for name in FRESHNESSES}
                    ),
                    choice_filter("Source", ids.CANDIDATES_SOURCE, {}),
                    choice_filter("List", ids.CANDIDATES_LIST, {}),
                    range_filter(
                        "Experience, years",
                        number_input(ids.CANDIDATES_YEARS_FROM, "from"),
                        number_input(ids.CANDIDATES_YEARS_UNTIL, "to"),
                    ),
                    range_filter(
                        "Added from, until",
                        day_input(ids.CANDIDATES_ADDED_FROM, "2026-01-01"),
                        day_input(ids.CANDIDATES_ADDED_UNTIL, "2026-12-31"),
                    ),
                    html.Button("Clear all", id=ids.CANDIDATES_CLEAR, className="btn btn-quiet", type="button"),
                ],
                className="filter-fields",
            ),
        ],
        id=ids.CANDIDATES_FILTERS,
        className="filters",
    )


def labelled(label: str, field_id: str, field: Component) -> Component:
    return html.Div([html.Label(label, htmlFor=field_id), field], className="filter-field")


def text_filter(label: str, field_id: str, placeholder: str) -> Component:
    field = dbc.Input(
        id=field_id,
        type="text",
        placeholder=placeholder,
        debounce=TYPING_PAUSE_SECONDS,
        maxlength=LONGEST_WORDS,
        autocomplete="off",
    )
    return labelled(label, field_id, field)


def choice_filter(label: str, field_id: str, words: dict[str, str]) -> Component:
    options = [{"label": "Any", "value": ANY}, *({"label": label, "value": value} for value, label in words.items())]
    return labelled(label, field_id, dbc.Select(id=field_id, options=options, value=ANY))


def range_filter(label: str, lowest: Component, highest: Component) -> Component:
    return html.Fieldset(
        [html.Legend(label), html.Div([lowest, highest], className="filter-range")], className="filter-field"
    )


def number_input(field_id: str, label: str) -> Component:
    return dbc.Input(
        id=field_id,
        type="number",
        min=0,
        max=99,
        step=1,
        placeholder=label,
        debounce=TYPING_PAUSE_SECONDS,
    )


def day_input(field_id: str, example: str) -> Component:
    return dbc.Input(
        id=field_id,
        type="text",
        placeholder=example,
        maxlength=10,
        debounce=True,
        autocomplete="off",
    )


def bulk_bar() -> Component:
    return html.Div(
        [
            html.Span(id=ids.CANDIDATES_BULK_WORDS, role="status"),
            html.Label("List", htmlFor=ids.CANDIDATES_LIST_NAME, className="visually-hidden"),
            dbc.Input(
                id=ids.CANDIDATES_LIST_NAME,
                type="text",
                placeholder="A list, or a new name",
                list=ids.CANDIDATES_LIST_NAMES,
                maxlength=120,
                autocomplete="off",
            ),
            html.Datalist(id=ids.CANDIDATES_LIST_NAMES),
            html.Button("Add to list", id=ids.CANDIDATES_ADD, className="btn btn-primary", type="button"),
            html.Button(
                "Add and screen…", id=ids.CANDIDATES_ADD_AND_SCREEN, className="btn btn-secondary", type="button"
            ),
            html.Button("Choose nobody", id=ids.CANDIDATES_CHOOSE_NONE, className="btn btn-quiet", type="button"),
        ],
        id=ids.CANDIDATES_BULK,
        className="bulk-bar",
        hidden=True,
    )


def panel() -> Component:
    return html.Aside(
        [
            html.Button(
                "×",
                id=ids.CANDIDATES_PANEL_CLOSE,
                className="btn btn-quiet panel-close",
                type="button",
                title="Close (Esc)",
                **{"aria-label": "Close"},
            ),
            html.Div(id=ids.CANDIDATES_PANEL_BODY, className="panel-body"),
        ],
        id=ids.CANDIDATES_PANEL,
        className="panel",
        hidden=True,
        tabIndex="-1",
        **{"aria-label": "Person"},
    )
