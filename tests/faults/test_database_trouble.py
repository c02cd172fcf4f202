"""A database that answers in odd ways in the middle of a run: nothing is paid twice and nothing is lost."""

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from structlog.testing import capture_logs

from services.clock import SystemClock
from services.db.pool import Database
from services.domain.runs import RunState
from services.errors import Busy
from services.runs.driver import Driver, DriveSettings
from services.runs.orders import Runs
from services.runs.outcomes import RetryPolicy
from services.runs.process import take_patiently
from services.runs.wheel import WheelLost
from tests.faults.check import check_run
from tests.faults.rig import (
    PROVIDER,
    RESULTS,
    OpenGate,
    Shop,
    Shopping,
    alongside,
    open_run,
    until,
)
from tests.fixtures.postgres import Team, Urls

Superuser = psycopg.Connection[Any]
PEOPLE = 60
TROUBLE_SECONDS = 1.0
# What was on its way to the service when the trouble began may still arrive: so long after the last one, nothing is.
SETTLING_SECONDS = 0.5


@dataclass
class Line:
    """The TCP line between a process and its database; `loses` says which commit's answer never arrives."""

    url: str
    loses: Callable[[int], bool]
    commits: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    lost: int = 0
    is_armed: bool = False
    server: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __post_init__(self) -> None:
        threading.Thread(target=self.listen, daemon=True).start()

    @property
    def address(self) -> str:
        """The database's address by way of this line."""
        parts = urlsplit(self.url)
        at = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{at}@127.0.0.1:{self.server.getsockname()[1]}"))

    def listen(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.server.accept()
                parts = urlsplit(self.url)
                far = socket.create_connection((parts.hostname or "", parts.port or 5432))
                cut = threading.Event()
                threading.Thread(target=self.carry, args=(near, far, cut), daemon=True).start()
                threading.Thread(target=self.carry_back, args=(far, near, cut), daemon=True).start()

    def carry(self, near: socket.socket, far: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while data := near.recv(65_536):
                if self.is_armed and b"COMMIT" in data and self.loses(next(self.commits)):
                    cut.set()
                far.sendall(data)
        hang_up(near, far)

    def carry_back(self, far: socket.socket, near: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while data := far.recv(65_536):
                if cut.is_set():
                    self.lost += 1
                    break
                near.sendall(data)
        hang_up(near, far)

    def close(self) -> None:
        self.server.close()


def hang_up(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@pytest.fixture
def shop(superuser: Superuser) -> Iterator[Shop]:
    superuser.execute(RESULTS)
    opened = Shop(seconds=0.1)
    with capture_logs():
        yield opened
    opened.close()


def drive(database: Database, drive_id: Any, shop: Shop) -> RunState:
    """One drive in this thread, with a patience that fits a test."""

    async def once() -> RunState:
        wheel = take_patiently(database, SystemClock(), drive_id)
        assert wheel is not None
        settings = DriveSettings(6, RetryPolicy(3, {PROVIDER: 1}))
        return await Driver(SystemClock(), wheel, Shopping(shop.url), OpenGate(), settings).drive()

    return asyncio.run(once())


def test_a_commit_whose_answer_is_lost_is_written_once(
    superuser: Superuser, team: Team, urls: Urls, shop: Shop
) -> None:
    line = Line(urls.login, loses=lambda number: number % 4 == 0)
    database = Database(line.address, wait_seconds=1.0)
    run = open_run(database, superuser, team.recruiter, PEOPLE)

    def arm(_over: threading.Event) -> None:
        until(lambda: len(shop.arrivals) >= 5)
        line.is_armed = True

    try:
        # If the lost commit was that which let go of the wheel, the driver learns of it as of any loss.
        with alongside(arm), suppress(WheelLost):
            drive(database, run.drive_id, shop)
    finally:
        database.close()
        line.close()
    assert line.lost >= 3
    assert len(shop.charged) == PEOPLE
    assert not check_run(superuser, run.run_id, shop.arrivals).complaints


@contextmanager
def rows_locked(superuser: Superuser, urls: Urls) -> Iterator[None]:
    """A migration that holds the table of runs."""
    with psycopg.connect(urls.superuser) as migration:
        migration.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def only_reading(superuser: Superuser, urls: Urls) -> Iterator[None]:
    """A server that became a replica, and is promoted again later."""
    alter(superuser, "SET default_transaction_read_only = on")
    try:
        yield
    finally:
        alter(superuser, "RESET default_transaction_read_only")


@contextmanager
def without_room(superuser: Superuser, urls: Urls) -> Iterator[None]:
    """Others have taken all connections."""
    alter(superuser, "CONNECTION LIMIT 0")
    try:
        yield
    finally:
        alter(superuser, "CONNECTION LIMIT -1")


def alter(superuser: Superuser, what: str) -> None:
    """Change this database for all connections to come, and end those that there are."""
    name = superuser.info.dbname
    superuser.execute(sql.SQL("ALTER DATABASE {} " + what).format(sql.Identifier(name)))
    superuser.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = 'sourcingx_login' AND datname = current_database()"
    )


@pytest.mark.parametrize("trouble", [rows_locked, only_reading, without_room])
def test_while_nothing_can_be_written_nothing_is_paid_and_the_run_goes_on_by_itself(
    trouble: Callable[[Superuser, Urls], Any], superuser: Superuser, team: Team, urls: Urls, shop: Shop
) -> None:
    database = Database(urls.login, wait_seconds=0.5, lock_seconds=0.3)
    run = open_run(database, superuser, team.recruiter, PEOPLE)
    counted: list[int] = []

    def disturb(_over: threading.Event) -> None:
        until(lambda: len(shop.arrivals) >= 10)
        with trouble(superuser, urls):
            until(lambda: time.monotonic() - shop.arrivals[-1].at > SETTLING_SECONDS)
            counted.append(len(shop.arrivals))
            with pytest.raises(Busy):
                Runs(database).stop(team.recruiter, run.run_id)
            time.sleep(TROUBLE_SECONDS)
            counted.append(len(shop.arrivals))

    try:
        with alongside(disturb):
            assert drive(database, run.drive_id, shop) is RunState.SUCCEEDED
    finally:
        database.close()
    assert counted[0] == counted[1] < PEOPLE, "no call leaves that cannot be recorded"
    assert len(shop.charged) == PEOPLE
    assert not check_run(superuser, run.run_id, shop.arrivals).complaints
