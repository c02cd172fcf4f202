"""Usage: every figure is a sum over the ledger, and nobody sees more than their role allows."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.clock import HeldClock
from services.db.pool import Database
from services.domain.actors import Actor
from services.errors import BadInput, NotAllowed
from services.usage import Usage, UsageQuestion
from tests.fixtures.postgres import Team

MARCH = UsageQuestion(date(2026, 3, 1), date(2026, 3, 31))


@pytest.fixture
def usage(database: Database) -> Usage:
    return Usage(database, HeldClock(datetime(2026, 3, 20, 23, 30, tzinfo=UTC)))


def pay(
    superuser: psycopg.Connection,
    actor: Actor,
    cost: str | None = "0.01",
    at: str = "2026-03-10 12:00+00",
    provider: str = "openai",
    status: str = "charged",
    **more: object,
) -> None:
    intent = uuid4()
    superuser.execute(
        "INSERT INTO intents (id, org_id, user_id, provider, operation, state) VALUES (%s, %s, %s, %s, 'x', 'settled')",
        [intent, actor.org_id, actor.user_id, provider],
    )
    superuser.execute(
        "INSERT INTO ledger (org_id, user_id, intent_id, provider, operation, status, at, cost_usd, credits, tokens_in)"
        " VALUES (%s, %s, %s, %s, 'x', %s, %s, %s, %s, %s)",
        [
            *(actor.org_id, actor.user_id, intent, provider, status, at, cost),
            *(more.get("credits", 0), more.get("tokens_in", 0)),
        ],
    )


def test_a_manager_sees_everybody_and_a_recruiter_only_themselves(
    usage: Usage, team: Team, superuser: psycopg.Connection
) -> None:
    pay(superuser, team.recruiter, "0.40")
    pay(superuser, team.colleague, "0.02")
    assert usage.report(team.manager, MARCH).totals.cost_usd == Decimal("0.42")
    assert usage.report(team.admin, MARCH).totals.cost_usd == Decimal("0.42")
    own = usage.report(team.recruiter, MARCH)
    assert own.totals.cost_usd == Decimal("0.40")
    assert {row.user_id for row in own.rows} == {team.recruiter.user_id}
    assert own.people == ()


def test_a_recruiter_who_asks_for_a_colleague_is_refused(usage: Usage, team: Team) -> None:
    question = UsageQuestion(MARCH.first_day, MARCH.last_day, user_id=team.colleague.user_id)
    with pytest.raises(NotAllowed):
        usage.report(team.recruiter, question)
    with pytest.raises(NotAllowed):
        list(usage.csv(team.recruiter, question))


def test_another_organization_adds_nothing(
    usage: Usage, team: Team, rivals: Team, superuser: psycopg.Connection
) -> None:
    pay(superuser, rivals.recruiter, "9.99")
    assert usage.report(team.manager, MARCH).totals.calls == 0
    foreign = UsageQuestion(MARCH.first_day, MARCH.last_day, user_id=rivals.recruiter.user_id)
    assert usage.report(team.manager, foreign).totals.calls == 0


def test_a_day_is_a_day_of_the_organization(usage: Usage, team: Team, superuser: psycopg.Connection) -> None:
    superuser.execute('UPDATE organizations SET settings = \'{"time_zone": "Asia/Jerusalem"}\'')
    pay(superuser, team.recruiter, at="2026-03-09 22:30+00")
    report = usage.report(team.manager, UsageQuestion(date(2026, 3, 10), date(2026, 3, 10)))
    assert [row.day for row in report.rows] == [date(2026, 3, 10)]
    assert usage.today(team.recruiter) == date(2026, 3, 21)


def test_an_unknown_time_zone_counts_as_utc(usage: Usage, team: Team, superuser: psycopg.Connection) -> None:
    superuser.execute('UPDATE organizations SET settings = \'{"time_zone": "Mars/Base"}\'')
    assert usage.report(team.manager, MARCH).time_zone == "UTC"


def test_a_call_without_a_price_is_counted_and_costs_nothing(
    usage: Usage, team: Team, superuser: psycopg.Connection
) -> None:
    pay(superuser, team.recruiter, None)
    pay(superuser, team.recruiter, "0.10")
    totals = usage.report(team.manager, MARCH).totals
    assert (totals.calls, totals.unpriced, totals.cost_usd) == (2, 1, Decimal("0.10"))


def test_a_span_that_runs_backwards_is_explained(usage: Usage, team: Team) -> None:
    with pytest.raises(BadInput, match="before the first"):
        usage.report(team.manager, UsageQuestion(date(2026, 3, 2), date(2026, 3, 1)))


costs = st.decimals(min_value=0, max_value=50, places=8).map(lambda amount: str(amount))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    paid=st.lists(
        st.tuples(costs, st.integers(1, 28), st.sampled_from(["openai", "crustdata"]), st.booleans()), max_size=12
    )
)
def test_rows_csv_and_totals_add_up_to_the_ledger(
    usage: Usage, team: Team, superuser: psycopg.Connection, paid: list[tuple[str, int, str, bool]]
) -> None:
    superuser.execute("DELETE FROM ledger")
    for cost, day, provider, by_colleague in paid:
        pay(superuser, team.colleague if by_colleague else team.recruiter, cost, f"2026-03-{day} 10:00+00", provider)
    expected = sum((Decimal(cost) for cost, *_ in paid), Decimal(0))
    report = usage.report(team.manager, MARCH)
    assert report.totals.cost_usd == expected
    assert sum((row.cost_usd for row in report.rows), Decimal(0)) == expected
    assert sum((day.cost_usd for day in report.by_day), Decimal(0)) == expected
    assert sum((person.cost_usd for person in report.by_user), Decimal(0)) == expected
    lines = list(usage.csv(team.manager, MARCH))[1:]
    assert sum((Decimal(line.rstrip().rsplit(",", 1)[1]) for line in lines), Decimal(0)) == expected
    assert sum(row.calls for row in report.rows) == len(paid) == report.totals.calls
