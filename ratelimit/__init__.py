"""One shared limiter for every paid provider; imports nothing else of the product."""

from ratelimit.errors import (
    AcquireCancelled,
    CallTooLarge,
    GaveUp,
    LimiterError,
    StoreBusy,
    StoreUnavailable,
)
from ratelimit.limiter import Limiter, Permit, Wait, no_past
from ratelimit.messages import LaneState, LimiterState, LimitState, PastStart, Trouble
from ratelimit.policy import Lane, Limit, Policy
from ratelimit.stores import Store
from ratelimit.stores.local import LocalStore
from ratelimit.stores.memory import MemoryStore

__all__ = [
    "AcquireCancelled",
    "CallTooLarge",
    "GaveUp",
    "Lane",
    "LaneState",
    "Limit",
    "LimitState",
    "Limiter",
    "LimiterError",
    "LimiterState",
    "LocalStore",
    "MemoryStore",
    "PastStart",
    "Permit",
    "Policy",
    "Store",
    "StoreBusy",
    "StoreUnavailable",
    "Trouble",
    "Wait",
    "no_past",
]
