"""Eight real processes on one store, judged by the provider: kills, freezes, losses and wrong clocks change nothing.

The workers call the simulated OpenAI at its limit; what counts is when their calls arrived there.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ratelimit.windows import fullest_window, jain_index
from tests.ratelimit.worker import AMOUNT, POLICY, WINDOW_SECONDS, Order

SPAN = POLICY.span_of(POLICY.limits[0])
ROOT = Path(__file__).parents[2]
START_SECONDS = 30
CLOCKS_OFF_SECONDS = (5.0, -5.0, 0.0, 0.0)


class Local:
    """The file that the processes of one machine share."""

    def __init__(self, folder, redis_server):
        self.place = str(folder / "store" / "limits.db")

    def lose_everything(self):
        Path(self.place).unlink()


class GoingByCallersClocks(Local):
    """The same, but deliberately broken: the time is whatever the caller's clock says."""

    def __init__(self, folder, redis_server):
        self.place = str(folder / "store" / "limits.callers-clocks")


class Redis:
    """The server that hosts share."""

    def __init__(self, folder, redis_server):
        self.server, self.place = redis_server, redis_server.url

    def lose_everything(self):
        self.server.wipe()


@pytest.fixture
def provider(simulators):
    """The simulated OpenAI, at exactly the limit that the workers' policy names."""
    simulators.limits(openai_rpm={"value": AMOUNT, "seconds": WINDOW_SECONDS}, openai_tpm=None)
    return simulators


@pytest.fixture(params=[Local, Redis], ids=["sqlite", "redis"])
def store(request, tmp_path, empty_redis):
    return request.param(tmp_path, empty_redis)


class Crew:
    """Eight worker processes, a user each, that begin together; every other one has clocks that are off."""

    def __init__(self, folder, store, provider, seconds, *, has_record, callers=2):
        self.provider = provider
        orders = [
            Order(
                folder=str(folder),
                openai_url=provider.openai_url,
                store=store.place,
                user=f"user-{number}",
                callers=callers,
                seconds=seconds,
                has_record=has_record,
                clock_offset=CLOCKS_OFF_SECONDS[number % len(CLOCKS_OFF_SECONDS)],
            )
            for number in range(8)
        ]
        command = [sys.executable, "-m", "tests.ratelimit.worker"]
        self.workers = [subprocess.Popen([*command, order.text()], cwd=ROOT) for order in orders]
        patience = time.monotonic() + START_SECONDS
        while len(list(folder.glob("*.ready"))) < len(orders):
            assert time.monotonic() < patience, "the workers did not start"
            assert all(worker.poll() is None for worker in self.workers), "a worker failed"
            time.sleep(0.01)
        self.begin = time.monotonic() + 0.1
        signal_file = folder / "begin.soon"
        signal_file.write_text(str(self.begin))
        signal_file.rename(folder / "begin")

    def wait_until(self, seconds_after_begin):
        while time.monotonic() < self.begin + seconds_after_begin:
            time.sleep(0.005)

    def kill(self, numbers):
        for number in numbers:
            os.kill(self.workers[number].pid, signal.SIGKILL)

    def arrivals(self):
        """(seconds after the beginning, user, status) of each call, by the provider's ledger."""
        for worker in self.workers:
            worker.wait(timeout=30)
        calls = self.provider.ledger("openai")
        return [(call["monotonic"] - self.begin, call["attempt_id"], call["status"]) for call in calls]


def nothing_was_over(arrivals):
    """No sliding window of arrivals above the limit, and nothing refused."""
    most = fullest_window([(at, 1) for at, _, _ in arrivals], WINDOW_SECONDS)
    return most <= AMOUNT and all(status == 200 for _, _, status in arrivals)


def kill_half_and_freeze_one(crew):
    """Those whose clocks are ahead, and their neighbours, die; one of the others stands still for a second."""
    crew.wait_until(1.5)
    crew.kill([0, 1, 4, 5])
    os.kill(crew.workers[2].pid, signal.SIGSTOP)
    crew.wait_until(2.7)
    os.kill(crew.workers[2].pid, signal.SIGCONT)


def little_was_wasted(arrivals, seconds):
    return len(arrivals) >= 0.85 * seconds * AMOUNT / SPAN


def test_half_of_them_killed_one_frozen_and_clocks_off_exceeds_nothing_and_wastes_little(tmp_path, store, provider):
    crew = Crew(tmp_path, store, provider, 4.5, has_record=False)
    kill_half_and_freeze_one(crew)
    arrivals = crew.arrivals()
    assert nothing_was_over(arrivals)
    assert little_was_wasted(arrivals, 4.5)
    survivors = [sum(user == f"user-{number}" and at >= 0.3 for at, user, _ in arrivals) for number in (3, 6, 7)]
    assert jain_index(survivors) >= 0.95


def test_a_store_that_goes_by_its_callers_clocks_does_not_pass(tmp_path, empty_redis, provider):
    """That the run above means something: with time taken from the callers it exceeds or stands still."""
    crew = Crew(tmp_path, GoingByCallersClocks(tmp_path, empty_redis), provider, 4.5, has_record=False)
    kill_half_and_freeze_one(crew)
    arrivals = crew.arrivals()
    assert not (nothing_was_over(arrivals) and little_was_wasted(arrivals, 4.5))


def test_a_store_wiped_under_full_load_is_rebuilt_from_the_record(tmp_path, store, provider):
    crew = Crew(tmp_path, store, provider, 4.5, has_record=True)
    crew.wait_until(2.2)
    store.lose_everything()
    arrivals = crew.arrivals()
    assert nothing_was_over(arrivals)
    assert sum(at > 3.2 for at, _, _ in arrivals) >= 0.6 * 1.3 * AMOUNT / SPAN


def test_redis_killed_and_started_again_stops_everybody_meanwhile_and_nobody_afterwards(
    tmp_path, empty_redis, provider
):
    crew = Crew(tmp_path, Redis(tmp_path, empty_redis), provider, 5.5, has_record=True)
    crew.wait_until(1.8)
    empty_redis.kill()
    try:
        crew.wait_until(3.0)
    finally:
        empty_redis.start()
    arrivals = crew.arrivals()
    assert nothing_was_over(arrivals)
    assert not [at for at, _, _ in arrivals if 1.8 + 0.3 <= at < 3.0]
    assert sum(at > 4.2 for at, _, _ in arrivals) >= 0.6 * 1.3 * AMOUNT / SPAN
