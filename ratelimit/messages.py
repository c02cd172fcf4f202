"""What a process and the store say to each other; each exchange is one atomic step."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ratelimit.policy import Lane

Costs = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LaneAsk:
    """Everything one process wants in one lane: the costs of its next calls, oldest first.

    `waiting` counts all its calls that stay in the queue if they are not granted now. `spare` more, like the last
    of them, are taken along if nobody at all waits: the process expects to need them before they go stale.
    """

    lane: Lane
    next_costs: tuple[Costs, ...]
    waiting: int
    spare: int = 0


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A correction of what a grant took: `deltas` by limit; an unused one is refunded to its lane."""

    epoch: str
    slots: Mapping[str, int]
    deltas: Mapping[str, int]
    refunded_lane: Lane | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing starts for `seconds`; None means: back off, doubling with every wave of refusals.

    `refused_grant_at` is when the refused call was granted; refusals of calls granted before the
    last pause belong to the same wave. `jitter` in [0, 1) spreads the back-off.
    """

    seconds: float | None
    reason: str
    refused_grant_at: float | None = None
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a provider's headers said about one limit."""

    limit_name: str
    remaining: int | None = None
    allowed: int | None = None
    reset_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many calls permitted in one round of the breaker worked and failed since it was told last.

    `is_refusal` says that the key itself was refused. `jitter` in [0, 1) spreads the openings.
    """

    epoch: str
    round: int
    worked: int = 0
    failed: int = 0
    reason: str = ""
    is_refusal: bool = False
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class PastStart:
    """A call that started before the store knew of it."""

    seconds_ago: float
    costs: Costs


@dataclass(frozen=True, slots=True)
class Message:
    """The complete picture of one process; only `adjustments` and `outcomes` are increments, guarded by `serial`.

    `probed_round` names the round whose probe this process has out. `key_is_mended`: a person says so.
    """

    agent: str
    serial: int
    asks: tuple[LaneAsk, ...] = ()
    open_calls: int = 0
    adjustments: tuple[Adjustment, ...] = ()
    pauses: tuple[Pause, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    probed_round: int | None = None
    key_is_mended: bool = False
    history: tuple[PastStart, ...] | None = None
    has_no_past: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """One call may start; `slots` say where each limit counted it, `round` in which round of the breaker it is."""

    lane: Lane
    costs: Costs
    slots: Mapping[str, int]
    round: int = 0
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """The key is left alone: why, for how long already, and in how many seconds one call tries again."""

    reason: str
    since_seconds: float
    retry_seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer: what may start now, and when to ask again for the rest.

    `wait_seconds` is None when nothing is left waiting. `place` counts the calls that go first and
    `rate` is the lane's fair share in calls per second, both for the first lane that waits.
    """

    now: float
    epoch: str
    grants: tuple[Grant, ...] = ()
    wait_seconds: float | None = None
    place: int = 0
    rate: float = 0.0
    reason: str = ""
    history_seconds: float | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class LimitState:
    """How full one limit is."""

    name: str
    used: int
    allowed: int
    window_seconds: float


@dataclass(frozen=True, slots=True)
class LaneState:
    """Where one lane stands: `wait_seconds` until its next call, `drain_seconds` until its last."""

    organization: str
    user: str
    waiting: int
    place: int
    rate: float
    wait_seconds: float
    drain_seconds: float


@dataclass(frozen=True, slots=True)
class LimiterState:
    """What a person can be shown about one key."""

    key: str
    limits: tuple[LimitState, ...]
    open_calls: int
    concurrency: int | None
    lanes: tuple[LaneState, ...] = field(default=())
    paused_seconds: float = 0.0
    pause_reason: str = ""
    shut_seconds: float = 0.0
    trouble: Trouble | None = None
