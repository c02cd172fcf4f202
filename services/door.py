"""The doors: how often an address may fail to sign in, and how often one person or address may ask for anything.

docs/decisions/door.md says why a request costs so little to count.
"""

import ipaddress
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog

from ratelimit import Lane, Limit, Limiter, Permit, Policy, Store, StoreBusy, StoreUnavailable, Wait, no_past
from services.accounts import TooManyAttempts
from services.errors import Busy

FAILURES: Final = "failures"
# Longer than the windows the limiter spreads evenly: a person may mistype ten times in a minute.
WINDOW_SECONDS: Final = 900.0
EVERYBODY: Final = Lane("door", "door")

REQUESTS: Final = "requests"
MINUTE: Final = 60.0
LARGEST_BLOCK: Final = 20
BLOCK_SECONDS: Final = 2.0
LONGEST_REFUSAL_SECONDS: Final = 1.0
STORE_LEFT_ALONE_SECONDS: Final = 5.0
"""After a failure nobody asks the store for so long: one that hangs would cost each of them a second."""
MOST_VISITORS: Final = 10_000

log = structlog.get_logger(__name__)


class TooManyRequests(Busy):
    """One person or address asks for more than its share; nothing was done."""

    status = 429

    def __init__(self, wait_seconds: float) -> None:
        seconds = max(1, math.ceil(wait_seconds))
        super().__init__(
            f"Too many requests came from here. Please go on in {seconds} second{'s' if seconds > 1 else ''}.",
            retry_after=seconds,
        )


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


@dataclass
class Visitor:
    """What one worker knows of one person or address; times are steady seconds.

    `own` are the requests let in by the worker's own share; `left` of `size` remain of a block from the store.
    """

    own: deque[float] = field(default_factory=deque)
    size: int = 1
    left: int = 0
    good_until: float = 0.0
    refused_until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


@dataclass
class RequestDoor:
    """Counts the requests of a person or an address over all workers, and refuses those beyond the limit.

    A quarter of the limit is divided between the workers, who count it by themselves: few people ever need
    more. Beyond it a worker takes blocks from the shared limiter, whose windows are longer by the time a block
    is good; so the limit holds over all workers together. A store that does not answer lets everybody in: this
    door keeps order, it guards nothing.
    """

    store: Store
    requests_a_minute: int
    workers: int
    clock: Callable[[], float] = time.monotonic
    store_away_until: float = 0.0
    visitors: "OrderedDict[str, Visitor]" = field(default_factory=OrderedDict, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def own_share(self) -> int:
        return self.requests_a_minute // (4 * self.workers)

    def enter(self, who: str) -> None:
        """Count one request. Raises TooManyRequests."""
        with self.lock:
            visitor = self.visitor(who)
            if self.is_within_own_share(visitor, self.clock()):
                return
        # Asking the store may take long if it hangs: nobody but this visitor waits for that.
        with visitor.lock:
            now = self.clock()
            if now < visitor.refused_until:
                raise TooManyRequests(visitor.refused_until - now)
            if visitor.left == 0 or now >= visitor.good_until:
                self.refill(who, visitor, now)
            visitor.left -= 1

    def visitor(self, who: str) -> Visitor:
        found = self.visitors.setdefault(who, Visitor())
        self.visitors.move_to_end(who)
        if len(self.visitors) > MOST_VISITORS:
            self.visitors.popitem(last=False)
        return found

    def is_within_own_share(self, visitor: Visitor, now: float) -> bool:
        own = visitor.own
        while own and own[0] <= now - MINUTE:
            own.popleft()
        if len(own) >= self.own_share:
            return False
        own.append(now)
        return True

    def refill(self, who: str, visitor: Visitor, now: float) -> None:
        """Take as many as the visitor lately needed, or near the limit single requests. Raises TooManyRequests."""
        if now < self.store_away_until:
            self.let_in(visitor, now)
            return
        was_used_up = visitor.left == 0 and now < visitor.good_until
        wanted = min(LARGEST_BLOCK, 2 * visitor.size) if was_used_up else max(1, visitor.size - visitor.left)
        wait: Wait | None = None
        limiter = Limiter(self.store, self.policy(who), history=no_past)
        try:
            for size in dict.fromkeys((wanted, 1)):
                answer = limiter.try_ask(EVERYBODY, {REQUESTS: size})
                if isinstance(answer, Permit):
                    visitor.size = visitor.left = size
                    visitor.good_until = now + BLOCK_SECONDS
                    return
                wait = answer
        except StoreUnavailable as error:
            log.warning("door.store.unavailable", reason=str(error))
            now = self.clock()
            if not isinstance(error, StoreBusy):
                self.store_away_until = now + STORE_LEFT_ALONE_SECONDS
            self.let_in(visitor, now)
            return
        finally:
            limiter.close()
        seconds = wait.seconds if wait else LONGEST_REFUSAL_SECONDS
        # Asked again soon all the same: an operator may raise the limit.
        visitor.left, visitor.refused_until = 0, now + min(seconds, LONGEST_REFUSAL_SECONDS)
        raise TooManyRequests(seconds)

    def let_in(self, visitor: Visitor, now: float) -> None:
        visitor.size = visitor.left = LARGEST_BLOCK
        visitor.good_until = now + BLOCK_SECONDS

    def policy(self, who: str) -> Policy:
        shared = Limit(REQUESTS, self.requests_a_minute - self.workers * self.own_share, MINUTE)
        # A page asks for many things at once: nothing is spread over the minute, only counted.
        return Policy(f"requests of {who}", (shared,), validity_seconds=BLOCK_SECONDS, burst_seconds=2 * MINUTE)


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
