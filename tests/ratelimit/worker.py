"""A process of the tests that takes permits and writes each start down: time and user, a line each."""

import asyncio
import os
import sys
import time
from pathlib import Path

from ratelimit import Lane, Limit, Limiter, LocalStore, PastStart, Policy, no_past

POLICY = Policy("key", (Limit("requests", 60, 2.0),), margin_seconds=0.05, validity_seconds=0.05)


def recent_starts(folder: Path, seconds: float) -> list[PastStart]:
    """The record of all processes, as a ledger would give it."""
    now = time.monotonic()
    times = [float(line.split()[0]) for file in folder.glob("*.starts") for line in file.read_text().splitlines()]
    return [PastStart(max(0.0, now - at), {"requests": 1}) for at in times if now - at <= seconds]


async def take_permits(limiter: Limiter, lane: Lane, record: int, until: float) -> None:
    while time.monotonic() < until:
        permit = await limiter.acquire(lane, {"requests": 1})
        if permit.is_valid():
            os.write(record, f"{time.monotonic()} {lane.user}\n".encode())


async def work(limiter: Limiter, lane: Lane, callers: int, record: int, until: float) -> None:
    await asyncio.gather(*(take_permits(limiter, lane, record, until) for _ in range(callers)))


def main() -> None:
    folder, user, callers, begin, until = Path(sys.argv[1]), sys.argv[2], *map(float, sys.argv[3:6])
    is_known = sys.argv[6] == "known"
    history = (lambda _key, seconds: recent_starts(folder, seconds)) if is_known else no_past
    limiter = Limiter(LocalStore(folder / "store" / "limits.db"), POLICY, history=history)
    record = os.open(folder / f"{os.getpid()}.starts", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    while time.monotonic() < begin:
        time.sleep(0.005)
    asyncio.run(work(limiter, Lane("acme", user), int(callers), record, until))
    limiter.close()


if __name__ == "__main__":
    main()
