"""An account as two columns: a JSON head, and the slots of its meters as packed integers."""

import json
import sys
from array import array
from typing import Any

from ratelimit.account import Account, Agent, Queue
from ratelimit.breaker import Breaker, Second
from ratelimit.fairness import Shares, UserShares, Waiting
from ratelimit.policy import Lane
from ratelimit.window import Meter

FORMAT = 1

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class UnreadableRecord(Exception):
    """The stored bytes are no account of this format."""


def pack(account: Account) -> tuple[str, bytes]:
    """The account as (head, log)."""
    log = bytearray()
    meters = {}
    for name, meter in account.meters.items():
        log += meter.slots.tobytes() + meter.amounts.tobytes()
        meters[name] = [
            len(meter.slots),
            meter.span,
            meter.amount,
            meter.is_paced,
            meter.taken,
            meter.due_at,
            meter.shut_until,
            meter.foreign,
            meter.foreign_until,
            meter.taught_amount,
            meter.taught_until,
        ]
    head = {
        "format": [FORMAT, sys.byteorder],
        "epoch": account.epoch,
        "clock": account.clock,
        "meters": meters,
        "unknown_since": account.unknown_since,
        "shares_now": account.shares.now,
        "shares": {
            name: [shares.received, shares.now, shares.users] for name, shares in account.shares.organizations.items()
        },
        "agents": {name: [agent.alive_until, agent.open_calls, agent.serial] for name, agent in account.agents.items()},
        "queues": {
            name: [queue.due_at, [_pack_row(row) for row in queue.rows]] for name, queue in account.queues.items()
        },
        "plain": [
            account.concurrency_shut_until,
            account.paused_at,
            account.paused_until,
            account.pause_reason,
            account.waves,
            account.released_at,
            account.release_interval,
        ],
        "breaker": _pack_breaker(account.breaker),
    }
    return _encode(head), bytes(log)


def unpack(head_text: str, log: bytes) -> Account:
    """The account of (head, log); raises UnreadableRecord."""
    try:
        head = json.loads(head_text)
        if head["format"] != [FORMAT, sys.byteorder]:
            raise UnreadableRecord(f"format {head['format']}")
        return _account(head, log)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UnreadableRecord(str(error)) from error


def _account(head: dict[str, Any], log: bytes) -> Account:
    shut, paused_at, paused_until, reason, waves, released_at, interval = head["plain"]
    return Account(
        epoch=head["epoch"],
        clock=head["clock"],
        meters=_meters(head["meters"], log),
        unknown_since=head["unknown_since"],
        shares=Shares(
            head["shares_now"],
            {name: UserShares(received, now, users) for name, (received, now, users) in head["shares"].items()},
        ),
        agents={name: Agent(*fields) for name, fields in head["agents"].items()},
        queues={
            name: Queue(due_at, [_row(name, row) for row in rows]) for name, (due_at, rows) in head["queues"].items()
        },
        concurrency_shut_until=shut,
        paused_at=paused_at,
        paused_until=paused_until,
        pause_reason=reason,
        waves=waves,
        released_at=released_at,
        release_interval=interval,
        # A record of an earlier version has none: closed (docs/decisions/breaker.md, What a record does not know).
        breaker=_breaker(*head["breaker"]) if "breaker" in head else Breaker(),
    )


def _meters(fields_by_name: dict[str, list[Any]], log: bytes) -> dict[str, Meter]:
    meters = {}
    at = 0
    for name, (count, span, amount, is_paced, *rest) in fields_by_name.items():
        size = 8 * count
        if len(log) < at + 2 * size:
            raise UnreadableRecord("the log is too short")
        slots, amounts = array("q"), array("q")
        slots.frombytes(log[at : at + size])
        amounts.frombytes(log[at + size : at + 2 * size])
        meters[name] = Meter(span, amount, is_paced, slots, amounts, *rest)
        at += 2 * size
    return meters


def _pack_breaker(breaker: Breaker) -> list[Any]:
    return [
        [[second.at, second.worked, second.failed] for second in breaker.seconds],
        breaker.round,
        breaker.is_open,
        breaker.failing_since,
        breaker.open_until,
        breaker.closed_at,
        breaker.openings,
        breaker.reason,
        breaker.probe_agent,
        breaker.probe_until,
        breaker.is_refusal,
    ]


def _breaker(seconds: list[list[int]], *fields: Any) -> Breaker:
    breaker = Breaker(*fields)
    breaker.seconds = [Second(*second) for second in seconds]
    return breaker


def _pack_row(row: Waiting) -> list[Any]:
    lane = row.lane
    names = [lane.organization, lane.user, lane.weight, lane.organization_weight]
    return [names, row.count, [dict(costs) for costs in row.next_costs], row.since]


def _row(agent: str, fields: list[Any]) -> Waiting:
    names, count, costs, since = fields
    return Waiting(agent, Lane(*names), count, tuple(costs), since)
