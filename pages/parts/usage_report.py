"""Usage as people see it: filters, cards, plots and the table."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import PROVIDER_NAMES, empty_state
from services.domain.money import show_usd
from services.domain.usage import DayOfUsage, UsageRow, UsageTotals, UserOfUsage

SPANS = (("today", "Today"), ("7", "7 days"), ("30", "30 days"), ("month", "This month"), ("all", "A year"))
EVERYTHING = "all"
PROVIDER_COLORS = {
    "openai": "#4c7ef3",
    "crustdata": "#e0883a",
    "salesql": "#3fa37c",
    "phantombuster": "#a56de2",
    "sheets": "#8a8f98",
}


def filter_bar(query: Mapping[str, str], people: Sequence[tuple[UUID, str]], first: date, last: date) -> Component:
    chosen = query.get("span", "" if "from" in query else "7")
    spans = [
        dcc.Link(
            label,
            href=address({**without(query, "from", "until", "page"), "span": value}),
            className="segment" + (" segment-on" if value == chosen else ""),
        )
        for value, label in SPANS
    ]
    return html.Div(
        [
            field("Days", html.Div(spans, className="segments")),
            field("From", dbc.Input(id=ids.USAGE_FROM, type="date", value=str(first)), ids.USAGE_FROM),
            field("Until", dbc.Input(id=ids.USAGE_UNTIL, type="date", value=str(last)), ids.USAGE_UNTIL),
            field(
                "Person",
                select(
                    ids.USAGE_PERSON, "Everybody", [(str(key), name) for key, name in people], query.get("user", "")
                ),
                ids.USAGE_PERSON,
                hidden=not people,
            ),
            field(
                "Provider",
                select(ids.USAGE_PROVIDER, "All", list(PROVIDER_NAMES.items()), query.get("provider", "")),
                ids.USAGE_PROVIDER,
            ),
        ],
        className="filter-bar",
    )


def field(label: str, control: Component, control_id: str = "", hidden: bool = False) -> Component:
    name = (
        html.Label(label, htmlFor=control_id, className="form-label")
        if control_id
        else html.Div(label, className="form-label")
    )
    return html.Div([name, control], className="filter", hidden=hidden)


def select(component_id: str, everything: str, options: Sequence[tuple[str, str]], value: str) -> Component:
    choices = [{"value": EVERYTHING, "label": everything}, *({"value": key, "label": name} for key, name in options)]
    return dbc.Select(id=component_id, options=choices, value=value or EVERYTHING)


def without(query: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in query.items() if name not in names and value}


def address(query: Mapping[str, str]) -> str:
    return f"/usage?{urlencode(query)}" if query else "/usage"


def cards(totals: UsageTotals) -> Component:
    trouble = totals.failed + totals.unknown
    shown = [
        figure_card(
            "Money", show_usd(totals.cost_usd), f"{totals.unpriced} calls without a price" if totals.unpriced else ""
        ),
        figure_card(
            "Calls", f"{totals.calls:,}", f"{trouble:,} failed or of unknown outcome" if trouble else "none failed"
        ),
        figure_card(
            "Tokens",
            f"{totals.tokens_in + totals.tokens_out:,}",
            f"{totals.tokens_in:,} in ({totals.tokens_cached:,} cached), {totals.tokens_out:,} out",
        ),
        figure_card("Credits", f"{totals.credits.normalize():f}", "as the providers report them"),
    ]
    return html.Div(shown, className="cards")


def figure_card(title: str, figure: str, note: str) -> Component:
    return html.Div(
        [
            html.Div(title, className="figure-title"),
            html.Div(figure, className="figure"),
            html.Div(note, className="figure-note"),
        ],
        className="block figure-card",
    )


def plots(by_day: Sequence[DayOfUsage], by_user: Sequence[UserOfUsage], sees_team: bool) -> Component:
    charts = [plot("Money a day", money_a_day(by_day)), plot("Calls a day", calls_a_day(by_day))]
    if sees_team and len(by_user) > 1:
        charts.append(plot("Money a person", money_a_person(by_user)))
    return html.Div(charts, className="plots")


def plot(title: str, traces: list[dict[str, Any]]) -> Component:
    figure = {
        "data": traces,
        "layout": {
            "margin": {"l": 48, "r": 12, "t": 8, "b": 32},
            "height": 220,
            "barmode": "stack",
            "showlegend": len(traces) > 1,
            "legend": {"orientation": "h", "y": 1.15},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": "#808792", "size": 11},
            "xaxis": {"gridcolor": "rgba(128,135,146,.15)", "type": "category" if traces else "-"},
            "yaxis": {"gridcolor": "rgba(128,135,146,.25)", "rangemode": "tozero"},
        },
    }
    graph = dcc.Graph(figure=figure, config={"displayModeBar": False}, style={"height": "220px"}, responsive=True)
    return html.Section([html.H2(title, className="card-title"), graph], className="block")


def money_a_day(by_day: Sequence[DayOfUsage]) -> list[dict[str, Any]]:
    return bars(by_day, lambda entry: float(entry.cost_usd), "$%{y:.4f}")


def calls_a_day(by_day: Sequence[DayOfUsage]) -> list[dict[str, Any]]:
    return bars(by_day, lambda entry: entry.calls, "%{y}")


def bars(by_day: Sequence[DayOfUsage], height: Any, shown: str) -> list[dict[str, Any]]:
    """One stacked bar series a provider; a provider without a row on a day has none there."""
    return [
        {
            "type": "bar",
            "name": PROVIDER_NAMES.get(provider, provider),
            "x": [str(entry.day) for entry in by_day if entry.provider == provider],
            "y": [height(entry) for entry in by_day if entry.provider == provider],
            "marker": {"color": PROVIDER_COLORS.get(provider, "#8a8f98")},
            "hovertemplate": f"%{{x}}: {shown}",
        }
        for provider in sorted({entry.provider for entry in by_day})
    ]


def money_a_person(by_user: Sequence[UserOfUsage]) -> list[dict[str, Any]]:
    return [
        {
            "type": "bar",
            "x": [person.user_name for person in by_user],
            "y": [float(person.cost_usd) for person in by_user],
            "marker": {"color": "#4c7ef3"},
            "hovertemplate": "%{x}: $%{y:.4f}",
        }
    ]


COLUMNS = ("Day", "Person", "Provider", "What", "Run", "Calls", "Failed", "Credits", "Tokens in", "Tokens out", "USD")
FIRST_FIGURE = 5


def usage_table(rows: Sequence[UsageRow], totals: UsageTotals) -> Component:
    if not rows:
        return empty_state("Nothing was used in this span. Choose more days, or screen somebody.")
    head = [html.Th(name, className="num" if at >= FIRST_FIGURE else "") for at, name in enumerate(COLUMNS)]
    total = [html.Td("All rows of this question", colSpan=FIRST_FIGURE)] + [
        html.Td(text, className="num")
        for text in (
            f"{totals.calls:,}",
            f"{totals.failed + totals.unknown:,}",
            f"{totals.credits.normalize():f}",
            f"{totals.tokens_in:,}",
            f"{totals.tokens_out:,}",
            exact_usd(totals.cost_usd),
        )
    ]
    return html.Div(
        html.Table(
            [
                html.Thead(html.Tr(head)),
                html.Tbody([usage_row(row) for row in rows]),
                html.Tfoot(html.Tr(total, className="fw-semibold")),
            ],
            className="table table-sm table-hover",
        ),
        className="table-responsive",
    )


def usage_row(row: UsageRow) -> Component:
    run = dcc.Link(row.run_title or "run", href=f"/runs/{row.run_id}") if row.run_id else "–"
    what = f"{row.operation} · {row.model}" if row.model else row.operation
    words = [str(row.day), row.user_name, PROVIDER_NAMES.get(row.provider, row.provider), what, run]
    figures = [
        f"{row.calls:,}",
        f"{row.failed + row.unknown:,}" if row.failed + row.unknown else "–",
        f"{row.credits.normalize():f}",
        f"{row.tokens_in:,}",
        f"{row.tokens_out:,}",
        exact_usd(row.cost_usd),
    ]
    return html.Tr([*(html.Td(word) for word in words), *(html.Td(text, className="num") for text in figures)])


def exact_usd(amount: Decimal) -> str:
    """Every digit that was recorded, at least the cents: so shown rows add up to the shown total."""
    digits = f"{amount.normalize():f}"
    whole, _, fraction = digits.partition(".")
    return f"{int(whole):,}.{fraction.ljust(2, '0')}"


def pager(query: Mapping[str, str], page: int, pages: int) -> Component | None:
    if pages < 2:
        return None
    links = []
    for target, label in ((page - 1, "Previous"), (page + 1, "Next")):
        if 1 <= target <= pages:
            links.append(dcc.Link(label, href=address({**query, "page": str(target)}), className="btn btn-secondary"))
    return html.Nav([*links, html.Span(f"Page {page} of {pages}", className="text-secondary")], className="pager")
