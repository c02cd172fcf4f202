"""A store shared by all processes of one machine: SQLite in write-ahead mode.

The clock is the machine's monotonic one, the same for all processes; it starts anew at a boot, so
the boot's id is kept beside the data. Nothing is synced: what a power failure takes, the next boot
would void. A file that is corrupt is moved aside, one that was replaced is noticed before each
exchange; both begin with accounts of which nothing is known.
"""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from uuid import uuid4

from ratelimit.account import Account, exchange, means_nothing_after, open_account, picture
from ratelimit.errors import StoreBusy, StoreUnavailable
from ratelimit.messages import LimiterState, Message, Reply
from ratelimit.policy import Policy
from ratelimit.stores.records import UnreadableRecord, pack, unpack

BUSY_MILLISECONDS = 10
OPENING_SECONDS = 2.0
TIDY_EVERY_EXCHANGES = 1000
MOST_REMEMBERED = 64
CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

SCHEMA = """
CREATE TABLE IF NOT EXISTS boot (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS account (
  key TEXT PRIMARY KEY, version TEXT NOT NULL, head TEXT NOT NULL, log BLOB NOT NULL, means_nothing_after REAL
);
"""
READ_VERSION = "SELECT version FROM account WHERE key = ?"
READ = "SELECT head, log FROM account WHERE key = ?"
WRITE = (
    "INSERT INTO account (key, version, head, log, means_nothing_after) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET version = excluded.version, head = excluded.head, log = excluded.log, "
    "means_nothing_after = excluded.means_nothing_after"
)


def boot_id() -> str:
    """What changes when the monotonic clock starts anew; the kernel's own id where it has one."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"up since {round((time.time() - time.monotonic()) / 60)}"


class LocalStore:
    """Accounts in one file, safe for threads and processes; after a fork it opens the file anew."""

    def __init__(
        self,
        path: Path | str,
        clock: Callable[[], float] = time.monotonic,
        boot: Callable[[], str] = boot_id,
    ) -> None:
        self._path = Path(path)
        self._clock = clock
        self._boot = boot
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._writer = uuid4().hex
        self._versions = count()
        self._written: dict[str, tuple[str, Account]] = {}
        self._pid = os.getpid()
        self._of_the_parent: list[sqlite3.Connection] = []
        self._until_tidy = TIDY_EVERY_EXCHANGES

    def exchange(self, policy: Policy, message: Message) -> Reply:
        with self._transaction("BEGIN IMMEDIATE") as connection:
            now = self._clock()
            account = self._read(connection, policy)
            if account is None:
                account = open_account(uuid4().hex, policy, now, message.has_no_past)
            reply = exchange(account, policy, message, now)
            ends = means_nothing_after(account, policy) if message.has_no_past else None
            version = f"{self._writer}-{next(self._versions)}"
            connection.execute(WRITE, (policy.key, version, *pack(account), ends))
            self._tidy(connection, now)
            # Inside of the transaction, and so under its lock: threads take turns here.
            self._written[policy.key] = (version, account)
            if len(self._written) > MOST_REMEMBERED:
                del self._written[next(iter(self._written))]
        return reply

    def picture(self, policy: Policy) -> LimiterState:
        with self._transaction("BEGIN") as connection:
            now = self._clock()
            account = self._read(connection, policy)
        return picture(account or open_account("", policy, now, has_no_past=True), policy, now)

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def _read(self, connection: sqlite3.Connection, policy: Policy) -> Account | None:
        """The account as it stands; what this very store wrote last need not be unpacked again."""
        version, account = self._written.pop(policy.key, (None, None))
        if version is not None and connection.execute(READ_VERSION, (policy.key,)).fetchone() == (version,):
            return account
        row = connection.execute(READ, (policy.key,)).fetchone()
        if row is None:
            return None
        try:
            return unpack(*row)
        except UnreadableRecord:
            return None

    def _tidy(self, connection: sqlite3.Connection, now: float) -> None:
        self._until_tidy -= 1
        if self._until_tidy <= 0:
            self._until_tidy = TIDY_EVERY_EXCHANGES
            connection.execute("DELETE FROM account WHERE means_nothing_after < ?", (now,))

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        self._leave_parents_connection()
        if not self._lock.acquire(timeout=BUSY_MILLISECONDS / 1000):
            raise StoreBusy("Another thread is using the limiter's store.")
        try:
            connection = self._connect()
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._translate(error) from error
        except OSError as error:
            self._disconnect()
            raise StoreUnavailable(f"The limiter's store {self._path} cannot be used: {error}") from error
        finally:
            self._lock.release()

    def _translate(self, error: sqlite3.Error) -> StoreUnavailable:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in BUSY:
            return StoreBusy(f"The limiter's store {self._path} is held by another process.")
        broken = self._identity
        self._disconnect()
        if code in CORRUPT and broken is not None:
            with suppress(OSError), self._opening():
                self._move_aside(broken)
            return StoreBusy(f"The limiter's store {self._path} was corrupt and has been moved aside.")
        return StoreUnavailable(f"The limiter's store {self._path} cannot be used: {error}")

    def _leave_parents_connection(self) -> None:
        if self._pid != os.getpid():
            self._pid, self._lock = os.getpid(), threading.Lock()
            self._writer, self._written = uuid4().hex, {}
            if self._connection is not None:
                self._of_the_parent.append(self._connection)
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity == _identity_of(self._path):
            return self._connection
        self._disconnect()
        with self._opening():
            self._create_private_file()
            self._identity = _identity_of(self._path)
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=OPENING_SECONDS
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = OFF")
                connection.executescript(SCHEMA)
                self._forget_other_boots(connection)
                connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
            except sqlite3.Error:
                connection.close()
                raise
        self._connection = connection
        return connection

    def _forget_other_boots(self, connection: sqlite3.Connection) -> None:
        boot = self._boot()
        stored = connection.execute("SELECT id FROM boot").fetchall()
        if stored != [(boot,)]:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM account")
            connection.execute("DELETE FROM boot")
            connection.execute("INSERT INTO boot (id) VALUES (?)", (boot,))
            connection.execute("COMMIT")

    @contextmanager
    def _opening(self) -> Iterator[None]:
        """One process at a time opens, creates, or moves the file aside; released when a holder dies."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _create_private_file(self) -> None:
        if not self._path.exists():
            self._remove_journals()
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def _move_aside(self, broken: tuple[int, int]) -> None:
        if _identity_of(self._path) != broken:
            return
        self._path.replace(f"{self._path}.corrupt-{uuid4().hex[:8]}")
        self._remove_journals()

    def _remove_journals(self) -> None:
        """A journal or its index, still held by those who have the old file, is not to serve the new one."""
        for beside in ("-wal", "-shm"):
            Path(f"{self._path}{beside}").unlink(missing_ok=True)

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
