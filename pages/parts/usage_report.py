"""Usage as people see it: filters, cards, plots and the table."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.figures import MONEY_HEAD, amount_cell
from pages.parts.shell import PROVIDER_NAMES, empty_state
from pages.parts.times import zone_note
from services.domain.money import show_column, show_usd
from services.domain.usage import DayOfUsage, UsageFigures, UsageRow, UsageTotals, UserOfUsage

SPANS = (("today", "Today"), ("7", "7 days"), ("30", "30 days"), ("month", "This month"), ("all", "A year"))
EVERYTHING = "all"
# Left to themselves, days stand in the order in which the first provider has them.
DAYS = {"categoryorder": "category ascending", "automargin": True}
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
    shown = [
        figure_card(
            "Charged",
            show_usd(totals.cost_usd),
            f"{totals.unpriced:,} calls without a price" if totals.unpriced else "",
        ),
        figure_card(
            "Perhaps charged besides",
            show_usd(totals.perhaps_usd),
            f"at most, for {counted(totals.unknown)} of unknown outcome"
            if totals.unknown
            else "every outcome is known",
        ),
        figure_card("Calls", f"{totals.calls:,}", f"{totals.failed:,} failed" if totals.failed else "none failed"),
        figure_card(
            "Tokens",
            f"{totals.tokens:,}",
            f"{totals.tokens_in:,} in ({totals.tokens_cached:,} cached), {totals.tokens_out:,} out",
        ),
        figure_card("Credits", show_column([totals.credits], 0)[0], "as the providers report them"),
    ]
    return html.Div(shown, className="cards")


def counted(calls: int) -> str:
    return "1 call" if calls == 1 else f"{calls:,} calls"


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
    charts = [plot("Charged a day, USD", money_a_day(by_day), **DAYS), plot("Calls a day", calls_a_day(by_day), **DAYS)]
    if sees_team and len(by_user) > 1:
        charts.append(plot("Charged a person, USD", money_a_person(by_user)))
    return html.Div(charts, className="plots")


def plot(title: str, traces: list[dict[str, Any]], **axis: Any) -> Component:
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
            "xaxis": {"gridcolor": "rgba(128,135,146,.15)", "type": "category" if traces else "-", **axis},
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


COLUMNS = ("Day", "Person", "Provider", "Run", "Calls", "Failed", "Unknown", "Credits", "Tokens", *MONEY_HEAD)
FIRST_FIGURE = 4


def usage_table(rows: Sequence[UsageRow], totals: UsageTotals, time_zone: str) -> Component:
    if not rows:
        return empty_state("Nothing was used in this span. Choose more days, or screen somebody.")
    head = [
        html.Th(name, scope="col", className="num" if at >= FIRST_FIGURE else "") for at, name in enumerate(COLUMNS)
    ]
    *figures, sums = figure_cells([*rows, totals])
    body = [html.Tr([*word_cells(row), *cells]) for row, cells in zip(rows, figures, strict=True)]
    foot = html.Tr([html.Th("Sum, of all pages", scope="row", colSpan=FIRST_FIGURE), *sums], className="fw-semibold")
    table = html.Table(
        [html.Thead(html.Tr(head)), html.Tbody(body), html.Tfoot(foot)],
        className="table table-sm table-hover usage-table",
    )
    return html.Div([html.Div(table, className="table-responsive"), zone_note(time_zone, "Days")])


def word_cells(row: UsageRow) -> list[Component]:
    run = dcc.Link(row.run_title, href=f"/runs/{row.run_id}") if row.run_id else "–"
    return [
        html.Td(str(row.day), className="text-nowrap"),
        html.Td(row.user_name),
        html.Td(PROVIDER_NAMES.get(row.provider, row.provider)),
        html.Td(run, className="run-name"),
    ]


def figure_cells(lines: Sequence[UsageFigures]) -> list[list[Component]]:
    """The figures of each line; within a column all amounts have the same number of decimals."""
    credits = show_column([line.credits for line in lines], 0)
    charged = show_column([line.cost_usd for line in lines])
    perhaps = show_column([line.perhaps_usd for line in lines])
    return [
        [
            *(html.Td(f"{count:,}", className="num") for count in (line.calls, line.failed, line.unknown)),
            html.Td(credits[at], className="num"),
            html.Td(f"{line.tokens:,}", className="num"),
            amount_cell(charged[at]),
            amount_cell(perhaps[at]),
        ]
        for at, line in enumerate(lines)
    ]
