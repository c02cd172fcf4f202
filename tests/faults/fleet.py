"""Several hosts in small: a sweeper, a Redis that may go away, and workers of Celery's that a test starts and kills."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg

from services.clock import SystemClock
from services.db.pool import Database
from services.domain.runs import StartedRun
from services.runs.drive_queue import KEY_PREFIX, QUEUE, DriveQueue
from services.runs.launch import Launcher
from services.sweeper import Sweeper
from tests.faults.check import check_run
from tests.faults.rig import BOUNDS, PROCESSES, ROOT, Errand, Shop, open_run, until
from tests.faults.worker_process import Outfit
from tests.fixtures.postgres import Urls, make_team
from tests.fixtures.redis import RedisServer

SWEEP_SECONDS = 0.2
"""Ten times as often as in the product, so that a test does not wait for the sweeper's pauses."""
START_SECONDS = 30


@dataclass(frozen=True)
class WorkerProcess:
    """One worker, and where it writes."""

    process: subprocess.Popen[bytes]
    log: Path

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def jobs(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(5)

    def end(self, seconds: float = 20) -> int:
        """Tell it to end, as a deploy does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@dataclass
class Fleet:
    """One installation, whose runs buy at a shop."""

    urls: Urls
    database: Database
    superuser: psycopg.Connection[Any]
    redis: RedisServer
    shop: Shop
    home: Path
    places: int = 2
    workers: list[WorkerProcess] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        queue = DriveQueue(self.redis.url, SystemClock())
        self.launcher = Launcher(self.database, self.home / "log", PROCESSES, BOUNDS, queue=queue)
        self.sweeper = Sweeper(self.database, SystemClock(), self.launcher, "fleet")

    def worker(self, **more: Any) -> WorkerProcess:
        """The worker that lives, or a new one."""
        living = [worker for worker in self.workers if worker.process.poll() is None]
        return living[0] if living else self.start_worker(**more)

    def start_worker(self, **more: Any) -> WorkerProcess:
        errand = json.dumps(asdict(Errand(self.urls.login, {"url": self.shop.url})))
        outfit = Outfit(self.urls.login, self.redis.url, errand, str(self.home), self.places, **more)
        log = self.home / f"worker-{len(self.workers)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.worker_process", json.dumps(asdict(outfit))],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        worker = WorkerProcess(process, log)
        self.workers.append(worker)
        until(lambda: " ready." in worker.text() or process.poll() is not None, START_SECONDS)
        assert process.poll() is None, worker.text()
        return worker

    def open_run(self, people: int) -> StartedRun:
        """A run of an organization of its own, in the queue."""
        team = make_team(self.superuser, f"Team{next(self.numbers)} Talent")
        return open_run(self.database, self.superuser, team.recruiter, people)

    def start(self, people: int) -> StartedRun:
        """A run whose drive is in the workers' queue, or at one already."""
        run = self.open_run(people)
        assert self.launcher.start_drive(run.drive_id)
        return run

    def sweep(self) -> list[UUID]:
        return self.sweeper.sweep()

    @contextmanager
    def swept(self) -> Iterator[None]:
        """The sweeper at work for the time of the block."""
        over = threading.Event()

        def sweep() -> None:
            while not over.wait(SWEEP_SECONDS):
                self.sweep()

        thread = threading.Thread(target=sweep)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def value(self, query: str, *arguments: object) -> Any:
        row = self.superuser.execute(query, arguments or None).fetchone()
        assert row is not None
        return row[0]

    def waiting(self) -> int:
        with self.redis.client() as client:
            return int(client.llen(f"{KEY_PREFIX}{QUEUE}"))

    def messages(self) -> list[dict[str, Any]]:
        """What Redis holds for the workers."""
        with self.redis.client() as client:
            return [json.loads(text) for text in client.lrange(f"{KEY_PREFIX}{QUEUE}", 0, -1)]

    def done(self, run: StartedRun) -> int:
        return int(self.value("SELECT done FROM runs WHERE id = %s", run.run_id))

    def outcomes(self, run: StartedRun) -> list[str]:
        """What became of each drive that came to its wheel, in the order in which they were made.

        On a busy machine an interpreter may need longer to start than an admission lasts.
        """
        rows = self.superuser.execute(
            "SELECT outcome FROM drives WHERE run_id = %s AND outcome <> 'never began' ORDER BY created_at",
            [run.run_id],
        ).fetchall()
        return [row[0] for row in rows]

    def unknown(self, run: StartedRun) -> int:
        return int(self.value("SELECT count(*) FROM ledger WHERE run_id = %s AND status = 'unknown'", run.run_id))

    def admission_runs_out(self, run: StartedRun) -> None:
        """Let the seconds pass at once in which a started drive is expected at the wheel."""
        self.superuser.execute(
            "UPDATE drives SET started_at = started_at - interval '11 seconds' WHERE run_id = %s", [run.run_id]
        )

    def move_to_another_host(self, run: StartedRun) -> None:
        """Neither the sweeper of this machine nor a lease that passes would tell anybody of its process's death."""
        self.superuser.execute("UPDATE drives SET process = 'elsewhere/boot/1:1' WHERE run_id = %s", [run.run_id])
        self.superuser.execute(
            "UPDATE runs SET lease_until = clock_timestamp() + interval '1 hour' WHERE id = %s", [run.run_id]
        )

    def ends_well(self, *runs: StartedRun, seconds: float = 60) -> None:
        """Each run ends by itself, every person of it has one result, and both ledgers agree."""
        with self.swept():
            until(lambda: all(self.has_ended(run) for run in runs), seconds)
        for run in runs:
            assert self.value("SELECT state = 'succeeded' AND done = items FROM runs WHERE id = %s", run.run_id)
            assert not check_run(self.superuser, run.run_id, self.shop.arrivals).complaints

    def has_ended(self, run: StartedRun) -> bool:
        return bool(self.value("SELECT finished_at IS NOT NULL FROM runs WHERE id = %s", run.run_id))

    def job_processes(self) -> list[psutil.Process]:
        """Whoever drives for this fleet, whosever child it is by now; a zombie is one, too."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if "tests.faults.driver_process" in command and any(self.shop.url in word for word in command):
                found.append(process)
        return found

    def close(self) -> None:
        """End the workers; nothing of theirs is left."""
        for worker in self.workers:
            if worker.process.poll() is None:
                assert worker.end() == 0, worker.text()
        until(lambda: not self.job_processes(), 10)
        queue = self.launcher.queue
        assert isinstance(queue, DriveQueue)
        queue.close()
        self.shop.close()


def zombies_of(worker: WorkerProcess) -> list[int]:
    return [job.pid for job in worker.jobs() if job.status() == psutil.STATUS_ZOMBIE]
