"""Eight real processes on one local store: kills, freezes and losses change nothing about the limit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.ratelimit.windows import fullest_window, jain_index

AMOUNT, WINDOW, SPAN = 60, 2.0, 2.1
ROOT = Path(__file__).parents[2]


class Crew:
    """Worker processes, one user each unless told otherwise, that begin together."""

    def __init__(self, folder, users, seconds, callers=3, past="known"):
        self.folder = folder
        self.begin = time.monotonic() + 2.5
        self.until = self.begin + seconds
        command = [sys.executable, "-m", "tests.ratelimit.worker", str(folder)]
        self.workers = [
            subprocess.Popen([*command, user, str(callers), str(self.begin), str(self.until), past], cwd=ROOT)
            for user in users
        ]

    def wait_until(self, seconds_after_begin):
        while time.monotonic() < self.begin + seconds_after_begin:
            time.sleep(0.005)

    def finish(self):
        for worker in self.workers:
            worker.wait(timeout=30)
        lines = [
            line.split(maxsplit=1) for file in self.folder.glob("*.starts") for line in file.read_text().splitlines()
        ]
        return sorted((float(at), user) for at, user in lines)


def amounts(starts):
    return [(at, 1) for at, _ in starts]


def test_half_of_them_killed_and_one_frozen_exceeds_nothing_and_wastes_little(tmp_path):
    crew = Crew(tmp_path, [f"user {number}" for number in range(8)], 6.0, past="new")
    crew.wait_until(2.0)
    for worker in crew.workers[:4]:
        os.kill(worker.pid, signal.SIGKILL)
    os.kill(crew.workers[4].pid, signal.SIGSTOP)
    crew.wait_until(4.0)
    os.kill(crew.workers[4].pid, signal.SIGCONT)
    starts = [(at, user) for at, user in crew.finish() if at <= crew.until]
    assert fullest_window(amounts(starts), WINDOW) <= AMOUNT
    assert len(starts) >= 0.85 * 6.0 * AMOUNT / SPAN
    quiet = crew.begin + 0.3
    survivors = [sum(user == f"user {number}" and at >= quiet for at, user in starts) for number in (5, 6, 7)]
    assert jain_index(survivors) >= 0.95


def test_a_store_wiped_under_full_load_is_rebuilt_from_the_record(tmp_path):
    crew = Crew(tmp_path, ["ann", "bob", "cy", "dot"], 5.0)
    crew.wait_until(2.5)
    (tmp_path / "store" / "limits.db").unlink()
    starts = [(at, user) for at, user in crew.finish() if at <= crew.until]
    assert fullest_window(amounts(starts), WINDOW) <= AMOUNT
    assert sum(at > crew.begin + 3.5 for at, _ in starts) >= 20
