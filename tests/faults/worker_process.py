"""A worker of Celery's whose job processes buy at the shop: `python -m tests.faults.worker_process OUTFIT`."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from services.celery_worker import Workplace, work
from services.clock import SystemClock
from services.db.pool import Database
from services.logs import set_up_logging
from services.runs.celery_app import TRANSPORT, make_celery
from services.runs.launch import Launcher
from services.runs.process import inherit_nothing
from tests.faults.rig import BOUNDS, PROCESSES


@dataclass(frozen=True)
class Outfit:
    """What a worker is told, as JSON in one argument; `errand` is the errand of its job processes."""

    database_url: str
    redis_url: str
    errand: str
    home: str
    places: int = 2
    visibility_seconds: float | None = None


def main() -> int:
    outfit = Outfit(**json.loads(sys.argv[1]))
    inherit_nothing()
    set_up_logging("INFO")
    database = Database(outfit.database_url)
    command = (sys.executable, "-m", "tests.faults.driver_process", outfit.errand)
    launcher = Launcher(database, Path(outfit.home) / "drives.log", PROCESSES, BOUNDS, command)
    transport = dict(TRANSPORT)
    if outfit.visibility_seconds is not None:
        transport |= {"visibility_timeout": outfit.visibility_seconds, "unacked_restore_throttle": 1}
    exit_code = work(make_celery(outfit.redis_url, transport), Workplace(launcher, SystemClock()), outfit.places)
    database.close()
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
