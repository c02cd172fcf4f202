"""The arithmetic of a circuit breaker: when a failing key is left alone, and when one call may try it again.

Pure, and part of a key's account: no clock, no randomness. docs/decisions/breaker.md explains the choices.
"""

import math
from dataclasses import dataclass, field

WINDOW_SECONDS = 30.0
LEAST_ALL_FAILED = 5
LEAST_HALF_FAILED = 20
FIRST_OPEN_SECONDS = 2.0
LONGEST_OPEN_SECONDS = 120.0
REFUSED_OPEN_SECONDS = 30.0
JITTER = 0.25
TROUBLE_FORGOTTEN_AFTER_SECONDS = 60.0
UNTRIED_FORGOTTEN_AFTER_SECONDS = 600.0
PROBE_WATCH_SECONDS = 0.5
"""How soon those who wait for another's probe ask how it went."""


@dataclass(slots=True)
class Second:
    """What was heard within one second."""

    at: int
    worked: int = 0
    failed: int = 0


@dataclass(slots=True)
class Breaker:
    """Closed, open, or half-open with at most one probe. Times are seconds of the store's clock.

    `round` rises with each change, and each call belongs to the round in which it was permitted: what is
    said of another round is passed over.
    """

    round: int = 0
    is_open: bool = False
    failing_since: float = 0.0
    open_until: float = 0.0
    closed_at: float = 0.0
    openings: int = 0
    reason: str = ""
    probe_agent: str = ""
    probe_until: float = 0.0
    is_refusal: bool = False
    seconds: list[Second] = field(default_factory=list)

    def ready_at(self, now: float) -> float:
        """The earliest time at which a call may start, as far as the breaker goes."""
        if not self.is_open:
            return now
        if now < self.open_until:
            return self.open_until
        if self.is_probed(now):
            return min(self.probe_until, now + PROBE_WATCH_SECONDS)
        return now

    def is_probed(self, now: float) -> bool:
        """Whether a probe is out whose process is alive."""
        return bool(self.probe_agent) and now < self.probe_until

    def start(self, agent: str, now: float, lease_seconds: float) -> bool:
        """Note a call that starts now, which `ready_at` allowed; whether it is the probe."""
        if not self.is_open:
            return False
        self.round += 1
        self.probe_agent, self.probe_until = agent, now + lease_seconds
        return True

    def hear_of_probe(self, agent: str, probed_round: int | None, now: float, lease_seconds: float) -> None:
        """A process says which probe it has out: that lengthens the lease, anything else gives the probe up."""
        if not self.is_open or agent != self.probe_agent:
            return
        if probed_round == self.round:
            self.probe_until = now + lease_seconds
        else:
            self._give_probe_up()

    def hear(self, of_round: int, worked: int, failed: int, reason: str, jitter: float, now: float) -> None:
        """Take in how calls of a round ended; `jitter` in [0, 1) spreads the openings."""
        if of_round != self.round:
            return
        if self.is_open:
            if failed:
                self._open(reason, self._next_open_seconds(jitter, now), now)
            elif worked:
                self._close(now)
            return
        self._count(worked, failed, now)
        if failed and self._is_too_much():
            self.failing_since = next(second.at for second in self.seconds if second.failed)
            self._open(reason, self._next_open_seconds(jitter, now), now)

    def refuse(self, of_round: int, reason: str, now: float) -> None:
        """The key itself was refused: nobody needs to find that out again before the next look."""
        if of_round != self.round:
            return
        if not self.is_open:
            self.failing_since = now
        self._open(reason, REFUSED_OPEN_SECONDS, now)
        self.is_refusal = True

    def look_again(self, now: float) -> None:
        """A person says that the refused key was mended: the next call to ask may try it at once."""
        if self.is_open and self.is_refusal:
            self.open_until = min(self.open_until, now)

    def forget(self, now: float) -> None:
        """Drop what has left the window; an open breaker that nobody has tried for long says nothing any more."""
        if self.is_open and now > self.open_until + UNTRIED_FORGOTTEN_AFTER_SECONDS and not self.is_probed(now):
            self._close(now)
        self.seconds = [second for second in self.seconds if second.at + 1 + WINDOW_SECONDS > now]

    @property
    def means_nothing_after(self) -> float:
        """When an untouched breaker would be the same as a new one."""
        heard = self.seconds[-1].at + 1 + WINDOW_SECONDS if self.seconds else 0.0
        untried = self.open_until + UNTRIED_FORGOTTEN_AFTER_SECONDS if self.openings or self.is_open else 0.0
        return max(heard, untried)

    def _count(self, worked: int, failed: int, now: float) -> None:
        at = math.floor(now)
        if not self.seconds or self.seconds[-1].at != at:
            self.seconds.append(Second(at))
        self.seconds[-1].worked += worked
        self.seconds[-1].failed += failed

    def _is_too_much(self) -> bool:
        failed = sum(second.failed for second in self.seconds)
        heard = failed + sum(second.worked for second in self.seconds)
        if failed == heard:
            return failed >= LEAST_ALL_FAILED
        return heard >= LEAST_HALF_FAILED and failed * 2 >= heard

    def _next_open_seconds(self, jitter: float, now: float) -> float:
        if not self.is_open and now - self.closed_at > TROUBLE_FORGOTTEN_AFTER_SECONDS:
            self.openings = 0
        doubled = FIRST_OPEN_SECONDS * 2.0 ** min(self.openings, 20)
        self.openings += 1
        return min(LONGEST_OPEN_SECONDS, doubled) * (1.0 - JITTER * jitter)

    def _open(self, reason: str, seconds: float, now: float) -> None:
        self.round += 1
        self.is_open, self.open_until, self.reason, self.is_refusal = True, now + seconds, reason, False
        self.seconds = []
        self._give_probe_up()

    def _close(self, now: float) -> None:
        self.round += 1
        self.is_open, self.closed_at, self.reason, self.is_refusal = False, now, "", False
        self._give_probe_up()

    def _give_probe_up(self) -> None:
        self.probe_agent, self.probe_until = "", 0.0
