"""What people are told of the limiter: one look for all who ask, and times by the wall clock."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from pages.parts.turns import standing_words
from ratelimit import AcquireCancelled, Lane, Limit, Limiter, LocalStore, MemoryStore, Permit, Policy, no_past
from ratelimit.breaker import LEAST_ALL_FAILED
from services.clock import HeldClock
from services.db.pool import Database
from services.domain.runs import RunKind, RunProgress, RunState
from services.domain.turns import Outage, Standing, Turn
from services.runs.orders import Runs
from services.turns import LOOK_LASTS_SECONDS, Turns
from tests.faults.rig import open_run, until
from tests.fixtures.postgres import Team

POLICY = Policy("openai:m", (Limit("requests", 12, 60.0),))
ONE = {"requests": 1}
OTHERS = Lane("another organization", "somebody")


class CountedStore(MemoryStore):
    """A real store that counts the looks at it."""

    looks = 0

    def picture(self, policy: Policy) -> Any:
        self.looks += 1
        return super().picture(policy)


@pytest.fixture
def store() -> CountedStore:
    return CountedStore()


@pytest.fixture
def limiter(store: CountedStore) -> Iterator[Limiter]:
    opened = Limiter(store, POLICY, history=no_past)
    yield opened
    opened.close()


@pytest.fixture
def turns(store: CountedStore) -> Turns:
    return Turns(store, {"openai": POLICY}, {RunKind.SCREENING: "openai"}, HeldClock())


@pytest.fixture
def run(database: Database, superuser: psycopg.Connection[Any], team: Team) -> RunProgress:
    started = open_run(database, superuser, team.recruiter, 2)
    return replace(Runs(database).progress(team.recruiter, started.run_id), state=RunState.RUNNING)


def fail(limiter: Limiter) -> None:
    """Five failures in one breath, as calls that were under way together bring them."""
    permit = limiter.acquire_blocking(OTHERS, ONE)
    for _ in range(LEAST_ALL_FAILED):
        permit.failed("It fails.")
    permit.done()


def test_many_who_ask_cost_one_look_and_see_news_two_seconds_later(
    turns: Turns, store: CountedStore, limiter: Limiter
) -> None:
    assert [turns.outages() for _ in range(50)] == [[]] * 50 and store.looks == 1
    fail(limiter)
    assert turns.outages() == []
    turns.clock.sleep(LOOK_LASTS_SECONDS)
    (outage,) = turns.outages()
    now = turns.clock.now()
    assert store.looks == 2 and len(turns.looks) == 1
    assert (outage.provider, outage.reason) == ("openai", "It fails.")
    assert now - timedelta(seconds=3) <= outage.since <= now <= outage.retry_at <= now + timedelta(seconds=2)


def test_a_run_is_told_its_owners_place_share_and_time_and_nobody_elses(
    turns: Turns, limiter: Limiter, run: RunProgress, team: Team, store: CountedStore
) -> None:
    mine = Lane(str(team.org_id), str(run.user_id))
    assert isinstance(limiter.try_ask(OTHERS, ONE), Permit)
    over = threading.Event()

    def wait(lane: Lane) -> None:
        with pytest.raises(AcquireCancelled):
            limiter.acquire_blocking(lane, ONE, cancelled=over.is_set)

    threads = [threading.Thread(target=wait, args=(lane,)) for lane in (mine, OTHERS)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(limiter.state().lanes) == 2)
        standing = turns.standing(team.recruiter, run)
        stranger = turns.standing(replace(team.recruiter, org_id=uuid4()), run)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert stranger.turn is None
    assert standing.turn is not None and standing.turn.sharers == 1
    assert 0 < standing.turn.wait_seconds < 15 and 0.05 < standing.turn.per_second < 0.15
    assert turns.standing(team.recruiter, replace(run, state=RunState.PAUSED)) == Standing()


def test_a_store_that_does_not_answer_says_nothing(tmp_path: Path, run: RunProgress, team: Team) -> None:
    (tmp_path / "limiter.sqlite3").mkdir()
    turns = Turns(
        LocalStore(tmp_path / "limiter.sqlite3"), {"openai": POLICY}, {RunKind.SCREENING: "openai"}, HeldClock()
    )
    assert turns.outages() == [] and turns.standing(team.recruiter, run) == Standing()


SINCE = datetime(2026, 11, 22, 8, 42, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (Standing(), ""),
        (Standing(turn=Turn(0, 83.0, 0.01, sharers=0)), ""),
        (Standing(turn=Turn(9, 2.5, 4.2, 1)), "Your turn comes in about 4 s; 2.5 calls a second are yours now."),
        (Standing(turn=Turn(0, 2.5, 0.1, 1)), "2.5 calls a second are yours now."),
        (Standing(pause_seconds=31.0, pause_reason="Slow down."), "Slow down. Going on in about 30 s."),
        (
            Standing(Outage("openai", "It fails.", SINCE, SINCE + timedelta(minutes=2))),
            "OpenAI has been failing since 10:42; trying again at 10:44. It fails. "
            "Nobody fails meanwhile: the work waits.",
        ),
        (
            Standing(Outage("openai", "It fails.", SINCE, SINCE + timedelta(seconds=30))),
            "OpenAI has been failing since 10:42; trying again at 10:42:40. It fails. "
            "Nobody fails meanwhile: the work waits.",
        ),
    ],
)
def test_the_line_of_a_panel(standing: Standing, words: str) -> None:
    assert standing_words(standing, "Asia/Jerusalem", is_mine=True) == words
