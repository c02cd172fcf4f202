"""Usage: who used what, what it cost, and what failed; every figure is a sum over the ledger."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.clock import Clock
from services.db import usage as db
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.money import ledger_amount
from services.domain.spreadsheets import BYTE_ORDER_MARK, export_cell
from services.domain.time_zones import known_time_zone
from services.domain.usage import DayOfUsage, UsageRow, UsageTotals, UserOfUsage
from services.domain.usage_question import UsageQuestion
from services.errors import BadInput, NotAllowed

ROWS_A_PAGE = 50
CSV_ROWS_A_READ = 1000
LONGEST_SPAN_DAYS = 1100
CSV_COLUMNS = (
    "day", "user_name", "provider", "run_id", "run_title", "calls", "failed", "unknown", "unpriced", "credits",
    "tokens", "cost_usd", "perhaps_usd",
)  # fmt: skip
MONEY = ("cost_usd", "perhaps_usd")


@dataclass(frozen=True)
class UsageReport:
    """One page of the table with everything around it; totals cover all pages."""

    question: UsageQuestion
    time_zone: str
    totals: UsageTotals
    rows: tuple[UsageRow, ...]
    page: int
    pages: int
    by_day: tuple[DayOfUsage, ...]
    by_user: tuple[UserOfUsage, ...]
    people: tuple[tuple[UUID, str], ...]
    sees_team: bool


@dataclass(frozen=True)
class Usage:
    """Recruiters see their own usage; managers and admins see everybody's."""

    db: Database
    clock: Clock

    def today(self, actor: Actor) -> date:
        """The calendar day it is now for this actor's organization."""
        return self.today_in(self.time_zone(actor))

    def time_zone(self, actor: Actor) -> str:
        """The time zone of this actor's organization; UTC until it chooses one."""
        with self.db.act_as(actor) as tx:
            return known_time_zone(db.organization_time_zone(tx))

    def today_in(self, time_zone: str) -> date:
        return self.clock.now().astimezone(ZoneInfo(time_zone)).date()

    def report(self, actor: Actor, question: UsageQuestion, page: int = 1) -> UsageReport:
        """Answer the question for this actor. Raises NotAllowed for another's figures, BadInput for a bad span."""
        check_span(question)
        with self.db.act_as(actor) as tx:
            time_zone = known_time_zone(db.organization_time_zone(tx))
            span = self.span(actor, question, time_zone)
            totals = db.usage_totals(tx, span)
            pages = max(1, -(-totals.groups // ROWS_A_PAGE))
            page = min(max(1, page), pages)
            rows = db.usage_rows(tx, span, ROWS_A_PAGE, (page - 1) * ROWS_A_PAGE)
            return UsageReport(
                question=question,
                time_zone=time_zone,
                totals=totals,
                rows=tuple(rows),
                page=page,
                pages=pages,
                by_day=tuple(db.usage_by_day(tx, span)),
                by_user=tuple(db.usage_by_user(tx, span)),
                people=tuple(db.people_who_used(tx)) if actor.may_see_team_usage else (),
                sees_team=actor.may_see_team_usage,
            )

    def rows(self, actor: Actor, question: UsageQuestion) -> Iterator[UsageRow]:
        """Every row of the answer, read a thousand at a time."""
        check_span(question)
        offset = 0
        while True:
            with self.db.act_as(actor) as tx:
                span = self.span(actor, question, known_time_zone(db.organization_time_zone(tx)))
                rows = db.usage_rows(tx, span, CSV_ROWS_A_READ, offset)
            yield from rows
            if len(rows) < CSV_ROWS_A_READ:
                return
            offset += CSV_ROWS_A_READ

    def csv(self, actor: Actor, question: UsageQuestion) -> Iterator[str]:
        """The same rows as text for a spreadsheet; money with all ten places of the ledger."""
        yield BYTE_ORDER_MARK + csv_line(CSV_COLUMNS)
        for row in self.rows(actor, question):
            yield csv_line([export_cell(name, plain(name, getattr(row, name))) for name in CSV_COLUMNS])

    def span(self, actor: Actor, question: UsageQuestion, time_zone: str) -> dict[str, Any]:
        """The query's parameters; a recruiter's question is always about the recruiter."""
        user_id = question.user_id
        if not actor.may_see_team_usage:
            if user_id not in (None, actor.user_id):
                raise NotAllowed("You can see your own usage. Ask a manager for the team's figures.")
            user_id = actor.user_id
        return {
            "time_zone": time_zone,
            "first_day": question.first_day,
            "last_day": question.last_day,
            "user_id": user_id,
            "provider": question.provider,
            "run_id": question.run_id,
        }


def check_span(question: UsageQuestion) -> None:
    if question.last_day < question.first_day:
        raise BadInput("The last day lies before the first. Swap the two days.", "last_day")
    if question.last_day - question.first_day > timedelta(days=LONGEST_SPAN_DAYS):
        raise BadInput(f"At most {LONGEST_SPAN_DAYS} days at once. Choose a shorter span.", "first_day")


def csv_line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()


def plain(name: str, value: Any) -> Any:
    """A cell's value as export_cell takes it: dates and ids as text, every amount with as many decimals."""
    if name in MONEY:
        return f"{ledger_amount(value):f}"
    return str(value) if isinstance(value, (date, UUID)) else value
