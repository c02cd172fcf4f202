"""Exports read from the database: the ids of whom they hold, in order, and the people of one batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from services.db.candidates import Filters
from services.db.pool import Tx
from services.db.sql import queries

Q = queries("exports")
IDS_A_FETCH = 10_000


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One person with what is known; `role_start` and `company_start` are year*12+month.

    What concerns a verdict is None without a position, or where the position has none for this person.
    """

    first_name: str
    last_name: str
    full_name: str
    email: str
    all_emails: list[str]
    profile_url: str
    location: str
    school: str
    title: str
    company: str
    headline: str
    score: int | None
    model_verdict: str | None
    summary: str | None
    reasons: list[str] | None
    standing: str | None
    failure: str | None
    override_verdict: str | None
    override_reason: str | None
    override_by: str | None
    version_number: int | None
    screened_at: datetime | None
    nice_met: int | None
    nice_asked: int | None
    nice_tags: list[str] | None
    profile_summary: str | None
    skills: list[str] | None
    languages: list[str] | None
    certifications: list[str] | None
    role_start: int | None
    company_start: int | None
    industry_months: int | None
    enrichment: str
    source: str
    created_at: datetime
    updated_at: datetime
    extra: Mapping[str, str]


def ids_of_list(tx: Tx, list_id: UUID) -> Iterator[list[int]]:
    return fetched_ids(tx, "ids_of_list", {"list_id": list_id})


def ids_matching(tx: Tx, filters: Filters, sort: str, descending: bool) -> Iterator[list[int]]:
    return fetched_ids(tx, "ids_matching", {"filters": Jsonb(filters), "sort": sort, "descending": descending})


def ids_given(tx: Tx, candidate_ids: Sequence[int]) -> Iterator[list[int]]:
    return fetched_ids(tx, "ids_given", {"candidate_ids": list(candidate_ids)})


def ids_of_position(
    tx: Tx, position_id: UUID, list_id: UUID | None, candidate_ids: Sequence[int], standings: Sequence[str]
) -> Iterator[list[int]]:
    """Without a list and ids: everybody the position was screened for. No standings means any."""
    values = {
        "position_id": position_id,
        "list_id": list_id,
        "candidate_ids": list(candidate_ids),
        "everybody": list_id is None and not candidate_ids,
        "standings": list(standings) or None,
    }
    return fetched_ids(tx, "ids_of_position", values)


def fetched_ids(tx: Tx, query: str, values: Mapping[str, Any]) -> Iterator[list[int]]:
    """The ids of a query, a fetch at a time: the database keeps what was not asked for yet."""
    with tx.cursor(name="export") as cursor:
        cursor.execute(Q[query], values)
        while rows := cursor.fetchmany(IDS_A_FETCH):
            yield [row[0] for row in rows]


def further_headers(tx: Tx, candidate_ids: Sequence[int]) -> list[str]:
    return [row[0] for row in tx.execute(Q["further_headers"], {"candidate_ids": list(candidate_ids)}).fetchall()]


def people(tx: Tx, candidate_ids: Sequence[int], position_id: UUID | None) -> list[ExportRow]:
    """Those of these people who still exist, in this order."""
    values = {"candidate_ids": list(candidate_ids), "position_id": position_id}
    with tx.cursor(row_factory=class_row(ExportRow)) as cursor:
        return cursor.execute(Q["people"], values).fetchall()
