"""The verdict card: what the model found about one person, with its evidence, and what people decided."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from pages.parts.screening_parts import VERDICT_CLASSES, VERDICTS
from pages.parts.times import show_when, zone_name
from services.domain.screenings import OverrideRow, ScreeningRow

VERDICT_KEYS = {"GO": "y", "MAYBE": "m", "NO GO": "n"}
STATUS_WORDS = {"met": "Met", "not_met": "Not met", "not_shown": "Not shown"}
KIND_WORDS = {"must": "Must-haves", "exclude": "Exclusions", "nice": "Nice-to-haves"}


def no_card() -> Component:
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
    time_zone: str,
) -> Component:
    return html.Article(
        [
            card_head(verdict, standing),
            decision_buttons(verdict, standing, may_undo),
            asks_reason,
            override_history(overrides, time_zone),
            html.P(verdict.summary, className="verdict-summary", dir="auto") if verdict.summary else None,
            html.Ul([html.Li(reason, dir="auto") for reason in verdict.reasons], className="reasons")
            if verdict.reasons
            else None,
            *outcome_groups(verdict.outcomes, facts_in(verdict.sent_text)),
            *outcome_groups(verdict.extras_outcomes or [], facts_in(verdict.sent_text)),
            record(verdict, time_zone),
        ],
        className="block verdict-card",
        **{"data-screening": str(verdict.id)},
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
            className="btn btn-sm " + ("btn-primary" if name == standing else "btn-secondary"),
            type="button",
            **{"data-verdict": name, "aria-pressed": "true" if name == standing else "false"},
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
                        className="btn btn-sm btn-secondary",
                        type="button",
                        **{"data-reason": str(number)},
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


def override_history(overrides: Sequence[OverrideRow], time_zone: str) -> Component | None:
    if not overrides:
        return None
    return html.Ul(
        [
            html.Li(
                [
                    f"{o.by_name} decided {o.verdict} on ",
                    show_when(o.at, time_zone),
                    f": {o.reason}" + (" (undone)" if o.undone_at else ""),
                ],
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


def record(verdict: ScreeningRow, time_zone: str) -> Component:
    facts = [
        ("Asked by", verdict.asked_by_name),
        ("Asked at", html.Span([show_when(verdict.created_at, time_zone), f" ({zone_name(time_zone)})"])),
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
