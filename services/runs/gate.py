"""What a driver asks of the limiter: a permit for each call, and a word about what came back."""

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID


class GateShut(Exception):
    """The limiter cannot be asked just now, so no call may start."""


class CallTooLarge(Exception):
    """The call alone passes the provider's limit: it would wait for ever."""


class Permit(Protocol):
    """One call may start while this is valid."""

    def is_valid(self) -> bool: ...

    def settle(self, actual: Mapping[str, int]) -> None: ...

    def worked(self) -> None:
        """The provider has answered."""
        ...

    def failed(self, reason: str) -> None:
        """The provider failed: enough of that, and nobody gets a permit for a while."""
        ...

    def key_refused(self, reason: str) -> None:
        """The key is no good just now, for nobody."""
        ...

    def give_back(self) -> None: ...

    def done(self) -> None: ...


class Gate(Protocol):
    """The shared limits of all providers, as one drive meets them."""

    async def permit(self, provider: str, org_id: UUID, user_id: UUID, costs: Mapping[str, int]) -> Permit:
        """Wait for a fair turn. Raises GateShut and CallTooLarge; cancelling the task leaves no debt."""
        ...

    def slow_down(self, provider: str, seconds: float | None, reason: str, refused: Permit) -> None:
        """Everybody who uses this key waits: so long, or (None) for a growing pause."""
        ...

    def is_failing(self, provider: str) -> bool:
        """Whether the provider fails for everybody, as far as this process has heard."""
        ...

    def calls_per_second(self, provider: str, costs: Mapping[str, int]) -> float | None:
        """The most such calls that the limits allow in a second, or None where nothing limits them."""
        ...

    def close(self) -> None: ...
