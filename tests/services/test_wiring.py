"""What the wiring makes of the settings: a policy for each provider that calls can be granted under."""

import asyncio

import pytest

from ratelimit import Lane, Limiter, MemoryStore, Permit, no_past
from services.settings import PROVIDERS, Settings
from services.wiring import policies_of

COSTS = {
    "openai": {"requests": 1, "tokens": 4_000},
    "crustdata": {"enriches": 1},
    "salesql": {"calls": 1, "calls_a_day": 1},
    "phantombuster": {},
    "sheets": {"reads": 1},
}


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
