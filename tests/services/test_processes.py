"""Memory by part: whose child belongs to which part, and that a number given anew is somebody else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from services.processes import JOBS, SUPERVISOR, WEB, Process, memory_by_part, part_of
from tests.faults.rig import until

PARENT = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', 'services.drive']);"
    "time.sleep(60); child.kill()"
)


@pytest.fixture
def part(tmp_path: Path) -> Iterator[psutil.Process]:
    """A process with a job as its child, written down as the supervisor does."""
    (tmp_path / "run").mkdir()
    with subprocess.Popen([sys.executable, "-c", PARENT]) as process:
        seen = psutil.Process(process.pid)
        until(seen.children)
        record = {"pid": process.pid, "started": seen.create_time()}
        (tmp_path / "run" / "web.json").write_text(json.dumps(record))
        children = seen.children()
        yield seen
        for one in (*children, seen):
            one.kill()


def test_a_part_and_the_jobs_it_started_are_told_apart(part: psutil.Process, tmp_path: Path) -> None:
    found = {one.part: one for one in memory_by_part(tmp_path)}
    assert set(found) == {WEB, JOBS}
    assert (found[WEB].processes, found[JOBS].processes) == (1, 1)
    assert 1_000_000 < found[WEB].bytes <= part.memory_info().rss
    assert found[WEB].largest_bytes == found[WEB].bytes


def test_a_number_that_was_given_anew_is_somebody_else(part: psutil.Process, tmp_path: Path) -> None:
    record = tmp_path / "run" / "web.json"
    record.write_text(json.dumps({"pid": part.pid, "started": part.create_time() - 60}))
    assert memory_by_part(tmp_path) == ()
    record.write_text("half a rec")
    assert memory_by_part(tmp_path) == ()


def test_a_job_whose_starter_is_gone_is_found_by_its_number(part: psutil.Process, tmp_path: Path) -> None:
    [job] = part.children()
    assert [one.part for one in memory_by_part(tmp_path / "elsewhere", [job.pid, os.getpid()])] == [JOBS]


def test_what_the_supervisor_starts_besides_its_parts_is_not_counted_to_it() -> None:
    everybody = {
        1: Process(1, 0, 0.0, (b"init",)),
        5: Process(5, 1, 0.0, (b"python", b"-m", b"services.supervisor")),
        6: Process(6, 5, 0.0, (b"gunicorn",)),
        7: Process(7, 6, 0.0, (b"gunicorn",)),
        8: Process(8, 5, 0.0, (b"pg_ctl",)),
        9: Process(9, 7, 0.0, (b"python", b"-m", b"services.drive", b"id")),
        10: Process(10, 99, 0.0, (b"stranger",)),
    }
    roots = {5: SUPERVISOR, 6: WEB}
    parts = {pid: part_of(process, everybody, roots) for pid, process in everybody.items()}
    assert parts == {1: None, 5: SUPERVISOR, 6: WEB, 7: WEB, 8: None, 9: JOBS, 10: None}
