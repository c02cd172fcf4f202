"""The sweeper: starts drives for runs that need one, every two seconds; `python -m services.sweeper`.

It needs no browser and holds no run itself. One at a time leads, by a lease row; what it decides is decided
in one locked transaction of the database, so even two would start nothing twice (docs/run-life.md, The sweeper).
"""

import os
import signal
import socket
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from uuid import UUID

import structlog

from services.clock import Clock
from services.db import housekeeping, quotas, runs
from services.db.pool import Database, Tx
from services.domain.status import Deed
from services.errors import Busy
from services.housekeeping import Chore
from services.logs import set_up_logging
from services.runs.launch import Launcher
from services.runs.process import inherit_nothing, is_dead
from services.wiring import current

SWEEP_SECONDS = 2.0
LEASE_SECONDS = 6.0
DRIVERS_FIRST_SECONDS = 4.0
"""After the database was away, leases have run out under drivers that live: they are given time to beat again."""
MOST_STARTS = 10
"""After so many starts without one settled item a run is given up."""
STARTED, RESUMED, FREED, WOKEN = "runs started", "runs resumed", "dead processes noticed", "runs woken by a new day"

log = structlog.get_logger(__name__)


@dataclass
class Sweeper:
    """Starts what the database says needs a driver; between two sweeps does one chore of housekeeping.

    A round of chores begins with the first sweep that leads, and then every `round_seconds`.
    """

    database: Database
    clock: Clock
    launcher: Launcher
    holder: str
    chores: Sequence[Chore] = ()
    round_seconds: float = 300.0
    next_round_at: float = field(default=float("-inf"))
    chores_due: deque[Chore] = field(default_factory=deque)
    troubles: list[str] = field(default_factory=list)
    fence: int | None = field(default=None)
    is_stopping: bool = field(default=False)
    is_cut_off: bool = field(default=False)
    patient_until: float = field(default=0.0)

    def sweep_for_ever(self) -> None:
        while not self.is_stopping:
            try:
                self.sweep()
            except Busy as error:
                log.warning("sweeper.waits", reason=error.message)
            self.clock.sleep(SWEEP_SECONDS)

    def sweep(self) -> list[UUID]:
        """Start what needs a driver; the drives that were started, none if somebody else leads. Raises Busy."""
        try:
            drives = self.choose()
        except Busy:
            self.is_cut_off = True
            raise
        started = [drive_id for drive_id in drives if self.launcher.start(drive_id)]
        if self.fence is not None:
            self.keep_house(self.fence)
        return started

    def choose(self) -> list[UUID]:
        """What to start now, decided in one transaction."""
        # Asked first: a queue that is slow to answer must not hold the transaction open.
        may_admit = self.launcher.may_admit()
        with self.database.as_engine() as tx:
            self.fence = runs.take_sweep(tx, self.holder, LEASE_SECONDS)
            if self.fence is None or self.lets_drivers_go_first():
                return []
            dead = [drive_id for drive_id, process in runs.live_processes(tx) if is_dead(process)]
            freed = sum(runs.note_dead_drive(tx, drive_id) for drive_id in dead)
            woken = quotas.wake_runs_after_reset(tx)
            launcher = self.launcher
            drives = runs.next_drives(tx, launcher.most_processes, launcher.bounds, MOST_STARTS) if may_admit else []
            resumed = housekeeping.resumed_among(tx, drives) if drives else 0
            started = len(drives) - resumed
            deeds = (Deed(STARTED, started), Deed(RESUMED, resumed), Deed(FREED, freed), Deed(WOKEN, woken))
            note(tx, self.fence, deeds)
            return drives

    def keep_house(self, fence: int) -> None:
        """Do one chore, if one is due; what cannot be written down of it is in the log all the same. Raises Busy."""
        if not self.chores_due and self.clock.steady() >= self.next_round_at:
            self.chores_due.extend(self.chores)
            self.next_round_at = self.clock.steady() + self.round_seconds
        if not self.chores_due:
            return
        chore = self.chores_due.popleft()
        cleared = chore()
        if cleared.is_more:
            self.chores_due.append(chore)
        if cleared.trouble:
            self.troubles.append(f"{cleared.what}: {cleared.trouble}")
        is_round_over = not self.chores_due
        if cleared.things or is_round_over:
            with self.database.as_engine() as tx:
                note(tx, fence, [Deed(f"cleared {cleared.what}", cleared.things, cleared.bytes)])
                if is_round_over:
                    housekeeping.note_round(tx, fence, " ".join(dict.fromkeys(self.troubles)))
        if is_round_over:
            self.troubles.clear()

    def lets_drivers_go_first(self) -> bool:
        if self.is_cut_off:
            self.is_cut_off = False
            self.patient_until = self.clock.steady() + DRIVERS_FIRST_SECONDS
        return self.clock.steady() < self.patient_until

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        self.is_stopping = True


def note(tx: Tx, fence: int, deeds: Iterable[Deed]) -> None:
    """Count and log what was done; a sweep that did nothing, as most, leaves no trace."""
    done = [deed for deed in deeds if deed.times]
    if done:
        housekeeping.note_deeds(tx, fence, done)
        log.info("sweeper.swept", **{deed.deed: deed.times for deed in done})


def main() -> None:
    inherit_nothing()
    services = current()
    set_up_logging(services.settings.log_level)
    holder = f"{socket.gethostname()}:{os.getpid()}"
    sweeper = Sweeper(
        services.database,
        services.clock,
        services.launcher,
        holder,
        tuple(services.housekeeping.chores().values()),
        services.settings.housekeeping_minutes * 60,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, sweeper.stop)
    sweeper.sweep_for_ever()
    services.database.close()


if __name__ == "__main__":
    main()
