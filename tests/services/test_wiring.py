"""Which store the limits are kept in: this machine's file, or the Redis that the hosts share."""

from pathlib import Path

import pytest

from ratelimit import Lane, Limit, Limiter, LocalStore, Policy, Store, Wait, no_past
from services.accounts import TooManyAttempts
from services.door import AddressDoor
from services.settings import Settings
from services.wiring import open_store
from tests.fixtures.redis import RedisServer

POLICY = Policy("openai:some-model", (Limit("requests", 1, 3600.0),))


def settings(home: Path, **more: object) -> Settings:
    return Settings(_env_file=None, SOURCINGX_HOME=str(home), **more)  # type: ignore[call-arg,arg-type]  # pydantic's own parameter, and aliases


def may_start(store: Store) -> bool:
    limiter = Limiter(store, POLICY, history=no_past)
    answer = limiter.try_ask(Lane("acme", "ann"), {"requests": 1})
    limiter.close()
    return not isinstance(answer, Wait)


def test_two_hosts_with_one_redis_share_their_limits(tmp_path: Path, empty_redis: RedisServer) -> None:
    hosts = [settings(tmp_path / name, REDIS_URL=empty_redis.url) for name in ("one", "other")]
    stores = [open_store(host, "limiter") for host in hosts]
    assert [may_start(store) for store in stores] == [True, False]
    doors = [AddressDoor(open_store(host, "door"), failures_allowed=1) for host in hosts]
    with doors[0].knock("192.0.2.1"):
        pass
    with pytest.raises(TooManyAttempts), doors[1].knock("192.0.2.1"):
        pass
    assert not list(tmp_path.iterdir()), "nothing is kept on the hosts"
    for store in (*stores, *(door.store for door in doors)):
        store.close()


def test_without_redis_the_processes_of_one_home_share_them(tmp_path: Path) -> None:
    stores = [open_store(settings(tmp_path / name), "limiter") for name in ("one", "one", "other")]
    assert all(isinstance(store, LocalStore) for store in stores)
    assert [may_start(store) for store in stores] == [True, False, True]
    for store in stores:
        store.close()
