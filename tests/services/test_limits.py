"""The gate of the run engine over the real stores: permits, pauses, what headers teach, and a store that fails."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ratelimit import Lane, Limit, LocalStore, Policy, StoreBusy
from ratelimit.stores.redis import ANSWER_SECONDS, RedisStore
from services.db.pool import Database
from services.domain.runs import RunKind
from services.limits import KeyNews, LimiterGate, StoreWatch
from services.providers.openai import LimitNews
from services.runs.gate import CallTooLarge, GateShut
from services.shares import Shares
from tests.fixtures.postgres import Team, Urls
from tests.fixtures.redis import RedisServer

PROVIDER = "openai"
POLICY = Policy(
    "openai:some-model",
    (Limit("requests", 1000, 1.0), Limit("tokens", 100_000, 1.0)),
    margin_seconds=0.05,
    validity_seconds=0.2,
    burst_seconds=0.2,
)
COSTS = {"requests": 1, "tokens": 10}
ORG, ANA = uuid4(), uuid4()
# Long enough for a turn that can come, short beside the pauses below.
PATIENCE = 5.0
NO_TURN = 0.6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limiter.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[LocalStore]:
    opened = LocalStore(path)
    yield opened
    opened.close()


@pytest.fixture
def gate(store: LocalStore, database: Database) -> Iterator[LimiterGate]:
    opened = LimiterGate(store, {PROVIDER: POLICY}, database)
    yield opened
    opened.close()


async def permit(gate: LimiterGate, seconds: float = PATIENCE, **costs: int) -> Any:
    return await asyncio.wait_for(gate.permit(PROVIDER, ORG, ANA, costs or COSTS), seconds)


def test_a_permit_is_valid_once_and_can_be_given_back(gate: LimiterGate, store: LocalStore) -> None:
    given = asyncio.run(permit(gate))
    assert given.is_valid()
    given.settle({"tokens": 25})
    given.done()
    assert not given.is_valid()
    back = asyncio.run(permit(gate))
    back.give_back()
    assert not back.is_valid()
    gate.close()
    assert store.picture(POLICY).open_calls == 0


def test_a_call_that_could_never_start_is_refused_at_once(gate: LimiterGate) -> None:
    with pytest.raises(CallTooLarge, match="tokens"):
        asyncio.run(permit(gate, requests=1, tokens=200_000))


def test_whoever_is_cancelled_leaves_no_debt(gate: LimiterGate, store: LocalStore) -> None:
    async def leave() -> None:
        gate.slow_down(PROVIDER, 0.4, "busy", None)
        with pytest.raises(TimeoutError):
            await permit(gate, 0.1)

    asyncio.run(leave())
    asyncio.run(permit(gate)).done()
    gate.close()
    seen = store.picture(POLICY)
    assert (seen.open_calls, seen.lanes) == (0, ())


def test_a_pause_holds_every_process_of_the_machine_up_and_says_why(gate: LimiterGate, path: Path) -> None:
    refused = asyncio.run(permit(gate))
    gate.slow_down(PROVIDER, 30.0, "Too many requests", refused)
    refused.done()
    with pytest.raises(TimeoutError):
        asyncio.run(permit(gate, NO_TURN))
    elsewhere = LocalStore(path)
    seen = elsewhere.picture(POLICY)
    elsewhere.close()
    assert 25 < seen.paused_seconds <= 30 and seen.pause_reason == "Too many requests"


def test_headers_teach_what_is_left_and_what_is_not_known_is_passed_over(gate: LimiterGate) -> None:
    asyncio.run(permit(gate)).done()
    gate.learn(PROVIDER, [LimitNews("images", 0, 0, 60.0)])
    asyncio.run(permit(gate)).done()
    gate.learn(PROVIDER, [LimitNews("requests", None, 0, 60.0)])
    with pytest.raises(TimeoutError):
        asyncio.run(permit(gate, NO_TURN))


@pytest.mark.parametrize(
    ("costs", "rate"), [({"requests": 1}, 1000.0), ({"requests": 1, "tokens": 1000}, 100.0), ({"images": 1}, None)]
)
def test_the_narrowest_limit_says_how_many_calls_a_second_can_be(
    gate: LimiterGate, costs: dict[str, int], rate: float | None
) -> None:
    assert gate.calls_per_second(PROVIDER, costs) == rate


def test_while_the_store_is_gone_nothing_paid_starts_and_afterwards_it_does(gate: LimiterGate, path: Path) -> None:
    asyncio.run(permit(gate)).done()
    make_unusable(path)
    with pytest.raises(GateShut, match=r"No call may start: The limiter's store .*limiter\.sqlite3 cannot be used"):
        asyncio.run(permit(gate))
    path.rmdir()
    asyncio.run(permit(gate)).done()


def make_unusable(path: Path) -> None:
    """A folder stands where the file should be: nobody, not even root, can open it as one."""
    for beside in path.parent.glob(f"{path.name}*"):
        beside.unlink()
    path.mkdir()


@pytest.fixture
def on_redis(redis_server: RedisServer, database: Database) -> Iterator[LimiterGate]:
    """A gate whose store is Redis; the server is there again when the test has ended."""
    redis_server.wipe()
    store = RedisStore(redis_server.url)
    opened = LimiterGate(store, {PROVIDER: POLICY}, database)
    yield opened
    if not redis_server.answers():
        redis_server.start()
    opened.close()
    store.close()


def test_while_redis_is_gone_nothing_paid_starts_and_afterwards_it_does(
    on_redis: LimiterGate, redis_server: RedisServer
) -> None:
    watch = StoreWatch(on_redis.store, POLICY)
    asyncio.run(permit(on_redis)).done()
    assert watch.answers()
    redis_server.kill()
    with pytest.raises(GateShut, match=r"No call may start: The limiter's Redis cannot be asked: .*refused"):
        asyncio.run(permit(on_redis))
    assert not watch.answers()
    redis_server.start()
    asyncio.run(permit(on_redis)).done()
    assert watch.answers()


def test_a_redis_that_hangs_holds_the_other_work_of_a_process_up_no_longer_than_one_answer_may_take(
    on_redis: LimiterGate, redis_server: RedisServer
) -> None:
    """A driver beats every two seconds on the same loop: it must not lose its run to a silent Redis."""

    async def seconds_held_up() -> float:
        asked, held_up, last = [], 0.0, time.monotonic()
        until = last + 3 * ANSWER_SECONDS
        while last < until:
            asked.append(asyncio.create_task(permit(on_redis)))
            await asyncio.sleep(0.01)
            now = time.monotonic()
            held_up += now - last if now - last > 0.2 else 0.0
            last = now
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(outcome, GateShut) for outcome in outcomes)
        return held_up

    asyncio.run(permit(on_redis)).done()
    assert redis_server.process is not None
    redis_server.process.send_signal(signal.SIGSTOP)
    try:
        assert asyncio.run(seconds_held_up()) < 1.5 * ANSWER_SECONDS
    finally:
        redis_server.process.send_signal(signal.SIGCONT)


def test_the_watch_tells_a_store_that_answers_from_one_that_cannot(store: LocalStore, path: Path) -> None:
    watch = StoreWatch(store, POLICY)
    assert watch.answers()
    make_unusable(path)
    assert not watch.answers()
    path.rmdir()
    assert watch.answers()


class Hanging(LocalStore):
    """A real store whose looks wait until they are let go, and are counted."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.let_go = threading.Event()
        self.looks = 0

    def picture(self, policy: Policy) -> Any:
        self.looks += 1
        self.let_go.wait(PATIENCE)
        return super().picture(policy)


def test_a_store_that_hangs_holds_nobody_up_and_is_asked_once(path: Path) -> None:
    store = Hanging(path)
    watch = StoreWatch(store, POLICY, patience_seconds=0.1)
    started = time.monotonic()
    assert [watch.answers() for _ in range(3)] == [False] * 3
    assert time.monotonic() - started < PATIENCE / 2
    assert store.looks == 1
    store.let_go.set()
    assert until(watch.answers)
    store.close()


def test_a_store_in_use_by_somebody_else_is_a_store_that_answers(store: LocalStore, monkeypatch: Any) -> None:
    def busy(_policy: Policy) -> None:
        raise StoreBusy("held")

    monkeypatch.setattr(store, "picture", busy)
    assert StoreWatch(store, POLICY).answers()


def until(is_true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        if time.monotonic() > deadline:
            return False
    return True


def test_a_key_that_a_person_says_was_mended_is_tried_at_once(gate: LimiterGate, store: LocalStore) -> None:
    news = KeyNews(store, {PROVIDER: POLICY}, {RunKind.SCREENING: PROVIDER})

    async def refused_and_mended() -> None:
        first = await permit(gate)
        first.key_refused("The key was refused.")
        first.done()
        with pytest.raises(TimeoutError):
            await permit(gate, NO_TURN)
        news.mended(RunKind.SCREENING)
        # Another process asks: whoever waited here was told to come again later.
        other = LimiterGate(store, {PROVIDER: POLICY}, gate.database)
        try:
            (await permit(other)).done()
        finally:
            other.close()

    asyncio.run(refused_and_mended())


def test_news_of_a_key_that_no_store_takes_stop_nobody(path: Path) -> None:
    folder = path.with_name("folder")
    folder.mkdir()
    KeyNews(LocalStore(folder), {PROVIDER: POLICY}, {RunKind.SCREENING: PROVIDER}).mended(RunKind.SCREENING)


def test_who_has_a_larger_share_asks_with_it_and_everybody_else_with_one(
    gate: LimiterGate, database: Database, team: Team
) -> None:
    shares = Shares(database)
    shares.set("Northwind Talent", None, 2.0)
    shares.set("Northwind Talent", team.recruiter.email.upper(), 3.0)
    org, ana, ben = str(team.org_id), team.recruiter.user_id, team.colleague.user_id
    assert gate.weighed_lane(team.org_id, ana) == Lane(org, str(ana), 3.0, 2.0)
    assert gate.weighed_lane(team.org_id, ben) == Lane(org, str(ben), 1.0, 2.0)


def test_a_gate_whose_database_is_away_is_shut_and_opens_with_it(store: LocalStore, urls: Urls) -> None:
    database = Database(urls.login.replace("127.0.0.1", "127.0.0.9"), wait_seconds=0.2)
    shut = LimiterGate(store, {PROVIDER: POLICY}, database)
    with pytest.raises(GateShut):
        asyncio.run(permit(shut))
    shut.database = Database(urls.login)
    asyncio.run(permit(shut)).done()
    for opened in (database, shut.database):
        opened.close()
    shut.close()
