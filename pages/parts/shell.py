"""The shell: what is around every page, and the pieces pages share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html, page_container
from dash.development.base_component import Component

from pages import ids
from services.domain.actors import Actor

# What a component shows: words, another component, or several of either.
Content = str | Component | Sequence[str | Component]

# The key goes to the page after pressing "g".
PLACES = (
    ("Home", "/", "h"),
    ("Candidates", "/candidates", "c"),
    ("Lists", "/lists", "l"),
    ("Imports", "/imports", "i"),
    ("Positions", "/positions", "p"),
    ("Screening", "/screening", "s"),
    ("Runs", "/runs", "r"),
    ("Usage", "/usage", "u"),
)
ADMIN_PLACE = ("Admin", "/admin", "a")
PROVIDER_NAMES = {
    "openai": "OpenAI",
    "crustdata": "Crustdata",
    "salesql": "SalesQL",
    "phantombuster": "PhantomBuster",
    "sheets": "Google Sheets",
}
SHORTCUTS = (
    ("?", "This help"),
    ("g then h, c, l, i, p, s, r, u, a", "Go to Home, Candidates, Lists, Imports, Positions, Screening, Runs, …"),
    ("/", "Go to the search box of the page"),
    ("Esc", "Close what is open"),
)


def shell(actor: Actor | None, org_name: str, provider_modes: Mapping[str, str], csrf_token: str) -> Component:
    """The whole page; without an actor, the frame alone (Dash looks at it once, before anybody asks)."""
    return html.Div(
        [
            html.A("Skip to content", href=f"#{ids.MAIN}", className="skip-link"),
            dcc.Store(id=ids.NOTICE),
            # The drive to start in the background, and its end; on every page, because runs start on several.
            dcc.Store(id=ids.RUNS_DRIVE),
            dcc.Store(id=ids.RUNS_DRIVEN),
            dcc.Store(id=ids.THEME),
            top_bar(actor, org_name, csrf_token) if actor else None,
            provider_banner(provider_modes) if actor else None,
            html.Main(page_container, id=ids.MAIN, tabIndex="-1", className="page"),
            html.Div(id=ids.NOTICES, className="notices", role="status", **{"aria-live": "polite"}),
            shortcuts_dialog(),
        ],
        className="shell",
    )


def top_bar(actor: Actor, org_name: str, csrf_token: str) -> Component:
    places = [*PLACES, ADMIN_PLACE] if actor.may_administer else PLACES
    links = [
        dbc.NavItem(dbc.NavLink(place_name(name, key), href=path, active="exact" if path == "/" else "partial"))
        for name, path, key in places
    ]
    return html.Header(
        dbc.Navbar(
            [
                dcc.Link("SourcingX", href="/", className="navbar-brand"),
                html.Button(
                    html.Span(className="navbar-toggler-icon"),
                    id=ids.MENU_TOGGLE,
                    className="navbar-toggler",
                    type="button",
                    **{"aria-label": "Menu", "aria-controls": ids.MENU},
                ),
                dbc.Collapse(
                    [
                        html.Nav(dbc.Nav(links, navbar=True), **{"aria-label": "Pages"}),
                        person_menu(actor, org_name, csrf_token),
                    ],
                    id=ids.MENU,
                    navbar=True,
                ),
            ],
            expand="lg",
            className="top-bar",
            color=None,
            dark=False,
        )
    )


def place_name(name: str, key: str) -> Component:
    """The word in the bar, which also answers to its key (assets/shell.js)."""
    return html.Span(name, **{"data-key": key})


def person_menu(actor: Actor, org_name: str, csrf_token: str) -> Component:
    return html.Div(
        [
            html.Button(
                "◐",
                id=ids.THEME_TOGGLE,
                className="btn btn-quiet",
                type="button",
                title="Light or dark",
                **{"aria-label": "Switch between light and dark"},
            ),
            html.Button(
                "?",
                className="btn btn-quiet",
                type="button",
                title="Keyboard shortcuts",
                **{"aria-label": "Keyboard shortcuts", "data-opens": ids.SHORTCUTS},
            ),
            html.Details(
                [
                    html.Summary(actor.name or actor.email, className="btn btn-quiet"),
                    html.Div(
                        [
                            html.Div(org_name, className="menu-fact"),
                            html.Div(f"{actor.email} · {actor.role}", className="menu-fact text-secondary"),
                            dcc.Link("Account", href="/account", className="menu-item"),
                            status_link() if actor.may_see_status else None,
                            sign_out_form(csrf_token),
                        ],
                        className="menu",
                    ),
                ],
                className="person-menu",
            ),
        ],
        className="person",
    )


def status_link() -> Component:
    return dcc.Link("Status of the service", href="/status", className="menu-item")


def sign_out_form(csrf_token: str) -> Component:
    return html.Form(
        [csrf_field(csrf_token), html.Button("Sign out", type="submit", className="menu-item")],
        action="/logout",
        method="post",
    )


def csrf_field(csrf_token: str) -> Component:
    """What a plain form needs for the server to believe that it is ours."""
    return dbc.Input(type="hidden", name="csrf_token", value=csrf_token)


def provider_banner(provider_modes: Mapping[str, str]) -> Component | None:
    simulated = [PROVIDER_NAMES[name] for name, mode in provider_modes.items() if mode == "simulated"]
    missing = [PROVIDER_NAMES[name] for name, mode in provider_modes.items() if mode == "not connected"]
    words = []
    if simulated:
        words.append("Simulated providers: no money is spent, and nobody here is real.")
    if missing:
        words.append(f"Not connected: {', '.join(missing)}. Their work waits until a key is set.")
    return html.Div(" ".join(words), className="banner", role="note") if words else None


def shortcuts_dialog() -> Component:
    rows = [html.Tr([html.Td(html.Kbd(keys)), html.Td(meaning)]) for keys, meaning in SHORTCUTS]
    return html.Dialog(
        [
            html.H2("Keyboard shortcuts", className="h5"),
            html.Table(html.Tbody(rows), className="table table-sm"),
            html.Form(html.Button("Close", className="btn btn-secondary", type="submit"), method="dialog"),
        ],
        id=ids.SHORTCUTS,
        className="dialog",
    )


def page_header(title: str, lead: str = "", actions: Sequence[Component] = ()) -> Component:
    """The head of a page: what it is, one line on what it is for, and its main actions."""
    return html.Div(
        [
            html.Div([html.H1(title), html.P(lead, className="lead-line") if lead else None]),
            html.Div(list(actions), className="page-actions"),
        ],
        className="page-header",
    )


def labelled_cell(label: str, content: Content, **attributes: Any) -> Component:
    """A cell that can say which column it is of, where the table is too narrow for columns (assets/shell.css)."""
    return html.Td(html.Div(content), **attributes, **{"data-label": label})


def stacked_table(
    columns: Sequence[str], rows: Iterable[Sequence[Content]], figures: Sequence[str] = (), kind: str = ""
) -> Component:
    """A table that is a column of short cards on a phone; `figures` are the columns that stand to the right."""
    classes = dict.fromkeys(figures, "num")
    head = [html.Th(name, scope="col", className=classes.get(name, "")) for name in columns]
    body = [
        html.Tr(
            [
                labelled_cell(name, content, className=classes.get(name, ""))
                for name, content in zip(columns, row, strict=True)
            ]
        )
        for row in rows
    ]
    table = html.Table([html.Thead(html.Tr(head)), html.Tbody(body)], className=f"table table-stacked {kind}".strip())
    return html.Div(table, className="table-wrap")


def empty_state(words: str, action: Component | None = None) -> Component:
    """What to do where there is nothing yet."""
    return html.Div([html.P(words), action], className="empty-state")


def labelled(label: str, control: Component, hint: str = "") -> Component:
    """A form's row: the label belongs to the control, the hint is read with it."""
    parts = [dbc.Label(label, html_for=control.id), control]
    return html.Div([*parts, dbc.FormText(hint)] if hint else parts, className="mb-3")


def card(title: str, children: Any, **attributes: Any) -> Component:
    """A titled block of a page."""
    return html.Section([html.H2(title, className="card-title"), html.Div(children)], className="block", **attributes)


def pager(page: int, pages: int, address: Callable[[int], str]) -> Component | None:
    """Links to the pages before and after; nothing where there is only one. `address` is that of a page."""
    if pages < 2:
        return None
    links = [
        dcc.Link(label, href=address(number), className="btn btn-secondary btn-sm")
        for number, label in ((page - 1, "Previous"), (page + 1, "Next"))
        if 1 <= number <= pages
    ]
    words = html.Span(f"Page {page:,} of {pages:,}", className="text-secondary")
    return html.Nav([*links, words], className="pager", **{"aria-label": "Pages"})
