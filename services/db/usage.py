"""The ledger, read for people who want to know what was used and paid."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from services.db.pool import Tx
from services.db.sql import queries
from services.domain.usage import DayOfUsage, UsageRow, UsageTotals, UserOfUsage

Q = queries("usage")


def usage_rows(tx: Tx, span: Mapping[str, Any], limit: int, offset: int) -> list[UsageRow]:
    with tx.cursor(row_factory=class_row(UsageRow)) as cursor:
        return cursor.execute(Q["usage_rows"], {**span, "limit": limit, "offset": offset}).fetchall()


def usage_totals(tx: Tx, span: Mapping[str, Any]) -> UsageTotals:
    with tx.cursor(row_factory=class_row(UsageTotals)) as cursor:
        found = cursor.execute(Q["usage_totals"], span).fetchone()
    assert found is not None  # an aggregate without GROUP BY always has one row
    return found


def usage_by_day(tx: Tx, span: Mapping[str, Any]) -> list[DayOfUsage]:
    with tx.cursor(row_factory=class_row(DayOfUsage)) as cursor:
        return cursor.execute(Q["usage_by_day"], span).fetchall()


def usage_by_user(tx: Tx, span: Mapping[str, Any]) -> list[UserOfUsage]:
    with tx.cursor(row_factory=class_row(UserOfUsage)) as cursor:
        return cursor.execute(Q["usage_by_user"], span).fetchall()


def organization_time_zone(tx: Tx) -> str:
    row = tx.execute(Q["organization_time_zone"]).fetchone()
    return str(row[0]) if row else "UTC"


def people_who_used(tx: Tx) -> list[tuple[UUID, str]]:
    return [(row[0], row[1]) for row in tx.execute(Q["people_who_used"]).fetchall()]
