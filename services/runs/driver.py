"""The loop that drives a run: claim, permit, mark, call, settle, until nothing is left or somebody says stop.

Items stream through: what is claimed and under way is bounded by the flight limit, whatever the run's size.
docs/run-life.md tells the life of a run; docs/decisions/runs.md why it is driven like this.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import structlog

from services.clock import Clock
from services.db.runs import RunOrder
from services.domain.runs import ItemState, RunState
from services.errors import Busy
from services.providers.errors import ProviderError
from services.runs.allowance import Shortage
from services.runs.checkpoints import Checkpoints, NoCheckpoints, Step
from services.runs.claims import Claims, Ending, PlannedCall
from services.runs.flight import Flight, Pace, Purse
from services.runs.gate import CallTooLarge, Gate, GateShut, Permit
from services.runs.journal import Journal
from services.runs.kinds import Kind
from services.runs.outcomes import (
    Health,
    RetryPolicy,
    Ruling,
    health_of,
    outage_reason,
    rule_answer,
    rule_error,
    rule_lost_before,
    rule_surprise,
    rule_too_large,
    rule_withdrawn,
)
from services.runs.wheel import BEAT_SECONDS, Wheel

MOST_CLAIMED_AT_ONCE = 100
LEAST_CLAIMED_AT_ONCE = 10
LOOK_AGAIN_SECONDS = 1.0
RETRY_SECONDS = 0.5
OPENING_ITEMS = 10
ALL_ALIKE = (
    "The first {count} all ended in the same way: {reason} "
    "Stop this run if that is to be mended first, or resume it to go on with the others. "
    "If the reason tells you nothing, show it to the operator of this installation."
)
OUT_OF_BUDGET = "The next call could pass this run's cap."

T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class DriveSettings:
    """What an installation chooses about driving."""

    most_in_flight: int
    retries: RetryPolicy


@dataclass
class Opening:
    """Watches a run's first items: if all of them fail alike, the rest is spared."""

    watched: int
    reasons: list[str] = field(default_factory=list)

    def sees(self, ruling: Ruling) -> str:
        """The message to pause with, or nothing."""
        if self.watched == 0 or not ruling.is_final:
            return ""
        self.watched -= 1
        call = ruling.settled
        self.reasons.append(call.reason_code if call.item_state != ItemState.DONE else "")
        if self.watched == 0 and self.reasons[0] and len(set(self.reasons)) == 1:
            return ALL_ALIKE.format(count=len(self.reasons), reason=call.reason)
        return ""


class Driver:
    """One drive of one run, from the taken wheel to its release."""

    def __init__(
        self,
        clock: Clock,
        wheel: Wheel,
        kind: Kind,
        gate: Gate,
        settings: DriveSettings,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        run = wheel.run
        self.clock, self.wheel, self.kind, self.gate, self.settings = clock, wheel, kind, gate, settings
        self.checkpoints = checkpoints or NoCheckpoints()
        self.order: RunOrder = run
        self.claims = Claims(wheel, kind, self.order, self.checkpoints)
        self.flight = Flight(settings.most_in_flight, run.live_runs)
        self.pace = Pace(clock.steady())
        self.purse = Purse(run.cap_usd, run.cost_usd + run.unknown_usd)
        self.opening = Opening(OPENING_ITEMS if run.settled == 0 and run.items > OPENING_ITEMS else 0)
        self.dice = Random()
        self.changed = asyncio.Event()
        self.journal = Journal(wheel, kind, self.order, self.hear, self.checkpoints)
        self.ready: deque[PlannedCall] = deque()
        # By intent, not by item: an item's next call may begin before the task of its last one has ended.
        self.flying: dict[UUID, tuple[int, asyncio.Task[None]]] = {}
        self.boarding: set[asyncio.Task[Any]] = set()
        self.claiming: asyncio.Task[None] | None = None
        self.calls_per_second: float | None = None
        self.claim_after = 0.0
        self.is_forgetful = False
        self.suspects = 0
        self.ending: Ending | None = None
        self.message = ""
        self.resets_at: datetime | None = None
        self.error: BaseException | None = None

    async def drive(self) -> RunState:
        """Drive until the run ends, pauses, stops, or `drain` is called; the run's state then. Raises WheelLost."""
        helpers = [asyncio.create_task(self.guarded(work)) for work in (self.journal.keep(), self.beat())]
        try:
            taken = await self.insist(lambda: self.claims.take_over(self.settings.retries))
            self.suspects, self.purse = taken.suspects, Purse(self.purse.cap, taken.used_usd)
            self.hear(RunState(self.wheel.run.state))
            while self.ending is None:
                await self.turn()
            await self.land()
            ending, message = self.ending, self.message
            log.info("run.rests", run_id=str(self.order.run_id), ending=ending, reason=message)
            return await self.insist(lambda: self.claims.finish(ending, message, self.purse.cap, self.resets_at))
        finally:
            doomed = [
                *helpers,
                *(task for _, task in self.flying.values()),
                *([self.claiming] if self.claiming else []),
            ]
            for task in doomed:
                task.cancel()
            await asyncio.gather(*doomed, return_exceptions=True)
            await self.kind.close()

    def drain(self) -> None:
        """Claim nothing more, let what is under way come back, and leave the rest to a successor."""
        self.end(Ending.DRAINED)

    # What ends a drive ------------------------------------------------------------------------------

    def hear(self, state: RunState) -> None:
        """The run's state is the flag: anything but running means to come to rest."""
        if state is not RunState.RUNNING:
            self.end(Ending.TOLD)

    def end(self, ending: Ending, message: str = "") -> None:
        """Come to rest; who waits for a permit waits no more."""
        if self.ending is None:
            self.ending, self.message = ending, message
            for task in self.boarding:
                task.cancel()
        self.changed.set()

    async def guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a part of the drive; what breaks it breaks the drive."""
        try:
            await work
        # Nothing is swallowed: a task's error would be lost, so it is handed to the loop, which raises it.
        except Exception as error:
            self.error = self.error or error
            self.changed.set()

    def raise_error(self) -> None:
        if self.error is not None:
            raise self.error

    # The loop ---------------------------------------------------------------------------------------

    async def beat(self) -> None:
        """Beat from the loop that does the work, so that a stuck loop loses the wheel."""
        while True:
            try:
                beat = await asyncio.to_thread(self.wheel.beat, self.pace.per_minute(self.clock.steady()))
                self.flight.live_runs, self.purse.cap = beat.live_runs, beat.cap_usd
                self.hear(beat.state)
                pause = BEAT_SECONDS
            except Busy as error:
                log.warning("run.beat.missed", run_id=str(self.order.run_id), reason=error.message)
                pause = RETRY_SECONDS
            self.changed.set()
            await asyncio.sleep(pause)

    async def insist(self, work: Callable[[], T]) -> T:
        """Do blocking work in a thread, for as long as it takes the database to come back."""
        while True:
            self.raise_error()
            try:
                return await asyncio.to_thread(work)
            except Busy as error:
                log.warning("run.waits", run_id=str(self.order.run_id), reason=error.message)
                await asyncio.sleep(RETRY_SECONDS)

    async def turn(self) -> None:
        """Start what may start, claim what is needed, and wait for something to change."""
        self.changed.clear()
        self.raise_error()
        self.board()
        now, limit = self.clock.steady(), self.flight_limit()
        wants_more = len(self.ready) * 2 <= limit and self.ending is None
        if self.claiming is None and wants_more and now >= self.claim_after:
            batch = min(MOST_CLAIMED_AT_ONCE, max(LEAST_CLAIMED_AT_ONCE, limit - len(self.ready)))
            self.claiming = asyncio.create_task(self.guarded(self.claim(batch)))
        claim_due = self.claim_after - now if self.claiming is None and wants_more else BEAT_SECONDS
        await self.something_changes(min(BEAT_SECONDS, max(0.01, claim_due)))

    async def something_changes(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            return

    def board(self) -> None:
        """Send off ready calls while there is room in the air and money for them."""
        while self.ready and len(self.flying) < self.flight_limit() and self.ending is None and self.wheel.is_fresh():
            call = self.ready[0]
            if not self.purse.reserve(call.prepared.reserved_usd):
                if not self.flying:
                    self.end(Ending.BUDGET, OUT_OF_BUDGET)
                return
            self.ready.popleft()
            task = asyncio.create_task(self.guarded(self.fly(call)))
            self.flying[call.intent_id] = (call.prepared.item.item_id, task)

    def flight_limit(self) -> int:
        return self.flight.limit(self.calls_per_second, waits_for_turns=bool(self.boarding))

    async def claim(self, batch: int) -> None:
        """Fill the row of ready calls; when there is nothing to claim, look whether anything is left at all."""
        known = (
            [*(item for item, _ in self.flying.values()), *(call.prepared.item.item_id for call in self.ready)]
            if self.is_forgetful
            else None
        )
        is_suspect = self.suspects > 0
        was_idle = not self.flying and not self.ready
        try:
            claimed = await asyncio.to_thread(self.claims.take, batch, known, suspect=is_suspect)
            self.is_forgetful = False
            self.hear(claimed.state)
            self.ready.extend(claimed.calls)
            if claimed.calls:
                first = claimed.calls[0].prepared
                self.calls_per_second = self.gate.calls_per_second(first.provider, first.costs)
            if claimed.shortage is not None:
                self.run_short(claimed.shortage, was_idle=was_idle and not claimed.calls)
            elif is_suspect:
                self.suspects = self.suspects - 1 if claimed.items else 0
            elif claimed.items == 0 and claimed.state is RunState.RUNNING:
                await self.look_for_the_end()
        except Busy as error:
            log.warning("run.claim.waits", run_id=str(self.order.run_id), reason=error.message)
            self.is_forgetful = True
            self.claim_after = self.clock.steady() + RETRY_SECONDS
        finally:
            self.claiming = None
            self.changed.set()

    def run_short(self, shortage: Shortage, *, was_idle: bool) -> None:
        """Something does not fit into a quota: rest if it will not fit either when all calls under way are back.

        Only if this drive had none under way when it looked: one that came back since may have left an item that is
        paid for and needs nothing more of the quota.
        """
        self.claim_after = self.clock.steady() + LOOK_AGAIN_SECONDS
        if shortage.is_lasting and was_idle:
            self.resets_at = shortage.quota.resets_at
            self.end(Ending.BUDGET if shortage.is_of_money else Ending.QUOTA, shortage.message)

    async def look_for_the_end(self) -> None:
        """Nothing can be claimed: either calls are under way, or retries wait for their time, or all is done."""
        self.claim_after = self.clock.steady() + LOOK_AGAIN_SECONDS
        if self.flying or self.ready:
            return
        left = await asyncio.to_thread(self.claims.items_left)
        if not left.any_open:
            self.end(Ending.FINISHED)
        elif left.due_in_seconds is not None:
            self.claim_after = self.clock.steady() + min(LOOK_AGAIN_SECONDS, max(0.0, left.due_in_seconds))

    async def land(self) -> None:
        """Wait for everything that is under way; what it brings is kept."""
        while self.flying or self.claiming is not None:
            self.changed.clear()
            self.raise_error()
            await self.something_changes(BEAT_SECONDS)
        self.raise_error()

    # One call ---------------------------------------------------------------------------------------

    async def fly(self, call: PlannedCall) -> None:
        """Take one call from its permit to its settlement."""
        cost = Decimal(0)
        try:
            ruling = await self.make(call)
            if ruling is not None:
                await self.journal.settle(ruling)
                cost = self.note(call, ruling)
        finally:
            self.purse.settle(call.prepared.reserved_usd, cost)
            del self.flying[call.intent_id]
            self.changed.set()

    async def make(self, call: PlannedCall) -> Ruling | None:
        """How the call ended; None if it was not even marked, and goes back with all the others."""
        settled = rule_lost_before(call.prepared, call.intent_id, self.settings.retries)
        if settled is not None:
            return settled
        is_marked = False
        while self.ending is None:
            try:
                permit = await self.permit(call)
            except CallTooLarge:
                return rule_too_large(call.prepared, call.intent_id)
            if permit is None:
                break
            self.checkpoints.reached(Step.PERMITTED)
            try:
                if not is_marked:
                    if not await self.journal.mark(call.intent_id):
                        return rule_withdrawn(call.prepared, call.intent_id)
                    is_marked = True
                    self.checkpoints.reached(Step.MARKED)
                if permit.is_valid() and self.wheel.is_fresh() and self.ending is None:
                    return await self.send(call, permit)
            finally:
                permit.give_back()
            await self.until_fresh()
        return rule_withdrawn(call.prepared, call.intent_id) if is_marked else None

    async def permit(self, call: PlannedCall) -> Permit | None:
        """A permit in this call's fair turn; None if the drive came to rest meanwhile. Raises CallTooLarge."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a permit is asked for by a task")
        prepared = call.prepared
        self.boarding.add(task)
        try:
            while True:
                try:
                    return await self.gate.permit(
                        prepared.provider, self.order.org_id, self.order.user_id, prepared.costs
                    )
                except GateShut as error:
                    log.warning("run.gate.shut", run_id=str(self.order.run_id), reason=str(error))
                    await asyncio.sleep(RETRY_SECONDS)
        except asyncio.CancelledError:
            if self.ending is None or task.uncancel() > 0:
                raise
            return None
        finally:
            self.boarding.discard(task)

    async def until_fresh(self) -> None:
        while not self.wheel.is_fresh() and self.ending is None:
            self.raise_error()
            await asyncio.sleep(RETRY_SECONDS)

    async def send(self, call: PlannedCall, permit: Permit) -> Ruling:
        """Make the call and rule on its end. Only a cancelled task (the wheel is lost) leaves without a ruling."""
        began = self.clock.steady()
        prepared = call.prepared
        try:
            answer = await self.kind.call(self.order, prepared, call.intent_id)
        except ProviderError as error:
            tell(permit, error)
            ruling = rule_error(
                prepared,
                call.intent_id,
                error,
                self.settings.retries,
                self.milliseconds(began),
                self.dice,
                is_failing=self.gate.is_failing(prepared.provider),
            )
        # A call that has left must be booked whatever goes wrong around it, even what nobody has thought of.
        except Exception:
            log.exception("run.call.surprised", run_id=str(self.order.run_id), item_id=prepared.item.item_id)
            ruling = rule_surprise(prepared, call.intent_id, self.milliseconds(began))
        else:
            self.flight.landed(self.clock.steady() - began)
            permit.worked()
            permit.settle(answer.used)
            ruling = rule_answer(answer, call.intent_id, self.milliseconds(began))
        finally:
            permit.done()
        if ruling.slow_down is not None:
            self.gate.slow_down(prepared.provider, ruling.slow_down.seconds, ruling.slow_down.reason, permit)
        self.checkpoints.reached(Step.ANSWERED)
        return ruling

    def milliseconds(self, began: float) -> int:
        return round((self.clock.steady() - began) * 1000)

    def note(self, call: PlannedCall, ruling: Ruling) -> Decimal:
        """Draw the consequences of a settled call for the drive; what it has cost, or can have."""
        if ruling.is_final:
            self.pace.add(1, self.clock.steady())
        elif ruling.settled.wait_seconds is None:
            self.claim_after = 0.0
        pause = ruling.park or self.opening.sees(ruling)
        if pause:
            self.end(Ending.PROVIDER, pause)
        return charged(call, ruling)


def tell(permit: Permit, error: ProviderError) -> None:
    """Say what this end of a call means for everybody who uses the same key."""
    match health_of(error):
        case Health.WORKS:
            permit.worked()
        case Health.FAILS:
            permit.failed(outage_reason(error))
        case Health.KEY_REFUSED:
            permit.key_refused(error.message)
        case Health.UNTOLD:
            return


def charged(call: PlannedCall, ruling: Ruling) -> Decimal:
    """What counts against the cap: the charge, or the most it can be where nobody knows."""
    if ruling.settled.status == "unknown":
        return ruling.at_most_usd
    if ruling.settled.cost_usd is None:
        return call.prepared.reserved_usd
    return ruling.settled.cost_usd
