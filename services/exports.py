"""Exports: candidates and their verdicts as a CSV file, streamed, however many there are.

The ids are read at once, in one short transaction, and wait on disk; the people are read in batches, each in
a transaction of its own. So a download as slow as its reader holds no connection, shows one moment's
selection in one order, and needs the memory of one batch (docs/exports.md).
"""

import csv
import io
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from services.clock import Clock
from services.db import accounts, candidates, lists, positions
from services.db import exports as db
from services.db.exports import ExportRow
from services.db.pool import Database, Tx
from services.db.usage import organization_time_zone
from services.domain.actors import Actor
from services.domain.candidate_view import View
from services.domain.dates import Month, month_of
from services.domain.headers import normal_header
from services.domain.runs import show_reason
from services.domain.spreadsheets import (
    BYTE_ORDER_MARK,
    EXPORT_COLUMNS,
    TENURE_COLUMNS,
    Cell,
    export_cell,
    ordered_columns,
)
from services.domain.time_zones import known_time_zone
from services.errors import BadInput, Busy, NotFound

T = TypeVar("T")

PEOPLE_A_BATCH: Final = 500
IDS_IN_MEMORY_BYTES: Final = 1 << 20
MOST_FURTHER_COLUMNS: Final = 200
MINUTES_TO_FIND_EVERYBODY: Final = 5
# A restart of the database takes seconds; a download waits for it rather than break off.
PAUSES_SECONDS: Final = (1.0, 2.0, 4.0, 8.0)
STANDINGS: Final = ("GO", "MAYBE", "NO GO", "failed", "refused", "skipped", "unknown", "waiting", "none")
VERDICTS: Final = STANDINGS[:3]

Reader = Callable[[ExportRow], Cell | datetime]

# Column -> what stands in it. The product's own columns; their order is ordered_columns' business.
PERSON_COLUMNS: Final[Mapping[str, Reader]] = {
    "first_name": lambda row: row.first_name,
    "last_name": lambda row: row.last_name,
    "name": lambda row: row.full_name,
    "email": lambda row: row.email,
    "all_emails": lambda row: row.all_emails,
    "linkedin_url": lambda row: row.profile_url,
    "location": lambda row: row.location,
    "school": lambda row: row.school,
    "current_title": lambda row: row.title,
    "current_company": lambda row: row.company,
    "headline": lambda row: row.headline,
}
VERDICT_COLUMNS: Final[Mapping[str, Reader]] = {
    "score": lambda row: row.score,
    "verdict": lambda row: row.standing if row.standing in VERDICTS else None,
    "summary": lambda row: row.summary,
    "reasons": lambda row: row.reasons,
    "model_verdict": lambda row: row.model_verdict,
    "override_reason": lambda row: row.override_reason,
    "override_by": lambda row: row.override_by,
    "nice_to_haves": lambda row: row.nice_tags,
    "nice_to_haves_met": lambda row: None if row.nice_met is None else f"{row.nice_met} of {row.nice_asked}",
    "standing": lambda row: row.standing,
    "failure": lambda row: show_reason(row.failure) if row.failure else None,
    "criteria_version": lambda row: row.version_number,
    "screened_on": lambda row: row.screened_at,
    "profile_summary": lambda row: row.profile_summary,
}
WITHOUT_VERDICT_COLUMNS: Final[Mapping[str, Reader]] = {
    "summary": lambda row: row.profile_summary,
}
FURTHER_COLUMNS: Final[Mapping[str, Reader]] = {
    "skills": lambda row: row.skills,
    "languages": lambda row: row.languages,
    "certifications": lambda row: row.certifications,
    "experience_months": lambda row: row.industry_months,
    "enrichment": lambda row: row.enrichment,
    "source": lambda row: row.source,
    "added_on": lambda row: row.created_at,
    "updated_on": lambda row: row.updated_at,
}
OWN_HEADERS: Final = frozenset(
    map(normal_header, (*EXPORT_COLUMNS, *VERDICT_COLUMNS, *FURTHER_COLUMNS, *TENURE_COLUMNS))
)


@dataclass(frozen=True)
class ExportOrder:
    """Who is wanted: a view, or given people, or a list; with a position also how they stand with it.

    A position alone means everybody it was screened for. `standings` needs a position; none means any.
    """

    list_id: UUID | None = None
    position_id: UUID | None = None
    standings: tuple[str, ...] = ()
    candidate_ids: tuple[int, ...] = ()
    view: View | None = None


@dataclass(frozen=True)
class Export:
    """A file to be: its name without ending, how many people it holds, and its text in pieces.

    Whoever does not read all pieces closes it.
    """

    name: str
    people: int
    pieces: Iterator[str]
    close: Callable[[], None]


@dataclass
class ExportedIds:
    """Candidate ids in order, on disk once there are many."""

    file: SpooledTemporaryFile[bytes] = field(
        default_factory=lambda: SpooledTemporaryFile(max_size=IDS_IN_MEMORY_BYTES)  # noqa: SIM115  # closed with the export
    )
    count: int = 0

    def add(self, ids: Sequence[int]) -> None:
        self.file.write(array("q", ids).tobytes())
        self.count += len(ids)

    def batches(self) -> Iterator[list[int]]:
        self.file.seek(0)
        while part := self.file.read(PEOPLE_A_BATCH * array("q").itemsize):
            ids = array("q")
            ids.frombytes(part)
            yield ids.tolist()


@dataclass(frozen=True)
class Exports:
    """Everybody may take out what they may see; who took how many of what is noted.

    `stored_filters` turns a view into what the search functions take (services.candidates).
    """

    database: Database
    clock: Clock
    stored_filters: Callable[[View, datetime], candidates.Filters]

    def candidates(self, actor: Actor, order: ExportOrder) -> Export:
        """Find the people and note the export; its text is read while it is sent.

        Raises BadInput for an order that contradicts itself, and NotFound for a list or position that the
        organization does not have.
        """
        check(order)
        ids = ExportedIds()
        try:
            with self.database.act_as(actor) as tx:
                zone = ZoneInfo(known_time_zone(organization_time_zone(tx)))
                name, about = self.named(tx, order, zone)
                candidates.allow_minutes(tx, MINUTES_TO_FIND_EVERYBODY)
                for some in self.found_ids(tx, order):
                    ids.add(some)
                detail = {"people": ids.count, "standings": list(order.standings)}
                accounts.insert_audit_event(tx, "exported", about, detail)
        except BaseException:
            ids.file.close()
            raise
        return Export(name, ids.count, self.pieces(actor, ids, position_of(order), zone), ids.file.close)

    def note_usage(self, actor: Actor, rows: int) -> None:
        """Note that usage figures were taken out."""
        with self.database.act_as(actor) as tx:
            accounts.insert_audit_event(tx, "exported", "usage", {"rows": rows})

    def named(self, tx: Tx, order: ExportOrder, zone: ZoneInfo) -> tuple[str, str]:
        """What the file is called, and what the export is about in the organization's history. Raises NotFound."""
        names, about = [], "candidates"
        if order.list_id:
            found = lists.find_list(tx, order.list_id)
            if found is None:
                raise NotFound("This list does not exist (any more).")
            names, about = [found.name], f"list:{order.list_id}"
        position_id = position_of(order)
        if position_id:
            latest = positions.latest_version_id(tx, position_id)
            version = positions.find_version(tx, latest) if latest else None
            if version is None:
                raise NotFound("This position does not exist (any more).")
            names, about = [*names, version.title], f"position:{position_id}"
        today = self.clock.now().astimezone(zone).date()
        return " – ".join([*(names or ["Candidates"]), today.isoformat()]), about

    def found_ids(self, tx: Tx, order: ExportOrder) -> Iterator[list[int]]:
        if order.view is not None:
            filters = self.stored_filters(order.view, self.clock.now())
            return db.ids_matching(tx, filters, order.view.sort, order.view.descending)
        if order.position_id and (order.standings or not order.candidate_ids):
            return db.ids_of_position(tx, order.position_id, order.list_id, order.candidate_ids, order.standings)
        if order.candidate_ids:
            return db.ids_given(tx, order.candidate_ids)
        assert order.list_id is not None  # check() refused an order for nobody
        return db.ids_of_list(tx, order.list_id)

    def pieces(self, actor: Actor, ids: ExportedIds, position_id: UUID | None, zone: ZoneInfo) -> Iterator[str]:
        """The file's text; the first piece comes before anything is read, so that the browser knows of it at once."""
        as_of = month_of(self.clock.now().date())
        with ids.file:
            yield BYTE_ORDER_MARK
            columns = columns_of(position_id is not None, as_of, self.further_headers(actor, ids))
            yield csv_lines([list(columns)])
            for batch in ids.batches():
                rows = self.patiently(actor, partial(db.people, candidate_ids=batch, position_id=position_id))
                yield csv_lines(
                    [export_cell(name, cell_of(read(row), zone)) for name, read in columns.items()] for row in rows
                )

    def further_headers(self, actor: Actor, ids: ExportedIds) -> list[str]:
        """Under which headers the imports of these people told more than we have columns for, sorted."""
        found: dict[str, None] = {}
        for batch in ids.batches():
            headers = self.patiently(actor, partial(db.further_headers, candidate_ids=batch))
            found |= dict.fromkeys(header for header in sorted(headers) if normal_header(header) not in OWN_HEADERS)
            if len(found) >= MOST_FURTHER_COLUMNS:
                break
        return sorted(list(found)[:MOST_FURTHER_COLUMNS], key=str.casefold)

    def patiently(self, actor: Actor, read: Callable[[Tx], T]) -> T:
        """Read in a transaction of its own, again after a pause while the database restarts. Raises Busy."""
        for pause in PAUSES_SECONDS:
            try:
                with self.database.act_as(actor) as tx:
                    return read(tx)
            except Busy:
                self.clock.sleep(pause)
        with self.database.act_as(actor) as tx:
            return read(tx)


def check(order: ExportOrder) -> None:
    """Raises BadInput unless the order says exactly one thing."""
    ways = [order.view is not None, bool(order.candidate_ids), order.list_id is not None]
    if sum(ways) > 1:
        raise BadInput("Export a view, some people or a list: only one of them at a time.")
    if not any(ways) and order.position_id is None:
        raise BadInput("Choose what to export: a list, a position, some people or what is shown.")
    if not set(order.standings) <= set(STANDINGS):
        raise BadInput("This filter does not exist. Choose from the verdicts shown.", "standing")
    if order.standings and (order.position_id is None or order.view is not None):
        raise BadInput("Verdicts belong to a position. Choose the position whose results you want.", "standing")


def position_of(order: ExportOrder) -> UUID | None:
    """The position whose verdicts are written: the one asked for, or the one the view filters by."""
    return order.position_id or (order.view.filters.position_id if order.view else None)


def columns_of(with_verdicts: bool, as_of: Month, further: Iterable[str]) -> dict[str, Reader]:
    """The file's columns in order, each with what to write there; tenures are as of a month."""
    readers: dict[str, Reader] = {
        **PERSON_COLUMNS,
        **(VERDICT_COLUMNS if with_verdicts else WITHOUT_VERDICT_COLUMNS),
        "current_months_in_role": lambda row: months_since(row.role_start, as_of),
        "current_months_at_company": lambda row: months_since(row.company_start, as_of),
        **FURTHER_COLUMNS,
    }
    for header in further:
        readers[header] = partial(import_said, header)
    return {name: readers[name] for name in ordered_columns(readers)}


def import_said(header: str, row: ExportRow) -> Cell:
    return row.extra.get(header)


def months_since(start: int | None, as_of: Month) -> int | None:
    return None if start is None else as_of - start


def cell_of(value: Cell | datetime, zone: ZoneInfo) -> Cell:
    """What is written of a value: of a moment the calendar day that it falls on in the organization's time zone."""
    return value.astimezone(zone).date().isoformat() if isinstance(value, datetime) else value


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
