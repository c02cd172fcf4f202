"""A process of the tests that calls the simulated OpenAI with permits, as fast as they come.

Each call is written down before it is sent, as an intent is: that is the record from which a lost store is rebuilt.
"""

import http.client
import json
import os
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ratelimit import Lane, Limit, Limiter, LocalStore, PastStart, Policy, Store, StoreUnavailable, no_past
from ratelimit.stores.redis import RedisStore

AMOUNT, WINDOW_SECONDS = 60, 2.0
POLICY = Policy(
    "key", (Limit("requests", AMOUNT, WINDOW_SECONDS),), margin_seconds=0.1, validity_seconds=0.05, burst_seconds=0.2
)
ONE = {"requests": 1}
BODY = json.dumps(
    {"model": "gpt-6-luna", "max_completion_tokens": 5, "messages": [{"role": "user", "content": "Hello."}]}
)
HEADERS = {"Authorization": "Bearer simulated", "Content-Type": "application/json"}


@dataclass(frozen=True)
class Order:
    """What a worker is to do. Its clocks, the wall's and the steady one, are `clock_offset` seconds off."""

    folder: str
    openai_url: str
    store: str
    user: str
    callers: int
    seconds: float
    has_record: bool
    clock_offset: float = 0.0

    def text(self) -> str:
        return json.dumps(asdict(self))


def open_store(order: Order) -> Store:
    """The store under test; one goes by its callers' clocks, to show that the judge would see it."""
    if order.store.startswith("redis:"):
        folder = Path(tempfile.gettempdir())
        return RedisStore(order.store, turns_folder=folder, clock=lambda: time.monotonic() + order.clock_offset)
    if order.store.endswith(".callers-clocks"):
        return LocalStore(order.store, clock=lambda: time.monotonic() + order.clock_offset)
    return LocalStore(order.store)


def recent_starts(folder: Path, seconds: float) -> list[PastStart]:
    """The record of all processes, as a ledger would give it."""
    now = time.monotonic()
    times = [float(line) for file in folder.glob("*.starts") for line in file.read_text().splitlines()]
    return [PastStart(max(0.0, now - at), ONE) for at in times if now - at <= seconds]


def wait_for_the_signal(folder: Path) -> float:
    """Say that this process is ready, and wait until the time to begin is told."""
    (folder / f"{os.getpid()}.ready").touch()
    signal = folder / "begin"
    patience = time.monotonic() + 60
    while not signal.exists():
        assert time.monotonic() < patience, "nobody told this worker to begin"
        time.sleep(0.005)
    begin = float(signal.read_text())
    time.sleep(max(0.0, begin - time.monotonic()))
    return begin


def call_with_permits(order: Order, limiter: Limiter, record: int, until: float) -> None:
    address = urlsplit(order.openai_url)
    line = http.client.HTTPConnection(address.netloc, timeout=10)
    line.connect()
    lane = Lane("acme", order.user)
    headers = HEADERS | {"X-Client-Request-Id": order.user}
    while time.monotonic() < until:
        try:
            permit = limiter.acquire_blocking(lane, ONE)
        except StoreUnavailable:
            continue
        os.write(record, f"{time.monotonic()}\n".encode())
        if permit.is_valid() and time.monotonic() < until:
            line.request("POST", f"{address.path}/chat/completions", BODY, headers)
            line.getresponse().read()
    line.close()


def main() -> None:
    order = Order(**json.loads(sys.argv[1]))
    folder, wall = Path(order.folder), time.time
    time.time = lambda: wall() + order.clock_offset
    history = (lambda _key, seconds: recent_starts(folder, seconds)) if order.has_record else no_past
    limiter = Limiter(open_store(order), POLICY, history=history, clock=lambda: time.monotonic() + order.clock_offset)
    record = os.open(folder / f"{os.getpid()}.starts", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    until = wait_for_the_signal(folder) + order.seconds
    callers = [
        threading.Thread(target=call_with_permits, args=(order, limiter, record, until)) for _ in range(order.callers)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    limiter.close()


if __name__ == "__main__":
    main()
