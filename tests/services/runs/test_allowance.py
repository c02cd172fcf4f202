"""Reservations against real PostgreSQL: no cap is passed, nothing leaks, and what is used is what the ledger says."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.db import quotas as db
from services.db import runs
from services.db.pool import Database
from services.db.runs import Plan, SettledCall
from services.domain.actors import Actor
from services.domain.quotas import BUDGET, Meter, What, day_of, month_start
from services.domain.runs import ItemState, RunKind, RunState
from services.errors import OutOfBudget
from services.runs.allowance import Reserved, quotas_of, refuse_over_quota, reserve
from services.runs.orders import Runs
from tests.faults.rig import (
    PRICE,
    RESULTS,
    Behaviour,
    Errand,
    Shop,
    ended_at_last,
    expire_lease,
    new_drive,
    open_run,
    start_driver,
    until,
)
from tests.fixtures.postgres import Team, Urls, make_team
from tests.services.runs.test_driver import Bench

Superuser = psycopg.Connection[Any]
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CANDIDATES = What("openai", Meter.CANDIDATES)
CALLS = What("salesql", Meter.CALLS)
CREDITS = What("salesql", Meter.CREDITS)


def choose(superuser: Superuser, org_id: UUID, holder: UUID, what: What, cap: Decimal | int | None) -> None:
    superuser.execute(
        "INSERT INTO quotas (org_id, holder, provider, meter, cap) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (org_id, holder, provider, meter) DO UPDATE SET cap = excluded.cap",
        [org_id, holder, what.provider, what.meter, cap],
    )


def counter(superuser: Superuser, holder: UUID, what: What) -> tuple[Decimal, Decimal]:
    """What is reserved and what is used, over all periods."""
    row = superuser.execute(
        "SELECT coalesce(sum(reserved), 0), coalesce(sum(used), 0) FROM quota_counters"
        " WHERE holder = %s AND provider = %s AND meter = %s",
        [holder, what.provider, what.meter],
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def plan(item_id: int, provider: str = "openai", usd: Decimal = PRICE, **units: int) -> Plan:
    day, month = day_of(provider, NOW), month_start(NOW, "UTC")
    return Plan(uuid4(), item_id, provider, "work", "00", usd, {}, units, day, month)


@dataclass
class Desk:
    """One user's run, driven by hand: items are claimed, planned, sent and settled, without any driver."""

    database: Database
    actor: Actor
    run_id: UUID
    drive_id: UUID
    fence: int = 1
    open: dict[UUID, Plan] = field(default_factory=dict)

    def plan(self, kinds: Sequence[tuple[str, dict[str, int], Decimal]]) -> Reserved:
        with self.database.act_as(self.actor) as tx:
            items = runs.claim_items(tx, self.run_id, self.fence, len(kinds), suspects=False)
            plans = [
                plan(item.item_id, provider, usd, **units)
                for item, (provider, units, usd) in zip(items, kinds, strict=True)
            ]
            reserved = reserve(tx, NOW, db.terms(tx), self.actor.user_id, plans)
            runs.plan_calls(tx, self.run_id, self.drive_id, self.actor.user_id, self.fence, reserved.plans)
            kept = {one.id for one in reserved.plans}
            runs.return_items(tx, self.fence, [one.item_id for one in plans if one.id not in kept])
        self.open |= {one.id: one for one in reserved.plans}
        return reserved

    def settle(self, intent_id: UUID, status: str | None, **charge: Any) -> None:
        one = self.open.pop(intent_id)
        state = {None: "withdrawn", "unknown": "unknown"}.get(status, "settled")
        with self.database.act_as(self.actor) as tx:
            if status:
                runs.mark_sent(tx, [intent_id])
            call = SettledCall(intent_id, state, one.item_id, "waiting", "", "", 0, status=status, detail={}, **charge)
            assert runs.settle_calls(tx, [call]) == {intent_id}

    def send(self, intent_ids: Sequence[UUID]) -> None:
        with self.database.act_as(self.actor) as tx:
            runs.mark_sent(tx, intent_ids)

    def crash(self) -> None:
        """The process is gone; its successor closes what it left."""
        self.fence += 1
        self.open.clear()
        with self.database.act_as(self.actor) as tx:
            runs.close_lost_calls(tx, self.run_id, self.fence, {"openai": 999, "salesql": 999})


def desk(database: Database, superuser: Superuser, actor: Actor, items: int) -> Desk:
    run = open_run(database, superuser, actor, items)
    superuser.execute("UPDATE runs SET state = 'running', fence = 1 WHERE id = %s", [run.run_id])
    return Desk(database, actor, run.run_id, run.drive_id)


def make_way(superuser: Superuser) -> None:
    """Give the candidates other addresses, so that the next run can make its own."""
    superuser.execute("UPDATE candidates SET profile_url = 'https://www.linkedin.com/in/' || gen_random_uuid()")


# The cap --------------------------------------------------------------------------------------------------


def test_a_hundred_parallel_reservations_take_the_last_one_and_not_one_more(
    urls: Urls, database: Database, superuser: Superuser, team: Team
) -> None:
    one = desk(database, superuser, team.recruiter, 300)
    choose(superuser, team.org_id, team.recruiter.user_id, CANDIDATES, 137)
    accepted: list[int] = []
    ready = threading.Barrier(20)

    def ask(mine: Database) -> None:
        here = Desk(mine, one.actor, one.run_id, one.drive_id)
        ready.wait()
        for _ in range(5):
            accepted.append(len(here.plan([("openai", {"candidates": 1}, PRICE)] * 3).plans))

    with ExitStack() as stack:
        databases = [Database(urls.login, max_connections=1, wait_seconds=30, lock_seconds=30) for _ in range(20)]
        for mine in databases:
            stack.callback(mine.close)
        threads = [threading.Thread(target=ask, args=(mine,)) for mine in databases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(accepted) == 100 and sum(accepted) == 137
    assert counter(superuser, team.recruiter.user_id, CANDIDATES) == (137, 0)
    assert counter(superuser, team.org_id, CANDIDATES) == (137, 0)


@pytest.mark.parametrize("capped", ["user", "organization"])
def test_what_does_not_fit_leaves_room_for_what_counts_nothing(
    database: Database, superuser: Superuser, team: Team, capped: str
) -> None:
    holder = team.recruiter.user_id if capped == "user" else team.org_id
    one = desk(database, superuser, team.recruiter, 3)
    choose(superuser, team.org_id, holder, CANDIDATES, 1)
    first, second = {"candidates": 1}, dict[str, int]()
    reserved = one.plan([("openai", first, PRICE), ("openai", first, PRICE), ("openai", second, PRICE)])
    assert [dict(kept.units) for kept in reserved.plans] == [first, second]
    assert reserved.shortage is not None and not reserved.shortage.is_lasting
    assert reserved.shortage.quota.holder == holder


def test_a_shortage_lasts_when_all_that_is_reserved_could_not_mend_it(
    database: Database, superuser: Superuser, team: Team
) -> None:
    choose(superuser, team.org_id, team.org_id, BUDGET, Decimal("0.010"))
    one = desk(database, superuser, team.recruiter, 3)
    [held] = one.plan([("openai", {}, Decimal("0.009"))]).plans
    waiting = one.plan([("openai", {}, Decimal("0.002"))]).shortage
    one.settle(held.id, "charged", cost_usd=Decimal("0.0085"))
    lasting = one.plan([("openai", {}, Decimal("0.002"))]).shortage
    assert waiting is not None and not waiting.is_lasting
    assert lasting is not None and lasting.is_lasting and lasting.is_of_money
    assert len(one.plan([("openai", {}, Decimal("0.0015"))]).plans) == 1


def test_two_meters_of_one_call_are_counted_apart(database: Database, superuser: Superuser, team: Team) -> None:
    one = desk(database, superuser, team.recruiter, 4)
    kinds = [("salesql", {"calls": 1, "credits": 1}, Decimal(0))] * 4
    found, missed, limited, never = (kept.id for kept in one.plan(kinds).plans)
    one.settle(found, "charged", credits=Decimal(1), fulfilled=1)
    one.settle(missed, "free")
    one.settle(limited, "failed")
    one.settle(never, None)
    assert counter(superuser, team.recruiter.user_id, CALLS) == (0, 3)
    assert counter(superuser, team.recruiter.user_id, CREDITS) == (0, 1)


def test_an_organization_never_touches_the_counters_of_another(
    database: Database, superuser: Superuser, team: Team, rivals: Team
) -> None:
    desk(database, superuser, team.recruiter, 2).plan([("openai", {"candidates": 1}, PRICE)])
    with database.act_as(rivals.recruiter) as tx:
        assert db.counters(tx, [team.org_id, team.recruiter.user_id], {CANDIDATES: NOW.date()}) == {}
        assert db.set_cap(tx, team.recruiter.user_id, CANDIDATES, Decimal(1)) is False


def test_an_alert_is_raised_once_at_four_fifths(database: Database, superuser: Superuser, team: Team) -> None:
    one = desk(database, superuser, team.recruiter, 5)
    choose(superuser, team.org_id, team.recruiter.user_id, CANDIDATES, 5)
    alerts = []
    for kept in one.plan([("openai", {"candidates": 1}, PRICE)] * 5).plans:
        one.settle(kept.id, "charged", fulfilled=1)
        row = superuser.execute(
            "SELECT alerted_at FROM quota_counters WHERE holder = %s AND meter = 'candidates'",
            [team.recruiter.user_id],
        ).fetchone()
        assert row is not None
        alerts.append(row[0])
    assert alerts[:3] == [None] * 3 and alerts[3] is not None and alerts[4] == alerts[3]
    with database.act_as(team.recruiter) as tx:
        mine, whole = quotas_of(tx, NOW, team.recruiter.user_id, only=[CANDIDATES])[::-1]
    assert mine.is_near and mine.left == 0 and not whole.is_near


# Any sequence ---------------------------------------------------------------------------------------------

KINDS: list[tuple[str, dict[str, int]]] = [
    ("openai", {"candidates": 1}),
    ("openai", {}),
    ("salesql", {"calls": 1, "credits": 2}),
    ("crustdata", {"candidates": 25, "credits": 50}),
]
prices = st.integers(0, 40).map(lambda thousandths: Decimal(thousandths) / 1000)
steps = st.one_of(
    st.tuples(
        st.just("plan"), st.integers(0, 1), st.lists(st.tuples(st.sampled_from(KINDS), prices), min_size=1, max_size=4)
    ),
    st.tuples(
        st.just("settle"),
        st.integers(0, 1),
        st.tuples(
            st.integers(0, 20), st.sampled_from(["charged", "free", "failed", "unknown", None]), st.integers(0, 30)
        ),
    ),
    st.tuples(st.just("send"), st.integers(0, 1), st.just(None)),
    st.tuples(st.just("crash"), st.integers(0, 1), st.just(None)),
)
LEDGER = """
SELECT coalesce(sum(CASE WHEN l.status = 'unknown' OR l.cost_usd IS NULL THEN i.reserved_usd ELSE l.cost_usd END), 0),
       count(*) FILTER (WHERE i.units ? 'calls'),
       coalesce(sum(CASE WHEN l.status = 'unknown' THEN (i.units ->> 'credits')::numeric ELSE l.credits END)
                FILTER (WHERE i.provider = 'salesql'), 0),
       count(*) FILTER (WHERE i.provider = 'openai' AND i.units ? 'candidates' AND l.status IN ('charged', 'unknown'))
  FROM ledger l JOIN intents i ON i.id = l.intent_id
 WHERE l.org_id = %(org)s AND (%(user)s::uuid IS NULL OR l.user_id = %(user)s)
"""
CHECKED = (BUDGET, CALLS, CREDITS, CANDIDATES)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sequence=st.lists(steps, min_size=4, max_size=15),
    caps=st.dictionaries(st.tuples(st.integers(0, 2), st.sampled_from(CHECKED)), st.integers(0, 8), max_size=6),
)
def test_over_any_sequence_no_cap_is_passed_and_at_rest_the_counters_say_what_the_ledger_says(
    database: Database, superuser: Superuser, sequence: Any, caps: dict[tuple[int, What], int]
) -> None:
    team = new_team(superuser)
    holders = [team.recruiter.user_id, team.colleague.user_id, team.org_id]
    limits = {(holders[who], what): Decimal(cap) / (100 if what == BUDGET else 1) for (who, what), cap in caps.items()}
    desks = []
    for actor in (team.recruiter, team.colleague):
        desks.append(desk(database, superuser, actor, 60))
        make_way(superuser)
    for (holder, what), cap in limits.items():
        choose(superuser, team.org_id, holder, what, cap)
    for step, who, detail in sequence:
        here = desks[who]
        if step == "plan":
            here.plan([(provider, units, usd) for (provider, units), usd in detail])
        elif step == "send":
            here.send(list(here.open))
        elif step == "crash":
            here.crash()
        elif here.open:
            number, status, amount = detail
            intent_id, planned = list(here.open.items())[number % len(here.open)]
            # A provider never charges more than the most it said.
            cost = min(planned.reserved_usd, Decimal(amount) / 1000)
            credits = min(Decimal(planned.units.get("credits", 0)), Decimal(amount))
            charge = {"cost_usd": cost, "credits": credits} if status == "charged" else {}
            here.settle(intent_id, status, fulfilled=amount, **charge)
        rows = superuser.execute("SELECT holder, provider, meter, reserved + used FROM quota_counters").fetchall()
        for holder, provider, meter, taken in rows:
            assert taken <= limits.get((holder, What(provider, Meter(meter))), taken)
    for here in desks:
        here.crash()
    for holder in holders:
        user = None if holder == team.org_id else holder
        truth = superuser.execute(LEDGER, {"org": team.org_id, "user": user}).fetchone()
        assert truth is not None
        assert [counter(superuser, holder, what) for what in CHECKED] == [(0, amount) for amount in truth]


def new_team(superuser: Superuser) -> Team:
    """A team of its own for each example: the database stays the same."""
    return make_team(superuser, f"T{uuid4().hex} Search")


# Runs -----------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(database: Database, superuser: Superuser, team: Team) -> Iterator[Bench]:
    superuser.execute(RESULTS)
    shop = Shop(seconds=0.005)
    with capture_logs():
        yield Bench(database, superuser, team.recruiter, shop)
    shop.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.runs.driver.LOOK_AGAIN_SECONDS", 0.02)


def lower_after(bench: Bench, calls: int, then: Callable[[], None]) -> None:
    def meet(number: int, _item: int) -> Behaviour:
        if number == calls:
            then()
        return Behaviour()

    bench.shop.choose = meet


def start_then_cap(bench: Bench, items: int, what: What, cap: Decimal | int, holder: UUID | None = None) -> Any:
    run = bench.order(items)
    choose(bench.superuser, bench.actor.org_id, holder or bench.actor.user_id, what, cap)
    return run


def test_a_run_uses_the_last_of_a_quota_pauses_says_why_and_goes_on_when_it_is_raised(bench: Bench) -> None:
    run = start_then_cap(bench, 40, CANDIDATES, 25)
    assert bench.drive(run.drive_id, two_calls=True) is RunState.PAUSED
    progress = bench.progress(run)
    assert (progress.done, progress.left, progress.pause_reason) == (25, 15, "quota")
    assert len(bench.shop.charged) == 50
    assert progress.message.startswith("Your quota of 25 candidates a day with OpenAI: 25 candidates used.")
    assert "manager or an admin" in progress.message and "goes on by itself" in progress.message
    assert progress.resets_at is not None and progress.resets_at > datetime.now(UTC)
    choose(bench.superuser, bench.actor.org_id, bench.actor.user_id, CANDIDATES, 40)
    again = Runs(bench.database).resume(bench.actor, run.run_id)
    assert bench.drive(again.drive_id, two_calls=True) is RunState.SUCCEEDED
    assert bench.progress(run).resets_at is None
    assert counter(bench.superuser, bench.actor.user_id, CANDIDATES) == (0, 40)
    assert bench.complaints(run) == ()


def test_people_who_were_not_charged_for_leave_room_for_others(bench: Bench) -> None:
    run = start_then_cap(bench, 30, CANDIDATES, 20)
    bench.shop.choose = lambda number, _item: Behaviour(status=400) if number % 3 == 0 else Behaviour()
    assert bench.drive(run.drive_id) is RunState.SUCCEEDED
    progress = bench.progress(run)
    assert (progress.done, progress.refused) == (20, 10)


def test_a_months_budget_is_not_passed_and_the_run_waits_for_a_person(bench: Bench) -> None:
    run = start_then_cap(bench, 30, BUDGET, PRICE * 20, holder=bench.actor.org_id)
    assert bench.drive(run.drive_id) is RunState.PAUSED
    progress = bench.progress(run)
    assert progress.pause_reason == "budget" and "budget of $0.02 a month" in progress.message
    # The last call may cost twice what it does: with one price left it does not leave.
    assert progress.done == 19 and progress.cost_usd <= PRICE * 20
    bench.superuser.execute("UPDATE runs SET resets_at = now() - interval '1 s' WHERE id = %s", [run.run_id])
    with bench.database.as_engine() as tx:
        assert db.wake_runs_after_reset(tx) == 0
    choose(bench.superuser, bench.actor.org_id, bench.actor.org_id, BUDGET, None)
    again = Runs(bench.database).resume(bench.actor, run.run_id)
    assert bench.drive(again.drive_id) is RunState.SUCCEEDED


def test_a_cap_lowered_in_the_middle_of_a_run_stops_even_what_was_reserved_before(bench: Bench) -> None:
    run = bench.order(200)
    org, mine = bench.actor.org_id, bench.actor.user_id
    lower_after(bench, 5, lambda: choose(bench.superuser, org, mine, CANDIDATES, 10))
    assert bench.drive(run.drive_id, most=5) is RunState.PAUSED
    progress = bench.progress(run)
    assert (progress.pause_reason, progress.done, progress.left) == ("quota", 10, 190)
    assert counter(bench.superuser, mine, CANDIDATES) == (0, 10) and len(bench.shop.arrivals) == 10


def test_a_run_paused_by_a_day_goes_on_when_the_day_has_turned(bench: Bench) -> None:
    run = start_then_cap(bench, 5, CANDIDATES, 2)
    bench.drive(run.drive_id)
    with bench.database.as_engine() as tx:
        assert db.wake_runs_after_reset(tx) == 0
    bench.superuser.execute("UPDATE runs SET resets_at = now() - interval '1 s' WHERE id = %s", [run.run_id])
    with bench.database.as_engine() as tx:
        assert db.wake_runs_after_reset(tx) == 1
    progress = bench.progress(run)
    assert (progress.state, progress.pause_reason, progress.message) == (RunState.QUEUED, "", "")


@pytest.mark.parametrize("where", ["planned:2", "marked:7", "answered:3", "written:4"])
def test_a_killed_process_gives_back_what_it_had_reserved(urls: Urls, bench: Bench, where: str) -> None:
    run = bench.order(60)
    errand = Errand(urls.login, {"url": bench.shop.url}, resends=1, kill_at=where)
    first = start_driver(errand, run.drive_id)
    with ended_at_last(first):
        assert first.wait(20) == -signal.SIGKILL
    assert counter(bench.superuser, bench.actor.user_id, CANDIDATES)[0] > 0
    expire_lease(bench.superuser, run.run_id)
    assert bench.drive(new_drive(bench.superuser, run.run_id)) is RunState.SUCCEEDED
    assert counter(bench.superuser, bench.actor.user_id, CANDIDATES) == (0, 60)
    assert counter(bench.superuser, bench.actor.org_id, CANDIDATES) == (0, 60)


def test_three_processes_share_the_last_thirty_of_an_organization(
    urls: Urls, bench: Bench, superuser: Superuser, team: Team
) -> None:
    drives = []
    for actor in (team.recruiter, team.colleague, team.manager):
        drives.append(open_run(bench.database, superuser, actor, 25))
        make_way(superuser)
    choose(superuser, team.org_id, team.org_id, CANDIDATES, 30)
    errand = Errand(urls.login, {"url": bench.shop.url})
    with ended_at_last(*(start_driver(errand, run.drive_id) for run in drives)):
        until(lambda: all(is_paused(superuser, run.run_id) for run in drives), seconds=30)
    assert len(bench.shop.charged) == 30
    assert counter(superuser, team.org_id, CANDIDATES) == (0, 30)


def is_paused(superuser: Superuser, run_id: UUID) -> bool:
    row = superuser.execute("SELECT state, pause_reason FROM runs WHERE id = %s", [run_id]).fetchone()
    return row == ("paused", "quota")


# Starts ---------------------------------------------------------------------------------------------------


def test_a_start_that_does_not_fit_is_refused_and_says_what_would(
    database: Database, superuser: Superuser, team: Team
) -> None:
    choose(superuser, team.org_id, team.recruiter.user_id, CANDIDATES, 1_240)
    with database.act_as(team.recruiter) as tx:
        with pytest.raises(OutOfBudget, match="1,240 left today: choose at most 1,240 people"):
            refuse_over_quota(tx, NOW, team.recruiter.user_id, RunKind.SCREENING, 1_241, None)
        refuse_over_quota(tx, NOW, team.recruiter.user_id, RunKind.SCREENING, 1_240, None)
        refuse_over_quota(tx, NOW, team.colleague.user_id, RunKind.SCREENING, 5_000, None)


def test_a_refused_run_leaves_nothing_behind_and_a_retry_is_held_to_the_same(
    bench: Bench, superuser: Superuser
) -> None:
    failing = bench.order(3)
    bench.shop.choose = lambda _number, _item: Behaviour(status=400)
    bench.drive(failing.drive_id)
    choose(superuser, bench.actor.org_id, bench.actor.user_id, CANDIDATES, 2)
    with pytest.raises(OutOfBudget, match="2 left today: choose at most 2 people"):
        Runs(bench.database).retry_failed(bench.actor, failing.run_id)
    make_way(superuser)
    with pytest.raises(OutOfBudget):
        bench.order(3)
    assert superuser.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_a_demo_organization_has_no_quota_until_somebody_chooses_one(
    database: Database, superuser: Superuser, team: Team
) -> None:
    with database.act_as(team.recruiter) as tx:
        assert [q.cap for q in quotas_of(tx, NOW, team.recruiter.user_id, only=[CANDIDATES])] == [None, 5_000]
    superuser.execute("UPDATE organizations SET is_demo = true")
    with database.act_as(team.recruiter) as tx:
        assert [q.cap for q in quotas_of(tx, NOW, team.recruiter.user_id)] == [None] * 12
    choose(superuser, team.org_id, team.recruiter.user_id, CANDIDATES, 7)
    with database.act_as(team.recruiter) as tx:
        assert [q.cap for q in quotas_of(tx, NOW, team.recruiter.user_id, only=[CANDIDATES])] == [None, 7]


def test_a_state_of_an_item_that_went_back_is_waiting(bench: Bench) -> None:
    run = start_then_cap(bench, 6, CANDIDATES, 4)
    bench.drive(run.drive_id)
    states = Runs(bench.database).states(bench.actor, run.run_id)
    assert (states[ItemState.DONE], states[ItemState.WAITING], states[ItemState.CLAIMED]) == (4, 2, 0)
