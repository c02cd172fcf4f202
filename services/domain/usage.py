"""Usage as people see it: sums over the ledger, by row, day and person."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class UsageFigures:
    """Sums over ledger rows; money in USD, exact as recorded (docs/rules/money.md, Usage).

    `cost_usd` is what was charged. `perhaps_usd` is the most that calls of unknown outcome can have cost besides;
    no cent is in both. `unpriced` calls had no price and add nothing.
    """

    calls: int = 0
    failed: int = 0
    unknown: int = 0
    unpriced: int = 0
    credits: Decimal = Decimal(0)
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    cost_usd: Decimal = Decimal(0)
    perhaps_usd: Decimal = Decimal(0)

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, kw_only=True)
class UsageTotals(UsageFigures):
    """The sums over a whole question, and how many rows answer it."""

    groups: int = 0


@dataclass(frozen=True, kw_only=True)
class UsageRow(UsageFigures):
    """One line of the usage table: a user's calls to one provider on one day, within one run or outside any."""

    day: date
    user_id: UUID
    user_name: str
    provider: str
    run_id: UUID | None
    run_title: str


@dataclass(frozen=True, kw_only=True)
class DayOfUsage(UsageFigures):
    """One provider's day, for the plots."""

    day: date
    provider: str


@dataclass(frozen=True, kw_only=True)
class UserOfUsage(UsageFigures):
    """One person's share, for the plots."""

    user_id: UUID
    user_name: str
