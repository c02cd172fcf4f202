"""The Redis store: closed while Redis is away, never trusting lost writes, broken records or a clock that steps."""

import fcntl
import json
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest
import redis

from ratelimit import Lane, Limit, Limiter, Policy, StoreUnavailable, no_past
from ratelimit.messages import LaneAsk, Message
from ratelimit.stores.redis import MOST_REMEMBERED, RedisStore, Seen, trusted
from tests.fixtures.redis import RedisServer

POLICY = Policy("key", (Limit("requests", 100, 3600),), margin_seconds=0.05, validity_seconds=0.05)
WIDE = Policy("wide", (Limit("requests", 100_000, 3600),), margin_seconds=0.05, validity_seconds=0.05)
ANN = Lane("acme", "ann")
ONE = {"requests": 1}
KEY = "sourcingx:limiter:key"


@pytest.fixture
def client(empty_redis):
    with redis.Redis.from_url(empty_redis.url) as client:
        yield client


@pytest.fixture
def store(empty_redis):
    store = RedisStore(empty_redis.url)
    yield store
    store.close()


def take(store, serial, agent="agent", policy=POLICY, has_no_past=False):
    return store.exchange(policy, Message(agent, serial, (LaneAsk(ANN, (ONE,), 0),), has_no_past=has_no_past))


def open_key(store, agent="agent"):
    """Let the key be known and in use."""
    return store.exchange(POLICY, Message(agent, 1, (LaneAsk(ANN, (ONE,), 0),), has_no_past=True))


def used(store, policy=POLICY):
    return store.picture(policy).limits[0].used


def test_lost_writes_are_noticed_by_those_who_made_them(store, client):
    open_key(store)
    old = client.dump(KEY)
    assert take(store, 2).grants
    client.restore(KEY, 0, old, replace=True)
    assert not take(store, 3).grants
    assert store.picture(POLICY).shut_seconds > 3000


def test_an_unreadable_record_is_an_unknown_past(store, client):
    open_key(store)
    client.hset(KEY, mapping={"version": "9:x", "head": "{}"})
    assert not take(store, 2).grants


def test_a_record_that_is_no_hash_fails_closed(store, client):
    client.set(KEY, "something else")
    with pytest.raises(StoreUnavailable, match="cannot be asked"):
        open_key(store)


def test_a_clock_that_stepped_forwards_forgets_nothing_early(empty_redis):
    local = [100.0]
    store = RedisStore(empty_redis.url, clock=lambda: local[0])
    open_key(store)
    local[0] -= 30.0  # as if Redis's clock had gone 30 s further than ours
    assert not take(store, 2).grants
    assert store.picture(POLICY).shut_seconds > 3000
    store.close()


def test_a_clock_that_stepped_back_does_not_stand_still_for_hours(store, client):
    open_key(store)
    head = json.loads(client.hget(KEY, "head"))
    client.hset(KEY, mapping={"version": "2:x", "head": json.dumps(head | {"clock": head["clock"] + 7200})})
    assert not take(store, 2).grants
    assert 3000 < store.picture(POLICY).shut_seconds < 3700


def test_what_another_opened_anew_after_a_step_is_trusted():
    store_says = Seen("7:x", None, at=1000.0, local=10.0, took=0.0)
    mine = Seen("6:y", _account("old"), at=900.0, local=9.0, took=0.0)
    account = _account("new")
    assert trusted(store_says, account, mine) is account
    assert trusted(store_says, _account("old"), mine) is None


def _account(epoch):
    from ratelimit.account import open_account

    return open_account(epoch, POLICY, 900.0, has_no_past=True)


def test_what_is_counted_lies_behind_by_little_of_the_margin_that_the_window_is_longer_by(empty_redis, client):
    store = RedisStore(empty_redis.url, clock=lambda: 100.0)  # a clock that stands still
    open_key(store)
    behind = 0.6 * POLICY.margin_seconds
    until = redis_time(client) + behind
    while redis_time(client) < until:
        pass
    asked_at = redis_time(client)
    assert take(store, 2).grants
    counted_at = json.loads(client.hget(KEY, "head"))["clock"]
    assert asked_at - counted_at <= 0.2 * POLICY.margin_seconds
    store.close()


def redis_time(client):
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


def test_an_idle_process_returns_without_suspicion(empty_redis):
    """Clocks drift apart by little: after a minute the time is learnt anew and the account stays trusted."""
    local = [0.0]
    store = RedisStore(empty_redis.url, clock=lambda: time.monotonic() + local[0])
    open_key(store)
    local[0] -= 0.03
    assert take(store, 2).grants
    local[0] += 0.06
    assert take(store, 3).grants
    assert used(store) == 3
    store.close()


def test_many_at_once_lose_no_permit_and_no_count(empty_redis):
    stores = [RedisStore(empty_redis.url) for _ in range(6)]
    limiters = [Limiter(store, WIDE, history=no_past) for store in stores]

    def work(limiter):
        for _ in range(40):
            limiter.acquire_blocking(ANN, ONE)

    threads = [threading.Thread(target=work, args=(limiter,)) for limiter in limiters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for limiter in limiters:
        limiter.close()
    assert used(stores[0], WIDE) == 240
    for store in stores:
        store.close()


def test_while_redis_is_away_nothing_starts_and_afterwards_it_goes_on_by_itself(redis_server):
    redis_server.wipe()
    store = RedisStore(redis_server.url)
    limiter = Limiter(store, POLICY, history=lambda _key, _seconds: [])
    limiter.acquire_blocking(ANN, ONE, give_up_at=time.monotonic() + 5)
    redis_server.kill()
    try:
        with pytest.raises(StoreUnavailable, match="No call may start"):
            limiter.acquire_blocking(ANN, ONE)
        with pytest.raises(StoreUnavailable):
            limiter.state()
    finally:
        redis_server.start()
    limiter.acquire_blocking(ANN, ONE, give_up_at=time.monotonic() + 5)
    limiter.close()
    store.close()


@pytest.mark.parametrize("has_met_the_outage", [True, False])
def test_a_redis_that_comes_back_from_an_older_snapshot_is_not_believed(tmp_path, has_met_the_outage):
    """It forgot what started since; neither who asked in vain meanwhile nor who is new saw those writes last."""
    server = RedisServer(tmp_path)
    server.start()
    store = RedisStore(server.url)
    try:
        open_key(store)
        with redis.Redis.from_url(server.url) as client:
            client.save()
        assert take(store, 2).grants
        server.kill()
        if has_met_the_outage:
            with pytest.raises(StoreUnavailable):
                take(store, 3)
        else:
            store.close()
            store = RedisStore(server.url)
        server.start()
        assert not take(store, 4).grants
        assert store.picture(POLICY).shut_seconds > 3000
        other = RedisStore(server.url)
        assert other.picture(POLICY).shut_seconds > 3000
        other.close()
    finally:
        store.close()
        server.kill()


def test_a_redis_that_does_not_tell_who_it_is_is_used_all_the_same(empty_redis, client):
    client.acl_setuser(
        "silent", enabled=True, passwords=["+sesame"], keys=["*"], commands=["+@all", "-info"], reset=True
    )
    store = RedisStore(empty_redis.url.replace("//", "//silent:sesame@"))
    open_key(store)
    assert take(store, 2).grants
    store.close()
    client.acl_deluser("silent")


def test_records_leave_redis_by_themselves_some_time_after_they_mean_anything(store, client):
    take(store, 1)
    assert 86_400 < client.ttl(KEY) <= 86_400 + 3700


def test_what_has_no_past_leaves_redis_as_soon_as_it_means_nothing(store, client):
    """Every address that knocks at the door has a record: they must not pile up for a day."""
    open_key(store)
    assert 3600 < client.ttl(KEY) <= 3700


def test_a_process_remembers_some_accounts_only_and_counts_all(store):
    for number in range(200):
        policy = Policy(f"address {number}", POLICY.limits)
        take(store, 1, policy=policy, has_no_past=True)
    assert len(store._seen) == MOST_REMEMBERED
    assert used(store, Policy("address 0", POLICY.limits)) == 1


def test_who_waits_too_long_for_a_turn_goes_all_the_same_and_still_notices_losses(empty_redis, client, tmp_path):
    """The holder may be frozen: the turn is a courtesy, and what protects the account is the script."""
    store = RedisStore(empty_redis.url, turns_folder=tmp_path)
    open_key(store)
    [turn] = tmp_path.iterdir()
    with turn.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        old = client.dump(KEY)
        assert take(store, 2).grants
        client.restore(KEY, 0, old, replace=True)
        assert not take(store, 3).grants
    store.close()


def test_without_a_place_for_turns_all_go_at_once(empty_redis, tmp_path):
    store = RedisStore(empty_redis.url, turns_folder=tmp_path / "not there")
    open_key(store)
    assert take(store, 2).grants
    store.close()


def test_those_who_take_turns_compute_nothing_in_vain(empty_redis, tmp_path, monkeypatch):
    """With patience and a margin for a machine however busy, each of their writes is the one that counts."""
    patient = replace(WIDE, margin_seconds=60.0)
    monkeypatch.setattr("ratelimit.stores.redis.TURN_PATIENCE_SECONDS", 30.0)
    stores = [RedisStore(empty_redis.url, turns_folder=tmp_path) for _ in range(6)]
    take(stores[0], 1, policy=patient, has_no_past=True)
    writes = Counter()

    def work(number):
        script = stores[number]._script

        def counted(keys, arguments):
            writes[number] += len(arguments) > 4
            return script(keys, arguments)

        stores[number]._script = counted
        for serial in range(2, 22):
            take(stores[number], serial, f"agent {number}", patient)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writes.total() == 120
    for store in stores:
        store.close()
