"""What the work on one item must look like, so that the driver needs to know no use case.

For each item the driver keeps the order of docs/run-life.md: intent, permit, mark sent, call, settle.
A kind says only what is particular to it: what to send, how to send it, and what to write afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from services.db.pool import Tx


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
class ClaimedItem:
    """One item this drive holds."""

    item_id: int
    candidate_id: int | None
    position: int
    attempts: int


@dataclass(frozen=True)
class Prepared:
    """An item ready to be called for: `request` is the kind's own; `costs` go to the limiter by name."""

    item: ClaimedItem
    request: Any
    provider: str
    operation: str
    costs: Mapping[str, int]
    request_hash: bytes
    reserved_usd: Decimal


@dataclass(frozen=True)
class NotWorked:
    """An item that needs or permits no call: skipped (nothing to judge) or refused (can never succeed)."""

    item: ClaimedItem
    state: str
    reason_code: str
    reason: str


@dataclass(frozen=True)
class Charge:
    """What one call cost, as the provider reports it; becomes one ledger row."""

    status: str
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
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """A call that came back: its charge, what it used of the limits, and either a result or a failure.

    `result` is handed back to the kind's `settle`. With `reason_code` set the item failed although the
    call was answered (a refusal, prose instead of JSON): what it cost is kept, a verdict never arises.
    """

    prepared: Prepared
    charge: Charge
    used: Mapping[str, int]
    result: Any = None
    reason_code: str = ""
    reason: str = ""


class Kind(Protocol):
    """One kind of work. `prepare` and `settle` run inside the driver's transactions, in batches."""

    name: str

    def prepare(
        self, tx: Tx, order: RunOrder, items: Sequence[ClaimedItem]
    ) -> Sequence[Prepared | NotWorked]: ...

    async def call(self, order: RunOrder, prepared: Prepared) -> Answered:
        """Make the call. Raises services.providers.errors only; the driver decides what each means."""
        ...

    def settle(self, tx: Tx, order: RunOrder, answers: Sequence[Answered]) -> None:
        """Write the results of answered items; the driver writes intents, ledger and item states."""
        ...

    async def close(self) -> None:
        """Free what belongs to one drive (an HTTP client, say)."""
        ...
