"""Positions, the versions of their briefs, and the criteria of each version."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from services.db.pool import Tx, translate
from services.db.sql import queries
from services.domain.criteria import Criterion, Kind
from services.domain.positions import PositionRow, VersionRow, VersionSummary
from services.errors import Conflict

SAVED_AT_ONCE = "Somebody saved this position at the same moment. Reload the page and put your changes in again."
Q = queries("positions")


@dataclass(frozen=True)
class BriefText:
    """The four boxes as they were typed."""

    role: str
    must: str
    nice: str
    exclude: str

    def as_parameters(self) -> dict[str, str]:
        return {"role": self.role, "must": self.must, "nice": self.nice, "exclude": self.exclude}


def insert_position(tx: Tx, title: str, user_id: UUID) -> UUID:
    return only_id(tx.execute(Q["insert_position"], {"title": title, "user_id": user_id}).fetchone())


def rename_position(tx: Tx, position_id: UUID, title: str) -> bool:
    return tx.execute(Q["rename_position"], {"position_id": position_id, "title": title}).rowcount == 1


def archive_position(tx: Tx, position_id: UUID, archived: bool) -> bool:
    return tx.execute(Q["archive_position"], {"position_id": position_id, "archived": archived}).rowcount == 1


def list_positions(tx: Tx, archived: bool, limit: int, offset: int) -> list[PositionRow]:
    parameters = {"archived": archived, "limit": limit, "offset": offset}
    with tx.cursor(row_factory=class_row(PositionRow)) as cursor:
        return cursor.execute(Q["list_positions"], parameters).fetchall()


def find_version(tx: Tx, version_id: UUID) -> VersionRow | None:
    with tx.cursor(row_factory=class_row(VersionRow)) as cursor:
        return cursor.execute(Q["find_version"], {"version_id": version_id}).fetchone()


def latest_version_id(tx: Tx, position_id: UUID) -> UUID | None:
    row = tx.execute(Q["latest_version_id"], {"position_id": position_id}).fetchone()
    return row[0] if row else None


def usable_version_id(tx: Tx, position_id: UUID) -> UUID | None:
    row = tx.execute(Q["usable_version_id"], {"position_id": position_id}).fetchone()
    return row[0] if row else None


def list_versions(tx: Tx, position_id: UUID) -> list[VersionSummary]:
    with tx.cursor(row_factory=class_row(VersionSummary)) as cursor:
        return cursor.execute(Q["list_versions"], {"position_id": position_id}).fetchall()


def criteria_of(tx: Tx, version_id: UUID) -> tuple[Criterion, ...]:
    rows = tx.execute(Q["criteria_of"], {"version_id": version_id}).fetchall()
    return tuple(Criterion(key, Kind(kind), text) for key, kind, text in rows)


def insert_version(tx: Tx, position_id: UUID, brief: BriefText, user_id: UUID) -> UUID:
    """Add the next version. Raises Conflict when somebody added one at the same moment."""
    parameters = {"position_id": position_id, "user_id": user_id, **brief.as_parameters()}
    try:
        return only_id(tx.execute(Q["insert_version"], parameters).fetchone())
    except psycopg.errors.UniqueViolation as error:
        raise translate(error, {"position_version_number_taken": Conflict(SAVED_AT_ONCE)}) from error


def change_draft(tx: Tx, version_id: UUID, revision: int, brief: BriefText, user_id: UUID) -> bool:
    parameters = {"version_id": version_id, "revision": revision, "user_id": user_id, **brief.as_parameters()}
    return tx.execute(Q["change_draft"], parameters).rowcount == 1


def replace_criteria(tx: Tx, version_id: UUID, criteria: Sequence[Criterion]) -> None:
    tx.execute(Q["delete_criteria"], {"version_id": version_id})
    with tx.cursor() as cursor:
        cursor.executemany(
            Q["insert_criterion"],
            [
                {"version_id": version_id, "key": c.id, "kind": c.kind.value, "ordinal": number, "text": c.text}
                for number, c in enumerate(criteria, start=1)
            ],
        )


def approve_version(tx: Tx, version_id: UUID, revision: int, user_id: UUID) -> bool:
    parameters = {"version_id": version_id, "revision": revision, "user_id": user_id}
    return tx.execute(Q["approve_version"], parameters).rowcount == 1


def freeze_version(tx: Tx, version_id: UUID) -> None:
    tx.execute(Q["freeze_version"], {"version_id": version_id})


def only_id(row: tuple[UUID, ...] | None) -> UUID:
    assert row is not None  # INSERT … RETURNING of one row returns it
    return row[0]
