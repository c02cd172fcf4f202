"""What can go wrong when a permit is asked for.

LimiterError
|__ CallTooLarge      the call alone is larger than a limit: it would wait for ever
|__ GaveUp            the caller's deadline passed before its turn came
|__ AcquireCancelled  the caller's own `cancelled` said so
|__ StoreUnavailable  the store cannot be asked; nothing is granted meanwhile
    |__ StoreBusy     the store is held by another process just now
"""


class LimiterError(Exception):
    """No permit was given."""


class CallTooLarge(LimiterError):
    """The call costs more than one of its limits allows in a whole window."""


class GaveUp(LimiterError):
    """The turn did not come before the deadline."""


class AcquireCancelled(LimiterError):
    """The caller no longer wants the permit."""


class StoreUnavailable(LimiterError):
    """The limiter's store cannot be asked, so no call may start."""


class StoreBusy(StoreUnavailable):
    """Another process holds the store; asking again soon is worthwhile."""
