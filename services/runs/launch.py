"""Starting drives: a fresh interpreter with one argument for each, here or at a worker, within the bound on processes.

The page's background callback, the sweeper and the command line all come through here. A new process
inherits nothing of its starter: new session, closed descriptors, no fork (docs/decisions/runs.md). With a queue it
is started by whichever worker takes the drive's id (docs/decisions/background.md, Several hosts).
"""

import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import UUID

import structlog

from services.db import runs
from services.db.pool import Database
from services.db.runs import StartBounds
from services.domain.turns import QueueState
from services.errors import Busy

ROOT = Path(__file__).resolve().parents[2]
LARGEST_LOG_BYTES = 20_000_000

log = structlog.get_logger(__name__)


class QueueAway(Exception):
    """The queue could not be asked, or did not take the drive."""


class Queue(Protocol):
    """What takes drives to the workers of several hosts (services/runs/drive_queue.py)."""

    def send(self, drive_id: UUID) -> None:
        """Hand a drive to the first worker with a free place. Raises QueueAway."""

    def state(self) -> QueueState:
        """Whether a drive would be taken at once."""

    def look(self) -> QueueState:
        """The same as of a moment ago, for people who watch."""


@dataclass(frozen=True)
class JobProcess:
    """The process of one drive; `is_over` when it has ended, or when nobody waits for it any more."""

    drive_id: UUID
    process: "subprocess.Popen[bytes]"
    is_over: threading.Event = field(default_factory=threading.Event)

    def drain(self) -> None:
        """Ask it to let its calls come back and to leave the rest to a successor."""
        self.process.send_signal(signal.SIGTERM)


@dataclass(frozen=True)
class Launcher:
    """Starts drives; `command` is what runs one, without the drive's id. With a `queue`, workers start them."""

    database: Database
    log_path: Path
    most_processes: int
    bounds: StartBounds
    command: Sequence[str] = (sys.executable, "-m", "services.drive")
    queue: Queue | None = None

    def start_drive(self, drive_id: UUID) -> bool:
        """Start a process for this drive if it is its turn; else the run stays queued for the sweeper."""
        if not self.may_admit():
            return False
        with self.database.as_engine() as tx:
            is_admitted = runs.admit_drive(tx, drive_id, self.most_processes, self.bounds)
        return is_admitted and self.start(drive_id)

    def may_admit(self) -> bool:
        """Whether what is admitted now begins now.

        Where a drive waits in the queue already, another would only wait behind it: out of turn, and once more for
        each time that its admission runs out. Runs wait in the database instead, where their order is fair.
        """
        return self.queue is None or self.queue.state() is QueueState.OPEN

    def look(self) -> QueueState:
        """How it stands with the queue, for people who watch a run that waits."""
        return QueueState.OPEN if self.queue is None else self.queue.look()

    def start(self, drive_id: UUID) -> bool:
        """Start an admitted drive; False, and its admission is taken back, if the queue cannot take it."""
        if self.queue is None:
            self.start_process(drive_id)
            return True
        try:
            self.queue.send(drive_id)
        except QueueAway as error:
            log.warning("run.drive.unsent", drive_id=str(drive_id), reason=str(error))
            with self.database.as_engine() as tx:
                runs.take_back_start(tx, drive_id)
            return False
        log.info("run.drive.sent", drive_id=str(drive_id))
        return True

    def accept(self, drive_id: UUID) -> bool:
        """Whether a drive that was taken from the queue is still wanted; its process may then start. Raises Busy."""
        with self.database.as_engine() as tx:
            return runs.accept_drive(tx, drive_id, self.most_processes, self.bounds)

    def start_process(self, drive_id: UUID) -> JobProcess:
        """Start the process of an admitted drive here and see it to its end, should we live so long."""
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
        job = JobProcess(drive_id, process)
        see = threading.Thread(target=self.see_to_its_end, args=(job,), daemon=True)
        see.name = f"reaper-{process.pid}"
        see.start()
        return job

    def see_to_its_end(self, job: JobProcess) -> None:
        """Reap the process; the run of one that was killed is freed at once, without waiting for its lease to pass.

        Of one that failed by itself it is not: the next would fail as well, and the lease is the pause between them.
        """
        ended_with = job.process.wait()
        try:
            if ended_with < 0:
                self.note_death(job, -ended_with)
        finally:
            job.is_over.set()

    def note_death(self, job: JobProcess, signal_number: int) -> None:
        drive_id = str(job.drive_id)
        log.warning("run.process.killed", drive_id=drive_id, process=job.process.pid, signal=signal_number)
        try:
            with self.database.as_engine() as tx:
                runs.note_dead_drive(tx, job.drive_id)
        except Busy as error:
            log.warning("run.process.death.untold", drive_id=drive_id, reason=error.message)


def rotate(path: Path) -> None:
    """Keep one older log; who writes into it goes on doing so."""
    if path.exists() and path.stat().st_size > LARGEST_LOG_BYTES:
        path.replace(path.with_suffix(".old.log"))
