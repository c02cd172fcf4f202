"""Shares: equal between organizations, then between users; by weight; idleness earns nothing."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.fairness import ShareOf, Shares, Waiting
from ratelimit.policy import Lane

ONE = {"requests": 1}
SHARE = ShareOf({"requests": 100})


def row(lane: Lane, count: int, since: float = 0.0) -> Waiting:
    return Waiting("agent", lane, count, (ONE,), since)


def served(rows: list[Waiting], calls: int) -> Counter[str]:
    shares = Shares()
    for waiting in rows:
        shares.join(waiting.lane, False, False)
    order = shares.fair_order(rows, SHARE)
    return Counter(next(order)[0].lane.user for _ in range(calls))


def test_users_share_equally_whatever_their_greed():
    got = served([row(Lane("acme", "greedy"), 5000), row(Lane("acme", "modest"), 50)], 100)
    assert got == {"greedy": 50, "modest": 50}


def test_organizations_come_before_users():
    lanes = [Lane("acme", "ann"), Lane("acme", "bob"), Lane("acme", "cy"), Lane("zeta", "zoe")]
    assert served([row(lane, 500) for lane in lanes], 300) == {"ann": 50, "bob": 50, "cy": 50, "zoe": 150}


def test_a_weight_of_two_receives_twice_as_much():
    got = served([row(Lane("acme", "ann", weight=2.0), 500), row(Lane("acme", "bob"), 500)], 300)
    assert got == {"ann": 200, "bob": 100}


def test_what_one_does_not_use_goes_to_the_others():
    got = served([row(Lane("acme", "ann"), 500), row(Lane("acme", "bob"), 3)], 100)
    assert got == {"ann": 97, "bob": 3}


@pytest.mark.parametrize("late", [Lane("acme", "late"), Lane("zeta", "late")], ids=["same organization", "another"])
def test_idleness_earns_no_credit(late):
    shares, busy = Shares(), Lane("acme", "busy")
    for lane in (busy, late):
        shares.join(lane, False, False)
        shares.charge(lane, 0.01)
    for _ in range(1000):
        shares.advance([row(busy, 10)])
        shares.charge(busy, 0.01)
    shares.join(late, late.organization == busy.organization, False)
    order = shares.fair_order([row(busy, 100), row(late, 100)], SHARE)
    got = Counter(next(order)[0].lane.user for _ in range(20))
    assert abs(got["late"] - got["busy"]) <= 2


def test_a_refund_leaves_no_debt():
    shares, lane = Shares(), Lane("acme", "ann")
    shares.join(lane, False, False)
    shares.charge(lane, 0.5)
    shares.refund(lane, 0.5)
    assert shares.organizations["acme"].received == 0.0
    assert shares.organizations["acme"].users["ann"] == 0.0


def test_whoever_left_is_forgotten_once_the_present_has_caught_up():
    shares, gone, busy = Shares(), Lane("acme", "gone"), Lane("zeta", "busy")
    for lane in (gone, busy):
        shares.join(lane, False, False)
        shares.charge(lane, 0.01)
    shares.charge(busy, 0.01)
    for _ in range(3):
        shares.join(busy, True, True)
        shares.advance([row(busy, 1)])
        shares.charge(busy, 0.01)
    shares.forget_idle([row(busy, 1)])
    assert list(shares.organizations) == ["zeta"]


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.sampled_from("uvw"), st.integers(1, 6)),
        min_size=1,
        max_size=8,
        unique_by=lambda lane: lane[:2],
    )
)
def test_the_order_serves_every_call_once(lanes):
    rows = [row(Lane(organization, user), count) for organization, user, count in lanes]
    shares = Shares()
    for waiting in rows:
        shares.join(waiting.lane, False, False)
    calls = [(waiting.lane, index) for waiting, index in shares.fair_order(rows, SHARE)]
    assert len(calls) == len(set(calls)) == sum(count for *_, count in lanes)
