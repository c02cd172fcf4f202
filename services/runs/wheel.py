"""Who may drive a run: one at a time, by a lease that ends by itself and a fence that only rises."""

from dataclasses import dataclass
from uuid import UUID

from services.clock import Clock
from services.db import runs
from services.db.pool import Database, Tx
from services.db.runs import Beat, TakenRun
from services.domain.runs import RunState

LEASE_SECONDS = 8.0
BEAT_SECONDS = 2.0
STILL_AFTER_SECONDS = 6.0
"""Without a beat for so long nothing new is sent: well before the lease ends and somebody else may drive."""


class WheelLost(Exception):
    """Somebody else drives this run now; whoever gets this writes nothing more and leaves."""


@dataclass
class Wheel:
    """The right to drive one run. `beaten_at` is on the steady clock, from before the beat was sent."""

    database: Database
    clock: Clock
    drive_id: UUID
    run: TakenRun
    beaten_at: float

    def is_fresh(self) -> bool:
        """Whether the last beat is recent enough to send something that costs money."""
        return self.clock.steady() - self.beaten_at < STILL_AFTER_SECONDS

    def hold(self, tx: Tx) -> RunState:
        """Lock the run for this transaction and read its state. Raises WheelLost."""
        state = runs.hold_run(tx, self.run.run_id, self.run.fence)
        if state is None:
            raise WheelLost
        return state

    def beat(self, per_minute: float) -> Beat:
        """Lengthen the lease, and hear how the run stands. Raises WheelLost, and Busy without a database."""
        asked_at = self.clock.steady()
        with self.database.act_for(self.run.org_id, self.run.user_id) as tx:
            beat = runs.beat(tx, self.run.run_id, self.run.fence, LEASE_SECONDS, per_minute)
        if beat is None:
            raise WheelLost
        self.beaten_at = asked_at
        return beat


def take_wheel(database: Database, clock: Clock, drive_id: UUID, process: str) -> Wheel | None:
    """Become the driver, or None: the drive was taken before, its run is over, or somebody else drives it."""
    asked_at = clock.steady()
    with database.as_engine() as tx:
        run = runs.take_wheel(tx, drive_id, process, LEASE_SECONDS)
    return None if run is None else Wheel(database, clock, drive_id, run, asked_at)
