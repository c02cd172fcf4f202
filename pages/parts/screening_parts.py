"""Screening as people see it: what is asked, its price, and the list of results."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from urllib.parse import urlencode
from uuid import UUID

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import empty_state, pager
from pages.parts.team_now import team_place
from services.domain.money import show_usd
from services.domain.quotas import left_words
from services.domain.runs import show_reason
from services.domain.screenings import ResultRow, ScreeningQuote, nobody_left

NOTHING = "none"
VERDICTS = ("GO", "MAYBE", "NO GO")
VERDICT_CLASSES = {"GO": "chip chip-good", "MAYBE": "chip chip-unsure", "NO GO": "chip chip-bad"}
STANDING_WORDS = {
    "GO": "GO",
    "MAYBE": "MAYBE",
    "NO GO": "NO GO",
    "failed": "Failed",
    "unknown": "Unknown outcome",
    "refused": "Refused",
    "skipped": "Skipped",
    "waiting": "Waiting",
    "none": "Not screened",
}


def address(view: Mapping[str, str], **changes: str) -> str:
    """The address of this page with some of its view changed; an empty value leaves it out."""
    wanted = {name: value for name, value in {**view, **changes}.items() if value}
    return f"/screening?{urlencode(wanted)}"


def head(view: Mapping[str, str], positions: Mapping[str, str], lists: Mapping[str, str]) -> Component:
    """The title and the two choices; `positions` and `lists` give the words for each id."""
    position = select(ids.SCREENING_POSITION, "Choose a position …", positions, view.get("position", ""))
    people = select(ids.SCREENING_LIST, "Everybody screened so far", lists, view.get("list", ""))
    return html.Div(
        [
            html.Div([html.H1("Screening"), html.P("People against a position.", className="lead-line")]),
            html.Div(
                [
                    labelled("Position", ids.SCREENING_POSITION, position),
                    labelled("People", ids.SCREENING_LIST, people),
                ],
                className="filter-bar mb-0",
            ),
        ],
        className="page-header",
    )


def select(component_id: str, nothing: str, options: Mapping[str, str], value: str) -> Component:
    """The choices, with one more for what the address names and nobody can choose."""
    offered = options if not value or value in options else {**options, value: "Not available"}
    choices = [
        {"value": NOTHING, "label": nothing},
        *({"value": key, "label": label} for key, label in offered.items()),
    ]
    return dbc.Select(id=component_id, options=choices, value=value or NOTHING)


def labelled(label: str, component_id: str, control: Component) -> Component:
    return html.Div([html.Label(label, htmlFor=component_id, className="form-label"), control], className="filter")


def choose_position(has_positions: bool) -> Component:
    if has_positions:
        return empty_state("Choose a position above; its approved criteria are what people are screened against.")
    return empty_state(
        "Screening needs a position. Write one and approve its criteria.",
        dcc.Link("New position", href="/positions/new", className="btn btn-primary"),
    )


def missing(words: str, label: str, href: str) -> Component:
    """What the address names is not there: why, and the way on."""
    return html.Div(
        [
            html.P(words),
            html.P("Choose again above, or look for it here:"),
            dcc.Link(label, href=href, className="btn btn-primary"),
        ],
        className="empty-state",
        role="alert",
    )


def archived_position(position_id: UUID) -> Component:
    return html.Div(
        [
            html.P("This position is archived. Its verdicts are below; to screen more people, restore it first."),
            dcc.Link("Open the position", href=f"/positions/{position_id}", className="btn btn-primary"),
            " ",
            dcc.Link("All positions", href="/positions", className="btn btn-secondary"),
        ],
        className="empty-state",
    )


def choose_people() -> Component:
    return html.P("Choose a list above to screen its people.", className="text-secondary")


def one_run(position_id: UUID, run_id: UUID) -> Component:
    """The results below are those of one run's people: which, and the way to everybody's."""
    return html.P(
        [
            "Only the people of ",
            dcc.Link("one run", href=f"/runs/{run_id}"),
            " are shown. ",
            dcc.Link("Show everybody", href=address({}, position=str(position_id))),
        ],
        className="text-secondary",
    )


def order_form(default_cap: Decimal | None) -> Component:
    return html.Section(
        [
            html.Div(
                [
                    labelled(
                        "Whom",
                        ids.SCREENING_WHICH,
                        dbc.Select(
                            id=ids.SCREENING_WHICH,
                            options=[
                                {"value": "missing", "label": "Without a verdict, and failed ones"},
                                {"value": "all", "label": "Everybody, again too"},
                            ],
                            value="missing",
                        ),
                    ),
                    labelled(
                        "At most",
                        ids.SCREENING_MOST,
                        # Text: a number field answers an impossible value with nothing, and nothing means all.
                        dbc.Input(id=ids.SCREENING_MOST, placeholder="all", inputmode="numeric", debounce=300),
                    ),
                    labelled(
                        "Cap in USD",
                        ids.SCREENING_CAP,
                        dbc.Input(
                            id=ids.SCREENING_CAP,
                            placeholder="none" if default_cap is None else f"{default_cap} (organization)",
                            inputmode="decimal",
                            debounce=300,
                            value=None if default_cap is None else str(default_cap),
                        ),
                    ),
                    html.Div(
                        dbc.Checkbox(id=ids.SCREENING_EXTRAS, value=True, label="Mark nice-to-haves"),
                        className="filter align-self-end",
                    ),
                ],
                className="filter-bar mb-0",
            ),
            html.Div(
                [
                    html.Div(id=ids.SCREENING_QUOTE, className="quote", **{"aria-live": "polite"}),
                    html.Button(
                        "Start screening",
                        id=ids.SCREENING_START,
                        className="btn btn-primary",
                        disabled=True,
                        **{"data-sends": f"{ids.SCREENING_MOST} {ids.SCREENING_CAP}"},
                    ),
                ],
                className="quote-line",
            ),
            team_place("screening"),
            html.Div(id=ids.SCREENING_OUTAGE),
            # For what form the price is. Beside the form: without one, Dash must not look for its boxes.
            dcc.Store(id=ids.SCREENING_QUOTED),
        ],
        className="block",
    )


def quote_words(quote: ScreeningQuote) -> list[Component | str | None]:
    estimate = quote.estimate
    if not quote.to_screen:
        return [problem(nobody_left(quote))]
    measured = "measured on your latest calls" if quote.is_measured else "an estimate; your first run will measure it"
    price = show_usd(estimate.cost)
    about = price if price.startswith("under") else f"about {price}"
    people = "1 person" if quote.to_screen == 1 else f"{quote.to_screen:,} people"
    already = f"{quote.already_screened:,} of {quote.people:,} have a verdict for version {quote.version_number}. "
    return [
        html.Strong(f"{people} · at most {estimate.calls:,} calls · {about}"),
        html.Span(
            f" with {quote.model}, {measured}. {already if quote.already_screened else ''}", className="text-secondary"
        ),
        html.Span(f"{quote.under_way:,} are in an unfinished run already. ", className="text-secondary")
        if quote.under_way
        else None,
        html.Span(thin_words(quote), className="text-unsure") if quote.thin else None,
        *left_of(quote),
    ]


def left_of(quote: ScreeningQuote) -> list[Component]:
    """What is left of each quota that this order counts in; alone, and as the problem it is, where it does not fit."""
    if quote.refusal:
        return [html.Div(problem(quote.refusal))]
    capped = [quota for quota in quote.quotas if quota.cap is not None]
    return [
        html.Div(left_words(quota), className="text-unsure" if quota.is_near else "text-secondary") for quota in capped
    ]


def thin_words(quote: ScreeningQuote) -> str:
    who = f"{quote.thin:,} of these {quote.to_screen:,} {'has' if quote.thin == 1 else 'have'}"
    return f"{who} a thin profile: without the history, much will be “not shown”."


def problem(words: str) -> Component:
    return html.Span(words, className="problem-text")


def results_list(
    view: Mapping[str, str], counts: Mapping[str, int], rows: Sequence[ResultRow], page: int, pages: int, open_id: str
) -> Component:
    total = sum(counts.values())
    if not total:
        return empty_state("No verdicts yet. They appear here while a screening runs.")
    return html.Div(
        [
            standing_tabs(view, counts, total),
            html.Ul([result_row(row, str(row.screening_id) == open_id) for row in rows], className="result-rows")
            if rows
            else empty_state("Nobody stands like this."),
            pager(page, pages, lambda number: address(view, page=str(number), open="")),
        ]
    )


def standing_tabs(view: Mapping[str, str], counts: Mapping[str, int], total: int) -> Component:
    chosen = view.get("standing", "")
    tabs = [tab(view, "", f"All {total:,}", not chosen)]
    for standing, words in STANDING_WORDS.items():
        if counts.get(standing) or standing in VERDICTS:
            tabs.append(tab(view, standing, f"{words} {counts.get(standing, 0):,}", standing == chosen))
    wanted = {name: view[name] for name in ("position", "list", "standing") if view.get(name)}
    export = html.A(
        "Export CSV", href=f"/exports/candidates.csv?{urlencode(wanted)}", className="btn btn-secondary btn-sm"
    )
    return html.Div(
        [
            html.Nav(tabs, className="segments", **{"aria-label": "Filter by verdict"}),
            # A file of one run's people does not exist; one of everybody is not what stands here.
            None if view.get("run") else export,
        ],
        className="results-bar",
    )


def tab(view: Mapping[str, str], standing: str, words: str, is_on: bool) -> Component:
    return dcc.Link(
        words,
        href=address(view, standing=standing, page="", open=""),
        className="segment segment-on" if is_on else "segment",
    )


def result_row(row: ResultRow, is_open: bool) -> Component:
    face = [
        html.Span(verdict_face(row), className="result-verdict"),
        html.Span(
            [
                html.Span(row.full_name or "Name unknown", className="result-name", dir="auto"),
                html.Span(f"{row.title or '–'} · {row.company or '–'}", className="result-job", dir="auto"),
                html.Span(why(row), className="result-why", dir="auto"),
            ],
            className="result-words",
        ),
    ]
    if row.screening_id is None:
        target = f"/runs/{row.run_id}" if row.run_id else f"/candidates?person={row.candidate_id}"
        return html.Li(dcc.Link(face, href=target, className="result-row"))
    return html.Li(
        html.Button(
            face,
            className="result-row" + (" result-row-open" if is_open else ""),
            type="button",
            **{"data-opens-screening": str(row.screening_id)},
        )
    )


def verdict_face(row: ResultRow) -> list[Component | str]:
    if row.score is None:
        return [html.Span(STANDING_WORDS.get(row.standing, row.standing), className="chip")]
    parts: list[Component | str] = [
        html.Span(
            STANDING_WORDS.get(row.standing, row.standing), className=VERDICT_CLASSES.get(row.standing, "chip chip-bad")
        ),
        html.Span(f"{row.score}", className="score", title="Score from 1 to 10"),
    ]
    if row.override_verdict:
        parts.append(html.Span("✎", title=f"Decided by {row.override_by}; the model said {row.model_verdict}"))
    return parts


def why(row: ResultRow) -> str:
    if row.score is None:
        return show_reason(row.item_reason or "") or (
            "Waiting for its turn." if row.standing == "waiting" else "Not screened yet."
        )
    extras = f"Nice-to-haves {row.extras_met} of {row.extras_asked}. " if row.extras_asked else ""
    if row.item_reason and row.standing not in VERDICTS and row.standing != "waiting":
        return f"{show_reason(row.item_reason)} Before that: {row.model_verdict}."
    if row.is_outdated:
        extras = f"By version {row.version_number}, not the present criteria. {extras}"
    return extras + (" ".join(row.reasons or []) or row.summary or "")
