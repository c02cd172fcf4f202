"""News: the shell's one request tells that this person is here, what is unseen, and who else is here."""

from typing import Any
from uuid import UUID

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx
from dash.development.base_component import Component

from callbacks.notices import notify
from callbacks.parsing import parse_id, text_of
from callbacks.who import actor
from pages import ids
from pages.parts.bell import news_list, notice_of, unread
from pages.parts.team_now import team_card, team_line
from services.domain.actors import Actor
from services.domain.runs import RunState
from services.domain.team import Place, place_at
from services.errors import NotFound
from services.wiring import current

HOME = "home"


def look_around(
    _tick: int | None, pathname: str | None, search: str | None, told: int | None, _states: list[str | None]
) -> tuple[list[Component], int, list[list[Component]]]:
    """Asked every 15 s while the page is looked at, when one arrives at it, and when a run on it has ended."""
    services, who = current(), actor()
    place = place_at(text_of(pathname), text_of(search))
    services.presence.note(who, place)
    unseen = services.news.unseen(who, told, shown_runs(ctx.states_list[-1]))
    if unseen.fresh:
        notify(*notice_of(unseen.fresh))
    spots = [spot["id"].get("place", "") for spot in ctx.outputs_list[-1]]
    return unread(unseen.count), unseen.newest, [team_at(who, place, is_home=spot == HOME) for spot in spots]


def shown_runs(panels: list[dict[str, Any]]) -> dict[UUID, RunState]:
    """The runs whose panels stand on the page, as far as they show an end or a pause."""
    shown = {}
    for panel in panels:
        try:
            run_id, state = parse_id(panel["id"].get("run"), ""), RunState(panel.get("value") or "")
        except (NotFound, ValueError):
            continue
        if state.is_final or state is RunState.PAUSED:
            shown[run_id] = state
    return shown


def team_at(who: Actor, place: Place, *, is_home: bool) -> list[Component]:
    presence = current().presence
    if is_home:
        return team_card(presence.team(who), who.user_id)
    if not place.is_about_something:
        return []
    # Where the page is about one position, its name stands above already.
    return team_line(presence.team(who, place), who.user_id, with_title=place.list_id is not None)


def show_news(_open: int | None, _read: int | None, shown: int | None) -> tuple[Component, bool, int, list[Component]]:
    """The list as the bell opens; with "Mark all read", what it showed is seen, and what came since is not."""
    services, who = current(), actor()
    if ctx.triggered_id == ids.BELL_READ:
        services.news.see_all(who, shown or 0)
    latest = services.news.latest(who)
    count = services.news.unseen(who, None, {}).count
    newest = latest[0].number if latest else 0
    return news_list(latest, services.usage.time_zone(who)), not latest, newest, unread(count)


def register(app: Dash) -> None:
    app.callback(
        Output(ids.BELL_COUNT, "children"),
        Output(ids.NEWS_TOLD, "data"),
        Output({"type": "team-now", "place": ALL}, "children"),
        Input(ids.TICK, "n_intervals"),
        State(ids.ADDRESS, "pathname"),
        State(ids.ADDRESS, "search"),
        State(ids.NEWS_TOLD, "data"),
        State({"type": "run-state", "run": ALL}, "data"),
    )(look_around)
    app.clientside_callback(
        ClientsideFunction("shell", "lookAgain"),
        Output(ids.TICK, "n_intervals"),
        Input({"type": "run-state", "run": ALL}, "data"),
        prevent_initial_call=True,
    )
    # A page that was opened in the background waits until it is looked at.
    app.clientside_callback(
        ClientsideFunction("shell", "isInBackground"), Output(ids.TICK, "disabled"), Input(ids.TICK, "id")
    )
    app.callback(
        Output(ids.BELL_LIST, "children"),
        Output(ids.BELL_READ, "hidden"),
        Output(ids.BELL_SHOWN, "data"),
        Output(ids.BELL_COUNT, "children", allow_duplicate=True),
        Input(ids.BELL, "n_clicks"),
        Input(ids.BELL_READ, "n_clicks"),
        State(ids.BELL_SHOWN, "data"),
        prevent_initial_call=True,
    )(show_news)
    app.clientside_callback(
        ClientsideFunction("shell", "openBell"),
        Output(ids.BELL_PANEL, "is_open"),
        Input(ids.BELL, "n_clicks"),
        Input(ids.ADDRESS, "pathname"),
        prevent_initial_call=True,
    )
