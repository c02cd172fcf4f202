"""Many processes in virtual time: real desks and the real account, a clock that jumps, wake-ups that are late."""

import heapq
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ratelimit.account import exchange, open_account
from ratelimit.desk import Admission, Desk, Waiter
from ratelimit.policy import Lane, Policy

BEGIN = 1000.0


@dataclass(frozen=True)
class Demand:
    """So many callers of one lane in one process, each asking again as soon as its call has ended."""

    lane: Lane
    callers: int
    costs: Mapping[str, int] = field(default_factory=lambda: {"requests": 1})
    begins: float = 0.0
    leaves: float = float("inf")


@dataclass
class Outcome:
    """What came of it; starts are (time, user)."""

    starts: list[tuple[float, str]] = field(default_factory=list)
    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    operations: int = 0

    def count(self, user: str, since: float = 0.0) -> int:
        return sum(name == user and at >= BEGIN + since for at, name in self.starts)


@dataclass
class Simulation:
    """Run `processes`, each a list of demands, for `seconds`; `killed` maps a process to its last moment."""

    policy: Policy
    processes: Sequence[Sequence[Demand]]
    seconds: float
    call_seconds: float = 0.0
    late_seconds: float = 0.003
    killed: Mapping[int, float] = field(default_factory=dict)
    seed: int = 7

    def run(self) -> Outcome:
        self._random = random.Random(self.seed)
        self._account = open_account("epoch", self.policy, BEGIN, has_no_past=True)
        self._desks = [Desk(self.policy, f"process {index}", True) for index in range(len(self.processes))]
        self._planned: list[float | None] = [None] * len(self._desks)
        self._planned_for: list[float | None] = [None] * len(self._desks)
        self._sequence = 0
        self._entered: dict[Waiter, float] = {}
        self._demand_of: dict[Waiter, Demand] = {}
        self._events: list[tuple[float, int, int, object]] = []
        outcome = self._outcome = Outcome()
        for index, demands in enumerate(self.processes):
            for demand in demands:
                for _ in range(demand.callers):
                    self._push(BEGIN + demand.begins + 0.01 * self._random.random(), index, demand)
        while self._events and self._events[0][0] <= BEGIN + self.seconds:
            now, _, index, event = heapq.heappop(self._events)
            if now < BEGIN + self.killed.get(index, float("inf")):
                self._handle(now, index, event, outcome)
        return outcome

    def _handle(self, now: float, index: int, event: object, outcome: Outcome) -> None:
        desk = self._desks[index]
        if isinstance(event, Demand):
            self._enter(now, index, event)
        elif isinstance(event, Waiter):
            desk.leave(event, now)
        elif event == "call ended":
            desk.close_call(now)
        elif event == self._planned[index]:
            self._planned[index] = None
            self._ask(now, index, outcome)
        self._plan(now, index)

    def _enter(self, now: float, index: int, demand: Demand) -> None:
        if now >= BEGIN + demand.leaves:
            return
        waiter = Waiter(demand.lane, demand.costs)
        self._entered[waiter], self._demand_of[waiter] = now, demand
        admission = self._desks[index].enter(waiter, now)
        if admission is not None:
            self._begin(now, index, admission, self._outcome)
        if demand.leaves < float("inf"):
            self._push(BEGIN + demand.leaves, index, waiter)

    def _ask(self, now: float, index: int, outcome: Outcome) -> None:
        desk = self._desks[index]
        reply = exchange(self._account, self.policy, desk.compose(now), now)
        outcome.operations += 1
        for admission in desk.receive(reply, now, now):
            self._begin(now, index, admission, outcome)

    def _begin(self, now: float, index: int, admission: Admission, outcome: Outcome) -> None:
        waiter = admission.waiter
        user = waiter.lane.user
        outcome.starts.append((now, user))
        outcome.waits[user].append(now - self._entered.pop(waiter))
        ends = now + self.call_seconds + 0.0001
        self._push(ends, index, "call ended")
        self._push(ends + 0.0001, index, self._demand_of.pop(waiter))

    def _plan(self, now: float, index: int) -> None:
        at = self._desks[index].next_exchange_at()
        if at is not None and (self._planned[index] is None or at != self._planned_for[index]):
            self._planned_for[index] = at
            late = self._random.expovariate(1 / self.late_seconds) if at > now else 0.0
            self._planned[index] = max(at, now) + late
            self._push(self._planned[index], index, self._planned[index])

    def _push(self, at: float, index: int, event: object) -> None:
        self._sequence += 1
        heapq.heappush(self._events, (at, self._sequence, index, event))
