"""How many calls are under way at once: the rate's use, a fair part of it, and what others leave."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runs.flight import LEAST, SHARED, Flight


@pytest.mark.parametrize(("live_runs", "limit"), [(1, 50), (2, 25), (10, 5), (40, LEAST)])
def test_until_the_latency_is_known_fifty_calls_are_shared(live_runs: int, limit: int) -> None:
    assert Flight(400, live_runs).limit(83.0, waits_for_turns=True) == limit <= SHARED


def test_a_run_whose_calls_wait_keeps_to_its_share_and_one_whose_do_not_uses_what_others_leave() -> None:
    flight = Flight(400, 1)
    flight.landed(2.0)
    alone = flight.limit(80.0, waits_for_turns=True)
    flight.live_runs = 4
    assert 80 * 2 / 4 <= flight.limit(80.0, waits_for_turns=True) < 80 * 2 / 2
    assert flight.limit(80.0, waits_for_turns=False) == alone >= 160


@given(st.integers(0, 300), st.floats(0.001, 600), st.one_of(st.none(), st.floats(0.01, 10_000)), st.booleans())
def test_it_never_falls_below_the_least_nor_passes_the_setting(
    live_runs: int, latency: float, rate: float | None, waits: bool
) -> None:
    flight = Flight(400, live_runs)
    flight.landed(latency)
    assert LEAST <= flight.limit(rate, waits_for_turns=waits) <= 400


@given(st.integers(1, 8), st.floats(0.1, 5), st.floats(1, 100))
def test_all_shares_together_use_the_whole_rate(live_runs: int, latency: float, rate: float) -> None:
    flight = Flight(10_000, live_runs)
    flight.landed(latency)
    assert live_runs * flight.limit(rate, waits_for_turns=True) >= rate * latency
