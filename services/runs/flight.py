"""How many calls are under way at once, how fast items settle, and what is left to spend: arithmetic only."""

import math
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

LEAST = 5
SHARED = 50
SLACK = 1.25
SPARE = 4
WEIGHT_OF_NEWEST = 0.1
PACE_SECONDS = 60.0


@dataclass
class Flight:
    """Enough calls at once to use what there is of the rate: rate × latency, from LEAST up to the setting.

    The runs that are driven now share the rate; what one does not use the others may (docs/decisions/breaker.md,
    Calls under way at once). Until the latency is known, SHARED calls are divided between them.
    """

    most: int
    live_runs: int
    latency_seconds: float | None = None

    def landed(self, seconds: float) -> None:
        """Learn from a call that took so long."""
        if self.latency_seconds is None:
            self.latency_seconds = seconds
        else:
            self.latency_seconds += WEIGHT_OF_NEWEST * (seconds - self.latency_seconds)

    def limit(self, calls_per_second: float | None, *, waits_for_turns: bool) -> int:
        """How many may be under way; without any rate limit as many as the setting says.

        A run whose calls wait for turns has its share of the rate; one whose calls do not can use what others leave.
        """
        sharers = max(1, self.live_runs)
        if self.latency_seconds is None:
            wanted = SHARED // sharers
        elif calls_per_second is None:
            wanted = self.most
        else:
            usable = calls_per_second / sharers if waits_for_turns else calls_per_second
            wanted = math.ceil(usable * self.latency_seconds * SLACK) + SPARE
        return min(self.most, max(LEAST, wanted))


@dataclass
class Pace:
    """How many items settled in the last minute."""

    began_at: float
    settled: deque[tuple[float, int]] = field(default_factory=deque)
    total: int = 0

    def add(self, count: int, now: float) -> None:
        if count:
            self.settled.append((now, count))
            self.total += count

    def per_minute(self, now: float) -> float:
        while self.settled and self.settled[0][0] <= now - PACE_SECONDS:
            self.total -= self.settled.popleft()[1]
        return self.total / min(PACE_SECONDS, max(1.0, now - self.began_at)) * 60


@dataclass
class Purse:
    """What a run may still spend: its cap, less what was charged, may have been, and is under way."""

    cap: Decimal | None
    spent: Decimal
    reserved: Decimal = Decimal(0)

    def reserve(self, usd: Decimal) -> bool:
        """Set the most a call can cost aside; False if that would pass the cap."""
        if self.cap is not None and self.spent + self.reserved + usd > self.cap:
            return False
        self.reserved += usd
        return True

    def settle(self, reserved: Decimal, cost: Decimal) -> None:
        """Replace what was set aside by what it came to."""
        self.reserved -= reserved
        self.spent += cost
