"""What a provider allows, and whose call it is."""

from collections.abc import Mapping
from dataclasses import dataclass

from ratelimit.errors import CallTooLarge

PACED_UP_TO_SECONDS = 600.0
"""Limits over longer windows are not spread evenly: a day's calls may be made in the morning."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` of `name` (requests, tokens, ...) in any window of `window_seconds`."""

    name: str
    amount: int
    window_seconds: float

    def __post_init__(self) -> None:
        if self.amount < 1 or not self.window_seconds > 0:
            raise ValueError(f"Limit {self.name!r} needs a positive amount and window.")

    @property
    def is_paced(self) -> bool:
        return self.window_seconds <= PACED_UP_TO_SECONDS


@dataclass(frozen=True, slots=True)
class Policy:
    """All limits of one key (an account with a provider), asked for together.

    The window is lengthened by `margin_seconds` plus the validity of a permit
    (docs/decisions/limiter.md, An absolute margin).
    """

    key: str
    limits: tuple[Limit, ...]
    concurrency: int | None = None
    margin_seconds: float = 0.2
    validity_seconds: float = 0.25
    burst_seconds: float = 0.25
    lease_seconds: float = 8.0
    grace_seconds: float = 0.1

    def __post_init__(self) -> None:
        if len({limit.name for limit in self.limits}) != len(self.limits):
            raise ValueError(f"Policy {self.key!r} names a limit twice.")
        if not self.limits and self.concurrency is None:
            raise ValueError(f"Policy {self.key!r} limits nothing.")
        if self.concurrency is not None and self.concurrency < 1:
            raise ValueError(f"Policy {self.key!r} needs a positive concurrency.")

    @property
    def safety_seconds(self) -> float:
        """By how much each window is lengthened."""
        return self.margin_seconds + self.validity_seconds

    def span_of(self, limit: Limit) -> float:
        """How long a start is counted against a limit, in seconds."""
        return limit.window_seconds + self.safety_seconds

    def refuse_too_large(self, costs: Mapping[str, int]) -> None:
        """Raise CallTooLarge for what could never be granted, ValueError for what is no cost."""
        known = {limit.name: limit for limit in self.limits}
        for name, cost in costs.items():
            if name not in known or cost < 0:
                raise ValueError(f"{name}={cost} is no cost under the policy {self.key!r}.")
            if cost > known[name].amount:
                raise CallTooLarge(
                    f"This call needs {cost:,} {name}, but {self.key} allows {known[name].amount:,} "
                    f"in {known[name].window_seconds:g} s. Make the call smaller."
                )


@dataclass(frozen=True, slots=True)
class Lane:
    """Whose call it is: organizations share a key equally, then users within each."""

    organization: str
    user: str
    weight: float = 1.0
    organization_weight: float = 1.0

    def __post_init__(self) -> None:
        if not (self.weight > 0 and self.organization_weight > 0):
            raise ValueError("A lane's weights must be positive.")
