"""What light a part shows, and what is read off the counts of calls."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.status import (
    LATENCY_BOUNDS_MS,
    CallGroup,
    Light,
    ProviderStatus,
    RecentCalls,
    quantile,
    summed_calls,
)
from services.domain.turns import Outage

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
OUTAGE = Outage("openai", "It fails.", NOW, NOW)
WELL = ProviderStatus("openai", "live", recent=RecentCalls(calls=100, failed=5))


@pytest.mark.parametrize(
    ("status", "light"),
    [
        (WELL, Light.WORKS),
        (replace(WELL, outage=OUTAGE), Light.FAILS),
        (replace(WELL, paused_seconds=4.0), Light.SLOWED),
        (replace(WELL, paused_seconds=0.2), Light.WORKS),
        (replace(WELL, is_known=False), Light.LOOK),
        (replace(WELL, recent=RecentCalls(calls=100, failed=15, unknown=5)), Light.LOOK),
        (replace(WELL, recent=RecentCalls(calls=3, failed=3)), Light.WORKS),
        (replace(WELL, mode="not connected", outage=OUTAGE), Light.OFF),
    ],
)
def test_a_provider_shows_the_light_of_its_worst_news(status: ProviderStatus, light: Light) -> None:
    assert status.light is light


@given(
    times=st.lists(st.integers(1, 90_000), min_size=1, max_size=60),
    share=st.floats(0.05, 1.0),
)
def test_an_estimated_time_lies_in_the_bucket_of_the_true_one(times: list[int], share: float) -> None:
    by_bucket = [0] * (len(LATENCY_BOUNDS_MS) + 1)
    for time in times:
        by_bucket[bucket_of(time)] += 1
    estimate = quantile(by_bucket, LATENCY_BOUNDS_MS, share)
    true = next(time for place, time in enumerate(sorted(times), 1) if place >= share * len(times))
    assert estimate is not None
    edges = (0, *LATENCY_BOUNDS_MS)
    lower = edges[bucket_of(true)]
    upper = LATENCY_BOUNDS_MS[min(bucket_of(true), len(LATENCY_BOUNDS_MS) - 1)]
    assert lower <= estimate <= max(upper, lower)


def bucket_of(time: int) -> int:
    return sum(bound < time for bound in LATENCY_BOUNDS_MS)


def test_of_no_calls_no_time_is_told() -> None:
    assert quantile([0, 0], [100], 0.5) is None
    assert RecentCalls().median_ms is None and RecentCalls().failed_share == 0.0


@given(
    groups=st.lists(
        st.builds(
            CallGroup,
            provider=st.sampled_from(["openai", "salesql"]),
            status=st.sampled_from(["charged", "free", "failed", "unknown"]),
            error_code=st.sampled_from(["", "http_500"]),
            bucket=st.integers(0, len(LATENCY_BOUNDS_MS)),
            calls=st.integers(1, 50),
            total_ms=st.integers(0, 1000),
            tokens_in=st.integers(0, 1000),
            tokens_cached=st.just(0),
        ),
        max_size=12,
    )
)
def test_every_call_is_counted_once_and_every_failure_has_a_code(groups: list[CallGroup]) -> None:
    summed = summed_calls(groups)
    assert sum(one.calls for one in summed.values()) == sum(group.calls for group in groups)
    for one in summed.values():
        assert sum(one.by_bucket) == one.calls
        assert sum(one.failures.values()) == one.failed + one.unknown <= one.calls
        assert "" not in one.failures
