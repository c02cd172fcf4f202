"""Runs: watch, stop, pause, resume and retry, for any kind of run; and hand a new drive to the background."""

from typing import Any
from uuid import UUID, uuid5

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, dcc, no_update, set_props
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from callbacks.background import drive_in_background
from callbacks.notices import notify
from callbacks.parsing import parse_cap, parse_id, text_of, texts_of, whole_number
from callbacks.who import actor
from pages import ids
from pages.parts.run_filters import FILTERS, NOT_ENDED, NOTHING, filter_bar, runs_address, runs_page
from pages.parts.run_panel import (
    events_list,
    items_table,
    no_run,
    receipt_table,
    run_page,
    run_panel,
    run_ways,
    show_progress,
)
from pages.parts.shell import empty_state
from pages.parts.times import zone_note
from pages.parts.turns import queue_words, standing_words
from services.domain.actors import Actor
from services.domain.runs import ItemState, RunFilter, RunKind, RunProgress, RunState
from services.errors import AppError, BadInput, NotFound
from services.screening import ScreeningOrder
from services.wiring import current

RETRY = "retry"
GONE = "This run does not exist."
NO_SUCH_FILTER = "This address asks for runs in a way we do not know."
PAGE = 50

Query = dict[str, str]


def hand_over(drive_id: UUID) -> None:
    """Give a drive to the background callback, beside whatever the present callback returns."""
    set_props(ids.RUNS_DRIVE, {"data": str(drive_id)})


def watch(_tick: int | None, seen: str | None, state: str | None) -> tuple[Any, Any, Any, bool]:
    """How far a run is; a look without news changes nothing, and an ended run is not looked at again."""
    who = actor()
    try:
        run = current().runs.progress(who, run_of(ctx.outputs_list[0]["id"]))
    except NotFound:
        return no_run(GONE), "", no_update, True
    waiting = waiting_words(who, run)
    stamp = stamp_of(run, waiting)
    if stamp == seen:
        return no_update, no_update, no_update, run.state.is_final
    new_state = no_update if state == run.state else run.state.value
    return show_progress(run, may_steer(who, run), waiting), stamp, new_state, run.state.is_final


def act(_clicks: list[int | None], caps: list[str | None]) -> tuple[Any, Any, Any, bool]:
    """Do what a button of a panel says."""
    pressed = ctx.triggered_id
    if not isinstance(pressed, dict) or not ctx.triggered[0]["value"]:
        raise PreventUpdate
    runs, who, run_id = current().runs, actor(), run_of(pressed)
    match pressed.get("act"):
        case "stop":
            runs.stop(who, run_id)
        case "pause":
            runs.pause(who, run_id)
        case "resume":
            hand_over(runs.resume(who, run_id, parse_cap(caps[0] if caps else None)).drive_id)
        case "retry":
            # One retry a run: pressing twice, or in two tabs, leads to the same new run.
            again = runs.retry_failed(who, run_id, uuid5(run_id, RETRY))
            hand_over(again.drive_id)
            notify(f"Trying {again.items:,} again in a new run.", "info")
            set_props(ids.ADDRESS, {"pathname": f"/runs/{again.run_id}", "search": ""})
        case _:
            raise PreventUpdate
    run = runs.progress(who, run_id)
    waiting = waiting_words(who, run)
    shown = show_progress(run, may_steer(who, run), waiting)
    return shown, stamp_of(run, waiting), run.state.value, run.state.is_final


def show_runs(_tick: int | None, query: Query) -> Component:
    """One page of the runs that the address asks for; an address that asks for nothing we know says so, and stays."""
    services, who, asked = current(), actor(), texts_of(query)
    try:
        wanted = parse_filter(asked)
    except AppError as error:
        return empty_state(error.message, dcc.Link("All runs", href="/runs", className="btn btn-secondary"))
    found = services.runs.recent(who, team=asked.get("whose") == "team", wanted=wanted, most=PAGE + 1)
    return runs_page(found[:PAGE], asked, services.usage.time_zone(who), is_last=len(found) <= PAGE)


def show_filters(query: Query) -> tuple[Component, bool]:
    """The filters, and that what stands below them may show."""
    services, who = current(), actor()
    positions = {str(row.id): row.title for row in services.positions.recent(who)}
    people = services.runs.people(who)
    return filter_bar(texts_of(query), people, positions, sees_team=who.may_see_team_usage), False


def change_filters(state: str | None, kind: str | None, person: str | None, position: str | None, query: Query) -> Any:
    """The address of what is chosen now, from its first page on; unchanged controls change nothing."""
    asked = texts_of(query)
    chosen = dict(zip(FILTERS, map(text_of, (state, kind, person, position)), strict=True))
    chosen = {name: "" if value == NOTHING else value for name, value in chosen.items()}
    if chosen == {name: asked.get(name, "") for name in FILTERS}:
        raise PreventUpdate
    return runs_address({**asked, **chosen}, before="").removeprefix("/runs")


def parse_filter(asked: Query) -> RunFilter:
    """Which runs the address asks for. Raises BadInput and NotFound."""
    try:
        return RunFilter(
            states=states_named(asked.get("state", "")),
            kind=RunKind(asked["kind"]) if asked.get("kind") else None,
            user_id=parse_id(asked["person"], NO_SUCH_FILTER) if asked.get("person") else None,
            position_id=parse_id(asked["position"], NO_SUCH_FILTER) if asked.get("position") else None,
            before=parse_id(asked["before"], NO_SUCH_FILTER) if asked.get("before") else None,
        )
    except ValueError as error:
        raise BadInput(NO_SUCH_FILTER) from error


def states_named(text: str) -> tuple[RunState, ...]:
    """The states that a filter stands for. Raises ValueError."""
    if text == NOT_ENDED:
        return tuple(state for state in RunState if not state.is_final)
    return (RunState(text),) if text else ()


def show_run(query: Query) -> Component:
    """The whole page of one run at once, or that there is no such run."""
    services, who, asked = current(), actor(), texts_of(query)
    try:
        run = services.runs.progress(who, parse_id(asked.get("run_id"), GONE))
    except NotFound:
        return no_run(GONE)
    waiting = waiting_words(who, run)
    view = show_progress(run, may_steer(who, run), waiting)
    panel = run_panel(run.run_id, view, stamp_of(run, waiting), run.state.value)
    return run_page(panel, zone_note(services.usage.time_zone(who)), *details(who, run, asked))


def show_details(_states: list[str | None], query: Query) -> tuple[list[Component], Component, Component, Component]:
    """Where one goes from here, items, receipt and history; read anew when the run's state changes."""
    who, asked = actor(), texts_of(query)
    return details(who, current().runs.progress(who, parse_id(asked.get("run_id"), GONE)), asked)


def follow(clicks: int | None, query: Query) -> list[Component]:
    """Be told of a colleague's run, or no more."""
    if not clicks:
        raise PreventUpdate
    services, who = current(), actor()
    run = services.runs.progress(who, parse_id(texts_of(query).get("run_id"), GONE))
    services.news.follow(who, run.run_id, wanted=not services.news.follows(who, run.run_id))
    return ways_of(who, run)


def ways_of(who: Actor, run: RunProgress) -> list[Component]:
    services = current()
    position_id = services.runs.position(who, run.run_id)
    asks = run.user_id != who.user_id and not run.state.is_final
    follows = services.news.follows(who, run.run_id) if asks else None
    return run_ways(run, position_id, missing_of(who, run, position_id), follows)


def missing_of(who: Actor, run: RunProgress, position_id: UUID | None) -> int:
    """How many of an ended run's list could be screened now: new ones, and those whose attempt failed."""
    if position_id is None or run.list_id is None or not run.state.is_final:
        return 0
    try:
        return current().screening.quote(who, ScreeningOrder(position_id, run.list_id)).to_screen
    except AppError:
        # The position was archived, or the provider is not connected: nobody can be screened.
        return 0


def details(who: Actor, run: RunProgress, asked: Query) -> tuple[list[Component], Component, Component, Component]:
    services, shown = current(), asked.get("state", "")
    items = services.runs.items(who, run.run_id, parse_states(shown), whole_number(asked.get("after")) or 0)
    next_after = items[-1].position if len(items) == PAGE else None
    time_zone = services.usage.time_zone(who)
    return (
        ways_of(who, run),
        items_table(items, str(run.run_id), services.runs.states(who, run.run_id), shown, next_after, time_zone),
        receipt_table(services.runs.receipt(who, run.run_id)),
        events_list(services.runs.events(who, run.run_id), run.name, time_zone),
    )


def waiting_words(who: Actor, run: RunProgress) -> str:
    """What a run or its calls wait for, by the organization's clock; nothing if for nothing."""
    services = current()
    if run.state is RunState.QUEUED:
        return queue_words(services.launcher.look(), run)
    standing = services.turns.standing(who, run)
    time_zone = services.usage.time_zone(who) if standing.outage else "UTC"
    return standing_words(standing, time_zone, is_mine=run.user_id == who.user_id)


def stamp_of(run: RunProgress, waiting: str) -> str:
    """Everything of a run that a panel shows and that changes."""
    shown = (run.state, run.settled, run.done, run.cost_usd, run.unknown_usd, run.message, run.is_interrupted)
    return repr((*shown, run.queue_place, run.waits_for, round(run.per_minute), waiting))


def may_steer(who: Actor, run: RunProgress) -> bool:
    return run.user_id == who.user_id or who.may_see_team_usage


def run_of(component_id: object) -> UUID:
    """The run that a component of a panel belongs to. Raises NotFound."""
    return parse_id(component_id.get("run") if isinstance(component_id, dict) else None, GONE)


def parse_states(text: str) -> list[ItemState] | None:
    try:
        return [ItemState(text)] if text else None
    except ValueError as error:
        raise BadInput("Items have no such state.") from error


def panel_outputs(*, again: bool) -> list[Output]:
    kinds = (("run-view", "children"), ("run-seen", "data"), ("run-state", "data"), ("run-tick", "disabled"))
    return [Output({"type": kind, "run": MATCH}, prop, allow_duplicate=again) for kind, prop in kinds]


def register(app: Dash) -> None:
    app.callback(
        *panel_outputs(again=False),
        Input({"type": "run-tick", "run": MATCH}, "n_intervals"),
        State({"type": "run-seen", "run": MATCH}, "data"),
        State({"type": "run-state", "run": MATCH}, "data"),
    )(watch)
    app.callback(
        *panel_outputs(again=True),
        Input({"type": "run-act", "run": MATCH, "act": ALL}, "n_clicks"),
        State({"type": "run-cap", "run": MATCH, "of": ALL}, "value"),
        prevent_initial_call=True,
    )(act)
    app.callback(
        Output(ids.RUNS_TABLE, "children"), Input(ids.RUNS_TICK, "n_intervals"), Input(ids.RUNS_QUESTION, "data")
    )(show_runs)
    app.callback(
        Output(ids.RUNS_FILTERS, "children"), Output(ids.RUNS_TABLE, "hidden"), Input(ids.RUNS_QUESTION, "data")
    )(show_filters)
    app.callback(
        Output(ids.ADDRESS, "search", allow_duplicate=True),
        Input(ids.RUNS_STATE, "value"),
        Input(ids.RUNS_KIND, "value"),
        Input(ids.RUNS_PERSON, "value"),
        Input(ids.RUNS_POSITION, "value"),
        State(ids.RUNS_QUESTION, "data"),
        prevent_initial_call=True,
    )(change_filters)
    app.callback(Output(ids.RUN_BODY, "children"), Input(ids.RUN_QUESTION, "data"))(show_run)
    app.callback(
        Output(ids.RUN_WAYS, "children"),
        Output(ids.RUN_ITEMS, "children"),
        Output(ids.RUN_RECEIPT, "children"),
        Output(ids.RUN_EVENTS, "children"),
        Input({"type": "run-state", "run": ALL}, "data"),
        State(ids.RUN_QUESTION, "data"),
        prevent_initial_call=True,
    )(show_details)
    app.callback(
        Output(ids.RUN_WAYS, "children", allow_duplicate=True),
        Input(ids.RUN_FOLLOW, "n_clicks"),
        State(ids.RUN_QUESTION, "data"),
        prevent_initial_call=True,
    )(follow)
    app.callback(
        Output(ids.RUNS_DRIVEN, "data"),
        Input(ids.RUNS_DRIVE, "data"),
        background=True,
        # Nobody waits for this answer: watching is `watch`'s, and one lost poll must not matter.
        interval=10_000,
        prevent_initial_call=True,
    )(drive_in_background)
