"""Usage: every figure is a sum over the ledger, and nobody sees more than their role allows."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

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
    *,
    run_id: UUID | None = None,
    at_most: str | None = None,
    operation: str = "x",
) -> None:
    intent = uuid4()
    superuser.execute(
        "INSERT INTO intents (id, org_id, user_id, provider, operation, state) VALUES (%s, %s, %s, %s, 'x', 'settled')",
        [intent, actor.org_id, actor.user_id, provider],
    )
    superuser.execute(
        "INSERT INTO ledger (org_id, user_id, run_id, intent_id, provider, operation, model, status, at, cost_usd,"
        " tokens_in, tokens_out, detail) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 7, 2, %s)",
        [
            *(actor.org_id, actor.user_id, run_id, intent, provider, operation, f"model of {operation}", status, at),
            *(cost, Jsonb({"at_most_usd": at_most} if at_most else {})),
        ],
    )


def open_run(superuser: psycopg.Connection, actor: Actor) -> UUID:
    found = superuser.execute(
        "INSERT INTO runs (org_id, user_id, kind, title, items) VALUES (%s, %s, 'screening', 'Baker', 2) RETURNING id",
        [actor.org_id, actor.user_id],
    ).fetchone()
    assert found is not None
    return found[0]


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


def test_what_perhaps_was_charged_is_apart_from_what_was(
    usage: Usage, team: Team, superuser: psycopg.Connection
) -> None:
    pay(superuser, team.recruiter, "0.10")
    pay(superuser, team.recruiter, "0", status="unknown", at_most="0.07")
    pay(superuser, team.recruiter, "0", status="failed")
    report = usage.report(team.manager, MARCH)
    for figures in (report.totals, *report.rows, *report.by_day, *report.by_user):
        assert (figures.cost_usd, figures.perhaps_usd) == (Decimal("0.10"), Decimal("0.07"))
        assert (figures.calls, figures.failed, figures.unknown) == (3, 1, 1)
    assert len(report.rows) == 1, "no row is split by how its calls ended"


def test_a_charge_that_nobody_could_read_is_perhaps_as_much_as_it_can_have_been(
    usage: Usage, team: Team, superuser: psycopg.Connection
) -> None:
    pay(superuser, team.recruiter, "0.10")
    pay(superuser, team.recruiter, None, at_most="0.07")
    totals = usage.report(team.manager, MARCH).totals
    assert (totals.cost_usd, totals.perhaps_usd) == (Decimal("0.10"), Decimal("0.07"))
    assert (totals.calls, totals.unknown, totals.unpriced) == (2, 0, 0)


def test_calls_within_a_run_stand_apart_under_its_name(usage: Usage, team: Team, superuser: psycopg.Connection) -> None:
    run_id = open_run(superuser, team.recruiter)
    pay(superuser, team.recruiter, "0.10", run_id=run_id, operation="screen")
    pay(superuser, team.recruiter, "0.20", run_id=run_id, operation="screen extras")
    pay(superuser, team.recruiter, "0.40")
    rows = usage.report(team.manager, MARCH).rows
    assert [(row.run_title, row.cost_usd) for row in rows] == [
        ("Baker: 2 people chosen by hand", Decimal("0.30")),
        ("", Decimal("0.40")),
    ]


def test_every_amount_of_the_file_has_as_many_decimals(usage: Usage, team: Team, superuser: psycopg.Connection) -> None:
    pay(superuser, team.recruiter, "0.00045", at="2026-03-10 12:00+00")
    pay(superuser, team.recruiter, "12", at="2026-03-11 12:00+00")
    rows = list(csv.DictReader(line.removeprefix("\ufeff") for line in usage.csv(team.manager, MARCH)))
    assert [(row["cost_usd"], row["perhaps_usd"]) for row in rows] == [
        ("12.0000000000", "0.0000000000"),
        ("0.0004500000", "0.0000000000"),
    ]


amounts = st.decimals(min_value=0, max_value=50, places=10)
STATUSES = ("charged", "free", "failed", "unknown")
PAID = st.fixed_dictionaries(
    {
        "amount": amounts,
        "day": st.integers(1, 3),
        "provider": st.sampled_from(["openai", "crustdata"]),
        "status": st.sampled_from(STATUSES),
        "by_colleague": st.booleans(),
        "in_run": st.booleans(),
        "operation": st.sampled_from(["screen", "screen extras"]),
    }
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paid=st.lists(PAID, max_size=12))
def test_rows_csv_days_people_and_totals_add_up_to_the_ledger(
    usage: Usage, team: Team, superuser: psycopg.Connection, paid: list[dict[str, Any]]
) -> None:
    superuser.execute("DELETE FROM ledger")
    superuser.execute("DELETE FROM runs")
    run_id = open_run(superuser, team.recruiter)
    for call in paid:
        is_unknown = call["status"] == "unknown"
        pay(
            superuser,
            team.colleague if call["by_colleague"] else team.recruiter,
            str(call["amount"]) if call["status"] == "charged" else "0",
            f"2026-03-{call['day']} 10:00+00",
            call["provider"],
            call["status"],
            run_id=run_id if call["in_run"] else None,
            at_most=str(call["amount"]) if is_unknown else None,
            operation=call["operation"],
        )
    charged = sum((call["amount"] for call in paid if call["status"] == "charged"), Decimal(0))
    perhaps = sum((call["amount"] for call in paid if call["status"] == "unknown"), Decimal(0))
    ends = {status: sum(call["status"] == status for call in paid) for status in STATUSES}

    report = usage.report(team.manager, MARCH)
    for lines in ((report.totals,), report.rows, report.by_day, report.by_user):
        assert sum((line.cost_usd for line in lines), Decimal(0)) == charged
        assert sum((line.perhaps_usd for line in lines), Decimal(0)) == perhaps
        assert sum(line.calls for line in lines) == len(paid)
        assert (sum(line.failed for line in lines), sum(line.unknown for line in lines)) == (
            ends["failed"],
            ends["unknown"],
        )
        assert sum(line.tokens for line in lines) == 9 * len(paid)
    keys = {(row.user_id, row.provider, row.day, row.run_id) for row in report.rows}
    assert len(keys) == len(report.rows) == report.totals.groups

    rows = list(csv.DictReader(line.removeprefix("\ufeff") for line in usage.csv(team.manager, MARCH)))
    assert sum((Decimal(row["cost_usd"]) for row in rows), Decimal(0)) == charged
    assert sum((Decimal(row["perhaps_usd"]) for row in rows), Decimal(0)) == perhaps


def test_pages_of_rows_are_counted_and_a_page_too_far_is_the_last(
    usage: Usage, team: Team, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.usage.ROWS_A_PAGE", 2)
    for day in range(1, 6):
        pay(superuser, team.recruiter, f"0.0{day}", f"2026-03-0{day} 10:00+00")
    pages = [usage.report(team.manager, MARCH, page) for page in (1, 2, 3, 99)]
    assert [(report.page, report.pages, len(report.rows)) for report in pages] == [
        (1, 3, 2),
        (2, 3, 2),
        (3, 3, 1),
        (3, 3, 1),
    ]
