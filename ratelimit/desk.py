"""One process's side of a key: who waits here, what to tell the store, and when to ask next.

No clock, no threads, no storage: the limiter drives it, and so do the simulations in the tests.
Times are seconds of the process's own monotonic clock.
"""

from collections import deque
from dataclasses import dataclass, field, replace

from ratelimit.messages import Adjustment, Costs, Grant, LaneAsk, Lesson, Message, Outcome, PastStart, Pause, Reply
from ratelimit.policy import Lane, Policy

CALLS_TOLD_PER_LANE = 32
MOST_SPARES = 128
NEWS_KEPT_SECONDS = 0.05
BEATS_PER_LEASE = 3


@dataclass(slots=True, eq=False)
class Waiter:
    """One call that wants to start. A passing one does not stay in the queue when it is refused."""

    lane: Lane
    costs: Costs
    is_passing: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """A waiter whose turn has come: `granted_at` on the store's clock, `valid_until` on this process's."""

    waiter: Waiter
    grant: Grant
    epoch: str
    granted_at: float
    valid_until: float


@dataclass(frozen=True, slots=True)
class Spare:
    """A grant taken along for a call still to come; past `usable_until` it goes back."""

    grant: Grant
    epoch: str
    granted_at: float
    valid_until: float
    usable_until: float


@dataclass(slots=True)
class Use:
    """How many calls of a lane started in this span of time, and in the one before."""

    since: float
    now: int = 0
    before: int = 0

    def move_on(self, now: float, span: float) -> None:
        if now - self.since >= span:
            self.before = self.now if now - self.since < 2 * span else 0
            self.since, self.now = now, 0


@dataclass(slots=True)
class Desk:
    """The queue of one process for one key, and a shelf of grants for the calls that come next.

    While a lane is used quickly and nobody waits, each question takes along as many grants as the lane used within
    half a permit's validity: then most calls start without asking. What is not used in that time goes back.
    """

    policy: Policy
    agent: str
    has_no_past: bool = False
    queues: dict[Lane, deque[Waiter]] = field(default_factory=dict)
    shelf: dict[Lane, deque[Spare]] = field(default_factory=dict)
    uses: dict[Lane, Use] = field(default_factory=dict)
    open_calls: int = 0
    last_reply: Reply | None = None
    _serial: int = 0
    _news_since: float | None = None
    _adjustments: list[Adjustment] = field(default_factory=list)
    _pauses: list[Pause] = field(default_factory=list)
    _lessons: list[Lesson] = field(default_factory=list)
    _outcomes: dict[tuple[str, int], Outcome] = field(default_factory=dict)
    _probed_round: int | None = None
    _history: tuple[PastStart, ...] | None = None
    _come_back_at: float | None = None
    _last_exchange_at: float = 0.0
    _tells_open_calls: int = 0
    _unanswered: Message | None = None
    _unanswered_since: float = 0.0

    @property
    def is_waited_at(self) -> bool:
        return bool(self.queues)

    def enter(self, waiter: Waiter, now: float) -> Admission | None:
        """Admit a call from the shelf, or queue it; a lane the store does not know of is asked for at once."""
        queue = self.queues.get(waiter.lane)
        if queue is None:
            spare = self._take_spare(waiter, now)
            if spare is not None:
                return spare
            queue = self.queues[waiter.lane] = deque()
            self._come_back_at = now
        queue.append(waiter)
        return None

    def leave(self, waiter: Waiter, now: float) -> None:
        """Take a call out of the queue; the store hears of it when its lane is empty."""
        queue = self.queues.get(waiter.lane)
        if queue is None or waiter not in queue:
            return
        queue.remove(waiter)
        if not queue:
            del self.queues[waiter.lane]
            if not waiter.is_passing:
                self._note_news(now)

    def adjust(self, adjustment: Adjustment, now: float) -> None:
        """Correct what an earlier grant took."""
        self._adjustments.append(adjustment)
        self._note_news(now)

    def close_call(self, now: float) -> None:
        """A call has ended; where calls are counted and one waits here, it is told at once."""
        self.open_calls -= 1
        if self.policy.concurrency is None:
            return
        self._note_news(now)
        if self.queues:
            self._come_back_at = now

    def pause(self, pause: Pause, now: float) -> None:
        """Tell everybody to stop, at once."""
        self.put_back(now)
        self._pauses.append(pause)
        self._come_back_at = now

    def learn(self, lesson: Lesson, now: float) -> None:
        """Pass on what the provider said of its limits; what was taken along above that goes back."""
        taken_along = sum(
            spare.grant.costs.get(lesson.limit_name, 0) for spares in self.shelf.values() for spare in spares
        )
        if lesson.remaining is not None and lesson.remaining < taken_along:
            self.put_back(now)
        self._lessons.append(lesson)
        self._note_news(now)

    def tell(self, outcome: Outcome, now: float) -> None:
        """Pass on how a call ended: a failure and the probe's end at once, a success whenever somebody asks."""
        place = (outcome.epoch, outcome.round)
        known = self._outcomes.get(place)
        self._outcomes[place] = (
            outcome
            if known is None
            else replace(
                outcome,
                worked=known.worked + outcome.worked,
                failed=known.failed + outcome.failed,
                reason=outcome.reason or known.reason,
                is_refusal=known.is_refusal or outcome.is_refusal,
            )
        )
        is_urgent = bool(outcome.failed or outcome.is_refusal or outcome.round == self._probed_round)
        if outcome.round == self._probed_round:
            self._probed_round = None
        if is_urgent:
            self._speak_at_once(now)

    def end_probe(self, grant: Grant, now: float) -> None:
        """The probe came to nothing (it was not sent, or says nothing of the provider): another may try."""
        if grant.is_probe and grant.round == self._probed_round:
            self._probed_round = None
            self._speak_at_once(now)

    def remember(self, history: tuple[PastStart, ...], now: float) -> None:
        """Pass on what started before the store knew of it."""
        self._history = history
        self._come_back_at = now

    def put_back(self, now: float) -> None:
        """Give back everything that was taken along."""
        self._clear_shelf(now, everything=True)

    def next_exchange_at(self) -> float | None:
        """When to speak with the store next; None while there is nothing to say."""
        times = []
        if self._come_back_at is not None and (self.queues or self._pauses or self._history is not None):
            times.append(self._come_back_at)
        unheard = self._unanswered
        if unheard is not None and (unheard.pauses or unheard.adjustments or unheard.lessons or unheard.outcomes):
            times.append(self._last_exchange_at)
        if self._news_since is not None:
            times.append(self._news_since + NEWS_KEPT_SECONDS)
        if self.shelf:
            times.append(min(spares[0].usable_until for spares in self.shelf.values()))
        if self._probed_round is not None:
            times.append(self._last_exchange_at + self.policy.lease_seconds / BEATS_PER_LEASE)
        if self.policy.concurrency is not None and (self.open_calls or self._tells_open_calls):
            times.append(self._last_exchange_at + self.policy.lease_seconds / BEATS_PER_LEASE)
        return min(times, default=None)

    def compose(self, now: float) -> Message:
        """The message to send now. Corrections of one that was never answered are sent again as they were.

        That one may have been heard, though. The store knows its serial number for a lease; after that, what it gave
        back is left to the window, for given back twice it would be somebody else's.
        """
        self._clear_shelf(now)
        if self._unanswered is None:
            self._serial += 1
            self._unanswered_since = now
            adjustments, pauses, lessons = tuple(self._adjustments), tuple(self._pauses), tuple(self._lessons)
            outcomes = tuple(self._outcomes.values())
            self._adjustments, self._pauses, self._lessons, self._outcomes = [], [], [], {}
        else:
            old = self._unanswered
            adjustments, pauses, lessons, outcomes = old.adjustments, old.pauses, old.lessons, old.outcomes
            if now - self._unanswered_since >= self.policy.lease_seconds:
                adjustments = tuple(without_refund(adjustment) for adjustment in adjustments)
        self._unanswered = Message(
            agent=self.agent,
            serial=self._serial,
            asks=tuple(self._ask_for(lane, queue, now) for lane, queue in self.queues.items()),
            open_calls=self.open_calls if self.policy.concurrency is not None else 0,
            adjustments=adjustments,
            pauses=pauses,
            lessons=lessons,
            outcomes=outcomes,
            probed_round=self._probed_round,
            history=self._history,
            has_no_past=self.has_no_past,
        )
        return self._unanswered

    def receive(self, reply: Reply, asked_at: float, now: float) -> list[Admission]:
        """Take the store's answer: whoever is admitted leaves the queue.

        The answer is as old as the question: validity counts from `asked_at`. A grant nobody waits
        for any more is given back.
        """
        sent = self._unanswered
        self._unanswered, self.last_reply, self._last_exchange_at = None, reply, now
        has_closed = self.policy.concurrency is not None and sent is not None and sent.open_calls != self.open_calls
        is_bad_news = any(outcome.failed or outcome.is_refusal for outcome in self._outcomes.values())
        self._news_since = now if self._adjustments or self._lessons or has_closed or is_bad_news else None
        if reply.trouble is not None:
            self.put_back(now)
        if sent is not None and sent.history is self._history:
            self._history = None
        self._tells_open_calls = (sent.open_calls if sent else 0) + len(reply.grants)
        taking_along = {ask.lane for ask in sent.asks if ask.spare} if sent else set()
        admitted = [self._admit(grant, reply, asked_at, now, taking_along) for grant in reply.grants]
        self._plan_next(reply, sent, now)
        return [admission for admission in admitted if admission is not None]

    def _plan_next(self, reply: Reply, sent: Message | None, now: float) -> None:
        told = {ask.lane for ask in sent.asks} if sent else set()
        is_news = bool(self._pauses) or bool(self.queues.keys() - told) or self._history is not None
        if is_news:
            self._come_back_at = now
        elif not self.queues:
            self._come_back_at = None
        else:
            self._come_back_at = now + (reply.wait_seconds or 0.0)

    def _admit(
        self, grant: Grant, reply: Reply, asked_at: float, now: float, taking_along: set[Lane]
    ) -> Admission | None:
        waiter = self._pop(grant)
        validity = self.policy.validity_seconds
        if waiter is not None:
            return self._start(waiter, grant, reply.epoch, reply.now, asked_at + validity, now)
        spare = Spare(grant, reply.epoch, reply.now, asked_at + validity, asked_at + validity / 2)
        if grant.lane in taking_along and now < spare.usable_until:
            self.shelf.setdefault(grant.lane, deque()).append(spare)
        else:
            self.adjust(unused(grant, reply.epoch), now)
        return None

    def _start(
        self, waiter: Waiter, grant: Grant, epoch: str, granted_at: float, valid_until: float, now: float
    ) -> Admission:
        self.open_calls += 1
        if grant.is_probe:
            self._probed_round = grant.round
        use = self.uses.setdefault(waiter.lane, Use(now))
        use.move_on(now, self.policy.validity_seconds / 2)
        use.now += 1
        return Admission(waiter, grant, epoch, granted_at, valid_until)

    def _take_spare(self, waiter: Waiter, now: float) -> Admission | None:
        spares = self.shelf.get(waiter.lane)
        if spares is None or spares[0].usable_until <= now or spares[0].grant.costs != waiter.costs:
            return None
        spare = spares.popleft()
        if not spares:
            del self.shelf[waiter.lane]
        return self._start(waiter, spare.grant, spare.epoch, spare.granted_at, spare.valid_until, now)

    def _clear_shelf(self, now: float, everything: bool = False) -> None:
        """Give back what was taken along and is stale."""
        for lane, spares in list(self.shelf.items()):
            while spares and (everything or spares[0].usable_until <= now):
                spare = spares.popleft()
                self.adjust(unused(spare.grant, spare.epoch), now)
            if not spares:
                del self.shelf[lane]

    def _pop(self, grant: Grant) -> Waiter | None:
        queue = self.queues.get(grant.lane, deque())
        waiter = next((waiter for waiter in queue if waiter.costs == grant.costs), None)
        if waiter is not None:
            queue.remove(waiter)
            if not queue:
                del self.queues[grant.lane]
        return waiter

    def _ask_for(self, lane: Lane, queue: deque[Waiter], now: float) -> LaneAsk:
        told = tuple(waiter.costs for _, waiter in zip(range(CALLS_TOLD_PER_LANE), queue, strict=False))
        return LaneAsk(lane, told, sum(not waiter.is_passing for waiter in queue), self._spares_wanted(lane, now))

    def _spares_wanted(self, lane: Lane, now: float) -> int:
        """As many as were used lately; none where calls are counted while they run."""
        use = self.uses.get(lane)
        if use is None or self.policy.concurrency is not None:
            return 0
        use.move_on(now, self.policy.validity_seconds / 2)
        if not (use.now or use.before):
            del self.uses[lane]
        return min(MOST_SPARES, max(use.now, use.before))

    def _speak_at_once(self, now: float) -> None:
        self._news_since = now - NEWS_KEPT_SECONDS

    def _note_news(self, now: float) -> None:
        if self._news_since is None:
            self._news_since = now


def unused(grant: Grant, epoch: str) -> Adjustment:
    """The correction that returns a grant in full."""
    return Adjustment(epoch, grant.slots, {name: -cost for name, cost in grant.costs.items()}, grant.lane)


def without_refund(adjustment: Adjustment) -> Adjustment:
    """Only what the correction takes."""
    taken = {name: delta for name, delta in adjustment.deltas.items() if delta > 0}
    return replace(adjustment, deltas=taken, refunded_lane=None)
