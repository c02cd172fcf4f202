"""A driver that a test can kill: `python -m tests.faults.driver_process ERRAND DRIVE_ID`."""

import json
import signal
import sys
from uuid import UUID

from services.clock import SystemClock
from services.db.pool import Database
from services.runs.driver import DriveSettings
from services.runs.outcomes import RetryPolicy
from services.runs.process import drive_run, inherit_nothing
from tests.faults.rig import PROVIDER, Errand, KillAt, OpenGate, Shopping


def main() -> None:
    errand = Errand(**json.loads(sys.argv[1]))
    inherit_nothing()
    database = Database(errand.database_url, wait_seconds=1.0)
    settings = DriveSettings(errand.most_in_flight, RetryPolicy(errand.most_attempts, {PROVIDER: errand.resends}))
    checkpoints = None
    if errand.kill_at:
        checkpoints = KillAt(errand.kill_at)
    elif errand.stop_at:
        checkpoints = KillAt(errand.stop_at, signal.SIGSTOP)
    drive_run(
        database,
        SystemClock(),
        UUID(sys.argv[2]),
        lambda _run: Shopping(**errand.kind),
        OpenGate(),
        settings,
        checkpoints,
    )
    database.close()


if __name__ == "__main__":
    main()
