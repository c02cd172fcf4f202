"""Imports drawn: the columns of a file, the outcome, the rejected rows, the recent ones."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import Content, card, empty_state, page_header, stacked_table
from pages.parts.times import show_when, when_words, zone_name, zone_note
from services.domain.headers import HeaderMapping, Note, Target
from services.domain.imports import (
    CHOICES,
    NUL_SIGN,
    Column,
    ImportPreview,
    ImportRecord,
    PossibleDuplicate,
    Reject,
    first_column,
)

REJECTS_A_PAGE = 100
LONGEST_LABEL = 60
NO_COLUMN = "none"
# Shown first even where a file has no column for them.
USUAL = (
    Target.PROFILE_URL,
    Target.FULL_NAME,
    Target.FIRST_NAME,
    Target.LAST_NAME,
    Target.TITLE,
    Target.COMPANY,
    Target.LOCATION,
    Target.EMAIL,
)
STATE_WORDS = {
    "uploaded": ("Waits for you", "tag tag-unsure"),
    "importing": ("Importing", "tag"),
    "done": ("Imported", "tag tag-good"),
    "failed": ("Failed", "tag tag-bad"),
    "discarded": ("Discarded", "tag"),
}


def show_bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{max(1, size // 1000)} kB"


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def limit_hint(limit_bytes: int) -> Component:
    """How large a file may be; assets/uploads.js reads the attribute."""
    words = f"CSV or TSV in UTF-8, up to {limit_bytes // 1_000_000} MB."
    return html.Span(words, **{"data-upload-limit": str(limit_bytes)})


# Recent imports


def recent_imports(records: Sequence[ImportRecord], time_zone: str) -> Component:
    if not records:
        return empty_state(
            "Nothing was imported yet. Exports of LinkedIn connections, GEM and PhantomBuster are understood as they"
            " are."
        )
    columns = ("File", "State", "List", "Rows", "By", "When")
    rows = [recent_cells(record, time_zone) for record in records]
    return card("Recent imports", [stacked_table(columns, rows), zone_note(time_zone)])


def recent_cells(record: ImportRecord, time_zone: str) -> list[Content]:
    words, tag = STATE_WORDS[record.state]
    return [
        dcc.Link(record.file_name, href=f"/imports/{record.id}"),
        html.Span(words, className=tag),
        dcc.Link(record.list_name, href=f"/lists/{record.list_id}") if record.list_id else "–",
        f"{record.rows:,}" if record.state == "done" else "–",
        record.user_name,
        html.Span(show_when(record.created_at, time_zone), className="text-nowrap"),
    ]


# Before the import


def column_form(preview: ImportPreview, time_zone: str) -> Component:
    record = preview.record
    uploaded = f"{when_words(record.created_at, time_zone)} ({zone_name(time_zone)})"
    return html.Div(
        [
            page_header(
                record.file_name,
                f"{show_bytes(record.file_bytes)}, uploaded {uploaded} by {record.user_name}."
                " Nothing has been imported yet.",
            ),
            same_file_warning(preview.before, time_zone) if preview.before else None,
            None if preview.mapping.names_people else no_address_warning(),
            card("Columns", column_choices(preview)),
        ]
    )


def same_file_warning(before: ImportRecord, time_zone: str) -> Component:
    return html.Div(
        [
            f"This very file was imported before, by {before.user_name} on "
            f"{when_words(before.finished_at or before.created_at, time_zone)}, into ",
            dcc.Link(before.list_name, href=f"/lists/{before.list_id}"),
            ". Importing it again changes no person.",
        ],
        className="callout",
        role="note",
    )


def no_address_warning() -> Component:
    return html.Div(
        "No column with LinkedIn addresses was recognised. Choose it below at “Profile address”.",
        className="callout",
        role="alert",
    )


def column_choices(preview: ImportPreview) -> Component:
    mapping = preview.mapping
    shown = [target for target in CHOICES if target in USUAL or first_column(mapping, target) is not None]
    shown.sort(key=lambda target: USUAL.index(target) if target in USUAL else len(USUAL))
    hidden = [target for target in CHOICES if target not in shown]
    return html.Div(
        [
            choice_rows(preview, shown),
            html.Details(
                [
                    html.Summary(counted(len(hidden), "more field"), className="btn btn-quiet"),
                    choice_rows(preview, hidden),
                ],
                className="mt-2",
            ),
            numbered_columns(mapping),
            ignored_columns(mapping),
        ]
    )


def choice_rows(preview: ImportPreview, targets: Iterable[Target]) -> Component:
    return html.Div([part for target in targets for part in choice_row(preview, target)], className="column-choices")


def choice_row(preview: ImportPreview, target: Target) -> tuple[Component, ...]:
    columns = [{"label": "— none —", "value": NO_COLUMN}]
    columns += [{"label": column_label(column), "value": str(column.index)} for column in preview.columns]
    index = first_column(preview.mapping, target)
    control = dbc.Select(
        id=ids.import_column(target.value),
        options=columns,
        value=NO_COLUMN if index is None else str(index),
    )
    return (
        html.Label(target.label, htmlFor=element_id(ids.import_column(target.value)), className="form-label"),
        control,
        html.Div(
            column_samples(preview, target, index), id=ids.import_samples(target.value), className="column-samples"
        ),
    )


def element_id(pattern: dict[str, str]) -> str:
    """What Dash writes into the page for a patterned id."""
    return json.dumps(pattern, sort_keys=True, separators=(",", ":"))


def column_label(column: Column) -> str:
    return (column.header or f"Column {column.index + 1} (no header)")[:LONGEST_LABEL]


def column_samples(preview: ImportPreview, target: Target, index: int | None) -> str:
    """Some cells of a column; and, where nothing was changed, the columns that are asked after it."""
    if index is None:
        return "left empty"
    samples = " · ".join(preview.columns[index].samples) or "no values in the first rows"
    if NUL_SIGN in samples:
        samples += f" ({NUL_SIGN} is a NUL byte: its row will be rejected)"
    if index != first_column(preview.mapping, target):
        return samples
    further = [c.index for c in preview.mapping.mapped if c.target is target and c.index != index]
    if not further:
        return samples
    return f"{samples} (where blank: {', '.join(preview.mapping.headers[i] for i in further)})"


def numbered_columns(mapping: HeaderMapping) -> Component | None:
    groups = Counter(c.target.value.partition("_")[0] for c in mapping.mapped if c.target.is_numbered)
    if not groups:
        return None
    names = {"job": "jobs", "education": "education", "skill": "skills"}
    parts = ", ".join(f"{counted(count, 'column')} of {names[group]}" for group, count in groups.items())
    return html.P(f"Also read, by the numbers in their headers: {parts}.", className="mt-3 mb-0")


def ignored_columns(mapping: HeaderMapping) -> Component | None:
    if not mapping.ignored:
        return None
    items = [
        html.Li([html.Strong(mapping.headers[c.index] or f"Column {c.index + 1}"), f": {c.reason.sentence}"])
        for c in mapping.ignored
    ]
    return html.Details(
        [
            html.Summary(f"Not used: {counted(len(items), 'column')}", className="btn btn-quiet"),
            html.Ul(items, className="mt-2"),
        ],
        className="mt-2",
    )


# Afterwards


def outcome(
    record: ImportRecord, rejects: Sequence[Reject], pairs: Sequence[PossibleDuplicate], after: int, time_zone: str
) -> Component:
    return html.Div(
        [
            page_header(
                record.file_name,
                f"Imported {when_words(record.finished_at or record.created_at, time_zone)} by {record.user_name}"
                f" into “{record.list_name}”.",
                [
                    dcc.Link("Import another file", href="/imports", className="btn btn-quiet"),
                    dcc.Link("The list", href=f"/lists/{record.list_id}", className="btn btn-secondary"),
                    dcc.Link("See candidates", href=f"/candidates?list={record.list_id}", className="btn btn-primary"),
                ],
            ),
            counts(record),
            rejected_rows(record, rejects, after) if record.rejected else None,
            possible_duplicates(pairs) if pairs else None,
            notes(record) if record.notes else None,
            zone_note(time_zone),
        ]
    )


def counts(record: ImportRecord) -> Component:
    cards = [
        (record.rows, "rows in the file"),
        (record.added, "people added"),
        (record.updated, "people updated"),
        (record.merged, "rows with nothing new: repeated in the file, or known already"),
        (record.rejected, "rows rejected"),
    ]
    return html.Dl(
        [html.Div([html.Dt(words), html.Dd(f"{count:,}")], className="count-card") for count, words in cards],
        className="count-cards",
    )


def rejected_rows(record: ImportRecord, rejects: Sequence[Reject], after: int) -> Component:
    head = [html.Th(words) for words in ("Row", "Column", "Reason", "The row begins with")]
    rows = [
        html.Tr(
            [
                html.Td(f"{reject.row_number:,}"),
                html.Td(reject.field or "–"),
                html.Td(reject.reason),
                html.Td(reject.excerpt or "–", className="column-samples"),
            ]
        )
        for reject in rejects
    ]
    pages = [
        dcc.Link("First rows", href=f"/imports/{record.id}", className="btn btn-quiet") if after else None,
        dcc.Link("Next rows", href=f"/imports/{record.id}?after={rejects[-1].row_number}", className="btn btn-quiet")
        if len(rejects) == REJECTS_A_PAGE
        else None,
    ]
    return card(
        counted(record.rejected, "rejected row"),
        [
            html.P(
                [
                    "Row numbers are those a spreadsheet shows. Correct the file and import it again; who is known"
                    " already is not added twice. ",
                    html.A("Download all as CSV", href=f"/uploads/{record.id}/rejected.csv"),
                ]
            ),
            html.Div(
                html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)], className="table"), className="table-wrap"
            ),
            html.Div(pages),
        ],
    )


def possible_duplicates(pairs: Sequence[PossibleDuplicate]) -> Component:
    items = [
        html.Li(
            [
                f"Row {pair.row_number:,}: " if pair.row_number else "",
                dcc.Link(pair.full_name or pair.profile_url, href=f"/candidates?person={pair.candidate_id}"),
                " and ",
                dcc.Link(pair.other_name or pair.other_url, href=f"/candidates?person={pair.other_id}"),
            ]
        )
        for pair in pairs
    ]
    return card(
        "Possible duplicates",
        [
            html.P(
                "A row named two people you had already. They were left as two; the row went to the one it names first."
            ),
            html.Ul(items),
        ],
    )


def notes(record: ImportRecord) -> Component:
    items = [
        html.Li(
            f"{note['field']}: {Note(note['note']).sentence}"
            f" {counted(note['rows'], 'row')}, the first is row {note['first_row']:,}."
        )
        for note in record.notes
    ]
    return card("Left out of imported rows", html.Ul(items, className="mb-0"))


def not_waiting(record: ImportRecord) -> Component:
    words, _ = STATE_WORDS[record.state]
    return html.Div(
        [
            page_header(record.file_name, f"This upload is {words.lower()}."),
            empty_state(
                "Nothing of it was imported.", dcc.Link("Upload a file", href="/imports", className="btn btn-primary")
            ),
        ]
    )


def missing_import(words: str) -> Component:
    return html.Div(
        [
            page_header("Import"),
            empty_state(words, dcc.Link("All imports", href="/imports", className="btn btn-primary")),
        ]
    )
