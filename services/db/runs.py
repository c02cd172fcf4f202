"""Runs, their items and history, and the guarded steps by which one is driven."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.rows import class_row, kwargs_row
from psycopg.types.json import Jsonb

from services.db.pool import Tx
from services.db.sql import queries
from services.domain.runs import ItemState, ReceiptLine, RunEvent, RunFilter, RunItem, RunKind, RunProgress, RunState
from services.domain.team import RunUnderWay

Q = queries("runs")


@dataclass(frozen=True)
class NewRun:
    """What is written when a run is opened."""

    user_id: UUID
    kind: str
    title: str
    version_id: UUID | None
    list_id: UUID | None
    retry_of: UUID | None
    start_token: UUID | None
    parameters: Mapping[str, Any]
    cap_usd: Decimal | None
    estimate_usd: Decimal | None
    estimate_calls: int | None


@dataclass(frozen=True)
class LockedRun:
    """A run whose row this transaction holds."""

    user_id: UUID
    state: str
    pause_reason: str
    is_driven: bool
    kind: str
    title: str
    version_id: UUID | None
    list_id: UUID | None
    parameters: Mapping[str, Any]
    cap_usd: Decimal | None
    resets_at: datetime | None


@dataclass(frozen=True)
class RunOrder:
    """The run as its driver needs it: ids, who pays, and the parameters frozen at its start."""

    run_id: UUID
    org_id: UUID
    user_id: UUID
    kind: str
    version_id: UUID | None
    list_id: UUID | None
    parameters: Mapping[str, Any]
    cap_usd: Decimal | None


@dataclass(frozen=True)
class TakenRun(RunOrder):
    """The order as whoever took its wheel finds it; `live_runs` counts all runs that are driven now, this one too."""

    state: str
    cost_usd: Decimal
    unknown_usd: Decimal
    items: int
    settled: int
    fence: int
    live_runs: int


@dataclass(frozen=True)
class ClaimedRow:
    """One item, claimed."""

    item_id: int
    candidate_id: int | None
    position: int
    attempts: int
    unknowns: int
    carried: Mapping[str, Any] | None


@dataclass(frozen=True)
class Beat:
    """What a driver is told with each beat; `live_runs` counts the runs of its kind that are driven now."""

    state: RunState
    live_runs: int
    cap_usd: Decimal | None


@dataclass(frozen=True)
class MarkedCalls:
    """How many calls may leave now, and which may not: their quotas were changed since they were planned."""

    marked: int
    stale: list[UUID]


@dataclass(frozen=True)
class LostCalls:
    """What became of the items that earlier drives left open."""

    returned: int
    unknown: int
    dead: int


@dataclass(frozen=True)
class ItemsLeft:
    """Whether anything is still open, and in how many seconds the next retry is due (None: none waits)."""

    any_open: bool
    due_in_seconds: float | None


@dataclass(frozen=True)
class Plan:
    """One intent, before its call; `units` count in its provider's quotas of a day, its money in those of a month."""

    id: UUID
    item_id: int
    provider: str
    operation: str
    request_hash: str
    reserved_usd: Decimal
    costs: Mapping[str, int]
    units: Mapping[str, int]
    quota_day: date
    quota_month: date


@dataclass(frozen=True)
class Unworked:
    """One item that ends without a call."""

    item_id: int
    state: str
    reason_code: str
    reason: str


@dataclass(frozen=True)
class SettledCall:
    """How one call ended: its intent, its item and, if `status` is set, its ledger row."""

    intent_id: UUID
    intent_state: str
    item_id: int
    item_state: str
    reason_code: str
    reason: str
    attempts: int
    unknowns: int = 0
    carried: Mapping[str, Any] | None = None
    wait_seconds: float | None = None
    status: str | None = None
    model: str = ""
    requested: int = 1
    fulfilled: int = 0
    credits: Decimal = Decimal(0)
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    cost_usd: Decimal | None = Decimal(0)
    error_code: str = ""
    duration_ms: int = 0
    provider_request_id: str = ""
    detail: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Counts:
    """What is added to a run's counters."""

    done: int = 0
    failed: int = 0
    refused: int = 0
    skipped: int = 0
    unknown: int = 0
    cost_usd: Decimal = Decimal(0)
    unknown_usd: Decimal = Decimal(0)


@dataclass(frozen=True)
class StartBounds:
    """How many runs may be driven at once for one user, and for all users of one organization."""

    per_user: int = 2
    per_organization: int = 6


SHIPPED_BOUNDS = StartBounds()


@dataclass(frozen=True)
class DriveRow:
    """What is known of one drive."""

    run_id: UUID
    outcome: str
    has_ended: bool
    run_has_ended: bool


def rows_as_json(rows: Sequence[Any]) -> Jsonb:
    """Records as one JSON parameter; Decimals and UUIDs travel as text, which PostgreSQL reads exactly."""
    return Jsonb([vars(row) for row in rows], dumps=lambda value: json.dumps(value, default=str))


def insert_run(tx: Tx, run: NewRun) -> UUID | None:
    """The new run's id, or None if its start token was used before."""
    values = asdict(run) | {"parameters": Jsonb(run.parameters)}
    row = tx.execute(Q["insert_run"], values).fetchone()
    return row[0] if row else None


def run_started_with(tx: Tx, start_token: UUID, user_id: UUID) -> tuple[UUID, UUID] | None:
    row = tx.execute(Q["run_started_with"], {"start_token": start_token, "user_id": user_id}).fetchone()
    return (row[0], row[1]) if row else None


def insert_items_of_candidates(tx: Tx, run_id: UUID, candidate_ids: Sequence[int]) -> int:
    values = {"run_id": run_id, "candidate_ids": list(candidate_ids)}
    return tx.execute(Q["insert_items_of_candidates"], values).rowcount


def insert_items_of_list(tx: Tx, run_id: UUID, list_id: UUID) -> int:
    return tx.execute(Q["insert_items_of_list"], {"run_id": run_id, "list_id": list_id}).rowcount


def insert_items_to_retry(tx: Tx, run_id: UUID, retry_of: UUID, states: Sequence[ItemState]) -> int:
    values = {"run_id": run_id, "retry_of": retry_of, "states": [str(state) for state in states]}
    return tx.execute(Q["insert_items_to_retry"], values).rowcount


def count_items(tx: Tx, run_id: UUID, items: int) -> None:
    tx.execute(Q["count_items"], {"run_id": run_id, "items": items})


def insert_drive(tx: Tx, run_id: UUID, started_by: str) -> UUID:
    row = tx.execute(Q["insert_drive"], {"run_id": run_id, "started_by": started_by}).fetchone()
    if row is None:
        raise LookupError("an inserted drive has an id")
    drive_id: UUID = row[0]
    return drive_id


def read_progress(**values: Any) -> RunProgress:
    kind, state = RunKind(values.pop("kind")), RunState(values.pop("state"))
    return RunProgress(kind=kind, state=state, **values)


def read_item(**values: Any) -> RunItem:
    return RunItem(state=ItemState(values.pop("state")), **values)


def find_progress(tx: Tx, run_id: UUID, bounds: StartBounds = SHIPPED_BOUNDS) -> RunProgress | None:
    values = {"run_id": run_id, "most_per_user": bounds.per_user, "most_per_org": bounds.per_organization}
    with tx.cursor(row_factory=kwargs_row(read_progress)) as cursor:
        return cursor.execute(Q["find_progress"], values).fetchone()


def recent_runs(tx: Tx, wanted: RunFilter, user_id: UUID | None, limit: int) -> list[RunProgress]:
    """The newest runs that pass, of one user or of everybody; `wanted.user_id` has no say here."""
    values = {
        "user_id": user_id,
        "states": [str(state) for state in wanted.states] or None,
        "kind": wanted.kind,
        "version_ids": versions_of(tx, wanted.position_id) if wanted.position_id else None,
        "before": wanted.before,
        "limit": limit,
    }
    with tx.cursor(row_factory=kwargs_row(read_progress)) as cursor:
        # Never prepared: a plan for any filter would serve none of them.
        return cursor.execute(Q["recent_runs"], values, prepare=False).fetchall()


def versions_of(tx: Tx, position_id: UUID) -> list[UUID]:
    return [row[0] for row in tx.execute(Q["versions_of"], {"position_id": position_id}).fetchall()]


def people_who_ran(tx: Tx) -> list[tuple[UUID, str]]:
    return [(row[0], row[1]) for row in tx.execute(Q["people_who_ran"]).fetchall()]


def position_of_run(tx: Tx, run_id: UUID) -> UUID | None:
    row = tx.execute(Q["position_of_run"], {"run_id": run_id}).fetchone()
    return row[0] if row else None


def runs_under_way(
    tx: Tx, position_id: UUID | None, list_id: UUID | None, *, everything: bool, limit: int
) -> list[RunUnderWay]:
    values = {"position_id": position_id, "list_id": list_id, "everything": everything, "limit": limit}
    with tx.cursor(row_factory=kwargs_row(read_under_way)) as cursor:
        return cursor.execute(Q["runs_under_way"], values).fetchall()


def read_under_way(**values: Any) -> RunUnderWay:
    kind, state = RunKind(values.pop("kind")), RunState(values.pop("state"))
    return RunUnderWay(kind=kind, state=state, **values)


def page_of_items(tx: Tx, run_id: UUID, states: Sequence[ItemState] | None, after: int, limit: int) -> list[RunItem]:
    wanted = None if states is None else [str(state) for state in states]
    values = {"run_id": run_id, "states": wanted, "after": after, "limit": limit}
    with tx.cursor(row_factory=kwargs_row(read_item)) as cursor:
        return cursor.execute(Q["page_of_items"], values).fetchall()


def states_of_items(tx: Tx, run_id: UUID) -> dict[ItemState, int]:
    return {ItemState(state): count for state, count in tx.execute(Q["states_of_items"], {"run_id": run_id})}


def events_of(tx: Tx, run_id: UUID, limit: int) -> list[RunEvent]:
    with tx.cursor(row_factory=class_row(RunEvent)) as cursor:
        return cursor.execute(Q["events_of"], {"run_id": run_id, "limit": limit}).fetchall()


def receipt_of(tx: Tx, run_id: UUID) -> list[ReceiptLine]:
    with tx.cursor(row_factory=class_row(ReceiptLine)) as cursor:
        return cursor.execute(Q["receipt_of"], {"run_id": run_id}).fetchall()


def lock_run(tx: Tx, run_id: UUID) -> LockedRun | None:
    with tx.cursor(row_factory=class_row(LockedRun)) as cursor:
        return cursor.execute(Q["lock_run"], {"run_id": run_id}).fetchone()


def ask_to_stop(tx: Tx, run_id: UUID, user_id: UUID, state: RunState) -> None:
    tx.execute(Q["ask_to_stop"], {"run_id": run_id, "user_id": user_id, "state": state})


def pause_run(tx: Tx, run_id: UUID, reason: str, message: str, resets_at: datetime | None = None) -> None:
    values = {"run_id": run_id, "reason": reason, "message": message, "resets_at": resets_at}
    tx.execute(Q["pause_run"], values)


def resume_run(tx: Tx, run_id: UUID, cap_usd: Decimal | None) -> None:
    tx.execute(Q["resume_run"], {"run_id": run_id, "cap_usd": cap_usd})


def drive_of(tx: Tx, drive_id: UUID) -> DriveRow | None:
    with tx.cursor(row_factory=class_row(DriveRow)) as cursor:
        return cursor.execute(Q["drive_of"], {"drive_id": drive_id}).fetchone()


def take_wheel(tx: Tx, drive_id: UUID, process: str, lease_seconds: float) -> TakenRun | None:
    values = {"drive_id": drive_id, "process": process, "lease_seconds": lease_seconds}
    with tx.cursor(row_factory=class_row(TakenRun)) as cursor:
        return cursor.execute(Q["take_wheel"], values).fetchone()


def close_lost_calls(tx: Tx, run_id: UUID, fence: int, resends: Mapping[str, int]) -> LostCalls:
    values = {"run_id": run_id, "fence": fence, "resends": Jsonb(dict(resends))}
    with tx.cursor(row_factory=class_row(LostCalls)) as cursor:
        row = cursor.execute(Q["close_lost_calls"], values).fetchone()
    return row or LostCalls(0, 0, 0)


def count_suspects(tx: Tx, run_id: UUID) -> int:
    row = tx.execute(Q["count_suspects"], {"run_id": run_id}).fetchone()
    return int(row[0]) if row else 0


def money_used(tx: Tx, run_id: UUID) -> Decimal:
    """USD charged, and the most that uncertain calls can have cost."""
    row = tx.execute(Q["money_used"], {"run_id": run_id}).fetchone()
    assert row is not None  # its wheel is held
    used: Decimal = row[0]
    return used


def cap_of(tx: Tx, run_id: UUID) -> Decimal | None:
    """What a run may cost at most, in USD."""
    row = tx.execute(Q["cap_of"], {"run_id": run_id}).fetchone()
    assert row is not None  # its wheel is held
    cap: Decimal | None = row[0]
    return cap


def hold_run(tx: Tx, run_id: UUID, fence: int) -> RunState | None:
    """Lock the run for this transaction; None if the fence has moved on."""
    row = tx.execute(Q["hold_run"], {"run_id": run_id, "fence": fence}).fetchone()
    return RunState(row[0]) if row else None


def beat(tx: Tx, run_id: UUID, fence: int, lease_seconds: float, per_minute: float) -> Beat | None:
    """Lengthen the lease; None if the fence has moved on."""
    values = {"run_id": run_id, "fence": fence, "lease_seconds": lease_seconds, "per_minute": per_minute}
    row = tx.execute(Q["beat"], values).fetchone()
    return Beat(RunState(row[0]), row[1], row[2]) if row else None


def claim_items(tx: Tx, run_id: UUID, fence: int, batch: int, *, suspects: bool) -> list[ClaimedRow]:
    values = {"run_id": run_id, "fence": fence, "batch": batch, "suspects": suspects}
    with tx.cursor(row_factory=class_row(ClaimedRow)) as cursor:
        rows = cursor.execute(Q["claim_items"], values).fetchall()
    return sorted(rows, key=lambda row: row.position)


def claim_first_results(tx: Tx, run_id: UUID, fence: int) -> list[ClaimedRow]:
    with tx.cursor(row_factory=class_row(ClaimedRow)) as cursor:
        return cursor.execute(Q["claim_first_results"], {"run_id": run_id, "fence": fence}).fetchall()


def has_first_results(tx: Tx, run_id: UUID) -> bool:
    row = tx.execute(Q["has_first_results"], {"run_id": run_id}).fetchone()
    return bool(row and row[0])


def items_left(tx: Tx, run_id: UUID) -> ItemsLeft:
    with tx.cursor(row_factory=class_row(ItemsLeft)) as cursor:
        row = cursor.execute(Q["items_left"], {"run_id": run_id}).fetchone()
    return row or ItemsLeft(any_open=False, due_in_seconds=None)


def return_forgotten(tx: Tx, run_id: UUID, fence: int, known: Sequence[int]) -> None:
    tx.execute(Q["return_forgotten"], {"run_id": run_id, "fence": fence, "known": list(known)})


def plan_calls(tx: Tx, run_id: UUID, drive_id: UUID, user_id: UUID, fence: int, plans: Sequence[Plan]) -> None:
    values = {"run_id": run_id, "drive_id": drive_id, "user_id": user_id, "fence": fence}
    tx.execute(Q["plan_calls"], values | {"plans": rows_as_json(plans)})


def return_items(tx: Tx, fence: int, item_ids: Sequence[int]) -> None:
    tx.execute(Q["return_items"], {"fence": fence, "item_ids": list(item_ids)})


def finish_unworked(tx: Tx, fence: int, unworked: Sequence[Unworked]) -> list[str]:
    """The states given, one for each item that was still this drive's."""
    rows = tx.execute(Q["finish_unworked"], {"fence": fence, "unworked": rows_as_json(unworked)}).fetchall()
    return [row[0] for row in rows]


def mark_sent(tx: Tx, intent_ids: Sequence[UUID]) -> MarkedCalls:
    with tx.cursor(row_factory=class_row(MarkedCalls)) as cursor:
        row = cursor.execute(Q["mark_sent"], {"intent_ids": list(intent_ids)}).fetchone()
    assert row is not None  # it counts
    return row


def settle_calls(tx: Tx, calls: Sequence[SettledCall]) -> set[UUID]:
    """The intents that were closed by this very statement."""
    return {row[0] for row in tx.execute(Q["settle_calls"], {"calls": rows_as_json(calls)}).fetchall()}


def count_outcomes(tx: Tx, run_id: UUID, fence: int, counts: Counts) -> None:
    tx.execute(Q["count_outcomes"], vars(counts) | {"run_id": run_id, "fence": fence})


def return_claimed(tx: Tx, run_id: UUID, fence: int) -> None:
    tx.execute(Q["return_claimed"], {"run_id": run_id, "fence": fence})


def end_run(tx: Tx, run_id: UUID, fence: int, state: RunState, message: str) -> None:
    tx.execute(Q["end_run"], {"run_id": run_id, "fence": fence, "state": state, "message": message})


def end_drive(tx: Tx, run_id: UUID, fence: int, outcome: str) -> None:
    tx.execute(Q["end_drive"], {"run_id": run_id, "fence": fence, "outcome": outcome})


def admit_drive(tx: Tx, drive_id: UUID, most: int, bounds: StartBounds) -> bool:
    values = {"drive_id": drive_id, "most": most}
    values |= {"most_per_user": bounds.per_user, "most_per_org": bounds.per_organization}
    row = tx.execute(Q["admit_drive"], values).fetchone()
    return bool(row and row[0])


def accept_drive(tx: Tx, drive_id: UUID, most: int, bounds: StartBounds) -> bool:
    """Whether a worker that has taken this drive from the queue is to start its process now."""
    values = {"drive_id": drive_id, "most": most}
    values |= {"most_per_user": bounds.per_user, "most_per_org": bounds.per_organization}
    row = tx.execute(Q["accept_drive"], values).fetchone()
    return bool(row and row[0])


def take_back_start(tx: Tx, drive_id: UUID) -> None:
    """An admitted drive could not be handed to a worker: it was never started."""
    tx.execute(Q["take_back_start"], {"drive_id": drive_id})


def live_processes(tx: Tx) -> list[tuple[UUID, str]]:
    return [(drive_id, process) for drive_id, process in tx.execute(Q["live_processes"]).fetchall()]


def note_dead_drive(tx: Tx, drive_id: UUID) -> bool:
    """End the lease of a drive whose process is known to be dead; False if it had let go, or never was the driver."""
    row = tx.execute(Q["note_dead_drive"], {"drive_id": drive_id}).fetchone()
    return bool(row and row[0])


def next_drives(tx: Tx, most: int, bounds: StartBounds, most_starts: int) -> list[UUID]:
    values = {"most": most, "most_starts": most_starts}
    values |= {"most_per_user": bounds.per_user, "most_per_org": bounds.per_organization}
    return [row[0] for row in tx.execute(Q["next_drives"], values).fetchall()]


def take_sweep(tx: Tx, holder: str, lease_seconds: float) -> int | None:
    row = tx.execute(Q["take_sweep"], {"holder": holder, "lease_seconds": lease_seconds}).fetchone()
    return row[0] if row else None


def recent_sends(tx: Tx, provider: str, seconds: float) -> list[tuple[float, Mapping[str, int]]]:
    rows = tx.execute(Q["recent_sends"], {"provider": provider, "seconds": seconds}).fetchall()
    return [(row[0], row[1]) for row in rows]
