"""What one simulated provider must offer to join the others: routes, error shapes, limits, latencies.

A new provider is one module or package with a class of this shape and one line in `registry.py`.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from services.simulators.faults import Distribution, Outcome
from services.simulators.ledger import NO_CHARGE, Charge
from services.simulators.limits import LimitRule, Limits, Refusal, Weight
from services.simulators.wire import Request
from services.simulators.world import World


class KeyProblem(StrEnum):
    """Why a key is turned away."""

    MISSING = "missing"
    EXPIRED = "expired"
    LOOKS_REAL = "looks real"


REAL_KEY_WARNING = (
    "This is a simulator, and the key looks like a real one. It was refused and not kept. "
    "Use an invented key such as 'simulated'."
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call on its way through a provider.

    `json` is the decoded body, or None when it is not JSON; `memo` keeps what a provider worked out once.
    """

    request: Request
    route: str
    path_values: tuple[str, ...]
    json: Any
    key_hash: str
    request_id: str
    wall: float
    outcome: Outcome
    memo: dict[str, Any] = field(default_factory=dict)

    @property
    def arrived(self) -> float:
        """Monotonic seconds."""
        return self.request.arrived


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider says, what it charges, and what the ledger should remember of it."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    charge: Charge = NO_CHARGE
    facts: dict[str, Any] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a pattern over the path below the provider's prefix, and who answers.

    `name` is what faults and latencies are addressed to; groups of the pattern become `path_values`.
    """

    name: str
    method: str
    pattern: re.Pattern[str]
    answer: Callable[[Call], Awaitable[Answer]]


class Provider(Protocol):
    """One simulated service."""

    name: str
    prefix: str
    fault_kinds: frozenset[str]
    limit_rules: Mapping[str, LimitRule]
    realistic_latencies: Mapping[str, Distribution]

    def __init__(self, world: World, limits: Limits) -> None: ...

    @property
    def routes(self) -> Sequence[Route]:
        """Everything this provider answers."""

    def key_of(self, request: Request) -> str | None:
        """The key the caller presents, or None."""

    def weigh(self, call: Call) -> Sequence[Weight]:
        """What the call asks of which limits."""

    def refuse_key(self, call: Call, reason: KeyProblem) -> Answer:
        """Answer a call whose key is missing, expired, or looks real."""

    def refuse_excess(self, call: Call, refusal: Refusal) -> Answer:
        """Answer a call over a limit."""

    def unknown_route(self, call: Call) -> Answer:
        """Answer a path or method this provider does not have."""

    def fail(self, call: Call) -> Answer | None:
        """The error that the call's outcome orders, or None when the outcome is no error."""

    def common_headers(self, call: Call) -> Mapping[str, str]:
        """Headers that are on every answer of this provider, errors included."""

    def settled(self, call: Call, answer: Answer) -> None:
        """Learn what became of a call, as the ledger has it."""

    def switch(self, name: str, value: object) -> None:
        """Change a switch of this provider; raises ValueError for an unknown one."""

    def reset(self) -> None:
        """Return to the state of the start."""
