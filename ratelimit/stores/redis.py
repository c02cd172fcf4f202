"""A store shared by any number of hosts: Redis, where each exchange is one atomic script that compares, then sets.

The arithmetic runs here, on the account as this process saw it last; the script puts the result in its place only
if nobody was quicker and if the time it was computed for is still Redis's time. So an exchange is one round trip
while few ask, and two when somebody else came between (docs/decisions/limiter.md, Redis).
"""

import fcntl
import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis

from ratelimit.account import Account, exchange, means_nothing_after, open_account, picture
from ratelimit.errors import StoreBusy, StoreUnavailable
from ratelimit.messages import LimiterState, Message, Reply
from ratelimit.policy import Policy
from ratelimit.stores.records import UnreadableRecord, pack, unpack

ANSWER_SECONDS = 1.0
BUSY_SECONDS = 0.05
LEAST_TRIES = 4
BEHIND_TOLERANCE = 0.2
"""By how much the time that was computed for may lie behind Redis's: what part of the policy's margin."""
AHEAD_TOLERANCE_SECONDS = 0.002
CLOCK_STEP_SECONDS = 0.1
DRIFT = 0.001
KEPT_SECONDS = 86_400.0
"""How long a record outlives its meaning where a new one would have to be rebuilt."""
TURN_PATIENCE_SECONDS = 0.03
TURN_LOOK_SECONDS = 0.0005
MOST_REMEMBERED = 64
"""Accounts that one process keeps as it saw them last: providers are few, the addresses at the door are not."""
NO_VERSION = "?"
RUN_ID = re.compile(rb"run_id:(\w+)")

# Answers {written?, microseconds, version, head, log, server}; the state only where nothing was written.
SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local asked = tonumber(ARGV[2])
local version = redis.call('HGET', KEYS[1], 'version') or ''
if version == ARGV[1] and asked - now <= tonumber(ARGV[3]) and now - asked <= tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[1], 'version', ARGV[5], 'head', ARGV[6], 'log', ARGV[7], 'server', ARGV[9])
  redis.call('PEXPIRE', KEYS[1], ARGV[8])
  return {1, string.format('%.0f', now)}
end
local record = redis.call('HMGET', KEYS[1], 'head', 'log', 'server')
return {0, string.format('%.0f', now), version, record[1] or '', record[2] or '', record[3] or ''}
"""


@dataclass(slots=True)
class Seen:
    """The account as it was when Redis answered last; `at` on Redis's clock, `local` on this process's."""

    version: str
    account: Account | None
    at: float
    local: float
    took: float

    def now(self, local: float) -> float:
        """Redis's time, or a little less: never more than it was when the answer came."""
        return self.at + local - self.local

    @property
    def writes(self) -> int:
        return int(self.version.partition(":")[0] or 0)


class RedisStore:
    """Accounts in hashes, one a key; safe for threads, forks, processes and hosts."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "sourcingx:limiter:",
        turns_folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`turns_folder`: where the processes of this host take turns, a file for each key that stays.

        Without one they get in each other's way, which harms only where many ask for one key at once.
        """
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            redis_connect_func=self._greet,
        )
        self._server = ""
        self._script = self._redis.register_script(SCRIPT)
        self._prefix = prefix
        self._turns_folder = turns_folder
        self._clock = clock
        self._name = uuid4().bytes
        self._seen: dict[str, Seen] = {}

    def exchange(self, policy: Policy, message: Message) -> Reply:
        with self._turn(policy) as others_were_before:
            seen = self._seen.pop(policy.key, None)
            if seen is None or others_were_before:
                seen = self._look(policy, seen)
            return self._exchange(policy, message, seen)

    def _exchange(self, policy: Policy, message: Message, seen: Seen) -> Reply:
        give_up_at = self._clock() + BUSY_SECONDS
        for tries in count(1):
            now = seen.now(self._clock())
            account = seen.account or open_account(uuid4().hex, policy, now, message.has_no_past)
            reply = exchange(account, policy, message, now)
            kept_seconds = max(0.0, means_nothing_after(account, policy) - now) + (
                1.0 if message.has_no_past else KEPT_SECONDS
            )
            written = self._write(policy, seen, now, account, kept_seconds)
            if written.account is account:
                self._remember(policy, written)
                return reply
            if tries >= LEAST_TRIES and self._clock() >= give_up_at:
                break
            seen = written
        raise StoreBusy("Many ask the limiter's Redis at once.")

    def picture(self, policy: Policy) -> LimiterState:
        seen = self._look(policy)
        now = seen.now(self._clock())
        return picture(seen.account or open_account("", policy, now, has_no_past=True), policy, now)

    def close(self) -> None:
        self._redis.close()

    def _greet(self, connection: Any) -> None:
        """Learn which life of the server this connection reaches: one that began anew may have lost writes."""
        connection.on_connect()
        connection.send_command("INFO", "server")
        try:
            found = RUN_ID.search(bytes(connection.read_response()))
        except redis.ResponseError:
            # Not everybody may ask; then only those who saw the record before notice what it lost.
            found = None
        self._server = found[1].decode() if found else ""

    @contextmanager
    def _turn(self, policy: Policy) -> Iterator[bool]:
        """One after the other on this host, as far as that goes; says whether somebody else had the turn before.

        What two compute at once, one computes in vain. It is a courtesy and no lock: whoever waits too long (the
        holder may be frozen) goes all the same, and the script in Redis decides. The kernel ends the turn of the dead.
        """
        file = self._open_turn(policy)
        if file is None:
            yield False
            return
        try:
            give_up_at = self._clock() + TURN_PATIENCE_SECONDS
            while not is_locked(file) and self._clock() < give_up_at:
                threading.Event().wait(TURN_LOOK_SECONDS)
            yield os.pread(file, len(self._name), 0) != self._name
            with suppress(OSError):
                os.pwrite(file, self._name, 0)
        finally:
            os.close(file)

    def _open_turn(self, policy: Policy) -> int | None:
        """The file of a key's turn; none where there is no folder, or no room in it: then all go at once."""
        if self._turns_folder is None:
            return None
        key = hashlib.sha256(f"{self._prefix}{policy.key}".encode()).hexdigest()[:16]
        try:
            return os.open(self._turns_folder / f"{key}.turn", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return None

    def _remember(self, policy: Policy, seen: Seen) -> None:
        self._seen[policy.key] = seen
        while len(self._seen) > MOST_REMEMBERED:
            # Another thread may be quicker and change the dictionary under the iterator.
            with suppress(KeyError, RuntimeError, StopIteration):
                del self._seen[next(iter(self._seen))]

    def _look(self, policy: Policy, before: Seen | None = None) -> Seen:
        """The account as Redis has it, checked against what was seen of it before."""
        return self._ask(policy, before, 0.0, [])

    def _write(self, policy: Policy, seen: Seen, now: float, account: Account, kept_seconds: float) -> Seen:
        """Put the account in the place of the one seen; what is there instead, if somebody was quicker."""
        version = f"{seen.writes + 1}:{uuid4().hex}"
        head, log = pack(account)
        written = self._ask(policy, seen, now, [version, head, log, round(kept_seconds * 1000), self._server])
        if written.version == version:
            written.account = account
        return written

    def _ask(self, policy: Policy, seen: Seen | None, now: float, record: list[str | bytes | int]) -> Seen:
        behind = max(AHEAD_TOLERANCE_SECONDS, BEHIND_TOLERANCE * policy.margin_seconds)
        tolerances = [round(AHEAD_TOLERANCE_SECONDS * 1e6), round(behind * 1e6)]
        expected = seen.version if seen else NO_VERSION
        asked_at = self._clock()
        try:
            answer = self._script([self._prefix + policy.key], [expected, round(now * 1e6), *tolerances, *record])
        except redis.RedisError as error:
            raise StoreUnavailable(f"The limiter's Redis cannot be asked: {error}") from error
        answered_at = self._clock()
        is_written, microseconds, *rest = answer
        found = Seen("", None, int(microseconds) / 1e6, answered_at, answered_at - asked_at)
        if is_written:
            found.version = str(record[0])
            return found
        version, head, log, server = rest
        found.version = version.decode()
        if not server or not self._server or server.decode() == self._server:
            found.account = trusted(found, read_account(head, log), seen)
        return found


def is_locked(file: int) -> bool:
    """Whether the file is ours now; it stays so until it is closed, by whatever end."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_account(head: bytes, log: bytes) -> Account | None:
    """The stored account; none if there is none or it cannot be read."""
    try:
        return unpack(head.decode(), log) if head else None
    except (UnreadableRecord, UnicodeDecodeError):
        return None


def trusted(found: Seen, account: Account | None, seen: Seen | None) -> Account | None:
    """The account, unless Redis has lost what it knew or its clock has stepped: then nothing is known.

    A replica that became the master may be behind by some writes. A clock that stepped forwards would forget calls
    too early, one that stepped back would stand still until it has caught up. What another process has opened anew
    since (its epoch tells) is trusted again.
    """
    if account is None:
        return None
    if account.clock - found.at > CLOCK_STEP_SECONDS:
        return None
    if seen is None or seen.account is None or seen.account.epoch != account.epoch:
        return account
    has_lost_writes = found.writes < seen.writes
    unexplained = found.at - seen.now(found.local)
    has_stepped = unexplained > CLOCK_STEP_SECONDS + seen.took + DRIFT * (found.local - seen.local)
    return None if has_lost_writes or has_stepped else account
