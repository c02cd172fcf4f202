"""The sweeper: starts drives for runs that need one, every two seconds; `python -m services.sweeper`.

It needs no browser and holds no run itself. One at a time leads, by a lease row; what it decides is decided
in one locked transaction of the database, so even two would start nothing twice (docs/run-life.md, The sweeper).
"""

import os
import signal
import socket
from dataclasses import dataclass, field
from types import FrameType
from uuid import UUID

import structlog

from services.clock import Clock
from services.db import quotas, runs
from services.db.pool import Database
from services.errors import Busy
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

log = structlog.get_logger(__name__)


@dataclass
class Sweeper:
    """Starts what the database says needs a driver."""

    database: Database
    clock: Clock
    launcher: Launcher
    holder: str
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
        return [drive_id for drive_id in drives if self.launcher.start(drive_id)]

    def choose(self) -> list[UUID]:
        """What to start now, decided in one transaction."""
        # Asked first: a queue that is slow to answer must not hold the transaction open.
        may_admit = self.launcher.may_admit()
        with self.database.as_engine() as tx:
            fence = runs.take_sweep(tx, self.holder, LEASE_SECONDS)
            if fence is None or self.lets_drivers_go_first():
                return []
            for drive_id, process in runs.live_processes(tx):
                if is_dead(process):
                    runs.note_dead_drive(tx, drive_id)
            quotas.wake_runs_after_reset(tx)
            launcher = self.launcher
            if not may_admit:
                return []
            return runs.next_drives(tx, launcher.most_processes, launcher.bounds, MOST_STARTS)

    def lets_drivers_go_first(self) -> bool:
        if self.is_cut_off:
            self.is_cut_off = False
            self.patient_until = self.clock.steady() + DRIVERS_FIRST_SECONDS
        return self.clock.steady() < self.patient_until

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        self.is_stopping = True


def main() -> None:
    inherit_nothing()
    services = current()
    set_up_logging(services.settings.log_level)
    holder = f"{socket.gethostname()}:{os.getpid()}"
    sweeper = Sweeper(services.database, services.clock, services.launcher, holder)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, sweeper.stop)
    sweeper.sweep_for_ever()
    services.database.close()


if __name__ == "__main__":
    main()
