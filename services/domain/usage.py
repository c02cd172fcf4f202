"""Usage as people see it: sums over the ledger, by row, day and person."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True)
class UsageTotals:
    """Sums over ledger rows; money in USD, exact as recorded; `unpriced` calls had no price and add nothing."""

    calls: int
    failed: int
    unknown: int
    unpriced: int
    requested: int
    fulfilled: int
    credits: Decimal
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost_usd: Decimal
    groups: int


@dataclass(frozen=True)
class UsageRow:
    """One line of the usage table: a user's calls of one kind on one day, within one run or outside any."""

    user_id: UUID
    user_name: str
    day: date
    provider: str
    operation: str
    model: str
    run_id: UUID | None
    run_title: str
    calls: int
    failed: int
    unknown: int
    unpriced: int
    requested: int
    fulfilled: int
    credits: Decimal
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost_usd: Decimal


@dataclass(frozen=True)
class DayOfUsage:
    """One provider's day, for the plots."""

    day: date
    provider: str
    calls: int
    failed: int
    cost_usd: Decimal


@dataclass(frozen=True)
class UserOfUsage:
    """One person's share, for the plots."""

    user_id: UUID
    user_name: str
    calls: int
    cost_usd: Decimal
