"""The processes of this installation on this host and their memory, read from /proc; nothing where there is none.

Memory is the proportional set size: what several processes share is divided among them, so that sums are true.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.domain.status import PartMemory

PROC: Final = Path("/proc")
CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")
SAME_START_SECONDS: Final = 2.0
SUPERVISOR: Final = "supervisor"
JOBS: Final = "jobs"
DATABASE: Final = "database"
WEB: Final = "web"
MOST_GENERATIONS: Final = 20


@dataclass(frozen=True)
class Process:
    """One process as /proc tells of it; `started` is in seconds since the epoch."""

    pid: int
    parent: int
    started: float
    words: tuple[bytes, ...]


def memory_by_part(home: Path, jobs: Iterable[int] = (), database: int | None = None) -> tuple[PartMemory, ...]:
    """The parts that the supervisor of this home started, its jobs, and the database's server if it is ours.

    `jobs` are process ids of drives whose starter is gone; `database` is that of the embedded server.
    """
    everybody = {process.pid: process for process in processes()}
    roots = recorded(home / "run", everybody)
    if WEB not in roots.values():
        roots |= {pid: WEB for pid in (os.getppid(),) if is_gunicorn(everybody.get(pid))}
    starters = {everybody[pid].parent for pid in roots} & everybody.keys()
    roots |= {pid: SUPERVISOR for pid in starters if b"services.supervisor" in everybody[pid].words}
    roots |= {pid: JOBS for pid in jobs if pid in everybody and is_job(everybody[pid])}
    if database in everybody:
        roots[database] = DATABASE
    found: dict[str, list[int]] = {}
    for process in everybody.values():
        part = part_of(process, everybody, roots)
        used = proportional_bytes(process.pid) if part else None
        if part and used is not None:
            found.setdefault(part, []).append(used)
    return tuple(PartMemory(part, len(used), sum(used), max(used)) for part, used in sorted(found.items()))


def part_of(process: Process, everybody: Mapping[int, Process], roots: Mapping[int, str]) -> str | None:
    """That of the nearest ancestor which is a root; what a part started to drive a run is a job."""
    ancestor: Process | None = process
    for _ in range(MOST_GENERATIONS):
        if ancestor is None:
            return None
        if ancestor.pid in roots:
            part = roots[ancestor.pid]
            # What the supervisor starts is a part of its own, or passes soon.
            is_stray = part == SUPERVISOR and ancestor is not process
            return None if is_stray else JOBS if is_job(process) else part
        ancestor = everybody.get(ancestor.parent)
    return None


def is_job(process: Process) -> bool:
    return b"services.drive" in process.words


def is_gunicorn(process: Process | None) -> bool:
    return process is not None and any(word.endswith(b"gunicorn") for word in process.words)


def recorded(folder: Path, everybody: Mapping[int, Process]) -> dict[int, str]:
    """The parts that a supervisor wrote down and that live; a number that was given anew is somebody else."""
    found: dict[int, str] = {}
    for record in folder.glob("*.json"):
        try:
            known = json.loads(record.read_text(encoding="utf-8"))
            pid, started = int(known["pid"]), float(known["started"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if pid in everybody and abs(everybody[pid].started - started) < SAME_START_SECONDS:
            found[pid] = record.stem
    return found


def processes() -> Iterator[Process]:
    booted = boot_time()
    for folder in PROC.glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        yield Process(int(folder.name), int(stat[1]), booted + int(stat[19]) / CLOCK_TICKS, tuple(words))


def boot_time() -> float:
    try:
        lines = (PROC / "stat").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)


def proportional_bytes(pid: int) -> int | None:
    """None for a process that has ended, or that belongs to another user."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), None)
