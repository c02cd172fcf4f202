"""Usage: answer the question that stands in the address, and put a changed filter into it."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from dash import Dash, Input, Output, State, no_update
from dash.development.base_component import Component

from callbacks.parsing import text_of, texts_of, whole_number
from callbacks.who import actor
from pages import ids
from pages.parts.shell import pager
from pages.parts.usage_report import EVERYTHING, address, cards, filter_bar, plots, usage_table, without
from services.domain.usage_question import parse_question
from services.wiring import current


def show_usage(query: dict[str, str]) -> tuple[list[Component | None], str]:
    usage, who = current().usage, actor()
    query = texts_of(query)
    question = parse_question(query, usage.today(who))
    report = usage.report(who, question, whole_number(query.get("page")) or 1)
    shown = [
        filter_bar(query, report.people, question.first_day, question.last_day),
        cards(report.totals),
        plots(report.by_day, report.by_user, report.sees_team) if report.totals.calls else None,
        usage_table(report.rows, report.totals, report.time_zone),
        pager(report.page, report.pages, lambda number: address({**query, "page": str(number)})),
    ]
    return shown, f"/exports/usage.csv?{urlencode(without(query, 'page'))}"


def change_filters(
    first: str | None, last: str | None, person: str | None, provider: str | None, search: str | None
) -> Any:
    """The address of the question as the controls now put it; unchanged controls change nothing."""
    query = dict(parse_qsl(text_of(search).lstrip("?")))
    shown = parse_question(query, current().usage.today(actor()))
    first, last = text_of(first), text_of(last)
    chosen = {"user": text_of(person), "provider": text_of(provider)}
    wanted = without(query, "page") | {name: "" if value == EVERYTHING else value for name, value in chosen.items()}
    if (first, last) != (str(shown.first_day), str(shown.last_day)):
        wanted = without(wanted, "span") | {"from": first, "until": last}
    wanted = without(wanted)
    return no_update if wanted == without(query, "page") else f"?{urlencode(wanted)}"


def register(app: Dash) -> None:
    app.callback(
        Output(ids.USAGE_REPORT, "children"), Output(ids.USAGE_CSV, "href"), Input(ids.USAGE_QUESTION, "data")
    )(show_usage)
    app.callback(
        Output(ids.ADDRESS, "search", allow_duplicate=True),
        Input(ids.USAGE_FROM, "value"),
        Input(ids.USAGE_UNTIL, "value"),
        Input(ids.USAGE_PERSON, "value"),
        Input(ids.USAGE_PROVIDER, "value"),
        State(ids.ADDRESS, "search"),
        prevent_initial_call=True,
    )(change_filters)
