"""One installation, seen from a command: its database for as long as the command needs it, and its schema.

A command works with the server up or down. Down, it starts the embedded database, and the last command out
stops it again, unless the server has come up meanwhile (docs/commands.md, With the server down).
"""

import fcntl
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from services.db.embedded import EmbeddedDatabaseError, EmbeddedPostgres, port_is_taken
from services.db.migrate import MigrationError, pending, upgrade
from services.db.prices import add_known_prices
from services.errors import AppError
from services.settings import Settings
from services.simulators import serve
from services.wiring import database_urls, embedded_postgres

SUPERVISOR_LOCK: Final = "supervisor.lock"
COMMANDS_LOCK: Final = "commands.lock"
STARTED_BY_COMMAND: Final = "postgres-of-commands"
SIMULATED_CHARGES: Final = "simulated-charges.jsonl"


class CannotRun(AppError):
    """The installation is not in a state in which this can be done; the message says what would help."""

    status = 503


@dataclass(frozen=True)
class Installation:
    """The home directory of one copy of the product, and what belongs to it."""

    settings: Settings

    @property
    def is_served(self) -> bool:
        """Whether `make run` is at work in this home; its sweeper then drives what is queued."""
        return is_locked(self.settings.home_path / SUPERVISOR_LOCK)

    @contextmanager
    def database_for_a_while(self) -> Iterator[None]:
        """Have a database that answers, for the time of the block. Raises CannotRun."""
        if not self.settings.uses_embedded_database:
            yield
            return
        home = self.settings.home_path
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        postgres = embedded_postgres(self.settings)
        descriptor = os.open(home / COMMANDS_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            self.start_database(postgres)
            try:
                yield
            finally:
                self.stop_database(postgres, descriptor)
        finally:
            os.close(descriptor)

    def start_database(self, postgres: EmbeddedPostgres) -> None:
        was_running = postgres.server_pid() is not None
        try:
            postgres.ensure_running()
        except EmbeddedDatabaseError as error:
            raise CannotRun(str(error)) from error
        if not was_running:
            self.mark.write_text(str(postgres.server_pid()), encoding="utf-8")

    def stop_database(self, postgres: EmbeddedPostgres, descriptor: int) -> None:
        """Stop what a command started, if no other command and no server uses it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        # Under the lock of starting: a server that comes up now either is seen here or finds the database stopped.
        with postgres.exclusively():
            is_ours = self.mark.exists() and self.mark.read_text(encoding="utf-8") == str(postgres.server_pid())
            if is_ours and not self.is_served:
                postgres.stop()
                self.mark.unlink()

    @property
    def mark(self) -> Path:
        """Holds the process id of a database server that a command started."""
        return self.settings.home_path / STARTED_BY_COMMAND

    def require_schema(self) -> None:
        """Raises CannotRun where the embedded database was never prepared, or not for this release."""
        if self.settings.uses_embedded_database and pending(database_urls(self.settings).owner):
            raise CannotRun("The database is not prepared for this release. Run `flask --app wsgi db upgrade` first.")

    def upgrade(self) -> list[int]:
        """Bring the schema and the known prices up to date; the numbers of the migrations applied."""
        owner = database_urls(self.settings).owner
        try:
            applied = upgrade(owner)
            add_known_prices(owner)
        except (MigrationError, psycopg.Error) as error:
            raise CannotRun(f"The database could not be upgraded: {error}") from error
        return applied

    @contextmanager
    def simulators_for_a_while(self) -> Iterator[None]:
        """Have the simulated providers answer, if providers are simulated. Raises CannotRun for a taken port."""
        port = self.settings.simulators_port_or_default
        if self.settings.provider_mode("openai") != "simulated" or simulators_answer(port):
            yield
            return
        if port_is_taken(port):
            raise CannotRun(f"Port {port} is in use by another program. Choose another with SIMULATORS_PORT.")
        with serve(port=port, ledger=self.settings.home_path / SIMULATED_CHARGES):
            yield


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock of this file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def simulators_answer(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_sim/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
