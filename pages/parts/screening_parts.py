"""Screening as people see it: what is asked, its price, the list of results and the verdict card."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import empty_state
from services.domain.money import show_usd
from services.domain.quotas import left_words
from services.domain.screenings import OverrideRow, ResultRow, ScreeningQuote, ScreeningRow, nobody_left

NOTHING = "none"
VERDICTS = ("GO", "MAYBE", "NO GO")
VERDICT_CLASSES = {"GO": "chip chip-good", "MAYBE": "chip chip-unsure", "NO GO": "chip chip-bad"}
VERDICT_KEYS = {"GO": "y", "MAYBE": "m", "NO GO": "n"}
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
STATUS_WORDS = {"met": "Met", "not_met": "Not met", "not_shown": "Not shown"}
KIND_WORDS = {"must": "Must-haves", "exclude": "Exclusions", "nice": "Nice-to-haves"}


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
                    html.Button("Start screening", id=ids.SCREENING_START, className="btn btn-primary", disabled=True),
                ],
                className="quote-line",
            ),
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
            pager(view, page, pages),
        ]
    )


def standing_tabs(view: Mapping[str, str], counts: Mapping[str, int], total: int) -> Component:
    chosen = view.get("standing", "")
    tabs = [tab(view, "", f"All {total:,}", not chosen)]
    for standing, words in STANDING_WORDS.items():
        if counts.get(standing) or standing in VERDICTS:
            tabs.append(tab(view, standing, f"{words} {counts.get(standing, 0):,}", standing == chosen))
    export = {name: view[name] for name in ("position", "list", "standing") if view.get(name)}
    return html.Div(
        [
            html.Nav(tabs, className="segments", **{"aria-label": "Filter by verdict"}),
            html.A(
                "Export CSV", href=f"/exports/candidates.csv?{urlencode(export)}", className="btn btn-secondary btn-sm"
            ),
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
            id=ids.screening_row(row.screening_id),
            className="result-row" + (" result-row-open" if is_open else ""),
            type="button",
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
        return row.item_reason or ("Waiting for its turn." if row.standing == "waiting" else "Not screened yet.")
    extras = f"Nice-to-haves {row.extras_met} of {row.extras_asked}. " if row.extras_asked else ""
    if row.item_reason and row.standing not in VERDICTS and row.standing != "waiting":
        return f"{row.item_reason} Before that: {row.model_verdict}."
    if row.is_outdated:
        extras = f"By version {row.version_number}, not the present criteria. {extras}"
    return extras + (" ".join(row.reasons or []) or row.summary or "")


def pager(view: Mapping[str, str], page: int, pages: int) -> Component | None:
    if pages < 2:
        return None
    links = [
        dcc.Link(label, href=address(view, page=str(target), open=""), className="btn btn-secondary btn-sm")
        for target, label in ((page - 1, "Previous"), (page + 1, "Next"))
        if 1 <= target <= pages
    ]
    return html.Nav([*links, html.Span(f"Page {page} of {pages}", className="text-secondary")], className="pager")


def no_card(has_rows: bool) -> Component | None:
    if not has_rows:
        return None
    return html.Div(
        [
            html.P("Choose somebody to see the verdict and its evidence."),
            html.P(
                [
                    *(html.Kbd("j"), " ", html.Kbd("k"), " next, previous · "),
                    *(html.Kbd("y"), " ", html.Kbd("m"), " ", html.Kbd("n"), " GO, MAYBE, NO GO · "),
                    *(html.Kbd("u"), " undo"),
                ]
            ),
        ],
        className="empty-state",
    )


def verdict_card(
    verdict: ScreeningRow,
    overrides: Sequence[OverrideRow],
    standing: str,
    asks_reason: Component | None,
    may_undo: bool,
) -> Component:
    return html.Article(
        [
            card_head(verdict, standing),
            decision_buttons(verdict, standing, may_undo),
            asks_reason,
            override_history(overrides),
            html.P(verdict.summary, className="verdict-summary", dir="auto") if verdict.summary else None,
            html.Ul([html.Li(reason, dir="auto") for reason in verdict.reasons], className="reasons")
            if verdict.reasons
            else None,
            *outcome_groups(verdict.outcomes, facts_in(verdict.sent_text)),
            *outcome_groups(verdict.extras_outcomes or [], facts_in(verdict.sent_text)),
            record(verdict),
        ],
        className="block verdict-card",
    )


def card_head(verdict: ScreeningRow, standing: str) -> Component:
    return html.Div(
        [
            html.Div(
                [
                    html.H2(verdict.full_name or "Name unknown", className="h5 mb-0", dir="auto"),
                    html.Div(f"{verdict.candidate_title or '–'} · {verdict.company or '–'}", dir="auto"),
                    html.Div(
                        [
                            dcc.Link("Open person", href=f"/candidates?person={verdict.candidate_id}"),
                            " · ",
                            html.A("LinkedIn", href=verdict.profile_url, target="_blank", rel="noopener noreferrer"),
                        ],
                        className="small",
                    ),
                ]
            ),
            html.Div(
                [
                    html.Span(standing, className=VERDICT_CLASSES.get(standing, "chip") + " chip-large"),
                    html.Span(f" {verdict.score}/10", className="score"),
                    html.Div(
                        f"Version {verdict.version_number}"
                        + (", not the present criteria" if verdict.is_outdated else ""),
                        className="small text-unsure" if verdict.is_outdated else "small text-secondary",
                    ),
                ],
                className="text-end",
            ),
        ],
        className="card-head",
    )


def decision_buttons(verdict: ScreeningRow, standing: str, may_undo: bool) -> Component:
    buttons = [
        html.Button(
            [name, " ", html.Kbd(VERDICT_KEYS[name])],
            id=ids.screening_verdict(name),
            className="btn btn-sm " + ("btn-primary" if name == standing else "btn-secondary"),
            type="button",
            **{"aria-pressed": "true" if name == standing else "false"},
        )
        for name in VERDICTS
    ]
    if may_undo:
        # It presses the page's own button (assets/triage.js), as the key does.
        undo = html.Button(
            ["Undo ", html.Kbd("u")], className="btn btn-sm btn-quiet", type="button", **{"data-undo": "on"}
        )
        buttons.append(undo)
    note = "" if standing == verdict.verdict else f"The model said {verdict.verdict}."
    return html.Div([*buttons, html.Span(note, className="text-secondary small")], className="decision")


def reason_chooser(wanted: str, reasons: Sequence[str]) -> Component:
    return html.Div(
        [
            html.Div(f"Why {wanted}? The reason stays beside the verdict.", className="small fw-semibold"),
            html.Div(
                [
                    html.Button(
                        [html.Kbd(str(number)), " ", reason],
                        id=ids.screening_reason(number),
                        className="btn btn-sm btn-secondary",
                        type="button",
                    )
                    for number, reason in enumerate(reasons, start=1)
                ],
                className="reason-buttons",
            ),
        ],
        className="reason-chooser",
        role="group",
        **{"aria-label": "Reason"},
    )


def override_history(overrides: Sequence[OverrideRow]) -> Component | None:
    if not overrides:
        return None
    return html.Ul(
        [
            html.Li(
                f"{o.by_name} decided {o.verdict} on {o.at:%d %b %Y, %H:%M}: {o.reason}"
                + (" (undone)" if o.undone_at else ""),
                className="text-decoration-line-through text-secondary" if o.undone_at else "",
            )
            for o in overrides
        ],
        className="plain-list small",
    )


def facts_in(sent_text: str) -> dict[str, str]:
    """The computed lines of what was sent, by the id that evidence names."""
    lines = (line.partition("] ") for line in sent_text.splitlines() if line.startswith("[fact."))
    return {name.removeprefix("["): words for name, _, words in lines}


def outcome_groups(outcomes: Sequence[Mapping[str, Any]], facts: Mapping[str, str]) -> list[Component]:
    groups = []
    for kind, words in KIND_WORDS.items():
        members = [outcome for outcome in outcomes if outcome.get("kind") == kind]
        if members:
            groups.append(html.H3(words, className="h6 mt-3"))
            groups.append(html.Ul([outcome_item(kind, outcome, facts) for outcome in members], className="outcomes"))
    return groups


def outcome_item(kind: str, outcome: Mapping[str, Any], facts: Mapping[str, str]) -> Component:
    status = str(outcome["status"])
    is_good = status == ("not_met" if kind == "exclude" else "met")
    tone = "chip-unsure" if status == "not_shown" else "chip-good" if is_good else "chip-bad"
    if kind == "nice" and status != "met":
        tone = ""
    evidence = [
        html.Blockquote(
            facts.get(piece["quote"].strip("[] "), piece["quote"]) if piece["source"] == "fact" else piece["quote"],
            className="evidence" if piece["source"] != "nowhere" else "evidence evidence-missing",
            title="Found in what was sent"
            if piece["source"] != "nowhere"
            else "Not found in what was sent: does not count",
            dir="auto",
        )
        for piece in outcome.get("evidence", [])
    ]
    return html.Li(
        [
            html.Span(STATUS_WORDS[status], className=f"chip {tone}"),
            html.Span(f" {outcome['text']}", dir="auto"),
            html.Span(f" · strength {outcome['strength']} of 3", className="text-secondary small")
            if kind == "must" and status == "met"
            else None,
            *criterion_notes(outcome),
            *evidence,
        ]
    )


def criterion_notes(outcome: Mapping[str, Any]) -> list[Component]:
    """What was computed about a criterion, and why it stands otherwise than the model said."""
    computed = [f"Computed from the dates: {finding}" for finding in outcome.get("findings", ())]
    claimed, status = outcome.get("claimed", outcome["status"]), outcome["status"]
    if claimed == status:
        return [html.Div(words, className="small text-secondary") for words in computed]
    if claimed == "met" and status == "not_shown":
        computed.append("The model called this met, but its evidence is not in what was sent.")
    else:
        computed.append(f"The model called this {STATUS_WORDS[claimed].lower()}; the dates count.")
    return [html.Div(words, className="criterion-note") for words in computed]


def record(verdict: ScreeningRow) -> Component:
    facts = [
        ("Asked by", f"{verdict.asked_by_name}, {verdict.created_at:%d %b %Y, %H:%M} UTC"),
        ("Position", f"Version {verdict.version_number}"),
        ("Model", " · ".join(part for part in (verdict.model, verdict.fingerprint) if part)),
        (
            "Tokens",
            f"{verdict.tokens_in:,} in ({verdict.tokens_cached:,} cached), {verdict.tokens_out:,} out,"
            f" {verdict.latency_ms / 1000:.1f} s",
        ),
        ("Cost", "no price" if verdict.cost_usd is None else f"${verdict.cost_usd.normalize():f}"),
        ("Profile", verdict.snapshot_hash[:16]),
        ("Text sent", verdict.text_sha256[:16]),
        ("Prompt", f"{verdict.prompt_version} · {verdict.prompt_hash[:16]}"),
    ]
    return html.Details(
        [
            html.Summary("What this verdict rests on"),
            html.Dl([part for name, value in facts for part in (html.Dt(name), html.Dd(value))], className="facts"),
            html.Div("Exactly this was sent; names, addresses and contact data were removed:", className="small"),
            html.Pre(verdict.sent_text, className="sent-text", dir="auto"),
            html.Div("The model's answer, as it came:", className="small"),
            html.Pre(verdict.raw_answer, className="sent-text", dir="auto"),
        ],
        className="record",
    )
