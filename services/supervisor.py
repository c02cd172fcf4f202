"""`make run`: starts every part of one installation, keeps each alive, and ends them cleanly.

The parts are children: the embedded database, the simulators, the sweeper, with REDIS_URL a worker, and the
web server. One that dies is started again. If this process itself is killed, the parts live on, and the next
start takes over the database and the jobs that still run and replaces the rest (docs/production.md).
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil

from services.clock import Clock, SystemClock
from services.db.embedded import EmbeddedDatabaseError, EmbeddedPostgres, port_is_taken
from services.db.migrate import MigrationError, upgrade
from services.db.prices import add_known_prices
from services.demo import DEMO_PASSWORD, demo_sign_ins, make_demo
from services.installation import SIMULATED_CHARGES, SUPERVISOR_LOCK
from services.settings import PROVIDERS, Settings, load_settings
from services.wiring import database_urls, embedded_postgres

ROOT = Path(__file__).resolve().parent.parent
# The first start compresses every script of the pages, which a busy machine may need minutes for.
READY_SECONDS = 240
STOP_SECONDS = 15
CHECK_SECONDS = 0.5
RESTART_PAUSE_SECONDS = 1.0


class CannotStart(Exception):
    """The installation cannot be started as it is configured; the message says what to do."""


@dataclass
class Part:
    """One child process: how to start it, and how to know that it serves."""

    name: str
    command: list[str]
    health_url: str | None
    record: Path
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    last_start: float = field(default=0.0)

    def end_predecessor(self) -> None:
        """End the part that an earlier supervisor left behind, known by process id and start time."""
        try:
            known = json.loads(self.record.read_text(encoding="utf-8"))
            predecessor = psutil.Process(known["pid"])
            if predecessor.create_time() != known["started"]:
                return
        except (FileNotFoundError, ValueError, KeyError, psutil.NoSuchProcess):
            return
        predecessor.terminate()
        try:
            predecessor.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            predecessor.kill()

    def start(self, clock: Clock, log: Path) -> None:
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        self.last_start = clock.steady()
        started = psutil.Process(self.process.pid).create_time()
        self.record.write_text(json.dumps({"pid": self.process.pid, "started": started}), encoding="utf-8")

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_healthy(self) -> bool:
        return self.health_url is None or answers_ok(self.health_url)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.record.unlink(missing_ok=True)


@dataclass
class Supervisor:
    """Everything that one `make run` owns."""

    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    stopping: bool = False
    parts: list[Part] = field(default_factory=list)
    database: EmbeddedPostgres | None = None

    def run(self) -> None:
        """Start, announce, watch until told to stop, and end everything. Raises CannotStart with words for a person."""
        home = self.settings.home_path
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.only_one(home):
            self.run_folder.mkdir(exist_ok=True, mode=0o700)
            self.log_folder.mkdir(exist_ok=True, mode=0o700)
            self.listen_for_signals()
            try:
                self.start()
                self.announce()
                self.watch()
            finally:
                self.stop()

    @property
    def run_folder(self) -> Path:
        return self.settings.home_path / "run"

    @property
    def log_folder(self) -> Path:
        return self.settings.home_path / "logs"

    @contextmanager
    def only_one(self, home: Path) -> Iterator[None]:
        """One supervisor a home; the kernel frees the lock when its holder dies."""
        descriptor = os.open(home / SUPERVISOR_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise CannotStart(
                f"SourcingX already runs from {home}. Stop it first, or give this copy another SOURCINGX_HOME and PORT."
            ) from None
        try:
            yield
        finally:
            os.close(descriptor)

    def listen_for_signals(self) -> None:
        def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
            self.stopping = True

        signal.signal(signal.SIGTERM, ask_to_stop)
        signal.signal(signal.SIGINT, ask_to_stop)
        signal.signal(signal.SIGHUP, ask_to_stop)

    def start(self) -> None:
        for part in self.describe_parts():
            part.end_predecessor()
        self.refuse_taken_ports()
        if self.settings.uses_embedded_database:
            say("Starting the database …")
            self.database = embedded_postgres(self.settings)
            self.database.ensure_running()
        urls = database_urls(self.settings)
        applied = upgrade(urls.owner)
        add_known_prices(urls.owner)
        if applied:
            say(f"Database prepared ({len(applied)} migrations).")
        self.parts = self.describe_parts()
        for part in self.parts:
            if self.stopping:
                return
            self.start_part(part)
            if part.name == "simulators" and self.settings.is_demo:
                make_demo(self.settings, say)

    def describe_parts(self) -> list[Part]:
        python = sys.executable
        settings = self.settings
        parts = []
        if any(settings.provider_mode(name) == "simulated" for name in PROVIDERS):
            port = settings.simulators_port_or_default
            parts.append(
                Part(
                    "simulators",
                    # The ledger is kept, so that a simulator that was killed still knows what it charged.
                    [
                        *(python, "-m", "services.simulators", "--port", str(port)),
                        *("--ledger", str(settings.home_path / SIMULATED_CHARGES)),
                    ],
                    f"http://127.0.0.1:{port}/_sim/health",
                    self.run_folder / "simulators.json",
                )
            )
        parts.append(Part("sweeper", [python, "-m", "services.sweeper"], None, self.run_folder / "sweeper.json"))
        if settings.redis_url is not None:
            worker = [python, "-m", "services.celery_worker"]
            parts.append(Part("worker", worker, None, self.run_folder / "worker.json"))
        parts.append(
            Part(
                "web",
                [python, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:server"],
                f"http://127.0.0.1:{settings.port}/healthz",
                self.run_folder / "web.json",
            )
        )
        return parts

    def refuse_taken_ports(self) -> None:
        wanted = {"PORT": self.settings.port}
        if any(self.settings.provider_mode(name) == "simulated" for name in PROVIDERS):
            wanted["SIMULATORS_PORT"] = self.settings.simulators_port_or_default
        for name, port in wanted.items():
            if port_is_taken(port):
                raise CannotStart(f"Port {port} is in use by another program. Choose another with {name}={port + 10}.")

    def start_part(self, part: Part) -> None:
        log = self.log_folder / f"{part.name}.log"
        part.start(self.clock, log)
        if not self.wait_until(lambda: part.is_healthy() or not part.is_running()) or not part.is_running():
            raise CannotStart(f"The part '{part.name}' did not start. Its log {log} ends with:\n{tail(log)}")

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        deadline = self.clock.steady() + READY_SECONDS
        while not condition():
            if self.clock.steady() > deadline or self.stopping:
                return self.stopping
            self.clock.sleep(0.05)
        return True

    def announce(self) -> None:
        if self.stopping:
            return
        say(f"\nSourcingX is ready:  http://{self.settings.bind}:{self.settings.port}\n")
        simulated = [name for name in PROVIDERS if self.settings.provider_mode(name) == "simulated"]
        missing = [name for name in PROVIDERS if self.settings.provider_mode(name) == "not connected"]
        if simulated:
            say(f"Simulated providers (no money is spent): {', '.join(simulated)}")
        if missing:
            say(f"Not connected (set NAME_API_KEY): {', '.join(missing)}")
        if self.settings.is_demo:
            say(f"Demo sign-ins, password {DEMO_PASSWORD}:")
            for email, role, organization in demo_sign_ins():
                say(f"  {email:<28} {role:<10} {organization}")
        say("\nCtrl-C ends everything.")

    def watch(self) -> None:
        while not self.stopping:
            if self.database is not None and self.database.server_pid() is None:
                self.restart_database()
            for part in self.parts:
                if not part.is_running() and self.clock.steady() - part.last_start > RESTART_PAUSE_SECONDS:
                    say(f"The part '{part.name}' ended; starting it again.")
                    part.start(self.clock, self.log_folder / f"{part.name}.log")
            self.clock.sleep(CHECK_SECONDS)

    def restart_database(self) -> None:
        assert self.database is not None
        say("The database ended; starting it again.")
        with contextlib.suppress(EmbeddedDatabaseError):
            self.database.ensure_running()

    def stop(self) -> None:
        """End in the order in which work flows: no new requests, then the workers, then what they lean on."""
        say("Stopping …")
        for part in reversed(self.parts):
            part.stop()
        if self.database is not None:
            self.database.stop()
        say("Stopped.")


def answers_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # a loopback address of ours
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def tail(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # the person at the terminal is this module's reader


def main() -> int:
    try:
        Supervisor(load_settings()).run()
    except (CannotStart, EmbeddedDatabaseError, MigrationError) as error:
        say(f"SourcingX cannot start: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
