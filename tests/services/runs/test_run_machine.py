"""A run under any order of what processes and people can do to it, beside a model of it in plain Python."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs

from services.clock import SystemClock
from services.db.pool import Database, Tx
from services.domain.actors import Actor
from services.domain.runs import ItemState, RunKind, RunState
from services.errors import Conflict, OutOfBudget
from services.providers.errors import BadAnswer, BadRequest, TooManyRequests, TryAgain, UnknownOutcome
from services.runs.checkpoints import NoCheckpoints
from services.runs.claims import Claims, Ending, PlannedCall
from services.runs.driver import charged
from services.runs.flight import Purse
from services.runs.journal import Entry, Journal, Mark, Settlement
from services.runs.kinds import Answered, Charge, ClaimedItem, NotWorked, Prepared, RunOrder
from services.runs.orders import RunRequest, Runs, TheseCandidates
from services.runs.outcomes import (
    RetryPolicy,
    Ruling,
    rule_answer,
    rule_error,
    rule_lost_before,
    rule_surprise,
    rule_too_large,
    rule_withdrawn,
)
from services.runs.wheel import LEASE_SECONDS, Wheel, WheelLost, take_wheel
from tests.faults.rig import PRICE, PROVIDER, RESULTS, Shopping, expire_lease, make_candidates, new_drive
from tests.fixtures.postgres import Team

Superuser = psycopg.Connection[Any]
PEOPLE = 8
RESERVED = PRICE * 2
POLICY = RetryPolicy(2, {PROVIDER: 1})
OPEN = (ItemState.WAITING, ItemState.CLAIMED, ItemState.SENT)
COUNTED = (ItemState.DONE, ItemState.FAILED, ItemState.REFUSED, ItemState.SKIPPED, ItemState.UNKNOWN)
# docs/run-life.md, States of a run.
NEXT_STATES = {
    "queued": {"running", "paused", "stopped"},
    "running": {"paused", "stopping", "succeeded", "failed"},
    "paused": {"queued", "running", "stopping", "stopped"},
    "stopping": {"stopped"},
}


class Died(BaseException):
    """The process ends in the middle of its work, and nothing of it runs any more."""


@dataclass
class Paper(Shopping):
    """Work that calls nobody: the machine itself decides how each call ends."""

    fates: dict[int, str] = field(default_factory=dict)
    dies: bool = False

    def prepare(self, tx: Tx, order: RunOrder, items: Sequence[ClaimedItem]) -> Sequence[Prepared | NotWorked]:
        if self.dies:
            raise Died
        return super().prepare(tx, order, items)

    def prepare_one(self, item: ClaimedItem) -> Prepared | NotWorked:
        fate = self.fates[item.candidate_id or 0]
        return super().prepare_one(item) if fate == "call" else NotWorked(item, fate, "fate", "It was so decided.")


@dataclass
class Item:
    """What the model knows of one item."""

    candidate_id: int
    state: ItemState = ItemState.WAITING
    is_delayed: bool = False
    attempts: int = 0
    unknowns: int = 0
    rescues: int = 0
    is_planned: bool = False
    has_first_result: bool = False

    def end(self, state: ItemState) -> None:
        """A second call only adds to what the first one brought, so its failure takes nothing away."""
        self.state = ItemState.DONE if self.has_first_result else state


@dataclass
class Model:
    """A run as it ought to be."""

    items: dict[int, Item]
    cap: Decimal | None
    state: RunState = RunState.QUEUED
    pause_reason: str = ""
    is_held: bool = False
    is_expired: bool = False
    cost: Decimal = Decimal(0)
    perhaps: Decimal = Decimal(0)

    def count(self, *states: ItemState) -> int:
        return sum(item.state in states for item in self.items.values())

    @property
    def can_be_taken(self) -> bool:
        return not self.state.is_final and (not self.is_held or self.is_expired)

    def be_taken(self) -> None:
        """The successor settles for its predecessor."""
        self.is_held, self.is_expired = True, False
        if self.state is RunState.QUEUED:
            self.state = RunState.RUNNING
        for item in self.items.values():
            if item.state is ItemState.SENT:
                self.perhaps += RESERVED
                may_wait = item.unknowns < POLICY.resends[PROVIDER] or item.has_first_result
                item.state = ItemState.WAITING if may_wait else ItemState.UNKNOWN
                item.unknowns += 1
            elif item.state is ItemState.CLAIMED and item.is_planned:
                item.state = ItemState.WAITING
            elif item.state is ItemState.CLAIMED:
                item.state = ItemState.WAITING if item.rescues < 1 else ItemState.FAILED
                item.rescues += 1

    def claimable(self, batch: int, *, suspects: bool) -> list[int]:
        waiting = [
            item_id
            for item_id, item in self.items.items()
            if item.state is ItemState.WAITING and not item.is_delayed and (item.rescues > 0) == suspects
        ]
        return waiting[: 1 if suspects else batch] if self.state is RunState.RUNNING else []

    def settle(self, item: Item, outcome: str) -> None:
        item.is_planned = False
        self.cost += PRICE if outcome in ("done", "carried", "no answer") else 0
        self.perhaps += RESERVED if outcome in ("unreadable", "lost", "surprise") else 0
        match outcome:
            case "done":
                item.state = ItemState.DONE
            case "carried":
                item.state, item.has_first_result = ItemState.WAITING, True
            case "no answer" | "unreadable":
                item.end(ItemState.FAILED)
            case "refused" | "too large":
                item.end(ItemState.REFUSED)
            case "lost before":
                item.end(ItemState.UNKNOWN)
            case "too many" | "withdrawn":
                item.state = ItemState.WAITING
            case "overloaded":
                self.try_again(item)
            case "lost" | "surprise":
                item.unknowns += 1
                if outcome == "lost" and item.unknowns <= POLICY.resends[PROVIDER]:
                    item.state = ItemState.WAITING
                else:
                    item.end(ItemState.UNKNOWN)

    def try_again(self, item: Item) -> None:
        item.attempts += 1
        if item.attempts < POLICY.most_attempts:
            item.state, item.is_delayed = ItemState.WAITING, True
        else:
            item.end(ItemState.FAILED)

    def pause(self, reason: str) -> None:
        self.state, self.pause_reason = RunState.PAUSED, reason

    def go_on(self, state: RunState) -> None:
        self.state, self.pause_reason = state, ""

    @property
    def waiting_with_first_result(self) -> list[Item]:
        return [item for item in self.items.values() if item.state is ItemState.WAITING and item.has_first_result]

    def rest(self, ending: Ending) -> None:
        self.is_held = False
        for item in self.items.values():
            if item.state is ItemState.CLAIMED:
                item.state = ItemState.WAITING
        if self.state is RunState.STOPPING:
            self.state = RunState.STOPPED
            for item in self.waiting_with_first_result:
                item.state = ItemState.DONE
        elif self.state is RunState.RUNNING and ending in (Ending.BUDGET, Ending.PROVIDER):
            self.pause(ending.value)
        elif self.state is RunState.RUNNING and self.count(*OPEN) == 0:
            is_vain = self.count(ItemState.DONE, ItemState.SKIPPED) == 0
            self.state = RunState.FAILED if is_vain else RunState.SUCCEEDED


SENT_OUTCOMES = (
    "done",
    "carried",
    "no answer",
    "unreadable",
    "refused",
    "too many",
    "overloaded",
    "lost",
    "surprise",
    "withdrawn",
)


@dataclass
class Drive:
    """One process: its wheel, the real functions under it, and the calls in its memory."""

    wheel: Wheel
    claims: Claims
    journal: Journal
    purse: Purse
    planned: dict[UUID, PlannedCall] = field(default_factory=dict)
    sent: dict[UUID, PlannedCall] = field(default_factory=dict)

    def write(self, entries: Sequence[Entry]) -> RunState:
        """Write a group twice, as after a commit whose answer was lost; the model changes once."""
        self.journal.write(entries)
        return self.journal.write(entries).state


def drive_of(wheel: Wheel, kind: Paper) -> Drive:
    run = wheel.run
    order = RunOrder(run.run_id, run.org_id, run.user_id, run.kind, None, None, run.parameters, run.cap_usd)
    claims = Claims(wheel, kind, order, NoCheckpoints())
    journal = Journal(wheel, kind, order, lambda _state: None, NoCheckpoints())
    return Drive(wheel, claims, journal, Purse(run.cap_usd, run.cost_usd + run.unknown_usd))


def ruling_of(call: PlannedCall, outcome: str) -> Ruling:
    """The product's own ruling on a call that ended so."""
    prepared, intent_id = call.prepared, call.intent_id
    paid = Charge("charged", fulfilled=1, cost_usd=PRICE)
    where = (PROVIDER, "call")
    errors = {
        "unreadable": BadAnswer(*where, "bad", "Nobody can read this."),
        "refused": BadRequest(*where, "bad", "This cannot be asked."),
        "too many": TooManyRequests(*where, "rate", "Too many."),
        "overloaded": TryAgain(*where, "busy", "Overloaded."),
        "lost": UnknownOutcome(*where, "lost", "The answer was lost."),
    }
    match outcome:
        case "done":
            return rule_answer(Answered(prepared, paid, {}, result="yes"), intent_id, 1)
        case "carried":
            return rule_answer(Answered(prepared, paid, {}, carried={"answer": "first"}), intent_id, 1)
        case "no answer":
            return rule_answer(Answered(prepared, paid, {}, reason_code="prose", reason="No JSON."), intent_id, 1)
        case "surprise":
            return rule_surprise(prepared, intent_id, 1)
        case "withdrawn":
            return rule_withdrawn(prepared, intent_id)
        case "too large":
            return rule_too_large(prepared, intent_id)
    return rule_error(prepared, intent_id, errors[outcome], POLICY, 1, Random(1))


ORDERS = {
    "fates": st.lists(st.sampled_from(["call"] * 8 + ["skipped", "refused"]), min_size=1, max_size=PEOPLE),
    "cap": st.none() | st.integers(1, 12).map(lambda cents: PRICE * cents),
    "is_under_way": st.sampled_from([True, True, False]),
}


class RunMachine(RuleBasedStateMachine):
    """One run after another, the drive of the newest, and drives that lost the wheel and do not know it."""

    database: Database
    superuser: Superuser
    actor: Actor
    people: Sequence[int]

    def __init__(self) -> None:
        super().__init__()
        self.runs = Runs(self.database)
        self.kind = Paper("")
        self.current: Drive | None = None
        self.stale: list[Drive] = []
        self.receipts: dict[UUID, object] = {}
        self.finals: dict[int, ItemState] = {}

    @initialize(**ORDERS)
    def open(self, fates: list[str], cap: Decimal | None, is_under_way: bool) -> None:
        people = list(self.people[: len(fates)])
        self.kind.fates = dict(zip(people, fates, strict=True))
        request = RunRequest(RunKind.SCREENING, TheseCandidates(people), "A run", cap_usd=cap)
        with self.database.act_as(self.actor) as tx:
            self.run_id = self.runs.open(tx, self.actor, request).run_id
        self.watch(cap)
        if is_under_way:
            self.take()
            self.claim(PEOPLE, suspect=False)
            if self.current and self.current.planned:
                self.mark(PEOPLE)

    def watch(self, cap: Decimal | None) -> None:
        rows = self.superuser.execute(
            "SELECT id, candidate_id FROM run_items WHERE run_id = %s ORDER BY position", [self.run_id]
        ).fetchall()
        self.model = Model({item_id: Item(candidate_id) for item_id, candidate_id in rows}, cap)

    def to_retry(self) -> list[Item]:
        return [item for item in self.model.items.values() if item.state in ("failed", "refused", "unknown")]

    def item_of(self, call: PlannedCall) -> Item:
        return self.model.items[call.prepared.item.item_id]

    # Who drives -------------------------------------------------------------------------------------

    @precondition(lambda self: not self.model.can_be_taken)
    @rule()
    def be_turned_away(self) -> None:
        """The lease of another drive lives, or the run is over."""
        assert self.try_to_take() is None

    def try_to_take(self) -> Wheel | None:
        return take_wheel(self.database, SystemClock(), new_drive(self.superuser, self.run_id), "machine")

    @precondition(lambda self: self.model.can_be_taken)
    @rule()
    def take(self) -> None:
        """The first process, or the successor of one whose lease has ended."""
        wheel = self.try_to_take()
        assert wheel is not None
        if self.current is not None:
            self.stale.append(self.current)
        self.current = drive_of(wheel, self.kind)
        self.model.be_taken()
        taken = self.current.claims.take_over(POLICY)
        self.current.purse = Purse(self.current.wheel.run.cap_usd, taken.used_usd)
        waiting = [item for item in self.model.items.values() if item.state is ItemState.WAITING]
        assert taken.suspects == sum(item.rescues > 0 for item in waiting)

    @precondition(lambda self: self.model.is_held)
    @rule()
    def lease_runs_out(self) -> None:
        expire_lease(self.superuser, self.run_id)
        self.model.is_expired = True

    @precondition(lambda self: self.current)
    @rule()
    def beat(self) -> None:
        """A late beat takes the lease back, as long as nobody else has the wheel."""
        assert self.current is not None
        beat = self.current.wheel.beat(60.0)
        assert (beat.state, beat.cap_usd) == (self.model.state, self.model.cap)
        self.current.purse.cap = beat.cap_usd
        self.model.is_expired = False

    # What a drive does ------------------------------------------------------------------------------

    @precondition(lambda self: self.current)
    @rule(batch=st.integers(1, 4), suspect=st.booleans())
    def claim(self, batch: int, suspect: bool) -> None:
        assert self.current is not None
        expected = self.model.claimable(batch, suspects=suspect)
        claimed = self.current.claims.take(batch, None, suspect=suspect)
        assert (claimed.state, claimed.items) == (self.model.state, len(expected))
        for item_id in expected:
            item = self.model.items[item_id]
            fate = self.kind.fates[item.candidate_id]
            item.state, item.is_planned = (ItemState.CLAIMED, True) if fate == "call" else (ItemState(fate), False)
        self.current.planned |= {call.intent_id: call for call in claimed.calls}

    @precondition(lambda self: self.current)
    @rule(batch=st.integers(1, 3), suspect=st.booleans())
    def die_preparing(self, batch: int, suspect: bool) -> None:
        assert self.current is not None
        expected = self.model.claimable(batch, suspects=suspect)
        if not expected:
            return
        self.kind.dies = True
        with pytest.raises(Died):
            self.current.claims.take(batch, None, suspect=suspect)
        self.kind.dies = False
        for item_id in expected:
            self.model.items[item_id].state = ItemState.CLAIMED
            self.model.items[item_id].is_planned = False
        self.current = None

    @precondition(lambda self: self.current and self.current.planned)
    @rule(most=st.integers(1, 4))
    def mark(self, most: int) -> None:
        """Mark what there is money for; with nothing under way and no money the run rests."""
        drive = self.current
        assert drive is not None
        calls = []
        for call in list(drive.planned.values())[:most]:
            if lost := rule_lost_before(call.prepared, call.intent_id, POLICY):
                drive.write([Settlement(lost)])
                del drive.planned[call.intent_id]
                self.model.settle(self.item_of(call), "lost before")
                continue
            if not drive.purse.reserve(RESERVED):
                break
            calls.append(call)
        if calls:
            assert drive.write([Mark(call.intent_id) for call in calls]) is self.model.state
            for call in calls:
                drive.sent[call.intent_id] = drive.planned.pop(call.intent_id)
                self.item_of(call).state = ItemState.SENT
        elif drive.planned and not drive.sent:
            self.come_to_rest(Ending.BUDGET)

    @precondition(lambda self: self.current and self.current.sent)
    @rule(outcomes=st.lists(st.sampled_from(SENT_OUTCOMES), min_size=1, max_size=4))
    def settle(self, outcomes: list[str]) -> None:
        assert self.current is not None
        self.settle_calls(list(zip(self.current.sent.values(), outcomes, strict=False)))

    @precondition(lambda self: self.current and self.current.planned)
    @rule()
    def refuse_as_too_large(self) -> None:
        drive = self.current
        assert drive is not None
        call = next(iter(drive.planned.values()))
        drive.write([Settlement(ruling_of(call, "too large"))])
        del drive.planned[call.intent_id]
        self.model.settle(self.item_of(call), "too large")

    def settle_calls(self, ended: Sequence[tuple[PlannedCall, str]]) -> None:
        drive = self.current
        assert drive is not None
        rulings = [ruling_of(call, outcome) for call, outcome in ended]
        assert drive.write([Settlement(ruling) for ruling in rulings]) is self.model.state
        for (call, outcome), ruling in zip(ended, rulings, strict=True):
            drive.purse.settle(RESERVED, charged(call, ruling))
            del drive.sent[call.intent_id]
            self.model.settle(self.item_of(call), outcome)

    @precondition(lambda self: self.current and not self.current.sent)
    @rule(ending=st.sampled_from([Ending.TOLD, Ending.DRAINED, Ending.FINISHED, Ending.PROVIDER]))
    def come_to_rest(self, ending: Ending) -> None:
        drive = self.current
        assert drive is not None
        # A cap that was raised meanwhile is a successor's to use.
        is_at_old_cap = ending is Ending.BUDGET and drive.purse.cap != self.model.cap
        self.model.rest(Ending.DRAINED if is_at_old_cap else ending)
        assert drive.claims.finish(ending, "why", drive.purse.cap) is self.model.state
        with pytest.raises(WheelLost):
            drive.wheel.beat(0.0)
        self.current = None

    # What a drive does that has lost the wheel ------------------------------------------------------

    @precondition(lambda self: self.stale)
    @rule(what=st.sampled_from(["beat", "claim", "mark", "settle", "rest"]), data=st.data())
    def act_too_late(self, what: str, data: st.DataObject) -> None:
        """Whatever it tries, it is told so; that nothing is written, the invariants see."""
        drive = data.draw(st.sampled_from(self.stale), "drive")
        calls = [*drive.sent.values(), *drive.planned.values()]
        with pytest.raises(WheelLost):
            match what:
                case "beat":
                    drive.wheel.beat(1.0)
                case "claim":
                    drive.claims.take(3, [], suspect=False)
                case "mark":
                    drive.journal.write([Mark(call.intent_id) for call in calls] or [Mark(uuid4())])
                case "settle":
                    drive.journal.write([Settlement(ruling_of(call, "done")) for call in calls])
                case "rest":
                    drive.claims.finish(Ending.FINISHED, "", None)

    # What people and time do ------------------------------------------------------------------------

    @precondition(lambda self: self.model.state in (RunState.QUEUED, RunState.RUNNING))
    @rule()
    def pause(self) -> None:
        self.model.pause("user")
        assert self.runs.pause(self.actor, self.run_id).state is RunState.PAUSED

    @precondition(lambda self: self.model.state is RunState.PAUSED)
    @rule(more=st.none() | st.integers(1, 20).map(lambda cents: PRICE * cents))
    def resume(self, more: Decimal | None) -> None:
        """While calls of its last drive are still under way, a run cannot be said to wait for a driver."""
        cap = self.model.cap + more if more and self.model.cap else None
        if self.model.pause_reason == "budget" and cap is None:
            with pytest.raises(OutOfBudget):
                self.runs.resume(self.actor, self.run_id)
            return
        self.runs.resume(self.actor, self.run_id, cap)
        self.model.cap = cap or self.model.cap
        self.model.go_on(RunState.RUNNING if self.model.is_held else RunState.QUEUED)

    @precondition(lambda self: self.model.state in (RunState.QUEUED, RunState.RUNNING, RunState.PAUSED))
    @rule()
    def stop(self) -> None:
        is_needed = self.model.is_held or self.model.state is RunState.RUNNING or self.model.waiting_with_first_result
        self.model.go_on(RunState.STOPPING if is_needed else RunState.STOPPED)
        assert self.runs.stop(self.actor, self.run_id).state is self.model.state

    @precondition(lambda self: self.model.state.is_final or self.model.state is RunState.STOPPING)
    @rule()
    def steer_in_vain(self) -> None:
        assert self.runs.stop(self.actor, self.run_id).state is self.model.state
        for steer in (self.runs.pause, self.runs.resume):
            with pytest.raises(Conflict):
                steer(self.actor, self.run_id)

    @precondition(lambda self: any(item.is_delayed for item in self.model.items.values()))
    @rule()
    def waits_are_over(self) -> None:
        self.superuser.execute("UPDATE run_items SET not_before = NULL WHERE run_id = %s", [self.run_id])
        for item in self.model.items.values():
            item.is_delayed = False

    @precondition(lambda self: self.model.state.is_final and not self.to_retry())
    @rule(**ORDERS)
    def order_another(self, fates: list[str], cap: Decimal | None, is_under_way: bool) -> None:
        """A run of its own; the old one's receipt is kept, and must stay as it is."""
        self.receipts[self.run_id] = self.receipt(self.run_id)
        self.open(fates, cap, is_under_way)

    @precondition(lambda self: self.model.state.is_final and self.to_retry())
    @rule()
    def retry_failed(self) -> None:
        """A new run of what brought no result; here too the old one's receipt must stay as it is."""
        again = self.to_retry()
        self.receipts[self.run_id] = self.receipt(self.run_id)
        self.run_id = self.runs.retry_failed(self.actor, self.run_id).run_id
        self.watch(self.model.cap)
        assert [item.candidate_id for item in self.model.items.values()] == [item.candidate_id for item in again]

    def receipt(self, run_id: UUID) -> object:
        return self.superuser.execute(
            "SELECT r.state, r.items, r.done, r.failed, r.refused, r.skipped, r.unknown, r.cost_usd, r.unknown_usd,"
            " (SELECT array_agg(l.id ORDER BY l.id) FROM ledger l WHERE l.run_id = r.id),"
            " (SELECT array_agg(i.state ORDER BY i.id) FROM run_items i WHERE i.run_id = r.id)"
            " FROM runs r WHERE r.id = %s",
            [run_id],
        ).fetchone()

    # What must hold after every step ----------------------------------------------------------------

    @invariant()
    def the_run_is_as_the_model_says(self) -> None:
        row = self.superuser.execute(
            "SELECT state, pause_reason, lease_until IS NOT NULL, coalesce(lease_until < clock_timestamp(), false),"
            " items, done, failed, refused, skipped, unknown, cost_usd, unknown_usd, cap_usd FROM runs WHERE id = %s",
            [self.run_id],
        ).fetchone()
        model = self.model
        counts = [model.count(state) for state in COUNTED]
        is_expired = model.is_held and model.is_expired
        money = (model.cost, model.perhaps, model.cap)
        state = (model.state, model.pause_reason)
        assert row == (*state, model.is_held, is_expired, len(model.items), *counts, *money)

    @invariant()
    def items_are_as_the_model_says_and_final_states_are_final(self) -> None:
        rows = self.superuser.execute(
            "SELECT i.id, i.state, count(a.item_id) FROM run_items i LEFT JOIN answers a ON a.item_id = i.id"
            " WHERE i.run_id = %s GROUP BY i.id",
            [self.run_id],
        ).fetchall()
        assert {row[0]: row[1] for row in rows} == {key: item.state for key, item in self.model.items.items()}
        assert [row for row in rows if row[2] != (row[1] == "done")] == []
        for item_id, state, _results in rows:
            assert self.finals.setdefault(item_id, state) == state or self.finals[item_id] in OPEN
            self.finals[item_id] = state

    @invariant()
    def every_call_is_accounted_for(self) -> None:
        """One open call an item; none of an item that is not under way; each closed one in the ledger once."""
        wrong = self.superuser.execute(
            "SELECT 'two open calls' FROM intents WHERE run_id = %(run)s AND state IN ('planned', 'sent')"
            " GROUP BY item_id HAVING count(*) > 1"
            " UNION ALL SELECT 'open call of ' || t.state FROM intents i JOIN run_items t ON t.id = i.item_id"
            " WHERE i.run_id = %(run)s AND i.state IN ('planned', 'sent')"
            " AND t.state <> CASE i.state WHEN 'planned' THEN 'claimed' ELSE 'sent' END"
            " UNION ALL SELECT i.state || ' with ledger ' || coalesce(string_agg(l.status, ','), 'nothing')"
            " FROM intents i LEFT JOIN ledger l ON l.intent_id = i.id WHERE i.run_id = %(run)s GROUP BY i.id"
            " HAVING count(l.id) <> (i.state IN ('settled', 'unknown'))::int"
            " OR (i.state = 'unknown') <> coalesce(bool_or(l.status = 'unknown'), false)"
            " UNION ALL SELECT 'open at the end' FROM intents i JOIN runs r ON r.id = i.run_id"
            " WHERE r.id = %(run)s AND r.finished_at IS NOT NULL AND i.state IN ('planned', 'sent')",
            {"run": self.run_id},
        ).fetchall()
        assert wrong == []

    @invariant()
    def the_runs_money_is_the_ledgers(self) -> None:
        row = self.superuser.execute(
            "SELECT coalesce(sum(cost_usd), 0), coalesce(sum((detail ->> 'at_most_usd')::numeric), 0)"
            " FROM ledger WHERE run_id = %s",
            [self.run_id],
        ).fetchone()
        assert row == (self.model.cost, self.model.perhaps)
        assert self.model.cap is None or self.model.cost + self.model.perhaps <= self.model.cap

    @invariant()
    def receipts_stay_as_they_were_read(self) -> None:
        for run_id, receipt in self.receipts.items():
            assert self.receipt(run_id) == receipt

    def teardown(self) -> None:
        """Whatever happened, the run can be brought to its end, and its history is one that the states allow."""
        if not hasattr(self, "model"):
            return
        for _ in range(6 * PEOPLE):
            if self.model.state.is_final and self.current is None:
                break
            self.push()
        assert self.model.state.is_final
        self.every_call_is_accounted_for()
        self.the_run_is_as_the_model_says()
        self.items_are_as_the_model_says_and_final_states_are_final()
        self.the_runs_money_is_the_ledgers()
        events = self.superuser.execute(
            "SELECT event FROM run_events WHERE run_id = %s AND event NOT IN ('driver', 'rescued') ORDER BY id",
            [self.run_id],
        ).fetchall()
        states = [event for (event,) in events]
        assert states[0] == "queued"
        assert [step for step in pairwise(states) if step[1] not in NEXT_STATES[step[0]]] == []

    def push(self) -> None:
        """One move of a driver and of people who want the run to end."""
        if self.model.state is RunState.PAUSED and self.current is None:
            if self.model.pause_reason == "budget":
                self.resume(None)
            self.resume(PRICE * PEOPLE * 4)
        if self.current is None:
            if self.model.is_held:
                self.lease_runs_out()
            self.take()
        assert self.current is not None
        if self.current.sent:
            self.settle_calls([(call, "done") for call in self.current.sent.values()])
        if any(item.is_delayed for item in self.model.items.values()):
            self.waits_are_over()
        if self.model.state is RunState.RUNNING:
            self.claim(PEOPLE, suspect=True)
            self.claim(PEOPLE, suspect=False)
        if self.current.planned and self.model.state is RunState.RUNNING:
            self.mark(PEOPLE)
        elif not self.current.sent:
            self.come_to_rest(Ending.FINISHED)


def test_a_run_holds_its_promises_in_any_order_of_events(
    database: Database, superuser: Superuser, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    superuser.execute(RESULTS)
    monkeypatch.setattr("services.runs.outcomes.FIRST_WAIT_SECONDS", 3600.0)
    monkeypatch.setattr("services.runs.outcomes.LONGEST_WAIT_SECONDS", 3600.0)
    monkeypatch.setattr("services.runs.wheel.LEASE_SECONDS", LEASE_SECONDS * 100)
    people = make_candidates(superuser, team.org_id, PEOPLE)
    around = {"database": database, "superuser": superuser, "actor": team.recruiter, "people": people}
    machine = type("RunMachine", (RunMachine,), around)
    with capture_logs():
        run_state_machine_as_test(
            machine, settings=settings(max_examples=25, stateful_step_count=30, phases=[Phase.generate])
        )
