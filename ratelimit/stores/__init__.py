"""Where accounts are kept; a store makes one exchange atomic and supplies the clock that counts."""

from typing import Protocol

from ratelimit.messages import LimiterState, Message, Reply
from ratelimit.policy import Policy


class Store(Protocol):
    """One account a policy key. Both methods raise StoreBusy or StoreUnavailable, and nothing else.

    What cannot be read, or is of another boot, is an account of which nothing is known
    (docs/decisions/limiter.md, How it fails): it opens shut, never fresh.
    """

    def exchange(self, policy: Policy, message: Message) -> Reply:
        """Apply one message atomically at the store's present time."""
        ...

    def picture(self, policy: Policy) -> LimiterState:
        """What can be shown of the key; changes nothing."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
