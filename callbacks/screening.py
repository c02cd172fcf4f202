"""Screening: the price before the start, the run, the results while they come, and what people decide."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from callbacks.notices import notify
from callbacks.parsing import parse_cap, parse_id, parse_number, whole_number
from callbacks.runs import hand_over
from callbacks.who import actor
from pages import ids
from pages.parts.run_panel import run_panel
from pages.parts.screening_parts import (
    NOTHING,
    VERDICTS,
    address,
    archived_position,
    choose_people,
    choose_position,
    head,
    missing,
    one_run,
    order_form,
    problem,
    quote_words,
    results_list,
)
from pages.parts.turns import outage_notice
from pages.parts.verdict_card import no_card, reason_chooser, verdict_card
from services.domain.screenings import PositionRun, ScreeningQuote
from services.errors import AppError, BadInput, Conflict
from services.lists import GONE as NO_LIST
from services.screening import NO_POSITION, ScreeningOrder
from services.wiring import current

FINAL_STATES = ("succeeded", "failed", "stopped")
MOST_IDS = 500
MOST_REMEMBERED = 100
NO_RUN = "This run does not exist."
GONE = "This address names something that does not exist."
OLD_FORM = "This form is from an earlier visit. Reload the page and start again."

View = dict[str, str]


@dataclass(frozen=True)
class Scope:
    """Whom a view of this page is about: a position, and its people by list, by id or by run, or all of them."""

    position_id: UUID
    list_id: UUID | None
    candidate_ids: tuple[int, ...]
    run_id: UUID | None


def show_head(view: View) -> tuple[Component, Component | None, bool, str]:
    """The choices, the order, whether the rest is hidden, and the token that makes a double click one run."""
    services, who = current(), actor()
    positions = {str(row.id): row.title for row in services.positions.recent(who)}
    lists = {str(row.id): f"{row.name} ({row.members:,})" for row in services.lists.newest(who)}
    if not view.get("position"):
        return head(view, positions, lists), choose_position(bool(positions)), True, str(uuid4())
    way_out = ("All positions", "/positions")
    try:
        position = services.positions.open(who, parse_id(view["position"], NO_POSITION))
        way_out = ("All lists", "/lists")
        scope = parse_scope(view)
        people = services.lists.find(who, scope.list_id) if scope.list_id else None
    except AppError as gone:
        # A toast would pass, and an order without its position or people would look like one to fill in.
        return head(view, positions, lists), missing(gone.message, *way_out), True, str(uuid4())
    order: Component
    if position.is_archived:
        order = archived_position(position.position_id)
    elif people or scope.candidate_ids:
        order = order_form(services.admin.settings(who).run_cap_usd)
    else:
        order = one_run(scope.position_id, scope.run_id) if scope.run_id else choose_people()
    # What is archived, or older than the choices reach, is still what the address names.
    positions.setdefault(str(position.position_id), position.title)
    if people:
        lists.setdefault(str(people.id), people.name)
    return head(view, positions, lists), order, False, str(uuid4())


def change_view(position: str, list_id: str, view: View) -> Any:
    position, list_id = ("" if chosen == NOTHING else chosen for chosen in (position, list_id))
    if (position, list_id) == (view.get("position", ""), view.get("list", "")):
        raise PreventUpdate
    return address({}, position=position, list=list_id).removeprefix("/screening")


def show_quote(
    which: str, most: str | None, extras: bool, cap: str | None, _seen: str | None, view: View
) -> tuple[Any, bool, list[str]]:
    """The price of the order as it stands, whether it cannot be started, and for what form the price is."""
    form = form_text(which, most, extras)
    try:
        quote = current().screening.quote(actor(), parse_order(view, which, most, extras, cap))
    except AppError as error:
        return problem(error.message), True, [form, ""]
    return quote_words(quote), quote.to_screen == 0 or bool(quote.refusal), [form, price_text(quote)]


def price_text(quote: ScreeningQuote) -> str:
    """What a person has been shown before the start, as one text."""
    return repr((str(quote.version_id), quote.to_screen, quote.estimate.calls, str(quote.estimate.cost)))


def form_text(which: str, most: str | None, extras: bool) -> str:
    """What the price depends on as one text, to tell whether it has changed; a cap typed last counts as it stands."""
    return repr((which, (most or "").strip(), bool(extras)))


def show_outage(_tick: int | None, _order: str) -> Component | None:
    """Whether the provider is left alone just now, beside the button that would start more work."""
    services = current()
    outages = services.turns.outages()
    return outage_notice(outages, services.usage.time_zone(actor())) if outages else None


def start_screening(
    clicks: int | None,
    form: str | None,
    quoted: list[str] | None,
    which: str,
    most: str | None,
    extras: bool,
    cap: str | None,
    view: View,
) -> tuple[Any, Any]:
    """Start what the price was shown for: a form that has changed since, and with it the price, is priced first."""
    if not clicks:
        raise PreventUpdate
    order = parse_order(view, which, most, extras, cap)
    shown_for, shown = quoted if quoted and len(quoted) == 2 else ("", "")
    if shown_for != form_text(which, most, extras) and shown != price_text(current().screening.quote(actor(), order)):
        raise Conflict("The form has just changed. Look at the new price, then press Start again.")
    started = current().screening.start(actor(), order, parse_id(form, OLD_FORM))
    hand_over(started.drive_id)
    notify(f"Screening {started.items:,} people. You can close this page; it goes on.", "info")
    return str(uuid4()), str(started.run_id)


def show_run(_changed: str | None, view: View) -> tuple[list[Component], bool]:
    """Every unfinished run of this position, whoever started it, or else the latest; then the results may show."""
    runs = runs_in_view(scope_of(view))
    unfinished = [run for run in runs if run.state not in FINAL_STATES]
    return [run_panel(run.id) for run in unfinished or runs[:1]], False


def show_results(
    _tick: int | None,
    _changed: str | None,
    _run_states: list[str | None],
    view: View,
    seen: str | None,
    opened: View,
) -> tuple[Any, Any, Any]:
    """One page of results, and whether they need not be watched; a look that finds nothing new changes nothing.

    A panel that sees its run end makes them look once more, so that both end with the same numbers. The runs are read
    before the results: what is shown is never older than its stamp.
    """
    scope = scope_of(view)
    if scope is None:
        return None, None, True
    runs = runs_in_view(scope)
    stamp = " ".join(stamp_of(run) for run in runs)
    is_over = all(run.state in FINAL_STATES for run in runs)
    if ids.SCREENING_CHANGED not in ctx.triggered_prop_ids.values() and stamp == seen:
        return no_update, no_update, is_over
    standing = view.get("standing")
    found = current().screening.results(
        actor(),
        scope.position_id,
        scope.list_id,
        [standing] if standing else None,
        whole_number(view.get("page")) or 1,
        scope.candidate_ids or None,
        scope.run_id,
    )
    shown = results_list(view, found.counts, found.rows, found.page, found.pages, opened.get("screening_id", ""))
    return shown, stamp, is_over


def stamp_of(run: PositionRun) -> str:
    """Everything of a run that its results follow."""
    return f"{run.id} {run.state} {run.done} {run.failed} {run.refused} {run.skipped} {run.unknown}"


def runs_in_view(scope: Scope | None) -> list[PositionRun]:
    return current().screening.runs_of(actor(), scope.position_id) if scope else []


def show_card(opened: View, decision: View | None, _changed: str | None) -> Component | None:
    """The verdict of the open person; asks for a reason while a decision against the model waits for one."""
    screening_id = whole_number(opened.get("screening_id"))
    if screening_id is None:
        return no_card()
    services, who = current(), actor()
    file = services.screening.verdict(who, screening_id)
    asks = None
    if decision and decision.get("screening_id") == opened["screening_id"]:
        reasons = services.admin.settings(who).override_reasons
        asks = reason_chooser(parse_verdict(decision.get("verdict")), reasons)
    time_zone = services.usage.time_zone(who)
    return verdict_card(file.row, file.overrides, file.standing, asks, file.is_decided_by(who), time_zone)


def choose_verdict(press: View | None, made_here: list[int] | None) -> tuple[Any, Any, Any]:
    """Agreeing with the model is recorded at once; deciding otherwise asks for the reason first.

    A press names the person whose card its button stood on: by the time it arrives, another may be open.
    """
    if not press:
        raise PreventUpdate
    verdict = parse_verdict(press.get("verdict"))
    screening_id = parse_number(press.get("screening"), GONE)
    file = current().screening.verdict(actor(), screening_id)
    if verdict != file.row.verdict:
        return {"screening_id": str(screening_id), "verdict": verdict}, no_update, no_update
    override_id = current().screening.decide(actor(), file.row.id, verdict, "")
    notify(f"Confirmed: {verdict}. Press u to undo.")
    return None, remember(made_here, override_id), str(uuid4())


def give_reason(press: View | None, decision: View | None, made_here: list[int] | None) -> tuple[Any, Any, Any]:
    if not press or not decision or press.get("screening") != decision.get("screening_id"):
        raise PreventUpdate
    reasons = current().admin.settings(actor()).override_reasons
    number = whole_number(press.get("number"))
    if number is None or not 1 <= number <= len(reasons):
        raise BadInput("This reason does not exist any more. Choose another.")
    verdict, screening_id = parse_verdict(decision.get("verdict")), parse_number(decision.get("screening_id"), GONE)
    override_id = current().screening.decide(actor(), screening_id, verdict, reasons[number - 1])
    notify(f"Decided: {verdict}. Press u to undo.")
    return None, remember(made_here, override_id), str(uuid4())


def remember(made_here: list[int] | None, override_id: int) -> list[int]:
    """The ids of the decisions of this visit, which undo can reach from any card."""
    return [*(made_here or []), override_id][-MOST_REMEMBERED:]


def undo(asked: int | None, opened: View, made_here: list[int] | None) -> tuple[Any, Any, Any]:
    """Take back the newest own decision of this visit or on the open card, and show whom it was about."""
    if not asked:
        raise PreventUpdate
    reachable = [number for number in map(whole_number, made_here or []) if number is not None]
    undone = current().screening.undo(actor(), reachable, whole_number(opened.get("screening_id")))
    notify(f"Undone: your {undone.verdict}.", "info")
    shown = {"screening_id": str(undone.screening_id)}
    return None, no_update if shown == opened else shown, str(uuid4())


def parse_order(view: View, which: str, most: str | None, extras: bool, cap: str | None) -> ScreeningOrder:
    """The order as the form and the address put it. Raises BadInput and NotFound."""
    if not view.get("position"):
        raise BadInput("Choose a position first.", "position")
    scope = parse_scope(view)
    return ScreeningOrder(
        position_id=scope.position_id,
        list_id=scope.list_id,
        candidate_ids=scope.candidate_ids,
        which="all" if which == "all" else "missing",
        most=parse_most(most),
        extras=bool(extras),
        cap_usd=parse_cap(cap),
    )


def scope_of(view: View) -> Scope | None:
    """The same as `parse_scope`; None where the address names nothing that could exist, which the head says."""
    try:
        return parse_scope(view) if view.get("position") else None
    except AppError:
        return None


def parse_scope(view: View) -> Scope:
    """The position and the people that the address names. Raises NotFound and BadInput."""
    return Scope(
        parse_id(view.get("position"), NO_POSITION),
        parse_id(view["list"], NO_LIST) if view.get("list") else None,
        parse_ids(view),
        parse_id(view["run"], NO_RUN) if view.get("run") else None,
    )


def parse_ids(view: View) -> tuple[int, ...]:
    """The people that the address names. Raises BadInput for too many, NotFound for what is no id."""
    numbers = tuple(parse_number(part, GONE) for part in view.get("ids", "").split(",") if part)
    if len(numbers) > MOST_IDS:
        raise BadInput(f"At most {MOST_IDS} people can be screened from a link. Put them into a list first.")
    return numbers


def parse_verdict(value: object) -> str:
    """One of the three verdicts. Raises BadInput."""
    if not isinstance(value, str) or value not in VERDICTS:
        raise BadInput("Choose GO, MAYBE or NO GO.", "verdict")
    return value


def parse_most(text: str | None) -> int | None:
    """How many people at most; nothing means all. Raises BadInput."""
    typed = (text or "").strip()
    if not typed:
        return None
    most = whole_number(typed)
    if not most:
        raise BadInput("“At most” is a whole number of people from 1 on; leave it empty for all.", "most")
    return most


def register(app: Dash) -> None:
    order = [ids.SCREENING_WHICH, ids.SCREENING_MOST, ids.SCREENING_EXTRAS, ids.SCREENING_CAP]
    app.callback(
        Output(ids.SCREENING_HEAD, "children"),
        Output(ids.SCREENING_ORDER, "children"),
        Output(ids.SCREENING_BODY, "hidden"),
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
        Output(ids.SCREENING_QUOTED, "data"),
        *(Input(control, "value") for control in order),
        # While a run goes on, fewer and fewer people are left to screen.
        Input(ids.SCREENING_SEEN, "data"),
        State(ids.SCREENING_VIEW, "data"),
    )(show_quote)
    app.callback(
        Output(ids.SCREENING_OUTAGE, "children"),
        Input(ids.SCREENING_TICK, "n_intervals"),
        Input(ids.SCREENING_OUTAGE, "id"),
    )(show_outage)
    app.callback(
        Output(ids.SCREENING_FORM, "data", allow_duplicate=True),
        Output(ids.SCREENING_CHANGED, "data", allow_duplicate=True),
        Input(ids.SCREENING_START, "n_clicks"),
        State(ids.SCREENING_FORM, "data"),
        State(ids.SCREENING_QUOTED, "data"),
        *(State(control, "value") for control in order),
        State(ids.SCREENING_VIEW, "data"),
        prevent_initial_call=True,
    )(start_screening)
    app.callback(
        Output(ids.SCREENING_RUN, "children"),
        Output(ids.SCREENING_PANES, "hidden"),
        Input(ids.SCREENING_CHANGED, "data"),
        State(ids.SCREENING_VIEW, "data"),
    )(show_run)
    app.callback(
        Output(ids.SCREENING_RESULTS, "children"),
        Output(ids.SCREENING_SEEN, "data"),
        Output(ids.SCREENING_TICK, "disabled"),
        Input(ids.SCREENING_TICK, "n_intervals"),
        Input(ids.SCREENING_CHANGED, "data"),
        Input({"type": "run-state", "run": ALL}, "data"),
        State(ids.SCREENING_VIEW, "data"),
        State(ids.SCREENING_SEEN, "data"),
        State(ids.SCREENING_OPEN, "data"),
    )(show_results)
    app.callback(
        Output(ids.SCREENING_CARD, "children"),
        Input(ids.SCREENING_OPEN, "data"),
        Input(ids.SCREENING_DECISION, "data"),
        Input(ids.SCREENING_CHANGED, "data"),
    )(show_card)
    app.callback(
        Output(ids.SCREENING_DECISION, "data"),
        Output(ids.SCREENING_LAST, "data"),
        Output(ids.SCREENING_CHANGED, "data"),
        Input(ids.SCREENING_PRESSED, "data"),
        State(ids.SCREENING_LAST, "data"),
        prevent_initial_call=True,
    )(choose_verdict)
    app.callback(
        Output(ids.SCREENING_DECISION, "data", allow_duplicate=True),
        Output(ids.SCREENING_LAST, "data", allow_duplicate=True),
        Output(ids.SCREENING_CHANGED, "data", allow_duplicate=True),
        Input(ids.SCREENING_REASONED, "data"),
        State(ids.SCREENING_DECISION, "data"),
        State(ids.SCREENING_LAST, "data"),
        prevent_initial_call=True,
    )(give_reason)
    app.callback(
        Output(ids.SCREENING_DECISION, "data", allow_duplicate=True),
        Output(ids.SCREENING_OPEN, "data"),
        Output(ids.SCREENING_CHANGED, "data", allow_duplicate=True),
        Input(ids.SCREENING_UNDO, "n_clicks"),
        State(ids.SCREENING_OPEN, "data"),
        State(ids.SCREENING_LAST, "data"),
        prevent_initial_call=True,
    )(undo)
    app.clientside_callback(
        ClientsideFunction("triage", "markOpenRow"),
        Output(ids.SCREENING_RESULTS, "data-open"),
        Input(ids.SCREENING_OPEN, "data"),
        Input(ids.SCREENING_RESULTS, "children"),
    )
