"""How an installation is doing: what is known of its parts, and what light each of them shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.domain.turns import Outage

LATENCY_BOUNDS_MS: Final = (50, 100, 250, 500, 1_000, 1_500, 2_000, 3_000, 5_000, 8_000, 15_000, 30_000, 60_000)
RECENT_SECONDS: Final = 900
WORTH_SAYING_SECONDS: Final = 1.0
FAILURES_WORTH_A_LOOK: Final = 0.2
CALLS_THAT_TELL: Final = 10


class Light(StrEnum):
    """What somebody who looks for a second should take away; the words carry it, not the colour."""

    WORKS = "Works"
    SLOWED = "Slowed down"
    LOOK = "Look at this"
    FAILS = "Failing"
    OFF = "Not connected"


@dataclass(frozen=True)
class CallGroup:
    """Calls that ended alike and took about as long; `bucket` counts the bounds that they took longer than."""

    provider: str
    status: str
    error_code: str
    bucket: int
    calls: int
    total_ms: int
    tokens_in: int
    tokens_cached: int


@dataclass(frozen=True)
class RecentCalls:
    """The calls of the last quarter of an hour to one provider; the times are estimates within their bucket."""

    calls: int = 0
    failed: int = 0
    unknown: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    by_bucket: Sequence[int] = (0,) * (len(LATENCY_BOUNDS_MS) + 1)
    total_ms: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0

    @property
    def failed_share(self) -> float:
        return (self.failed + self.unknown) / self.calls if self.calls else 0.0

    @property
    def median_ms(self) -> float | None:
        return quantile(self.by_bucket, LATENCY_BOUNDS_MS, 0.5)

    @property
    def slow_ms(self) -> float | None:
        """What nineteen of twenty calls stay below."""
        return quantile(self.by_bucket, LATENCY_BOUNDS_MS, 0.95)

    @property
    def cached_share(self) -> float | None:
        """How much of what was sent the provider had in its cache; None where nothing is counted in tokens."""
        return self.tokens_cached / self.tokens_in if self.tokens_in else None


@dataclass(frozen=True)
class LimitUse:
    """How much of one limit is used within its window."""

    name: str
    used: int
    allowed: int
    window_seconds: float


@dataclass(frozen=True)
class ProviderStatus:
    """One provider, as the limiter and the ledger know it. `is_known`: the limiter's store answered."""

    provider: str
    mode: str
    is_known: bool = True
    outage: Outage | None = None
    paused_seconds: float = 0.0
    pause_reason: str = ""
    limits: tuple[LimitUse, ...] = ()
    waiting: int = 0
    open_calls: int = 0
    most_open_calls: int | None = None
    recent: RecentCalls = field(default_factory=RecentCalls)

    @property
    def light(self) -> Light:
        if self.mode == "not connected":
            return Light.OFF
        if self.outage is not None:
            return Light.FAILS
        if not self.is_known:
            return Light.LOOK
        if self.paused_seconds >= WORTH_SAYING_SECONDS:
            return Light.SLOWED
        is_telling = self.recent.calls >= CALLS_THAT_TELL
        return Light.LOOK if is_telling and self.recent.failed_share >= FAILURES_WORTH_A_LOOK else Light.WORKS


@dataclass(frozen=True)
class StoreStatus:
    """Something that keeps data: whether it answered, how soon, and how large it is where it can be told."""

    name: str
    answers: bool
    milliseconds: float
    bytes: int | None = None
    connections: int | None = None
    most_connections: int | None = None
    found_in_memory: float | None = None

    @property
    def light(self) -> Light:
        return Light.WORKS if self.answers else Light.FAILS


@dataclass(frozen=True)
class PartMemory:
    """The processes of one part of the installation on this host, and their memory; shared pages are divided up."""

    part: str
    processes: int
    bytes: int
    largest_bytes: int


@dataclass(frozen=True)
class RunsInState:
    """How many runs are in a state; of queued ones, for how long the first has waited."""

    state: str
    runs: int
    oldest_seconds: float | None


@dataclass(frozen=True)
class Queue:
    """The runs that are not over: of the whole installation, or of one organization."""

    states: tuple[RunsInState, ...]

    def runs(self, state: str) -> int:
        return sum(one.runs for one in self.states if one.state == state)

    @property
    def oldest_wait_seconds(self) -> float | None:
        return next((one.oldest_seconds for one in self.states if one.state == "queued"), None)


@dataclass(frozen=True)
class Place:
    """A folder of temporary files; `is_more`: it holds more files than were counted."""

    name: str
    files: int
    bytes: int
    is_more: bool = False


@dataclass(frozen=True)
class Disk:
    """Room on the disk that holds a folder."""

    name: str
    free_bytes: int
    total_bytes: int

    @property
    def light(self) -> Light:
        return Light.LOOK if self.free_bytes < self.total_bytes * 0.05 else Light.WORKS


@dataclass(frozen=True)
class SweeperStanding:
    """Who sweeps: since when, last when, and what the last round of housekeeping could not do."""

    holder: str
    leads: bool
    led_since: datetime | None
    swept_at: datetime | None
    cleared_at: datetime | None
    trouble: str

    @property
    def light(self) -> Light:
        if not self.leads:
            return Light.FAILS
        return Light.LOOK if self.trouble else Light.WORKS


@dataclass(frozen=True)
class Deed:
    """Something the sweeper did, how often, and how many bytes it freed."""

    deed: str
    times: int
    bytes: int = 0


@dataclass(frozen=True)
class InstallationStatus:
    """The installation at one moment; nothing in it belongs to a person or tells of an organization."""

    at: datetime
    providers: tuple[ProviderStatus, ...]
    database: StoreStatus
    limiter: StoreStatus
    queue: Queue
    processes_in_use: int
    most_processes: int
    memory: tuple[PartMemory, ...]
    places: tuple[Place, ...]
    disks: tuple[Disk, ...]
    sweeper: SweeperStanding | None
    deeds: tuple[Deed, ...]


@dataclass(frozen=True)
class StatusReport:
    """What one person is shown: `queue` is the installation's for an operator, else of the own organization."""

    installation: InstallationStatus
    queue: Queue
    is_whole_queue: bool


def summed_calls(groups: Iterable[CallGroup]) -> dict[str, RecentCalls]:
    """The calls of each provider, from the groups that the database counted."""
    by_provider: dict[str, list[CallGroup]] = {}
    for group in groups:
        by_provider.setdefault(group.provider, []).append(group)
    return {provider: sum_of(of_one) for provider, of_one in by_provider.items()}


def sum_of(groups: Sequence[CallGroup]) -> RecentCalls:
    failures: dict[str, int] = {}
    by_bucket = [0] * (len(LATENCY_BOUNDS_MS) + 1)
    for group in groups:
        by_bucket[group.bucket] += group.calls
        if group.status in ("failed", "unknown"):
            code = group.error_code or group.status
            failures[code] = failures.get(code, 0) + group.calls
    return RecentCalls(
        calls=sum(group.calls for group in groups),
        failed=sum(group.calls for group in groups if group.status == "failed"),
        unknown=sum(group.calls for group in groups if group.status == "unknown"),
        failures=failures,
        by_bucket=tuple(by_bucket),
        total_ms=sum(group.total_ms for group in groups),
        tokens_in=sum(group.tokens_in for group in groups),
        tokens_cached=sum(group.tokens_cached for group in groups),
    )


def quantile(by_bucket: Sequence[int], bounds: Sequence[int], share: float) -> float | None:
    """Where `share` of the calls stay below, read off straight within the bucket; None without calls.

    What lies above the last bound is told as that bound: more is not known of it.
    """
    wanted, below = share * sum(by_bucket), 0
    if not wanted:
        return None
    for bucket, held in enumerate(by_bucket):
        if held and below + held >= wanted:
            if bucket == len(bounds):
                break
            start = bounds[bucket - 1] if bucket else 0
            return start + (bounds[bucket] - start) * (wanted - below) / held
        below += held
    return float(bounds[-1])
