"""The table of candidates: its columns, one row of it, and the words around it."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import dash_ag_grid as dag
from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from pages.parts.shell import empty_state
from services.domain.candidate_view import SortName, View, show_view
from services.domain.dates import Month, months_between, show_months

BLOCK = 200
ANY = "any"  # a select shows nothing at all for an empty value
# Column of the grid -> sort of the view.
SORTED_COLUMNS: dict[str, SortName] = {
    "name": "name",
    "title": "title",
    "company": "company",
    "location": "location",
    "experience": "experience",
    "added": "added",
    "updated": "updated",
}
ENRICHMENT_WORDS = {
    "none": "Not enriched",
    "enriched": "Enriched",
    "not_found": "Not found",
    "failed": "Failed",
    "thin": "Thin",
}
FRESHNESS_WORDS = {"fresh": "Fresh (6 months)", "stale": "Stale", "never": "Never enriched"}
COLUMNS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("name", "Name", {"flex": 3, "minWidth": 150, "cellClass": "cell-name"}),
    ("title", "Title", {"flex": 4, "minWidth": 150}),
    ("company", "Company", {"flex": 3, "minWidth": 120}),
    ("location", "Location", {"flex": 3, "minWidth": 100}),
    ("in_role", "In role", {"width": 78, "sortable": False}),
    ("experience", "Experience", {"width": 102, "headerTooltip": "Civilian work, overlaps counted once"}),
    ("email", "E-mail", {"width": 72, "sortable": False}),
    ("enrichment", "Profile", {"width": 98, "sortable": False}),
    ("source", "Source", {"width": 90, "sortable": False}),
    ("added", "Added", {"width": 106}),
    ("updated", "Updated", {"width": 106}),
)


def candidate_grid(view: View) -> Component:
    """The grid without rows; it asks for them block by block, one at a time."""
    return dag.AgGrid(
        id=ids.CANDIDATES_GRID,
        className="candidates-grid",
        columnDefs=[column(name, label, more, view) for name, label, more in COLUMNS],
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "suppressHeaderMenuButton": True,
            "sortingOrder": ["asc", "desc"],
        },
        rowModelType="infinite",
        getRowId="params.data.id",
        style={"height": None},
        dashGridOptions={
            "rowBuffer": 10,
            "cacheBlockSize": BLOCK,
            "maxBlocksInCache": 20,
            # The component answers only the newest request: a second one in flight would starve the first.
            "maxConcurrentDatasourceRequests": 1,
            "blockLoadDebounceMillis": 60,
            "infiniteInitialRowCount": BLOCK,
            "rowSelection": {
                "mode": "multiRow",
                "checkboxes": True,
                "headerCheckbox": False,
                "enableClickSelection": False,
            },
            "selectionColumnDef": {"width": 42, "pinned": "left", "resizable": False},
            "multiSortKey": "ctrl",
            "suppressMultiSort": True,
            "suppressCellFocus": False,
            "suppressNoRowsOverlay": True,
            "tooltipShowDelay": 600,
            "enableCellTextSelection": True,
            "rowHeight": 34,
            "headerHeight": 36,
        },
    )


def column(name: str, label: str, more: dict[str, Any], view: View) -> dict[str, Any]:
    definition = {"field": name, "headerName": label, "tooltipField": name, **more}
    if SORTED_COLUMNS.get(name) == view.sort:
        definition["sort"] = "desc" if view.descending else "asc"
    return definition


def candidate_row(found: Sequence[Any], as_of: Month) -> dict[str, str]:
    """One row of the grid from a CandidateListing, as text; unknown is blank."""
    person, name, title, company, location, in_role, months, has_email, enrichment, source, added, updated = found
    return {
        "id": str(person),
        "name": name,
        "title": title,
        "company": company,
        "location": location,
        "in_role": "" if in_role is None else show_months(months_between(in_role, as_of)),
        "experience": "" if months is None else show_months(months),
        "email": "✓" if has_email else "",
        "enrichment": "" if enrichment == "none" else ENRICHMENT_WORDS[enrichment],
        "source": source,
        "added": added,
        "updated": updated,
    }


def count_words(total: int, is_exact: bool) -> str:
    """How many people; what is not exact is said with two figures only."""
    if is_exact:
        return "1 person" if total == 1 else f"{total:,} people"
    step = 10 ** max(0, len(str(total)) - 2)
    return f"about {round(total / step) * step:,} people"


def chips(view: View, list_names: dict[str, str]) -> list[Component]:
    """What the view asks for, each part with a button that takes it away."""
    return [
        html.Button(
            [html.Span(chip_words(name, value, list_names)), html.Span("×", **{"aria-hidden": "true"})],
            id=ids.candidates_chip(f"{name}={value}"),
            className="chip",
            type="button",
            title="Take this filter away",
        )
        for name, value in parse_qsl(show_view(view))
        if name not in ("q", "sort", "person", "row")
    ]


def chip_words(name: str, value: str, list_names: dict[str, str]) -> str:
    words = {
        "is_name": f"Name is {value}",
        "is_title": f"Title is {value}",
        "is_company": f"Company is {value}",
        "is_location": f"Location is {value}",
        "email": "E-mail known" if value == "yes" else "No e-mail",
        "enrichment": ENRICHMENT_WORDS.get(value, value),
        "fresh": FRESHNESS_WORDS.get(value, value),
        "source": f"From {value}",
        "list": f"On list {list_names.get(value, 'that is gone')}",
        "position": "Screened for a position",
        "verdict": f"Verdict {value}",
    }
    if name in words:
        return words[name]
    if name in ("months_from", "months_until"):
        return f"Experience {'at least' if name == 'months_from' else 'at most'} {show_months(int(value))}"
    if name in ("added_from", "added_until"):
        return f"Added {'from' if name == 'added_from' else 'until'} {value}"
    return f"{name.capitalize()}: {value}"


def nobody(view: View, found_by_text: str | None) -> Component:
    """What to do when the table is empty."""
    if view.asks_for_everybody:
        return empty_state(
            "Nobody is here yet. Import a CSV to begin.",
            dcc.Link("Import people", href="/imports", className="btn btn-primary"),
        )
    words = "Nobody matches."
    if found_by_text:
        words += f" The search text alone finds {found_by_text}: take a filter away."
    elif view.text:
        words += " Try fewer words, OR between alternatives, or a * at the end of a word."
    else:
        words += " Take a filter away, or widen one."
    return empty_state(words)
