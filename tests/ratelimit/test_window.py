"""One limit's arithmetic: never over the ceiling, nothing freed early, nothing kept for ever."""

from hypothesis import given
from hypothesis import strategies as st

from ratelimit.window import SLOTS_PER_WINDOW, Meter
from tests.ratelimit.windows import fullest_window

BURST = 0.25
steps = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 4)), max_size=60)


def meter(span: float = 10.0, amount: int = 12, is_paced: bool = True) -> Meter:
    return Meter(span=span, amount=amount, is_paced=is_paced)


@given(steps, st.booleans())
def test_no_window_ever_holds_more_than_the_limit(asks, is_paced):
    subject, now, starts = meter(is_paced=is_paced), 1000.0, []
    for seconds, cost in asks:
        now += seconds
        subject.forget(now)
        if subject.ready_at(cost, 0, now, BURST) <= now:
            subject.take(cost, now)
            starts.append((now, cost))
    assert fullest_window(starts, 10.0) <= 12


@given(steps)
def test_a_call_that_waits_as_told_is_admitted_and_not_much_before(asks):
    subject, now = meter(), 1000.0
    for _, cost in asks:
        ready = subject.ready_at(cost, 0, now, BURST)
        subject.forget(ready)
        assert subject.ready_at(cost, 0, ready, BURST) <= ready
        assert ready - now <= 10.0 + 10.0 / SLOTS_PER_WINDOW + 4 * 10.0 / 12
        now = ready
        subject.take(cost, now)


def test_an_even_flow_wastes_nothing_and_comes_without_a_burst():
    subject, now, starts = meter(span=60.45, amount=150), 1000.0, []
    while now < 1240.0:
        now = subject.ready_at(1, 0, now, BURST)
        subject.forget(now)
        subject.take(1, now)
        starts.append((now, 1))
    assert fullest_window(starts, 1.0) <= 4
    assert fullest_window(starts, 60.45) <= 150
    assert len(starts) >= 0.99 * 150 * 240 / 60.45


def test_waking_late_within_the_allowance_loses_nothing():
    subject, now, late = meter(span=10.0, amount=100), 1000.0, 0
    while now < 1050.0:
        now = subject.ready_at(1, 0, now, BURST) + (0.08 if late % 2 else 0.0)
        subject.forget(now)
        subject.take(1, now)
        late += 1
    assert late >= 495


@given(steps)
def test_what_is_returned_is_free_again(asks):
    subject, now = meter(is_paced=False), 1000.0
    for seconds, cost in asks:
        now += seconds
        subject.forget(now)
        if subject.ready_at(cost, 0, now, BURST) <= now:
            before = subject.used(now)
            slot = subject.take(cost, now)
            assert subject.adjust(slot, -cost, now) == -cost
            assert subject.used(now) == before


@given(st.lists(st.tuples(st.integers(-50, 50), st.floats(0, 4)), max_size=30))
def test_a_settled_figure_is_never_negative_and_leaves_with_its_window(changes):
    subject, now = meter(is_paced=False), 1000.0
    slot = subject.take(5, now)
    for delta, seconds in changes:
        now += seconds
        subject.forget(now)
        subject.adjust(slot, delta, now)
        assert subject.used(now) >= 0
    subject.forget(1000.0 + 10.0 + 2 * subject.width)
    assert subject.used(now + 20) == 0


def test_a_late_correction_of_what_has_left_changes_nothing():
    subject = meter()
    slot = subject.take(5, 1000.0)
    subject.forget(1011.0)
    assert subject.adjust(slot, 100, 1011.0) == 0
    assert subject.used(1011.0) == 0


def test_the_provider_is_believed_where_it_says_less_and_only_for_a_while():
    subject = meter(is_paced=False)
    subject.take(2, 1000.0)
    subject.learn(remaining=3, allowed=12, reset_seconds=4.0, now=1000.0)
    assert subject.used(1000.0) == 9
    assert subject.ready_at(4, 0, 1000.0, BURST) == 1004.0
    subject.forget(1005.0)
    assert subject.used(1005.0) == 2


def test_the_provider_is_not_believed_where_it_says_more():
    subject = meter(is_paced=False)
    subject.take(12, 1000.0)
    subject.learn(remaining=12, allowed=500, reset_seconds=0.0, now=1000.0)
    assert subject.ready_at(1, 0, 1000.0, BURST) > 1009.0


def test_a_lower_limit_in_a_header_lowers_ours():
    subject = meter(is_paced=False)
    subject.learn(remaining=None, allowed=5, reset_seconds=None, now=1000.0)
    subject.take(5, 1000.0)
    assert subject.ready_at(1, 0, 1000.0, BURST) > 1009.0


def test_a_rebuilt_past_counts_until_it_leaves():
    subject = Meter(span=10.0, amount=12, is_paced=False, shut_until=1010.0)
    assert subject.ready_at(1, 0, 1000.0, BURST) == 1010.0
    subject.rebuild([(991.0, 7), (995.0, 5), (900.0, 99)], 1000.0)
    assert subject.used(1000.0) == 12
    assert 1001.0 <= subject.ready_at(1, 0, 1000.0, BURST) <= 1001.0 + subject.width


@given(steps, st.floats(2, 40))
def test_changing_the_window_forgets_nothing_that_should_count(asks, span):
    subject, now, starts = meter(is_paced=False), 1000.0, []
    for seconds, cost in asks:
        now += seconds
        subject.forget(now)
        if subject.ready_at(cost, 0, now, BURST) <= now:
            subject.take(cost, now)
            starts.append((now, cost))
    subject.resize(span, now)
    subject.forget(now)
    in_both = sum(cost for at, cost in starts if now - at < min(span, 10.0))
    assert subject.used(now) >= in_both
    if span > 10.0:
        assert subject.ready_at(1, 0, now, BURST) >= now + span
