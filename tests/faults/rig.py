"""What fault tests need: a paid service with a public ledger, work that buys from it, and processes to kill."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx2
import psycopg

from services.db.embedded import EmbeddedPostgres
from services.db.pool import Database, Tx
from services.db.runs import RunOrder, StartBounds
from services.domain.actors import Actor
from services.domain.runs import RunKind, StartedRun
from services.providers.errors import (
    BadRequest,
    NoCredit,
    NotAuthorised,
    TooManyRequests,
    TryAgain,
    UnknownOutcome,
    Unreachable,
)
from services.runs.checkpoints import Step
from services.runs.kinds import Answered, Charge, ClaimedItem, NotWorked, Prepared
from services.runs.orders import RunRequest, Runs, TheseCandidates

ROOT = Path(__file__).resolve().parents[2]
PRICE = Decimal("0.001")
PROVIDER = "openai"
PROCESSES = 4
BOUNDS = StartBounds(per_user=PROCESSES, per_organization=PROCESSES)

T = TypeVar("T")

RESULTS = """
CREATE TABLE answers (item_id bigint PRIMARY KEY, run_id uuid NOT NULL, fence bigint, answer text NOT NULL);
GRANT SELECT, INSERT ON answers TO sourcingx_app;
"""


@dataclass
class Arrival:
    """One line of the service's own ledger."""

    at: float
    call_id: str
    item_id: int
    charged: bool
    kind: str


@dataclass
class Behaviour:
    """How one call is answered; `charged` unless it is refused."""

    status: int = 200
    seconds: float = 0.0
    charged: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


Choice = Callable[[int, int], Behaviour]
"""From the number of the call and the item to what happens."""


class Shop:
    """A paid HTTP service on loopback that remembers every call."""

    def __init__(self, choose: Choice | None = None, seconds: float = 0.02) -> None:
        self.choose: Choice = choose or (lambda _number, _item: Behaviour(seconds=seconds))
        self.arrivals: list[Arrival] = []
        self.lock = threading.Lock()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                order = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with shop.lock:
                    behaviour = shop.choose(len(shop.arrivals), order["item_id"])
                    charged = behaviour.charged and (behaviour.status == 200 or behaviour.cut)
                    arrival = Arrival(time.monotonic(), order["call_id"], order["item_id"], charged, order["stage"])
                    shop.arrivals.append(arrival)
                time.sleep(behaviour.seconds)
                body = json.dumps({"answer": f"about {order['item_id']}"}).encode()
                try:
                    if behaviour.cut:
                        self.close_connection = True
                        self.connection.shutdown(socket.SHUT_RDWR)
                        return
                    self.send_response(behaviour.status)
                    for name, value in behaviour.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A killed client is what these tests are about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    @property
    def charged(self) -> list[Arrival]:
        with self.lock:
            return [arrival for arrival in self.arrivals if arrival.charged]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@dataclass
class Shopping:
    """A kind of work: buy one answer for each item (two, if `two_calls`)."""

    url: str
    timeout_seconds: float = 5.0
    dies_preparing: int = 0
    two_calls: bool = False
    bad_result: int = 0
    cannot_prepare: int = 0
    name: str = "screening"
    client: httpx2.AsyncClient | None = None

    def prepare(self, tx: Tx, order: RunOrder, items: Sequence[ClaimedItem]) -> Sequence[Prepared | NotWorked]:
        if any(item.position == self.dies_preparing for item in items):
            os._exit(9)
        if any(item.position == self.cannot_prepare for item in items):
            raise ValueError("this one cannot be prepared")
        return [self.prepare_one(item) for item in items]

    def prepare_one(self, item: ClaimedItem) -> Prepared | NotWorked:
        if item.candidate_id is None:
            return NotWorked(item, "skipped", "nobody", "There is nobody here.")
        stage = "second" if item.carried else "first"
        first = item.carried["answer"] if item.carried else None
        units = {} if item.carried or item.unknowns else {"candidates": 1}
        return Prepared(
            item, stage, PROVIDER, stage, {"requests": 1}, bytes(32), PRICE * 2, otherwise=first, units=units
        )

    async def call(self, order: RunOrder, prepared: Prepared, call_id: UUID) -> Answered:
        if self.client is None:
            self.client = httpx2.AsyncClient(timeout=self.timeout_seconds, limits=httpx2.Limits(max_connections=500))
        where = (PROVIDER, prepared.operation)
        body = {"call_id": str(call_id), "item_id": prepared.item.item_id, "stage": prepared.request}
        try:
            response = await self.client.post(self.url, json=body)
        except httpx2.ConnectError as error:
            raise Unreachable(*where, "unreachable", "Nobody answers.") from error
        except httpx2.HTTPError as error:
            raise UnknownOutcome(*where, "lost", "The answer was lost.") from error
        match response.status_code:
            case 200:
                pass
            case 429:
                after = response.headers.get("retry-after")
                raise TooManyRequests(*where, "rate", "Too many.", retry_after=float(after) if after else None)
            case 401:
                raise NotAuthorised(*where, "key", "The key was refused.")
            case 402:
                raise NoCredit(*where, "credit", "The account is empty.")
            case 400:
                raise BadRequest(*where, "bad", "This cannot be asked.")
            case _:
                raise TryAgain(*where, "overloaded", "Overloaded.")
        charge = Charge("charged", model="m", fulfilled=1, cost_usd=PRICE)
        answer = response.json()["answer"]
        if self.two_calls and prepared.request == "first":
            return Answered(prepared, charge, {}, carried={"answer": answer})
        return Answered(prepared, charge, {"requests": 1}, result=answer)

    def settle(self, tx: Tx, order: RunOrder, answers: Sequence[Answered]) -> None:
        for answer in answers:
            text = "\x00" if answer.prepared.item.position == self.bad_result else answer.result
            tx.execute(
                "INSERT INTO answers (item_id, run_id, answer) VALUES (%s, %s, %s)",
                [answer.prepared.item.item_id, order.run_id, text],
            )

    async def close(self) -> None:
        if self.client is not None:
            await self.client.aclose()


@dataclass
class OpenPermit:
    """A permit that was easy to get."""

    is_open: bool = True

    def is_valid(self) -> bool:
        return self.is_open

    def settle(self, actual: Mapping[str, int]) -> None:
        """Nothing is counted."""

    def worked(self) -> None:
        """Nobody counts."""

    def failed(self, reason: str) -> None:
        """Nobody counts."""

    def key_refused(self, reason: str) -> None:
        """Nobody counts."""

    def give_back(self) -> None:
        self.is_open = False

    def done(self) -> None:
        self.is_open = False


@dataclass
class OpenGate:
    """A gate without limits or breaker that still honours pauses."""

    shut_until: float = 0.0
    pauses: list[float | None] = field(default_factory=list)

    async def permit(self, provider: str, org_id: UUID, user_id: UUID, costs: Mapping[str, int]) -> OpenPermit:
        while (wait := self.shut_until - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        return OpenPermit()

    def slow_down(self, provider: str, seconds: float | None, reason: str, refused: OpenPermit) -> None:
        self.pauses.append(seconds)
        self.shut_until = max(self.shut_until, time.monotonic() + (0.05 if seconds is None else seconds))

    def is_failing(self, provider: str) -> bool:
        return False

    def calls_per_second(self, provider: str, costs: Mapping[str, int]) -> float | None:
        return None

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True)
class Errand:
    """What a driver process is told, as JSON in one argument."""

    database_url: str
    kind: Mapping[str, Any]
    most_in_flight: int = 8
    resends: int = 1
    most_attempts: int = 5
    kill_at: str = ""
    stop_at: str = ""


@dataclass
class KillAt:
    """Ends (or freezes) this very process when a step is reached for the nth time: `marked:3`."""

    where: str
    signal_number: int = signal.SIGKILL
    count: int = 0

    def reached(self, step: Step) -> None:
        name, nth = self.where.split(":")
        if step == name:
            self.count += 1
            if self.count == int(nth):
                os.kill(os.getpid(), self.signal_number)


def start_driver(errand: Errand, drive_id: UUID) -> subprocess.Popen[bytes]:
    """A driver in a fresh interpreter."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.driver_process", json.dumps(asdict(errand)), str(drive_id)],
        cwd=ROOT,
        start_new_session=True,
    )


@contextmanager
def ended_at_last(*processes: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def make_candidates(superuser: psycopg.Connection[Any], org_id: UUID, count: int) -> list[int]:
    rows = superuser.execute(
        "INSERT INTO candidates (org_id, profile_url, full_name)"
        " SELECT %s, 'https://www.linkedin.com/in/person-' || n, 'Person ' || n FROM generate_series(1, %s) n"
        " RETURNING id",
        [org_id, count],
    ).fetchall()
    return [row[0] for row in rows]


def open_run(
    database: Database, superuser: psycopg.Connection[Any], actor: Actor, count: int, **more: Any
) -> StartedRun:
    candidate_ids = make_candidates(superuser, actor.org_id, count)
    request = RunRequest(RunKind.SCREENING, TheseCandidates(candidate_ids), "A run", **more)
    with database.act_as(actor) as tx:
        return Runs(database).open(tx, actor, request)


def new_drive(superuser: psycopg.Connection[Any], run_id: UUID) -> UUID:
    """Another attempt to drive a run, as the sweeper would make one."""
    row = superuser.execute(
        "INSERT INTO drives (org_id, run_id, started_by) SELECT org_id, id, 'sweeper' FROM runs WHERE id = %s"
        " RETURNING id",
        [run_id],
    ).fetchone()
    assert row is not None
    drive_id: UUID = row[0]
    return drive_id


def expire_lease(superuser: psycopg.Connection[Any], run_id: UUID) -> None:
    """Let the eight seconds of a dead driver's lease pass at once."""
    superuser.execute("UPDATE runs SET lease_until = clock_timestamp() - interval '1 ms' WHERE id = %s", [run_id])


@contextmanager
def alongside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Let somebody work in a thread for the time of the block; the event tells them that it is over."""
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def until(what: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Wait for a condition."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


@contextmanager
def database_gone(home: Path) -> Iterator[None]:
    """End the database of this home as a crash does, and let nobody start it again while the block lasts.

    Whoever would start it (the supervisor does, within a second) waits behind the lock that is held here.
    """
    postgres = EmbeddedPostgres(home)
    with postgres.exclusively():
        postgres.stop(immediately=True)
        yield


def at_once(acts: Sequence[Callable[[], T]]) -> list[T]:
    """What each act came to, all of them let go at one instant."""
    barrier = threading.Barrier(len(acts))

    def act(work: Callable[[], T]) -> T:
        barrier.wait(10)
        return work()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(act, acts))
