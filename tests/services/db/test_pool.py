"""Transactions belong to an actor, see one organization, and survive a restart of the database."""

import psycopg
import pytest
from psycopg import sql

from services.db.pool import Database, Tx
from services.errors import Busy
from tests.fixtures.postgres import Team, Urls

TENANT_TABLES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
"""
# Tables that the app may not read at all, only ask about through functions.
BEHIND_FUNCTIONS = {"leases"}


def add_candidate(tx: Tx, team: Team, slug: str) -> int:
    row = tx.execute(
        "INSERT INTO candidates (org_id, profile_url) VALUES (%s, %s) RETURNING id",
        [team.org_id, f"https://www.linkedin.com/in/{slug}"],
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_every_organization_table_has_a_forced_policy(superuser: psycopg.Connection) -> None:
    tables = superuser.execute(TENANT_TABLES).fetchall()
    assert len(tables) > 20
    assert [name for name, enabled, forced in tables if not (enabled and forced)] == []


def test_no_role_of_the_product_can_bypass_policies(superuser: psycopg.Connection) -> None:
    rows = superuser.execute(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'sourcingx%' AND (rolsuper OR rolbypassrls)"
    ).fetchall()
    assert rows == []


def test_forgetting_every_where_leaks_nothing(
    database: Database, team: Team, rivals: Team, superuser: psycopg.Connection
) -> None:
    with database.act_as(team.recruiter) as tx:
        add_candidate(tx, team, "ours")
    with database.act_as(rivals.recruiter) as tx:
        add_candidate(tx, rivals, "theirs")
    tables = {row[0] for row in superuser.execute(TENANT_TABLES).fetchall()}
    closed = {
        name
        for name in tables
        if superuser.execute("SELECT has_any_column_privilege('sourcingx_app', %s, 'SELECT')", [name]).fetchone()
        == (False,)
    }
    assert closed == BEHIND_FUNCTIONS
    names = [*sorted(tables - closed), "organizations"]
    with database.act_as(team.recruiter) as tx:
        for name in names:
            column = "id" if name == "organizations" else "org_id"
            seen = {row[0] for row in tx.execute(f"SELECT {column} FROM {name}").fetchall()}
            assert seen <= {team.org_id}, name
        assert tx.execute("SELECT profile_url FROM candidates").fetchall() == [("https://www.linkedin.com/in/ours",)]
        assert tx.execute("UPDATE candidates SET title = 'x'").rowcount == 1
        assert tx.execute("DELETE FROM candidates").rowcount == 1


def test_a_row_for_another_organization_is_refused(database: Database, team: Team, rivals: Team) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.act_as(team.recruiter) as tx:
        add_candidate(tx, rivals, "smuggled")


def test_without_an_organization_there_are_no_rows(database: Database, team: Team) -> None:
    with database.act_as(team.recruiter) as tx:
        add_candidate(tx, team, "ours")
    with database.transaction("sourcingx_app", None, None) as tx:
        assert tx.execute("SELECT count(*) FROM candidates").fetchone() == (0,)


def test_the_scope_ends_with_its_transaction(urls: Urls, team: Team) -> None:
    database = Database(urls.login, max_connections=1)
    with database.act_as(team.recruiter) as tx:
        add_candidate(tx, team, "ours")
        backend = tx.info.backend_pid
    with database.as_engine() as tx:
        assert tx.info.backend_pid == backend
        row = tx.execute("SELECT current_user, current_setting('app.org_id', true)").fetchone()
        assert row == ("sourcingx_engine", "")
    database.close()


def test_the_login_itself_sees_nothing(urls: Urls) -> None:
    with psycopg.connect(urls.login) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM candidates")


def test_dead_connections_are_replaced_before_work_starts(
    database: Database, team: Team, superuser: psycopg.Connection
) -> None:
    with database.act_as(team.recruiter) as tx:
        tx.execute("SELECT 1")
    superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sourcingx_login'")
    with database.act_as(team.recruiter) as tx:
        assert tx.execute("SELECT 1").fetchone() == (1,)


def test_losing_the_connection_in_mid_work_says_reconnecting(
    database: Database, team: Team, superuser: psycopg.Connection
) -> None:
    with pytest.raises(Busy, match="reconnecting"), database.act_as(team.recruiter) as tx:
        add_candidate(tx, team, "half-done")
        superuser.execute("SELECT pg_terminate_backend(%s)", [tx.info.backend_pid])
        tx.execute("SELECT 1")
    with database.act_as(team.recruiter) as tx:
        assert tx.execute("SELECT count(*) FROM candidates").fetchone() == (0,)


def test_a_statement_asked_alone_sees_the_organization_and_nothing_else(
    database: Database, team: Team, rivals: Team
) -> None:
    for who, slug in ((team.recruiter, "ours"), (rivals.recruiter, "theirs")):
        with database.act_as(who) as tx:
            tx.execute(
                "INSERT INTO candidates (org_id, profile_url) VALUES (%s, %s)",
                [who.org_id, f"https://www.linkedin.com/in/{slug}"],
            )
    everybody = sql.SQL("SELECT profile_url, current_user, current_setting('app.user_id') FROM candidates")
    assert database.ask(team.recruiter, everybody, {}) == [
        ("https://www.linkedin.com/in/ours", "sourcingx_app", str(team.recruiter.user_id))
    ]
    with database.act_as(rivals.recruiter) as tx:
        assert tx.execute("SELECT profile_url FROM candidates").fetchall() == [("https://www.linkedin.com/in/theirs",)]


def test_the_scope_of_a_statement_asked_alone_ends_with_it(urls: Urls, team: Team) -> None:
    database = Database(urls.login, max_connections=1)
    database.ask(team.recruiter, sql.SQL("SELECT 1"), {})
    with database.as_engine() as tx:
        row = tx.execute("SELECT current_user, current_setting('app.org_id', true)").fetchone()
    assert row == ("sourcingx_engine", "")
    database.close()


def test_what_is_asked_is_a_value_whatever_it_holds(database: Database, team: Team) -> None:
    nasty = "'; COMMIT; DROP TABLE candidates; -- \\' %s %(x)s {} \u2603"
    assert database.ask(team.recruiter, sql.SQL("SELECT %(text)s::text"), {"text": nasty}) == [(nasty,)]


def test_a_statement_asked_alone_that_fails_leaves_the_connection_usable(urls: Urls, team: Team) -> None:
    database = Database(urls.login, max_connections=1)
    with pytest.raises(psycopg.errors.DivisionByZero):
        database.ask(team.recruiter, sql.SQL("SELECT 1 / %(zero)s"), {"zero": 0})
    assert database.ask(team.recruiter, sql.SQL("SELECT 1"), {}) == [(1,)]
    database.close()


def test_a_statement_asked_alone_has_its_time(urls: Urls, team: Team) -> None:
    database = Database(urls.login, max_connections=1, statement_seconds=0.05)
    with pytest.raises(Busy, match="busy"):
        database.ask(team.recruiter, sql.SQL("SELECT pg_sleep(5)"), {})
    assert database.ask(team.recruiter, sql.SQL("SELECT 1"), {}) == [(1,)]
    database.close()


def test_a_statement_asked_alone_survives_dead_connections(
    database: Database, team: Team, superuser: psycopg.Connection
) -> None:
    assert database.ask(team.recruiter, sql.SQL("SELECT 1"), {}) == [(1,)]
    superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sourcingx_login'")
    assert database.ask(team.recruiter, sql.SQL("SELECT 1"), {}) == [(1,)]


def test_a_statement_asked_of_no_database_says_reconnecting(team: Team) -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none", wait_seconds=0.2)
    with pytest.raises(Busy, match="reconnecting"):
        database.ask(team.recruiter, sql.SQL("SELECT 1"), {})
    database.close()
