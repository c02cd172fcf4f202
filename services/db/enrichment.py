"""What a provider said about people the database knows: profiles, payloads, aliases, and attempts in vain."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from services.db.candidate_rows import CandidateRow
from services.db.pool import Tx
from services.db.sql import queries

Q = queries("enrichment")


@dataclass(frozen=True)
class KnownPerson:
    """A person as stored, found by one of their addresses; `urls` are all of them."""

    asked_url: str
    candidate_id: int
    profile_url: str
    enrichment: str
    profile: Mapping[str, Any] | None
    field_sources: Mapping[str, str] | None
    urls: list[str]


@dataclass(frozen=True)
class EnrichedRow:
    """What is written about one person after an answer that passed the gates."""

    candidate_id: int
    candidate: CandidateRow
    field_sources: Mapping[str, str]
    enrichment: str
    urls: Sequence[str]
    source: str
    payload: Mapping[str, Any]


def lock_organization_people(tx: Tx) -> int:
    """Wait for other writers of people in this organization; returns its number."""
    row = tx.execute(Q["lock_organization_people"]).fetchone()
    assert row is not None  # the scope's organization exists
    return int(row[1])


def people_at(tx: Tx, urls: Sequence[str]) -> dict[str, KnownPerson]:
    """The people known by some addresses, by address."""
    with tx.cursor(row_factory=class_row(KnownPerson)) as cursor:
        return {row.asked_url: row for row in cursor.execute(Q["people_at"], {"urls": list(urls)}).fetchall()}


def store_enriched(tx: Tx, rows: Sequence[EnrichedRow]) -> None:
    with tx.cursor() as cursor:
        cursor.executemany(Q["update_candidate"], [columns_of(row) for row in rows])
        cursor.executemany(Q["store_profile"], [columns_of(row) for row in rows])
        cursor.executemany(
            Q["add_alias"], [{"candidate_id": row.candidate_id, "url": url} for row in rows for url in row.urls]
        )
        cursor.executemany(
            Q["store_payload"],
            [{"candidate_id": r.candidate_id, "source": r.source, "payload": Jsonb(r.payload)} for r in rows],
        )
        cursor.executemany(Q["add_source"], [{"candidate_id": r.candidate_id, "source": r.source} for r in rows])


def columns_of(row: EnrichedRow) -> dict[str, Any]:
    return asdict(row.candidate) | {
        "candidate_id": row.candidate_id,
        "enrichment": row.enrichment,
        "field_sources": Jsonb(row.field_sources),
    }


def note_attempts(tx: Tx, candidate_ids: Sequence[int], enrichment: str) -> None:
    with tx.cursor() as cursor:
        cursor.executemany(
            Q["note_attempt"], [{"candidate_id": key, "enrichment": enrichment} for key in candidate_ids]
        )
