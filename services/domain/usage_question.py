"""What somebody asks about usage, as a record and as the query of an address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from services.errors import BadInput

DAYS_IN_SPAN: Final = {"today": 1, "7": 7, "30": 30, "all": 366}


@dataclass(frozen=True)
class UsageQuestion:
    """What somebody wants to see: days from first to last, both included, in the organization's time zone."""

    first_day: date
    last_day: date
    user_id: UUID | None = None
    provider: str | None = None
    run_id: UUID | None = None


def parse_question(query: Mapping[str, str], today: date) -> UsageQuestion:
    """The question an address asks. Raises BadInput that names what cannot be read."""
    if "from" in query or "until" in query:
        first = parse_day(query.get("from", ""), today)
        last = parse_day(query.get("until", ""), today)
    elif query.get("span") == "month":
        first, last = today.replace(day=1), today
    else:
        days = DAYS_IN_SPAN.get(query.get("span", "7"), 7)
        first, last = today - timedelta(days=days - 1), today
    return UsageQuestion(
        first, last, parse_id(query.get("user")), query.get("provider") or None, parse_id(query.get("run"))
    )


def parse_day(text: str, today: date) -> date:
    """A day as addresses and commands have it; nothing means today. Raises BadInput."""
    if not text:
        return today
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"“{text[:20]}” is not a day. Write it like 2026-01-31.") from None


def parse_id(text: str | None) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise BadInput("This link names a person or run in a way we cannot read.") from None
