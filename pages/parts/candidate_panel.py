"""The side panel: one person in full, beside the table."""

from typing import Any
from urllib.parse import urlencode

from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.candidate_table import ENRICHMENT_WORDS
from pages.parts.times import day_words
from services.domain.dates import parse_month, show_month, show_months
from services.domain.profiles import School


def person_panel(person: Any, may_delete: bool, time_zone: str) -> list[Component]:
    """Everything known of a person; all of it is text, whatever a profile says."""
    return [
        person_head(person),
        facts(person, time_zone),
        section("Verdicts", [verdict(screening, time_zone) for screening in person.screenings]),
        section("History", [job(timed) for timed in person.history]),
        section("Time at each company", tenures(person)),
        section("Education", [school(entry) for entry in person.profile.schools]),
        section("Skills", skill_chips(person.profile.skills)),
        section("Summary", [html.P(person.profile.summary, className="pre-line")] if person.profile.summary else []),
        section("Languages", words(person.profile.languages)),
        section("Certifications", words(person.profile.certifications)),
        section("E-mails", [email(entry) for entry in person.emails]),
        section("Lists", [list_link(entry) for entry in person.lists]),
        section("Sources", [source(entry, time_zone) for entry in person.sources]),
        raw_payload() if person.has_payload else None,
        deletion() if may_delete else None,
    ]


def person_head(person: Any) -> Component:
    at = " · ".join(part for part in (person.title, person.company) if part)
    return html.Div(
        [
            html.H2(person.name or "Name unknown", className="panel-name", dir="auto"),
            html.P(at, dir="auto") if at else None,
            html.P(person.headline, className="text-secondary", dir="auto") if person.headline else None,
            html.P(person.location, className="text-secondary", dir="auto") if person.location else None,
            html.Div(
                [
                    html.A(
                        "Open profile ↗",
                        href=person.profile_url,
                        target="_blank",
                        rel="noopener noreferrer",
                        className="btn btn-quiet",
                    )
                    if person.profile_url
                    else None,
                    html.Button(
                        "Copy link", className="btn btn-quiet", type="button", **{"data-copy-person": str(person.id)}
                    ),
                    dcc.Link(
                        "Same company",
                        href="/candidates?" + urlencode({"is_company": person.company}),
                        className="btn btn-quiet",
                    )
                    if person.company
                    else None,
                ],
                className="panel-actions",
            ),
        ]
    )


def facts(person: Any, time_zone: str) -> Component:
    rows = [
        ("Industry experience", show_months(person.industry_months) if person.industry_months is not None else ""),
        ("Profile", enrichment_words(person, time_zone)),
    ]
    return html.Dl(
        [part for name, value in rows if value for part in (html.Dt(name), html.Dd(value))], className="facts"
    )


def enrichment_words(person: Any, time_zone: str) -> str:
    when = person.enriched_at or person.attempted_at
    return ENRICHMENT_WORDS[person.enrichment] + (f", {day_words(when, time_zone)}" if when else "")


def section(title: str, content: list[Component]) -> Component | None:
    if not content:
        return None
    return html.Section([html.H3(title, className="panel-title"), *content])


def job(timed: Any) -> Component:
    role = timed.job
    ended = "today" if timed.is_current else written_month(role.end)
    dates = " – ".join(part for part in (written_month(role.start), ended) if part)
    lasted = show_months(timed.months) if timed.months is not None else "length unknown"
    return html.Div(
        [
            html.Div([html.Strong(role.title or "Title unknown", dir="auto"), html.Span(lasted, className="lasted")]),
            html.Div(role.company, dir="auto"),
            html.Div(" · ".join(part for part in (dates, role.location) if part), className="text-secondary"),
            html.P(role.description, className="pre-line", dir="auto") if role.description else None,
        ],
        className="entry",
    )


def written_month(text: str) -> str:
    """A date of a history as a month; what cannot be read stays as its source wrote it."""
    month = parse_month(text)
    return text if month is None else show_month(month)


def tenures(person: Any) -> list[Component]:
    return [
        html.Div(
            [
                html.Span(tenure.company or "Company unknown", dir="auto"),
                html.Span(tenure_words(tenure), className="lasted"),
            ],
            className="entry",
        )
        for tenure in person.tenures
    ]


def tenure_words(tenure: Any) -> str:
    if tenure.is_complete:
        return show_months(tenure.months)
    return f"at least {show_months(tenure.months)}" if tenure.months else "length unknown"


def school(entry: School) -> Component:
    years = " – ".join(str(year) for year in (entry.start_year, entry.end_year) if year)
    study = ", ".join(part for part in (entry.degree, entry.field_of_study) if part)
    return html.Div(
        [
            html.Strong(entry.name or "School unknown", dir="auto"),
            html.Div(study, dir="auto"),
            html.Div(years, className="text-secondary"),
        ],
        className="entry",
    )


def skill_chips(skills: tuple[str, ...]) -> list[Component]:
    return (
        [html.Div([html.Span(skill, className="chip", dir="auto") for skill in skills], className="chips")]
        if skills
        else []
    )


def words(entries: tuple[str, ...]) -> list[Component]:
    return [html.P(", ".join(entries), dir="auto")] if entries else []


def email(entry: Any) -> Component:
    about = ", ".join(part for part in (entry.kind if entry.kind != "unknown" else "", entry.source) if part)
    return html.Div(
        [html.Span(entry.email), html.Span(about, className="text-secondary")], className="entry entry-line"
    )


def verdict(screening: Any, time_zone: str) -> Component:
    decided = screening.decided or screening.verdict
    return html.Div(
        [
            html.Div(
                [
                    html.Span(decided, className=f"verdict verdict-{decided.lower().replace(' ', '-')}"),
                    html.Span(f"{screening.score}/10"),
                    dcc.Link(screening.position_title, href=f"/positions/{screening.position_id}"),
                ],
                className="entry-line",
            ),
            html.Div(f"You decided; the model said {screening.verdict}. {screening.reason}")
            if screening.decided
            else None,
            html.P(screening.summary, dir="auto") if screening.summary else None,
            html.Div(day_words(screening.created_at, time_zone), className="text-secondary"),
        ],
        className="entry",
    )


def list_link(entry: Any) -> Component:
    return html.Div(dcc.Link(entry.name, href=f"/candidates?list={entry.id}"), className="entry")


def source(entry: Any, time_zone: str) -> Component:
    where = f"{entry.file_name}, row {entry.row_number}" if entry.file_name and entry.row_number else entry.file_name
    parts = (entry.source, where, day_words(entry.at, time_zone))
    return html.Div(" · ".join(part for part in parts if part), className="entry")


def raw_payload() -> Component:
    return html.Details(
        [
            html.Summary("What the provider sent"),
            html.Button("Show", id=ids.CANDIDATES_PAYLOAD_SHOW, className="btn btn-quiet", type="button"),
            html.Div(id=ids.CANDIDATES_PAYLOAD),
        ],
        className="panel-raw",
    )


def payload_text(payload: Any, time_zone: str) -> Component:
    cut = payload.length > len(payload.text)
    return html.Div(
        [
            html.Div(f"{payload.source}, {day_words(payload.fetched_at, time_zone)}", className="text-secondary"),
            html.Pre(payload.text, tabIndex="0"),
            html.Div("The rest is left out here.") if cut else None,
        ]
    )


def deletion() -> Component:
    return html.Details(
        [
            html.Summary("Delete this person"),
            html.P(
                "Removes the profile, addresses, verdicts and texts of this person for good. What was paid stays in"
                " Usage, without a name."
            ),
            dcc.Checklist([{"label": " I am sure", "value": "sure"}], [], id=ids.CANDIDATES_DELETE_SURE),
            html.Button("Delete for good", id=ids.CANDIDATES_DELETE, className="btn btn-outline-danger", type="button"),
        ],
        className="panel-raw",
    )
