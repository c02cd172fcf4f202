"""Who is next: start-time fair queueing in two levels, organizations first, then their users.

Each organization, and each user within one, carries a virtual time: what it has received, divided
by its weight. The one with the least goes next. Who was idle starts from the present virtual time,
so idleness earns no credit. docs/decisions/limiter.md, Fair lanes.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from ratelimit.policy import Lane


@dataclass(slots=True)
class UserShares:
    """The virtual times of the users of one organization."""

    received: float
    now: float = 0.0
    users: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Waiting:
    """What one process waits for in one lane, since when it has been its turn to hope."""

    agent: str
    lane: Lane
    count: int
    next_costs: tuple[Mapping[str, int], ...]
    since: float

    def costs_of(self, index: int) -> Mapping[str, int]:
        """The costs of its call `index`; beyond what it told, like the last it told."""
        return self.next_costs[min(index, len(self.next_costs) - 1)]


@dataclass(slots=True)
class Shares:
    """The virtual times of all organizations that use a key."""

    now: float = 0.0
    organizations: dict[str, UserShares] = field(default_factory=dict)

    def join(self, lane: Lane, organization_waits: bool, lane_waits: bool) -> None:
        """Let a lane take part; who was not waiting before begins at the present."""
        shares = self.organizations.setdefault(lane.organization, UserShares(self.now))
        if not organization_waits:
            shares.received = max(shares.received, self.now)
        received = shares.users.get(lane.user, shares.now)
        shares.users[lane.user] = received if lane_waits else max(received, shares.now)

    def advance(self, waiting: Iterable[Waiting]) -> None:
        """Move the present on to the least that any of those who wait has received."""
        least: dict[str, float] = {}
        for row in waiting:
            name, received = row.lane.organization, self.organizations[row.lane.organization].users[row.lane.user]
            least[name] = min(least.get(name, received), received)
        for name, received in least.items():
            self.organizations[name].now = max(self.organizations[name].now, received)
        if least:
            self.now = max(self.now, min(self.organizations[name].received for name in least))

    def has_overtaken(self, lane: Lane, waiting: Lane, share: float) -> bool:
        """Whether a lane has received more than one that waits will have received with its next call."""
        mine, theirs = self.organizations[lane.organization], self.organizations[waiting.organization]
        if mine is not theirs:
            return theirs.received + share / waiting.organization_weight < mine.received
        return theirs.users[waiting.user] + share / waiting.weight < mine.users[lane.user]

    def charge(self, lane: Lane, share: float) -> None:
        """Count what a lane received, in parts of what the whole key allows in a window."""
        shares = self.organizations[lane.organization]
        shares.received += share / lane.organization_weight
        shares.users[lane.user] += share / lane.weight

    def refund(self, lane: Lane, share: float) -> None:
        """Take back what a lane received and did not use."""
        shares = self.organizations.get(lane.organization)
        if shares is None or lane.user not in shares.users:
            return
        shares.received -= share / lane.organization_weight
        shares.users[lane.user] -= share / lane.weight

    def forget_idle(self, waiting: Iterable[Waiting]) -> None:
        """Drop whose virtual time says no more than the present one."""
        busy = {(row.lane.organization, row.lane.user) for row in waiting}
        busy_organizations = {organization for organization, _ in busy}
        for name, shares in list(self.organizations.items()):
            for user, received in list(shares.users.items()):
                if received <= shares.now and (name, user) not in busy:
                    del shares.users[user]
            if shares.received <= self.now and name not in busy_organizations:
                del self.organizations[name]

    def fair_order(self, waiting: Iterable[Waiting], share_of: "ShareOf") -> Iterator[tuple[Waiting, int]]:
        """All calls that wait, in the order of a fair service: (whose, which of its calls).

        Between equals, whoever was served longest ago goes first.
        """
        lanes: dict[str, dict[str, deque[tuple[Waiting, int]]]] = {}
        for row in sorted(waiting, key=lambda row: row.since):
            users = lanes.setdefault(row.lane.organization, {})
            users.setdefault(row.lane.user, deque()).append((row, 0))
        turns = count()
        received = {name: (self.organizations[name].received, next(turns)) for name in lanes}
        user_received = {
            name: {user: (self.organizations[name].users[user], next(turns)) for user in users}
            for name, users in lanes.items()
        }
        while lanes:
            organization = min(lanes, key=received.__getitem__)
            users, shares = lanes[organization], user_received[organization]
            user = min(users, key=shares.__getitem__)
            row, index = users[user].popleft()
            yield row, index
            share = share_of(row.costs_of(index))
            received[organization] = (
                received[organization][0] + share / row.lane.organization_weight,
                next(turns),
            )
            shares[user] = (shares[user][0] + share / row.lane.weight, next(turns))
            if index + 1 < row.count:
                users[user].append((row, index + 1))
            elif not users[user]:
                del users[user]
                if not users:
                    del lanes[organization]


class ShareOf:
    """Which part of the scarcest limit a call takes; without paced limits, every call counts alike."""

    __slots__ = ("_amounts",)

    def __init__(self, amounts: Mapping[str, int]) -> None:
        self._amounts = amounts

    def __call__(self, costs: Mapping[str, int]) -> float:
        return max((cost / self._amounts[name] for name, cost in costs.items() if name in self._amounts), default=1.0)
