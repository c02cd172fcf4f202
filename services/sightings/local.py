"""Sightings of one machine's processes: an SQLite file that is worth nothing, so a broken one is thrown away."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from services.domain.team import Sighting
from services.sightings import LASTS_SECONDS, MOST_READ, SightingsUnavailable

BUSY_SECONDS = 1.0
"""A note takes a tenth of a millisecond; only a machine that is very busy makes anybody wait for as long."""
TIDY_EVERY_NOTES = 100
CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}

SCHEMA = """
CREATE TABLE IF NOT EXISTS sighting (
  org TEXT NOT NULL, person TEXT NOT NULL, place TEXT NOT NULL, passes_at REAL NOT NULL, PRIMARY KEY (org, person)
) WITHOUT ROWID;
"""
NOTE = (
    "INSERT INTO sighting (org, person, place, passes_at) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (org, person) DO UPDATE SET place = excluded.place, passes_at = excluded.passes_at"
)
FORGET = "DELETE FROM sighting WHERE org = ? AND person = ?"
# What lies further ahead than anything lasts was written before the clock was set back, or before a boot.
LATEST = (
    "SELECT person, place FROM sighting WHERE org = ? AND passes_at > ? AND passes_at <= ? "
    "ORDER BY passes_at DESC, person LIMIT ?"
)
TIDY = "DELETE FROM sighting WHERE passes_at <= ? OR passes_at > ?"


class LocalSightings:
    """Safe for threads and processes; each process opens the file itself."""

    def __init__(
        self, path: Path, lasts_seconds: float = LASTS_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._lasts = lasts_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int, int] | None = None
        self._until_tidy = 0

    def note(self, org_id: UUID, user_id: UUID, place: str) -> None:
        with self._open() as connection:
            now = self._clock()
            connection.execute(NOTE, (str(org_id), str(user_id), place, now + self._lasts))
            self._until_tidy -= 1
            if self._until_tidy <= 0:
                self._until_tidy = TIDY_EVERY_NOTES
                connection.execute(TIDY, (now, now + self._lasts))

    def forget(self, org_id: UUID, user_id: UUID) -> None:
        with self._open() as connection:
            connection.execute(FORGET, (str(org_id), str(user_id)))

    def latest(self, org_id: UUID) -> list[Sighting]:
        with self._open() as connection:
            now = self._clock()
            rows = connection.execute(LATEST, (str(org_id), now, now + self._lasts, MOST_READ)).fetchall()
        return [Sighting(UUID(person), place) for person, place in rows]

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file, opened anew where it was replaced; each statement is a transaction of its own."""
        if not self._lock.acquire(timeout=BUSY_SECONDS):
            raise SightingsUnavailable("Another thread is using the file of sightings.")
        try:
            yield self._connect()
        except sqlite3.Error as error:
            self._disconnect()
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in CORRUPT:
                with suppress(OSError):
                    self._path.unlink()
            raise SightingsUnavailable(f"The file of sightings {self._path} cannot be used: {error}") from error
        except OSError as error:
            self._disconnect()
            raise SightingsUnavailable(f"The file of sightings {self._path} cannot be used: {error}") from error
        finally:
            self._lock.release()

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None and self._opened == self._identity():
            return self._connection
        self._disconnect()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._opened = self._identity()
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
        self._connection = connection
        # No write-ahead log: a file that somebody wipes must leave nothing beside it that belongs to the old one.
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(SCHEMA)
        return connection

    def _identity(self) -> tuple[int, int, int] | None:
        """Which file this is, to which process; a connection of the process before a fork is never used."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino, os.getpid()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None
