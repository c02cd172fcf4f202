"""Screening: the price before the start, the run, the results while they come, and what people decide."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID, uuid4

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from callbacks.notices import notify
from callbacks.runs import hand_over
from callbacks.who import actor
from pages import ids
from pages.parts.run_panel import run_panel
from pages.parts.screening_parts import (
    NOTHING,
    address,
    choose_people,
    choose_position,
    head,
    no_card,
    order_form,
    problem,
    quote_words,
    reason_chooser,
    results_list,
    verdict_card,
)
from services.domain.screenings import PositionRun
from services.errors import AppError, BadInput, NotFound
from services.screening import ScreeningOrder
from services.wiring import current

FINAL_STATES = ("succeeded", "failed", "stopped")
MOST_IDS = 500
LONGEST_NUMBER = 15

View = dict[str, str]


def show_head(view: View) -> tuple[Component, Component | None, str]:
    """The choices above, the order below, and the token that makes a double click one run."""
    services, who = current(), actor()
    if view.get("position"):
        services.positions.open(who, parse_id(view["position"]))
    positions = [(row.id, row.title) for row in services.positions.recent(who)]
    lists = [(row.id, row.name, row.members) for row in services.lists.all(who)]
    order: Component | None
    if not view.get("position"):
        order = choose_position(bool(positions))
    elif not (view.get("list") or view.get("ids")):
        order = choose_people()
    else:
        order = order_form(services.admin.settings(who).run_cap_usd)
    return head(view, positions, lists), order, str(uuid4())


def change_view(position: str, list_id: str, view: View) -> Any:
    position, list_id = ("" if chosen == NOTHING else chosen for chosen in (position, list_id))
    if (position, list_id) == (view.get("position", ""), view.get("list", "")):
        raise PreventUpdate
    return address({}, position=position, list=list_id).removeprefix("/screening")


def show_quote(
    which: str, most: str | None, extras: bool, cap: str | None, _seen: str | None, view: View
) -> tuple[Any, bool]:
    """The price of the order as it stands, and whether it cannot be started."""
    try:
        quote = current().screening.quote(actor(), parse_order(view, which, most, extras, cap))
    except AppError as error:
        return problem(error.message), True
    return quote_words(quote), quote.to_screen == 0


def start_screening(
    clicks: int | None, form: str, which: str, most: str | None, extras: bool, cap: str | None, view: View
) -> tuple[Any, Any]:
    if not clicks:
        raise PreventUpdate
    order = parse_order(view, which, most, extras, cap)
    started = current().screening.start(actor(), order, UUID(form))
    hand_over(started.drive_id)
    notify(f"Screening {started.items:,} people. You can close this page; it goes on.", "info")
    return str(uuid4()), str(started.run_id)


def show_run(_changed: Any, view: View) -> list[Component]:
    """Every unfinished run of this position, whoever started it; if there is none, the latest."""
    runs = runs_in_view(view)
    unfinished = [run for run in runs if run.state not in FINAL_STATES]
    return [run_panel(run.id) for run in unfinished or runs[:1]]


def show_results(_tick: int | None, _changed: Any, view: View, seen: str | None, opened: View) -> tuple[Any, Any, Any]:
    """One page of results, and whether they need not be watched; a tick that finds nothing new changes nothing."""
    if not view.get("position"):
        return None, None, True
    runs = runs_in_view(view)
    stamp = " ".join(f"{run.id} {run.state} {run.done} {run.failed} {run.refused} {run.unknown}" for run in runs)
    is_over = all(run.state in FINAL_STATES for run in runs)
    if ctx.triggered_id == ids.SCREENING_TICK and stamp == seen:
        return no_update, no_update, is_over
    standing = view.get("standing")
    chosen = parse_ids(view)
    found = current().screening.results(
        actor(),
        parse_id(view["position"]),
        parse_id(view["list"]) if view.get("list") else None,
        [standing] if standing else None,
        parse_page(view),
        chosen or None,
    )
    shown = results_list(view, found.counts, found.rows, found.page, found.pages, opened.get("screening_id", ""))
    return shown, stamp, is_over


def runs_in_view(view: View) -> list[PositionRun]:
    return current().screening.runs_of(actor(), parse_id(view["position"])) if view.get("position") else []


def open_row(_clicks: Sequence[int | None]) -> dict[str, str]:
    """The person whose row was chosen."""
    if not any(_clicks) or not ctx.triggered_id:
        raise PreventUpdate
    return {"screening_id": str(ctx.triggered_id["screening"])}


def show_card(opened: View, decision: dict[str, str] | None, _changed: Any) -> Component | None:
    """The verdict of the open person; asks for a reason while a decision against the model waits for one."""
    screening_id = opened.get("screening_id", "")
    if not is_number(screening_id):
        return no_card(has_rows=True)
    file = current().screening.verdict(actor(), int(screening_id))
    asks = None
    if decision and decision.get("screening_id") == screening_id:
        asks = reason_chooser(decision["verdict"], current().admin.settings(actor()).override_reasons)
    return verdict_card(file.row, file.overrides, file.standing, asks)


def choose_verdict(clicks: Sequence[int | None], opened: View) -> tuple[Any, Any, Any]:
    """Agreeing with the model is recorded at once; deciding otherwise asks for the reason first."""
    if not any(clicks):
        raise PreventUpdate
    verdict = ctx.triggered_id["verdict"]
    screening_id = opened.get("screening_id", "")
    file = current().screening.verdict(actor(), parse_number(screening_id))
    if verdict != file.row.verdict:
        return {"screening_id": screening_id, "verdict": verdict}, no_update, no_update
    override_id = current().screening.decide(actor(), file.row.id, verdict, "")
    notify(f"Confirmed: {verdict}. Press u to undo.")
    return None, override_id, str(uuid4())


def give_reason(clicks: Sequence[int | None], decision: dict[str, str] | None) -> tuple[Any, Any, Any]:
    if not any(clicks) or not decision:
        raise PreventUpdate
    reasons = current().admin.settings(actor()).override_reasons
    number = ctx.triggered_id["number"]
    if not 1 <= number <= len(reasons):
        raise BadInput("This reason does not exist any more. Choose another.")
    screening_id = parse_number(decision["screening_id"])
    override_id = current().screening.decide(actor(), screening_id, decision["verdict"], reasons[number - 1])
    notify(f"Decided: {decision['verdict']}. Press u to undo.")
    return None, override_id, str(uuid4())


def undo(asked: int | None, last: int | None) -> tuple[Any, Any]:
    if not asked:
        raise PreventUpdate
    if not last:
        raise BadInput("There is nothing to undo on this page.")
    current().screening.undo(actor(), last)
    notify("Undone.", "info")
    return None, str(uuid4())


def parse_order(view: View, which: str, most: str | None, extras: bool, cap: str | None) -> ScreeningOrder:
    """The order as the form and the address put it. Raises BadInput and NotFound."""
    if not view.get("position"):
        raise BadInput("Choose a position first.", "position")
    return ScreeningOrder(
        position_id=parse_id(view["position"]),
        list_id=parse_id(view["list"]) if view.get("list") else None,
        candidate_ids=parse_ids(view),
        which="all" if which == "all" else "missing",
        most=parse_most(most),
        extras=bool(extras),
        cap_usd=parse_cap(cap),
    )


def parse_ids(view: View) -> tuple[int, ...]:
    """The people that the address names. Raises BadInput for too many, NotFound for what is no id."""
    numbers = tuple(parse_number(part) for part in view.get("ids", "").split(",") if part)
    if len(numbers) > MOST_IDS:
        raise BadInput(f"At most {MOST_IDS} people can be screened from a link. Put them into a list first.")
    return numbers


def parse_page(view: View) -> int:
    text = view.get("page", "")
    return int(text) if is_number(text) else 1


def parse_most(text: str | None) -> int | None:
    """How many people at most; nothing means all. Raises BadInput."""
    typed = (text or "").strip()
    if not typed:
        return None
    if not is_number(typed) or int(typed) < 1:
        raise BadInput("“At most” is a whole number of people from 1 on; leave it empty for all.", "most")
    return int(typed)


def parse_cap(text: str | None) -> Decimal | None:
    """The cap in USD; nothing means the organization's. Raises BadInput."""
    typed = (text or "").strip().removeprefix("$")
    if not typed:
        return None
    try:
        cap = Decimal(typed)
    except InvalidOperation:
        raise BadInput("The cap is an amount in USD, like 2.50.", "cap") from None
    if not cap.is_finite() or cap < 0:
        raise BadInput("The cap is an amount in USD, like 2.50.", "cap")
    return cap


def parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("This address names something that does not exist.") from None


def parse_number(text: str) -> int:
    if not is_number(text):
        raise NotFound("This address names something that does not exist.")
    return int(text)


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER


def register(app: Dash) -> None:
    order = [ids.SCREENING_WHICH, ids.SCREENING_MOST, ids.SCREENING_EXTRAS, ids.SCREENING_CAP]
    app.callback(
        Output(ids.SCREENING_HEAD, "children"),
        Output(ids.SCREENING_ORDER, "children"),
        Output(ids.SCREENING_FORM, "data"),
        Input(ids.SCREENING_VIEW, "data"),
    )(show_head)
    app.callback(
        Output(ids.ADDRESS, "search", allow_duplicate=True),
        Input(ids.SCREENING_POSITION, "value"),
        Input(ids.SCREENING_LIST, "value"),
        State(ids.SCREENING_VIEW, "data"),
        prevent_initial_call=True,
    )(change_view)
    app.callback(
        Output(ids.SCREENING_QUOTE, "children"),
        Output(ids.SCREENING_START, "disabled"),
        *(Input(control, "value") for control in order),
        # While a run goes on, fewer and fewer people are left to screen.
        Input(ids.SCREENING_SEEN, "data"),
        State(ids.SCREENING_VIEW, "data"),
    )(show_quote)
    app.callback(
        Output(ids.SCREENING_FORM, "data", allow_duplicate=True),
        Output(ids.SCREENING_CHANGED, "data", allow_duplicate=True),
        Input(ids.SCREENING_START, "n_clicks"),
        State(ids.SCREENING_FORM, "data"),
        *(State(control, "value") for control in order),
        State(ids.SCREENING_VIEW, "data"),
        prevent_initial_call=True,
    )(start_screening)
    app.callback(
        Output(ids.SCREENING_RUN, "children"),
        Input(ids.SCREENING_CHANGED, "data"),
        State(ids.SCREENING_VIEW, "data"),
    )(show_run)
    app.callback(
        Output(ids.SCREENING_RESULTS, "children"),
        Output(ids.SCREENING_SEEN, "data"),
        Output(ids.SCREENING_TICK, "disabled"),
        Input(ids.SCREENING_TICK, "n_intervals"),
        Input(ids.SCREENING_CHANGED, "data"),
        State(ids.SCREENING_VIEW, "data"),
        State(ids.SCREENING_SEEN, "data"),
        State(ids.SCREENING_OPEN, "data"),
    )(show_results)
    app.callback(
        Output(ids.SCREENING_OPEN, "data"),
        Input({"type": "screening-row", "screening": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )(open_row)
    app.callback(
        Output(ids.SCREENING_CARD, "children"),
        Input(ids.SCREENING_OPEN, "data"),
        Input(ids.SCREENING_DECISION, "data"),
        Input(ids.SCREENING_LAST, "data"),
    )(show_card)
    app.callback(
        Output(ids.SCREENING_DECISION, "data"),
        Output(ids.SCREENING_LAST, "data"),
        Output(ids.SCREENING_CHANGED, "data"),
        Input({"type": "screening-verdict", "verdict": ALL}, "n_clicks"),
        State(ids.SCREENING_OPEN, "data"),
        prevent_initial_call=True,
    )(choose_verdict)
    app.callback(
        Output(ids.SCREENING_DECISION, "data", allow_duplicate=True),
        Output(ids.SCREENING_LAST, "data", allow_duplicate=True),
        Output(ids.SCREENING_CHANGED, "data", allow_duplicate=True),
        Input({"type": "screening-reason", "number": ALL}, "n_clicks"),
        State(ids.SCREENING_DECISION, "data"),
        prevent_initial_call=True,
    )(give_reason)
    app.callback(
        Output(ids.SCREENING_LAST, "data", allow_duplicate=True),
        Output(ids.SCREENING_CHANGED, "data", allow_duplicate=True),
        Input(ids.SCREENING_UNDO, "n_clicks"),
        State(ids.SCREENING_LAST, "data"),
        prevent_initial_call=True,
    )(undo)
    app.clientside_callback(
        ClientsideFunction("triage", "markOpenRow"),
        Output(ids.SCREENING_RESULTS, "data-open"),
        Input(ids.SCREENING_OPEN, "data"),
        Input(ids.SCREENING_RESULTS, "children"),
    )
