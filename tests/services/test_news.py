"""News of runs: who is told of what, when it counts as seen, and what a look costs among a hundred thousand runs."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from services.db.pool import Database
from services.db.sql import queries
from services.domain.actors import Actor
from services.domain.runs import RunState
from services.news import MOST_SHOWN, News
from services.runs.orders import Runs
from tests.fixtures.postgres import Team

Superuser = psycopg.Connection[Any]


@pytest.fixture
def news(database: Database) -> News:
    return News(database)


def a_run(superuser: Superuser, actor: Actor) -> UUID:
    row = superuser.execute(
        "INSERT INTO runs (org_id, user_id, kind, title, items) VALUES (%s, %s, 'screening', 'Work', 2) RETURNING id",
        [actor.org_id, actor.user_id],
    ).fetchone()
    assert row is not None
    run_id: UUID = row[0]
    return run_id


def bring(superuser: Superuser, run_id: UUID, *states: str) -> None:
    """Take a run through these states, as drivers and the sweeper do: nobody did it by hand."""
    for state in states:
        reason = {"paused": "provider"}.get(state, "")
        ended = "clock_timestamp()" if state in ("succeeded", "failed", "stopped") else "NULL"
        superuser.execute(
            f"UPDATE runs SET state = %s, pause_reason = %s, finished_at = {ended} WHERE id = %s".encode(),
            [state, reason, run_id],
        )


def told(news: News, actor: Actor) -> list[tuple[UUID, RunState, bool]]:
    return [(one.run_id, one.event, one.is_seen) for one in news.latest(actor)]


def count(news: News, actor: Actor) -> int:
    return news.unseen(actor, None, {}).count


def test_whoever_started_a_run_is_told_how_it_ended_and_nobody_else(
    superuser: Superuser, team: Team, rivals: Team, news: News
) -> None:
    run_id = a_run(superuser, team.recruiter)
    bring(superuser, run_id, "running")
    assert news.latest(team.recruiter) == []
    bring(superuser, run_id, "succeeded")
    assert told(news, team.recruiter) == [(run_id, RunState.SUCCEEDED, False)]
    assert count(news, team.recruiter) == 1
    for other in (team.colleague, team.manager, team.admin, rivals.recruiter):
        assert (news.latest(other), count(news, other)) == ([], 0)


def test_a_pause_is_news_until_the_run_goes_on_and_then_its_end_is(
    superuser: Superuser, team: Team, news: News
) -> None:
    run_id = a_run(superuser, team.recruiter)
    bring(superuser, run_id, "running", "paused")
    assert told(news, team.recruiter) == [(run_id, RunState.PAUSED, False)]
    first = news.latest(team.recruiter)[0].number
    bring(superuser, run_id, "queued", "running")
    assert (news.latest(team.recruiter), count(news, team.recruiter)) == ([], 0)
    bring(superuser, run_id, "failed")
    assert told(news, team.recruiter) == [(run_id, RunState.FAILED, False)]
    assert news.latest(team.recruiter)[0].number > first


def test_who_pauses_or_stops_by_hand_has_seen_it_and_the_owner_has_not(
    database: Database, superuser: Superuser, team: Team, news: News
) -> None:
    runs = Runs(database)
    mine, managed = (a_run(superuser, team.recruiter) for _ in range(2))
    runs.pause(team.recruiter, mine)
    runs.pause(team.manager, managed)
    assert sorted(told(news, team.recruiter)) == sorted(
        [(mine, RunState.PAUSED, True), (managed, RunState.PAUSED, False)]
    )
    runs.stop(team.recruiter, mine)
    runs.stop(team.manager, managed)
    assert sorted(told(news, team.recruiter)) == sorted(
        [(mine, RunState.STOPPED, True), (managed, RunState.STOPPED, False)]
    )
    assert count(news, team.recruiter) == 1


def test_what_the_page_shows_is_seen_and_only_in_the_state_it_shows(
    superuser: Superuser, team: Team, news: News
) -> None:
    shown, other = (a_run(superuser, team.recruiter) for _ in range(2))
    bring(superuser, shown, "running", "paused", "queued", "running", "succeeded")
    bring(superuser, other, "running", "failed")
    stale = news.unseen(team.recruiter, None, {shown: RunState.PAUSED})
    assert stale.count == 2, "the page had not yet drawn the end"
    looked = news.unseen(team.recruiter, 0, {shown: RunState.SUCCEEDED})
    assert looked.count == 1 and [one.run_id for one in looked.fresh] == [other]
    assert {run: seen for run, _, seen in told(news, team.recruiter)} == {shown: True, other: False}


def test_what_came_since_is_told_once_and_nothing_on_arrival(superuser: Superuser, team: Team, news: News) -> None:
    before, since = (a_run(superuser, team.recruiter) for _ in range(2))
    bring(superuser, before, "running", "succeeded")
    arrival = news.unseen(team.recruiter, None, {})
    assert (arrival.count, arrival.fresh) == (1, ())
    bring(superuser, since, "running", "succeeded")
    look = news.unseen(team.recruiter, arrival.newest, {})
    assert (look.count, [one.run_id for one in look.fresh]) == (2, [since])
    again = news.unseen(team.recruiter, look.newest, {})
    assert (again.count, again.fresh, again.newest) == (2, (), look.newest)


def test_mark_all_read_leaves_what_came_after_the_list_was_shown(
    superuser: Superuser, team: Team, rivals: Team, news: News
) -> None:
    first, late = (a_run(superuser, team.recruiter) for _ in range(2))
    foreign = a_run(superuser, rivals.recruiter)
    bring(superuser, first, "running", "succeeded")
    bring(superuser, foreign, "running", "succeeded")
    shown = max(news.latest(actor)[0].number for actor in (team.recruiter, rivals.recruiter))
    bring(superuser, late, "running", "succeeded")
    news.see_all(team.recruiter, shown)
    assert told(news, team.recruiter) == [(late, RunState.SUCCEEDED, False), (first, RunState.SUCCEEDED, True)]
    assert count(news, rivals.recruiter) == 1


def test_who_follows_a_run_is_told_and_who_does_not_is_not(
    superuser: Superuser, team: Team, rivals: Team, news: News
) -> None:
    run_id = a_run(superuser, team.recruiter)
    news.follow(team.manager, run_id, wanted=True)
    news.follow(team.manager, run_id, wanted=True)
    news.follow(team.colleague, run_id, wanted=True)
    news.follow(team.colleague, run_id, wanted=False)
    news.follow(rivals.manager, run_id, wanted=True)
    news.follow(team.manager, uuid4(), wanted=True)
    news.follow(team.recruiter, run_id, wanted=False)
    assert news.follows(team.manager, run_id) and not news.follows(team.colleague, run_id)
    assert not news.follows(rivals.manager, run_id)
    assert count(news, team.manager) == 0, "to follow is no news"
    bring(superuser, run_id, "running", "succeeded")
    for actor, expected in ((team.recruiter, 1), (team.manager, 1), (team.colleague, 0), (rivals.manager, 0)):
        assert count(news, actor) == expected
    assert news.latest(team.manager)[0].user_name == team.recruiter.name
    for actor in (team.recruiter, team.manager):
        news.follow(actor, run_id, wanted=False)
    assert (count(news, team.recruiter), count(news, team.manager)) == (1, 0), "of one's own one is always told"


def test_another_organizations_news_can_neither_be_seen_nor_marked(
    database: Database, superuser: Superuser, team: Team, rivals: Team, news: News
) -> None:
    run_id = a_run(superuser, team.recruiter)
    bring(superuser, run_id, "running", "succeeded")
    forged = Actor(team.recruiter.user_id, rivals.org_id, team.recruiter.role)
    assert (news.latest(forged), news.unseen(forged, 0, {run_id: RunState.SUCCEEDED}).count) == ([], 0)
    news.see_all(forged, 10**9)
    news.follow(forged, run_id, wanted=False)
    assert told(news, team.recruiter) == [(run_id, RunState.SUCCEEDED, False)]


def many_runs(superuser: Superuser, team: Team, runs: int) -> None:
    """Ended runs of four people, and news of each; one in a thousand is unseen, four go on."""
    superuser.execute("ALTER TABLE runs DISABLE TRIGGER USER")
    people = [actor.user_id for actor in (team.recruiter, team.colleague, team.manager, team.admin)]
    superuser.execute(
        "INSERT INTO runs (org_id, user_id, kind, state, title, items, created_at, finished_at)"
        " SELECT %s, (%s::uuid[])[1 + n %% 4], 'screening',"
        "        CASE WHEN n %% 5000 = 0 THEN 'queued' WHEN n %% 50 = 1 THEN 'failed' ELSE 'succeeded' END,"
        "        'Work', 10, now() - make_interval(mins => n), CASE WHEN n %% 5000 <> 0 THEN now() END"
        "   FROM generate_series(1, %s) n",
        [team.org_id, people, runs],
    )
    superuser.execute("ALTER TABLE runs ENABLE TRIGGER USER")
    superuser.execute(
        "INSERT INTO run_news (org_id, user_id, run_id, number, event, at, seen_at)"
        " SELECT org_id, user_id, id, nextval('run_news_numbers'), 'succeeded', created_at,"
        "        CASE WHEN random() > 0.001 THEN now() END FROM runs WHERE finished_at IS NOT NULL"
    )
    superuser.execute("ANALYZE runs, run_news, users, lists, position_versions")


def plan_of(database: Database, actor: Actor, noun: str, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """What PostgreSQL did for one of our queries, as the app's role under its policies."""
    with database.act_as(actor) as tx:
        tx.execute("SET LOCAL enable_seqscan = on")
        statement = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + queries(noun)[name].as_bytes(tx)
        row = tx.execute(statement, values).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]
    return plan


def touched(plan: dict[str, Any]) -> int:
    """Pages of eight kilobytes that the query read, from memory or disk."""
    top = plan["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def test_a_look_reads_a_few_pages_among_many_runs(database: Database, superuser: Superuser, team: Team) -> None:
    """Counted in pages, not in time: what scans the runs of the organization reads hundreds."""
    many_runs(superuser, team, 20_000)
    mine = {"user_id": team.recruiter.user_id}
    older = superuser.execute("SELECT id FROM runs ORDER BY created_at OFFSET 5000 LIMIT 1").fetchone()
    assert older is not None
    anything = {"states": None, "kind": None, "version_ids": None, "before": None, "limit": 51}
    looks = {
        "unseen": ("news", "unseen_news", mine | {"limit": 100}, 40),
        "bell": ("news", "latest_news", mine | {"limit": MOST_SHOWN}, 400),
        "mine": ("runs", "recent_runs", mine | anything, 400),
        "team": ("runs", "recent_runs", anything | {"user_id": None}, 400),
        "older": ("runs", "recent_runs", anything | {"user_id": None, "before": older[0]}, 400),
        "under way": (
            "runs",
            "runs_under_way",
            {"position_id": None, "list_id": None, "everything": True, "limit": 20},
            150,
        ),
    }
    read = {
        what: touched(plan_of(database, team.recruiter, noun, name, values))
        for what, (noun, name, values, _) in looks.items()
    }
    assert {what: pages for what, pages in read.items() if pages > looks[what][3]} == {}
