"""How the installation is doing, as the database knows it; the engine's doors, and an organization's own queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from psycopg.rows import class_row
from psycopg.sql import SQL

from services.db.pool import Tx
from services.db.sql import queries
from services.domain.status import CallGroup, Deed, RunsInState, SweeperStanding

Q = queries("status")

Row = TypeVar("Row")


@dataclass(frozen=True)
class DatabaseFigures:
    """Size and use of the database; the pages are counted since the server's statistics began."""

    bytes: int
    connections: int
    most_connections: int
    pages_hit: int
    pages_read: int


def sweeper_standing(tx: Tx) -> SweeperStanding:
    return rows_of(tx, SweeperStanding, Q["sweeper_standing"], {})[0]


def deeds_within(tx: Tx, seconds: float) -> list[Deed]:
    return rows_of(tx, Deed, Q["deeds_within"], {"seconds": seconds})


def recent_calls(tx: Tx, seconds: float, most: int, bounds_ms: Sequence[int]) -> list[CallGroup]:
    values = {"seconds": seconds, "most": most, "bounds_ms": list(bounds_ms)}
    return rows_of(tx, CallGroup, Q["recent_calls"], values)


def live_runs_by_state(tx: Tx) -> list[RunsInState]:
    """Of all organizations."""
    return rows_of(tx, RunsInState, Q["live_runs_by_state"], {})


def own_runs_by_state(tx: Tx) -> list[RunsInState]:
    return rows_of(tx, RunsInState, Q["own_runs_by_state"], {})


def count_live_drives(tx: Tx) -> int:
    row = tx.execute(Q["count_live_drives"]).fetchone()
    return int(row[0]) if row else 0


def database_figures(tx: Tx) -> DatabaseFigures:
    return rows_of(tx, DatabaseFigures, Q["database_figures"], {})[0]


def rows_of(tx: Tx, record: type[Row], query: SQL, values: dict[str, object]) -> list[Row]:
    with tx.cursor(row_factory=class_row(record)) as cursor:
        return cursor.execute(query, values).fetchall()
