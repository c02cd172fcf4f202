"""The whole arithmetic, many processes at once, in virtual time."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ratelimit.account import LONGEST_BACK_OFF_SECONDS, exchange, means_nothing_after, open_account, picture
from ratelimit.desk import Admission, Desk, Waiter, unused
from ratelimit.messages import Adjustment, LaneAsk, Message, PastStart, Pause
from ratelimit.policy import Lane, Limit, Policy
from ratelimit.stores.records import pack, unpack
from tests.ratelimit.simulation import BEGIN, Demand, Simulation
from tests.ratelimit.windows import fullest_window, jain_index

SCALED = Policy("key", (Limit("requests", 300, 10),), margin_seconds=0.1, validity_seconds=0.1)
REAL = Policy("key", (Limit("requests", 150, 60),))
ONE = {"requests": 1}


def lane(user: str, organization: str = "acme") -> Lane:
    return Lane(organization, user)


def amounts(starts):
    return [(at, 1) for at, _ in starts]


def test_eight_processes_use_what_is_allowed_and_never_more():
    outcome = Simulation(REAL, [[Demand(lane(f"user {i}"), 3)] for i in range(8)], 180).run()
    assert fullest_window(amounts(outcome.starts), 60.45) <= 150
    assert len(outcome.starts) >= 0.98 * 150 * 3
    assert fullest_window(amounts(outcome.starts), 1.0) <= 5


def test_two_store_operations_a_permit_are_enough():
    crowded = Simulation(SCALED, [[Demand(lane("a"), 10)]] * 5 + [[Demand(lane("b"), 5)]], 20).run()
    alone = Simulation(SCALED, [[Demand(lane(f"user {i}"), 1)] for i in range(8)], 20).run()
    one_run = Simulation(SCALED, [[Demand(lane("a"), 400)]], 20).run()
    assert crowded.operations <= 1.7 * len(crowded.starts)
    assert alone.operations <= 2.1 * len(alone.starts)
    assert one_run.operations <= 1.1 * len(one_run.starts)


def test_a_modest_user_gets_half_and_waits_little():
    outcome = Simulation(SCALED, [[Demand(lane("greedy"), 10)]] * 5 + [[Demand(lane("modest"), 5)]], 30).run()
    assert outcome.count("modest") >= 0.48 * len(outcome.starts)
    assert sorted(outcome.waits["modest"])[int(0.95 * len(outcome.waits["modest"]))] <= 0.5


def test_ten_users_of_different_greed_share_equally():
    outcome = Simulation(SCALED, [[Demand(lane(f"user {i}"), 1 + i * i)] for i in range(10)], 30).run()
    assert jain_index(outcome.count(f"user {i}") for i in range(10)) >= 0.99


def test_a_late_small_user_does_not_stand_behind_five_thousand():
    late = Demand(lane("late"), 5, begins=10.0)
    outcome = Simulation(REAL, [[Demand(lane("early"), 5000)], [late]], 30).run()
    assert outcome.count("late") >= 10
    assert max(outcome.waits["late"][:5]) <= 10 / 2.4


def test_a_large_call_is_not_starved_by_the_small_ones_of_others():
    small = [[Demand(lane(f"user {number}"), 10)] for number in range(4)]
    outcome = Simulation(SCALED, [*small, [Demand(lane("large"), 1, {"requests": 150}, begins=12.0)]], 62).run()
    assert outcome.count("large") >= 2
    assert max(outcome.waits["large"]) <= 5 * 5.1 + 1.0, "five share, and each 150 of all are half a window"
    assert sum(outcome.count(f"user {number}", since=12.0) for number in range(4)) >= 0.5 * 50 * 300 / 10.2


def test_a_call_that_waits_for_tomorrow_holds_nobody_up():
    policy = Policy("key", (Limit("requests", 300, 10), Limit("a day", 10, 86_400)), margin_seconds=0.1)
    waits = [Demand(lane("out of luck"), 1, {"requests": 10, "a day": 6})]
    goes_on = [[Demand(lane(f"user {number}"), 5)] for number in range(3)]
    outcome = Simulation(policy, [waits, *goes_on], 20).run()
    assert outcome.count("out of luck") == 1
    assert len(outcome.starts) >= 0.95 * 2 * 290


def test_the_share_of_who_leaves_goes_to_the_others_at_once():
    leaving = [[Demand(lane(f"user {i}"), 5, leaves=10.0)] for i in range(6)]
    outcome = Simulation(SCALED, [*leaving, [Demand(lane("stays"), 5)]], 20).run()
    assert outcome.count("stays", since=10.5) >= 0.97 * 9.5 * 300 / 10.2


def test_killed_processes_cost_the_others_little_and_nobody_a_limit():
    killed = dict.fromkeys(range(4), 8.0)
    demands = [[Demand(lane(f"user {i}"), 10)] for i in range(8)]
    outcome = Simulation(SCALED, demands, 30, killed=killed).run()
    assert fullest_window(amounts(outcome.starts), 10.2) <= 300
    assert len(outcome.starts) >= 0.96 * 900


def test_calls_of_a_killed_process_stop_counting_after_its_lease():
    policy = Policy("key", (Limit("requests", 10_000, 10),), concurrency=8, lease_seconds=2.0)
    demands = [[Demand(lane("a"), 8)], [Demand(lane("b"), 8)]]
    outcome = Simulation(policy, demands, 30, call_seconds=0.5, killed={0: 5.0}).run()
    assert outcome.count("b", since=8.0) >= 0.9 * 22 * 8 / 0.5
    assert fullest_window(amounts(outcome.starts), 0.5) <= 16


def test_tokens_and_requests_are_taken_together_or_not_at_all():
    policy = Policy("key", (Limit("requests", 100, 10), Limit("tokens", 1000, 10)), burst_seconds=10.0)
    account = open_account("epoch", policy, BEGIN, has_no_past=True)
    ask = LaneAsk(lane("a"), ({"requests": 1, "tokens": 600},) * 3, 3)
    reply = exchange(account, policy, Message("p", 1, (ask,), has_no_past=True), BEGIN)
    state = picture(account, policy, BEGIN)
    assert len(reply.grants) == 1
    assert [limit.used for limit in state.limits] == [1, 600]


def test_a_day_limit_is_not_spread_over_the_day():
    policy = Policy("key", (Limit("requests", 50, 86_400),))
    account = open_account("epoch", policy, BEGIN, has_no_past=True)
    reply = exchange(account, policy, Message("p", 1, (LaneAsk(lane("a"), (ONE,) * 60, 60),), has_no_past=True), BEGIN)
    assert len(reply.grants) == 50


def test_a_pause_holds_everyone_for_just_that_long_and_then_nobody_rushes():
    account = open_account("epoch", SCALED, BEGIN, has_no_past=True)
    exchange(account, SCALED, Message("p", 1, pauses=(Pause(30.0, "Asked to wait."),), has_no_past=True), BEGIN)
    ask = (LaneAsk(lane("b"), (ONE,) * 30, 30),)
    reply = exchange(account, SCALED, Message("q", 1, ask), BEGIN + 29.9)
    assert not reply.grants
    assert reply.reason == "Asked to wait."
    assert len(exchange(account, SCALED, Message("q", 2, ask), BEGIN + 30.001).grants) == 1


def test_back_off_doubles_with_each_wave_and_counts_a_wave_once():
    account = open_account("epoch", SCALED, BEGIN, has_no_past=True)
    now, lengths, serial = BEGIN, [], 0
    for _ in range(12):
        for _ in range(5):
            serial += 1
            pause = Pause(None, "Refused.", refused_grant_at=now - 0.01)
            exchange(account, SCALED, Message("p", serial, pauses=(pause,), has_no_past=True), now)
        lengths.append(account.paused_until - now)
        now = account.paused_until + 0.02
    assert lengths[:4] == [1.0, 2.0, 4.0, 8.0]
    assert lengths[-1] == LONGEST_BACK_OFF_SECONDS


def test_a_repeated_message_corrects_only_once():
    account = open_account("epoch", SCALED, BEGIN, has_no_past=True)
    ask = LaneAsk(lane("a"), (ONE, ONE), 2)
    grants = exchange(account, SCALED, Message("p", 1, (ask,), has_no_past=True), BEGIN).grants
    again = Message("p", 2, adjustments=(unused(grants[0], "epoch"),))
    exchange(account, SCALED, again, BEGIN)
    exchange(account, SCALED, again, BEGIN)
    assert account.meters["requests"].used(BEGIN) == 1


def test_corrections_from_before_a_loss_do_not_touch_the_new_account():
    account = open_account("new", SCALED, BEGIN, has_no_past=True)
    grant = exchange(
        account, SCALED, Message("p", 1, (LaneAsk(lane("a"), (ONE,), 1),), has_no_past=True), BEGIN
    ).grants[0]
    exchange(account, SCALED, Message("p", 2, adjustments=(unused(grant, "old"),)), BEGIN)
    assert account.meters["requests"].used(BEGIN) == 1


def test_an_unknown_past_keeps_shut_until_it_is_told_or_over():
    account = open_account("epoch", SCALED, BEGIN, has_no_past=False)
    ask = (LaneAsk(lane("a"), (ONE,) * 30, 30),)
    first = exchange(account, SCALED, Message("p", 1, ask), BEGIN)
    assert not first.grants
    assert first.history_seconds is None
    second = exchange(account, SCALED, Message("p", 2, ask), BEGIN + first.wait_seconds)
    assert not second.grants
    assert second.history_seconds >= 10.0
    at_the_end = exchange(account, SCALED, Message("p", 3, ask), BEGIN + 10.3)
    assert at_the_end.grants


def test_a_told_past_opens_at_once_and_counts():
    account = open_account("epoch", SCALED, BEGIN, has_no_past=False)
    ask = (LaneAsk(lane("a"), (ONE,) * 30, 30),)
    exchange(account, SCALED, Message("p", 1, ask), BEGIN)
    past = tuple(PastStart(5.0, ONE) for _ in range(299))
    reply = exchange(account, SCALED, Message("p", 2, ask, history=past), BEGIN + 0.3)
    assert len(reply.grants) == 1


def test_a_past_that_was_read_before_the_account_was_lost_opens_nothing():
    """It was read for an earlier loss, and knows nothing of what started between the two."""
    account = open_account("second loss", SCALED, BEGIN, has_no_past=False)
    ask = (LaneAsk(lane("a"), (ONE,) * 30, 30),)
    assert not exchange(account, SCALED, Message("p", 1, ask, history=()), BEGIN).grants
    assert not exchange(account, SCALED, Message("p", 2, ask), BEGIN + 0.3).grants
    assert exchange(account, SCALED, Message("p", 3, ask, history=()), BEGIN + 0.4).grants


def test_no_header_shuts_a_key_for_ever():
    account = open_account("epoch", SCALED, BEGIN, has_no_past=True)
    exchange(account, SCALED, Message("p", 1, pauses=(Pause(1e300, "Broken header."),), has_no_past=True), BEGIN)
    assert account.paused_until <= BEGIN + 86_400
    assert means_nothing_after(account, SCALED) <= BEGIN + 86_400


def test_a_clock_that_steps_back_lets_nothing_more_through():
    account = open_account("epoch", SCALED, BEGIN, has_no_past=True)
    started = 0
    for serial, now in enumerate([BEGIN, BEGIN + 1, BEGIN - 60, BEGIN - 59, BEGIN + 0.5], 1):
        ask = (LaneAsk(lane("a"), (ONE,) * 300, 300),)
        started += len(exchange(account, SCALED, Message("p", serial, ask, has_no_past=True), now).grants)
    assert started <= 8 + 30 + 8


def test_a_clock_that_was_behind_for_a_while_frees_nothing_of_a_day_early():
    policy = Policy("key", (Limit("requests", 5, 86_400),))
    later = BEGIN + 100_000
    account = open_account("epoch", policy, later, has_no_past=True)
    started = 0
    for serial, (now, calls) in enumerate([(later, 1), (later - 90_000, 2), (later + 1, 10)], 1):
        ask = (LaneAsk(lane("a"), (ONE,) * calls, 0),)
        started += len(exchange(account, policy, Message("p", serial, ask, has_no_past=True), now).grants)
    assert started == 5


def test_a_turn_is_held_for_one_who_is_a_little_late_and_no_longer():
    policy = Policy("key", (Limit("requests", 10, 10),), burst_seconds=0.0)
    for late_seconds, grants in ((0.05, 0), (0.15, 1)):
        account = open_account("epoch", policy, BEGIN, has_no_past=True)
        greedy = (LaneAsk(lane("greedy"), (ONE, ONE), 2),)
        exchange(account, policy, Message("p", 1, greedy, has_no_past=True), BEGIN)
        wait = exchange(account, policy, Message("q", 1, (LaneAsk(lane("modest"), (ONE,), 1),)), BEGIN).wait_seconds
        reply = exchange(account, policy, Message("p", 2, greedy), BEGIN + wait + late_seconds)
        assert len(reply.grants) == grants


def test_nobody_sleeps_longer_than_one_round_of_the_waiting_processes():
    account = open_account("epoch", SCALED, BEGIN, has_no_past=True)
    crowd = tuple(LaneAsk(lane(f"user {number}"), (ONE,) * 9, 9) for number in range(50))
    exchange(account, SCALED, Message("p", 1, crowd, has_no_past=True), BEGIN)
    reply = exchange(account, SCALED, Message("q", 1, (LaneAsk(lane("late"), (ONE,), 1),)), BEGIN + 0.001)
    assert reply.place > 30
    assert reply.wait_seconds <= 3 * 10.2 / 300


def test_the_calls_of_one_who_died_asleep_return_with_its_lease_not_with_its_nap():
    policy = Policy("key", (Limit("requests", 100, 10),), concurrency=2, lease_seconds=2.0)
    account = open_account("epoch", policy, BEGIN, has_no_past=True)
    ask = (LaneAsk(lane("a"), (ONE,), 1),)
    exchange(account, policy, Message("p", 1, ask, has_no_past=True), BEGIN)
    pause = (Pause(60.0, "Asked to wait."),)
    reply = exchange(account, policy, Message("p", 2, ask, open_calls=1, pauses=pause), BEGIN)
    assert reply.wait_seconds > 10
    assert picture(account, policy, BEGIN + 1.9).open_calls == 1
    assert picture(account, policy, BEGIN + 2.1).open_calls == 0


def test_a_person_is_told_place_rate_and_time():
    account = open_account("epoch", SCALED, BEGIN, has_no_past=True)
    exchange(account, SCALED, Message("p", 1, (LaneAsk(lane("greedy"), (ONE,) * 32, 500),), has_no_past=True), BEGIN)
    exchange(account, SCALED, Message("q", 1, (LaneAsk(lane("modest"), (ONE,) * 5, 5),)), BEGIN)
    modest = next(state for state in picture(account, SCALED, BEGIN).lanes if state.user == "modest")
    assert modest.waiting == 5
    assert modest.place <= 1
    assert 14 <= modest.rate <= 15
    assert 0.2 <= modest.drain_seconds <= 0.6


class AnyCourse(RuleBasedStateMachine):
    """Any sequence of asks, cancels, kills, settlements, losses and clock steps."""

    def __init__(self):
        super().__init__()
        self.now = BEGIN
        self.starts: list[list] = []
        self.calls: list[tuple[Desk, Admission, list]] = []
        self.born = 0

    @initialize(concurrency=st.sampled_from([None, 3]), paced=st.booleans())
    def open(self, concurrency, paced):
        self.policy = Policy(
            "key",
            (Limit("requests", 6, 5.0), Limit("tokens", 40, 5.0 if paced else 700.0)),
            concurrency=concurrency,
            margin_seconds=0.1,
            validity_seconds=0.2,
            lease_seconds=2.0,
        )
        self.epochs = 0
        self.account = open_account("epoch 0", self.policy, BEGIN, has_no_past=True)
        self.desks = [self.new_desk() for _ in range(3)]
        self.waiting: list[tuple[Desk, Waiter]] = []
        self.heard: dict[str, float] = {}
        self.lapsed_at: dict[str, float] = {}

    def new_desk(self):
        self.born += 1
        return Desk(self.policy, f"process {self.born}", has_no_past=self.now == BEGIN)

    @rule(desk=st.integers(0, 2), user=st.sampled_from("abc"), tokens=st.integers(0, 15), copies=st.integers(1, 4))
    def arrive(self, desk, user, tokens, copies):
        for _ in range(copies):
            waiter = Waiter(lane(user), {"requests": 1, "tokens": tokens})
            admission = self.desks[desk].enter(waiter, self.now)
            if admission is None:
                self.waiting.append((self.desks[desk], waiter))
            else:
                self.note_start(self.desks[desk], admission, admission.granted_at, 0.1)

    @rule(desk=st.integers(0, 2), lost=st.booleans(), arrival=st.floats(0, 0.2))
    def ask(self, desk, lost, arrival):
        self.speak(self.desks[desk], arrival, lost)

    def speak(self, desk, arrival, lost=False):
        if self.now - self.heard.get(desk.agent, self.now) >= self.policy.lease_seconds:
            self.lapsed_at[desk.agent] = self.now
        message = desk.compose(self.now)
        reply = exchange(self.account, self.policy, message, self.now)
        stored = unpack(*pack(self.account))
        assert stored == self.account
        self.account = stored
        self.heard[desk.agent] = self.now
        if lost:
            return
        for admission in desk.receive(reply, self.now, self.now):
            self.note_start(desk, admission, self.now, arrival)
        self.check_concurrency()
        if reply.history_seconds is not None:
            past = [PastStart(self.now - at, costs) for at, costs, _ in self.starts if at > self.now - 701]
            desk.remember(tuple(past), self.now)

    def note_start(self, desk, admission, counted_at, arrival):
        """A call counted at one time reaches the provider later, but not after its permit's validity."""
        arrives_at = min(self.now + arrival, max(admission.valid_until, self.now))
        start = [counted_at, dict(admission.grant.costs), arrives_at]
        self.starts.append(start)
        self.calls.append((desk, admission, start))
        self.check_windows()

    def check_windows(self):
        for limit in self.policy.limits:
            span = limit.window_seconds + self.policy.safety_seconds
            used = sum(costs.get(limit.name, 0) for at, costs, _ in self.starts if at > self.now - span)
            assert used <= limit.amount
        assert fullest_window([(arrival, 1) for *_, arrival in self.starts], 5.0) <= 6

    def check_concurrency(self):
        if self.policy.concurrency is None:
            return
        leased = [
            start
            for desk, _, start in self.calls
            if self.now - self.heard[desk.agent] < self.policy.lease_seconds
            and start[0] > self.lapsed_at.get(desk.agent, 0.0)
        ]
        assert len(leased) <= self.policy.concurrency

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 3.0, 6.0]))
    def pass_time(self, seconds):
        self.now += seconds

    @rule(seconds=st.floats(0.1, 8.0))
    def keep_appointments(self, seconds):
        until = self.now + seconds
        for _ in range(200):
            times = [
                (at, index) for index, desk in enumerate(self.desks) if (at := desk.next_exchange_at()) is not None
            ]
            if not times or min(times)[0] > until:
                break
            at, index = min(times)
            self.now = max(self.now, at)
            self.speak(self.desks[index], 0.1)
        self.now = max(self.now, until)

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 1000))
    def cancel(self, which):
        desk, waiter = self.waiting.pop(which % len(self.waiting))
        desk.leave(waiter, self.now)

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 1000), used=st.floats(0, 1.0), is_sent=st.booleans())
    def end_call(self, which, used, is_sent):
        desk, admission, start = self.calls.pop(which % len(self.calls))
        grant = admission.grant
        if is_sent:
            real = int(grant.costs["tokens"] * used)
            desk.adjust(Adjustment(admission.epoch, grant.slots, {"tokens": real - grant.costs["tokens"]}), self.now)
            start[1] = {**start[1], "tokens": real}
        elif self.now <= admission.valid_until:
            desk.adjust(unused(grant, admission.epoch), self.now)
            self.starts = [other for other in self.starts if other is not start]
        desk.close_call(self.now)

    @rule(which=st.integers(0, 2))
    def kill(self, which):
        self.calls = [call for call in self.calls if call[0] is not self.desks[which]]
        self.waiting = [entry for entry in self.waiting if entry[0] is not self.desks[which]]
        self.desks[which] = self.new_desk()

    @rule(desk=st.integers(0, 2), seconds=st.floats(0.1, 70.0))
    def ask_while_the_stores_clock_is_behind(self, desk, seconds):
        """Behind what it has told: that it jumps ahead of everybody's steady clocks is for the stores to notice."""
        self.speak(self.desks[desk], 0.0)
        true_now, self.now = self.now, max(self.now - seconds, BEGIN)
        message = self.desks[desk].compose(true_now)
        reply = exchange(self.account, self.policy, message, self.now)
        self.now = true_now
        for admission in self.desks[desk].receive(reply, true_now, true_now):
            start = [true_now, dict(admission.grant.costs), true_now]
            self.starts.append(start)
            self.calls.append((self.desks[desk], admission, start))
            self.check_windows()
        self.heard[self.desks[desk].agent] = true_now

    @precondition(lambda self: self.policy.concurrency is None)
    @rule()
    def lose_the_store(self):
        self.epochs += 1
        self.account = open_account(f"epoch {self.epochs}", self.policy, self.now, has_no_past=False)
        for desk in self.desks:
            desk.has_no_past = False

    @rule(seconds=st.sampled_from([None, 0.5, 4.0]))
    def pause(self, seconds):
        self.desks[0].pause(Pause(seconds, "Refused."), self.now)


AnyCourse.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAnyCourse = AnyCourse.TestCase
