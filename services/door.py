"""The door for network addresses: how often one may fail to sign in, whichever accounts it tries."""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ratelimit import Lane, Limit, Limiter, Permit, Policy, Store, StoreUnavailable, Wait, no_past
from services.accounts import TooManyAttempts
from services.errors import Busy

FAILURES: Final = "failures"
# Longer than the windows the limiter spreads evenly: a person may mistype ten times in a minute.
WINDOW_SECONDS: Final = 900.0
EVERYBODY: Final = Lane("door", "door")


@dataclass(frozen=True)
class AddressDoor:
    """A Door over the shared limiter, so that all workers count together."""

    store: Store
    failures_allowed: int = 30

    @contextmanager
    def knock(self, address: str) -> Iterator[Permit]:
        """Take a turn; one not given back counts as a failure. Raises TooManyAttempts, and Busy."""
        limiter = Limiter(self.store, self.policy(address), history=no_past)
        try:
            answer = limiter.try_ask(EVERYBODY, {FAILURES: 1})
            if isinstance(answer, Wait):
                raise TooManyAttempts(answer.seconds)
            with answer:
                yield answer
        except StoreUnavailable as error:
            raise Busy("Sign-in is busy. Please try again in a moment.") from error
        finally:
            limiter.close()

    def policy(self, address: str) -> Policy:
        return Policy(f"sign-in {neighbourhood(address)}", (Limit(FAILURES, self.failures_allowed, WINDOW_SECONDS),))


def neighbourhood(address: str) -> str:
    """What counts as one address: in version 6 a household or a server owns a whole /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
