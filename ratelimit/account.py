"""The whole arithmetic of one key: `exchange` takes a process's message and answers it.

Pure but for the account it is given: no clock, no storage, no randomness. A store makes it atomic.
docs/decisions/limiter.md explains the choices; docs/limiter.md the use.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ratelimit.breaker import Breaker
from ratelimit.fairness import ShareOf, Shares, Waiting
from ratelimit.messages import (
    Adjustment,
    Costs,
    Grant,
    LaneAsk,
    LaneState,
    Lesson,
    LimiterState,
    LimitState,
    Message,
    Outcome,
    Pause,
    Reply,
    Trouble,
)
from ratelimit.policy import Lane, Limit, Policy
from ratelimit.window import Meter

LONGEST_NAP_SECONDS = 15.0
SHORTEST_NAP_SECONDS = 0.001
FORGOTTEN_AFTER_SECONDS = 1.0
FIRST_BACK_OFF_SECONDS = 1.0
LONGEST_BACK_OFF_SECONDS = 300.0
LONGEST_PAUSE_SECONDS = 86_400.0
"""Whoever asks for more is asked again after a day: no header may shut a key for ever."""
WAVES_FORGOTTEN_AFTER_SECONDS = 60.0
RELEASE_GUESS_SECONDS = (0.02, 1.0)
LOOK_AHEAD_CALLS = 512
MOST_SPARES = 128


@dataclass(slots=True)
class Agent:
    """A process that uses the key: what it holds returns when it is silent past `alive_until`."""

    alive_until: float
    open_calls: int
    serial: int


@dataclass(slots=True)
class Queue:
    """What one process waits for, and when it was told to come back."""

    due_at: float
    rows: list[Waiting]


@dataclass(slots=True)
class Account:
    """Everything that is known of one key. Times are seconds of the store's clock."""

    epoch: str
    clock: float
    meters: dict[str, Meter] = field(default_factory=dict)
    unknown_since: float | None = None
    shares: Shares = field(default_factory=Shares)
    agents: dict[str, Agent] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    concurrency_shut_until: float = 0.0
    paused_at: float = 0.0
    paused_until: float = 0.0
    pause_reason: str = ""
    waves: int = 0
    released_at: float = 0.0
    release_interval: float = 1.0
    breaker: Breaker = field(default_factory=Breaker)

    @property
    def open_calls(self) -> int:
        return sum(agent.open_calls for agent in self.agents.values())


def open_account(epoch: str, policy: Policy, now: float, has_no_past: bool) -> Account:
    """An account of which nothing is known: shut, unless the caller says there is nothing to know."""
    account = Account(epoch=epoch, clock=now)
    if policy.concurrency is not None and not has_no_past:
        account.concurrency_shut_until = now + policy.lease_seconds / 2
    return account


def exchange(account: Account, policy: Policy, message: Message, now: float) -> Reply:
    """Apply one message and answer it; the account is changed in place."""
    now = account.clock = max(now, account.clock)
    _follow_policy(account, policy, now, message.has_no_past)
    _forget(account, now)
    if message.history is not None and account.unknown_since is not None:
        _rebuild(account, policy, message, now)
    _hear(account, policy, message, now)
    mine = _seat(account, message.agent, message.asks, now)
    account.shares.advance([*mine, *_live_rows(account, policy, now)])
    grants = _grant(account, policy, message.agent, mine, now)
    staying = _staying(mine, message.asks, grants)
    if not staying:
        grants += _grant_spares(account, policy, message, now)
    reply = _answer(account, policy, message, mine, staying, tuple(grants), now)
    if staying and reply.wait_seconds is not None:
        account.queues[message.agent] = Queue(now + reply.wait_seconds, staying)
    account.shares.forget_idle(_rows(account.queues.values()))
    return reply


def picture(account: Account, policy: Policy, now: float) -> LimiterState:
    """What a person can be shown; reads only, but lets go of what time has ended."""
    now = max(now, account.clock)
    _follow_policy(account, policy, now, has_no_past=False)
    _forget(account, now)
    meters = [(limit, account.meters[limit.name]) for limit in policy.limits]
    shut = max((meter.shut_until - now for _, meter in meters), default=0.0)
    if policy.concurrency is not None:
        shut = max(shut, account.concurrency_shut_until - now)
    return LimiterState(
        key=policy.key,
        limits=tuple(
            LimitState(limit.name, meter.used(now), meter.allowed(now), limit.window_seconds) for limit, meter in meters
        ),
        open_calls=account.open_calls,
        concurrency=policy.concurrency,
        lanes=tuple(_lane_states(account, policy, now)),
        paused_seconds=max(0.0, account.paused_until - now),
        pause_reason=account.pause_reason if now < account.paused_until else "",
        shut_seconds=max(0.0, shut),
        trouble=_trouble(account, now),
    )


def means_nothing_after(account: Account, policy: Policy) -> float:
    """When an untouched account would be the same as a new one without a past."""
    longest = max((meter.span for meter in account.meters.values()), default=0.0)
    return max(
        account.clock + longest + policy.lease_seconds, account.paused_until, account.breaker.means_nothing_after
    )


def _follow_policy(account: Account, policy: Policy, now: float, has_no_past: bool) -> None:
    for name in account.meters.keys() - {limit.name for limit in policy.limits}:
        del account.meters[name]
    for limit in policy.limits:
        span = policy.span_of(limit)
        meter = account.meters.get(limit.name)
        if meter is None:
            meter = _new_meter(limit, span, now, has_no_past)
            account.meters[limit.name] = meter
        elif meter.span != span:
            meter.resize(span, now)
        meter.amount, meter.is_paced = limit.amount, limit.is_paced
        if meter.shut_until > now and account.unknown_since is None:
            account.unknown_since = now


def _new_meter(limit: Limit, span: float, now: float, has_no_past: bool) -> Meter:
    shut_until = 0.0 if has_no_past else now + span
    return Meter(span=span, amount=limit.amount, is_paced=limit.is_paced, shut_until=shut_until)


def _forget(account: Account, now: float) -> None:
    for meter in account.meters.values():
        meter.forget(now)
    account.breaker.forget(now)
    for name, agent in list(account.agents.items()):
        if agent.alive_until <= now and name not in account.queues:
            del account.agents[name]
        elif agent.alive_until <= now:
            agent.open_calls = 0
    for name, queue in list(account.queues.items()):
        if queue.due_at + FORGOTTEN_AFTER_SECONDS <= now:
            del account.queues[name]
    if account.unknown_since is not None and all(meter.shut_until <= now for meter in account.meters.values()):
        account.unknown_since = None


def _rebuild(account: Account, policy: Policy, message: Message, now: float) -> None:
    """Take in the caller's record; not one that was read before it was wanted, for what came after is not in it."""
    if _history_wanted(account, policy, now)[0] is None:
        return
    for limit in policy.limits:
        meter = account.meters[limit.name]
        if meter.shut_until > now:
            starts = ((now - past.seconds_ago, past.costs.get(limit.name, 0)) for past in message.history or ())
            meter.rebuild(starts, now)
    account.unknown_since = None


def _hear(account: Account, policy: Policy, message: Message, now: float) -> None:
    agent = account.agents.get(message.agent)
    if agent is None:
        agent = account.agents[message.agent] = Agent(now, 0, 0)
    if message.open_calls < agent.open_calls:
        _note_release(account, agent.open_calls - message.open_calls, now)
    agent.open_calls, agent.alive_until = message.open_calls, now + policy.lease_seconds
    account.breaker.hear_of_probe(message.agent, message.probed_round, now, policy.lease_seconds)
    if message.serial <= agent.serial:
        return
    agent.serial = message.serial
    for adjustment in message.adjustments:
        _adjust(account, adjustment, now)
    for pause in message.pauses:
        _pause(account, policy, pause, now)
    for lesson in message.lessons:
        _learn(account, lesson, now)
    for outcome in message.outcomes:
        _hear_of_calls(account, outcome, now)
    if message.key_is_mended:
        account.breaker.look_again(now)


def _note_release(account: Account, released: int, now: float) -> None:
    interval = (now - account.released_at) / released if account.released_at else account.release_interval
    account.release_interval = 0.8 * account.release_interval + 0.2 * interval
    account.released_at = now


def _adjust(account: Account, adjustment: Adjustment, now: float) -> None:
    if adjustment.epoch != account.epoch:
        return
    for name, delta in adjustment.deltas.items():
        if name in account.meters and name in adjustment.slots:
            account.meters[name].adjust(adjustment.slots[name], delta, now)
    if adjustment.refunded_lane is not None:
        unused = {name: -delta for name, delta in adjustment.deltas.items()}
        account.shares.refund(adjustment.refunded_lane, _share_of(account, now)(unused))


def _pause(account: Account, policy: Policy, pause: Pause, now: float) -> None:
    same_wave = pause.refused_grant_at is not None and pause.refused_grant_at <= account.paused_at
    seconds = pause.seconds
    if seconds is None:
        if same_wave:
            return
        if now > account.paused_until + WAVES_FORGOTTEN_AFTER_SECONDS:
            account.waves = 0
        doubled = FIRST_BACK_OFF_SECONDS * 2.0 ** min(account.waves, 20)
        seconds = min(LONGEST_BACK_OFF_SECONDS, doubled) * (1.0 + 0.5 * pause.jitter)
        account.waves += 1
    seconds = min(seconds, LONGEST_PAUSE_SECONDS)
    if now + seconds > account.paused_until:
        account.paused_until, account.pause_reason = now + seconds, pause.reason
    account.paused_at = now
    for meter in account.meters.values():
        meter.due_at = max(meter.due_at, account.paused_until + policy.burst_seconds)


def _learn(account: Account, lesson: Lesson, now: float) -> None:
    meter = account.meters.get(lesson.limit_name)
    if meter is not None:
        meter.learn(lesson.remaining, lesson.allowed, lesson.reset_seconds, now)


def _hear_of_calls(account: Account, outcome: Outcome, now: float) -> None:
    if outcome.epoch != account.epoch:
        return
    if outcome.is_refusal:
        account.breaker.refuse(outcome.round, outcome.reason, now)
    account.breaker.hear(outcome.round, outcome.worked, outcome.failed, outcome.reason, outcome.jitter, now)


def _seat(account: Account, agent: str, asks: Iterable[LaneAsk], now: float) -> list[Waiting]:
    """Turn a message's asks into rows; a lane that waited already keeps its seniority."""
    queue = account.queues.pop(agent, None)
    before = {row.lane: row.since for row in queue.rows} if queue else {}
    mine = []
    waiting_lanes = {(row.lane.organization, row.lane.user) for row in _rows(account.queues.values())}
    waiting_lanes |= {(lane.organization, lane.user) for lane in before}
    waiting_organizations = {organization for organization, _ in waiting_lanes}
    for ask in asks:
        lane = ask.lane
        account.shares.join(
            lane, lane.organization in waiting_organizations, (lane.organization, lane.user) in waiting_lanes
        )
        count = max(ask.waiting, len(ask.next_costs))
        mine.append(Waiting(agent, lane, count, ask.next_costs, before.get(lane, now)))
    return mine


def _grant(account: Account, policy: Policy, agent: str, mine: list[Waiting], now: float) -> list[Grant]:
    """Let start what may start now; those who are fairer and present keep their turns."""
    present = [
        row
        for queue in account.queues.values()
        if queue.due_at <= now <= queue.due_at + policy.grace_seconds
        for row in queue.rows
    ]
    share_of = _share_of(account, now)
    gathering = _gathering(account, policy, now)
    told = {id(row): len(row.next_costs) for row in mine}
    grants: list[Grant] = []
    while candidates := [row for row in mine if told[id(row)] > 0]:
        overtaken = [row for row in gathering if _is_overtaken(account, row, candidates, share_of)]
        row, ahead, calls_ahead = _first_of(agent, account, [*candidates, *present, *overtaken], share_of)
        costs = row.costs_of(0)
        if _ready_at(account, policy, costs, ahead, calls_ahead, now) > now:
            break
        if policy.concurrency is not None:
            account.agents[agent].open_calls += 1
        grants.append(_start(account, policy, agent, row.lane, costs, share_of, now))
        told[id(row)] -= 1
        row.count, row.since = row.count - 1, now
        row.next_costs = row.next_costs[1:] or row.next_costs
    return grants


def _gathering(account: Account, policy: Policy, now: float) -> list[Waiting]:
    """Those who sleep because their next call is too large for the room there is, though not for ever.

    Smaller calls of others would take each bit of room as it comes free (docs/decisions/limiter.md, Large calls).
    """
    return [
        row
        for queue in account.queues.values()
        if now < queue.due_at
        for row in queue.rows
        if _lacks_room(account, policy, row.costs_of(0), now)
    ]


def _lacks_room(account: Account, policy: Policy, costs: Costs, now: float) -> bool:
    """Whether only a paced limit, which soon has room again, keeps a call from starting."""
    late = [
        name for name, cost in costs.items() if account.meters[name].ready_at(cost, 0, now, policy.burst_seconds) > now
    ]
    return bool(late) and all(account.meters[name].is_paced for name in late)


def _is_overtaken(account: Account, row: Waiting, others: Iterable[Waiting], share_of: ShareOf) -> bool:
    share = share_of(row.costs_of(0))
    return all(account.shares.has_overtaken(other.lane, row.lane, share) for other in others)


def _grant_spares(account: Account, policy: Policy, message: Message, now: float) -> list[Grant]:
    """Let a process take along what it will soon ask for, as long as that takes nothing from anybody."""
    if any(True for _ in _live_rows(account, policy, now)) or policy.concurrency is not None or account.breaker.is_open:
        return []
    grants: list[Grant] = []
    share_of = _share_of(account, now)
    for ask in message.asks:
        costs = ask.next_costs[-1] if ask.next_costs else {}
        for _ in range(min(ask.spare, MOST_SPARES)):
            if _ready_at(account, policy, costs, {}, 0, now) > now:
                return grants
            grants.append(_start(account, policy, message.agent, ask.lane, costs, share_of, now))
    return grants


def _start(
    account: Account, policy: Policy, agent: str, lane: Lane, costs: Costs, share_of: ShareOf, now: float
) -> Grant:
    """Count one call as started now."""
    slots = {name: account.meters[name].take(cost, now) for name, cost in costs.items() if cost}
    account.shares.charge(lane, share_of(costs))
    is_probe = account.breaker.start(agent, now, policy.lease_seconds)
    return Grant(lane, costs, slots, account.breaker.round, is_probe)


def _first_of(
    agent: str, account: Account, rows: list[Waiting], share_of: ShareOf
) -> tuple[Waiting, dict[str, int], int]:
    """The agent's first call in the fair order, and what goes before it."""
    own = next(row for row in rows if row.agent == agent)
    if len(rows) == 1:
        return own, {}, 0
    ahead: dict[str, int] = {}
    calls = 0
    for row, index in account.shares.fair_order(rows, share_of):
        if row.agent == agent or calls == LOOK_AHEAD_CALLS:
            return (row if row.agent == agent else own), ahead, calls
        for name, cost in row.costs_of(index).items():
            ahead[name] = ahead.get(name, 0) + cost
        calls += 1
    return own, ahead, calls


def _ready_at(
    account: Account, policy: Policy, costs: Costs, ahead: Mapping[str, int], calls_ahead: int, now: float
) -> float:
    """The earliest time at which all limits agree to a call, once those ahead of it have gone."""
    ready = max(now, account.paused_until, account.breaker.ready_at(now))
    for name, cost in costs.items():
        meter = account.meters[name]
        ready = max(ready, meter.ready_at(cost, ahead.get(name, 0), now, policy.burst_seconds))
    if policy.concurrency is not None:
        ready = max(ready, account.concurrency_shut_until)
        excess = account.open_calls + calls_ahead + 1 - policy.concurrency
        if excess > 0:
            shortest, longest = RELEASE_GUESS_SECONDS
            ready = max(ready, now + min(max(excess * account.release_interval, shortest), longest))
    return ready


def _staying(mine: list[Waiting], asks: Iterable[LaneAsk], grants: list[Grant]) -> list[Waiting]:
    staying = []
    for row, ask in zip(mine, asks, strict=True):
        granted = sum(grant.lane == row.lane for grant in grants)
        row.count = ask.waiting - granted
        if row.count > 0:
            staying.append(row)
    return staying


def _answer(
    account: Account,
    policy: Policy,
    message: Message,
    mine: list[Waiting],
    staying: list[Waiting],
    grants: tuple[Grant, ...],
    now: float,
) -> Reply:
    history_seconds, history_at = _history_wanted(account, policy, now)
    unserved = sum(len(ask.next_costs) for ask in message.asks) > len(grants)
    left = staying or (mine if unserved else [])
    if not left:
        return Reply(now, account.epoch, grants, history_seconds=history_seconds, trouble=_trouble(account, now))
    share_of = _share_of(account, now)
    row, ahead, calls_ahead = _first_of(message.agent, account, [*left, *_live_rows(account, policy, now)], share_of)
    costs = row.costs_of(0)
    ready = _ready_at(account, policy, costs, ahead, calls_ahead, now)
    alone = _ready_at(account, policy, costs, {}, 0, now)
    pace = max((cost * account.meters[name].pace(now) for name, cost in costs.items()), default=0.0)
    one_round = (len(account.queues) + 1) * pace
    come_back = min(ready, alone + one_round, now + LONGEST_NAP_SECONDS)
    if history_at is not None:
        come_back = min(come_back, history_at)
    return Reply(
        now,
        account.epoch,
        grants,
        wait_seconds=max(come_back - now, SHORTEST_NAP_SECONDS),
        place=calls_ahead,
        rate=_rate_of(account, row, [*left, *_live_rows(account, policy, now)], now),
        reason=_reason(account, now),
        history_seconds=history_seconds,
        trouble=_trouble(account, now),
    )


def _history_wanted(account: Account, policy: Policy, now: float) -> tuple[float | None, float | None]:
    """Of how many seconds the past is wanted, or when it will be.

    Not before the margin has passed: permits given by the store that was lost may still be used.
    """
    if account.unknown_since is None:
        return None, None
    wanted_at = account.unknown_since + policy.safety_seconds
    if now < wanted_at:
        return None, wanted_at
    return max(meter.span for meter in account.meters.values() if meter.shut_until > now), None


def _trouble(account: Account, now: float) -> Trouble | None:
    breaker = account.breaker
    if not breaker.is_open:
        return None
    return Trouble(breaker.reason, now - breaker.failing_since, max(0.0, breaker.open_until - now))


def _reason(account: Account, now: float) -> str:
    if account.breaker.is_open:
        return account.breaker.reason
    if now < account.paused_until:
        return account.pause_reason
    if account.unknown_since is not None:
        return "The record of recent calls is being rebuilt."
    return ""


def _rows(queues: Iterable[Queue]) -> Iterator[Waiting]:
    return (row for queue in queues for row in queue.rows)


def _live_rows(account: Account, policy: Policy, now: float) -> list[Waiting]:
    return list(_rows(queue for queue in account.queues.values() if now <= queue.due_at + policy.grace_seconds))


def _share_of(account: Account, now: float) -> ShareOf:
    return ShareOf({name: meter.allowed(now) for name, meter in account.meters.items() if meter.is_paced})


def _rate_of(account: Account, row: Waiting, rows: Iterable[Waiting], now: float) -> float:
    """The fair share of a lane while all these wait, in calls per second; 0 where nothing is paced."""
    pace = max((cost * account.meters[name].pace(now) for name, cost in row.costs_of(0).items()), default=0.0)
    if pace == 0.0:
        return 0.0
    organizations: dict[str, float] = {}
    users: dict[str, float] = {}
    for other in rows:
        organizations[other.lane.organization] = other.lane.organization_weight
        if other.lane.organization == row.lane.organization:
            users[other.lane.user] = other.lane.weight
    organization_part = row.lane.organization_weight / sum(organizations.values())
    return organization_part * row.lane.weight / sum(users.values()) / pace


def _lane_states(account: Account, policy: Policy, now: float) -> Iterator[LaneState]:
    rows = _live_rows(account, policy, now)
    waiting: dict[tuple[str, str], list[Waiting]] = {}
    for row in rows:
        waiting.setdefault((row.lane.organization, row.lane.user), []).append(row)
    first: dict[tuple[str, str], tuple[int, float]] = {}
    ahead: dict[str, int] = {}
    for place, (row, index) in enumerate(account.shares.fair_order(rows, _share_of(account, now))):
        name = (row.lane.organization, row.lane.user)
        if name not in first:
            ready = _ready_at(account, policy, row.costs_of(index), ahead, place, now)
            first[name] = (place, ready - now)
        if len(first) == len(waiting):
            break
        for limit_name, cost in row.costs_of(index).items():
            ahead[limit_name] = ahead.get(limit_name, 0) + cost
    for name, lane_rows in waiting.items():
        place, wait_seconds = first[name]
        count = sum(row.count for row in lane_rows)
        rate = _rate_of(account, lane_rows[0], rows, now)
        drain = wait_seconds + (count - 1) / rate if rate else wait_seconds
        yield LaneState(*name, waiting=count, place=place, rate=rate, wait_seconds=wait_seconds, drain_seconds=drain)
