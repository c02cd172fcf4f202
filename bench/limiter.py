"""The limiter in figures: speed, exactness, use and fairness, on this machine's local store, beside its peers.

Run with `python -m bench.limiter`; `--seconds` sets the length of each steady run. Peers are measured
where they are installed (requirements-bench.txt).
"""

import argparse
import importlib.util
import multiprocessing
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ratelimit import Lane, Limit, Limiter, LocalStore, Policy, no_past

WIDE = Policy("wide", (Limit("requests", 1_000_000_000, 60),))
SCALED = Policy("scaled", (Limit("requests", 300, 10),), margin_seconds=0.05, validity_seconds=0.1)
ONE = {"requests": 1}
Acquire = Callable[[], object]


def our_acquire(folder: Path) -> Acquire:
    limiter = Limiter(LocalStore(folder / "ours.db"), WIDE, history=no_past)
    lane = Lane("acme", "ann")
    return lambda: limiter.acquire_blocking(lane, ONE)


def pyrate_acquire(folder: Path) -> Acquire:
    from pyrate_limiter import Duration, Rate, SQLiteBucket
    from pyrate_limiter import Limiter as PyrateLimiter

    rates = [Rate(1_000_000_000, Duration.MINUTE)]
    bucket = SQLiteBucket.init_from_file(rates, db_path=str(folder / "pyrate.db"), use_file_lock=True)
    limiter = PyrateLimiter(bucket)
    return lambda: limiter.try_acquire("ann", blocking=True)


MAKERS: dict[str, Callable[[Path], Acquire]] = {"ours": our_acquire, "pyrate-limiter": pyrate_acquire}


def spin(name: str, folder: Path, callers: int, begin: float, seconds: float, results: Any) -> None:
    acquire = MAKERS[name](folder)
    acquire()
    time.sleep(max(0.0, begin - time.monotonic()))
    latencies: list[float] = []

    def call() -> None:
        while (before := time.monotonic()) < begin + seconds:
            acquire()
            latencies.append(time.monotonic() - before)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    latencies.sort()
    results.put((len(latencies), latencies[int(0.99 * len(latencies))] * 1000))


def speed(name: str, processes: int, callers: int, seconds: float) -> tuple[float, float]:
    """Permits per second of all processes, and the worst process's p99 in milliseconds."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.SimpleQueue()
    begin = time.monotonic() + 0.5 + 0.4 * processes
    with tempfile.TemporaryDirectory() as folder:
        arguments = (name, Path(folder), callers, begin, seconds, results)
        crew = [spawn.Process(target=spin, args=arguments) for _ in range(processes)]
        for process in crew:
            process.start()
        for process in crew:
            process.join()
    figures = [results.get() for _ in crew]
    return sum(count for count, _ in figures) / seconds, max(p99 for _, p99 in figures)


def demand(
    folder: Path, users: list[tuple[str, int]], begin: float, seconds: float, results: Any, record: bool = True
) -> None:
    limiter = Limiter(LocalStore(folder / "scaled.db"), SCALED, history=no_past)
    starts: list[tuple[float, str, float]] = []

    def call(user: str) -> None:
        time.sleep(max(0.0, begin - time.monotonic()))
        while (before := time.monotonic()) < begin + seconds:
            limiter.acquire_blocking(Lane("acme", user), ONE)
            now = time.monotonic()
            starts.append((now, user, now - before))

    threads = [threading.Thread(target=call, args=(user,)) for user, callers in users for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if record:
        results.put(starts)


def steady(
    processes: list[list[tuple[str, int]]], seconds: float, killed: int = 0
) -> tuple[list[tuple[float, str, float]], float]:
    """Starts (time, user, waited) as the callers saw them; the first `killed` processes die half-way."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.SimpleQueue()
    begin = time.monotonic() + 0.5 + 0.4 * len(processes)
    with tempfile.TemporaryDirectory() as folder:
        crew = [
            spawn.Process(target=demand, args=(Path(folder), users, begin, seconds, results, index >= killed))
            for index, users in enumerate(processes)
        ]
        for process in crew:
            process.start()
        time.sleep(max(0.0, begin + seconds / 2 - time.monotonic()))
        for process in crew[:killed]:
            process.kill()
        starts = [start for _ in crew[killed:] for start in results.get()]
        for process in crew:
            process.join()
    return sorted(start for start in starts if start[0] <= begin + seconds), begin


def fullest(starts: list[tuple[float, str, float]], seconds: float) -> int:
    most, oldest = 0, 0
    for index, (at, *_) in enumerate(starts):
        while at - starts[oldest][0] >= seconds:
            oldest += 1
        most = max(most, index - oldest + 1)
    return most


def show_speed(seconds: float) -> None:
    print("| limiter on SQLite | processes x callers | permits/s | p99 ms |")
    print("|---|---|---|---|")
    for name in MAKERS:
        if name != "ours" and importlib.util.find_spec(name.replace("-", "_")) is None:
            print(f"| {name} | peer not installed | | |")
            continue
        for processes, callers in ((1, 1), (1, 16), (8, 1), (8, 16)):
            rate, p99 = speed(name, processes, callers, seconds)
            print(f"| {name} | {processes} x {callers} | {rate:,.0f} | {p99:.2f} |", flush=True)
    print("| limits | no SQLite store | | |\n")


def show_steady(seconds: float) -> None:
    allowed = 300 * seconds / 10
    starts, _ = steady([[("A", 10)]] * 5 + [[("B", 5)]], seconds)
    waits = sorted(waited for _, user, waited in starts if user == "B")
    share = len(waits) / len(starts)
    print(f"A with 50 waiting, B with 5, limit 300 per 10 s, {seconds:.0f} s:")
    print(
        f"  most in any 10 s {fullest(starts, 10)}, in any 1 s {fullest(starts, 1)}; used {len(starts) / allowed:.1%}"
    )
    print(f"  B's share {share:.3f}, B's p95 wait {waits[int(0.95 * len(waits))]:.2f} s", flush=True)
    starts, _ = steady([[(f"user {index}", 1 + 5 * index)] for index in range(10)], seconds)
    counts = Counter(user for _, user, _ in starts).values()
    jain = sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))
    print(
        f"Ten users with 1 to 46 waiting: most in any 10 s {fullest(starts, 10)}, Jain's index {jain:.4f}", flush=True
    )
    starts, begin = steady([[(f"user {index}", 5)] for index in range(8)], seconds, killed=4)
    late = [start for start in starts if start[0] >= begin + seconds / 2 + 1]
    print(
        f"Eight processes, four killed half-way: most in any 10 s among the survivors {fullest(starts, 10)}, "
        f"used after the kill {len(late) / (30 * (seconds / 2 - 1)):.1%}"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=30.0)
    seconds = arguments.parse_args().seconds
    show_speed(min(3.0, seconds))
    show_steady(seconds)


if __name__ == "__main__":
    main()
