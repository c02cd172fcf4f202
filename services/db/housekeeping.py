"""What may be cleared by age in all organizations, and what the sweeper did: the engine's doors."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from services.db.pool import Tx
from services.db.sql import queries
from services.domain.status import Deed

Q = queries("housekeeping")

ExpiredKind = Literal[
    "sign-in links", "sessions", "sign-in attempts", "searches", "paid answers", "leases", "hours of the sweeper"
]


def clear_expired(tx: Tx, what: ExpiredKind, age_seconds: float, most: int) -> int:
    """Delete at most so many rows that ended longer ago than that; how many."""
    values = {"what": what, "age_seconds": age_seconds, "most": most}
    row = tx.execute(Q["clear_expired"], values).fetchone()
    return int(row[0]) if row else 0


def give_up_uploads(tx: Tx, age_seconds: float, most: int) -> list[str]:
    """The files of the uploads that were given up, '' for one without; they may go once this is committed."""
    rows = tx.execute(Q["give_up_uploads"], {"age_seconds": age_seconds, "most": most}).fetchall()
    return [row[0] for row in rows]


def files_of_uploads(tx: Tx, names: Sequence[str]) -> set[str]:
    rows = tx.execute(Q["files_of_uploads"], {"names": list(names)}).fetchall()
    return {row[0] for row in rows}


def note_deeds(tx: Tx, fence: int, deeds: Sequence[Deed]) -> None:
    """Nothing is counted for a fence that is not the leader's any more."""
    tx.execute(Q["note_deeds"], {"fence": fence, "deeds": Jsonb([asdict(deed) for deed in deeds])})


def note_round(tx: Tx, fence: int, trouble: str) -> None:
    tx.execute(Q["note_round"], {"fence": fence, "trouble": trouble})


def resumed_among(tx: Tx, drive_ids: Sequence[UUID]) -> int:
    row = tx.execute(Q["resumed_among"], {"drive_ids": list(drive_ids)}).fetchone()
    return int(row[0]) if row else 0
