"""A store inside one process, for tests and for keys that only one process uses."""

import copy
import threading
import time
from collections.abc import Callable
from uuid import uuid4

from ratelimit.account import Account, exchange, open_account, picture
from ratelimit.messages import LimiterState, Message, Reply
from ratelimit.policy import Policy


class MemoryStore:
    """Accounts in a dictionary under a lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self._lock = threading.Lock()

    def exchange(self, policy: Policy, message: Message) -> Reply:
        with self._lock:
            now = self._clock()
            account = self._accounts.get(policy.key)
            if account is None:
                account = self._accounts[policy.key] = open_account(uuid4().hex, policy, now, message.has_no_past)
            return exchange(account, policy, message, now)

    def picture(self, policy: Policy) -> LimiterState:
        with self._lock:
            now = self._clock()
            account = self._accounts.get(policy.key)
            seen = copy.deepcopy(account) if account else open_account("", policy, now, has_no_past=True)
        return picture(seen, policy, now)

    def wipe(self) -> None:
        """Forget everything, as a lost store does."""
        with self._lock:
            self._accounts.clear()

    def close(self) -> None:
        """Nothing to let go of."""
