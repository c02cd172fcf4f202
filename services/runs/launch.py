"""Starting the process of a drive: a fresh interpreter with one argument, within the bound on processes.

The page's background callback, the sweeper and the command line all come through here. A new process
inherits nothing of its starter: new session, closed descriptors, no fork (docs/decisions/runs.md).
"""

import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog

from services.db import runs
from services.db.pool import Database
from services.db.runs import StartBounds
from services.errors import Busy

ROOT = Path(__file__).resolve().parents[2]
LARGEST_LOG_BYTES = 20_000_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Launcher:
    """Starts drives; `command` is what runs one, without the drive's id."""

    database: Database
    log_path: Path
    most_processes: int
    bounds: StartBounds
    command: Sequence[str] = (sys.executable, "-m", "services.drive")

    def start_drive(self, drive_id: UUID) -> bool:
        """Start a process for this drive if it is its turn; else the run stays queued for the sweeper."""
        with self.database.as_engine() as tx:
            is_admitted = runs.admit_drive(tx, drive_id, self.most_processes, self.bounds)
        if is_admitted:
            self.start_process(drive_id)
        return is_admitted

    def start_process(self, drive_id: UUID) -> None:
        """Start the process of an admitted drive and see it to its end, should we live so long."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        rotate(self.log_path)
        with self.log_path.open("ab") as output:
            process = subprocess.Popen(
                [*self.command, str(drive_id)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                start_new_session=True,
            )
        log.info("run.process.started", drive_id=str(drive_id), process=process.pid)
        see = threading.Thread(target=self.see_to_its_end, args=(process, drive_id), daemon=True)
        see.name = f"reaper-{process.pid}"
        see.start()

    def see_to_its_end(self, process: "subprocess.Popen[bytes]", drive_id: UUID) -> None:
        """Reap the process; the run of one that was killed is freed at once, without waiting for its lease to pass.

        Of one that failed by itself it is not: the next would fail as well, and the lease is the pause between them.
        """
        ended_with = process.wait()
        if ended_with >= 0:
            return
        log.warning("run.process.killed", drive_id=str(drive_id), process=process.pid, signal=-ended_with)
        try:
            with self.database.as_engine() as tx:
                runs.note_dead_drive(tx, drive_id)
        except Busy as error:
            log.warning("run.process.death.untold", drive_id=str(drive_id), reason=error.message)


def rotate(path: Path) -> None:
    """Keep one older log; who writes into it goes on doing so."""
    if path.exists() and path.stat().st_size > LARGEST_LOG_BYTES:
        path.replace(path.with_suffix(".old.log"))
