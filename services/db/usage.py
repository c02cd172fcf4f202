"""The ledger, read for people who want to know what was used and paid."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar
from uuid import UUID

from psycopg.rows import dict_row

from services.db.pool import Tx
from services.db.sql import queries
from services.domain.runs import RunKind, run_name
from services.domain.usage import DayOfUsage, UsageFigures, UsageRow, UsageTotals, UserOfUsage

Q = queries("usage")
ROW = ("day", "user", "provider", "run")

Sums = TypeVar("Sums", bound=UsageFigures)


def usage_rows(tx: Tx, span: Mapping[str, Any], limit: int, offset: int) -> list[UsageRow]:
    """Newest day first."""
    return sums(tx, UsageRow, span, ROW, limit, offset)


def usage_totals(tx: Tx, span: Mapping[str, Any]) -> UsageTotals:
    """The sums over exactly the rows that usage_rows would return without its limit."""
    return next(iter(sums(tx, UsageTotals, span, ())), UsageTotals())


def usage_by_day(tx: Tx, span: Mapping[str, Any]) -> list[DayOfUsage]:
    """Oldest day first."""
    return sorted(sums(tx, DayOfUsage, span, ("day", "provider")), key=lambda one: (one.day, one.provider))


def usage_by_user(tx: Tx, span: Mapping[str, Any]) -> list[UserOfUsage]:
    """Who was charged most first."""
    return sorted(sums(tx, UserOfUsage, span, ("user",)), key=lambda one: (-one.cost_usd, one.user_name))


def sums(
    tx: Tx, record: type[Sums], span: Mapping[str, Any], by: Sequence[str], limit: int | None = None, offset: int = 0
) -> list[Sums]:
    """One record for each combination of what `by` names."""
    values = {**span, "by": list(by), "limit": limit, "offset": offset}
    names = [field.name for field in fields(record)]
    with tx.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(Q["usage_sums"], values).fetchall()
    return [record(**{name: value_of(row, name) for name in names}) for row in found]


def value_of(row: Mapping[str, Any], name: str) -> Any:
    """A run is called here what it is called everywhere."""
    if name != "run_title":
        return row[name]
    if row["run_id"] is None:
        return ""
    return run_name(
        RunKind(row["run_kind"]), row["run_title"], row["run_items"], row["list_name"], is_retry=row["is_retry"]
    )


def organization_time_zone(tx: Tx) -> str | None:
    row = tx.execute(Q["organization_time_zone"]).fetchone()
    return row[0] if row else None


def people_who_used(tx: Tx) -> list[tuple[UUID, str]]:
    return [(row[0], row[1]) for row in tx.execute(Q["people_who_used"]).fetchall()]
