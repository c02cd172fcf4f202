"""Candidates in the database: searching, one person, lists of them, and erasing one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from services.db.pool import Tx, translate
from services.db.sql import queries
from services.errors import Conflict

Q = queries("candidates")

Filters = dict[str, object]
# What stands between the parts of `listing()`; the table takes no text that holds it.
BETWEEN_PARTS = "\x1f"
LISTING_PARTS = 12
# One statement and its parameters in, its rows out: within a transaction, or as one (Database.ask).
Ask = Callable[[sql.SQL, Mapping[str, object]], list[TupleRow]]


class CandidateListing(NamedTuple):
    """One row of the grid; `role_start` is year*12+month, days are UTC's, as YYYY-MM-DD.

    A tuple with days as text, because a hundred are made for each block and nothing is computed from them.
    """

    id: int
    full_name: str
    title: str
    company: str
    location: str
    role_start: int | None
    industry_months: int | None
    has_email: bool
    enrichment: str
    source: str
    added_on: str
    updated_on: str


@dataclass(frozen=True)
class FoundBlock:
    """People in order, and how many match altogether: exactly, or as far as the planner expects."""

    rows: list[CandidateListing]
    total: int
    total_is_exact: bool


@dataclass(frozen=True)
class Count:
    """How many match; not exact beyond the number asked for."""

    total: int
    total_is_exact: bool


@dataclass(frozen=True)
class CandidateRecord:
    """One person as stored; `profile` is JSON that services.db.candidate_rows reads."""

    id: int
    profile_url: str
    full_name: str
    headline: str
    title: str
    company: str
    location: str
    role_start: int | None
    industry_months: int | None
    enrichment: str
    attempted_at: datetime | None
    enriched_at: datetime | None
    source: str
    created_at: datetime
    updated_at: datetime
    profile: dict[str, Any]
    payloads: int


@dataclass(frozen=True)
class KnownEmail:
    """An address, what kind it is and who said so."""

    email: str
    kind: str
    source: str


@dataclass(frozen=True)
class CandidateSource:
    """One arrival of a person: the source, and the file and row if it was an import."""

    source: str
    at: datetime
    file_name: str
    row_number: int | None


@dataclass(frozen=True)
class ListName:
    """A list by id and name."""

    id: UUID
    name: str


@dataclass(frozen=True)
class PastScreening:
    """The newest screening for one position; `decided` is what a person decided instead."""

    id: int
    position_id: UUID
    position_title: str
    verdict: str
    score: int
    summary: str
    created_at: datetime
    decided: str | None
    reason: str


@dataclass(frozen=True)
class Payload:
    """What a provider sent, as text; `length` is that of the whole."""

    source: str
    fetched_at: datetime
    text: str
    length: int


def search_candidates(ask: Ask, filters: Filters, sort: str, descending: bool, first: int, size: int) -> FoundBlock:
    """The `size` people from place `first` (from 0) on, and the total."""
    parameters = {"filters": Jsonb(filters), "sort": sort, "descending": descending, "first": first, "size": size}
    people, total, is_exact = ask(Q["search_candidates"], parameters)[0]
    parts = iter(people.split(BETWEEN_PARTS) if people else ())
    return FoundBlock([read_listing(person) for person in zip(*[parts] * LISTING_PARTS, strict=True)], total, is_exact)


def read_listing(parts: tuple[str, ...]) -> CandidateListing:
    """One person from the parts of `listing()` (migration 0010)."""
    person, name, title, company, location, role_start, months, has_email, enrichment, source, added, updated = parts
    return CandidateListing(
        int(person),
        name,
        title,
        company,
        location,
        int(role_start) if role_start else None,
        int(months) if months else None,
        has_email == "true",
        enrichment,
        source,
        added,
        updated,
    )


def count_candidates(tx: Tx, filters: Filters, most: int) -> Count:
    with tx.cursor(row_factory=class_row(Count)) as cursor:
        found = cursor.execute(Q["count_candidates"], {"filters": Jsonb(filters), "most": most}).fetchone()
    assert found is not None  # a function with OUT parameters answers with one row
    return found


def find_candidate(tx: Tx, candidate_id: int) -> CandidateRecord | None:
    with tx.cursor(row_factory=class_row(CandidateRecord)) as cursor:
        return cursor.execute(Q["find_candidate"], {"id": candidate_id}).fetchone()


def emails_of(tx: Tx, candidate_id: int) -> list[KnownEmail]:
    with tx.cursor(row_factory=class_row(KnownEmail)) as cursor:
        return cursor.execute(Q["emails_of"], {"id": candidate_id}).fetchall()


def sources_of(tx: Tx, candidate_id: int) -> list[CandidateSource]:
    with tx.cursor(row_factory=class_row(CandidateSource)) as cursor:
        return cursor.execute(Q["sources_of"], {"id": candidate_id}).fetchall()


def lists_of(tx: Tx, candidate_id: int) -> list[ListName]:
    with tx.cursor(row_factory=class_row(ListName)) as cursor:
        return cursor.execute(Q["lists_of"], {"id": candidate_id}).fetchall()


def screenings_of(tx: Tx, candidate_id: int) -> list[PastScreening]:
    with tx.cursor(row_factory=class_row(PastScreening)) as cursor:
        return cursor.execute(Q["screenings_of"], {"id": candidate_id}).fetchall()


def newest_payload(tx: Tx, candidate_id: int, longest: int) -> Payload | None:
    with tx.cursor(row_factory=class_row(Payload)) as cursor:
        return cursor.execute(Q["newest_payload"], {"id": candidate_id, "longest": longest}).fetchone()


def open_lists(tx: Tx, most: int) -> list[ListName]:
    with tx.cursor(row_factory=class_row(ListName)) as cursor:
        return cursor.execute(Q["open_lists"], {"most": most}).fetchall()


def candidate_sources(tx: Tx) -> list[str]:
    return [row[0] for row in tx.execute(Q["candidate_sources"]).fetchall()]


def list_is_open(tx: Tx, list_id: UUID) -> bool:
    row = tx.execute(Q["list_is_open"], {"list_id": list_id}).fetchone()
    return bool(row and row[0])


def add_matching_to_list(tx: Tx, list_id: UUID, filters: Filters, sort: str, descending: bool) -> int:
    """Returns how many were not on the list before."""
    parameters = {"list_id": list_id, "filters": Jsonb(filters), "sort": sort, "descending": descending}
    return tx.execute(Q["add_matching_to_list"], parameters).rowcount


def allow_minutes(tx: Tx, minutes: int) -> None:
    tx.execute(Q["allow_minutes"], {"minutes": str(minutes)})


def live_runs_of(tx: Tx, candidate_id: int) -> list[str]:
    return [row[0] for row in tx.execute(Q["live_runs_of"], {"id": candidate_id}).fetchall()]


def erase_candidate(tx: Tx, candidate_id: int) -> bool:
    """Whether there was such a person; raises Conflict while a run still works on them."""
    try:
        row = tx.execute(Q["erase_candidate"], {"id": candidate_id}).fetchone()
    except psycopg.errors.CheckViolation as error:
        busy = Conflict("A run still works on this person. Stop it or wait for its end, then delete.")
        raise translate(error, {"candidate_in_live_run": busy}) from error
    return bool(row and row[0])


def note_erasure(tx: Tx, candidate_id: int) -> None:
    tx.execute(Q["note_erasure"], {"id": candidate_id})
