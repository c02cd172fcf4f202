"""Ordered trouble happens as ordered, the same way each time."""

import random

import pytest

from services.simulators.faults import PASS, FaultBook, parse_distribution

KINDS = {"openai": frozenset({"refusal"}), "crustdata": frozenset({"no_match"})}


def book(*faults, seed=1):
    made = FaultBook(KINDS, seed)
    made.order(list(faults), [])
    return made


def kinds(made, count, provider="openai", route="chat", body=b""):
    return [made.choose(provider, route, body).kind for _ in range(count)]


def test_a_script_is_consumed_in_order_and_then_all_is_well():
    made = book({"provider": "openai", "script": ["hang", "pass", {"kind": "status", "status": 503}]})
    assert kinds(made, 5) == ["hang", "pass", "status", "pass", "pass"]


def test_a_fault_concerns_its_provider_its_route_and_its_bodies_only():
    made = book({"provider": "openai", "route": "chat*", "contains": "poison", "outcome": "reset"})
    assert made.choose("crustdata", "chat", b"poison") is PASS
    assert made.choose("openai", "models", b"poison") is PASS
    assert made.choose("openai", "chat/completions", b"fine") is PASS
    assert made.choose("openai", "chat/completions", b"a poison pill").kind == "reset"


def test_times_limits_how_often_a_fault_happens():
    assert kinds(book({"provider": "openai", "times": 2, "outcome": "hang"}), 4) == ["hang", "hang", "pass", "pass"]


def test_probability_is_kept_and_the_same_seed_gives_the_same_trouble():
    order = {"provider": "openai", "probability": 0.3, "outcome": "refusal"}
    first, second, other = (kinds(book(order, seed=seed), 1000) for seed in (1, 1, 2))
    assert first == second != other
    assert 250 < first.count("refusal") < 350


def test_retry_hints_become_headers():
    made = book({"provider": "openai", "outcome": {"kind": "refusal", "retry_after": 7, "retry_after_ms": 6500}})
    assert made.choose("openai", "chat", b"").headers == {"retry-after": "7", "retry-after-ms": "6500"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": "nobody", "outcome": "hang"},
        {"provider": "openai", "outcome": "no_match"},
        {"provider": "openai"},
        {"provider": "openai", "outcome": "hang", "script": []},
        {"provider": "openai", "outcome": "hang", "probability": 2},
        {"provider": "openai", "outcome": {"kind": "hang", "second": 3}},
        {"provider": "openai", "outcome": "status"},
        {"provider": "openai", "outcome": "hang", "chance": 1},
    ],
)
def test_a_wrong_order_is_refused_as_a_whole(wrong):
    made = FaultBook(KINDS, 1)
    with pytest.raises(ValueError, match=r"\w"):
        made.order([{"provider": "openai", "outcome": "hang"}, wrong], [])
    assert made.choose("openai", "chat", b"") is PASS


def test_latencies_follow_their_distribution_and_the_last_order_counts():
    made = FaultBook(KINDS, 1)
    made.order([], [{"provider": "openai", "distribution": {"kind": "uniform", "low": 0.5, "high": 3}}])
    draws = [made.latency("openai", "chat") for _ in range(500)]
    assert 0.5 <= min(draws) < 0.6 and 2.9 < max(draws) <= 3
    assert made.latency("crustdata", "person/enrich") == 0
    made.order([], [{"provider": "openai", "route": "chat", "distribution": 0.25}])
    assert made.latency("openai", "chat") == 0.25


def test_lognormal_has_its_median_and_a_tail_is_much_longer():
    dice = random.Random(1)
    draws = sorted(parse_distribution({"kind": "lognormal", "median": 1.0}).draw(dice) for _ in range(2001))
    assert 0.9 < draws[1000] < 1.1
    tailed = parse_distribution({"kind": "fixed", "low": 1, "tail_probability": 0.1})
    slow = [draw for draw in (tailed.draw(dice) for _ in range(1000)) if draw > 1]
    assert 60 < len(slow) < 140 and min(slow) >= 20


@pytest.mark.parametrize(
    "wrong", ["slow", {"kind": "normal"}, {"kind": "uniform", "low": 1}, {"low": -1}, {"low": 1, "x": 2}]
)
def test_a_wrong_distribution_is_refused(wrong):
    with pytest.raises(ValueError, match=r"\w"):
        parse_distribution(wrong)
