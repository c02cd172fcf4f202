"""One process's side: what it tells the store, and when."""

from ratelimit.account import exchange, open_account
from ratelimit.desk import NEWS_KEPT_SECONDS, Desk, Waiter, unused
from ratelimit.messages import Adjustment, Lesson, Pause
from ratelimit.policy import Lane, Limit, Policy

POLICY = Policy("key", (Limit("requests", 10, 60),), burst_seconds=0.0)
ONE = {"requests": 1}
ANN, BOB = Lane("acme", "ann"), Lane("acme", "bob")


def desk_and_account(policy=POLICY):
    return Desk(policy, "process", has_no_past=True), open_account("epoch", policy, 100.0, has_no_past=True)


def speak(desk, account, now):
    return desk.receive(exchange(account, desk.policy, desk.compose(now), now), now, now)


def test_a_new_lane_is_asked_for_at_once_and_more_of_it_waits_for_its_turn():
    desk, account = desk_and_account()
    desk.enter(Waiter(ANN, ONE), 100.0)
    assert desk.next_exchange_at() == 100.0
    assert len(speak(desk, account, 100.0)) == 1
    desk.enter(Waiter(ANN, ONE), 100.1)
    speak(desk, account, 100.1)
    appointment = desk.next_exchange_at()
    assert appointment > 105.0
    desk.enter(Waiter(ANN, ONE), 100.2)
    assert desk.next_exchange_at() == appointment
    desk.enter(Waiter(BOB, ONE), 100.3)
    assert desk.next_exchange_at() == 100.3


def test_with_nothing_to_say_there_is_no_appointment():
    desk, account = desk_and_account()
    assert desk.next_exchange_at() is None
    desk.enter(Waiter(ANN, ONE), 100.0)
    speak(desk, account, 100.0)
    assert desk.next_exchange_at() is None


def test_the_last_to_leave_a_lane_tells_the_store_soon():
    desk, account = desk_and_account()
    waiters = [Waiter(ANN, ONE) for _ in range(3)]
    for waiter in waiters:
        desk.enter(waiter, 100.0)
    speak(desk, account, 100.0)
    desk.leave(waiters[1], 101.0)
    desk.leave(waiters[2], 101.0)
    assert desk.next_exchange_at() == 101.0 + NEWS_KEPT_SECONDS
    speak(desk, account, 101.1)
    assert account.queues == {}


def test_a_grant_nobody_waits_for_any_more_goes_back():
    desk, account = desk_and_account()
    waiter = Waiter(ANN, ONE)
    desk.enter(waiter, 100.0)
    message = desk.compose(100.0)
    desk.leave(waiter, 100.0)
    assert desk.receive(exchange(account, POLICY, message, 100.0), 100.0, 100.0) == []
    speak(desk, account, 100.1)
    assert account.meters["requests"].used(100.1) == 0
    assert desk.open_calls == 0


def test_a_permit_is_as_old_as_the_question_not_as_the_answer():
    desk, account = desk_and_account()
    desk.enter(Waiter(ANN, ONE), 100.0)
    reply = exchange(account, POLICY, desk.compose(100.0), 105.0)
    (admission,) = desk.receive(reply, asked_at=100.0, now=101.0)
    assert admission.valid_until == 100.0 + POLICY.validity_seconds
    assert admission.granted_at == 105.0


def test_what_was_never_answered_is_said_again_and_counts_once():
    desk, account = desk_and_account()
    desk.enter(Waiter(ANN, ONE), 100.0)
    (admission,) = speak(desk, account, 100.0)
    desk.adjust(unused(admission.grant, admission.epoch), 100.0)
    desk.pause(Pause(None, "Refused."), 100.0)
    exchange(account, POLICY, desk.compose(100.0), 100.0)
    assert desk.next_exchange_at() is not None
    speak(desk, account, 100.1)
    assert account.waves == 1
    assert account.meters["requests"].used(100.1) == 0
    assert desk.next_exchange_at() is None


def test_what_was_heard_but_answered_too_late_is_not_given_back_twice():
    """After a lease the store has forgotten which messages it heard of a process: what is said again only takes."""
    policy = Policy("key", (Limit("requests", 100, 60),), burst_seconds=600.0)
    desk, account = desk_and_account(policy)
    mine = [Waiter(ANN, {"requests": 10}) for _ in range(2)]
    for waiter in mine:
        desk.enter(waiter, 100.0)
    wrong, right = speak(desk, account, 100.0)
    desk.adjust(unused(wrong.grant, "epoch"), 100.0)
    desk.adjust(Adjustment("epoch", right.grant.slots, {"requests": 5}), 100.0)
    exchange(account, policy, desk.compose(100.0), 100.0)
    assert account.meters["requests"].used(100.0) == 15
    others = Desk(policy, "another process", has_no_past=True)
    others.enter(Waiter(BOB, {"requests": 50}), 100.0)
    speak(others, account, 100.0)
    late = 100.0 + policy.lease_seconds
    speak(desk, account, late)
    assert 65 <= account.meters["requests"].used(late) <= 70


def test_open_calls_are_told_again_within_their_lease():
    policy = Policy("key", (), concurrency=2, lease_seconds=6.0)
    desk, account = desk_and_account(policy)
    desk.enter(Waiter(ANN, {}), 100.0)
    speak(desk, account, 100.0)
    assert desk.next_exchange_at() == 102.0
    desk.close_call(101.0)
    speak(desk, account, 101.0 + NEWS_KEPT_SECONDS)
    assert account.open_calls == 0
    assert desk.next_exchange_at() is None


def test_what_was_taken_along_goes_back_when_the_provider_says_less_is_left():
    policy = Policy("key", (Limit("requests", 1000, 60),), burst_seconds=10.0)
    desk, account = desk_and_account(policy)
    for at in (100.0, 100.01):
        desk.enter(Waiter(ANN, ONE), at)
        speak(desk, account, at)
    assert sum(map(len, desk.shelf.values())) == 1
    desk.learn(Lesson("requests", remaining=5), 100.02)
    assert desk.shelf, "more than was taken along is left"
    desk.learn(Lesson("requests", remaining=0), 100.02)
    assert not desk.shelf
    speak(desk, account, 100.03)
    assert account.meters["requests"].taken == 2
