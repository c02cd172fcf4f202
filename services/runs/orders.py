"""Runs as people give and watch them: open, look, stop, pause, resume, retry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

from services.clock import Clock, SystemClock
from services.db import runs as db
from services.db.pool import Database, Tx
from services.db.runs import SHIPPED_BOUNDS, DriveRow, LockedRun, NewRun, StartBounds
from services.domain.actors import Actor
from services.domain.money import show_exact_usd
from services.domain.runs import (
    RETRIED_STATES,
    ItemState,
    ReceiptLine,
    RunEvent,
    RunItem,
    RunKind,
    RunProgress,
    RunState,
    StartedRun,
)
from services.errors import BadInput, Conflict, NotAllowed, NotFound, OutOfBudget
from services.runs.allowance import refuse_over_quota

PAGE_SIZE = 50
MOST_EVENTS = 500
GONE = "This run does not exist any more."
NOT_YOURS = "Only the person who started this run, a manager or an admin can do that."
NOTHING_TO_DO = "There is nobody to work on. Choose at least one person."
OVER_CAP = "The estimate of {estimate} passes the cap of {cap}. Raise the cap or choose fewer people."
SPENT_CAP = "This run has reached its cap. Give a new cap above {cap}, or stop the run."


@dataclass(frozen=True)
class TheseCandidates:
    """The people a run is for, by id and in this order."""

    candidate_ids: Sequence[int]


@dataclass(frozen=True)
class MembersOf:
    """All members of a list, in the list's order; never loaded into memory."""

    list_id: UUID


@dataclass(frozen=True)
class RunRequest:
    """What somebody orders. `start_token` comes from the form, so that a double click starts one run."""

    kind: RunKind
    people: TheseCandidates | MembersOf
    title: str
    version_id: UUID | None = None
    list_id: UUID | None = None
    parameters: Mapping[str, Any] | None = None
    start_token: UUID | None = None
    estimate_usd: Decimal | None = None
    estimate_calls: int | None = None
    cap_usd: Decimal | None = None
    started_by: str = "page"


def tell_nobody(_kind: RunKind) -> None:
    """Where nothing waits for a key."""


@dataclass(frozen=True)
class Runs:
    """All runs of an organization; who drives them is none of its business.

    `tell_mended` hears of each run that a person resumes after its provider paused it.
    """

    database: Database
    bounds: StartBounds = SHIPPED_BOUNDS
    clock: Clock = field(default_factory=SystemClock)
    tell_mended: Callable[[RunKind], None] = tell_nobody

    def open(self, tx: Tx, actor: Actor, request: RunRequest) -> StartedRun:
        """Write a run, its items and its first drive in the caller's transaction.

        The same start token of the same person gives the run it gave before. Raises BadInput without
        people, and OutOfBudget when it passes the cap, a quota or the month's budget.
        """
        refuse_over_cap(request.estimate_usd, request.cap_usd)
        run_id = db.insert_run(tx, new_run(actor, request, retry_of=None))
        if run_id is None:
            return self.started_before(tx, actor, request.start_token) or form_of_another()
        match request.people:
            case MembersOf(list_id):
                items = db.insert_items_of_list(tx, run_id, list_id)
            case TheseCandidates(candidate_ids):
                items = db.insert_items_of_candidates(tx, run_id, candidate_ids)
        self.refuse_over_quota(tx, actor, request.kind, items, request.estimate_usd)
        return begin(tx, run_id, items, request.started_by)

    def refuse_over_quota(self, tx: Tx, actor: Actor, kind: RunKind, items: int, estimate_usd: Decimal | None) -> None:
        refuse_over_quota(tx, self.clock.now(), actor.user_id, kind, items, estimate_usd)

    def started_before(self, tx: Tx, actor: Actor, start_token: UUID | None) -> StartedRun | None:
        """The run that this person's form started already, if it did."""
        found = db.run_started_with(tx, start_token, actor.user_id) if start_token else None
        return StartedRun(found[0], found[1], self.find(tx, found[0]).items, is_new=False) if found else None

    def progress(self, actor: Actor, run_id: UUID) -> RunProgress:
        """How far a run of the actor's organization is. Raises NotFound."""
        with self.database.act_as(actor) as tx:
            return self.find(tx, run_id)

    def recent(self, actor: Actor, *, team: bool = False, before: datetime | None = None) -> list[RunProgress]:
        """The newest runs: one's own, or with `team` and the right to it everybody's."""
        whose = None if team and actor.may_see_team_usage else actor.user_id
        with self.database.act_as(actor) as tx:
            return db.recent_runs(tx, whose, before, PAGE_SIZE)

    def items(
        self, actor: Actor, run_id: UUID, states: Sequence[ItemState] | None = None, after: int = 0
    ) -> list[RunItem]:
        """A page of a run's items behind the position `after`. Raises NotFound."""
        with self.database.act_as(actor) as tx:
            self.find(tx, run_id)
            return db.page_of_items(tx, run_id, states, after, PAGE_SIZE)

    def states(self, actor: Actor, run_id: UUID) -> dict[ItemState, int]:
        """How many of a run's items are in each state, all states named. Raises NotFound."""
        with self.database.act_as(actor) as tx:
            self.find(tx, run_id)
            return dict.fromkeys(ItemState, 0) | db.states_of_items(tx, run_id)

    def events(self, actor: Actor, run_id: UUID) -> list[RunEvent]:
        """The history of a run. Raises NotFound."""
        with self.database.act_as(actor) as tx:
            self.find(tx, run_id)
            return db.events_of(tx, run_id, MOST_EVENTS)

    def receipt(self, actor: Actor, run_id: UUID) -> list[ReceiptLine]:
        """What a run was charged so far. Raises NotFound."""
        with self.database.act_as(actor) as tx:
            self.find(tx, run_id)
            return db.receipt_of(tx, run_id)

    def stop(self, actor: Actor, run_id: UUID) -> RunProgress:
        """Ask a run to stop; what is under way is kept. Stopping twice is stopping once.

        Raises NotFound and NotAllowed.
        """
        with self.database.act_as(actor) as tx:
            run = own(tx, actor, run_id)
            if run.state in (RunState.QUEUED, RunState.RUNNING, RunState.PAUSED):
                may_be_calling = run.state == RunState.RUNNING or (run.state == RunState.PAUSED and run.is_driven)
                # A driver has yet to settle what was paid for.
                is_needed = may_be_calling or db.has_first_results(tx, run_id)
                state = RunState.STOPPING if is_needed else RunState.STOPPED
                db.ask_to_stop(tx, run_id, actor.user_id, state)
            return self.find(tx, run_id)

    def pause(self, actor: Actor, run_id: UUID) -> RunProgress:
        """Let a run rest until it is resumed. Raises NotFound, NotAllowed and Conflict."""
        with self.database.act_as(actor) as tx:
            run = own(tx, actor, run_id)
            if run.state not in (RunState.QUEUED, RunState.RUNNING, RunState.PAUSED):
                raise Conflict("This run has ended or is about to.")
            db.pause_run(tx, run_id, "user", "")
            return self.find(tx, run_id)

    def resume(self, actor: Actor, run_id: UUID, cap_usd: Decimal | None = None) -> StartedRun:
        """Put a paused run back into the queue, with a higher cap if one is given.

        While the last drive's calls are still coming back it runs on instead (docs/run-life.md, Ending early). What the
        provider refused is tried at once (docs/decisions/breaker.md, A refused key).
        Raises NotFound, NotAllowed and Conflict; OutOfBudget where the cap leaves nothing to spend.
        """
        with self.database.act_as(actor) as tx:
            run = own(tx, actor, run_id)
            if run.state != RunState.PAUSED:
                raise Conflict("This run is not paused any more.")
            # A budget that resets is the organization's of the month: the run's own cap has nothing to do with it.
            if run.pause_reason == "budget" and run.resets_at is None:
                refuse_spent_cap(self.find(tx, run_id), run.cap_usd if cap_usd is None else cap_usd)
            db.resume_run(tx, run_id, run.cap_usd if cap_usd is None else cap_usd)
            drive_id, items = db.insert_drive(tx, run_id, "page"), self.find(tx, run_id).items
        if run.pause_reason == "provider":
            self.tell_mended(RunKind(run.kind))
        return StartedRun(run_id, drive_id, items, is_new=False)

    def retry_failed(self, actor: Actor, run_id: UUID, start_token: UUID | None = None) -> StartedRun:
        """A new run for what failed or stayed unknown in an ended one; the old one's receipt stays as it is.

        Raises NotFound, NotAllowed, Conflict while the run goes on, BadInput when nothing failed, and OutOfBudget.
        """
        with self.database.act_as(actor) as tx:
            run = own(tx, actor, run_id)
            if not RunState(run.state).is_final:
                raise Conflict("This run is still going on. Retry what failed when it has ended.")
            before = self.find(tx, run_id)
            estimate_usd, estimate_calls = before.retry_estimate
            refuse_over_cap(estimate_usd, run.cap_usd)
            again = NewRun(
                user_id=actor.user_id,
                kind=run.kind,
                title=run.title,
                version_id=run.version_id,
                list_id=run.list_id,
                retry_of=run_id,
                start_token=start_token,
                parameters=run.parameters,
                cap_usd=run.cap_usd,
                estimate_usd=estimate_usd,
                estimate_calls=estimate_calls,
            )
            new_id = db.insert_run(tx, again)
            if new_id is None:
                return self.started_before(tx, actor, start_token) or form_of_another()
            items = db.insert_items_to_retry(tx, new_id, run_id, RETRIED_STATES)
            self.refuse_over_quota(tx, actor, RunKind(run.kind), items, estimate_usd)
            return begin(tx, new_id, items, "page")

    def drive(self, actor: Actor, drive_id: UUID) -> DriveRow:
        """What became of a drive in the actor's organization. Raises NotFound."""
        with self.database.act_as(actor) as tx:
            drive = db.drive_of(tx, drive_id)
        if drive is None:
            raise NotFound(GONE)
        return drive

    def find(self, tx: Tx, run_id: UUID) -> RunProgress:
        """A run as it stands. Raises NotFound."""
        progress = db.find_progress(tx, run_id, self.bounds)
        if progress is None:
            raise NotFound(GONE)
        return progress


def refuse_over_cap(estimate_usd: Decimal | None, cap_usd: Decimal | None) -> None:
    refusal = over_cap(estimate_usd, cap_usd)
    if refusal:
        raise OutOfBudget(refusal)


def over_cap(estimate_usd: Decimal | None, cap_usd: Decimal | None) -> str:
    """Why an order of this price would be refused under this cap; nothing if it would not."""
    if estimate_usd is None or cap_usd is None or estimate_usd <= cap_usd:
        return ""
    return OVER_CAP.format(estimate=show_exact_usd(estimate_usd), cap=show_exact_usd(cap_usd))


def refuse_spent_cap(run: RunProgress, cap_usd: Decimal | None) -> None:
    """A run that rests at its cap goes on only with a higher one."""
    spent = run.cost_usd + run.unknown_usd
    if cap_usd is not None and (cap_usd <= spent or (run.cap_usd is not None and cap_usd <= run.cap_usd)):
        raise OutOfBudget(SPENT_CAP.format(cap=show_exact_usd(max(spent, run.cap_usd or Decimal(0)))))


def new_run(actor: Actor, request: RunRequest, retry_of: UUID | None) -> NewRun:
    list_id = request.people.list_id if isinstance(request.people, MembersOf) else request.list_id
    return NewRun(
        user_id=actor.user_id,
        kind=request.kind,
        title=request.title,
        version_id=request.version_id,
        list_id=list_id,
        retry_of=retry_of,
        start_token=request.start_token,
        parameters=request.parameters or {},
        cap_usd=request.cap_usd,
        estimate_usd=request.estimate_usd,
        estimate_calls=request.estimate_calls,
    )


def begin(tx: Tx, run_id: UUID, items: int, started_by: str) -> StartedRun:
    if items == 0:
        raise BadInput(NOTHING_TO_DO)
    db.count_items(tx, run_id, items)
    return StartedRun(run_id, db.insert_drive(tx, run_id, started_by), items)


def form_of_another() -> NoReturn:
    raise Conflict("This form was used before. Reload the page and start again.")


def own(tx: Tx, actor: Actor, run_id: UUID) -> LockedRun:
    """Lock a run that this person may steer: its owner, a manager or an admin."""
    run = db.lock_run(tx, run_id)
    if run is None:
        raise NotFound(GONE)
    if run.user_id != actor.user_id and not actor.may_see_team_usage:
        raise NotAllowed(NOT_YOURS)
    return run
