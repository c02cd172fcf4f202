"""The driver against a paid service over HTTP and a real database: what each end of a call does to a run."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from structlog.testing import capture_logs

from services.clock import SystemClock
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.runs import ItemState, RunProgress, RunState, StartedRun
from services.runs.driver import Driver, DriveSettings
from services.runs.gate import CallTooLarge
from services.runs.journal import Journal
from services.runs.orders import Runs
from services.runs.outcomes import RetryPolicy, Ruling
from services.runs.wheel import WheelLost, take_wheel
from tests.faults.check import check_run, every_call_was_recorded_first
from tests.faults.rig import (
    PRICE,
    PROVIDER,
    RESULTS,
    Behaviour,
    OpenGate,
    OpenPermit,
    Shop,
    Shopping,
    alongside,
    expire_lease,
    new_drive,
    open_run,
    until,
)
from tests.fixtures.postgres import Team

Superuser = psycopg.Connection[Any]
CLOCK = SystemClock()


@dataclass
class Bench:
    """A run, a shop, and a way to drive the one through the other in this process."""

    database: Database
    superuser: Superuser
    actor: Actor
    shop: Shop

    def order(self, count: int, **more: Any) -> StartedRun:
        return open_run(self.database, self.superuser, self.actor, count, **more)

    def driver(
        self, drive_id: UUID, gate: OpenGate | None = None, resends: int = 1, most: int = 8, **kind: Any
    ) -> Driver:
        wheel = take_wheel(self.database, CLOCK, drive_id, "test")
        assert wheel is not None
        settings = DriveSettings(most, RetryPolicy(3, {PROVIDER: resends}))
        return Driver(CLOCK, wheel, Shopping(self.shop.url, **kind), gate or OpenGate(), settings)

    def drive(self, drive_id: UUID, **more: Any) -> RunState:
        async def once() -> RunState:
            return await self.driver(drive_id, **more).drive()

        return asyncio.run(once())

    def progress(self, run: StartedRun) -> RunProgress:
        return Runs(self.database).progress(self.actor, run.run_id)

    def complaints(self, run: StartedRun) -> tuple[str, ...]:
        return check_run(self.superuser, run.run_id, self.shop.arrivals).complaints

    def reasons(self, run: StartedRun, state: ItemState) -> list[str]:
        return [item.reason_code for item in Runs(self.database).items(self.actor, run.run_id, [state])]


@pytest.fixture
def bench(database: Database, superuser: Superuser, team: Team) -> Iterator[Bench]:
    superuser.execute(RESULTS)
    shop = Shop(seconds=0.005)
    # What goes wrong here on purpose is logged; drawing its traces in colour would take longer than the tests.
    with capture_logs():
        yield Bench(database, superuser, team.recruiter, shop)
    shop.close()


def first_calls(count: int, behaviour: Behaviour) -> Callable[[int, int], Behaviour]:
    return lambda number, _item: behaviour if number < count else Behaviour()


def test_a_run_ends_with_one_result_and_one_charge_each(bench: Bench) -> None:
    run = bench.order(120)
    assert bench.drive(run.drive_id) is RunState.SUCCEEDED
    progress = bench.progress(run)
    assert (progress.done, progress.left, progress.cost_usd) == (120, 0, 120 * PRICE)
    assert bench.complaints(run) == ()


def test_every_call_is_recorded_before_it_arrives(bench: Bench) -> None:
    run = bench.order(40)
    missing: list[str] = []
    bench.shop.choose = lambda _number, _item: missing.extend(look()) or Behaviour()
    seen: set[str] = set()

    def look() -> list[str]:
        fresh = [arrival for arrival in bench.shop.arrivals if arrival.call_id not in seen]
        seen.update(arrival.call_id for arrival in fresh)
        return every_call_was_recorded_first(bench.superuser, fresh)

    bench.drive(run.drive_id)
    assert missing == [] and len(seen) >= 39


def test_the_second_call_of_an_item_may_begin_before_its_first_is_put_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def settle_and_dawdle(journal: Journal, ruling: Ruling) -> None:
        await settle(journal, ruling)
        await asyncio.sleep(0.1)

    settle = Journal.settle
    monkeypatch.setattr(Journal, "settle", settle_and_dawdle)
    monkeypatch.setattr("services.runs.driver.LOOK_AGAIN_SECONDS", 0.01)
    run = bench.order(10)
    # One call is slow, so that the drive goes on when the others' second calls have ended.
    bench.shop.choose = lambda number, _item: Behaviour(seconds=2.0 if number == 0 else 0.0)
    assert bench.drive(run.drive_id, two_calls=True, most=40) is RunState.SUCCEEDED
    assert len(bench.shop.charged) == 20 and bench.complaints(run) == ()


def test_two_calls_an_item_are_two_charges_and_one_result(bench: Bench) -> None:
    run = bench.order(15)
    assert bench.drive(run.drive_id, two_calls=True) is RunState.SUCCEEDED
    assert len(bench.shop.charged) == 30 and bench.progress(run).cost_usd == 30 * PRICE
    assert bench.complaints(run) == ()


def test_a_second_call_that_fails_leaves_the_first_result(bench: Bench) -> None:
    run = bench.order(3)
    bench.shop.choose = lambda number, _item: Behaviour(status=200 if number < 3 else 400)
    assert bench.drive(run.drive_id, two_calls=True) is RunState.SUCCEEDED
    assert bench.progress(run).done == 3
    assert bench.complaints(run) == ()


class NarrowGate(OpenGate):
    """Lets the first call through; every later one is larger than any limit."""

    async def permit(self, provider: str, org_id: UUID, user_id: UUID, costs: Mapping[str, int]) -> OpenPermit:
        if self.pauses:
            raise CallTooLarge("Too large.")
        self.pauses.append(None)
        return OpenPermit()


def test_a_second_call_that_can_never_be_sent_leaves_the_first_result(bench: Bench) -> None:
    run = bench.order(1)
    assert bench.drive(run.drive_id, gate=NarrowGate(), two_calls=True) is RunState.SUCCEEDED
    assert (bench.progress(run).done, bench.progress(run).cost_usd) == (1, PRICE)
    assert bench.complaints(run) == ()


def test_a_storm_of_429_fails_nobody(bench: Bench) -> None:
    run = bench.order(60)
    gate = OpenGate()
    bench.shop.choose = lambda number, _item: Behaviour(status=429 if number % 3 else 200)
    assert bench.drive(run.drive_id, gate=gate) is RunState.SUCCEEDED
    assert bench.progress(run).done == 60 and gate.pauses
    assert bench.complaints(run) == ()


def test_a_long_retry_after_parks_the_run_and_says_so(bench: Bench) -> None:
    run = bench.order(30)
    bench.shop.choose = lambda _number, _item: Behaviour(status=429, headers={"retry-after": "86400"})
    assert bench.drive(run.drive_id) is RunState.PAUSED
    progress = bench.progress(run)
    assert progress.pause_reason == "provider" and "1440 minutes" in progress.message
    assert progress.left == 30


def test_an_uncharged_failure_is_tried_a_bounded_number_of_times(bench: Bench) -> None:
    run = bench.order(1)
    bench.shop.choose = lambda _number, _item: Behaviour(status=503)
    assert bench.drive(run.drive_id) is RunState.FAILED
    assert len(bench.shop.arrivals) == 3
    assert bench.reasons(run, ItemState.FAILED) == ["overloaded"]


@pytest.mark.parametrize("status", [401, 402])
def test_a_refused_key_or_empty_account_pauses_and_loses_nothing(bench: Bench, status: int) -> None:
    run = bench.order(30)
    bench.shop.choose = first_calls(8, Behaviour(status=status))
    assert bench.drive(run.drive_id) is RunState.PAUSED
    assert bench.progress(run).pause_reason == "provider" and bench.progress(run).left == 30
    again = Runs(bench.database).resume(bench.actor, run.run_id)
    assert bench.drive(again.drive_id) is RunState.SUCCEEDED
    assert bench.complaints(run) == ()


def test_when_the_first_ones_all_fail_alike_the_rest_is_spared(bench: Bench) -> None:
    run = bench.order(200)
    bench.shop.choose = lambda _number, _item: Behaviour(status=400)
    assert bench.drive(run.drive_id) is RunState.PAUSED
    progress = bench.progress(run)
    assert progress.left >= 180 and "cannot be asked" in progress.message


def test_a_lost_answer_is_repeated_once_and_every_call_is_booked(bench: Bench) -> None:
    run = bench.order(12)
    bench.shop.choose = first_calls(4, Behaviour(cut=True))
    assert bench.drive(run.drive_id) is RunState.SUCCEEDED
    progress = bench.progress(run)
    assert progress.done == 12 and progress.unknown_usd == 4 * 2 * PRICE
    assert len(bench.shop.charged) == 16
    assert bench.complaints(run) == ()


def test_without_the_setting_a_lost_answer_stays_unknown(bench: Bench) -> None:
    run = bench.order(12)
    bench.shop.choose = first_calls(4, Behaviour(cut=True))
    assert bench.drive(run.drive_id, resends=0) is RunState.SUCCEEDED
    assert bench.progress(run).unknown == 4 and len(bench.shop.charged) == 12
    assert bench.complaints(run) == ()


def test_the_cap_is_never_passed(bench: Bench) -> None:
    run = bench.order(50, cap_usd=PRICE * 10)
    assert bench.drive(run.drive_id, most=6) is RunState.PAUSED
    progress = bench.progress(run)
    assert progress.pause_reason == "budget" and PRICE * 8 <= progress.cost_usd <= PRICE * 10
    again = Runs(bench.database).resume(bench.actor, run.run_id, cap_usd=Decimal(1))
    assert bench.drive(again.drive_id) is RunState.SUCCEEDED
    assert bench.complaints(run) == ()


def test_a_cap_counts_what_a_cut_off_drive_had_under_way(bench: Bench) -> None:
    """Four calls whose outcome nobody knows can have used the whole cap: the next drive spends nothing more."""
    run = bench.order(12, cap_usd=PRICE * 8)
    bench.shop.choose = lambda _number, _item: Behaviour(seconds=30.0)

    async def cut_off() -> None:
        drive = asyncio.create_task(bench.driver(run.drive_id).drive())
        await asyncio.to_thread(until, lambda: len(bench.shop.arrivals) == 4)
        drive.cancel()
        await asyncio.gather(drive, return_exceptions=True)

    asyncio.run(cut_off())
    bench.shop.choose = lambda _number, _item: Behaviour()
    expire_lease(bench.superuser, run.run_id)
    assert bench.drive(new_drive(bench.superuser, run.run_id)) is RunState.PAUSED
    progress = bench.progress(run)
    assert (progress.pause_reason, progress.cost_usd, progress.unknown_usd) == ("budget", 0, PRICE * 8)
    assert len(bench.shop.arrivals) == 4


def raise_cap(bench: Bench, run: StartedRun) -> None:
    """What pausing and resuming with a higher cap leaves behind, when the drive noticed neither."""
    until(lambda: bench.shop.arrivals)
    bench.superuser.execute("UPDATE runs SET cap_usd = 1 WHERE id = %s", [run.run_id])


def test_a_cap_that_is_raised_reaches_a_drive_that_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.runs.driver.BEAT_SECONDS", 0.05)
    run = bench.order(20, cap_usd=PRICE * 10)
    bench.shop.choose = lambda _number, _item: Behaviour(seconds=0.1)
    with alongside(lambda _over: raise_cap(bench, run)):
        assert bench.drive(run.drive_id, most=2) is RunState.SUCCEEDED
    assert bench.complaints(run) == ()


def test_a_drive_at_its_old_cap_leaves_a_run_with_a_higher_one_to_a_successor(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.runs.driver.BEAT_SECONDS", 60.0)
    run = bench.order(20, cap_usd=PRICE * 10)
    bench.shop.choose = lambda _number, _item: Behaviour(seconds=0.05)
    with alongside(lambda _over: raise_cap(bench, run)):
        assert bench.drive(run.drive_id, most=2) is RunState.RUNNING
    assert PRICE * 8 <= bench.progress(run).cost_usd <= PRICE * 10
    assert bench.drive(new_drive(bench.superuser, run.run_id)) is RunState.SUCCEEDED
    assert bench.complaints(run) == ()


@pytest.mark.parametrize(("resends", "calls"), [(0, 6), (1, 9)])
def test_a_second_call_lost_with_its_process_leaves_the_first_result(bench: Bench, resends: int, calls: int) -> None:
    run = bench.order(3)

    def choose(_number: int, item: int) -> Behaviour:
        asked_before = any(arrival.item_id == item for arrival in bench.shop.arrivals)
        return Behaviour(seconds=30.0 if asked_before else 0.0)

    async def cut_off() -> None:
        drive = asyncio.create_task(bench.driver(run.drive_id, resends=resends, two_calls=True).drive())
        await asyncio.to_thread(until, lambda: len(bench.shop.arrivals) == 6)
        drive.cancel()
        await asyncio.gather(drive, return_exceptions=True)

    bench.shop.choose = choose
    asyncio.run(cut_off())
    bench.shop.choose = lambda _number, _item: Behaviour()
    expire_lease(bench.superuser, run.run_id)
    again = new_drive(bench.superuser, run.run_id)
    assert bench.drive(again, resends=resends, two_calls=True) is RunState.SUCCEEDED
    assert (bench.progress(run).done, bench.progress(run).unknown_usd) == (3, 3 * 2 * PRICE)
    assert len(bench.shop.arrivals) == calls and bench.complaints(run) == ()


def test_one_item_that_cannot_be_prepared_fails_alone(bench: Bench) -> None:
    run = bench.order(20)
    assert bench.drive(run.drive_id, cannot_prepare=7) is RunState.SUCCEEDED
    assert bench.progress(run).done == 19 and bench.reasons(run, ItemState.FAILED) == ["not_prepared"]


def test_a_result_that_cannot_be_stored_keeps_its_charge(bench: Bench) -> None:
    run = bench.order(20)
    assert bench.drive(run.drive_id, bad_result=5) is RunState.SUCCEEDED
    progress = bench.progress(run)
    assert (progress.done, progress.failed, progress.cost_usd) == (19, 1, 20 * PRICE)
    assert bench.reasons(run, ItemState.FAILED) == ["not_stored"]


def test_stop_keeps_what_was_under_way_and_sends_nothing_more(bench: Bench) -> None:
    run = bench.order(400)
    bench.shop.choose = lambda _number, _item: Behaviour(seconds=0.1)
    stopped_at: list[float] = []

    def stop() -> None:
        until(lambda: len(bench.shop.arrivals) >= 20)
        Runs(bench.database).stop(bench.actor, run.run_id)
        stopped_at.append(time.monotonic())

    thread = threading.Thread(target=stop)
    thread.start()
    assert bench.drive(run.drive_id) is RunState.STOPPED
    thread.join()
    assert max(arrival.at for arrival in bench.shop.arrivals) <= stopped_at[0] + 2.0
    progress = bench.progress(run)
    assert progress.done == len(bench.shop.arrivals) and progress.left > 300
    assert bench.complaints(run) == ()


class FirstCallsOnly(OpenGate):
    """Lets as many calls through as there are people; the others wait for a turn that never comes."""

    def __init__(self, people: int) -> None:
        super().__init__()
        self.left = people

    async def permit(self, provider: str, org_id: UUID, user_id: UUID, costs: Mapping[str, int]) -> OpenPermit:
        self.left -= 1
        if self.left < 0:
            await asyncio.sleep(3600)
        return OpenPermit()


def after_first_calls(bench: Bench, run: StartedRun, act: Callable[[Actor, UUID], object]) -> Callable[[Any], None]:
    """Do something as soon as every item has its first result."""

    def when_they_are_back(_over: threading.Event) -> None:
        until(lambda: bench.progress(run).cost_usd == run.items * PRICE)
        act(bench.actor, run.run_id)

    return when_they_are_back


@pytest.mark.parametrize(("bad_result", "done"), [(0, 10), (5, 0)])
def test_a_run_that_is_stopped_keeps_what_first_calls_brought(bench: Bench, bad_result: int, done: int) -> None:
    """And one whose results cannot be stored is stopped all the same."""
    run = bench.order(10)
    with alongside(after_first_calls(bench, run, Runs(bench.database).stop)):
        state = bench.drive(run.drive_id, gate=FirstCallsOnly(10), two_calls=True, bad_result=bad_result)
    assert state is RunState.STOPPED
    assert bench.progress(run).done == done and len(bench.shop.arrivals) == 10
    assert bench.complaints(run) == ()


def test_a_paused_run_that_is_stopped_keeps_what_first_calls_brought(bench: Bench) -> None:
    run, runs = bench.order(10), Runs(bench.database)
    with alongside(after_first_calls(bench, run, runs.pause)):
        assert bench.drive(run.drive_id, gate=FirstCallsOnly(10), two_calls=True) is RunState.PAUSED
    assert runs.stop(bench.actor, run.run_id).state is RunState.STOPPING, "somebody has to settle them"
    assert bench.drive(new_drive(bench.superuser, run.run_id), two_calls=True) is RunState.STOPPED
    assert bench.progress(run).done == 10 and len(bench.shop.arrivals) == 10
    assert bench.complaints(run) == ()


def test_a_paused_run_rests_and_goes_on_where_it_was(bench: Bench) -> None:
    run = bench.order(100)
    bench.shop.choose = lambda _number, _item: Behaviour(seconds=0.05)

    def pause() -> None:
        until(lambda: len(bench.shop.arrivals) >= 10)
        Runs(bench.database).pause(bench.actor, run.run_id)

    thread = threading.Thread(target=pause)
    thread.start()
    assert bench.drive(run.drive_id) is RunState.PAUSED
    thread.join()
    again = Runs(bench.database).resume(bench.actor, run.run_id)
    assert bench.drive(again.drive_id) is RunState.SUCCEEDED
    assert len(bench.shop.charged) == 100 and bench.complaints(run) == ()


def test_a_driver_whose_wheel_was_taken_writes_nothing_more(bench: Bench) -> None:
    run = bench.order(80)
    bench.shop.choose = lambda _number, _item: Behaviour(seconds=0.1)

    async def lose() -> None:
        driver = bench.driver(run.drive_id)
        driving = asyncio.create_task(driver.drive())
        while len(bench.shop.arrivals) < 12:
            await asyncio.sleep(0.01)
        expire_lease(bench.superuser, run.run_id)
        second = take_wheel(bench.database, CLOCK, new_drive(bench.superuser, run.run_id), "other")
        assert second is not None
        with pytest.raises(WheelLost):
            await driving

    asyncio.run(lose())
    written = bench.superuser.execute(
        "SELECT count(*) FROM intents i JOIN runs r ON r.id = i.run_id WHERE i.settled_at > r.started_at"
        " AND i.settled_at > (SELECT max(taken_at) FROM drives)"
    ).fetchone()
    assert written == (0,)
    expire_lease(bench.superuser, run.run_id)
    bench.shop.choose = lambda _number, _item: Behaviour()
    assert bench.drive(new_drive(bench.superuser, run.run_id)) is RunState.SUCCEEDED
    assert bench.complaints(run) == ()


def test_connections_that_break_in_the_middle_lose_and_repeat_nothing(bench: Bench) -> None:
    run = bench.order(60)
    bench.shop.choose = lambda _number, _item: Behaviour(seconds=0.05)
    is_over = threading.Event()

    def break_connections() -> None:
        while not is_over.wait(0.4):
            bench.superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'sourcingx_login' AND datname = current_database()"
            )

    thread = threading.Thread(target=break_connections)
    thread.start()
    try:
        assert bench.drive(run.drive_id) is RunState.SUCCEEDED
    finally:
        is_over.set()
        thread.join()
    assert len(bench.shop.charged) == 60
    assert bench.complaints(run) == ()


def test_a_run_learns_while_it_goes_on_that_another_has_begun_and_ended(bench: Bench, rivals: Team) -> None:
    first, second = bench.order(4), open_run(bench.database, bench.superuser, rivals.recruiter, 1)
    bench.shop.choose = lambda _number, _item: Behaviour(seconds=4.7)
    seen: list[int] = []

    async def watch() -> None:
        driver = bench.driver(first.drive_id)
        driving = asyncio.create_task(driver.drive())
        other = None
        while not driving.done():
            if not seen or seen[-1] != driver.flight.live_runs:
                seen.append(driver.flight.live_runs)
            if other is None and bench.shop.arrivals:
                other = take_wheel(bench.database, CLOCK, second.drive_id, "another")
                assert other is not None
            if len(seen) == 2:
                expire_lease(bench.superuser, second.run_id)
            await asyncio.sleep(0.02)
        assert await driving is RunState.SUCCEEDED

    asyncio.run(watch())
    assert seen == [1, 2, 1]
