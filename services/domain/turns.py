"""What people are told while calls wait: whose turn comes when, and which provider is left alone until when."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class QueueState(StrEnum):
    """How the queue to the workers of several hosts stands: open; full, as no worker has a free place; or away."""

    OPEN = "open"
    FULL = "full"
    AWAY = "away"


@dataclass(frozen=True)
class Outage:
    """A provider that fails for everybody, or refuses the key: work waits and does not fail."""

    provider: str
    reason: str
    since: datetime
    retry_at: datetime


@dataclass(frozen=True)
class Turn:
    """Where a person's waiting calls stand: `ahead` go first, `per_second` is the person's fair share now.

    `sharers` counts the others who wait for the same key.
    """

    ahead: int
    per_second: float
    wait_seconds: float
    sharers: int


@dataclass(frozen=True)
class Standing:
    """How the calls of a run stand at the limiter; `pause_seconds` while the provider has asked everybody to wait."""

    outage: Outage | None = None
    turn: Turn | None = None
    pause_seconds: float = 0.0
    pause_reason: str = ""
