"""The invariants of a run, checked after the fact: reads the tables and the provider's own ledger, none of our code.

I1 one result an item · I2 the ledgers agree · I3 no blind repeat · I6 one owner · I7 it ended · I11 order of record
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from tests.faults.rig import PRICE, Arrival

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Findings:
    """What is wrong; empty is right."""

    complaints: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.complaints)


def check_run(connection: Connection, run_id: UUID, arrivals: Sequence[Arrival]) -> Findings:
    """All invariants of one ended run."""
    complaints = [
        *has_ended(connection, run_id),
        *one_result_each(connection, run_id),
        *ledgers_agree(connection, run_id, arrivals),
        *nothing_repeated_blindly(connection, run_id, arrivals),
        *one_owner(connection, run_id),
        *counters_agree(connection, run_id),
    ]
    return Findings(tuple(complaints))


def has_ended(connection: Connection, run_id: UUID) -> list[str]:
    row = connection.execute("SELECT state, lease_until FROM runs WHERE id = %s", [run_id]).fetchone()
    assert row is not None
    found = []
    if row[0] not in ("succeeded", "failed", "stopped"):
        found.append(f"I7: the run is still {row[0]}")
    if row[1] is not None:
        found.append("I7: somebody still holds the wheel")
    open_items = connection.execute(
        "SELECT state, count(*) FROM run_items WHERE run_id = %s AND state IN ('claimed', 'sent') GROUP BY state",
        [run_id],
    ).fetchall()
    return found + [f"I7: {count} items are still {state}" for state, count in open_items]


def one_result_each(connection: Connection, run_id: UUID) -> list[str]:
    rows = connection.execute(
        "SELECT i.id, i.state, count(a.item_id) FROM run_items i LEFT JOIN answers a ON a.item_id = i.id"
        " WHERE i.run_id = %s GROUP BY i.id, i.state",
        [run_id],
    ).fetchall()
    return [
        f"I1: item {item} is {state} and has {results} results"
        for item, state, results in rows
        if results != (1 if state == "done" else 0)
    ]


def ledgers_agree(connection: Connection, run_id: UUID, arrivals: Sequence[Arrival]) -> list[str]:
    """Every charge of theirs is charged or unknown with us; every charge of ours is one of theirs."""
    ours = dict(connection.execute("SELECT intent_id::text, status FROM ledger WHERE run_id = %s", [run_id]).fetchall())
    items = {row[0] for row in connection.execute("SELECT id FROM run_items WHERE run_id = %s", [run_id]).fetchall()}
    theirs = Counter(arrival.call_id for arrival in arrivals if arrival.charged and arrival.item_id in items)
    found = [f"I2: call {call} was charged {times} times" for call, times in theirs.items() if times != 1]
    found += [
        f"I2: charge {call} is {ours.get(call)} with us"
        for call in theirs
        if ours.get(call) not in ("charged", "unknown")
    ]
    found += [
        f"I2: {call} is charged with us only"
        for call, status in ours.items()
        if status == "charged" and call not in theirs
    ]
    row = connection.execute(
        "SELECT coalesce(sum(cost_usd), 0), (SELECT cost_usd FROM runs WHERE id = %s) FROM ledger"
        " WHERE run_id = %s AND status = 'charged'",
        [run_id, run_id],
    ).fetchone()
    assert row is not None
    known = sum(PRICE for call in theirs if ours.get(call) == "charged")
    if not (row[0] == row[1] == known):
        found.append(f"I2: the ledger says {row[0]}, the run {row[1]}, the provider {known}")
    return found


def nothing_repeated_blindly(connection: Connection, run_id: UUID, arrivals: Sequence[Arrival]) -> list[str]:
    """A second charged call for the same step of an item is allowed after an unknown one only.

    In the order in which the calls were marked, not in which they arrived: the bytes of a process that was
    frozen behind its last check come late, and their call was unknown by then.
    """
    marked = connection.execute(
        "SELECT l.intent_id::text, l.status FROM ledger l JOIN intents i ON i.id = l.intent_id"
        " WHERE l.run_id = %s ORDER BY i.sent_at",
        [run_id],
    ).fetchall()
    charged = {arrival.call_id: (arrival.item_id, arrival.kind) for arrival in arrivals if arrival.charged}
    by_step: dict[tuple[int, str], list[str]] = {}
    for call_id, status in marked:
        if call_id in charged:
            by_step.setdefault(charged[call_id], []).append(status)
    return [
        f"I3: item {step} was paid {len(statuses)} times"
        for step, statuses in by_step.items()
        if statuses.count("charged") > 1 or any(status != "unknown" for status in statuses[:-1])
    ]


def one_owner(connection: Connection, run_id: UUID) -> list[str]:
    """Each fence belongs to one drive, and nothing bears the fence of a drive that was never given it."""
    rows = connection.execute(
        "SELECT fence, count(*) FROM drives WHERE run_id = %s AND fence IS NOT NULL GROUP BY fence", [run_id]
    ).fetchall()
    found = [f"I6: fence {fence} was given {count} times" for fence, count in rows if count != 1]
    strangers = connection.execute(
        "SELECT count(*) FROM intents i LEFT JOIN drives d ON d.id = i.drive_id AND d.fence = i.fence"
        " WHERE i.run_id = %s AND d.id IS NULL",
        [run_id],
    ).fetchone()
    if strangers and strangers[0]:
        found.append(f"I6: {strangers[0]} intents of no drive")
    late = connection.execute(
        "SELECT count(*) FROM intents i JOIN drives mine ON mine.id = i.drive_id"
        " JOIN drives next ON next.run_id = i.run_id AND next.fence = i.fence + 1"
        " WHERE i.run_id = %s AND i.sent_at > next.taken_at",
        [run_id],
    ).fetchone()
    if late and late[0]:
        found.append(f"I6: {late[0]} calls were marked under an old fence")
    return found


def counters_agree(connection: Connection, run_id: UUID) -> list[str]:
    row = connection.execute(
        "SELECT items, done, failed, refused, skipped, unknown FROM runs WHERE id = %s", [run_id]
    ).fetchone()
    counted = connection.execute(
        "SELECT count(*), "
        + ", ".join(
            f"count(*) FILTER (WHERE state = '{state}')"
            for state in ("done", "failed", "refused", "skipped", "unknown")
        )
        + " FROM run_items WHERE run_id = %s",
        [run_id],
    ).fetchone()
    return [] if row == counted else [f"I1: the run counts {row}, its items {counted}"]


def every_call_was_recorded_first(connection: Connection, arrivals: Sequence[Arrival]) -> list[str]:
    """I11, to be asked while calls arrive: whatever has arrived is marked sent in the committed intents."""
    marked = {row[0] for row in connection.execute("SELECT id::text FROM intents WHERE sent_at IS NOT NULL").fetchall()}
    return [f"I11: {arrival.call_id} arrived unmarked" for arrival in arrivals if arrival.call_id not in marked]
