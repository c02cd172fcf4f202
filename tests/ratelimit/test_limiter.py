"""One contract for every store: what a caller of the limiter may rely on."""

import asyncio
import threading
import time

import pytest

from ratelimit import (
    AcquireCancelled,
    CallTooLarge,
    GaveUp,
    Lane,
    Limit,
    Limiter,
    LocalStore,
    MemoryStore,
    PastStart,
    Permit,
    Policy,
    StoreUnavailable,
    Wait,
    no_past,
)
from tests.ratelimit.windows import fullest_window

ANN, BOB = Lane("acme", "ann"), Lane("acme", "bob")
ONE = {"requests": 1}
WIDE = Policy("wide", (Limit("requests", 1_000_000, 1), Limit("tokens", 10_000_000, 1)))
QUICK = Policy("quick", (Limit("requests", 20, 0.5),), margin_seconds=0.05, validity_seconds=0.2, burst_seconds=0.05)
RARE = Policy("rare", (Limit("requests", 1, 3600),))


@pytest.fixture(params=["memory", "local"])
def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else LocalStore(tmp_path / "store" / "limits.db")
    yield opened
    opened.close()


@pytest.fixture
def limiter_of(store):
    made = []

    def make(policy, history=no_past):
        made.append(Limiter(store, policy, history=history))
        return made[-1]

    yield make
    for limiter in made:
        limiter.close()


def wait_until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.01)


def used(limiter, name="requests"):
    return next(limit.used for limit in limiter.state().limits if limit.name == name)


def test_a_free_permit_comes_at_once_and_is_valid_for_a_moment(limiter_of):
    permit = limiter_of(WIDE).acquire_blocking(ANN, ONE)
    assert permit.is_valid()
    assert not permit.is_valid(permit.valid_until)
    assert permit.lane == ANN


def test_async_and_blocking_callers_share_one_exact_window(limiter_of):
    limiter, starts = limiter_of(QUICK), []
    give_up_at = time.monotonic() + 1.6

    def block():
        while time.monotonic() < give_up_at:
            starts.append((limiter.acquire_blocking(ANN, ONE).granted_at, 1))

    async def wait_with_others():
        async def one():
            while time.monotonic() < give_up_at:
                starts.append(((await limiter.acquire(BOB, ONE)).granted_at, 1))

        await asyncio.gather(*(one() for _ in range(10)))

    threads = [threading.Thread(target=block) for _ in range(4)]
    for thread in threads:
        thread.start()
    asyncio.run(wait_with_others())
    for thread in threads:
        thread.join()
    assert fullest_window(starts, 0.75) <= 20
    assert len(starts) >= 0.8 * 20 * 1.6 / 0.75


def test_waiting_callers_of_two_lanes_take_turns(limiter_of):
    limiter, order = limiter_of(QUICK), []

    async def one(lane):
        await limiter.acquire(lane, ONE)
        order.append(lane.user)

    async def all_at_once():
        await asyncio.gather(*(one(ANN) for _ in range(30)), *(one(BOB) for _ in range(5)))

    asyncio.run(all_at_once())
    assert order[:16].count("bob") == 5


def test_a_deadline_ends_the_waiting(limiter_of):
    limiter = limiter_of(RARE)
    limiter.acquire_blocking(ANN, ONE)
    with pytest.raises(GaveUp):
        limiter.acquire_blocking(ANN, ONE, give_up_at=time.monotonic() + 0.05)
    with pytest.raises(GaveUp):
        asyncio.run(limiter.acquire(ANN, ONE, give_up_at=time.monotonic() + 0.05))
    wait_until(lambda: limiter.state().lanes == ())


def test_the_callers_own_flag_ends_the_waiting(limiter_of):
    limiter, flag = limiter_of(RARE), threading.Event()
    limiter.acquire_blocking(ANN, ONE)
    threading.Timer(0.05, flag.set).start()
    with pytest.raises(AcquireCancelled):
        limiter.acquire_blocking(ANN, ONE, cancelled=flag.is_set)
    with pytest.raises(AcquireCancelled):
        asyncio.run(limiter.acquire(ANN, ONE, cancelled=flag.is_set))


def test_cancelled_tasks_leave_no_debt_and_no_place(limiter_of):
    limiter = limiter_of(QUICK)

    async def start_and_cancel():
        tasks = [asyncio.create_task(limiter.acquire(ANN, ONE)) for _ in range(60)]
        await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(isinstance(result, Permit) for result in results)

    given = asyncio.run(start_and_cancel())
    wait_until(lambda: limiter.state().lanes == () and used(limiter) <= given)


def test_a_call_that_can_never_fit_is_refused_at_once(limiter_of):
    with pytest.raises(CallTooLarge, match="2,000,000 requests"):
        limiter_of(WIDE).acquire_blocking(ANN, {"requests": 2_000_000})


def test_an_unknown_or_negative_cost_is_an_error(limiter_of):
    with pytest.raises(ValueError, match="credits=1"):
        limiter_of(WIDE).acquire_blocking(ANN, {"credits": 1})
    with pytest.raises(ValueError, match="requests=-1"):
        limiter_of(WIDE).acquire_blocking(ANN, {"requests": -1})


def test_reserved_tokens_are_settled_to_the_real_figure(limiter_of):
    limiter = limiter_of(Policy("tokens", (Limit("requests", 100, 60), Limit("tokens", 10_000, 60))))
    permit = limiter.acquire_blocking(ANN, {"requests": 1, "tokens": 1500})
    permit.settle({"tokens": 400})
    permit.settle({"tokens": 450})
    wait_until(lambda: used(limiter, "tokens") == 450)
    assert used(limiter) == 1


def test_an_unused_permit_goes_back_once(limiter_of):
    limiter = limiter_of(RARE)
    permit = limiter.acquire_blocking(ANN, ONE)
    permit.give_back()
    permit.give_back()
    permit.done()
    assert limiter.acquire_blocking(BOB, ONE, give_up_at=time.monotonic() + 5).is_valid()
    assert used(limiter) == 1


def test_open_calls_hold_the_others_until_they_end(limiter_of):
    limiter = limiter_of(Policy("narrow", (), concurrency=2))
    first, second = limiter.acquire_blocking(ANN, {}), limiter.acquire_blocking(BOB, {})
    assert isinstance(limiter.try_ask(ANN, {}), Wait)
    first.done()
    with limiter.acquire_blocking(ANN, {}, give_up_at=time.monotonic() + 5):
        assert limiter.state().open_calls == 2
    second.done()
    wait_until(lambda: limiter.state().open_calls == 0)


def test_open_calls_are_kept_alive_beyond_their_lease(limiter_of):
    policy = Policy("narrow", (), concurrency=1, lease_seconds=0.3)
    holder, other = limiter_of(policy), limiter_of(policy)
    permit = holder.acquire_blocking(ANN, {})
    with pytest.raises(GaveUp):
        other.acquire_blocking(BOB, {}, give_up_at=time.monotonic() + 0.9)
    permit.done()
    other.acquire_blocking(BOB, {}, give_up_at=time.monotonic() + 5)


def test_asking_without_waiting_tells_what_to_expect_and_queues_nobody(limiter_of):
    limiter = limiter_of(QUICK)
    answers = [limiter.try_ask(ANN, ONE) for _ in range(5)]
    refused = [answer for answer in answers if isinstance(answer, Wait)]
    assert isinstance(answers[0], Permit)
    assert refused
    assert all(0 < answer.seconds < 1 for answer in refused)
    assert limiter.state().lanes == ()


def test_a_pause_of_one_process_stops_another(limiter_of):
    one, other = limiter_of(QUICK), limiter_of(QUICK)
    permit = one.acquire_blocking(ANN, ONE)
    one.pause(0.6, "The provider asked to wait.", refused=permit)
    wait_until(lambda: other.state().paused_seconds > 0)
    began = time.monotonic()
    assert other.state().pause_reason == "The provider asked to wait."
    other.acquire_blocking(BOB, ONE)
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize("nonsense", [None, 0.0, -5.0, float("nan"), float("inf")])
def test_without_a_usable_retry_after_everyone_backs_off_a_little(limiter_of, nonsense):
    limiter = limiter_of(QUICK)
    limiter.pause(nonsense, "Refused.")
    wait_until(lambda: limiter.state().paused_seconds > 0)
    assert limiter.state().paused_seconds <= 1.5


def test_headers_that_say_less_are_believed(limiter_of):
    limiter = limiter_of(WIDE)
    limiter.acquire_blocking(ANN, ONE)
    limiter.learn("requests", remaining=0, allowed=100, reset_seconds=float("nan"))
    wait_until(lambda: used(limiter) == 100)
    assert isinstance(limiter.try_ask(ANN, ONE), Wait)


def test_a_waiting_person_is_told_where_they_stand(limiter_of):
    limiter = limiter_of(Policy("slow", (Limit("requests", 10, 10),)))
    answers = []

    def ask(lane):
        with pytest.raises(AcquireCancelled):
            limiter.acquire_blocking(lane, ONE, cancelled=ended.is_set)
        answers.append(lane)

    ended = threading.Event()
    limiter.acquire_blocking(ANN, ONE)
    threads = [threading.Thread(target=ask, args=(lane,)) for lane in (ANN, ANN, BOB)]
    limiter.pause(30.0, "Asked to wait.")
    for thread in threads:
        thread.start()
    wait_until(lambda: limiter.expected_wait(ANN) and limiter.expected_wait(BOB))
    standing = limiter.expected_wait(BOB)
    ended.set()
    for thread in threads:
        thread.join()
    assert standing is not None
    assert standing.wait_seconds > 20
    assert standing.rate > 0


def test_a_key_without_a_known_past_is_shut_for_a_window(limiter_of):
    limiter = limiter_of(QUICK, history=None)
    began = time.monotonic()
    limiter.acquire_blocking(ANN, ONE)
    assert time.monotonic() - began >= 0.75


def test_a_told_past_counts_and_opens_the_key(limiter_of):
    asked = []

    def history(key, seconds):
        asked.append((key, seconds))
        return [PastStart(1.0, ONE) for _ in range(9)]

    limiter = limiter_of(Policy("told", (Limit("requests", 10, 3600),), margin_seconds=0.1), history=history)
    limiter.acquire_blocking(ANN, ONE, give_up_at=time.monotonic() + 5)
    assert used(limiter) == 10
    assert asked[0][0] == "told"
    assert asked[0][1] >= 3600


def test_a_past_that_cannot_be_read_keeps_shut_and_is_asked_for_again(limiter_of, caplog):
    attempts = []

    def history(key, seconds):
        attempts.append(key)
        if len(attempts) == 1:
            raise ConnectionError("the database is away")
        return []

    policy = Policy("told", (Limit("requests", 10, 3600),), margin_seconds=0.05, validity_seconds=0.05)
    limiter_of(policy, history=history).acquire_blocking(ANN, ONE, give_up_at=time.monotonic() + 5)
    assert len(attempts) == 2


class Unreachable:
    """A store that can be taken away."""

    def __init__(self, inner):
        self.inner, self.is_away, self.asked = inner, False, 0

    def exchange(self, policy, message):
        self.asked += 1
        if self.is_away:
            raise StoreUnavailable("the store is away")
        return self.inner.exchange(policy, message)

    def picture(self, policy):
        return self.inner.picture(policy)

    def close(self):
        self.inner.close()


def test_without_its_store_nothing_starts_and_it_recovers_by_itself(store):
    fragile = Unreachable(store)
    limiter = Limiter(fragile, WIDE, history=no_past)
    limiter.acquire_blocking(ANN, ONE)
    fragile.is_away = True
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="No call may start"):
        limiter.acquire_blocking(ANN, ONE)
    assert 1.9 <= time.monotonic() - began <= 4.0
    assert fragile.asked <= 60
    fragile.is_away = False
    limiter.acquire_blocking(ANN, ONE, give_up_at=time.monotonic() + 5)
    limiter.close()


def test_a_store_that_is_away_is_asked_by_the_limiters_own_thread_only(store):
    """A store may hang for a second before it fails: no caller's event loop is to spend that again and again."""
    fragile = Unreachable(store)
    limiter = Limiter(fragile, WIDE, history=no_past)
    fragile.is_away = True
    callers = []
    exchange = fragile.exchange

    def slow(policy, message):
        callers.append(threading.current_thread())
        time.sleep(0.02)
        return exchange(policy, message)

    fragile.exchange = slow
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        with pytest.raises(GaveUp):
            limiter.acquire_blocking(ANN, ONE, give_up_at=time.monotonic() + 0.001)
    assert len(callers) > 5
    assert [caller is threading.main_thread() for caller in callers] == [True] + [False] * (len(callers) - 1)
    limiter.close()


def test_an_event_loop_too_busy_to_use_a_permit_does_not_get_a_stale_one(limiter_of):
    limiter = limiter_of(QUICK)

    async def busy():
        tasks = [asyncio.create_task(limiter.acquire(ANN, ONE)) for _ in range(6)]
        await asyncio.sleep(0.01)
        time.sleep(0.4)
        return [await task for task in tasks][-1].is_valid()

    assert asyncio.run(busy())
