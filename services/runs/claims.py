"""The other stream of a drive's transactions: taking over, claiming and preparing items, and letting go.

Everything here is blocking and runs in a thread. docs/decisions/runs.md, Two streams of transactions.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid4

import structlog

from services.db import quotas, runs
from services.db.pool import Tx
from services.db.runs import Counts, ItemsLeft, LostCalls, Plan, RunOrder, Unworked
from services.domain.quotas import day_of, month_start
from services.domain.runs import ItemState, RunState
from services.errors import Busy
from services.runs.allowance import Shortage, reserve
from services.runs.checkpoints import Checkpoints, Step
from services.runs.kinds import Answered, Charge, ClaimedItem, Kind, NotWorked, Prepared
from services.runs.outcomes import RetryPolicy
from services.runs.wheel import Wheel, WheelLost

NOT_PREPARED = (
    "An error of ours kept this person from being asked about. Retry this person; if it happens again, tell the"
    " operator of this installation."
)
NOTHING_DONE = "None of the {items} could be done. Each one below says why."

log = structlog.get_logger(__name__)


class Ending(StrEnum):
    """Why a drive ends."""

    FINISHED = "finished"
    TOLD = "told"
    DRAINED = "drained"
    BUDGET = "budget"
    QUOTA = "quota"
    PROVIDER = "provider"


@dataclass(frozen=True)
class TakenOver:
    """How many items must be taken alone, and what the run has used of its cap, lost calls included."""

    suspects: int
    used_usd: Decimal


@dataclass(frozen=True)
class PlannedCall:
    """A prepared item with its committed intent."""

    intent_id: UUID
    prepared: Prepared


@dataclass(frozen=True)
class Claimed:
    """What one claim brought: the run's state, how many items it took, and the calls they need.

    With a `shortage` some of these items went back: there was not enough of a quota for their calls.
    """

    state: RunState
    items: int
    calls: tuple[PlannedCall, ...] = ()
    shortage: Shortage | None = None


@dataclass(frozen=True)
class Planned:
    """Calls with their committed intents, and of what there was not enough for others."""

    calls: tuple[PlannedCall, ...] = ()
    shortage: Shortage | None = None


@dataclass(frozen=True)
class Claims:
    """Claims items of one run under one wheel."""

    wheel: Wheel
    kind: Kind
    order: RunOrder
    checkpoints: Checkpoints

    def take_over(self, policy: RetryPolicy) -> TakenOver:
        """Settle what earlier drives left open."""
        run = self.wheel.run
        with self.wheel.database.act_for(run.org_id, run.user_id) as tx:
            self.wheel.hold(tx)
            lost = runs.close_lost_calls(tx, run.run_id, run.fence, policy.resends)
            taken = TakenOver(runs.count_suspects(tx, run.run_id), runs.money_used(tx, run.run_id))
        if lost != LostCalls(0, 0, 0):
            log.warning("run.rescued", run_id=str(run.run_id), **vars(lost))
        return taken

    def take(self, batch: int, known: Collection[int] | None, *, suspect: bool) -> Claimed:
        """Claim, prepare and plan. `known` is given after a claim whose answer was lost: all else goes back.

        Raises WheelLost and Busy.
        """
        run = self.wheel.run
        with self.wheel.database.act_for(run.org_id, run.user_id) as tx:
            state = self.wheel.hold(tx)
            if state is not RunState.RUNNING:
                return Claimed(state, 0)
            if known is not None:
                runs.return_forgotten(tx, run.run_id, run.fence, list(known))
            rows = runs.claim_items(tx, run.run_id, run.fence, 1 if suspect else batch, suspects=suspect)
        self.checkpoints.reached(Step.CLAIMED)
        items = [ClaimedItem(**vars(row)) for row in rows]
        planned = self.plan(items) if items else Planned()
        return Claimed(state, len(items), planned.calls, planned.shortage)

    def plan(self, items: Sequence[ClaimedItem]) -> Planned:
        """Prepare items together; if that fails, each alone, so that one bad item fails alone."""
        try:
            return self.plan_together(items, self.kind.prepare)
        except (WheelLost, Busy):
            raise
        # The border to a use case: how the preparation of somebody's data can fail, only the kind knows.
        except Exception:
            log.exception("run.prepare.one_by_one", run_id=str(self.order.run_id), items=len(items))
        each = [self.plan_alone(item) for item in items]
        shortage = next((planned.shortage for planned in each if planned.shortage), None)
        return Planned(tuple(call for planned in each for call in planned.calls), shortage)

    def plan_alone(self, item: ClaimedItem) -> Planned:
        try:
            return self.plan_together([item], self.kind.prepare)
        except (WheelLost, Busy):
            raise
        # The same border; what failed is in the log, and the item says so to people.
        except Exception:
            log.exception("run.prepare.failed", run_id=str(self.order.run_id), item_id=item.item_id)
            return self.plan_together([item], refuse_to_prepare)

    def plan_together(
        self,
        items: Sequence[ClaimedItem],
        prepare: Callable[[Tx, RunOrder, Sequence[ClaimedItem]], Sequence[Prepared | NotWorked]],
    ) -> Planned:
        """Prepare, and only then lock the run's row: reading profiles must not hold up the journal.

        A call gets its intent together with its share of the quotas, or its item goes back.
        """
        run = self.wheel.run
        with self.wheel.database.act_for(run.org_id, run.user_id) as tx:
            prepared = prepare(tx, self.order, items)
            if {one.item.item_id for one in prepared} != {item.item_id for item in items}:
                raise ValueError(f"{self.kind.name} must answer for every item exactly once")
            self.checkpoints.reached(Step.PREPARED)
            calls = [PlannedCall(uuid4(), one) for one in prepared if isinstance(one, Prepared)]
            unworked = [one for one in prepared if isinstance(one, NotWorked)]
            self.wheel.hold(tx)
            planned = self.write_intents(tx, calls) if calls else Planned()
            if unworked:
                self.finish_unworked(tx, unworked)
        self.checkpoints.reached(Step.PLANNED)
        return planned

    def write_intents(self, tx: Tx, calls: Sequence[PlannedCall]) -> Planned:
        run, now, terms = self.wheel.run, self.wheel.clock.now(), quotas.terms(tx)
        month = month_start(now, terms.time_zone)
        reserved = reserve(tx, now, terms, run.user_id, [plan_of(call, now, month) for call in calls])
        planned = {plan.id for plan in reserved.plans}
        if reserved.plans:
            runs.plan_calls(tx, run.run_id, self.wheel.drive_id, run.user_id, run.fence, reserved.plans)
        if reserved.shortage:
            left_over = [call.prepared.item.item_id for call in calls if call.intent_id not in planned]
            runs.return_items(tx, run.fence, left_over)
        return Planned(tuple(call for call in calls if call.intent_id in planned), reserved.shortage)

    def finish_unworked(self, tx: Tx, unworked: Sequence[NotWorked]) -> None:
        rows = [Unworked(one.item.item_id, one.state, one.reason_code, one.reason) for one in unworked]
        states = runs.finish_unworked(tx, self.wheel.run.fence, rows)
        counts = Counts(
            done=states.count(ItemState.DONE),
            failed=states.count(ItemState.FAILED),
            refused=states.count(ItemState.REFUSED),
            skipped=states.count(ItemState.SKIPPED),
        )
        runs.count_outcomes(tx, self.order.run_id, self.wheel.run.fence, counts)

    def items_left(self) -> ItemsLeft:
        with self.wheel.database.act_for(self.order.org_id, self.order.user_id) as tx:
            return runs.items_left(tx, self.order.run_id)

    def finish(
        self, ending: Ending, message: str, cap_usd: Decimal | None, resets_at: datetime | None = None
    ) -> RunState:
        """Put back what was not sent, give the run its next state, and let go of the wheel; the state then.

        `cap_usd` is the cap that this drive kept to: one that came to rest at it, while a person gave the run another,
        leaves the run to a successor. A run that a quota or a monthly budget pauses remembers when that resets. One
        that is stopped keeps what each item's first call brought.
        """
        run = self.wheel.run
        with self.wheel.database.act_for(run.org_id, run.user_id) as tx:
            state = self.wheel.hold(tx)
            runs.return_claimed(tx, run.run_id, run.fence)
            if ending is Ending.BUDGET and resets_at is None and runs.cap_of(tx, run.run_id) != cap_usd:
                ending = Ending.DRAINED
            if state is RunState.STOPPING:
                self.keep_first_results(tx)
                runs.end_run(tx, run.run_id, run.fence, RunState.STOPPED, "")
            elif state is RunState.RUNNING and ending in (Ending.BUDGET, Ending.QUOTA, Ending.PROVIDER):
                runs.pause_run(tx, run.run_id, ending.value, message, resets_at)
            elif state is RunState.RUNNING and not runs.items_left(tx, run.run_id).any_open:
                self.end_run(tx)
            runs.end_drive(tx, run.run_id, run.fence, ending)
            progress = runs.find_progress(tx, run.run_id)
        return progress.state if progress else state

    def keep_first_results(self, tx: Tx) -> None:
        """Settle items that only wait for a later call: what the earlier one brought was paid for."""
        try:
            with tx.transaction():
                self.settle_first_results(tx)
        except (WheelLost, Busy):
            raise
        # The border to a use case: one that cannot store its results must not keep a run from being stopped.
        except Exception:
            log.exception("run.first_results.not_stored", run_id=str(self.order.run_id))

    def settle_first_results(self, tx: Tx) -> None:
        rows = runs.claim_first_results(tx, self.order.run_id, self.wheel.run.fence)
        items = [ClaimedItem(**vars(row)) for row in rows]
        prepared = self.kind.prepare(tx, self.order, items) if items else []
        kept = [one for one in prepared if isinstance(one, Prepared) and one.otherwise is not None]
        if kept:
            self.kind.settle(tx, self.order, [Answered(one, Charge("free"), {}, result=one.otherwise) for one in kept])
            self.finish_unworked(tx, [NotWorked(one.item, ItemState.DONE, "", "") for one in kept])
        runs.return_claimed(tx, self.order.run_id, self.wheel.run.fence)

    def end_run(self, tx: Tx) -> None:
        progress = runs.find_progress(tx, self.order.run_id)
        nothing_done = progress is not None and progress.items > 0 and progress.done + progress.skipped == 0
        state = RunState.FAILED if nothing_done else RunState.SUCCEEDED
        message = NOTHING_DONE.format(items=progress.items) if progress and nothing_done else ""
        runs.end_run(tx, self.order.run_id, self.wheel.run.fence, state, message)


def refuse_to_prepare(_tx: Tx, _order: RunOrder, items: Sequence[ClaimedItem]) -> Sequence[NotWorked]:
    return [NotWorked(item, ItemState.FAILED, "not_prepared", NOT_PREPARED) for item in items]


def plan_of(call: PlannedCall, now: datetime, month: date) -> Plan:
    prepared = call.prepared
    return Plan(
        call.intent_id,
        prepared.item.item_id,
        prepared.provider,
        prepared.operation,
        prepared.request_hash.hex(),
        prepared.reserved_usd.quantize(Decimal("0.00000001")),
        dict(prepared.costs),
        dict(prepared.units),
        day_of(prepared.provider, now),
        month,
    )
