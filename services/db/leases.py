"""Leases of things only one may use: the doors of the database, whose clock is the only one that counts."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from services.db.pool import Tx
from services.db.sql import queries

Q = queries("leases")


@dataclass(frozen=True)
class LeaseAnswer:
    """What asking for a thing brought: a fence, or (fence None) who holds it; of strangers the name is ''."""

    fence: int | None
    holder_name: str
    is_colleague: bool
    held_seconds: float


@dataclass(frozen=True)
class LivingLease:
    """One thing that is held now."""

    lease_id: int
    thing: str
    fence: int
    user_name: str
    org_name: str
    taken_at: datetime
    seconds_left: float


def take_lease(tx: Tx, thing: str, seconds: float) -> LeaseAnswer:
    with tx.cursor(row_factory=class_row(LeaseAnswer)) as cursor:
        answer = cursor.execute(Q["take_lease"], {"thing": thing, "seconds": seconds}).fetchone()
    if answer is None:
        raise LookupError("somebody holds a thing that was asked for")
    return answer


def renew_lease(tx: Tx, thing: str, fence: int, seconds: float) -> bool:
    row = tx.execute(Q["renew_lease"], {"thing": thing, "fence": fence, "seconds": seconds}).fetchone()
    return bool(row and row[0])


def release_lease(tx: Tx, thing: str, fence: int) -> bool:
    row = tx.execute(Q["release_lease"], {"thing": thing, "fence": fence}).fetchone()
    return bool(row and row[0])


def lease_holds(tx: Tx, thing: str, fence: int) -> bool:
    row = tx.execute(Q["lease_holds"], {"thing": thing, "fence": fence}).fetchone()
    return bool(row and row[0])


def living_leases(tx: Tx) -> list[LivingLease]:
    with tx.cursor(row_factory=class_row(LivingLease)) as cursor:
        return cursor.execute(Q["living_leases"]).fetchall()


def end_lease(tx: Tx, lease_id: int) -> str | None:
    """The thing's name, or None if no such lease lives."""
    row = tx.execute(Q["end_lease"], {"lease_id": lease_id}).fetchone()
    return row[0] if row else None
