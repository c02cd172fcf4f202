"""What the work on one item must look like, so that the driver needs to know no use case.

For each item the driver keeps the order of docs/run-life.md: intent, permit, mark sent, call, settle.
A kind says only what is particular to it: what to send, how to send it, and what to write afterwards.

An item may need several calls, one after the other. An answer with `carried` is not the item's last: its
charge is settled, what it carries is kept with the item, and the item is claimed again; `prepare` then
finds it in `ClaimedItem.carried` and prepares the next call. So a kill between two calls loses neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from services.db.pool import Tx
from services.db.runs import RunOrder


@dataclass(frozen=True)
class ClaimedItem:
    """One item this drive holds; `unknowns` counts earlier calls for it whose outcome nobody knows."""

    item_id: int
    candidate_id: int | None
    position: int
    attempts: int
    unknowns: int = 0
    carried: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Prepared:
    """An item ready to be called for: `request` is the kind's own; `costs` go to the limiter by name.

    `reserved_usd` is the most the call can cost: it counts against the run's cap until the call settles.
    `units` is the most it counts in its provider's quotas, by meter (docs/quotas.md, What counts): nothing for a
    further call about somebody who is counted already.
    With `otherwise` set, a call that fails for good settles the item with that result instead of failing
    it (a call that only adds to what is already known); its own charge or failure is in the ledger still.
    """

    item: ClaimedItem
    request: Any
    provider: str
    operation: str
    costs: Mapping[str, int]
    request_hash: bytes
    reserved_usd: Decimal
    otherwise: Any = None
    units: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class NotWorked:
    """An item that needs or permits no call.

    `state` is skipped (nothing to judge), refused (can never succeed) or failed (could not be prepared).
    """

    item: ClaimedItem
    state: str
    reason_code: str
    reason: str


@dataclass(frozen=True)
class Charge:
    """What one call cost, as the provider reports it; becomes one ledger row.

    `status` is charged, free or failed; `cost_usd` is None when the model or operation has no price.
    """

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
    With `carried` set (plain JSON) the item needs another call, and `settle` is not asked yet.
    """

    prepared: Prepared
    charge: Charge
    used: Mapping[str, int]
    result: Any = None
    reason_code: str = ""
    reason: str = ""
    carried: Mapping[str, Any] | None = None


class Kind(Protocol):
    """One kind of work. `prepare` and `settle` run in the driver's transactions and threads, in batches.

    Two threads may be in `prepare` and `settle` at once, and `call` runs in the event loop; a kind keeps
    nothing between them but what is immutable or its HTTP client.
    """

    name: str

    def prepare(self, tx: Tx, order: RunOrder, items: Sequence[ClaimedItem]) -> Sequence[Prepared | NotWorked]:
        """Say what each item needs; every item must appear exactly once in the answer.

        Repeated for the items one by one if it raises, so that one bad item fails alone.
        """
        ...

    async def call(self, order: RunOrder, prepared: Prepared, call_id: UUID) -> Answered:
        """Make the call, once, naming `call_id` (the intent's id) to the provider where it takes a name.

        Raises services.providers.errors only; the driver decides what each means.
        """
        ...

    def settle(self, tx: Tx, order: RunOrder, answers: Sequence[Answered]) -> None:
        """Write the results of items that are done; the driver writes intents, ledger and item states.

        An `Answered` made from `Prepared.otherwise` arrives here too, with that as its `result`.
        Repeated one by one if it raises, so that one unstorable result fails alone.
        """
        ...

    async def close(self) -> None:
        """Free what belongs to one drive (an HTTP client, say)."""
        ...
