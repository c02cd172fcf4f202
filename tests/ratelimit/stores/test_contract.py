"""What every store owes: one account a key, each exchange whole, and nothing fresh after a loss."""

import os
import threading
import time

import pytest

from ratelimit import Lane, Limit, Limiter, LocalStore, MemoryStore, PastStart, Policy, no_past
from ratelimit.breaker import FIRST_OPEN_SECONDS, LEAST_ALL_FAILED
from ratelimit.messages import Adjustment, LaneAsk, Message, Outcome, Pause
from ratelimit.stores.redis import RedisStore
from tests.ratelimit.windows import fullest_window

HOURLY = Policy("key", (Limit("requests", 100, 3600),), margin_seconds=0.05, validity_seconds=0.05)
QUICK = Policy("quick", (Limit("requests", 40, 1.0),), margin_seconds=0.05, validity_seconds=0.05)
ANN = Lane("acme", "ann")
ONE = {"requests": 1}


class Memory:
    """Stores that share one dictionary are one store."""

    def __init__(self, tmp_path, redis_server):
        self.store = MemoryStore()

    def open(self):
        return self.store

    def lose_everything(self):
        self.store.wipe()


class Local:
    def __init__(self, tmp_path, redis_server):
        self.path = tmp_path / "store" / "limits.db"

    def open(self):
        return LocalStore(self.path)

    def lose_everything(self):
        self.path.unlink()


class Redis:
    def __init__(self, tmp_path, redis_server):
        self.server = redis_server

    def open(self):
        return RedisStore(self.server.url)

    def lose_everything(self):
        self.server.wipe()


@pytest.fixture(params=[Memory, Local, Redis], ids=lambda kind: kind.__name__.lower())
def stores(request, tmp_path, empty_redis):
    return request.param(tmp_path, empty_redis)


@pytest.fixture
def store(stores):
    opened = stores.open()
    yield opened
    opened.close()


def ask(count=1, lane=ANN):
    return (LaneAsk(lane, (ONE,) * count, 0),)


def take(store, serial, *, agent="agent", policy=HOURLY, has_no_past=True, **more):
    return store.exchange(policy, Message(agent, serial, ask(), has_no_past=has_no_past, **more))


def used(store, policy=HOURLY):
    return store.picture(policy).limits[0].used


def test_two_on_one_place_count_together(stores):
    one, other = stores.open(), stores.open()
    for serial in range(1, 6):
        assert take(one, serial, agent="one").grants
        assert take(other, serial, agent="other").grants
    assert used(one) == used(other) == 10
    one.close()
    other.close()


def test_keys_are_apart(store):
    take(store, 1)
    assert used(store, Policy("another", HOURLY.limits)) == 0


def test_looking_changes_nothing(store):
    take(store, 1)
    first = store.picture(HOURLY)
    assert [store.picture(HOURLY).limits for _ in range(3)] == [first.limits] * 3


def test_a_correction_is_applied_once_however_often_it_is_told(store):
    grant = take(store, 1)
    correction = Adjustment(grant.epoch, grant.grants[0].slots, {"requests": -1}, ANN)
    told = Message("agent", 2, adjustments=(correction,), has_no_past=True)
    for _ in range(3):
        store.exchange(HOURLY, told)
    assert used(store) == 0


def test_a_pause_is_everybodys(stores):
    one, other = stores.open(), stores.open()
    take(one, 1, agent="one", pauses=(Pause(30.0, "The provider asks for rest."),))
    answer = take(other, 1, agent="other")
    assert not answer.grants
    assert answer.reason == "The provider asks for rest."
    assert 25 < other.picture(HOURLY).paused_seconds <= 30
    one.close()
    other.close()


def test_a_breaker_is_everybodys_and_lets_one_probe_through(stores):
    one, other = stores.open(), stores.open()
    epoch = take(one, 1, agent="one").epoch
    failures = Outcome(epoch, 0, failed=LEAST_ALL_FAILED, reason="It fails.", jitter=0.99)
    answer = take(one, 2, agent="one", outcomes=(failures,))
    assert not answer.grants and answer.trouble.reason == "It fails."
    refused = take(other, 1, agent="other")
    assert not refused.grants and refused.reason == "It fails."
    assert 0 < other.picture(HOURLY).trouble.retry_seconds <= FIRST_OPEN_SECONDS
    give_up_at = time.monotonic() + 2 * FIRST_OPEN_SECONDS
    while other.picture(HOURLY).trouble.retry_seconds > 0 and time.monotonic() < give_up_at:
        time.sleep(0.02)
    (probe,) = take(other, 2, agent="other").grants
    assert probe.is_probe
    assert not take(one, 3, agent="one").grants
    works = Outcome(epoch, probe.round, worked=1)
    assert take(other, 3, agent="other", outcomes=(works,)).grants
    assert take(one, 4, agent="one").grants and one.picture(HOURLY).trouble is None
    one.close()
    other.close()


def test_what_was_counted_before_a_loss_opens_nothing(stores):
    store = stores.open()
    epoch = take(store, 1).epoch
    stores.lose_everything()
    failures = Outcome(epoch, 0, failed=LEAST_ALL_FAILED, reason="It fails.")
    assert take(store, 2, outcomes=(failures,)).trouble is None
    store.close()


def test_what_is_lost_is_never_a_fresh_start(stores):
    store = stores.open()
    take(store, 1, has_no_past=False)
    stores.lose_everything()
    assert not take(store, 2, has_no_past=False).grants
    assert store.picture(HOURLY).shut_seconds > 3000
    store.close()


def test_what_is_lost_is_rebuilt_from_the_record(stores):
    store = stores.open()
    take(store, 1, has_no_past=False)
    stores.lose_everything()
    past = [PastStart(1.0, ONE)] * 99
    limiter = Limiter(store, HOURLY, history=lambda _key, _seconds: past)
    limiter.acquire_blocking(ANN, ONE, give_up_at=time.monotonic() + 5)
    assert used(store) == 100
    limiter.close()
    store.close()


def test_threads_and_stores_together_exceed_nothing_and_waste_little(stores):
    """Two stores on one place, six threads on each, at a limit that binds."""
    opened = [stores.open(), stores.open()]
    limiters = [Limiter(store, QUICK, history=no_past) for store in opened]
    starts = []
    until = time.monotonic() + 3.0

    def work(limiter, user):
        while time.monotonic() < until:
            if limiter.acquire_blocking(Lane("acme", user), ONE).is_valid():
                starts.append(time.monotonic())

    threads = [
        threading.Thread(target=work, args=(limiter, f"user {number}"))
        for number, limiter in enumerate(limiters)
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    starts = sorted(at for at in starts if at <= until)
    assert fullest_window([(at, 1) for at in starts], 1.0) <= 40
    assert len(starts) >= 0.8 * 3.0 * 40 / QUICK.span_of(QUICK.limits[0])
    for one in (*limiters, *opened):
        one.close()


def test_a_fork_counts_like_another_process(store):
    take(store, 1, agent="parent")
    child = os.fork()
    if child == 0:
        ok = bool(take(store, 1, agent="child").grants)
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    take(store, 2, agent="parent")
    assert used(store) == (2 if isinstance(store, MemoryStore) else 3)
