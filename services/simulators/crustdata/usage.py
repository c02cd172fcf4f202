"""What the account used: its balance and the list of past requests, visible some seconds after each."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

REMEMBERED_EVENTS = 20_000
STARTING_CREDITS_THOUSANDTHS = 10_000_000
VISIBLE_AFTER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Event:
    """One past request of the team."""

    number: int
    id: str
    wall: float
    endpoint: str
    key_hash: str
    status: int
    credits_thousandths: int
    body: Any

    def shown(self) -> dict[str, Any]:
        """The event as the list has it."""
        used = self.credits_thousandths / 1000
        return {
            "event_id": self.id,
            "ts": datetime.fromtimestamp(self.wall, UTC).isoformat(),
            "api_key_id": f"key_{self.key_hash}",
            "client_surface": "api",
            "endpoint": self.endpoint,
            "status_code": self.status,
            "credits_used": used,
            "cost_components": [{"name": "base", "credits": used}] if used else [],
        }


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are asked for; walls are seconds, `endpoints` empty means all."""

    start: float = 0.0
    end: float = float("inf")
    endpoints: frozenset[str] = frozenset()
    before_number: int | None = None
    limit: int = 100


class BadQuery(ValueError):
    """A parameter cannot be read; the message is the provider's."""


def read_query(query: Mapping[str, str]) -> EventQuery:
    """Read the parameters; raises BadQuery."""
    try:
        limit = int(query.get("limit") or "100")
        cursor = int(query["cursor"]) if query.get("cursor") else None
        start = _moment(query["start"]) if query.get("start") else 0.0
        end = _moment(query["end"]) if query.get("end") else float("inf")
    except ValueError as problem:
        raise BadQuery("limit, cursor, start or end cannot be read") from problem
    if not 1 <= limit <= 500:
        raise BadQuery("limit must be between 1 and 500")
    endpoints = frozenset(filter(None, query.get("endpoints", "").split(",")))
    return EventQuery(start, end, endpoints, cursor, limit)


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text.replace(" ", "+"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class Usage:
    """The account's memory, bounded: the oldest events are forgotten."""

    def __init__(self) -> None:
        self.credits_thousandths = STARTING_CREDITS_THOUSANDTHS
        self.visible_after_seconds = VISIBLE_AFTER_SECONDS
        self._events: deque[Event] = deque(maxlen=REMEMBERED_EVENTS)
        self._count = 0

    def add(self, *, id: str, wall: float, endpoint: str, key_hash: str, status: int, credits: int, body: Any) -> None:
        """Remember a request and take its credits (thousandths) from the balance."""
        self._count += 1
        self.credits_thousandths -= credits
        self._events.append(Event(self._count, id, wall, endpoint, key_hash, status, credits, body))

    def _visible(self, now: float) -> Iterable[Event]:
        return (event for event in reversed(self._events) if event.wall + self.visible_after_seconds <= now)

    def find(self, event_id: str, now: float) -> Event | None:
        """One visible event."""
        return next((event for event in self._visible(now) if event.id == event_id), None)

    def page(self, query: EventQuery, now: float) -> tuple[list[Event], str | None]:
        """Newest first, and the cursor of the next page."""
        found: list[Event] = []
        for event in self._asked(query, now):
            if len(found) == query.limit:
                return found, str(found[-1].number)
            found.append(event)
        return found, None

    def _asked(self, query: EventQuery, now: float) -> Iterable[Event]:
        return (
            event
            for event in self._visible(now)
            if query.start <= event.wall <= query.end
            and (not query.endpoints or event.endpoint in query.endpoints)
            and (query.before_number is None or event.number < query.before_number)
        )

    def failures(self, query: EventQuery, now: float) -> list[dict[str, Any]]:
        """Failed requests by endpoint and status; 429s are never among them."""
        failed = Counter(
            (event.endpoint, event.status)
            for event in self._asked(query, now)
            if event.status >= 400 and event.status != 429
        )
        return [{"endpoint": e, "status_code": s, "count": n} for (e, s), n in sorted(failed.items())]

    def summary(self, query: EventQuery, now: float) -> dict[str, Any]:
        """Totals."""
        events = list(self._asked(query, now))
        credits = sum(event.credits_thousandths for event in events)
        return {"requests": len(events), "credits_used": credits / 1000}
