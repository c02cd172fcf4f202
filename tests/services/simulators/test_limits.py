"""The simulators' windows are exact: never more than allowed, never less, and the judge misses nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulators.limits import LimitRule, Limits, SlidingWindow, Weight

gaps = st.lists(st.tuples(st.floats(0, 20, allow_nan=False), st.integers(1, 5)), min_size=1, max_size=60)


def worst_window(events: list[tuple[float, int]], seconds: float) -> int:
    """By hand: the fullest span that ends at an event."""
    return max(sum(w for t, w in events if end - seconds < t <= end) for end, _ in events)


@given(gaps, st.integers(5, 20))
def test_no_window_of_admitted_calls_exceeds_the_limit_and_each_refusal_had_no_room(steps, allowed):
    limits = Limits({"p.x": LimitRule(allowed, 10)})
    now, admitted = 0.0, []
    for gap, amount in steps:
        now += gap
        refusal = limits.admit([Weight("p.x", "k", amount)], now)
        used = sum(w for t, w in admitted if now - 10 < t)
        if refusal is None:
            admitted.append((now, amount))
        else:
            assert used + amount > allowed
            assert refusal.used == used
    if admitted:
        assert worst_window(admitted, 10) <= allowed


@given(gaps, st.integers(1, 8))
def test_the_worst_window_of_arrivals_is_the_one_counted_by_hand(steps, allowed):
    limits = Limits({"p.x": LimitRule(allowed, 10)})
    now, arrivals = 0.0, []
    for gap, amount in steps:
        now += gap
        arrivals.append((now, amount))
        limits.arrive([Weight("p.x", "k", amount)], now)
    (window,) = limits.excess("p")
    assert window["worst"] == worst_window(arrivals, 10)
    assert window["exceeded"] == (window["worst"] > allowed)


@given(gaps, st.integers(5, 20), st.integers(1, 5))
def test_after_the_promised_wait_there_is_room_and_a_moment_earlier_there_is_not(steps, allowed, amount):
    window, now = SlidingWindow(10), 0.0
    for gap, weight in steps:
        now += gap
        window.add(now, weight)
    before = _copy(window)
    wait = window.room_in(now, allowed, amount)
    assert window.total(now + wait + 1e-6) + amount <= allowed
    if wait > 0.01:
        assert before.total(now + wait - 0.005) + amount > allowed


def _copy(window):
    fresh = SlidingWindow(window.seconds)
    for at, weight in window._events:
        fresh.add(at, weight)
    return fresh


def test_a_call_that_one_limit_refuses_takes_no_room_from_the_others():
    limits = Limits({"p.calls": LimitRule(10), "p.tokens": LimitRule(5)})
    refusal = limits.admit([Weight("p.calls", "k", 1), Weight("p.tokens", "k", 6)], 0.0)
    assert refusal is not None and refusal.limit == "p.tokens" and refusal.never
    assert limits.used("p.calls", "k", 0.0) == 0


def test_an_arrival_exactly_one_window_later_counts_alone():
    limits = Limits({"p.x": LimitRule(1)})
    for now in (0.0, 60.0):
        limits.arrive([Weight("p.x", "k", 1)], now)
        assert limits.admit([Weight("p.x", "k", 1)], now) is None
    assert not limits.excess()[0]["exceeded"]


@pytest.mark.parametrize("value", [True, -1, "5", {"seconds": 0}, {"values": 3}])
def test_a_value_that_is_no_limit_is_refused(value):
    limits = Limits({"p.x": LimitRule(5)})
    with pytest.raises(ValueError, match=r"p\.x"):
        limits.change({"p.x": value})
    assert limits.rule("p.x") == LimitRule(5)


def test_an_unknown_limit_changes_nothing():
    limits = Limits({"p.x": LimitRule(5)})
    with pytest.raises(ValueError, match="unknown limit"):
        limits.change({"p.x": 9, "p.y": 1})
    assert limits.rule("p.x").value == 5


def test_a_reset_returns_to_the_limits_stated_at_the_start():
    limits = Limits({"p.x": LimitRule(5)})
    limits.change({"p.x": 7}, default=True)
    limits.change({"p.x": {"value": 2, "seconds": 3}})
    limits.reset()
    assert limits.rule("p.x") == LimitRule(7, 60)
