"""The bell: how many pieces of news somebody has not seen, and the list that it opens."""

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component

from pages.parts.run_panel import PAUSES, chip
from pages.parts.shell import empty_state
from pages.parts.times import show_when, zone_note
from services.domain.news import MOST_COUNTED, RunNews
from services.domain.runs import RunState

TOLD = {
    RunState.SUCCEEDED: "Finished",
    RunState.FAILED: "Failed",
    RunState.STOPPED: "Stopped",
    RunState.PAUSED: "Paused",
}
TONES = {RunState.FAILED: "danger", RunState.PAUSED: "warning", RunState.STOPPED: "info"}


def unread(count: int) -> list[Component]:
    """The number on the bell; nothing where there is nothing. Said aloud when it changes."""
    if not count:
        return []
    number = str(count) if count < MOST_COUNTED else f"{MOST_COUNTED}+"
    return [html.Span(number), html.Span(" unread", className="visually-hidden")]


def news_list(news: Sequence[RunNews], time_zone: str) -> Component:
    """What became of somebody's runs, the newest first; what was not seen is marked."""
    if not news:
        return empty_state("No news yet. When a run of yours ends or comes to rest, you find it here.")
    lines = [html.Li(news_line(one, time_zone), className="" if one.is_seen else "is-new") for one in news]
    return html.Div([html.Ol(lines, className="news"), zone_note(time_zone)])


def news_line(one: RunNews, time_zone: str) -> list[Component | str | None]:
    return [
        html.Div(
            [
                chip(one.event),
                html.Span("New", className="tag") if not one.is_seen else None,
                html.Span(show_when(one.at, time_zone), className="text-secondary"),
            ],
            className="news-head",
        ),
        dcc.Link(one.run_name, href=f"/runs/{one.run_id}"),
        html.Div(f"by {one.user_name}{came_to(one)}", className="text-secondary"),
    ]


def came_to(one: RunNews) -> str:
    """How it ended besides its state, where that is worth a word."""
    if one.event is RunState.PAUSED:
        return f" · {PAUSES.get(one.pause_reason, '')}".rstrip(" ·")
    return f" · {one.without_result:,} without a result" if one.without_result else ""


def notice_of(fresh: Sequence[RunNews]) -> tuple[str, str, str]:
    """The words, the tone and the address of one notice about what has just come."""
    if len(fresh) > 1:
        return f"News of {len(fresh)} runs, the latest: {told_words(fresh[0])}", "info", "/runs"
    return told_words(fresh[0]), TONES.get(fresh[0].event, "success"), f"/runs/{fresh[0].run_id}"


def told_words(one: RunNews) -> str:
    return f"{TOLD[one.event]}: {one.run_name}{came_to(one)}".rstrip(".") + "."
