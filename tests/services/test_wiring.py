"""What the wiring makes of the settings: where the limits are kept, and a policy for each provider."""

import asyncio
from pathlib import Path

import pytest

from ratelimit import Lane, Limit, Limiter, LocalStore, MemoryStore, Permit, Policy, Store, Wait, no_past
from services.accounts import TooManyAttempts
from services.door import AddressDoor
from services.settings import PROVIDERS, Settings
from services.wiring import open_store, policies_of
from tests.fixtures.redis import RedisServer

POLICY = Policy("openai:some-model", (Limit("requests", 1, 3600.0),))
COSTS = {
    "openai": {"requests": 1, "tokens": 4_000},
    "crustdata": {"enriches": 1},
    "salesql": {"calls": 1, "calls_a_day": 1},
    "phantombuster": {},
    "sheets": {"reads": 1},
}


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
    for host in hosts:
        host.home_path.mkdir()
    [turns, none] = [open_store(hosts[0], "limiter", has_few_keys=True), open_store(hosts[1], "door")]
    for store in (turns, none):
        may_start(store)
        store.close()
    assert [len(list(host.home_path.iterdir())) for host in hosts] == [1, 0], "no stranger's address leaves a file"
    for store in (*stores, *(door.store for door in doors)):
        store.close()


def test_without_redis_the_processes_of_one_home_share_them(tmp_path: Path) -> None:
    stores = [open_store(settings(tmp_path / name), "limiter") for name in ("one", "one", "other")]
    assert all(isinstance(store, LocalStore) for store in stores)
    assert [may_start(store) for store in stores] == [True, False, True]
    for store in stores:
        store.close()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_provider_has_a_policy_under_which_a_call_starts(provider: str) -> None:
    limiter = Limiter(MemoryStore(), policies_of(Settings())[provider], history=no_past)
    granted = asyncio.run(limiter.acquire(Lane("org", "user"), COSTS[provider]))
    assert isinstance(granted, Permit) and granted.is_valid()
    granted.done()
    limiter.close()


def test_each_limit_is_its_setting_and_the_defaults_keep_below_what_the_providers_allow() -> None:
    chosen = {
        "OPENAI_REQUESTS_PER_MINUTE": 11,
        "OPENAI_TOKENS_PER_MINUTE": 12,
        "CRUSTDATA_ENRICHES_PER_MINUTE": 13,
        "CRUSTDATA_SEARCHES_PER_MINUTE": 14,
        "CRUSTDATA_USAGE_CALLS_PER_MINUTE": 15,
        "SALESQL_CALLS_PER_MINUTE": 16,
        "SALESQL_CALLS_PER_DAY": 17,
        "SHEETS_READS_PER_MINUTE": 18,
    }
    policies = policies_of(Settings(**chosen, PHANTOMBUSTER_RUNNING_AGENTS=3))
    assert sorted(limit.amount for policy in policies.values() for limit in policy.limits) == sorted(chosen.values())
    assert policies["phantombuster"].concurrency == 3
    allowed = {"enriches": 15, "searches": 30, "usage_calls": 60, "calls": 180, "calls_a_day": 5_000, "reads": 60}
    shipped = {one.name: one.amount for policy in policies_of(Settings()).values() for one in policy.limits}
    assert all(shipped[name] <= most for name, most in allowed.items())
