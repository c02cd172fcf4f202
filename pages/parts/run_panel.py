"""A run as people watch it: how far it is, what it costs, and what they can do about it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.figures import MONEY_HEAD, amount_cell
from pages.parts.shell import PROVIDER_NAMES, Content, card, empty_state, stacked_table
from pages.parts.times import show_when, zone_note
from services.domain.money import show_column, show_usd, total
from services.domain.runs import ItemState, ReceiptLine, RunEvent, RunItem, RunProgress, RunState, show_reason

WATCH_MS = 1000
STATE_WORDS = {
    RunState.QUEUED: "Queued",
    RunState.RUNNING: "Running",
    RunState.PAUSED: "Paused",
    RunState.STOPPING: "Stopping",
    RunState.SUCCEEDED: "Finished",
    RunState.FAILED: "Failed",
    RunState.STOPPED: "Stopped",
}
TONES = {
    RunState.QUEUED: "quiet",
    RunState.RUNNING: "info",
    RunState.PAUSED: "unsure",
    RunState.STOPPING: "unsure",
    RunState.SUCCEEDED: "good",
    RunState.FAILED: "bad",
    RunState.STOPPED: "quiet",
}
PAUSES = {
    "user": "Paused by hand. Nothing was lost.",
    "budget": "Paused at its cap.",
    "quota": "Paused: today's quota is used up.",
    "provider": "Paused by trouble with the provider.",
}
# What makes a run go on that rests for this reason; nothing where its message says it, or time does it.
NEXT_STEPS = {"user": "resume it", "budget": "raise the cap"}
ITEM_WORDS = {
    ItemState.WAITING: "Waiting",
    ItemState.CLAIMED: "Starting",
    ItemState.SENT: "In progress",
    ItemState.DONE: "Done",
    ItemState.FAILED: "Failed",
    ItemState.REFUSED: "Refused",
    ItemState.SKIPPED: "Skipped",
    ItemState.UNKNOWN: "Unknown outcome",
}
ITEM_TONES = {
    ItemState.DONE: "good",
    ItemState.FAILED: "bad",
    ItemState.REFUSED: "bad",
    ItemState.UNKNOWN: "unsure",
    ItemState.SENT: "info",
}
EVENT_WORDS = {
    "queued": "Queued",
    "running": "Running",
    "paused": "Paused",
    "stopping": "Asked to stop",
    "stopped": "Stopped",
    "succeeded": "Finished",
    "failed": "Failed",
    "driver": "Interrupted; went on by itself",
    "rescued": "What the interruption had cut off was put right",
}
ACTS = {
    "stop": ("Stop", "btn btn-outline-secondary btn-sm"),
    "pause": ("Pause", "btn btn-outline-secondary btn-sm"),
    "resume": ("Resume", "btn btn-primary btn-sm"),
    "retry": ("Retry what failed", "btn btn-primary btn-sm"),
}
STATUS_WORDS = {"charged": "Charged", "free": "Free", "failed": "Not charged", "unknown": "Unknown"}
FIRST_FIGURE = 4
OPERATION_WORDS = {"screen": "Screening", "screen extras": "Nice-to-haves", "enrich": "Enrichment"}


def no_run(words: str) -> Component:
    """What stands where a run would, if there is none."""
    return empty_state(words, dcc.Link("All runs", href="/runs"))


def run_page(
    panel: Component, note: Component, ways: list[Component], items: Component, receipt: Component, events: Component
) -> Component:
    """A run's own page, below its head."""
    return html.Div(
        [
            html.Div([dcc.Link("All runs", href="/runs"), note], className="run-above"),
            panel,
            html.Div(ways, id=ids.RUN_WAYS, className="run-ways"),
            card("People", html.Div(items, id=ids.RUN_ITEMS)),
            card("Receipt", html.Div(receipt, id=ids.RUN_RECEIPT)),
            card("History", html.Div(events, id=ids.RUN_EVENTS)),
        ]
    )


def run_ways(run: RunProgress, position_id: UUID | None, missing: int, follows: bool | None) -> list[Component]:
    """Where one goes from a run: its results, whoever is still missing, what it was for, and the bell.

    `missing` people of its list have no verdict yet; `follows` is None where it is no question.
    """
    ways: list[Component] = []
    if position_id is not None:
        results = f"/screening?position={position_id}&run={run.run_id}"
        ways.append(dcc.Link("Results of these people", href=results, className="btn btn-secondary btn-sm"))
    if position_id is not None and run.list_id is not None and missing:
        again = f"/screening?position={position_id}&list={run.list_id}"
        words = f"Screen {missing:,} more without a verdict…"
        ways.append(dcc.Link(words, href=again, className="btn btn-secondary btn-sm"))
    if run.retry_of is not None:
        ways.append(dcc.Link("The run before", href=f"/runs/{run.retry_of}", className="btn btn-quiet btn-sm"))
    if follows is not None:
        words = "Tell me no more" if follows else "Tell me when it ends"
        ways.append(html.Button(words, id=ids.RUN_FOLLOW, className="btn btn-quiet btn-sm", type="button"))
    return ways


def run_panel(
    run_id: UUID | str, view: Component | None = None, seen: str | None = None, state: str | None = None
) -> Component:
    """A panel that watches one run, empty or as it stands; its callbacks are in callbacks/runs.py."""
    run = str(run_id)
    return html.Section(
        [
            dcc.Store(id=ids.run_seen(run), data=seen),
            dcc.Store(id=ids.run_state(run), data=state),
            dcc.Interval(id=ids.run_tick(run), interval=WATCH_MS),
            html.Div(view, id=ids.run_view(run), className="run-view"),
        ],
        className="block run-panel",
        **{"data-run-panel": run, "aria-label": "Run"},
    )


def show_progress(run: RunProgress, may_steer: bool, waiting: str = "") -> Component:
    """The inside of a panel at one instant; `waiting` says what its calls wait for."""
    return html.Div(
        [
            html.Div(
                [
                    chip(run.state, is_interrupted=run.is_interrupted),
                    dcc.Link(run.name, href=f"/runs/{run.run_id}", className="run-title"),
                    html.Span(f"by {run.user_name}", className="text-secondary"),
                    html.Div([*new_cap(run), *acts(run)] if may_steer else [], className="run-acts"),
                ],
                className="run-head",
            ),
            progress_bar(run),
            html.P(sentence(run, may_steer), className="run-sentence", role="status", **{"aria-live": "polite"}),
            html.Dl(
                [html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts(run)],
                className="run-facts",
            ),
            trouble(run),
            html.P(waiting, className="run-waiting") if waiting else None,
        ]
    )


def chip(state: RunState, *, is_interrupted: bool = False) -> Component:
    if is_interrupted:
        return html.Span("Interrupted", className="chip chip-unsure")
    return html.Span(STATE_WORDS[state], className=f"chip chip-{TONES[state]}")


def acts(run: RunProgress) -> list[Component]:
    possible = {"retry": run.can_retry, "resume": run.can_resume, "pause": run.can_pause, "stop": run.can_stop}
    return [
        html.Button(act_words(act, run), id=ids.run_act(str(run.run_id), act), className=ACTS[act][1], type="button")
        for act, is_possible in possible.items()
        if is_possible
    ]


def new_cap(run: RunProgress) -> list[Component]:
    """Where a run that reached its cap can be given a higher one."""
    if not (run.can_resume and run.pause_reason == "budget" and run.resets_at is None):
        return []
    spent = run.cost_usd + run.unknown_usd
    box = dbc.Input(
        id=ids.run_cap(str(run.run_id)),
        size="sm",
        placeholder=f"above {show_usd(spent)}",
        class_name="run-cap",
        inputmode="decimal",
    )
    return [html.Label(["New cap in USD", box], className="run-cap-label")]


def act_words(act: str, run: RunProgress) -> str:
    """What the button of an act says; a retry says for how many people, and what it is expected to cost."""
    if act != "retry":
        return ACTS[act][0]
    price = run.retry_estimate[0]
    return f"Retry {run.retried:,}" + (f" ({about(price)})" if price is not None else "")


def about(price: Decimal) -> str:
    words = show_usd(price)
    return words if words.startswith("under") else f"about {words}"


def at_most(price: Decimal) -> str:
    words = show_usd(price)
    return words if words.startswith("under") else f"at most {words}"


def progress_bar(run: RunProgress) -> Component:
    """Done, then skipped, then what brought no result; the rest is still to come."""
    parts = ((run.done, "good"), (run.skipped, "quiet"), (run.unknown, "unsure"), (run.failed + run.refused, "bad"))
    bars = [
        dbc.Progress(value=100 * count / run.items, bar=True, class_name=f"run-bar-{tone}")
        for count, tone in parts
        if count and run.items
    ]
    return html.Div(
        dbc.Progress(bars, class_name="run-bar"),
        role="progressbar",
        **{"aria-valuenow": str(run.settled), "aria-valuemin": "0", "aria-valuemax": str(run.items)},
    )


def sentence(run: RunProgress, may_steer: bool) -> str:
    """How far the run is, in one line; said aloud to those who listen."""
    counted = f"{run.settled:,} of {run.items:,}"
    match run.state:
        case RunState.QUEUED:
            return place_in_queue(run)
        case RunState.RUNNING if run.is_interrupted:
            return f"{counted}. Interrupted; it goes on by itself within seconds."
        case RunState.RUNNING:
            left = f", about {show_seconds(run.seconds_left)} left" if run.seconds_left is not None else ""
            return f"{counted}{left}."
        case RunState.STOPPING:
            return f"{counted}. Stopping: what is under way is still kept."
        case RunState.PAUSED:
            if run.pause_reason == "budget" and run.resets_at is not None:
                return f"{counted}. Paused: a budget of this month is used up."
            return f"{counted}. {PAUSES[run.pause_reason]}{next_step(run, may_steer)}"
        case _:
            return f"{counted}."


def next_step(run: RunProgress, may_steer: bool) -> str:
    """What to do about a run that rests; for whoever may only look, who can do it."""
    step = NEXT_STEPS.get(run.pause_reason)
    if not may_steer:
        return f" Only {run.user_name}, a manager or an admin can {step or 'resume it'}."
    return f" {step.capitalize()} to go on." if step else ""


def place_in_queue(run: RunProgress) -> str:
    """How many runs start before this one, or which one has to end first."""
    match run.waits_for:
        case "user":
            return f"Waiting until another run of {run.user_name} has ended."
        case "organization":
            return "Waiting until another run of your organization has ended."
        case _:
            place = run.queue_place or 0
            return f"Waiting for its turn, {place:,} before it." if place else "Next to start."


def facts(run: RunProgress) -> list[tuple[str, str]]:
    cap = f" of at most {show_usd(run.cap_usd)}" if run.cap_usd is not None else ""
    known = [("Done", f"{run.done:,}")]
    known += [
        (name, f"{count:,}")
        for name, count in (
            ("Failed", run.failed),
            ("Refused", run.refused),
            ("Unknown outcome", run.unknown),
            ("Skipped", run.skipped),
        )
        if count
    ]
    known.append(("Left", f"{run.left:,}"))
    if run.state is RunState.RUNNING:
        known.append(("Per minute", f"{run.per_minute:,.0f}"))
    known.append(("Cost", show_usd(run.cost_usd) + cap))
    if run.unknown_usd:
        known.append(("Perhaps charged besides", at_most(run.unknown_usd)))
    return known


def trouble(run: RunProgress) -> Component | None:
    """Why a run rests or failed, where there is more to say."""
    if not run.message:
        return None
    tone = "warning" if run.state is RunState.PAUSED else "danger"
    return dbc.Alert(show_reason(run.message), color=tone, class_name="run-trouble")


def show_seconds(seconds: float | None) -> str:
    """A duration as people say one."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def runs_table(runs: Sequence[RunProgress], time_zone: str) -> Component:
    """Recent runs, newest first."""
    if not runs:
        return empty_state(
            "No runs yet. Choose a position and some people, and screen them.",
            dcc.Link("Go to Positions", href="/positions", className="btn btn-primary"),
        )
    table = stacked_table(
        ("State", "Run", "By", "Started", "Progress", "Failed", "Cost"),
        [run_cells(run, time_zone) for run in runs],
        figures=("Failed", "Cost"),
        kind="runs-table",
    )
    return html.Div([table, zone_note(time_zone)])


def run_cells(run: RunProgress, time_zone: str) -> list[Content]:
    return [
        chip(run.state, is_interrupted=run.is_interrupted),
        html.Div(dcc.Link(run.name, href=f"/runs/{run.run_id}"), className="run-name"),
        run.user_name,
        html.Span(show_when(run.created_at, time_zone), className="text-nowrap"),
        [progress_bar(run), html.Span(f"{run.settled:,} of {run.items:,}", className="run-count")],
        f"{run.failed + run.refused + run.unknown:,}",
        show_usd(run.cost_usd),
    ]


def items_table(
    items: Sequence[RunItem],
    run_id: str,
    counts: Mapping[ItemState, int],
    shown: str,
    next_after: int | None,
    time_zone: str,
) -> Component:
    """A page of a run's items with their reasons, and filters by state with how many are in each."""
    filters = html.Nav(
        [item_filter(run_id, "", f"All {sum(counts.values()):,}", shown)]
        + [
            item_filter(run_id, state.value, f"{ITEM_WORDS[state]} {counts[state]:,}", shown)
            for state in ItemState
            if counts.get(state) or state == shown
        ],
        className="chips",
        **{"aria-label": "Items by state"},
    )
    if not items:
        return html.Div([filters, html.P("Nobody here.", className="text-secondary")])
    rows = [
        html.Tr(
            [
                html.Td(f"{item.position:,}", className="num"),
                html.Td(
                    dcc.Link(
                        item.full_name or item.profile_url or "unnamed", href=f"/candidates?person={item.candidate_id}"
                    )
                ),
                html.Td(
                    html.Span(ITEM_WORDS[item.state], className=f"chip chip-{ITEM_TONES.get(item.state, 'quiet')}")
                ),
                html.Td(show_reason(item.reason)),
                html.Td(show_when(item.settled_at, time_zone), className="text-nowrap"),
            ]
        )
        for item in items
    ]
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in ("No.", "Person", "State", "Reason", "When")]))
    more = (
        dcc.Link("Next page", href=f"/runs/{run_id}?state={shown}&after={next_after}", className="btn btn-quiet")
        if next_after is not None
        else None
    )
    table = html.Div(html.Table([head, html.Tbody(rows)], className="table"), className="table-wrap")
    return html.Div([filters, table, more])


def item_filter(run_id: str, state: str, words: str, shown: str) -> Component:
    is_shown = state == shown
    return dcc.Link(
        words,
        href=f"/runs/{run_id}?state={state}",
        className="chip chip-info" if is_shown else "chip chip-quiet",
    )


def receipt_table(lines: Sequence[ReceiptLine]) -> Component:
    """What the run was charged and what it perhaps was besides, to the last digit that was recorded."""
    if not lines:
        return html.P("Nothing was asked yet.", className="text-secondary")
    head = ("Provider", "For", "Model", "Outcome", "Calls", "Tokens in", "Of them cached", "Tokens out", *MONEY_HEAD)
    charged = show_column([*(line.cost_usd for line in lines), total(line.cost_usd for line in lines)])
    perhaps = show_column([*(line.perhaps_usd for line in lines), total(line.perhaps_usd for line in lines)])
    rows = [
        html.Tr(
            [
                html.Td(PROVIDER_NAMES.get(line.provider, line.provider)),
                html.Td(OPERATION_WORDS.get(line.operation, line.operation)),
                html.Td(line.model),
                html.Td(STATUS_WORDS[line.status]),
                *(
                    html.Td(f"{count:,}", className="num")
                    for count in (line.calls, line.tokens_in, line.tokens_cached, line.tokens_out)
                ),
                amount_cell(cost),
                amount_cell(at_most),
            ]
        )
        for line, cost, at_most in zip(lines, charged, perhaps, strict=False)
    ]
    foot = html.Tfoot(html.Tr([html.Th("Sum", colSpan=8), amount_cell(charged[-1]), amount_cell(perhaps[-1])]))
    header = html.Thead(
        html.Tr(
            [html.Th(name, scope="col", className="num" if at >= FIRST_FIGURE else "") for at, name in enumerate(head)]
        )
    )
    return html.Div(html.Table([header, html.Tbody(rows), foot], className="table"), className="table-wrap")


def events_list(events: Sequence[RunEvent], name: str, time_zone: str) -> Component:
    """The history of a run, oldest first; that its work began is no news beside that it runs."""
    told = [event for before, event in zip([None, *events], events, strict=False) if not begins(before, event)]
    lines = [html.Li(event_words(event, name if at == 0 else "", time_zone)) for at, event in enumerate(told)]
    return html.Ol(lines, className="run-events")


def begins(before: RunEvent | None, event: RunEvent) -> bool:
    """Whether this only says who does the work that the line before it has announced."""
    return event.event == "driver" and before is not None and before.event == "running"


def event_words(event: RunEvent, name: str, time_zone: str) -> list[Component | str]:
    words = EVENT_WORDS.get(event.event, event.event)
    if event.event == "rescued":
        words += rescued_words(event.detail)
    said = show_reason(event.detail.get("message", "")) or PAUSES.get(event.detail.get("reason", ""), "") or name
    is_by_somebody = event.user_name and event.event in ("queued", "stopping", "stopped")
    by = f" by {event.user_name}" if is_by_somebody else ""
    when = html.Span(show_when(event.at, time_zone, seconds=True), className="text-secondary")
    return [when, f" {words}{by}", f" · {said}" if said else ""]


def rescued_words(detail: Mapping[str, Any]) -> str:
    """How many people an interruption touched, by what becomes of them."""
    parts = (("returned", "tried again"), ("unknown", "of unknown outcome"), ("dead", "left out"))
    told = [f"{detail[name]:,} {words}" for name, words in parts if detail.get(name)]
    return f": {', '.join(told)}" if told else ""
