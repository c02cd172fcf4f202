"""Lists and their members in the database."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from services.db.pool import Tx, translate
from services.db.sql import queries
from services.domain.lists import ListSummary
from services.errors import Conflict

Q = queries("lists")


def page_of_lists(tx: Tx, *, archived: bool, text: str, limit: int, offset: int) -> list[ListSummary]:
    """Some of the active lists, or of the archived ones, whose names hold `text`; newest first."""
    values = {"archived": archived, "text": text, "limit": limit, "offset": offset}
    with tx.cursor(row_factory=class_row(ListSummary)) as cursor:
        return cursor.execute(Q["page_of_lists"], values).fetchall()


def count_lists(tx: Tx, *, archived: bool, text: str) -> int:
    row = tx.execute(Q["count_lists"], {"archived": archived, "text": text}).fetchone()
    return int(row[0]) if row else 0


def find_list(tx: Tx, list_id: UUID) -> ListSummary | None:
    with tx.cursor(row_factory=class_row(ListSummary)) as cursor:
        return cursor.execute(Q["find_list"], {"list_id": list_id}).fetchone()


def find_active_by_name(tx: Tx, name: str) -> UUID | None:
    """The list of that name, in any case, that is not archived."""
    row = tx.execute(Q["find_active_by_name"], {"name": name}).fetchone()
    return row[0] if row else None


def find_or_insert(tx: Tx, name: str) -> UUID:
    """The active list of that name, made if there is none; two who make it at once get the same one."""
    row = tx.execute(Q["insert_list_unless_taken"], {"name": name}).fetchone()
    list_id: UUID | None = row[0] if row else find_active_by_name(tx, name)
    if list_id is None:
        raise Conflict(f"The list “{name}” was archived just now. Please try again.")
    return list_id


def insert_list(tx: Tx, name: str) -> UUID:
    """Make a list. Raises Conflict if an active list has the name."""
    row = changed(tx, "insert_list", name, {"name": name}).fetchone()
    assert row is not None  # an INSERT that returns
    list_id: UUID = row[0]
    return list_id


def rename_list(tx: Tx, list_id: UUID, name: str) -> bool:
    """Raises Conflict if another active list has the name; False if there is no such active list."""
    return changed(tx, "rename_list", name, {"list_id": list_id, "name": name}).rowcount == 1


def archive_list(tx: Tx, list_id: UUID) -> bool:
    return tx.execute(Q["archive_list"], {"list_id": list_id}).rowcount == 1


def restore_list(tx: Tx, list_id: UUID, name: str) -> bool:
    """Raises Conflict if an active list took the name meanwhile."""
    return changed(tx, "restore_list", name, {"list_id": list_id}).rowcount == 1


def changed(tx: Tx, query: str, name: str, values: dict[str, Any]) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run a change that the name of another list may forbid."""
    try:
        return tx.execute(Q[query], values)
    except psycopg.errors.UniqueViolation as error:
        taken = Conflict(f"There is already a list named “{name}”. Choose another name.")
        raise translate(error, {"list_name_taken": taken}) from error


def insert_members(tx: Tx, list_id: UUID, candidate_ids: Sequence[int]) -> int:
    """Returns how many were not members before."""
    return tx.execute(Q["insert_members"], {"list_id": list_id, "candidate_ids": list(candidate_ids)}).rowcount


def delete_members(tx: Tx, list_id: UUID, candidate_ids: Sequence[int]) -> int:
    return tx.execute(Q["delete_members"], {"list_id": list_id, "candidate_ids": list(candidate_ids)}).rowcount


def copy_members(tx: Tx, from_list: UUID, to_list: UUID) -> int:
    return tx.execute(Q["copy_members"], {"from_list": from_list, "to_list": to_list}).rowcount


def count_known(tx: Tx, candidate_ids: Sequence[int]) -> int:
    """How many of these are candidates of the organization."""
    row = tx.execute(Q["count_known"], {"candidate_ids": list(candidate_ids)}).fetchone()
    return int(row[0]) if row else 0
