"""The arithmetic of one limit: an exact sliding window as the ceiling, an even pace below it.

A start is counted in the slot of its time, and the slot is forgotten one span after its *end*, so
rounding never frees anything early. The pace is a theoretical arrival time (GCRA): the moment at
which an even flow would be due for its next call. docs/decisions/limiter.md, Ceiling and pace.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge

SLOTS_PER_WINDOW = 512
LESSON_LASTS_SECONDS = 3600.0


def _integers() -> "array[int]":
    return array("q")


@dataclass(slots=True)
class Meter:
    """How much of one limit was taken when. Times are seconds of the store's clock."""

    span: float
    amount: int
    is_paced: bool
    slots: "array[int]" = field(default_factory=_integers)
    amounts: "array[int]" = field(default_factory=_integers)
    taken: int = 0
    due_at: float = 0.0
    shut_until: float = 0.0
    foreign: int = 0
    foreign_until: float = 0.0
    taught_amount: int = 0
    taught_until: float = 0.0

    @property
    def width(self) -> float:
        return self.span / SLOTS_PER_WINDOW

    def allowed(self, now: float) -> int:
        """The setting, or less if the provider said so lately."""
        return min(self.amount, self.taught_amount) if now < self.taught_until else self.amount

    def pace(self, now: float) -> float:
        """Seconds between two units of an even flow; 0 where the limit is not paced."""
        return self.span / self.allowed(now) if self.is_paced else 0.0

    def used(self, now: float) -> int:
        """What counts against the limit; call `forget` first."""
        return self.taken + (self.foreign if now < self.foreign_until else 0)

    def forget(self, now: float) -> None:
        """Drop what has left the window."""
        gone = 0
        while gone < len(self.slots) and self._leaves_at(self.slots[gone]) <= now:
            self.taken -= self.amounts[gone]
            gone += 1
        del self.slots[:gone]
        del self.amounts[:gone]

    def ready_at(self, cost: int, ahead: int, now: float, burst_seconds: float) -> float:
        """The earliest time at which `cost` may start after `ahead` has been taken by others."""
        if cost == 0:
            return now
        ready = max(now, self.shut_until, self._room_at(cost, ahead, now))
        if self.is_paced:
            due = max(self.due_at, now) + ahead * self.pace(now)
            ready = max(ready, due - burst_seconds)
        return ready

    def take(self, cost: int, now: float) -> int:
        """Count a start now; the slot it was counted in is returned."""
        slot = math.floor(now / self.width)
        self._count(slot, cost)
        self.due_at = max(self.due_at, now) + cost * self.pace(now)
        return slot

    def adjust(self, slot: int, delta: int, now: float) -> int:
        """Correct what was counted in a slot; the change that took place is returned."""
        if self._leaves_at(slot) <= now:
            return 0
        here = self._find(slot)
        counted = self.amounts[here] if here is not None else 0
        change = max(delta, -counted)
        self._count(slot, change)
        self.due_at += change * self.pace(now)
        return change

    def learn(self, remaining: int | None, allowed: int | None, reset_seconds: float | None, now: float) -> None:
        """Believe the provider where it says less than we thought."""
        if allowed is not None and allowed > 0:
            self.taught_amount, self.taught_until = allowed, now + LESSON_LASTS_SECONDS
        if remaining is None:
            return
        total = allowed if allowed is not None else self.allowed(now)
        unknown = (total - max(remaining, 0)) - self.used(now)
        if unknown > 0:
            lasts = self.span if reset_seconds is None else min(max(reset_seconds, 0.0), self.span)
            known_foreign = self.foreign if now < self.foreign_until else 0
            self.foreign_until = max(self.foreign_until, now + lasts) if known_foreign else now + lasts
            self.foreign = known_foreign + unknown

    def rebuild(self, starts: Iterable[tuple[float, int]], now: float) -> None:
        """Replace the unknown past by what the caller's record says; (time, amount) pairs."""
        for started_at, amount in starts:
            slot = math.floor(min(started_at, now) / self.width)
            if self._leaves_at(slot) > now:
                self._count(slot, amount)
        self.shut_until = 0.0

    def resize(self, span: float, now: float) -> None:
        """Take on another window; what a longer one should have remembered keeps it shut."""
        if span > self.span:
            self.shut_until = max(self.shut_until, now + span)
        old = [((slot + 1) * self.width, amount) for slot, amount in zip(self.slots, self.amounts, strict=True)]
        self.span, self.slots, self.amounts, self.taken = span, _integers(), _integers(), 0
        for ended_at, amount in old:
            self._count(math.floor(ended_at / self.width), amount)

    def _leaves_at(self, slot: int) -> float:
        return (slot + 1) * self.width + self.span

    def _room_at(self, cost: int, ahead: int, now: float) -> float:
        """When the window has room; a call above a taught limit goes alone through an empty window."""
        surplus = self.used(now) + ahead + cost - max(self.allowed(now), cost)
        if surplus <= 0:
            return now
        for leaves_at, amount in self._releases(now):
            surplus -= amount
            if surplus <= 0:
                return leaves_at
        return now + self.span

    def _releases(self, now: float) -> Iterator[tuple[float, int]]:
        own = ((self._leaves_at(slot), amount) for slot, amount in zip(self.slots, self.amounts, strict=True))
        foreign = [(self.foreign_until, self.foreign)] if now < self.foreign_until else []
        return merge(own, foreign)

    def _find(self, slot: int) -> int | None:
        here = bisect_left(self.slots, slot)
        return here if here < len(self.slots) and self.slots[here] == slot else None

    def _count(self, slot: int, amount: int) -> None:
        here = bisect_left(self.slots, slot)
        if here == len(self.slots) or self.slots[here] != slot:
            self.slots.insert(here, slot)
            self.amounts.insert(here, 0)
        self.amounts[here] += amount
        self.taken += amount
