"""Setting and seeing quotas: who may, what is kept, and that a recruiter's start and notice follow."""

from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from services.admin import Admin
from services.clock import SystemClock
from services.db.pool import Database
from services.domain.quotas import BUDGET, Meter, What
from services.errors import BadInput, NotAllowed, NotFound
from services.quotas import Quotas, parse_quota_cap, parse_what
from tests.fixtures.postgres import Team

Superuser = psycopg.Connection[tuple[object, ...]]
CANDIDATES = What("openai", Meter.CANDIDATES)


@pytest.fixture
def quotas(database: Database) -> Quotas:
    return Quotas(database, SystemClock())


def test_managers_and_admins_set_quotas_and_recruiters_do_not(quotas: Quotas, team: Team) -> None:
    assert quotas.set_cap(team.manager, team.recruiter.user_id, CANDIDATES, Decimal(10))
    assert quotas.set_cap(team.admin, team.org_id, BUDGET, Decimal("99.50"))
    assert not quotas.set_cap(team.admin, team.org_id, BUDGET, Decimal("99.50"))
    with pytest.raises(NotAllowed):
        quotas.set_cap(team.recruiter, team.recruiter.user_id, CANDIDATES, None)
    with pytest.raises(NotAllowed):
        quotas.all(team.recruiter)
    mine = {(q.whose, q.what): q.cap for q in quotas.mine(team.recruiter).quotas}
    assert mine["Ana Recruiter", CANDIDATES] == 10 and mine["", BUDGET] == Decimal("99.50")


def test_everybody_sees_their_own_and_the_organizations_and_managers_all(quotas: Quotas, team: Team) -> None:
    assert {q.whose for q in quotas.mine(team.recruiter).quotas} == {"", "Ana Recruiter"}
    assert len({q.holder for q in quotas.all(team.manager).quotas}) == 5


def test_nobody_sets_a_quota_in_another_organization(
    quotas: Quotas, team: Team, rivals: Team, superuser: Superuser
) -> None:
    for stranger in (rivals.recruiter.user_id, rivals.org_id, uuid4()):
        with pytest.raises(NotFound):
            quotas.set_cap(team.admin, stranger, CANDIDATES, Decimal(1))
    assert superuser.execute("SELECT count(*) FROM quotas").fetchone() == (0,)


def test_who_set_what_stands_in_the_history(quotas: Quotas, database: Database, team: Team) -> None:
    quotas.set_cap(team.manager, team.recruiter.user_id, CANDIDATES, Decimal(10))
    quotas.set_cap(team.manager, team.org_id, BUDGET, None)
    newest, before = Admin(database).history(team.admin)[:2]
    assert (newest.action, newest.who, newest.detail["cap"]) == ("budget_set", "Mia Manager", None)
    assert (before.action, before.whom, before.detail["cap"]) == ("quota_set", "Ana Recruiter", "10")


def test_an_alert_is_told_to_the_user_and_to_those_who_can_raise_the_quota(
    quotas: Quotas, team: Team, superuser: Superuser
) -> None:
    quotas.set_cap(team.manager, team.recruiter.user_id, CANDIDATES, Decimal(10))
    superuser.execute(
        "INSERT INTO quota_counters (org_id, holder, provider, meter, period, cap, used, alerted_at)"
        " VALUES (%s, %s, 'openai', 'candidates', (now() AT TIME ZONE 'UTC')::date, 10, 8, now())",
        [team.org_id, team.recruiter.user_id],
    )
    assert quotas.alerts(team.recruiter)[0].startswith(
        "Your quota of 10 candidates a day with OpenAI is nearly used up."
    )
    assert quotas.alerts(team.manager)[0].startswith("Ana Recruiter's quota of 10 candidates")
    assert quotas.alerts(team.colleague) == []
    quotas.set_cap(team.admin, team.recruiter.user_id, CANDIDATES, Decimal(100))
    assert quotas.alerts(team.recruiter) == []


def test_a_limit_that_is_lowered_to_what_is_used_alerts_at_once(
    quotas: Quotas, team: Team, superuser: Superuser
) -> None:
    """Nothing is sent any more, so no call would raise the alert."""
    superuser.execute(
        "INSERT INTO quota_counters (org_id, holder, provider, meter, period, cap, used)"
        " VALUES (%s, %s, 'openai', 'candidates', (now() AT TIME ZONE 'UTC')::date, 10, 6)",
        [team.org_id, team.recruiter.user_id],
    )
    quotas.set_cap(team.manager, team.recruiter.user_id, CANDIDATES, Decimal(10))
    assert quotas.alerts(team.recruiter) == []
    quotas.set_cap(team.manager, team.recruiter.user_id, CANDIDATES, Decimal(6))
    assert "is used up" in quotas.alerts(team.recruiter)[0]
    quotas.set_cap(team.manager, team.recruiter.user_id, CANDIDATES, Decimal(0))
    assert quotas.alerts(team.recruiter) == [], "nothing is allowed: nothing is nearly used up"


def test_what_a_form_sends_is_read_or_refused() -> None:
    assert parse_what("openai:candidates") == CANDIDATES and parse_what(":usd") == BUDGET
    assert parse_quota_cap("none", BUDGET) is None
    with pytest.raises(BadInput):
        parse_what("openai:money")
    with pytest.raises(BadInput):
        parse_quota_cap("ten", CANDIDATES)
