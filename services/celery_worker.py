"""A worker of Celery's, `python -m services.celery_worker`: gives each drive from the queue a process of its own.

It drives nothing itself. A run's process is as fresh as on one machine, outlives a worker that is killed, and gives
its memory back (docs/decisions/background.md, Several hosts).
"""

import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from celery import Celery, signals
from celery.apps.worker import Worker
from celery.exceptions import Reject
from celery.worker import state
from celery.worker.consumer import Consumer

from services.clock import Clock
from services.errors import Busy
from services.logs import set_up_logging
from services.runs.celery_app import make_celery
from services.runs.drive_queue import TASK
from services.runs.launch import JobProcess, Launcher
from services.runs.process import inherit_nothing
from services.wiring import current

DRAIN_SECONDS = 10.0
"""How long a worker that was told to end stays with its job processes: within the supervisor's patience of 15 s.

Who then still waits for an answer does so without us, for as long as a call may take, and leaves the rest to a
successor.
"""
PATIENCE_SECONDS = 10.0
"""For a database that cannot be asked about a drive: as long as an admission lives; then the sweeper starts anew."""
RETRY_SECONDS = 0.5
RECONNECT_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass
class Workplace:
    """The job processes of one worker."""

    launcher: Launcher
    clock: Clock
    is_ending: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    jobs: set[JobProcess] = field(default_factory=set)

    def drive(self, drive_id: str) -> None:
        """The task: see one drive from its process's start to its end. A drive that is not wanted any more is none."""
        wanted = UUID(drive_id)
        if not self.accept(wanted):
            log.info("run.drive.unwanted", drive_id=drive_id)
            return
        job = self.begin(wanted)
        job.is_over.wait()
        with self.lock:
            self.jobs.discard(job)

    def accept(self, drive_id: UUID) -> bool:
        give_up_at = self.clock.steady() + PATIENCE_SECONDS
        while True:
            try:
                return self.launcher.accept(drive_id)
            except Busy as error:
                if self.clock.steady() > give_up_at or self.is_ending.is_set():
                    log.warning("run.drive.unasked", drive_id=str(drive_id), reason=error.message)
                    return False
                self.clock.sleep(RETRY_SECONDS)

    def begin(self, drive_id: UUID) -> JobProcess:
        with self.lock:
            if self.is_ending.is_set():
                raise Reject("This worker is ending; another takes the drive.", requeue=True)
            job = self.launcher.start_process(drive_id)
            self.jobs.add(job)
            return job

    def end(self) -> None:
        """Once told to, let every process come to rest, and stay with them for a while."""
        self.is_ending.wait()
        with self.lock:
            jobs = list(self.jobs)
        log.info("worker.ends", jobs=len(jobs))
        for job in jobs:
            job.drain()
        give_up_at = self.clock.steady() + DRAIN_SECONDS
        for job in jobs:
            if not job.is_over.wait(max(0.0, give_up_at - self.clock.steady())):
                log.warning("run.process.left", drive_id=str(job.drive_id), process=job.process.pid)
                job.is_over.set()


class PatientConsumer(Consumer):  # type: ignore[misc]  # Celery ships no types
    """Looks for a broker that is away every second; Celery's own pauses grow to half a minute."""

    def ensure_connected(self, conn: Any) -> Any:
        def tell(error: Exception, _seconds: float) -> None:
            log.warning("worker.queue.away", reason=str(error))

        return conn.ensure_connection(tell, None, RECONNECT_SECONDS, 0, RECONNECT_SECONDS, state.maybe_shutdown)


class DriveWorker(Worker):  # type: ignore[misc]  # Celery ships no types
    """A worker that tells its workplace when it ends, however it came to that."""

    workplace: Workplace

    def on_close(self) -> None:
        super().on_close()
        self.workplace.is_ending.set()


def keep_our_logging(**_options: Any) -> None:
    """Celery sets up logging unless somebody answers this signal."""


def work(celery: Celery, workplace: Workplace, places: int) -> int:
    """Take drives until told to end (SIGTERM); the exit code."""
    signals.setup_logging.connect(keep_our_logging)
    celery.task(name=TASK)(workplace.drive)
    options: Mapping[str, Any] = {
        # Threads: all that one does is wait for a process, and a fork would inherit what the others hold.
        "pool_cls": "threads",
        "concurrency": places,
        "consumer_cls": PatientConsumer,
        # Workers neither watch each other nor keep each other's clocks: the database knows who drives.
        "without_gossip": True,
        "without_mingle": True,
        "without_heartbeat": True,
        "quiet": True,
    }
    worker = DriveWorker(app=celery, **options)
    worker.workplace = workplace
    threading.Thread(target=workplace.end, name="end", daemon=True).start()
    worker.start()
    return int(worker.exitcode or 0)


def main() -> int:
    inherit_nothing()
    services = current()
    set_up_logging(services.settings.log_level)
    if services.settings.redis_url is None:
        log.error("worker.without.queue", reason="Set REDIS_URL: without it each host starts its own job processes.")
        return 1
    celery = make_celery(services.settings.redis_url.get_secret_value())
    exit_code = work(celery, Workplace(services.launcher, services.clock), services.settings.job_processes_here)
    services.database.close()
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
