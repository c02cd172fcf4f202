"""The breaker in virtual time: any sequence of outcomes, probes, crashes and clock steps."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from ratelimit import Lane, Limit, Policy
from ratelimit.account import exchange, open_account, picture
from ratelimit.breaker import (
    JITTER,
    LEAST_ALL_FAILED,
    LONGEST_OPEN_SECONDS,
    REFUSED_OPEN_SECONDS,
    TROUBLE_FORGOTTEN_AFTER_SECONDS,
    UNTRIED_FORGOTTEN_AFTER_SECONDS,
    WINDOW_SECONDS,
    Breaker,
    Second,
)
from ratelimit.desk import Desk, Waiter
from ratelimit.messages import Message, Outcome
from ratelimit.stores.records import pack, unpack

POLICY = Policy("key", (Limit("requests", 100_000, 60.0),))
ANN = Lane("acme", "ann")
ONE = {"requests": 1}
LEASE = POLICY.lease_seconds


def told(breaker: Breaker, now: float, worked: int = 0, failed: int = 0, jitter: float = 0.0) -> None:
    breaker.hear(breaker.round, worked, failed, "It fails.", jitter, now)


def opened(now: float = 100.0) -> Breaker:
    breaker = Breaker()
    told(breaker, now, failed=LEAST_ALL_FAILED)
    assert breaker.is_open
    return breaker


def probe(breaker: Breaker, now: float, agent: str = "one") -> int:
    assert breaker.ready_at(now) <= now
    assert breaker.start(agent, now, LEASE)
    return breaker.round


def test_few_failures_among_many_calls_change_nothing() -> None:
    breaker = Breaker()
    for second in range(60):
        breaker.forget(second)
        told(breaker, second, worked=20, failed=9)
    assert not breaker.is_open


def test_half_of_many_calls_opens_it() -> None:
    breaker = Breaker()
    told(breaker, 1.0, worked=10, failed=9)
    assert not breaker.is_open
    told(breaker, 1.0, failed=1)
    assert breaker.is_open


def test_failures_spread_over_more_than_the_window_do_not_open_it() -> None:
    breaker = Breaker()
    for number in range(50):
        now = number * (WINDOW_SECONDS + 2) / (LEAST_ALL_FAILED - 1)
        breaker.forget(now)
        told(breaker, now, failed=1)
    assert not breaker.is_open


def test_it_says_since_when_it_fails_not_since_when_it_is_open() -> None:
    breaker = Breaker()
    for second in range(LEAST_ALL_FAILED):
        told(breaker, 100.5 + second, failed=1)
    assert breaker.is_open and breaker.failing_since == 100.0


def test_one_success_closes_and_a_failure_doubles_the_time() -> None:
    breaker, lengths, now = opened(), [], 100.0
    for _ in range(8):
        lengths.append(breaker.open_until - now)
        now = breaker.open_until
        probe(breaker, now)
        told(breaker, now, failed=1)
    assert lengths == [2, 4, 8, 16, 32, 64, 120, 120]
    now = breaker.open_until
    probe(breaker, now)
    told(breaker, now, worked=1)
    assert breaker.ready_at(now) == now and not breaker.is_open


def test_a_provider_that_flaps_is_left_alone_for_longer_each_time_until_it_has_worked_for_a_while() -> None:
    breaker = opened()
    probe(breaker, 102.0)
    told(breaker, 102.0, worked=1)
    told(breaker, 110.0, failed=LEAST_ALL_FAILED)
    assert breaker.open_until == 114.0
    probe(breaker, 114.0)
    told(breaker, 114.0, worked=1)
    later = 115.0 + TROUBLE_FORGOTTEN_AFTER_SECONDS
    breaker.forget(later)
    told(breaker, later, failed=LEAST_ALL_FAILED)
    assert breaker.open_until == later + 2.0


def test_what_ends_after_its_round_says_nothing() -> None:
    breaker = Breaker()
    first_round = breaker.round
    told(breaker, 100.0, failed=LEAST_ALL_FAILED)
    until = breaker.open_until
    breaker.hear(first_round, 50, 50, "Late.", 0.0, 101.0)
    breaker.refuse(first_round, "Late.", 101.0)
    assert (breaker.is_open, breaker.open_until, breaker.reason) == (True, until, "It fails.")
    probe(breaker, until)
    told(breaker, until, worked=1)
    breaker.hear(first_round, 0, 500, "Late.", 0.0, until + 1)
    assert not breaker.is_open


def test_a_probe_whose_process_is_silent_is_given_up_after_its_lease_and_one_that_beats_is_not() -> None:
    breaker = opened()
    began = breaker.open_until
    first = probe(breaker, began)
    for beat in range(1, 20):
        breaker.hear_of_probe("one", first, began + beat * LEASE / 3, LEASE)
        assert breaker.ready_at(began + beat * LEASE / 3) > began + beat * LEASE / 3
    silent_since = began + 19 * LEASE / 3
    assert breaker.ready_at(silent_since + LEASE - 0.1) > silent_since + LEASE - 0.1
    second = probe(breaker, silent_since + LEASE, "two")
    breaker.hear_of_probe("one", first, silent_since + LEASE, LEASE)
    assert breaker.is_probed(silent_since + LEASE), "the dead one's beat gives nobody else's probe up"
    breaker.hear(first, 0, 1, "Late.", 0.0, silent_since + LEASE)
    assert breaker.round == second


def test_a_probe_that_came_to_nothing_is_the_next_ones_at_once() -> None:
    breaker = opened()
    probe(breaker, breaker.open_until)
    breaker.hear_of_probe("one", None, breaker.open_until, LEASE)
    assert breaker.ready_at(breaker.open_until) == breaker.open_until


def test_a_refused_key_shuts_at_once_and_is_looked_at_again_at_even_times() -> None:
    breaker, now = Breaker(), 50.0
    for _ in range(3):
        breaker.refuse(breaker.round, "The key was refused.", now)
        assert breaker.open_until == now + REFUSED_OPEN_SECONDS and breaker.failing_since == 50.0
        now = breaker.open_until
        probe(breaker, now)


def test_who_says_that_a_refused_key_was_mended_lets_one_call_look_at_once() -> None:
    breaker = Breaker()
    breaker.refuse(breaker.round, "The key was refused.", 50.0)
    breaker.look_again(60.0)
    assert breaker.ready_at(60.0) == 60.0
    probe(breaker, 60.0)
    breaker.look_again(61.0)
    assert breaker.ready_at(61.0) > 61.0, "one call is enough"
    breaker.refuse(breaker.round, "Still refused.", 62.0)
    assert breaker.open_until == 62.0 + REFUSED_OPEN_SECONDS


def test_nobody_can_say_that_a_provider_which_fails_was_mended() -> None:
    breaker = opened()
    until = breaker.open_until
    breaker.look_again(until - 1)
    assert breaker.open_until == until
    breaker.refuse(breaker.round, "The key was refused.", until)
    told(breaker, breaker.open_until, failed=1)
    until = breaker.open_until
    breaker.look_again(until - 1)
    assert breaker.open_until == until, "it fails now, whatever was refused before"


def test_what_nobody_tried_for_long_is_no_news_any_more() -> None:
    breaker = opened()
    breaker.forget(breaker.open_until + UNTRIED_FORGOTTEN_AFTER_SECONDS - 1)
    assert breaker.is_open
    breaker.forget(breaker.open_until + UNTRIED_FORGOTTEN_AFTER_SECONDS + 1)
    assert not breaker.is_open


STEPS = st.one_of(
    st.tuples(st.just("wait"), st.floats(0.01, 200.0)),
    st.tuples(st.just("step back"), st.floats(0.01, 500.0)),
    st.tuples(st.just("ask"), st.integers(0, 3)),
    st.tuples(st.just("end"), st.integers(0, 30), st.sampled_from(["works", "fails", "refused", "untold"])),
    st.tuples(st.just("crash"), st.integers(0, 3)),
    st.tuples(
        st.just("mend"),
    ),
    st.tuples(st.just("beat"), st.integers(0, 3)),
    st.tuples(st.just("lose an answer"), st.integers(0, 3)),
    st.tuples(
        st.just("keep and read"),
    ),
)


class World:
    """Four processes at one account, in a time that can step back; every promise is checked at each exchange."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.account = open_account("epoch", POLICY, self.now, has_no_past=True)
        self.born = 0
        self.desks = [self.desk() for _ in range(4)]
        self.calls: list[tuple[int, str, object]] = []
        self.probes_out: dict[str, float] = {}

    def desk(self) -> Desk:
        self.born += 1
        return Desk(POLICY, f"process {self.born}", has_no_past=True)

    def ask(self, index: int, *, answer_arrives: bool = True) -> None:
        desk = self.desks[index]
        waiter = Waiter(ANN, ONE)
        admission = desk.enter(waiter, self.now)
        if admission is None:
            self.speak(index, answer_arrives=answer_arrives)
        if waiter in desk.queues.get(ANN, ()):
            desk.leave(waiter, self.now)

    def speak(self, index: int, *, answer_arrives: bool = True) -> None:
        desk, breaker = self.desks[index], self.account.breaker
        message = desk.compose(self.now)
        was_open = breaker.is_open
        reply = exchange(self.account, POLICY, message, self.now)
        clock = self.account.clock
        if breaker.is_open:
            granted = list(reply.grants)
            assert len(granted) <= 1 and all(grant.is_probe for grant in granted)
            assert not granted or clock >= breaker.open_until
            assert breaker.open_until - clock <= max(LONGEST_OPEN_SECONDS, REFUSED_OPEN_SECONDS)
            assert reply.trouble is not None and reply.trouble.since_seconds >= 0
            if granted:
                # Nobody else's probe lives.
                assert all(until <= clock for agent, until in self.probes_out.items() if agent != message.agent)
                self.probes_out = {message.agent: clock + LEASE}
            elif message.probed_round == breaker.round:
                self.probes_out = {message.agent: clock + LEASE}
        else:
            assert not any(grant.is_probe for grant in reply.grants) and reply.trouble is None
        if not breaker.is_probed(clock):
            self.probes_out = {}
        assert breaker.is_open or not was_open or not self.probes_out
        assert sum(second.failed + second.worked for second in breaker.seconds) == 0 or not breaker.is_open
        if answer_arrives:
            for admission in desk.receive(reply, self.now, self.now):
                self.calls.append((index, desk.agent, admission.grant))

    def end(self, number: int, how: str) -> None:
        if not self.calls:
            return
        index, agent, grant = self.calls.pop(number % len(self.calls))
        desk = self.desks[index]
        if desk.agent != agent:
            return
        match how:
            case "works":
                desk.tell(Outcome("epoch", grant.round, worked=1), self.now)  # type: ignore[attr-defined]
            case "fails":
                desk.tell(Outcome("epoch", grant.round, failed=1, reason="It fails."), self.now)  # type: ignore[attr-defined]
            case "refused":
                desk.tell(Outcome("epoch", grant.round, reason="No.", is_refusal=True), self.now)  # type: ignore[attr-defined]
        desk.close_call(self.now)
        desk.end_probe(grant, self.now)  # type: ignore[arg-type]
        at = desk.next_exchange_at()
        if at is not None and at <= self.now:
            self.speak(index)

    def mend(self) -> None:
        """A person says that the key was mended, from a process that asks for nothing."""
        self.born += 1
        exchange(self.account, POLICY, Message(f"person {self.born}", 1, key_is_mended=True), self.now)

    def crash(self, index: int) -> None:
        self.desks[index] = self.desk()


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=120))
def test_while_it_is_open_only_one_probe_is_out_whatever_happens_and_it_always_comes_back(
    steps: list[tuple[object, ...]],
) -> None:
    world = World()
    for step in steps:
        match step:
            case ("wait", float(seconds)):
                world.now += seconds
            case ("step back", float(seconds)):
                world.now -= seconds
            case ("ask", int(index)):
                world.ask(index)
            case ("end", int(number), str(how)):
                world.end(number, how)
            case ("crash", int(index)):
                world.crash(index)
            case ("beat", int(index)):
                world.speak(index)
            case ("mend",):
                world.mend()
            case ("lose an answer", int(index)):
                world.ask(index, answer_arrives=False)
            case _:
                kept = unpack(*pack(world.account))
                assert kept.breaker == world.account.breaker
                world.account = kept
    # Whatever was, a provider that works again is used again: the time passes, one probe is sent, and it answers.
    for index in range(4):
        world.crash(index)
    world.now = max(world.now, world.account.clock) + LONGEST_OPEN_SECONDS + LEASE + 1
    world.calls = []
    world.ask(0)
    assert world.calls
    world.end(0, "works")
    assert not world.account.breaker.is_open
    assert picture(world.account, POLICY, world.now).trouble is None


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 40))
def test_each_opening_lies_between_the_bounds(jitter: float, failures: int) -> None:
    breaker, now = opened(), 100.0
    for _ in range(failures):
        now = breaker.open_until
        probe(breaker, now)
        told(breaker, now, failed=1, jitter=jitter)
        doubled = min(LONGEST_OPEN_SECONDS, 2.0 * 2 ** (breaker.openings - 1))
        assert doubled * (1 - JITTER) <= breaker.open_until - now + 1e-9
        assert breaker.open_until - now <= doubled + 1e-9
        assert math.isfinite(breaker.means_nothing_after)


def test_a_record_of_an_earlier_version_is_read_and_its_breaker_closed() -> None:
    account = open_account("epoch", POLICY, 5.0, has_no_past=True)
    exchange(account, POLICY, Desk(POLICY, "one", True).compose(5.0), 5.0)
    head, log = pack(account)
    older = head[: head.index(',"breaker"')] + "}"
    kept = unpack(older, log)
    assert kept.breaker == Breaker() and kept.meters == account.meters


def test_a_process_keeps_its_probe_by_beating_and_nobody_else_gets_one_however_long_the_call_takes() -> None:
    world = World()
    told(world.account.breaker, world.now, failed=LEAST_ALL_FAILED)
    world.now = world.account.breaker.open_until
    world.ask(0)
    assert len(world.calls) == 1
    for _ in range(60):
        beats_at = world.desks[0].next_exchange_at()
        assert beats_at is not None and world.now < beats_at < world.now + LEASE
        world.now = beats_at
        world.speak(0)
        world.ask(1)
        assert len(world.calls) == 1
    world.end(0, "untold")
    world.ask(1)
    assert len(world.calls) == 1, "what said nothing of the provider lets another try at once"


def test_a_record_keeps_everything_of_a_breaker() -> None:
    account = open_account("epoch", POLICY, 5.0, has_no_past=True)
    account.breaker = Breaker(7, True, 1.5, 2.5, 3.5, 4, "It fails.", "one", 9.5, True, [Second(8, 2, 3)])
    assert unpack(*pack(account)).breaker == account.breaker
