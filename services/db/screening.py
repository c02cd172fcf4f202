"""Screenings: the texts that were sent, the verdicts, the extras, and what people decided instead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from services.db.candidate_rows import profile_from_json
from services.db.pool import Tx
from services.db.sql import queries
from services.domain.profiles import Profile
from services.domain.screenings import OverrideRow, PositionRun, ResultRow, ScreeningRow, UndoneDecision

Q = queries("screening")


@dataclass(frozen=True)
class StoredProfile:
    """A person's profile and the hash of exactly that content."""

    candidate_id: int
    profile: Profile
    snapshot_hash: bytes


@dataclass(frozen=True)
class NewScreening:
    """One verdict with everything that defends it; hashes are SHA-256, `latency_ms` the provider's."""

    run_id: UUID
    item_id: int
    candidate_id: int
    position_id: UUID
    version_id: UUID
    verdict: str
    score: int
    summary: str
    outcomes: Sequence[Mapping[str, Any]]
    reasons: Sequence[str]
    snapshot_hash: bytes
    text_sha256: bytes
    prompt_version: str
    prompt_hash: bytes
    model: str
    fingerprint: str
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost_usd: Decimal | None
    latency_ms: int
    raw_answer: str
    asked_by: UUID


@dataclass(frozen=True)
class NewExtras:
    """The nice-to-haves that one person shows."""

    item_id: int
    met: int
    asked: int
    tags: Sequence[str]
    outcomes: Sequence[Mapping[str, Any]]
    raw_answer: str
    prompt_hash: bytes
    tokens_in: int
    tokens_out: int
    cost_usd: Decimal | None


@dataclass(frozen=True)
class SourceCounts:
    """The people a run could be about, counted; `thin` counts among those it would take."""

    people: int
    screened_with_version: int
    under_way: int
    to_screen: int
    thin: int


def profiles_for_items(tx: Tx, candidate_ids: Sequence[int]) -> dict[int, StoredProfile]:
    rows = tx.execute(Q["profiles_for_items"], {"candidate_ids": list(candidate_ids)}).fetchall()
    return {row[0]: StoredProfile(row[0], profile_from_json(row[1]), row[2]) for row in rows}


def insert_screenings(tx: Tx, texts: Mapping[bytes, str], screenings: Sequence[NewScreening]) -> None:
    """Store verdicts and the texts they rest on, by hash; what is there already stays as it is."""
    with tx.cursor() as cursor:
        # Always in one order, so that two runs that store the same texts cannot wait for each other.
        cursor.executemany(Q["insert_text"], [{"sha256": key, "text": texts[key]} for key in sorted(texts)])
        cursor.executemany(
            Q["insert_screening"],
            [vars(s) | {"outcomes": Jsonb(s.outcomes), "reasons": Jsonb(s.reasons)} for s in screenings],
        )


def insert_extras(tx: Tx, extras: Sequence[NewExtras]) -> None:
    with tx.cursor() as cursor:
        cursor.executemany(
            Q["insert_extras"],
            [vars(e) | {"outcomes": Jsonb(e.outcomes), "tags": list(e.tags)} for e in extras],
        )


def average_call(tx: Tx, operation: str) -> tuple[int, int] | None:
    """Average tokens in and out of this organization's latest calls, or None before the first."""
    row = tx.execute(Q["average_call"], {"operation": operation}).fetchone()
    return (row[0], row[1]) if row and row[2] else None


def source_counts(
    tx: Tx, version_id: UUID, list_id: UUID | None, candidate_ids: Sequence[int], only_missing: bool, limit: int
) -> SourceCounts:
    parameters = {
        "version_id": version_id,
        "list_id": list_id,
        "candidate_ids": list(candidate_ids),
        "only_missing": only_missing,
        "limit": limit,
    }
    with tx.cursor(row_factory=class_row(SourceCounts)) as cursor:
        found = cursor.execute(Q["source_counts"], parameters).fetchone()
    assert found is not None  # an aggregate without GROUP BY always has one row
    return found


def lock_version(tx: Tx, version_id: UUID) -> None:
    """Wait for other starts of this version until the transaction ends."""
    tx.execute(Q["lock_version"], {"version_id": version_id})


def pick_candidates(
    tx: Tx, version_id: UUID, list_id: UUID | None, candidate_ids: Sequence[int], only_missing: bool, limit: int | None
) -> list[int]:
    parameters = {
        "version_id": version_id,
        "list_id": list_id,
        "candidate_ids": list(candidate_ids),
        "only_missing": only_missing,
        "limit": limit,
    }
    return [row[0] for row in tx.execute(Q["pick_candidates"], parameters).fetchall()]


def people_of_run(tx: Tx, run_id: UUID) -> list[int]:
    return [row[0] for row in tx.execute(Q["people_of_run"], {"run_id": run_id}).fetchall()]


def result_counts(
    tx: Tx, position_id: UUID, list_id: UUID | None, candidate_ids: Sequence[int] | None
) -> dict[str, int]:
    rows = tx.execute(Q["result_counts"], scope_of(position_id, list_id, candidate_ids)).fetchall()
    return {row[0]: row[1] for row in rows}


def results(
    tx: Tx,
    position_id: UUID,
    list_id: UUID | None,
    candidate_ids: Sequence[int] | None,
    standings: Sequence[str] | None,
    limit: int,
    offset: int,
) -> list[ResultRow]:
    parameters = scope_of(position_id, list_id, candidate_ids) | {
        "standings": list(standings) if standings is not None else None,
        "limit": limit,
        "offset": offset,
    }
    with tx.cursor(row_factory=class_row(ResultRow)) as cursor:
        return cursor.execute(Q["results"], parameters).fetchall()


def scope_of(position_id: UUID, list_id: UUID | None, candidate_ids: Sequence[int] | None) -> dict[str, Any]:
    return {
        "position_id": position_id,
        "list_id": list_id,
        "candidate_ids": None if candidate_ids is None else list(candidate_ids),
    }


def find_screening(tx: Tx, screening_id: int) -> ScreeningRow | None:
    with tx.cursor(row_factory=class_row(ScreeningRow)) as cursor:
        return cursor.execute(Q["find_screening"], {"screening_id": screening_id}).fetchone()


def overrides_of(tx: Tx, screening_id: int) -> list[OverrideRow]:
    with tx.cursor(row_factory=class_row(OverrideRow)) as cursor:
        return cursor.execute(Q["overrides_of"], {"screening_id": screening_id}).fetchall()


def insert_override(tx: Tx, screening_id: int, verdict: str, reason: str, user_id: UUID) -> int | None:
    parameters = {"screening_id": screening_id, "verdict": verdict, "reason": reason, "user_id": user_id}
    row = tx.execute(Q["insert_override"], parameters).fetchone()
    return row[0] if row else None


def undo_newest_override(
    tx: Tx, user_id: UUID, override_ids: Sequence[int], screening_id: int | None
) -> UndoneDecision | None:
    """Undo this user's newest standing decision of those named and those about one verdict; None if there is none."""
    parameters = {"user_id": user_id, "override_ids": list(override_ids), "screening_id": screening_id}
    with tx.cursor(row_factory=class_row(UndoneDecision)) as cursor:
        return cursor.execute(Q["undo_newest_override"], parameters).fetchone()


def runs_of_position(tx: Tx, position_id: UUID, limit: int) -> list[PositionRun]:
    with tx.cursor(row_factory=class_row(PositionRun)) as cursor:
        return cursor.execute(Q["runs_of_position"], {"position_id": position_id, "limit": limit}).fetchall()


def organization_run_cap(tx: Tx) -> Decimal | None:
    row = tx.execute(Q["organization_run_cap"]).fetchone()
    return row[0] if row else None
