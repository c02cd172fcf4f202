"""Imports in the database: what was uploaded, what became of it, which rows were rejected."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from services.db.pool import Tx
from services.db.sql import queries
from services.domain.imports import ImportRecord, PossibleDuplicate, Reject

Q = queries("imports")


def insert_import(
    tx: Tx, *, file_name: str, file_bytes: int, file_sha256: bytes, stored_as: str | None, encoding: str
) -> UUID:
    row = tx.execute(
        Q["insert_import"],
        {
            "file_name": file_name,
            "file_bytes": file_bytes,
            "file_sha256": file_sha256,
            "stored_as": stored_as,
            "encoding": encoding,
        },
    ).fetchone()
    assert row is not None  # an INSERT that returns
    import_id: UUID = row[0]
    return import_id


def find_import(tx: Tx, import_id: UUID) -> ImportRecord | None:
    with tx.cursor(row_factory=class_row(ImportRecord)) as cursor:
        return cursor.execute(Q["find_import"], {"import_id": import_id}).fetchone()


def recent_imports(tx: Tx, most: int) -> list[ImportRecord]:
    with tx.cursor(row_factory=class_row(ImportRecord)) as cursor:
        return cursor.execute(Q["recent_imports"], {"most": most}).fetchall()


def same_file_before(tx: Tx, file_sha256: bytes) -> ImportRecord | None:
    with tx.cursor(row_factory=class_row(ImportRecord)) as cursor:
        return cursor.execute(Q["same_file_before"], {"file_sha256": file_sha256}).fetchone()


def claim_import(tx: Tx, import_id: UUID) -> bool:
    """Take an uploaded import for this transaction; False if it is not (or no longer) waiting."""
    return tx.execute(Q["claim_import"], {"import_id": import_id}).rowcount == 1


def finish_import(
    tx: Tx, import_id: UUID, *, mapping: dict[str, Any], notes: list[dict[str, Any]], **facts: Any
) -> None:
    """Record the outcome: list_id, list_name, rows, added, updated, merged, rejected."""
    tx.execute(Q["finish_import"], {"import_id": import_id, "mapping": Jsonb(mapping), "notes": Jsonb(notes), **facts})


def discard_import(tx: Tx, import_id: UUID) -> str | None:
    """Give up an upload; returns the name of its file, None if there was nothing to give up."""
    row = tx.execute(Q["discard_import"], {"import_id": import_id}).fetchone()
    return row[0] if row else None


def insert_rejects(tx: Tx, import_id: UUID, rejects: Sequence[Reject]) -> None:
    tx.execute(
        Q["insert_rejects"],
        {
            "import_id": import_id,
            "row_numbers": [reject.row_number for reject in rejects],
            "fields": [reject.field for reject in rejects],
            "reasons": [reject.reason for reject in rejects],
            "excerpts": [reject.excerpt for reject in rejects],
        },
    )


def rejects_after(tx: Tx, import_id: UUID, after: int, most: int) -> list[Reject]:
    """The next rejected rows below row `after`, in the order of the file."""
    with tx.cursor(row_factory=class_row(Reject)) as cursor:
        return cursor.execute(Q["rejects_after"], {"import_id": import_id, "after": after, "most": most}).fetchall()


def possible_duplicates_of(tx: Tx, import_id: UUID, most: int) -> list[PossibleDuplicate]:
    with tx.cursor(row_factory=class_row(PossibleDuplicate)) as cursor:
        return cursor.execute(Q["possible_duplicates_of"], {"import_id": import_id, "most": most}).fetchall()


def organization_number(tx: Tx) -> int:
    row = tx.execute(Q["organization_number"]).fetchone()
    assert row is not None  # the scope's organization exists
    number: int = row[0]
    return number
