"""How the installation is doing: one look every few seconds serves all who ask this process.

Operators see the installation, admins the same with the queue of their own organization only; nobody sees a name
(docs/decisions/housekeeping.md, The status page).
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ratelimit import LimiterState
from services.clock import Clock
from services.db import runs
from services.db import status as db
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.status import (
    LATENCY_BOUNDS_MS,
    RECENT_SECONDS,
    CallGroup,
    Deed,
    InstallationStatus,
    LimitUse,
    ProviderStatus,
    Queue,
    RecentCalls,
    RunsInState,
    StatusReport,
    StoreStatus,
    SweeperStanding,
    summed_calls,
)
from services.errors import Busy, NotAllowed
from services.housekeeping import DAY_SECONDS, Housekeeping, size_of
from services.limits import StoreWatch
from services.processes import memory_by_part
from services.runs.process import machine
from services.turns import Turns

LOOK_LASTS_SECONDS: Final = 5.0
TIMES_ITS_COST: Final = 20.0
"""A look that takes long lasts longer: looking never uses more than a twentieth of the time."""
MOST_CALLS: Final = 100_000
NOT_FOR_YOU: Final = "How the installation is doing is for its operators and the admins of an organization."


@dataclass(frozen=True)
class DatabaseLook:
    """Everything that the database told within one look; the defaults stand for one that did not answer."""

    status: StoreStatus
    groups: tuple[CallGroup, ...] = ()
    queue: tuple[RunsInState, ...] = ()
    live_drives: int = 0
    processes: tuple[str, ...] = ()
    sweeper: SweeperStanding | None = None
    deeds: tuple[Deed, ...] = ()


@dataclass
class Status:
    """Reads only. `modes` by provider; `server_pid` tells the embedded database's process."""

    database: Database
    clock: Clock
    home: Path
    modes: Mapping[str, str]
    turns: Turns
    limiter_watch: StoreWatch
    limiter_file: Path | None
    housekeeping: Housekeeping
    most_processes: int
    server_pid: Callable[[], int | None]
    last: InstallationStatus | None = None
    lasts_until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def report(self, actor: Actor) -> StatusReport:
        """What this person may know. Raises NotAllowed, and Busy while the database does not answer."""
        if not actor.may_see_status:
            raise NotAllowed(NOT_FOR_YOU)
        installation = self.installation()
        if actor.is_operator:
            return StatusReport(installation, installation.queue, is_whole_queue=True)
        with self.database.act_as(actor) as tx:
            own = Queue(tuple(db.own_runs_by_state(tx)))
        return StatusReport(installation, own, is_whole_queue=False)

    def installation(self) -> InstallationStatus:
        """The installation a few seconds ago at most; of a part that does not answer this is said, not raised."""
        with self.lock:
            began = self.clock.steady()
            if self.last is None or began >= self.lasts_until:
                self.last = self.look()
                ended = self.clock.steady()
                self.lasts_until = ended + max(LOOK_LASTS_SECONDS, TIMES_ITS_COST * (ended - began))
            return self.last

    def look(self) -> InstallationStatus:
        seen = self.look_at_database()
        limiter = self.look_at_limiter()
        calls = summed_calls(seen.groups)
        return InstallationStatus(
            at=self.clock.now(),
            providers=tuple(
                self.provider(name, mode, calls.get(name, RecentCalls()), is_known=limiter.answers)
                for name, mode in self.modes.items()
            ),
            database=seen.status,
            limiter=limiter,
            queue=Queue(seen.queue),
            processes_in_use=seen.live_drives,
            most_processes=self.most_processes,
            memory=memory_by_part(self.home, pids_here(seen.processes), self.server_pid()),
            places=self.housekeeping.places(),
            disks=self.housekeeping.disks(),
            sweeper=seen.sweeper,
            deeds=seen.deeds,
        )

    def look_at_database(self) -> DatabaseLook:
        began = time.perf_counter()
        try:
            with self.database.as_engine() as tx:
                answered = time.perf_counter()
                figures = db.database_figures(tx)
                pages = figures.pages_hit + figures.pages_read
                status = StoreStatus(
                    "database",
                    answers=True,
                    milliseconds=(answered - began) * 1000,
                    bytes=figures.bytes,
                    connections=figures.connections,
                    most_connections=figures.most_connections,
                    found_in_memory=figures.pages_hit / pages if pages else None,
                )
                return DatabaseLook(
                    status,
                    groups=tuple(db.recent_calls(tx, RECENT_SECONDS, MOST_CALLS, LATENCY_BOUNDS_MS)),
                    queue=tuple(db.live_runs_by_state(tx)),
                    live_drives=db.count_live_drives(tx),
                    processes=tuple(process for _, process in runs.live_processes(tx)),
                    sweeper=db.sweeper_standing(tx),
                    deeds=tuple(db.deeds_within(tx, DAY_SECONDS)),
                )
        except Busy:
            return DatabaseLook(StoreStatus("database", False, (time.perf_counter() - began) * 1000))

    def look_at_limiter(self) -> StoreStatus:
        began = time.perf_counter()
        answers = self.limiter_watch.answers()
        milliseconds = (time.perf_counter() - began) * 1000
        file = self.limiter_file
        size = None if file is None else sum(size_of(file.with_name(file.name + end)) for end in ("", "-wal", "-shm"))
        return StoreStatus("limiter", answers, milliseconds, size)

    def provider(self, name: str, mode: str, recent: RecentCalls, *, is_known: bool) -> ProviderStatus:
        if mode == "not connected" or not is_known:
            return ProviderStatus(name, mode, is_known, recent=recent)
        look = self.turns.look(name)
        if look.state is None:
            return ProviderStatus(name, mode, is_known=False, recent=recent)
        state: LimiterState = look.state
        return ProviderStatus(
            name,
            mode,
            outage=look.outage,
            paused_seconds=state.paused_seconds,
            pause_reason=state.pause_reason,
            limits=tuple(LimitUse(one.name, one.used, one.allowed, one.window_seconds) for one in state.limits),
            waiting=sum(lane.waiting for lane in state.lanes),
            open_calls=state.open_calls,
            most_open_calls=state.concurrency,
            recent=recent,
        )


def pids_here(names: tuple[str, ...]) -> list[int]:
    """The process ids of the jobs that run on this machine."""
    here = f"{machine()}:"
    numbers = [name.removeprefix(here) for name in names if name.startswith(here)]
    return [int(number) for number in numbers if number.isdigit()]
