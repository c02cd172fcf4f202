"""The journal of a drive: marks and settlements of calls, written in groups.

Whoever adds an entry goes on only when it is committed; meanwhile others add theirs, and all of them share
the next transaction. An entry may be written twice (a commit whose answer was lost is simply repeated):
a call that is closed already is neither booked nor counted again. docs/decisions/runs.md, Group commit.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

import structlog

from services.db import runs
from services.db.pool import Tx
from services.db.runs import Counts, RunOrder
from services.domain.runs import ItemState, RunState
from services.errors import Busy
from services.runs.checkpoints import Checkpoints, Step
from services.runs.kinds import Kind
from services.runs.outcomes import Ruling
from services.runs.wheel import Wheel, WheelLost

GATHER_SECONDS = 0.04
MOST_ENTRIES = 400
RETRY_SECONDS = 0.5

NOT_STORED = (
    "The answer came and was charged, but could not be kept. Retry this person; if it happens again, tell the operator"
    " of this installation."
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Mark:
    """The call of this intent is about to leave."""

    intent_id: UUID


@dataclass(frozen=True)
class Settlement:
    """A call has ended."""

    ruling: Ruling


Entry = Mark | Settlement


@dataclass(frozen=True)
class Written:
    """What a transaction found: the run's state, and marks that were refused because a quota was changed."""

    state: RunState
    stale: frozenset[UUID] = frozenset()

    def with_more(self, more: "Written") -> "Written":
        return Written(more.state, self.stale | more.stale)


@dataclass(eq=False)
class Waiting:
    """An entry, and whoever waits until it is committed; a mark says whether its call may leave."""

    entry: Entry
    written: asyncio.Future[bool]


@dataclass
class Journal:
    """Everything a drive writes about its calls. `news` is told the run's state at each transaction."""

    wheel: Wheel
    kind: Kind
    order: RunOrder
    news: Callable[[RunState], None]
    checkpoints: Checkpoints
    waiting: list[Waiting] = field(default_factory=list)
    has_entries: asyncio.Event = field(default_factory=asyncio.Event)

    async def mark(self, intent_id: UUID) -> bool:
        """Return when the mark is committed; False if its quota was changed and it has to be planned anew.

        Raises WheelLost.
        """
        return await self.add(Mark(intent_id))

    async def settle(self, ruling: Ruling) -> None:
        """Return when the call is closed, booked and counted. Raises WheelLost."""
        await self.add(Settlement(ruling))

    async def add(self, entry: Entry) -> bool:
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.waiting.append(Waiting(entry, written))
        self.has_entries.set()
        return await written

    async def keep(self) -> None:
        """Write groups for ever; ends with WheelLost, and then nobody's entry is written any more."""
        while True:
            await self.has_entries.wait()
            await asyncio.sleep(GATHER_SECONDS)
            group, self.waiting = self.waiting[:MOST_ENTRIES], self.waiting[MOST_ENTRIES:]
            if not self.waiting:
                self.has_entries.clear()
            try:
                stale = await self.write_until_written([waiting.entry for waiting in group])
            except BaseException as error:
                for waiting in [*group, *self.waiting]:
                    if not waiting.written.done():
                        waiting.written.set_exception(WheelLost() if isinstance(error, WheelLost) else error)
                        waiting.written.exception()
                raise
            for waiting in group:
                if not waiting.written.done():
                    is_stale = isinstance(waiting.entry, Mark) and waiting.entry.intent_id in stale
                    waiting.written.set_result(not is_stale)

    async def write_until_written(self, group: Sequence[Entry]) -> frozenset[UUID]:
        """Try for as long as the database is away: an answer in hand is never dropped while the wheel is ours.

        The calls that may not leave.
        """
        while True:
            try:
                written = await asyncio.to_thread(self.write, group)
                self.news(written.state)
                return written.stale
            except Busy as error:
                log.warning("run.journal.waits", run_id=str(self.order.run_id), reason=error.message)
                await asyncio.sleep(RETRY_SECONDS)

    def write(self, group: Sequence[Entry]) -> Written:
        """Write a group in one transaction; if one result cannot be stored, each settlement in its own."""
        try:
            written = self.write_together(group)
        except (WheelLost, Busy):
            raise
        # The border to a use case: its `settle` may refuse a result in any way, and the others must not pay for it.
        except Exception:
            log.exception("run.journal.one_by_one", run_id=str(self.order.run_id), entries=len(group))
            written = self.write_alone(group[0])
            for entry in group[1:]:
                written = written.with_more(self.write_alone(entry))
        self.checkpoints.reached(Step.SETTLED)
        return written

    def write_alone(self, entry: Entry) -> Written:
        try:
            return self.write_together([entry])
        except (WheelLost, Busy):
            raise
        # The same border; without a result of a use case in the entry it is an error of ours, and goes on up.
        except Exception:
            if isinstance(entry, Mark) or entry.ruling.answer is None:
                raise
            log.exception("run.result.not_stored", run_id=str(self.order.run_id))
            return self.write_together([Settlement(without_result(entry.ruling))])

    def write_together(self, group: Sequence[Entry]) -> Written:
        marks = [entry.intent_id for entry in group if isinstance(entry, Mark)]
        rulings = [entry.ruling for entry in group if isinstance(entry, Settlement)]
        with self.wheel.database.act_for(self.order.org_id, self.order.user_id) as tx:
            state = self.wheel.hold(tx)
            stale = self.write_marks(tx, marks) if marks else frozenset()
            if rulings:
                self.write_rulings(tx, rulings)
            self.checkpoints.reached(Step.WRITTEN)
        return Written(state, stale)

    def write_marks(self, tx: Tx, marks: Sequence[UUID]) -> frozenset[UUID]:
        """Mark calls; those that may not leave. Raises WheelLost if a successor has withdrawn one."""
        marked = runs.mark_sent(tx, marks)
        if marked.marked + len(marked.stale) != len(marks):
            raise WheelLost
        return frozenset(marked.stale)

    def write_rulings(self, tx: Tx, rulings: Sequence[Ruling]) -> None:
        closed = runs.settle_calls(tx, [ruling.settled for ruling in rulings])
        fresh = [ruling for ruling in rulings if ruling.settled.intent_id in closed]
        answers = [ruling.answer for ruling in fresh if ruling.answer is not None]
        if answers:
            self.kind.settle(tx, self.order, answers)
        if fresh:
            runs.count_outcomes(tx, self.order.run_id, self.wheel.run.fence, counts_of(fresh))


def counts_of(rulings: Sequence[Ruling]) -> Counts:
    """What these calls add to the run's counters."""
    states = [ruling.settled.item_state for ruling in rulings]
    return Counts(
        done=states.count(ItemState.DONE),
        failed=states.count(ItemState.FAILED),
        refused=states.count(ItemState.REFUSED),
        unknown=states.count(ItemState.UNKNOWN),
        cost_usd=sum((ruling.settled.cost_usd or Decimal(0) for ruling in rulings), Decimal(0)),
        unknown_usd=sum((ruling.at_most_usd for ruling in rulings), Decimal(0)),
    )


def without_result(ruling: Ruling) -> Ruling:
    """The same call, its charge kept, with an item that failed because its result could not be stored."""
    reason = NOT_STORED
    settled = replace(ruling.settled, item_state=ItemState.FAILED, reason_code="not_stored", reason=reason)
    return replace(ruling, settled=settled, answer=None)
