"""Runs as people see them: their states, how far they are, and what each item came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID


class RunKind(StrEnum):
    """What a run does to each of its items."""

    SCREENING = "screening"
    ENRICHMENT = "enrichment"
    EMAILS = "emails"
    IMPORT = "import"
    EXPORT = "export"


KIND_NAMES: Final = {
    RunKind.SCREENING: "Screening",
    RunKind.ENRICHMENT: "Enrichment",
    RunKind.EMAILS: "E-mail lookup",
    RunKind.IMPORT: "Import",
    RunKind.EXPORT: "Export",
}


def run_name(kind: RunKind, title: str, items: int, list_name: str | None, *, is_retry: bool = False) -> str:
    """What a run is called wherever it is named (docs/run-life.md, What a run is called).

    For whom or what, how many people, and where they came from: 'Backend engineer: 120 people from “June import”'.
    """
    people = "1 person" if items == 1 else f"{items:,} people"
    source = f"from “{list_name}”" if list_name else "chosen by hand"
    return f"{title or KIND_NAMES[kind]}: {people} {source}{', again' if is_retry else ''}"


# Reasons that the database itself writes, in words for those who wait for a result.
_REASONS_FOR_PEOPLE: Final = {
    "The job process ended while the answer was on its way; it may have been charged.": (
        "The run was interrupted before the answer came; it may have been charged. Retry this person."
    ),
    "The job process ended twice while this person was being prepared.": (
        "The run was interrupted twice while it prepared this person, so this person was left out. Retry this person."
    ),
    "The job process ended again and again without getting anywhere.": (
        "The run was interrupted again and again without getting anywhere, so it was given up. Tell the operator of"
        " this installation, then start it again."
    ),
}


def show_reason(stored: str) -> str:
    """Why an item brought no result, or a run was given up, as people are told (docs/run-life.md, Reasons)."""
    return _REASONS_FOR_PEOPLE.get(stored, stored)


class RunState(StrEnum):
    """Where a run stands (docs/run-life.md, States of a run)."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_final(self) -> bool:
        return self in (RunState.SUCCEEDED, RunState.FAILED, RunState.STOPPED)


class ItemState(StrEnum):
    """Where an item stands (docs/run-life.md, States of an item)."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RunFilter:
    """Which runs somebody wants to see, behind the run `before`; what is None or empty does not narrow it."""

    states: tuple[RunState, ...] = ()
    kind: RunKind | None = None
    user_id: UUID | None = None
    position_id: UUID | None = None
    before: UUID | None = None


ALL_RUNS: Final = RunFilter()

RETRIED_STATES = (ItemState.FAILED, ItemState.REFUSED, ItemState.UNKNOWN)
"""What "retry failed" takes into its new run; a refusal is often a setting that was mended since."""


@dataclass(frozen=True)
class StartedRun:
    """A run that was started, now or by the same form before; `drive_id` is what its driver is started with."""

    run_id: UUID
    drive_id: UUID
    items: int
    is_new: bool = True


@dataclass(frozen=True)
class RunProgress:
    """Everything a watcher of a run sees; the figures of one instant.

    A queued run has a place, the number of runs that start before it, or waits for another run of its
    "user" or its "organization" to end (docs/run-life.md, Beginning).
    """

    run_id: UUID
    user_id: UUID
    user_name: str
    kind: RunKind
    state: RunState
    pause_reason: str
    message: str
    title: str
    version_id: UUID | None
    list_id: UUID | None
    list_name: str | None
    retry_of: UUID | None
    items: int
    done: int
    failed: int
    refused: int
    skipped: int
    unknown: int
    per_minute: float
    cost_usd: Decimal
    unknown_usd: Decimal
    cap_usd: Decimal | None
    estimate_usd: Decimal | None
    estimate_calls: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    resets_at: datetime | None
    is_stalled: bool
    is_interrupted: bool
    queue_place: int | None
    waits_for: str

    @property
    def name(self) -> str:
        return run_name(self.kind, self.title, self.items, self.list_name, is_retry=self.retry_of is not None)

    @property
    def settled(self) -> int:
        return self.done + self.failed + self.refused + self.skipped + self.unknown

    @property
    def left(self) -> int:
        return self.items - self.settled

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the present pace; None while nobody can say."""
        if self.state is not RunState.RUNNING or self.per_minute <= 0:
            return None
        return self.left / self.per_minute * 60

    @property
    def can_stop(self) -> bool:
        return self.state in (RunState.QUEUED, RunState.RUNNING, RunState.PAUSED)

    @property
    def can_pause(self) -> bool:
        return self.state in (RunState.QUEUED, RunState.RUNNING)

    @property
    def can_resume(self) -> bool:
        return self.state is RunState.PAUSED

    @property
    def can_retry(self) -> bool:
        return self.state.is_final and self.retried > 0

    @property
    def retried(self) -> int:
        """How many items "retry failed" would take."""
        return self.failed + self.refused + self.unknown

    @property
    def retry_estimate(self) -> tuple[Decimal | None, int | None]:
        """What a retry is expected to cost and to need in calls: this run's estimate, by the share of its items."""
        if self.estimate_usd is None or self.estimate_calls is None or not self.items:
            return None, None
        return self.estimate_usd * self.retried / self.items, -(-self.estimate_calls * self.retried // self.items)


@dataclass(frozen=True)
class RunItem:
    """One item of a run, with the reason if it brought no result."""

    item_id: int
    position: int
    candidate_id: int | None
    full_name: str | None
    profile_url: str | None
    state: ItemState
    attempts: int
    reason_code: str
    reason: str
    settled_at: datetime | None


@dataclass(frozen=True)
class RunEvent:
    """One line of a run's history."""

    event_id: int
    event: str
    detail: Mapping[str, Any]
    at: datetime
    user_name: str | None


@dataclass(frozen=True)
class ReceiptLine:
    """What a run was charged for one kind of call with one outcome, and what it can have been charged besides."""

    provider: str
    operation: str
    model: str
    status: str
    calls: int
    fulfilled: int
    credits: Decimal
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost_usd: Decimal
    perhaps_usd: Decimal
