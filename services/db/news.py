"""News of runs and what each person has seen of it; the database itself writes them, by a trigger."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.rows import kwargs_row

from services.db.pool import Tx
from services.db.sql import queries
from services.domain.news import RunNews
from services.domain.runs import RunKind, RunState

Q = queries("news")


def unseen_news(tx: Tx, user_id: UUID, limit: int) -> list[int]:
    """The numbers of what is unseen, the newest first."""
    return [row[0] for row in tx.execute(Q["unseen_news"], {"user_id": user_id, "limit": limit}).fetchall()]


def latest_news(tx: Tx, user_id: UUID, limit: int) -> list[RunNews]:
    with tx.cursor(row_factory=kwargs_row(read_news)) as cursor:
        return cursor.execute(Q["latest_news"], {"user_id": user_id, "limit": limit}).fetchall()


def read_news(**values: Any) -> RunNews:
    kind, event = RunKind(values.pop("kind")), RunState(values.pop("event"))
    return RunNews(kind=kind, event=event, **values)


def see_runs(tx: Tx, user_id: UUID, shown: Mapping[UUID, RunState]) -> None:
    values = {"user_id": user_id, "run_ids": list(shown), "states": [str(state) for state in shown.values()]}
    tx.execute(Q["see_runs"], values)


def see_all(tx: Tx, user_id: UUID, number: int) -> None:
    tx.execute(Q["see_all"], {"user_id": user_id, "number": number})


def follow_run(tx: Tx, user_id: UUID, run_id: UUID) -> None:
    tx.execute(Q["follow_run"], {"user_id": user_id, "run_id": run_id})


def unfollow_run(tx: Tx, user_id: UUID, run_id: UUID) -> None:
    tx.execute(Q["unfollow_run"], {"user_id": user_id, "run_id": run_id})


def follows_run(tx: Tx, user_id: UUID, run_id: UUID) -> bool:
    row = tx.execute(Q["follows_run"], {"user_id": user_id, "run_id": run_id}).fetchone()
    return bool(row and row[0])
