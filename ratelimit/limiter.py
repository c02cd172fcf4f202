"""The limiter a process uses: ask for a permit, wait for it fairly, and hand back what was not used.

One desk a process and key; whoever finds the line to the store free speaks for all who wait, and a
thread keeps the appointments. Async and blocking callers share all of it. An uncontended permit is
one store operation made inline: about 0.2 ms of the caller's time; whatever takes longer is left
to the thread, so an event loop is not held up.
"""

import asyncio
import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from types import TracebackType
from uuid import uuid4

from ratelimit.desk import Admission, Desk, Waiter, unused
from ratelimit.errors import AcquireCancelled, GaveUp, StoreBusy, StoreUnavailable
from ratelimit.messages import (
    Adjustment,
    Costs,
    Grant,
    LaneState,
    Lesson,
    LimiterState,
    Outcome,
    PastStart,
    Pause,
    Trouble,
)
from ratelimit.policy import Lane, Policy
from ratelimit.stores import Store

PATIENCE_SECONDS = 2.0
BUSY_PATIENCE_SECONDS = 0.25
RETRY_SECONDS = 0.05
CANCEL_CHECK_SECONDS = 0.2
HISTORY_RETRY_SECONDS = 1.0

History = Callable[[str, float], Iterable[PastStart]]
Cancelled = Callable[[], bool]

log = logging.getLogger(__name__)


def no_past(_key: str, _seconds: float) -> Iterable[PastStart]:
    """The history of a key that nobody has used before: a simulator's, or an address at the door."""
    return ()


@dataclass(slots=True, eq=False)
class Permit:
    """One call may start while this is valid. Tell it what the call really took, and when it ended.

    `granted_at` is on the store's clock, `valid_until` on this process's monotonic one.
    """

    id: str
    lane: Lane
    costs: Costs
    granted_at: float
    valid_until: float
    _office: "_Office"
    _admission: Admission
    _settled: dict[str, int]
    _is_open: bool = True

    def is_valid(self, now: float | None = None) -> bool:
        """Whether the call may still be sent; `now` on this process's monotonic clock."""
        return self._is_open and (self._office.clock() if now is None else now) < self.valid_until

    def settle(self, actual: Costs) -> None:
        """Replace the reserved figures by the real ones; limits not named stay as they are."""
        deltas = {name: real - self._settled[name] for name, real in actual.items() if real != self._settled[name]}
        if deltas:
            self._settled.update(actual)
            self._office.adjust(Adjustment(self._admission.epoch, self._admission.grant.slots, deltas))

    def give_back(self) -> None:
        """The call was not sent: return everything. Only the first of `give_back` and `done` counts."""
        if self._is_open:
            self._is_open = False
            self._office.adjust(unused(self._admission.grant, self._admission.epoch))
            self._office.close_call(self._admission.grant)

    def done(self) -> None:
        """The call has ended: it no longer counts as running."""
        if self._is_open:
            self._is_open = False
            self._office.close_call(self._admission.grant)

    def worked(self) -> None:
        """The provider has answered this call, be it that the request was wrong. Say so before `done`."""
        self._office.tell(self._outcome(worked=1))

    def failed(self, reason: str) -> None:
        """The provider failed: an error of its own, no answer, or one that nobody can read. Say so before `done`."""
        self._office.tell(self._outcome(failed=1, reason=reason))

    def key_refused(self, reason: str) -> None:
        """The key was refused or its account is empty: for a while nobody need try. Say so before `done`."""
        self._office.tell(self._outcome(reason=reason, is_refusal=True))

    def _outcome(self, worked: int = 0, failed: int = 0, reason: str = "", is_refusal: bool = False) -> Outcome:
        epoch, of_round = self._admission.epoch, self._admission.grant.round
        return Outcome(epoch, of_round, worked, failed, reason, is_refusal, random.random())

    def __enter__(self) -> "Permit":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.done()


@dataclass(frozen=True, slots=True)
class Wait:
    """No permit now: when to try again, how many go first, the lane's fair rate per second, and why.

    `trouble` says since when and until when a failing key is left alone.
    """

    seconds: float
    place: int
    rate: float
    reason: str = ""
    trouble: Trouble | None = None


@dataclass(slots=True, eq=False)
class _Seat(Waiter):
    """A waiter with the future its caller holds, and since when the store has not been reached."""

    future: "Future[Permit]" = field(default_factory=Future)


class _Office:
    """The desk of one process with its lock, its line to the store and its thread."""

    def __init__(self, store: Store, policy: Policy, history: History | None, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._store = store
        self._policy = policy
        self._history = history
        self._desk = Desk(policy, agent=uuid4().hex, has_no_past=history is no_past)
        self._lock = threading.Condition()
        self._line = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._permits_given = 0
        self._failing_since: float | None = None
        self._is_away = False
        self._retry_at = 0.0
        self._history_retry_at = 0.0
        self._sleeps_until = -math.inf

    def enter(self, seat: _Seat) -> None:
        """Queue a call and try at once; a store that is away is left to the thread, for it may hang."""
        if not self._serve(seat):
            self._speak_if_it_is_time()

    def leave(self, seat: _Seat) -> None:
        """Take a call out; what it was just given is given back."""
        with self._lock:
            self._desk.leave(seat, self.clock())
        if not seat.future.cancel() and seat.future.exception() is None:
            seat.future.result().give_back()
        self._wake()

    def try_now(self, seat: _Seat) -> Permit | Wait:
        """One question, no queueing."""
        if self._serve(seat):
            return seat.future.result()
        try:
            with self._line:
                if not seat.future.done():
                    self._speak_patiently()
            with self._lock:
                reply = self._desk.last_reply
        finally:
            with self._lock:
                self._desk.leave(seat, self.clock())
        if seat.future.done():
            return seat.future.result()
        if reply is None or reply.wait_seconds is None:
            return Wait(RETRY_SECONDS, 0, 0.0)
        return Wait(reply.wait_seconds, reply.place, reply.rate, reply.reason, reply.trouble)

    def adjust(self, adjustment: Adjustment) -> None:
        with self._lock:
            self._desk.adjust(adjustment, self.clock())
        self._wake()

    def close_call(self, grant: Grant) -> None:
        with self._lock:
            self._desk.close_call(self.clock())
            self._desk.end_probe(grant, self.clock())
        self._wake()

    def tell(self, outcome: Outcome) -> None:
        """Say how a call ended; what is urgent is said before this returns, if the store answers."""
        with self._lock:
            self._desk.tell(outcome, self.clock())
        self._speak_if_it_is_time()

    def is_failing(self) -> bool:
        with self._lock:
            reply = self._desk.last_reply
        return reply is not None and reply.trouble is not None

    def pause(self, pause: Pause) -> None:
        with self._lock:
            self._desk.pause(pause, self.clock())
        self._wake()

    def learn(self, lesson: Lesson) -> None:
        with self._lock:
            self._desk.learn(lesson, self.clock())
        self._wake()

    def close(self) -> None:
        """Say what is left to say, then end the thread."""
        with self._lock:
            self._is_closed = True
            self._desk.put_back(self.clock())
            has_news = self._desk.next_exchange_at() is not None
            self._lock.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE_SECONDS)
        if has_news:
            try:
                with self._line:
                    self._speak_patiently()
            except StoreUnavailable as error:
                log.warning("The limiter closed with news untold: %s", error)

    def _serve(self, seat: _Seat) -> bool:
        """Hand out a permit that was taken along, or queue the call."""
        with self._lock:
            admission = self._desk.enter(seat, self.clock())
            permit = self._permit(admission) if admission is not None else None
        return permit is not None and _hand_over(seat.future, permit)

    def _speak_if_it_is_time(self) -> None:
        """One exchange here and now if the line is free; a store that is away is the thread's, for it may hang."""
        with self._lock:
            is_time = self._is_time() and not self._is_away
        if is_time and self._line.acquire(blocking=False):
            try:
                self._speak()
            except StoreUnavailable as error:
                self._note_failure(error)
            finally:
                self._line.release()
        self._wake()

    def _is_time(self) -> bool:
        at = self._desk.next_exchange_at()
        return at is not None and max(at, self._retry_at) <= self.clock()

    def _speak(self) -> None:
        """One exchange with the store; the line must be held. Raises StoreUnavailable."""
        with self._lock:
            message = self._desk.compose(self.clock())
        asked_at = self.clock()
        reply = self._store.exchange(self._policy, message)
        with self._lock:
            admissions = self._desk.receive(reply, asked_at, self.clock())
            self._failing_since, self._is_away = None, False
            permits = [(admission.waiter, self._permit(admission)) for admission in admissions]
        for waiter, permit in permits:
            if isinstance(waiter, _Seat) and not _hand_over(waiter.future, permit):
                permit.give_back()

    def _speak_patiently(self) -> None:
        """As `_speak`, but a store that is only busy is asked again for a while."""
        give_up_at = self.clock() + BUSY_PATIENCE_SECONDS
        while True:
            try:
                return self._speak()
            except StoreBusy:
                if self.clock() >= give_up_at:
                    raise

    def _permit(self, admission: Admission) -> Permit:
        self._permits_given += 1
        return Permit(
            id=f"{self._desk.agent}-{self._permits_given}",
            lane=admission.waiter.lane,
            costs=admission.grant.costs,
            granted_at=admission.granted_at,
            valid_until=admission.valid_until,
            _office=self,
            _admission=admission,
            _settled=dict(admission.grant.costs),
        )

    def _wake(self) -> None:
        with self._lock:
            at = self._desk.next_exchange_at()
            if at is None:
                return
            is_in_time = self._sleeps_until <= at and not self._is_history_wanted()
            if self._thread is not None and is_in_time:
                return
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._keep_appointments, name="limiter", daemon=True)
                self._thread.start()
            self._lock.notify_all()

    def _keep_appointments(self) -> None:
        while True:
            with self._lock:
                while not self._is_closed and (at := self._next_appointment()) > self.clock():
                    self._sleeps_until = at
                    self._lock.wait(None if at == math.inf else at - self.clock())
                self._sleeps_until = -math.inf
                if self._is_closed:
                    return
            with self._line:
                if self._is_still_time():
                    self._speak_and_survive()
            self._fetch_history()

    def _next_appointment(self) -> float:
        at = self._desk.next_exchange_at()
        times = [] if at is None else [max(at, self._retry_at)]
        if self._is_history_wanted():
            times.append(self._history_retry_at)
        return min(times, default=math.inf)

    def _is_history_wanted(self) -> bool:
        reply = self._desk.last_reply
        is_wanted = reply is not None and reply.history_seconds is not None
        return is_wanted and self._history is not None and self._desk.is_waited_at

    def _is_still_time(self) -> bool:
        with self._lock:
            return self._is_time()

    def _speak_and_survive(self) -> None:
        try:
            self._speak()
        except StoreUnavailable as error:
            self._note_failure(error)
        # The foot of this thread: any store may be behind it, and without the thread everybody would wait for ever.
        except Exception as error:
            log.exception("The limiter's store failed in an unforeseen way.")
            self._note_failure(StoreUnavailable(f"The limiter's store failed: {error}"))

    def _note_failure(self, error: StoreUnavailable) -> None:
        """Try again soon; who has waited too long for the store is told so."""
        with self._lock:
            now = self.clock()
            if self._failing_since is None:
                self._failing_since = now
            is_busy = isinstance(error, StoreBusy)
            self._is_away = not is_busy
            self._retry_at = now + RETRY_SECONDS * random.uniform(0.02, 0.1) if is_busy else now + RETRY_SECONDS
            if now - self._failing_since < PATIENCE_SECONDS:
                return
            self._retry_at = now + RETRY_SECONDS * 10
            seats = [waiter for queue in self._desk.queues.values() for waiter in queue]
            for seat in seats:
                self._desk.leave(seat, now)
        for seat in seats:
            if isinstance(seat, _Seat) and seat.future.set_running_or_notify_cancel():
                seat.future.set_exception(StoreUnavailable(f"No call may start: {error}"))

    def _fetch_history(self) -> None:
        with self._lock:
            reply = self._desk.last_reply
            now = self.clock()
            if reply is None or reply.history_seconds is None or self._history is None or now < self._history_retry_at:
                return
            seconds = reply.history_seconds
            self._history_retry_at = now + HISTORY_RETRY_SECONDS
        try:
            starts = tuple(self._history(self._policy.key, seconds))
        # The caller's own function, which knows errors that we do not; the key stays shut until it answers.
        except Exception:
            log.exception("The record of recent calls of %s could not be read; it stays shut.", self._policy.key)
            return
        log.info("The limiter of %s was new or lost; rebuilt from %d recent calls.", self._policy.key, len(starts))
        with self._lock:
            self._desk.remember(starts, self.clock())


def _hand_over(future: "Future[Permit]", permit: Permit) -> bool:
    if not future.set_running_or_notify_cancel():
        return False
    future.set_result(permit)
    return True


class Limiter:
    """Permits for one policy, shared with every process that uses the same store.

    `history(key, seconds)` lists what started in the last `seconds` (from the caller's own records);
    it is asked for when the store knows nothing of the key. Without it, such a key stays shut for a
    whole window; `no_past` says that there is nothing to know. It runs in the limiter's thread.
    """

    def __init__(
        self,
        store: Store,
        policy: Policy,
        *,
        history: History | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy
        self._store = store
        self._history = history
        self._clock = clock
        self._pid = os.getpid()
        self._current = _Office(store, policy, history, clock)

    async def acquire(
        self, lane: Lane, costs: Costs, *, give_up_at: float | None = None, cancelled: Cancelled | None = None
    ) -> Permit:
        """Wait for a fair turn and return a valid permit.

        `give_up_at` is on the monotonic clock; `cancelled` is asked every 0.2 s. Cancelling the task
        leaves no debt. Raises CallTooLarge, GaveUp, AcquireCancelled, StoreUnavailable.
        """
        self.policy.refuse_too_large(costs)
        while True:
            seat = _Seat(lane, costs)
            office = self._office
            office.enter(seat)
            answer = asyncio.wrap_future(seat.future)
            try:
                while not seat.future.done():
                    await asyncio.wait([answer], timeout=self._look_up(give_up_at, cancelled))
                permit = await answer
            except BaseException:
                office.leave(seat)
                raise
            if permit.is_valid():
                return permit
            permit.give_back()

    def acquire_blocking(
        self, lane: Lane, costs: Costs, *, give_up_at: float | None = None, cancelled: Cancelled | None = None
    ) -> Permit:
        """The same for a thread."""
        self.policy.refuse_too_large(costs)
        while True:
            seat = _Seat(lane, costs)
            office = self._office
            office.enter(seat)
            try:
                permit = self._await_blocking(seat, give_up_at, cancelled)
            except BaseException:
                office.leave(seat)
                raise
            if permit.is_valid():
                return permit
            permit.give_back()

    def try_ask(self, lane: Lane, costs: Costs) -> Permit | Wait:
        """A permit if one is free now, else what to expect; nobody is queued. Raises as `acquire`."""
        self.policy.refuse_too_large(costs)
        return self._office.try_now(_Seat(lane, costs, is_passing=True))

    def pause(self, seconds: float | None, reason: str, *, refused: Permit | None = None) -> None:
        """Stop all processes, for what Retry-After said; None (or nonsense) backs off, doubling a wave.

        `refused` is the permit of the call that was refused, so that the many refusals of one wave
        count once.
        """
        is_sane = seconds is not None and math.isfinite(seconds) and seconds > 0
        granted_at = refused.granted_at if refused is not None else None
        self._office.pause(Pause(seconds if is_sane else None, reason, granted_at, random.random()))

    def learn(
        self,
        limit_name: str,
        *,
        remaining: int | None = None,
        allowed: int | None = None,
        reset_seconds: float | None = None,
    ) -> None:
        """Take in what a provider's headers say of a limit; believed only where it is less than we thought."""
        if reset_seconds is not None and not math.isfinite(reset_seconds):
            reset_seconds = None
        self._office.learn(Lesson(limit_name, remaining, allowed, reset_seconds))

    def is_failing(self) -> bool:
        """Whether the breaker was open when the store answered this process last."""
        return self._office.is_failing()

    def state(self) -> LimiterState:
        """What a person can be shown. Raises StoreUnavailable."""
        return self._store.picture(self.policy)

    def expected_wait(self, lane: Lane) -> LaneState | None:
        """Where a lane stands, or None if nothing of it waits."""
        for state in self.state().lanes:
            if (state.organization, state.user) == (lane.organization, lane.user):
                return state
        return None

    def close(self) -> None:
        """Tell the store what is left to tell and stop the thread; waiting calls are not served."""
        self._office.close()

    @property
    def _office(self) -> _Office:
        """This process's own office: a fork does not inherit its parent's."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._current = _Office(self._store, self.policy, self._history, self._clock)
        return self._current

    def _await_blocking(self, seat: _Seat, give_up_at: float | None, cancelled: Cancelled | None) -> Permit:
        while True:
            seconds = None if seat.future.done() else self._look_up(give_up_at, cancelled)
            try:
                return seat.future.result(seconds)
            except NotYet:
                continue

    def _look_up(self, give_up_at: float | None, cancelled: Cancelled | None) -> float | None:
        """How long to wait before looking up again; raises if the caller no longer wants to wait."""
        if cancelled is not None and cancelled():
            raise AcquireCancelled("The call was cancelled while it waited for its turn.")
        left = None if give_up_at is None else give_up_at - self._clock()
        if left is not None and left <= 0:
            raise GaveUp(f"No turn for a call to {self.policy.key} came before the deadline.")
        if cancelled is None:
            return left
        return CANCEL_CHECK_SECONDS if left is None else min(left, CANCEL_CHECK_SECONDS)
