"""News of runs: what ended or came to rest, as one person is told of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.domain.runs import RunKind, RunState, run_name

MOST_COUNTED: Final = 100


@dataclass(frozen=True)
class RunNews:
    """One line of somebody's bell; `number` rises with each piece of news."""

    number: int
    event: RunState
    at: datetime
    is_seen: bool
    run_id: UUID
    user_id: UUID
    user_name: str
    kind: RunKind
    title: str
    items: int
    list_name: str | None
    is_retry: bool
    pause_reason: str
    without_result: int

    @property
    def run_name(self) -> str:
        return run_name(self.kind, self.title, self.items, self.list_name, is_retry=self.is_retry)


@dataclass(frozen=True)
class Unseen:
    """What a person has not seen: how many (counted to a bound), and what came since they were told last."""

    count: int
    newest: int
    fresh: tuple[RunNews, ...]
